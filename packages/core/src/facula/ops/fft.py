"""Discrete Fourier transforms: three ops (complex, real to complex, complex to real) and what is composed of them."""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import arg, op, sample
from facula.autograd.primitives import cast
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.create import _place
from facula.ops.index import narrow
from facula.ops.join import cat
from facula.ops.layout import roll
from facula.ops.outputs import takes_out
from facula.ops.rules import dims_of, wrap_size

_ADJOINT = {"backward": "forward", "forward": "backward", "ortho": "ortho"}
_COMPLEX = [
    sample(arg((4,), "complex"), dims=(0,), norm="backward", inverse=False),
    sample(arg((2, 3), "complex"), dims=(0, 1), norm="ortho", inverse=True),
]


@op(lambda input, dims, norm, inverse: Meta(input.shape, input.dtype), onnx="DFT", samples=_COMPLEX)
def _transform(xp, input, /, dims, norm, inverse):
    """The complex discrete Fourier transform over `dims`, or its inverse."""
    if not dims:
        return input.copy()
    return (xp.fft.ifftn if inverse else xp.fft.fftn)(input, axes=dims, norm=norm).astype(input.dtype, copy=False)


_transform.vjp(input=lambda g, dims, norm, inverse: _transform(g, dims, _ADJOINT[norm], not inverse))


def _half_shape(input, dims):
    shape = list(input.shape)
    shape[dims[-1]] = shape[dims[-1]] // 2 + 1
    return tuple(shape)


@op(lambda input, dims, norm: Meta(_half_shape(input, dims), dtypes.complex_of(input.dtype)), onnx="DFT", samples=[
    sample((5,), dims=(0,), norm="backward"), sample((2, 4), dims=(0, 1), norm="ortho"),
])  # fmt: skip
def _real_to_half(xp, input, /, dims, norm):
    """The first half of the transform of real numbers."""
    return xp.fft.rfftn(input, axes=dims, norm=norm).astype(dtypes.complex_of(input.dtype), copy=False)


def _real_to_half_back(g, shapes, dims, norm):
    """The missing half of the spectrum has no gradient: fill it with zeros and take the adjoint of the full transform."""
    return _transform(_sized(g, shapes[0][dims[-1]], dims[-1]), dims, _ADJOINT[norm], True).real


_real_to_half.vjp(input=_real_to_half_back)


def _real_shape(input, dims, size):
    shape = list(input.shape)
    shape[dims[-1]] = size
    return tuple(shape)


@op(lambda input, dims, size, norm: Meta(_real_shape(input, dims, size), dtypes.real_of(input.dtype)), onnx="DFT", samples=[
    sample(arg((3,), "complex"), dims=(0,), size=4, norm="backward"), sample(arg((2, 3), "complex"), dims=(0, 1), size=5, norm="forward"),
])  # fmt: skip
def _half_to_real(xp, input, /, dims, size, norm):
    """The real numbers whose transform has this first half."""
    wide = xp.fft.ifftn(input, axes=dims[:-1], norm=norm) if len(dims) > 1 else input
    return xp.fft.irfft(wide, size, axis=dims[-1], norm=norm).astype(dtypes.real_of(input.dtype), copy=False)


def _half_to_real_back(g, dims, size, norm):
    """Every entry with a mirror image in the other half counts twice."""
    back = _real_to_half(g, dims, _ADJOINT[norm])
    weights = np.ones(back.shape[dims[-1]], g.array.dtype)
    weights[1 : 1 + size - len(weights)] = 2
    shape = [1] * back.ndim
    shape[dims[-1]] = -1
    return back * _place(weights.reshape(shape), g.device)


_half_to_real.vjp(input=_half_to_real_back)


def _sized(x, n, dim):
    """Cut `dim` to n entries or fill it up with zeros."""
    have = x.shape[dim]
    if n == have:
        return x
    if n < have:
        return narrow(x, dim, 0, n)
    shape = list(x.shape)
    shape[dim] = n - have
    return cat([x, x.new_zeros(shape)], dim)


def _mode(norm):
    if norm not in (None, "backward", "forward", "ortho"):
        raise runtime_error(f'fft: Invalid normalization mode: "{norm}", expected "backward", "ortho" or "forward".')
    return norm or "backward"


