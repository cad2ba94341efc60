"""`torch.nn.functional`'s names: the public ops that networks are made of."""

from __future__ import annotations

from typing import Any

from facula import ops
from facula.ops.names import FUNCTIONAL


def __getattr__(name: str) -> Any:
    for candidate in (f"functional_{name}", name):
        if candidate in ops.PUBLIC and name in FUNCTIONAL:
            found = globals()[name] = ops.function(candidate)
            return found
    raise AttributeError(f"module 'facula.nn.functional' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(n for n in FUNCTIONAL if n in ops.PUBLIC or f"functional_{n}" in ops.PUBLIC)
