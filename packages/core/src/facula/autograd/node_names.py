"""PyTorch's names for the nodes of the tape, as `grad_fn` prints them: AddBackward0, SelectBackward0, ..."""

from __future__ import annotations

from typing import Any

_PLAIN = {
    "true_divide": "Div", "cast_op": "ToCopy", "region": "CopySlices", "insert": "Unsqueeze", "contiguous": "Clone", "put_op": "IndexPut",
    "batch_norm": "NativeBatchNorm", "layer_norm": "NativeLayerNorm", "group_norm": "NativeGroupNorm",
}  # fmt: skip


def _select(node: Any) -> str:
    """`x[key]` is a chain of views in PyTorch; the last part that does something names it."""
    last = [k for k in node.attrs[0] if k is not Ellipsis and k != slice(None)][-1:]
    kind = (
        "Alias" if not last else "Unsqueeze" if last[0] is None else "Slice" if isinstance(last[0], slice) else "Select"
    )
    return f"{kind}Backward0"


def _permute(node: Any) -> str:
    moved = [i for i, d in enumerate(node.attrs[0]) if i != d]
    return "TransposeBackward0" if len(moved) == 2 else "PermuteBackward0"


def _matmul(node: Any) -> str:
    a, b = (len(shape) for shape in node.shapes[:2])
    kind = {(2, 2): "Mm", (2, 1): "Mv", (1, 1): "Dot", (1, 2): "Squeeze4", (3, 3): "Bmm"}.get((a, b), "UnsafeView")
    return f"{kind}Backward0" if kind != "Squeeze4" else "SqueezeBackward4"


_CHOSEN = {
    "select_op": _select,
    "permute_op": _permute,
    "matmul": _matmul,
    "sub": lambda n: "RsubBackward1" if n.shapes[0] is None else "SubBackward0",
    "pow": lambda n: "PowBackward0" if n.shapes[1] is None else "PowBackward1",
    "linear": lambda n: "AddmmBackward0" if n.shapes[2] is not None else "MmBackward0",
    "drop": lambda n: "SqueezeBackward1",
    **{
        f"{name}_op": lambda n, title=name.title(): f"{title}Backward{int(n.attrs[0] is not None)}"
        for name in ("sum", "mean", "prod")
    },
}


def node_name(node: Any) -> str:
    """The name of a node; for an op that PyTorch does not have, made from ours in the same manner."""
    op = node.op
    if op.name in _CHOSEN:
        return str(_CHOSEN[op.name](node))
    title = getattr(op, "node_name", None)
    if title:
        return str(title)
    plain = _PLAIN.get(op.name)
    return (plain or "".join(part.title() for part in op.name.removesuffix("_op").split("_"))) + "Backward0"
