"""The four ops that the engine itself needs: copy, cast, and the two halves of a write into a region of a tensor."""

from __future__ import annotations

from facula import dtypes
from facula.autograd.op import Rule, op, sample
from facula.autograd.state import no_grad
from facula.devices.meta import Meta
from facula.tensors.tensor import wrap

_same = Rule(lambda input, **_: Meta(input.shape, input.dtype), text="(*) -> (*).")


@op(_same, onnx="Identity", samples=[sample((3, 4)), sample((2, 1, 3))], half=False)
def clone(xp, input, /, *, memory_format=None):
    """A copy of `input` in memory of its own."""
    return input.copy()


clone.vjp(input=lambda g: g)
clone.array_vjp()


@op(
    Rule(lambda input, dtype, source: Meta(input.shape, dtype)),
    onnx="Cast",
    half=False,
    samples=[
        sample((3, 4), dtype=dtypes.float64.numpy, source=None),
        sample((2,), dtype=dtypes.complex128.numpy, source=None),
    ],
)
def cast_op(xp, input, /, dtype, source):
    """`input` converted to another type; the gradient is converted back to `source`."""
    if input.dtype.kind == "c" and dtype.kind != "c":
        input = input.real
    return input.astype(dtype)


def _cast_back(g, source):
    return g if source is None else cast(g, source)


cast_op.vjp(input=_cast_back)


@op(
    Rule(lambda input, dtype: Meta(input.shape, dtype)),
    onnx="Cast",
    half=False,
    nondiff=True,
    samples=[sample((3, 4), dtype=dtypes.int64.numpy), sample((2,), dtype=dtypes.bool_.numpy)],
)
def discrete_cast_op(xp, input, /, dtype):
    """`input` converted to integers or truth values, which carry no gradient."""
    return (input.real if input.dtype.kind == "c" and dtype.kind != "b" else input).astype(dtype)


def cast(t, dtype):
    """A tensor converted to a NumPy dtype; the tensor itself if it has it already."""
    if t.array.dtype == dtype:
        return t
    return cast_op(t, dtype, t.array.dtype) if dtypes.is_differentiable(dtype) else discrete_cast_op(t, dtype)


def replay(root, path):
    """Follow a view's path from a tensor."""
    for step, attrs in path:
        root = step(root, *attrs)
    return root


def _on_view(array, path, value):
    """Write into the region of an array that a path selects."""
    with no_grad():
        view = replay(wrap(array), path).array
    view[...] = value
    return array


@op(Rule(lambda input, value, path: Meta(input.shape, input.dtype)), onnx=None, half=False, samples=[
    sample((3, 4), (3, 4), path=()), sample((2, 3), (2, 3), path=()),
])  # fmt: skip
def region(xp, input, value, /, path):
    """`input` with the region that `path` selects replaced by `value`."""
    return _on_view(input.copy(order="C"), path, value)


@op(
    Rule(lambda input, path: Meta(input.shape, input.dtype)),
    onnx=None,
    half=False,
    samples=[sample((3, 4), path=()), sample((2,), path=())],
)
def without(xp, input, /, path):
    """`input` with zeros in the region that `path` selects; its own adjoint."""
    return _on_view(input.copy(order="C"), path, 0)


region.vjp(input=lambda g, path: without(g, path), value=lambda g, path: replay(g.contiguous(), path))
without.vjp(input=lambda g, path: without(g, path))
