"""How each family of ops runs on a whole batch: the batch is the first dimension of every value marked in `flags`.

A rule gets a `Call` and returns the result(s) with the batch as first dimension. An op without a rule runs lane by lane.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.func.views import SHIFTS, shifted_path
from facula.ops import arange, expand, movedim, reshape, rules, stack
from facula.tensors.tensor import Tensor


class Call:
    """One op call on a batch of `size` lanes."""

    def __init__(self, op: Any, size: int, values: tuple[Any, ...], flags: list[bool], attrs: dict[str, Any]) -> None:
        self.op, self.size, self.values, self.flags, self.attrs = op, size, values, flags, attrs

    def rank(self, i: int) -> int:
        """The number of dimensions that the function sees."""
        return int(self.values[i].ndim - self.flags[i])

    def shape(self, i: int) -> tuple[int, ...]:
        return tuple(self.values[i].shape[self.flags[i] :])

    def full(self, i: int) -> Any:
        """Input `i` with the batch as first dimension, by expansion if it has none."""
        t = self.values[i]
        return t if t is None or self.flags[i] else expand(t, (self.size, *t.shape))

    def aligned(self, i: int, rank: int) -> Any:
        """Input `i` such that it broadcasts behind the batch dimension against others of `rank`."""
        t = self.values[i]
        missing = rank - self.rank(i) if isinstance(t, Tensor) else 0
        return reshape(t, (self.size, *(1,) * missing, *t.shape[1:])) if self.flags[i] and missing else t

    def run(self, *values: Any, **attrs: Any) -> Any:
        """The op itself on other values and attributes."""
        return self.op.door(*values, **{**self.attrs, **attrs})


Rule = Callable[[Call], Any]
RULES: dict[str, Rule] = {}


def rule(names: str) -> Callable[[Rule], Rule]:
    """Use the decorated function for these ops."""

    def register(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names.split(), function))
        return function

    return register


def batched_call(op: Any, size: int, values: tuple[Any, ...], flags: list[bool], attrs: dict[str, Any]) -> Any:
    """Run an op on a batch, by its rule, its family's, or a loop."""
    call = Call(op, size, values, flags, attrs)
    found = RULES.get(op.name)
    if found is None:
        found = _elementwise if id(op.rule) in _FAMILIES else _loop
    result = found(call)
    return _loop(call) if result is NotImplemented else result


_FAMILIES = {
    id(family)
    for family in (
        rules.same, rules.same_float, rules.to_real, rules.to_bool, rules.broadcast, rules.broadcast_float, rules.compare,
    )
}  # fmt: skip


def _loop(call: Call) -> Any:
    if not call.size:
        raise runtime_error(
            f"{call.op.name}: expected a batch with at least one lane, got none. vmap runs this operation lane by lane."
        )
    lanes = [
        call.run(*[t[i] if flag else t for t, flag in zip(call.values, call.flags, strict=True)])
        for i in range(call.size)
    ]
    if isinstance(lanes[0], tuple):
        return tuple(stack(list(column)) for column in zip(*lanes, strict=True))
    return stack(lanes)


@rule("clone cast_op discrete_cast_op where contiguous square angle complex frexp_op")
def _elementwise(call: Call) -> Any:
    rank = max(call.rank(i) for i, t in enumerate(call.values) if isinstance(t, Tensor))
    return call.run(*[call.aligned(i, rank) for i in range(len(call.values))])


