"""Complex numbers: their parts as views, angle, polar form, and the real pair behind them."""

from __future__ import annotations

import builtins
import math

from facula import dtypes
from facula.autograd.op import Rule, arg, op, sample
from facula.autograd.state import whole
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.checks import only_tensors
from facula.ops.rules import broadcast_shapes, to_real
from facula.tensors.inplace import write_out

_COMPLEX = [sample(arg((3, 4), "complex")), sample(arg((2,), "complex"))]


@op(to_real, view=True, onnx=None, samples=_COMPLEX)
def real_op(xp, input, /):
    """The real part, as a view."""
    return input.real


@op(to_real, view=True, onnx=None, samples=_COMPLEX)
def imag_op(xp, input, /):
    """The imaginary part, as a view."""
    return input.imag


real_op.vjp(input=lambda g: _complex(g, g * 0))
imag_op.vjp(input=lambda g: _complex(g * 0, g))


def real(input):
    """The real part, as a view; a real tensor as it is.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.real(facula.tensor([1 + 2j]))
    tensor([1.])
    """
    return real_op(input) if input.array.dtype.kind == "c" else input


def imag(input):
    """The imaginary part of a complex tensor, as a view.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.imag(facula.tensor([1 + 2j]))
    tensor([2.])
    """
    if input.array.dtype.kind != "c":
        raise runtime_error(
            f"imag: imag is not implemented for tensors with non-complex dtypes, got {input.dtype}. Its imaginary part is zero."
        )
    return imag_op(input)


def _complex_rule(real, imag):
    if real.dtype != imag.dtype or not dtypes.is_float(real.dtype):
        raise runtime_error(
            f"complex: Expected both inputs to be Half, Float or Double tensors of one dtype, got {real.dtype.name} and {imag.dtype.name}. Use .to()."
        )
    return Meta(broadcast_shapes(real.shape, imag.shape, name="complex"), dtypes.complex_of(real.dtype))


@op(_complex_rule, onnx=None, samples=[sample((3, 4), (3, 4)), sample((3, 1), (4,))])
def _complex(xp, real, imag, /):
    """real + 1j * imag."""
    meta = _complex_rule(real, imag)
    out = xp.empty(meta.shape, meta.dtype)
    out.real, out.imag = real, imag
    return out


_complex.vjp(real=lambda g: real_op(g), imag=lambda g: imag_op(g))


def complex(real, imag, *, out=None):
    """real + 1j * imag.   Shape: (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.complex(facula.tensor([1.]), facula.tensor([2.]))
    tensor([1.+2.j])
    """
    found = _complex(real, imag)
    return found if out is None else write_out(out, found)


@whole
def polar(abs, angle, *, out=None):
    """The complex numbers of given absolute value and angle: abs * exp(1j * angle).   Shape: as `complex`.

    >>> import facula
    >>> facula.polar(facula.tensor([2.]), facula.tensor([0.]))
    tensor([2.+0.j])
    """
    only_tensors("polar", abs=abs, angle=angle)
    if abs.array.dtype != angle.array.dtype:
        raise runtime_error(
            f"polar: Expected object of scalar type {abs.dtype.name} but got scalar type {angle.dtype.name} for second argument. Convert it with .to()."
        )
    return complex(abs * angle.cos(), abs * angle.sin(), out=out)


@op(Rule(to_real.shape, "float", to_real.text), onnx=None, samples=[sample((3, 4)), sample(arg((2, 3), "complex"))])
def angle(xp, input, /):
    """The angle in [-pi, pi] of a complex number; of a real one 0, or pi if it is negative."""
    if input.dtype.kind == "c":
        return xp.angle(input)
    return xp.where(xp.isnan(input), input, xp.where(input < 0, math.pi, 0)).astype(input.dtype, copy=False)


def _angle_back(g, input):
    if not input.is_complex():
        return g * 0
    zero = input == 0
    z = input.masked_fill(zero, 1)
    size = real_op(z) * real_op(z) + imag_op(z) * imag_op(z)
    return ((g / size) * (z * 1j)).masked_fill(zero, 0)


angle.vjp(input=_angle_back)


def _pairs(input):
    if input.dtype.kind != "c":
        raise runtime_error(
            f"view_as_real: view_as_real is only supported for complex tensors, got {input.dtype.name}. It is real already."
        )
    return Meta((*input.shape, 2), dtypes.real_of(input.dtype))


@op(_pairs, view=True, onnx=None, samples=_COMPLEX)
def view_as_real(xp, input, /):
    """A view of complex numbers as pairs (real, imaginary) in a new last dimension.   Shape: (*) -> (*, 2)."""
    return input[..., None].view(_pairs(input).dtype)


def _joined(input):
    if not dtypes.is_float(input.dtype):
        raise runtime_error(
            f"view_as_complex: view_as_complex is only supported for floating point tensors, got {input.dtype.name}. Convert it with .float()."
        )
    if not input.ndim or input.shape[-1] != 2:
        raise runtime_error(
            f"view_as_complex: Tensor must have a last dimension of size 2, got shape {tuple(input.shape)}. Stack real and imaginary parts last."
        )
    step = input.dtype.itemsize
    if input.size and (
        input.strides[-1] != step
        or builtins.any(s % (2 * step) for s, n in zip(input.strides[:-1], input.shape, strict=False) if n > 1)
    ):
        raise runtime_error(
            "view_as_complex: Tensor must have a last dimension with stride 1, got other strides. Call .contiguous() first."
        )
    return Meta(input.shape[:-1], dtypes.complex_of(input.dtype))


@op(_joined, view=True, onnx=None, samples=[sample((3, 4, 2)), sample((5, 2))])
def view_as_complex(xp, input, /):
    """A view of pairs (real, imaginary) in the last dimension as complex numbers.   Shape: (*, 2) -> (*)."""
    return input.view(_joined(input).dtype)[..., 0]


view_as_real.vjp(input=lambda g: view_as_complex(g.contiguous()))
view_as_complex.vjp(input=lambda g: view_as_real(g.contiguous()))


def resolve_conj(input):
    """The tensor itself: conjugates are never lazy here.   Shape: (*) -> (*)."""
    return input


def resolve_neg(input):
    """The tensor itself: negations are never lazy here.   Shape: (*) -> (*)."""
    return input


def isreal(input):
    """Which elements have no imaginary part.   Shape: (*) -> (*), bool.

    >>> import facula
    >>> facula.isreal(facula.tensor([1 + 1j, 2 + 0j]))
    tensor([False,  True])
    """
    if input.array.dtype.kind == "c":
        return imag_op(input.detach()) == 0
    return input.new_ones(input.shape, dtype=dtypes.bool_)