def _real(name, input):
    if input.is_complex():
        raise runtime_error(
            f"{name}: {name} expects a real input tensor, but got {input.dtype}. Use fft() for complex input."
        )
    return input if dtypes.category(input.array.dtype) >= dtypes.FLOATING else cast(input, dtypes.default().numpy)


def _complex(input):
    d = input.array.dtype
    d = d if dtypes.category(d) >= dtypes.FLOATING else dtypes.default().numpy
    return cast(input, dtypes.complex_of(d))


def _arguments(name, input, s, dim):
    """Sizes and dims as equally long tuples; a size of -1 or None keeps what is there."""
    if dim is not None:
        dim = (dim,) if isinstance(dim, int) else tuple(dim)
    if s is not None:
        s = (s,) if isinstance(s, int) else tuple(s)
        if dim is not None and len(s) != len(dim):
            raise runtime_error(
                f"{name}: When given, dim and shape arguments must have the same length, got {len(dim)} and {len(s)}."
            )
        if dim is None:
            if len(s) > input.ndim:
                raise runtime_error(
                    f"{name}: Got shape with {len(s)} values but input tensor only has {input.ndim} dimensions. Use fewer sizes."
                )
            dim = tuple(range(input.ndim - len(s), input.ndim))
    dims = tuple(range(input.ndim)) if dim is None else tuple(wrap_size(d, input.shape)[0] for d in dim)
    if len(set(dims)) != len(dims):
        raise runtime_error(f"{name}: FFT dims must be unique, got {dims}. Name each dim once.")
    sizes = [None] * len(dims) if s is None else [None if n in (None, -1) else int(n) for n in s]
    return sizes, dims


def _check_sizes(name, sizes):
    for n in sizes:
        if n < 1:
            raise runtime_error(f"{name}: Invalid number of data points ({n}) specified. Use a positive count.")


def _full(name, input, s, dim, norm, inverse):
    sizes, dims = _arguments(name, input, s, dim)
    x, mode = _complex(input), _mode(norm)
    sizes = [x.shape[d] if n is None else n for n, d in zip(sizes, dims, strict=True)]
    _check_sizes(name, sizes)
    for n, d in zip(sizes, dims, strict=True):
        x = _sized(x, n, d)
    return _transform(x, dims, mode, inverse)


def _forward_real(name, input, s, dim, norm):
    x, mode = _real(name, input), _mode(norm)
    sizes, dims = _arguments(name, x, s, dim)
    if not dims:
        raise runtime_error(f"{name}: {name} must transform at least one axis, got none. Pass dim=.")
    sizes = [x.shape[d] if n is None else n for n, d in zip(sizes, dims, strict=True)]
    _check_sizes(name, sizes)
    for n, d in zip(sizes, dims, strict=True):
        x = _sized(x, n, d)
    return _real_to_half(x, dims, mode)


