"""The classes of named results: `facula.return_types.max`, `sort`, ... each a tuple with named fields."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    from facula import ops  # noqa: F401  (the families make the classes)
    from facula.ops.results import RESULTS

    if name in RESULTS:
        return RESULTS[name]
    raise AttributeError(f"module 'facula.return_types' has no attribute {name!r}")


def __dir__() -> list[str]:
    from facula import ops  # noqa: F401
    from facula.ops.results import RESULTS

    return sorted(RESULTS)
