"""`facula.masked`: reductions that skip masked-out elements, under PyTorch's names."""

from __future__ import annotations

from typing import Any

from facula import ops

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp", "logsumexp", "mean", "median", "norm",
    "normalize", "prod", "softmax", "softmin", "std", "sum", "var",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        found = globals()[name] = ops.function(f"masked_{name}")
        return found
    raise AttributeError(f"module 'facula.masked' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
