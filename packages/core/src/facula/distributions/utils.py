"""What distributions share: broadcasting of parameters, and the two ways to write probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula import dtypes, ops
from facula.distributions.lazy import lazy_property
from facula.errors import value_error
from facula.tensors.tensor import Tensor

__all__ = [
    "broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits", "tril_matrix_to_vec", "vec_to_tril_matrix",
]  # fmt: skip


def broadcast_all(*values: Any) -> tuple[Tensor, ...]:
    """Tensors and numbers as tensors of one shape; numbers take the type and device of the first tensor.

    >>> from facula.distributions.utils import broadcast_all
    >>> import facula
    >>> broadcast_all(facula.zeros(2), 1.0)
    (tensor([0., 0.]), tensor([1., 1.]))
    """
    for value in values:
        if not isinstance(value, (Tensor, int, float, np.number)):
            raise value_error(
                f"broadcast_all: expected input arguments that are numbers or Tensors, got {type(value).__name__}. Convert it with facula.as_tensor()."
            )
    first = next((v for v in values if isinstance(v, Tensor)), None)
    kind = dtypes.default() if first is None else first.dtype
    place = None if first is None else first.device
    made = [v if isinstance(v, Tensor) else ops.tensor(v, dtype=kind, device=place) for v in values]
    return tuple(ops.broadcast_tensors(*made))


def clamp_probs(probs: Tensor) -> Tensor:
    """Probabilities moved into [eps, 1 - eps], so that their logarithm is finite."""
    eps = dtypes.finfo(probs.dtype).eps
    return ops.clamp(probs, min=eps, max=1 - eps)


def logits_to_probs(logits: Tensor, is_binary: bool = False) -> Tensor:
    """sigmoid of log-odds, or softmax of log-probabilities over the last dimension."""
    return ops.sigmoid(logits) if is_binary else ops.softmax(logits, -1)


def probs_to_logits(probs: Tensor, is_binary: bool = False) -> Tensor:
    """Log-odds of probabilities, or their logarithms."""
    kept = clamp_probs(probs)
    return ops.log(kept) - ops.log1p(-kept) if is_binary else ops.log(kept)


def _below(n: int, diag: int) -> Tensor:
    """The flat places of the elements of an (n, n) matrix up to a diagonal, row by row."""
    rows, columns = np.tril_indices(n, diag)
    return ops.tensor(rows * n + columns)


def tril_matrix_to_vec(mat: Tensor, diag: int = 0) -> Tensor:
    """The elements of (*, n, n) matrices up to the diagonal `diag`, row by row.

    >>> from facula.distributions.utils import tril_matrix_to_vec
    >>> import facula
    >>> tril_matrix_to_vec(facula.arange(4).view(2, 2))
    tensor([0, 2, 3])
    """
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise value_error(f"tril_matrix_to_vec: expected diag in [{-n}, {n - 1}], got {diag}. Change it.")
    return ops.index_select(mat.reshape((*mat.shape[:-2], n * n)), -1, _below(n, diag).to(mat.device))


def vec_to_tril_matrix(vec: Tensor, diag: int = 0) -> Tensor:
    """Matrices (*, n, n) with these elements up to the diagonal `diag`, row by row, and zeros above it."""
    n = round((-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * vec.shape[-1] + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2)
    places = _below(n, diag)
    if places.shape[0] != vec.shape[-1]:
        raise value_error(
            f"vec_to_tril_matrix: expected as many elements as a triangle has, got {vec.shape[-1]} for diag {diag}. Reshape it."
        )
    flat = vec.new_zeros((*vec.shape[:-1], n * n))
    return ops.index_add(flat, -1, places.to(vec.device), vec).reshape((*vec.shape[:-1], n, n))


def one_of(name: str, **given: Any) -> None:
    """Refuse none or more than one of several ways to give a parameter."""
    count = sum(value is not None for value in given.values())
    if count != 1:
        raise value_error(f"{name}: expected exactly one of {', '.join(given)}, got {count}. Pass one of them.")
