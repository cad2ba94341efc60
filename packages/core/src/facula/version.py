"""`torch.version`'s names."""

from __future__ import annotations

from facula import __version__

cuda: str | None = None  # no CUDA library is bundled; CuPy brings its own

__all__ = ["__version__", "cuda"]
