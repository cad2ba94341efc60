"""PyTorch's names for the nodes of the tape, as `grad_fn` prints them: AddBackward0, SelectBackward0, ..."""

from __future__ import annotations

from typing import Any

_PLAIN = {
    "true_divide": "Div",
    "cast_op": "ToCopy",
    "region": "CopySlices",
    "insert": "Unsqueeze",
    "contiguous": "Clone",
    "put_op": "IndexPut",
    "batch_norm": "NativeBatchNorm",
    "layer_norm": "NativeLayerNorm",
    "group_norm": "NativeGroupNorm",
}


def _select(node: Any) -> str:
    """`x[key]` is a chain of views in PyTorch; the last part that does something names it."""
    parts = [k for k in node.attrs[0] if k is not Ellipsis and k != slice(None)]
    if not parts:
        return "AliasBackward0"
    last = parts[-1]
    return "UnsqueezeBackward0" if last is None else "SliceBackward0" if isinstance(last, slice) else "SelectBackward0"


def _permute(node: Any) -> str:
    moved = [i for i, d in enumerate(node.attrs[0]) if i != d]
    return "TransposeBackward0" if len(moved) == 2 else "PermuteBackward0"


def _matmul(node: Any) -> str:
    a, b = (len(shape) for shape in node.shapes[:2])
    kinds = {(2, 2): "MmBackward0", (2, 1): "MvBackward0", (1, 1): "DotBackward0", (3, 3): "BmmBackward0"}
    return kinds.get((a, b), "SqueezeBackward4" if a == 1 and b == 2 else "UnsafeViewBackward0")


def _reduction(title: str) -> Any:
    """PyTorch numbers the overloads: 0 for all elements, 1 over dimensions."""
    return lambda n: f"{title}Backward{int(n.attrs[0] is not None)}"


_CHOSEN = {
    "select_op": _select,
    "permute_op": _permute,
    "matmul": _matmul,
    "sub": lambda n: "RsubBackward1" if n.shapes[0] is None else "SubBackward0",
    "pow": lambda n: "PowBackward0" if n.shapes[1] is None else "PowBackward1",
    "linear": lambda n: "AddmmBackward0" if n.shapes[2] is not None else "MmBackward0",
    "drop": lambda n: "SqueezeBackward1",
    "sum_op": _reduction("Sum"),
    "mean_op": _reduction("Mean"),
    "prod_op": _reduction("Prod"),
}


def node_name(node: Any) -> str:
    """The name of a node; for an op that PyTorch does not have, made from ours in the same manner."""
    op = node.op
    if op.name in _CHOSEN:
        return str(_CHOSEN[op.name](node))
    given = getattr(op, "node_name", None)
    if given:
        return str(given)
    title = _PLAIN.get(op.name) or "".join(part.title() for part in op.name.removesuffix("_op").split("_"))
    return f"{title}Backward0"
