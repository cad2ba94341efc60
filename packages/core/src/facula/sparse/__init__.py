"""`facula.sparse`: sums and products of sparse tensors under PyTorch's names."""

from __future__ import annotations

from typing import Any

from facula import ops

_NAMES = {name: f"sparse_{name}" for name in ("addmm", "log_softmax", "mm", "softmax", "sum")} | {
    name: name for name in ("sampled_addmm", "spdiags")
}


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        found = globals()[name] = ops.function(_NAMES[name])
        return found
    raise AttributeError(f"module 'facula.sparse' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