@rule("mse_loss_op")
def _squared_error(call: Call) -> Any:
    rank = max(call.rank(0), call.rank(1))
    losses = call.run(call.aligned(0, rank), call.aligned(1, rank), reduction="none")
    return _reduced(losses, call.attrs["reduction"])


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none" or losses.ndim == 1:
        return losses
    flat = reshape(losses, (losses.shape[0], losses.numel() // max(losses.shape[0], 1)))
    return flat.mean(1) if reduction == "mean" else flat.sum(1)


@rule("cross_entropy_op")
def _cross_entropy(call: Call) -> Any:
    if call.rank(0) != 2:
        return NotImplemented
    scores, target, (n, classes) = call.full(0), call.full(1), call.shape(0)
    losses = call.run(reshape(scores, (-1, classes)), reshape(target, (-1,)), reduction="none").reshape(call.size, n)
    if call.attrs["reduction"] != "mean":
        return _reduced(losses, call.attrs["reduction"])
    return losses.sum(1) / (target != call.attrs["ignore_index"]).sum(1).to(losses.dtype)


@rule(
    "sum_op mean_op amax amin all_op any_op argmax argmin prod_op count_nonzero var_op std_op vector_norm_op p_norm_op logsumexp_op max min "
    "cummax_op cummin_op cumsum_op cumprod_op logcumsumexp_op softmax_op log_softmax_op sort_op topk_op median nanmedian kthvalue mode "
    "resample_op"
)
def _along(call: Call) -> Any:
    """Ops along one dimension, several or all of them: the dimensions move up by one."""
    t, dim, rank = call.values[0], call.attrs["dim"], call.rank(0)
    everything = dim is None or dim == ()
    if rank and not everything:
        dims = dim + 1 if isinstance(dim, int) and dim >= 0 else _shifted(dim, rank)
        return call.run(t, dim=dims)
    found = call.run(reshape(t, (call.size, t.numel() // max(call.size, 1))), dim=1)
    shape = (call.size, *(1,) * rank) if call.attrs.get("keepdim") else (call.size,)
    return tuple(reshape(x, shape) for x in found) if isinstance(found, tuple) else reshape(found, shape)


def _shifted(dim: Any, rank: int) -> Any:
    """Dimensions of a lane as dimensions of the batch."""
    return dim % rank + 1 if isinstance(dim, int) else tuple(d % rank + 1 for d in dim)


@rule("flip transform real_to_half half_to_real roll")
def _along_dims(call: Call) -> Any:
    if not call.rank(0) or call.attrs["dims"] is None or not len(call.attrs["dims"]):
        return NotImplemented
    return call.run(call.values[0], dims=_shifted(call.attrs["dims"], call.rank(0)))


@rule("decaying_sum gather scatter scatter_add scatter_reduce")
def _along_together(call: Call) -> Any:
    """Ops along a dimension whose inputs have the same number of dimensions."""
    tensors = range(len(call.values))
    rank = call.rank(0)
    if not rank or any(call.rank(i) != rank for i in tensors):
        return NotImplemented
    return call.run(*[call.full(i) for i in tensors], dim=_shifted(call.attrs["dim"], rank))


@rule("cat_op")
def _cat(call: Call) -> Any:
    rank = max(call.rank(i) for i in range(len(call.values)))
    return call.run(*[call.full(i) for i in range(len(call.values))], dim=_shifted(call.attrs["dim"], rank))


@rule(" ".join(SHIFTS))
def _view(call: Call) -> Any:
    """Views: the path of one lane becomes a path of the batch."""
    t = call.values[0]
    if call.op.name == "view_op":
        return reshape(t, (call.size, *call.attrs["shape"]))
    if call.op.name == "expand_op":
        t = call.aligned(0, len(call.attrs["shape"]))
    attrs = SHIFTS[call.op.name](call.attrs, call.rank(0), call.size)
    return NotImplemented if attrs is None else call.run(t, **attrs)


@rule("region without")
def _region(call: Call) -> Any:
    path = shifted_path(call.attrs["path"], Meta(call.shape(0), call.values[0].array.dtype), call.size)
    return NotImplemented if path is None else call.run(*[call.full(i) for i in range(len(call.values))], path=path)


@rule("repeat")
def _repeat(call: Call) -> Any:
    sizes = call.attrs["sizes"]
    return call.run(call.aligned(0, len(sizes)), sizes=(1, *sizes))


@rule("pad_op")
def _pad(call: Call) -> Any:
    return call.run(call.values[0], pads=((0, 0), *call.attrs["pads"]))


@rule("tril triu inv cholesky det slogdet eigh eig svd lu_factor qr matrix_exp")
def _last_two(call: Call) -> Any:
    """Ops on matrices in the last two dimensions take any dimensions before them."""
    return call.run(call.values[0]) if call.rank(0) >= 2 else NotImplemented


@rule("solve solve_triangular cholesky_solve")
def _matrices(call: Call) -> Any:
    rank = call.rank(0)
    if rank != call.rank(1) or rank < 2:
        return NotImplemented
    return call.run(call.full(0), call.full(1))


@rule("matmul")
def _matmul(call: Call) -> Any:
    (a, b), (ra, rb) = call.values, (call.rank(0), call.rank(1))
    if not ra or not rb:
        return NotImplemented
    if call.flags[0] and not call.flags[1] and rb <= 2 and (rb == 2 or ra > 1):
        return call.run(a, b)
    a = a.unsqueeze(-2) if ra == 1 else a
    b = b.unsqueeze(-1) if rb == 1 else b
    rank = max(ra, rb, 2)
    a = reshape(a, (call.size, *(1,) * (rank - max(ra, 2)), *a.shape[1:])) if call.flags[0] else a
    b = reshape(b, (call.size, *(1,) * (rank - max(rb, 2)), *b.shape[1:])) if call.flags[1] else b
    found = call.run(a, b)
    found = found.squeeze(-2) if ra == 1 else found
    return found.squeeze(-1) if rb == 1 else found


@rule("linear")
def _linear(call: Call) -> Any:
    x, weight, bias = call.values
    if call.rank(1) != 2:
        return NotImplemented
    if not call.flags[1]:
        if bias is None or not call.flags[2]:
            return call.run(x, weight, bias) if call.flags[0] else NotImplemented
        found = call.run(x, weight, None)
    else:
        lead, features = call.shape(0)[:-1], call.shape(0)[-1]
        rows = reshape(x, (call.size, -1, features) if call.flags[0] else (-1, features))
        found = reshape(rows @ weight.mT, (call.size, *lead, call.shape(1)[0]))
    if bias is None:
        return found
    rank = call.rank(0)
    return found + (reshape(bias, (call.size, *(1,) * (rank - 1), -1)) if call.flags[2] else bias)


def _merged(call: Call, i: int) -> Any:
    """Input `i` with the batch merged into its first dimension."""
    t = call.full(i)
    return reshape(t, (t.shape[0] * t.shape[1], *t.shape[2:]))


def _beside(call: Call, i: int) -> Any:
    """Input `i` (N, C, ...) with the batch beside its channels: (N, batch * C, ...)."""
    t = movedim(call.full(i), 0, 1)
    return reshape(t, (t.shape[0], t.shape[1] * t.shape[2], *t.shape[3:]))


def _apart(call: Call, t: Any) -> Any:
    """Undo `_beside`."""
    return movedim(reshape(t, (t.shape[0], call.size, t.shape[1] // call.size, *t.shape[2:])), 1, 0)


@rule("conv_op")
def _conv(call: Call) -> Any:
    """Lanes with filters of their own are groups of one convolution."""
    weight, bias = call.values[1:]
    rank = call.rank(1) - 2
    if not call.flags[1]:
        plain = bias is not None and not call.flags[2]
        if call.flags[0]:
            found = call.run(_merged(call, 0), weight, bias if plain else None)
            found = reshape(found, (call.size, -1, *found.shape[1:]))
        else:
            found = call.run(call.values[0], weight, None)
        if plain or bias is None:
            return found
    else:
        found = _apart(
            call,
            call.run(_beside(call, 0), _merged(call, 1), None, groups=call.attrs["groups"] * call.size),
        )
    if bias is None:
        return found
    return found + reshape(bias, (call.size, 1, -1, *(1,) * rank) if call.flags[2] else (-1, *(1,) * rank))


@rule("conv_input_op")
def _conv_input(call: Call) -> Any:
    if not call.flags[1]:
        found = call.run(_merged(call, 0), call.values[1])
        return reshape(found, (call.size, -1, *found.shape[1:]))
    groups = call.attrs["groups"] * call.size
    return _apart(call, call.run(_beside(call, 0), _merged(call, 1), groups=groups))


@rule("conv_weight_op")
def _conv_weight(call: Call) -> Any:
    found = call.run(_beside(call, 0), _beside(call, 1), groups=call.attrs["groups"] * call.size)
    return reshape(found, (call.size, -1, *found.shape[1:]))


@rule("max_pool_op max_indices_op avg_pool_op avg_spread_op unfold_op fold_op unpool_op adaptive_indices_op")
def _per_image(call: Call) -> Any:
    """Ops on (N, ...) that treat each of the N by itself: the batch is more of them."""
    if call.rank(0) < 3:
        return NotImplemented
    found = call.run(*[_merged(call, i) for i in range(len(call.values))])
    return reshape(found, (call.size, -1, *found.shape[1:]))


@rule("layer_norm_op")
def _layer_norm(call: Call) -> Any:
    x, weight, bias = call.values
    if not call.flags[1] and not call.flags[2]:
        return call.run(x, weight, bias)
    found = call.run(x, None, None)
    if not call.flags[0]:
        found = expand(found, (call.size, *found.shape))
    if weight is not None:
        found = found * call.aligned(1, call.rank(0))
    return found if bias is None else found + call.aligned(2, call.rank(0))


@rule("batch_norm_op")
def _batch_norm(call: Call) -> Any:
    weight, bias = (None if t is None else reshape(call.full(i), (-1,)) for i, t in enumerate(call.values) if i)
    out, mean, var = call.run(_beside(call, 0), weight, bias)
    return _apart(call, out), reshape(mean, (call.size, -1)), reshape(var, (call.size, -1))


@rule("embedding_op")
def _embedding(call: Call) -> Any:
    weight, indices = call.values
    if not call.flags[0]:
        return call.run(weight, indices)
    if call.attrs["padding_idx"] >= 0 or call.attrs["scale_grad_by_freq"]:
        return NotImplemented
    rows = call.shape(0)[0]
    first = arange(call.size, device=indices.device) * rows
    indices = reshape(first, (call.size, *(1,) * call.rank(1))) + indices
    return call.run(_merged(call, 0), indices)


def _index_place(call: Call, first: int) -> tuple[list[Any], tuple[int, ...], int, int]:
    """Index tensors behind the batch's own: (they, their positions, their rank, where their dimensions stand in a lane)."""
    tensors = range(first, len(call.values))
    rank = max(call.rank(i) for i in tensors)
    own = reshape(arange(call.size, device=call.values[first].device), (call.size, *(1,) * rank))
    positions = call.attrs["positions"]
    together = list(positions) == list(range(positions[0], positions[0] + len(positions)))
    indices = [own, *[call.aligned(i, rank) for i in tensors]]
    return indices, (0, *[p + 1 for p in positions]), rank, positions[0] if together else 0


@rule("index_op")
def _index(call: Call) -> Any:
    indices, positions, rank, at = _index_place(call, 1)
    found = call.run(call.full(0), *indices, positions=positions)
    return movedim(found, tuple(range(1, 1 + rank)), tuple(range(1 + at, 1 + at + rank))) if at else found


@rule("put_op")
def _put(call: Call) -> Any:
    indices, positions, rank, at = _index_place(call, 2)
    values = call.full(1)
    if call.rank(1) != call.rank(0) - len(call.attrs["positions"]) + rank:
        return NotImplemented
    if at:
        values = movedim(values, tuple(range(1 + at, 1 + at + rank)), tuple(range(1, 1 + rank)))
    return call.run(call.full(0), values, *indices, positions=positions)
