"""`facula.masked`: reductions that skip masked-out elements, under PyTorch's names."""

from __future__ import annotations

from typing import Any

from facula import ops

_NAMES = frozenset(
    """
    amax amin argmax argmin cumprod cumsum log_softmax logaddexp logsumexp mean median norm
    normalize prod softmax softmin std sum var
    """.split()
)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        found = globals()[name] = ops.function(f"masked_{name}")
        return found
    raise AttributeError(f"module 'facula.masked' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
