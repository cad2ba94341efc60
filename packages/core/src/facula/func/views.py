"""The attributes of a view op that does to each lane of a batch what the given ones do to a lane."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facula.autograd.op import ALL

Attrs = dict[str, Any]


def _diagonal(a: Attrs, rank: int, size: int) -> Attrs:
    return {"offset": a["offset"], "dim1": a["dim1"] % rank + 1, "dim2": a["dim2"] % rank + 1}


def _unfold(a: Attrs, rank: int, size: int) -> Attrs | None:
    return {**a, "dimension": a["dimension"] % rank + 1} if rank else None


# Each takes (attributes, the lane's number of dimensions, the number of lanes); None says that there is no such view.
SHIFTS: dict[str, Callable[[Attrs, int, int], Attrs | None]] = {
    "view_op": lambda a, rank, size: {"shape": (size, *a["shape"])},
    "permute_op": lambda a, rank, size: {"dims": (0, *[d % rank + 1 for d in a["dims"]])},
    "insert": lambda a, rank, size: {"dim": a["dim"] % (rank + 1) + 1},
    "drop": lambda a, rank, size: {"dims": tuple(d % rank + 1 for d in a["dims"])},
    "expand_op": lambda a, rank, size: {"shape": (size, *a["shape"])},
    "select_op": lambda a, rank, size: {"key": (slice(None), *a["key"])},
    "diagonal": _diagonal,
    "unfold": _unfold,
    "unfold_back": lambda a, rank, size: {
        **a, "shape": (size, *a["shape"]), "dimension": a["dimension"] % len(a["shape"]) + 1,
    },
    "real_op": lambda a, rank, size: a,
    "imag_op": lambda a, rank, size: a,
    "view_as_real": lambda a, rank, size: a,
    "view_as_complex": lambda a, rank, size: a,
    "view_dtype": lambda a, rank, size: a if rank else None,
}  # fmt: skip


def shifted_path(path: Any, meta: Any, size: int) -> Any:
    """A view's path for a batch of its roots; `meta` is one root. None if a step has no counterpart."""
    steps = []
    for op, attrs in path:
        named = dict(zip(op.attrs, attrs, strict=True))
        if op is ALL.get("expand_op") and len(named["shape"]) != meta.ndim:
            return None
        shifted = SHIFTS[op.name](named, meta.ndim, size) if op.name in SHIFTS else None
        if shifted is None:
            return None
        steps.append((op, tuple(shifted[name] for name in op.attrs)))
        meta = op.rule.shape(meta, **named)
    return tuple(steps)
