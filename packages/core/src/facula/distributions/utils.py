"""What distributions share: broadcasting of parameters, and the two ways to write probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula import dtypes, ops
from facula.distributions.lazy import lazy_property
from facula.errors import value_error
from facula.tensors.tensor import Tensor

__all__ = ["broadcast_all", "clamp_probs", "lazy_property", "logits_to_probs", "probs_to_logits"]


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


def one_of(name: str, **given: Any) -> None:
    """Refuse none or more than one of several ways to give a parameter."""
    count = sum(value is not None for value in given.values())
    if count != 1:
        raise value_error(f"{name}: expected exactly one of {', '.join(given)}, got {count}. Pass one of them.")