def _backward_real(name, input, s, dim, norm, conjugate=False):
    x, mode = _complex(input), _mode(norm)
    sizes, dims = _arguments(name, x, s, dim)
    if not dims:
        raise runtime_error(f"{name}: {name} must transform at least one axis, got none. Pass dim=.")
    last = 2 * (x.shape[dims[-1]] - 1) if sizes[-1] is None else sizes[-1]
    sizes = [x.shape[d] if n is None else n for n, d in zip(sizes[:-1], dims[:-1], strict=True)] + [last]
    _check_sizes(name, sizes)
    for n, d in zip([*sizes[:-1], last // 2 + 1], dims, strict=True):
        x = _sized(x, n, d)
    return _half_to_real(x.conj() if conjugate else x, dims, last, mode)


@takes_out
def fft_fft(input, n=None, dim=-1, norm=None):
    """The discrete Fourier transform: X[k] = sum over j of x[j] exp(-2 pi i j k / n).   Shape: (*, n, *) -> (*, n, *).

    >>> import facula
    >>> facula.fft.fft(facula.ones(2)).real
    tensor([2., 0.])
    """
    return _full("fft", input, n if n is None else (n,), dim, norm, False)


@takes_out
def fft_ifft(input, n=None, dim=-1, norm=None):
    """The inverse of `fft`.   Shape: (*, n, *) -> (*, n, *).

    >>> import facula
    >>> facula.fft.ifft(facula.fft.fft(facula.tensor([1., 2.])))
    tensor([1.+0.j, 2.+0.j])
    """
    return _full("ifft", input, n if n is None else (n,), dim, norm, True)


@takes_out
def fft_fft2(input, s=None, dim=(-2, -1), norm=None):
    """`fft` over two dimensions.   Shape: (*) -> (*), with the sizes `s` at `dim` if given.

    >>> import facula
    >>> facula.fft.fft2(facula.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _full("fft2", input, s, dim, norm, False)


@takes_out
def fft_ifft2(input, s=None, dim=(-2, -1), norm=None):
    """The inverse of `fft2`.   Shape: (*) -> (*), with the sizes `s` at `dim` if given.

    >>> import facula
    >>> facula.fft.ifft2(facula.fft.fft2(facula.ones(2, 2))).real
    tensor([[1., 1.],
            [1., 1.]])
    """
    return _full("ifft2", input, s, dim, norm, True)


@takes_out
def fft_fftn(input, s=None, dim=None, norm=None):
    """`fft` over several (by default all) dimensions.   Shape: (*) -> (*), with the sizes `s` at `dim` if given.

    >>> import facula
    >>> facula.fft.fftn(facula.ones(2, 2))
    tensor([[4.+0.j, 0.+0.j],
            [0.+0.j, 0.+0.j]])
    """
    return _full("fftn", input, s, dim, norm, False)


@takes_out
def fft_ifftn(input, s=None, dim=None, norm=None):
    """The inverse of `fftn`.   Shape: (*) -> (*), with the sizes `s` at `dim` if given."""
    return _full("ifftn", input, s, dim, norm, True)


@takes_out
def fft_rfft(input, n=None, dim=-1, norm=None):
    """`fft` of a real signal: the first n // 2 + 1 entries, the others being their conjugates.

    Shape: (*, n, *) -> (*, n // 2 + 1, *).

    >>> import facula
    >>> facula.fft.rfft(facula.tensor([1., 2., 3., 4.]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    return _forward_real("rfft", input, n if n is None else (n,), dim, norm)


@takes_out
def fft_irfft(input, n=None, dim=-1, norm=None):
    """The inverse of `rfft`: a real signal of length n (default 2 * (m - 1)).   Shape: (*, m, *) -> (*, n, *).

    >>> import facula
    >>> facula.fft.irfft(facula.fft.rfft(facula.tensor([1., 2., 3.])), n=3)
    tensor([1., 2., 3.])
    """
    return _backward_real("irfft", input, n if n is None else (n,), dim, norm)


@takes_out
def fft_rfft2(input, s=None, dim=(-2, -1), norm=None):
    """`rfft` over two dimensions.   Shape: (*, n, m) -> (*, n, m // 2 + 1).

    >>> import facula
    >>> facula.fft.rfft2(facula.ones(4, 4)).shape
    facula.Size([4, 3])
    """
    return _forward_real("rfft2", input, s, dim, norm)


@takes_out
def fft_irfft2(input, s=None, dim=(-2, -1), norm=None):
    """The inverse of `rfft2`.   Shape: (*, n, m) -> (*, n, 2 (m - 1)), or the sizes `s`.

    >>> import facula
    >>> facula.fft.irfft2(facula.fft.rfft2(facula.ones(4, 4))).shape
    facula.Size([4, 4])
    """
    return _backward_real("irfft2", input, s, dim, norm)


@takes_out
def fft_rfftn(input, s=None, dim=None, norm=None):
    """`rfft` over several dimensions.   Shape: (*, n) -> (*, n // 2 + 1) at the last of `dim`.

    >>> import facula
    >>> facula.fft.rfftn(facula.ones(4, 4)).shape
    facula.Size([4, 3])
    """
    return _forward_real("rfftn", input, s, dim, norm)


@takes_out
def fft_irfftn(input, s=None, dim=None, norm=None):
    """The inverse of `rfftn`.   Shape: (*, m) -> (*, 2 (m - 1)) at the last of `dim`, or the sizes `s`."""
    return _backward_real("irfftn", input, s, dim, norm)


@takes_out
def fft_hfft(input, n=None, dim=-1, norm=None):
    """`fft` of a signal that is Hermitian in time, given by its first half: the result is real.

    Shape: (*, m, *) -> (*, n, *), n = 2 (m - 1) by default.

    >>> import facula
    >>> facula.fft.hfft(facula.tensor([1., 2., 3.]))
    tensor([ 8., -2.,  0., -2.])
    """
    return _backward_real("hfft", input, n if n is None else (n,), dim, _ADJOINT[_mode(norm)], True)


@takes_out
def fft_ihfft(input, n=None, dim=-1, norm=None):
    """The inverse of `hfft`.   Shape: (*, n, *) -> (*, n // 2 + 1, *).

    >>> import facula
    >>> facula.fft.ihfft(facula.tensor([1., 2., 3., 2.])).real
    tensor([ 2.0000, -0.5000,  0.0000])
    """
    return _forward_real("ihfft", input, n if n is None else (n,), dim, _ADJOINT[_mode(norm)]).conj()


@takes_out
def fft_hfft2(input, s=None, dim=(-2, -1), norm=None):
    """`hfft` over two dimensions.   Shape: (*, n, m) -> (*, n, 2 (m - 1)), or the sizes `s`."""
    return _backward_real("hfft2", input, s, dim, _ADJOINT[_mode(norm)], True)


@takes_out
def fft_ihfft2(input, s=None, dim=(-2, -1), norm=None):
    """The inverse of `hfft2`.   Shape: (*, n, m) -> (*, n, m // 2 + 1)."""
    return _forward_real("ihfft2", input, s, dim, _ADJOINT[_mode(norm)]).conj()


@takes_out
def fft_hfftn(input, s=None, dim=None, norm=None):
    """`hfft` over several dimensions.   Shape: (*, m) -> (*, 2 (m - 1)) at the last of `dim`, or the sizes `s`."""
    return _backward_real("hfftn", input, s, dim, _ADJOINT[_mode(norm)], True)


@takes_out
def fft_ihfftn(input, s=None, dim=None, norm=None):
    """The inverse of `hfftn`.   Shape: (*, n) -> (*, n // 2 + 1) at the last of `dim`."""
    return _forward_real("ihfftn", input, s, dim, _ADJOINT[_mode(norm)]).conj()


def fft_fftshift(input, dim=None):
    """The zero frequency moved to the middle of `dim` (default: of all dims).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.fft.fftshift(facula.fft.fftfreq(4))
    tensor([-0.5000, -0.2500,  0.0000,  0.2500])
    """
    dims = dims_of(dim, input.ndim, "fftshift")
    return roll(input, [input.shape[d] // 2 for d in dims], dims)


def fft_ifftshift(input, dim=None):
    """The inverse of `fftshift`.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.fft.ifftshift(facula.tensor([-2, -1, 0, 1]))
    tensor([ 0,  1, -2, -1])
    """
    dims = dims_of(dim, input.ndim, "ifftshift")
    return roll(input, [(input.shape[d] + 1) // 2 for d in dims], dims)


def fft_fftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of the n entries of `fft` for samples `d` apart.   Shape: (n).

    >>> import facula
    >>> facula.fft.fftfreq(4)
    tensor([ 0.0000,  0.2500, -0.5000, -0.2500])
    """
    return _frequencies(np.fft.fftfreq(n, d), dtype, device, requires_grad, out)


def fft_rfftfreq(n, d=1.0, *, out=None, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of the n // 2 + 1 entries of `rfft` for samples `d` apart.   Shape: (n // 2 + 1).

    >>> import facula
    >>> facula.fft.rfftfreq(4)
    tensor([0.0000, 0.2500, 0.5000])
    """
    return _frequencies(np.fft.rfftfreq(n, d), dtype, device, requires_grad, out)


def _frequencies(values, dtype, device, requires_grad, out):
    from facula.tensors.inplace import write_out

    made = _place(
        values.astype(dtypes.default().numpy if dtype is None else dtypes.numpy_of(dtype)), device, requires_grad
    )
    return made if out is None else write_out(out, made)
