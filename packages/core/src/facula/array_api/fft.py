"""Fourier transforms, with the standard's names and arguments."""

from __future__ import annotations

from typing import Any

from facula import ops
from facula.tensors.tensor import Tensor

_ONE = "fft ifft rfft irfft hfft ihfft".split()
_SEVERAL = "fftn ifftn rfftn irfftn".split()


def _one(name: str) -> Any:
    def transform(x: Tensor, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
        return ops.function(f"fft_{name}")(x, n, axis, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"`facula.fft.{name}` along one axis."
    return transform


def _several(name: str) -> Any:
    def transform(x: Tensor, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Tensor:
        return ops.function(f"fft_{name}")(x, s, axes, norm)

    transform.__name__ = transform.__qualname__ = name
    transform.__doc__ = f"`facula.fft.{name}` along several axes."
    return transform


for _name in _ONE:
    globals()[_name] = _one(_name)
for _name in _SEVERAL:
    globals()[_name] = _several(_name)


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the results of `fft`.   Shape: (n,)."""
    return ops.function("fft_fftfreq")(n, d, dtype=dtype, device=device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """The frequencies of the results of `rfft`.   Shape: (n // 2 + 1,)."""
    return ops.function("fft_rfftfreq")(n, d, dtype=dtype, device=device)


def fftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """Frequency 0 moved to the middle."""
    return ops.function("fft_fftshift")(x, axes)


def ifftshift(x: Tensor, /, *, axes: Any = None) -> Tensor:
    """Undoes `fftshift`."""
    return ops.function("fft_ifftshift")(x, axes)
