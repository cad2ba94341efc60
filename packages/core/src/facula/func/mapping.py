"""`vmap`: a function of one sample becomes a function of a batch."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from facula.autograd.state import state
from facula.errors import index_error, runtime_error, value_error
from facula.func.lanes import Batched, Lanes, batched, only
from facula.ops import cat, expand, movedim
from facula.tensors.tensor import Tensor
from facula.tree import tree_flatten, tree_unflatten


def _spread(prefix: Any, tree: Any) -> list[Any] | None:
    """`prefix` for each leaf of `tree`: one entry may stand for a whole branch. None if they do not fit."""
    if prefix is None or isinstance(prefix, int):
        return [prefix] * len(tree_flatten(tree)[0])
    if isinstance(prefix, dict) and isinstance(tree, dict) and prefix.keys() == tree.keys():
        pairs = [(prefix[key], tree[key]) for key in tree]
    elif isinstance(prefix, (tuple, list)) and isinstance(tree, (tuple, list)) and len(prefix) == len(tree):
        pairs = list(zip(prefix, tree, strict=True))
    else:
        return None
    found: list[Any] = []
    for part, branch in pairs:
        more = _spread(part, branch)
        if more is None:
            return None
        found += more
    return found


def _checked_dims(name: str, in_dims: Any, args: tuple[Any, ...]) -> tuple[list[Any], list[Any], Any]:
    """(the mapped dimension of each leaf, the leaves, how to put them together)."""
    head = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple, list)):
        raise value_error(
            f"{head}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: {type(in_dims)}. Use e.g. (0, None)."
        )
    if not args:
        raise value_error(
            f"{head}: got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function with no inputs. The latter is unsupported."
        )
    leaves, spec = tree_flatten(args)
    dims = _spread(tuple(in_dims) if isinstance(in_dims, list) else in_dims, args)
    if dims is None:
        raise value_error(
            f"{head}: in_dims is not compatible with the structure of `inputs`: "
            f"expected one entry for each of {len(args)} inputs. Use None for what is not mapped."
        )
    for i, (dim, t) in enumerate(zip(dims, leaves, strict=True)):
        if dim is None:
            continue
        if not isinstance(t, Tensor):
            raise value_error(
                f"{head}: Got in_dim={dim} for an input but the input is of type {type(t)}. "
                "We cannot vmap over non-Tensor arguments, please use None as the respective in_dim."
            )
        if not -t.ndim <= dim < t.ndim:
            raise value_error(
                f"{head}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {t.ndim} "
                f"so expected in_dim to satisfy -{t.ndim} <= in_dim < {t.ndim}. Choose one of its dimensions."
            )
        dims[i] = dim % t.ndim
    if all(dim is None for dim in dims):
        raise value_error(
            f"{head}: expected at least one Tensor to vmap over, got none. Give an input a dimension in in_dims."
        )
    return dims, leaves, spec


def _size(dims: list[Any], leaves: list[Any]) -> int:
    sizes = [int(t.shape[d]) for d, t in zip(dims, leaves, strict=True) if d is not None]
    if len(set(sizes)) > 1:
        raise value_error(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped dimension. Give all one size there."
        )
    return sizes[0]


def _unwrapped(t: Any, dim: Any, level: Lanes, name: str) -> Any:
    """A result with the batch at `dim`."""
    if not isinstance(t, Tensor):
        raise value_error(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(t)} as a return. Return tensors."
        )
    mine = type(t) is Batched and t.level is level
    if dim is None:
        if mine:
            raise value_error(
                f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None. Give it a dimension."
            )
        return t
    if not isinstance(dim, int):
        raise value_error(
            f"vmap({name}, ..., out_dims=...): expected `out_dims` to be an int or a tuple of int, got {type(dim)}."
        )
    value = t.value if mine else expand(t, (level.size, *t.shape))
    if not -value.ndim <= dim < value.ndim:
        raise index_error(
            f"vmap: Dimension out of range (expected to be in range of [-{value.ndim}, {value.ndim - 1}], but got {dim}). Choose another out_dims."
        )
    return movedim(value, 0, dim) if dim % value.ndim else value


def _once(func: Any, name: str, dims: Any, leaves: Any, spec: Any, randomness: str, kwargs: Any) -> Any:
    """The results of one run over a whole batch, as (level, leaves, spec)."""
    level = Lanes(_size(dims, leaves), randomness)
    inputs = [
        t if d is None else batched(movedim(t, d, 0) if d else t, level) for t, d in zip(leaves, dims, strict=True)
    ]
    with only([*state.interpreters, level]):
        found = func(*tree_unflatten(inputs, spec), **kwargs)
    return level, found


def vmap(
    func: Callable[..., Any],
    in_dims: Any = 0,
    out_dims: Any = 0,
    randomness: str = "error",
    *,
    chunk_size: int | None = None,
) -> Callable[..., Any]:
    """A function that maps `func` over a dimension of its inputs, as a loop over samples would, but with whole batches.

    in_dims: the dimension of each input (a number for all, or a nested tuple; None is not mapped). out_dims: where the batch
    stands in the results. randomness: "error", "same" (one draw for all samples) or "different". chunk_size: how many
    samples to compute at a time. May be nested, and combined with `grad`. Keyword arguments are not mapped.

    >>> import facula
    >>> facula.func.vmap(facula.dot)(facula.ones(2, 3), facula.ones(2, 3))
    tensor([3., 3.])
    """
    if randomness not in ("error", "different", "same"):
        raise runtime_error(
            f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}. Use one."
        )
    if chunk_size is not None and chunk_size <= 0:
        raise value_error(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size}). Leave it out.")
    name = getattr(func, "__name__", type(func).__name__)

    @functools.wraps(func, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        dims, leaves, spec = _checked_dims(name, in_dims, args)
        size = _size(dims, leaves)
        step = size if chunk_size is None else chunk_size
        parts: list[list[Any]] = []
        places: list[Any] = []
        structure: Any = None
        for start in range(0, max(size, 1), max(step, 1)):
            few = [
                t if d is None or step >= size else t.narrow(d, start, min(step, size - start))
                for t, d in zip(leaves, dims, strict=True)
            ]
            level, found = _once(func, name, dims, few, spec, randomness, kwargs)
            results, structure = tree_flatten(found)
            wanted = _spread(out_dims, found)
            if wanted is None and isinstance(out_dims, (tuple, list)) and len(out_dims) == 1:
                wanted = _spread(out_dims[0], found)
            if wanted is None:
                raise value_error(
                    f"vmap({name}, ..., out_dims={out_dims}): out_dims is not compatible with the structure of `outputs`: "
                    f"expected one for each of {len(results)}."
                )
            places = wanted
            parts.append([_unwrapped(t, d, level, name) for t, d in zip(results, wanted, strict=True)])
        if len(parts) == 1:
            return tree_unflatten(parts[0], structure)
        columns = zip(*parts, strict=True)
        joined = [c[0] if d is None else cat(list(c), d) for c, d in zip(columns, places, strict=True)]
        return tree_unflatten(joined, structure)

    return wrapped
