"""Derivatives of functions: grad, vjp, jvp, jacrev, jacfwd, hessian. A jvp is the vjp of a vjp, so every op has one."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from facula import dtypes
from facula.autograd.state import enable_grad, state
from facula.errors import runtime_error
from facula.func.mapping import vmap
from facula.func.tapes import Inputs, pull
from facula.ops import eye
from facula.tensors.tensor import Tensor
from facula.tree import tree_flatten, tree_leaves, tree_map, tree_unflatten


def _chosen(args: tuple[Any, ...], argnums: Any, name: str) -> Any:
    """The arguments to differentiate for: one, or a tuple of them."""
    for n in argnums if isinstance(argnums, tuple) else (argnums,):
        if not isinstance(n, int):
            raise runtime_error(f"{name}: argnum must be int, got: {type(n)}. Give the position of an argument.")
        if not -len(args) <= n < len(args):
            raise runtime_error(
                f"{name}: Got argnum={n}, but only {len(args)} positional inputs. Differentiate for one of them."
            )
    if isinstance(argnums, tuple):
        if not argnums:
            raise runtime_error(f"{name}: argnums must be non-empty. Give the position of an argument.")
        return tuple(args[n] for n in argnums)
    return args[argnums]


def _replaced(args: tuple[Any, ...], argnums: Any, values: Any) -> list[Any]:
    found = list(args)
    if not isinstance(argnums, tuple):
        argnums, values = (argnums,), (values,)
    for n, value in zip(argnums, values, strict=True):
        found[n] = value
    return found


def _parted(found: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    if not has_aux:
        return found, None
    if not (isinstance(found, tuple) and len(found) == 2):
        raise runtime_error(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True, got {type(found).__name__}. Return both."
        )
    return found


def _released(inputs: Inputs, tree: Any) -> Any:
    return tree_map(lambda t: inputs.released(t, ()), tree)


def grad_and_value(
    func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns (gradient, value) of `func`, whose result is a scalar.

    With `has_aux`, `func` returns (scalar, aux) and the result is (gradient, (value, aux)).

    >>> import facula
    >>> facula.func.grad_and_value(lambda x: x ** 2)(facula.tensor(3.))
    (tensor(6.), tensor(9.))
    """

    @functools.wraps(func, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = tree_flatten(_chosen(args, argnums, "grad"))
        inputs = Inputs(leaves, "grad")
        with enable_grad():
            found = func(*_replaced(args, argnums, tree_unflatten(inputs.tensors, spec)), **kwargs)
            y, aux = _parted(found, has_aux, "grad_and_value(f)(*args)")
        if not isinstance(y, Tensor):
            raise runtime_error(
                f"grad_and_value(f)(*args): Expected f(*args) to return a tensor, got {type(y).__name__}. Return a scalar tensor."
            )
        if y.ndim:
            raise runtime_error(
                f"grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got tensor with {y.ndim} dims. "
                "Reduce it in f, e.g. with .sum()."
            )
        linked = state.grad and inputs.linked([y])
        gradients = pull([y], inputs.own, [y.new_ones(())], inputs.levels, linked, keep=linked)
        value = _released(inputs, y)
        return tree_unflatten(gradients, spec), (value, _released(inputs, aux)) if has_aux else value

    return wrapped


def grad(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable[..., Any]:
    """A function that computes the gradient of `func`, whose result is a scalar, for the arguments `argnums`.

    With `has_aux`, `func` returns (scalar, aux) and the result is (gradient, aux).

    >>> import facula
    >>> facula.func.grad(facula.func.grad(facula.sin))(facula.tensor(0.5))
    tensor(-0.4794)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        gradient, value = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def _tensors(tree: Any, name: str) -> list[Tensor]:
    found = tree_leaves(tree)
    for t in found:
        if not isinstance(t, Tensor):
            raise runtime_error(
                f"{name}: Expected f(*primals) to return only tensors, got unsupported type {type(t).__name__}. Return tensors."
            )
    if not found:
        raise runtime_error(
            f"{name}: Expected f to be a function that has non-empty output, got none. Return a tensor."
        )
    return found


def _like(given: Any, spec: Any, tensors: list[Tensor], name: str, what: str) -> list[Tensor]:
    """Vectors with a check that they look like the tensors they belong to."""
    leaves, have = tree_flatten(given)
    if have != spec:
        raise runtime_error(
            f"{name}: Expected pytree structure of {what} to be the same, got {have} and {spec}. Give one vector for each tensor."
        )
    for v, t in zip(leaves, tensors, strict=True):
        if tuple(v.shape) != tuple(t.shape):
            raise runtime_error(
                f"{name}: expected vectors of the shapes of the {what}, got {tuple(v.shape)} for {tuple(t.shape)}. Reshape it."
            )
    return leaves


def vjp(func: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """The result of `func`, and a function that gives v^T J: a gradient for each primal, from a vector for each result.

    >>> import facula
    >>> y, pull_back = facula.func.vjp(lambda x: x * x, facula.tensor([1., 2.]))
    >>> pull_back(facula.ones(2))
    (tensor([2., 4.]),)
    """
    leaves, spec = tree_flatten(primals)
    inputs = Inputs(leaves, "vjp")
    with enable_grad():
        found, aux = _parted(func(*tree_unflatten(inputs.tensors, spec)), has_aux, "vjp(f, *primals)")
    ys, out_spec = _tensors(found, "vjp(f, *primals)"), tree_flatten(found)[1]
    linked = state.grad and inputs.linked(ys)

    def pull_back(cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None) -> Any:
        seeds = _like(cotangents, out_spec, ys, "vjp_fn", "cotangents and primal outputs")
        recorded = state.grad and (linked or any(v.requires_grad for v in seeds))
        graph = recorded if create_graph is None else create_graph
        return tree_unflatten(pull(ys, inputs.own, seeds, inputs.levels, graph, keep=retain_graph or graph), spec)

    result = _released(inputs, found)
    return (result, pull_back, _released(inputs, aux)) if has_aux else (result, pull_back)


class _Pushed:
    """A function at a point, ready to push tangents forward: its vjp as a function of the vector, which is linear."""

    def __init__(self, func: Callable[[Any], Any], primals: Any, has_aux: bool, name: str) -> None:
        leaves, self.spec = tree_flatten(primals)
        self.inputs = Inputs(leaves, name)
        self.primals = leaves
        with enable_grad():
            found, aux = _parted(func(tree_unflatten(self.inputs.tensors, self.spec)), has_aux, name)
            self.ys, self.out_spec = _tensors(found, name), tree_flatten(found)[1]
            self.used = [dtypes.is_differentiable(y.array.dtype) for y in self.ys]
            ys = [y for y, used in zip(self.ys, self.used, strict=True) if used]
            self.seeds = Inputs([y.new_zeros(y.shape) for y in ys], name)
            self.pulled = pull(ys, self.inputs.own, self.seeds.tensors, self.inputs.levels, True)
        self.linked = state.grad and self.inputs.linked(ys)
        self.result, self.aux = _released(self.inputs, found), _released(self.inputs, aux)

    def __call__(self, tangents: list[Tensor]) -> list[Tensor]:
        graph = state.grad and (self.linked or any(t.requires_grad for t in tangents))
        found = iter(pull(self.pulled, self.seeds.own, tangents, self.inputs.levels, graph))
        return [next(found) if used else y.new_zeros(y.shape) for y, used in zip(self.ys, self.used, strict=True)]


def jvp(
    func: Callable[..., Any], primals: Any, tangents: Any, *, strict: bool = False, has_aux: bool = False
) -> tuple[Any, ...]:
    """The result of `func`, and J v: how it changes when the primals move along the tangents.

    >>> import facula
    >>> facula.func.jvp(lambda x: x * x, (facula.tensor([1., 2.]),), (facula.tensor([1., 0.]),))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    name = "jvp(f, primals, tangents)"
    if not isinstance(primals, tuple) or not primals:
        raise runtime_error(
            f"{name}: Expected primals to be a non-empty tuple, got {type(primals).__name__}. E.g. it should be valid to call f(*primals)."
        )
    pushed = _Pushed(lambda given: func(*given), primals, has_aux, name)
    vectors = _like(tangents, pushed.spec, pushed.primals, name, "primals and tangents")
    out = tree_unflatten(pushed(vectors), pushed.out_spec)
    return (pushed.result, out, pushed.aux) if has_aux else (pushed.result, out)


def linearize(func: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """The result of `func`, and the function of tangents that `jvp` would compute there: v -> J v, for any number of v.

    `func` runs once; what it keeps is kept as long as the second result lives.

    >>> import facula
    >>> out, push = facula.func.linearize(facula.sin, facula.zeros(2))
    >>> push(facula.ones(2))
    tensor([1., 1.])
    """
    name = "linearize(f, *primals)"
    pushed = _Pushed(lambda given: func(*given), primals, False, name)

    def push(*tangents: Any) -> Any:
        vectors = _like(tangents, pushed.spec, pushed.primals, name, "primals and tangents")
        return tree_unflatten(pushed(vectors), pushed.out_spec)

    return pushed.result, push


def functionalize(func: Callable[..., Any], *, remove: str = "mutations") -> Callable[..., Any]:
    """`func`: every in-place operation is recorded as an operation without one and a write, so there is nothing to remove.

    Transformations, graphs and exports see the operation alone. `remove` ("mutations" or "mutations_and_views") is checked.

    >>> import facula
    >>> facula.func.functionalize(lambda x: x.clone().mul_(2))(facula.ones(2))
    tensor([2., 2.])
    """
    if remove not in ("mutations", "mutations_and_views"):
        raise runtime_error(
            f"functionalize: Valid options for remove are 'mutations' and 'mutations_and_views', got {remove!r}. Choose one."
        )

    @functools.wraps(func, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return func(*args, **kwargs)

    return wrapped


def _basis(t: Tensor) -> Tensor:
    """The unit vectors of a tensor's shape along a new first dimension."""
    n = t.numel()
    return eye(n, dtype=t.dtype, device=t.device).reshape(n, *t.shape)


def jacrev(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable[..., Any]:
    """A function that computes the Jacobian of `func` row by row: (*result shape, *argument shape).

    All rows (or `chunk_size` of them) are computed in one batched backward. `_preallocate_and_copy` is accepted.

    >>> import facula
    >>> facula.func.jacrev(lambda x: x * x)(facula.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        leaves, spec = tree_flatten(_chosen(args, argnums, "jacrev"))
        inputs = Inputs(leaves, "jacrev")
        with enable_grad():
            found = func(*_replaced(args, argnums, tree_unflatten(inputs.tensors, spec)), **kwargs)
            y, aux = _parted(found, has_aux, "jacrev(f)(*args)")
        ys, out_spec = _tensors(y, "jacrev(f)(*args)"), tree_flatten(y)[1]
        linked = state.grad and inputs.linked(ys)
        rows = []
        for out in ys:
            if not out.numel():
                rows.append([x.new_zeros((*out.shape, *x.shape)) for x in leaves])
                continue
            back = lambda v, out=out: tuple(pull([out], inputs.own, [v], inputs.levels, linked))
            found = vmap(back, chunk_size=chunk_size)(_basis(out))
            rows.append([g.reshape(*out.shape, *g.shape[1:]) for g in found])
        jacobian = tree_unflatten([tree_unflatten(row, spec) for row in rows], out_spec)
        return (jacobian, _released(inputs, aux)) if has_aux else jacobian

    return wrapped


def jacfwd(
    func: Callable[..., Any],
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    chunk_size: int | None = None,
    randomness: str = "error",
) -> Callable[..., Any]:
    """A function that computes the Jacobian of `func` column by column: (*result shape, *argument shape).

    >>> import facula
    >>> facula.func.jacfwd(lambda x: x * x)(facula.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """

    @functools.wraps(func, updated=())
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        given = _chosen(args, argnums, "jacfwd")
        call = lambda values: func(*_replaced(args, argnums, values), **kwargs)
        pushed = _Pushed(call, given, has_aux, "jacfwd(f)(*args)")
        columns = []
        for i, x in enumerate(pushed.primals):
            if not x.numel():
                columns.append([y.new_zeros((*y.shape, *x.shape)) for y in pushed.ys])
                continue
            zeros = [t.new_zeros(t.shape) for t in pushed.primals]
            push = lambda v, i=i, zeros=zeros: tuple(pushed([*zeros[:i], v, *zeros[i + 1 :]]))
            found = vmap(push, randomness=randomness, chunk_size=chunk_size)(_basis(x))
            columns.append([t.movedim(0, -1).reshape(*t.shape[1:], *x.shape) for t in found])
        rows = [tree_unflatten([column[j] for column in columns], pushed.spec) for j in range(len(pushed.ys))]
        jacobian = tree_unflatten(rows, pushed.out_spec)
        return (jacobian, pushed.aux) if has_aux else jacobian

    return wrapped


def hessian(func: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """A function that computes the Hessian of `func`: the forward Jacobian of its reverse Jacobian.

    >>> import facula
    >>> facula.func.hessian(lambda x: (x ** 3).sum())(facula.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    return jacfwd(jacrev(func, argnums), argnums)
