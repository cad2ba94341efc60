"""Clipping gradients by their norm or their value."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from typing import Any

from facula.autograd import no_grad
from facula.errors import runtime_error
from facula.ops import maximum, stack, zeros
from facula.tensors.tensor import Tensor


def _gradients(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    listed: Any = [parameters] if isinstance(parameters, Tensor) else parameters
    return [p.grad for p in listed if p.grad is not None]


def get_total_norm(
    tensors: Iterable[Tensor], norm_type: float = 2.0, error_if_nonfinite: bool = False, foreach: bool | None = None
) -> Tensor:
    """The p-norm of all numbers of all tensors together.

    >>> import facula
    >>> facula.nn.utils.get_total_norm([facula.tensor([3.0]), facula.tensor([4.0])])
    tensor(5.)
    """
    listed = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if not listed:
        return zeros(())
    with no_grad():
        total = _norm(listed, norm_type)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise runtime_error(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`."
        )
    return total


def _norm(tensors: list[Tensor], p: float) -> Tensor:
    if p == math.inf:
        total = tensors[0].abs().max()
        for tensor in tensors[1:]:
            total = maximum(total, tensor.abs().max())
        return total
    if p == 2.0:
        return stack([(t * t).sum() for t in tensors]).sum().sqrt()
    if p == 0.0:  # the norm of the tensors' norms, as in PyTorch: how many are not all zero
        return stack([t.ne(0).any() for t in tensors]).sum().to(tensors[0].dtype)
    return stack([(t.abs() ** p).sum() for t in tensors]).sum() ** (1.0 / p)


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients by max_norm / total_norm if that is less than 1.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.zeros(2))
    >>> p.grad = facula.tensor([3.0, 4.0])
    >>> facula.nn.utils.clip_grads_with_norm_(p, 1.0, facula.nn.utils.get_total_norm([p.grad]))
    >>> p.grad
    tensor([0.6000, 0.8000])
    """
    gradients = _gradients(parameters)
    with no_grad():
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(factor.to(gradient.device))


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients so that their norm together is at most max_norm; returns the norm before.

    >>> import facula
    >>> p = facula.nn.Parameter(facula.zeros(2))
    >>> p.grad = facula.tensor([3.0, 4.0])
    >>> facula.nn.utils.clip_grad_norm_(p, 1.0), p.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    listed: Any = [parameters] if isinstance(parameters, Tensor) else list(parameters)
    total = get_total_norm(_gradients(listed), norm_type, error_if_nonfinite)
    clip_grads_with_norm_(listed, max_norm, total)
    return total


def clip_grad_norm(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Deprecated; the same as `clip_grad_norm_`.

    >>> import facula, warnings
    >>> p = facula.nn.Parameter(facula.zeros(2))
    >>> p.grad = facula.tensor([3.0, 4.0])
    >>> with warnings.catch_warnings(action="ignore"):
    ...     facula.nn.utils.clip_grad_norm(p, 1.0)
    tensor(5.)
    """
    warnings.warn(
        "`nn.utils.clip_grad_norm` is now deprecated in favor of `nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Clamp every number of every gradient to [-clip_value, clip_value].

    >>> import facula
    >>> p = facula.nn.Parameter(facula.zeros(2))
    >>> p.grad = facula.tensor([3.0, -0.5])
    >>> facula.nn.utils.clip_grad_value_(p, 1.0)
    >>> p.grad
    tensor([ 1.0000, -0.5000])
    """
    bound = float(clip_value)
    with no_grad():
        for gradient in _gradients(parameters):
            gradient.clamp_(-bound, bound)
