"""`facula.fft`: discrete Fourier transforms under PyTorch's names."""

from __future__ import annotations

from typing import Any

from facula import ops

_NAMES = frozenset(
    """
    fft fft2 fftfreq fftn fftshift hfft hfft2 hfftn ifft ifft2 ifftn ifftshift ihfft ihfft2 ihfftn
    irfft irfft2 irfftn rfft rfft2 rfftfreq rfftn
    """.split()
)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        found = globals()[name] = ops.function(f"fft_{name}")
        return found
    raise AttributeError(f"module 'facula.fft' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
