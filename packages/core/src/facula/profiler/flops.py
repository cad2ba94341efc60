"""Floating-point operations of a call: twice the multiply-adds of products, convolutions and recurrences.

As in PyTorch, what is not a product counts as zero: elementwise functions, sums, norms, the bias. Attention, einsum and
transformers are made of products, so they are counted by them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from facula.tensors.tensor import Tensor

Formula = Callable[..., int]


def _product(a: Any, b: Any, out: Any) -> int:
    """(..., M, K) @ (..., K, N): each of the results is a sum of K products."""
    return 2 * math.prod(out) * a[-1]


def _linear(input: Any, weight: Any, bias: Any, out: Any) -> int:
    return _product(input, weight, out)


def _convolution(input: Any, weight: Any, bias: Any, out: Any) -> int:
    """Each output is a sum over one filter: (C_in / groups) * the kernel's elements."""
    return 2 * math.prod(out) * math.prod(weight[1:])


def _transposed(upper: Any, weight: Any, out: Any) -> int:
    """Each input meets one whole filter: (C_out / groups) * the kernel's elements."""
    return 2 * math.prod(upper) * math.prod(weight[1:])


def _convolution_weight(upper: Any, input: Any, out: Any) -> int:
    return 2 * math.prod(upper) * math.prod(out[1:])


def _scan(projected: Any, weight: Any) -> int:
    """At each time (N, H) @ (H, gates * H); the inputs' projection is a product of its own."""
    return 2 * math.prod(projected) * weight[1]


def _lstm(projected: Any, h: Any, c: Any, weight: Any, out: Any) -> int:
    return _scan(projected, weight)


def _gru(projected: Any, h: Any, weight: Any, bias: Any, out: Any) -> int:
    return _scan(projected, weight)


def _elman(projected: Any, h: Any, weight: Any, out: Any) -> int:
    return _scan(projected, weight)


def _sparse(values: Any, indices: Any, dense: Any, out: Any) -> int:
    return 2 * math.prod(values) * dense[-1]


# op -> (formula of the shapes of its inputs and its result, the inputs whose gradient costs the same again)
FORMULAS: dict[str, tuple[Formula, tuple[str, ...]]] = {
    "matmul": (_product, ("input", "other")),
    "linear": (_linear, ("input", "weight")),
    "conv_op": (_convolution, ("input", "weight")),
    "conv_input_op": (_transposed, ("upper", "weight")),
    "conv_weight_op": (_convolution_weight, ("upper", "input")),
    "lstm_scan_op": (_lstm, ("projected", "weight")),
    "gru_scan_op": (_gru, ("projected", "weight")),
    "rnn_scan_op": (_elman, ("projected", "weight")),
    "sparse_mm_op": (_sparse, ("values", "dense")),
}


def shape_of(x: Any) -> Any:
    return tuple(x.array.shape) if isinstance(x, Tensor) else None


def forward_flops(op: Any, inputs: tuple[Any, ...], result: Any) -> int:
    """What one call of an op costs."""
    entry = FORMULAS.get(op.name)
    return 0 if entry is None else count(entry[0], inputs, result)


def count(formula: Formula, inputs: tuple[Any, ...], result: Any) -> int:
    """A formula's answer for a call."""
    first = result[0] if isinstance(result, tuple) else result
    return int(formula(*map(shape_of, inputs), out=shape_of(first)))


def backward_flops(node: Any, forward: int) -> int:
    """What the gradients that are wanted at a node cost, given what its forward did."""
    if not forward:
        return 0
    costly = FORMULAS[node.op.name][1] if node.op.name in FORMULAS else ()
    return forward * sum(
        edge is not None and name in costly for name, edge in zip(node.op.inputs, node.edges, strict=False)
    )
