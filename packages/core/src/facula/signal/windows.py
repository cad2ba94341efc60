"""`facula.signal.windows`: window functions under PyTorch's names."""

from __future__ import annotations

from typing import Any

from facula import ops

_NAMES = frozenset(
    """
    bartlett blackman cosine exponential gaussian general_cosine general_hamming hamming hann kaiser
    nuttall
    """.split()
)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        found = globals()[name] = ops.function(f"signal_windows_{name}")
        return found
    raise AttributeError(f"module 'facula.signal.windows' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
