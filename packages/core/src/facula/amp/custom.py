"""Decorators for `autograd.Function` methods that state how they stand to autocast."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from facula import dtypes
from facula.amp.autocast_mode import autocast, get_autocast_dtype, is_autocast_enabled
from facula.tensors.tensor import Tensor


def _converted(value: Any, device_type: str, dtype: dtypes.dtype) -> Any:
    if isinstance(value, Tensor):
        fits = value.is_floating_point() and value.device.type == device_type and value.dtype is not dtypes.float64
        return value.to(dtype) if fits else value
    if isinstance(value, dict):
        return {key: _converted(item, device_type, dtype) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_converted(item, device_type, dtype) for item in value)
    return value


def custom_fwd(
    fwd: Callable[..., Any] | None = None, *, device_type: str, cast_inputs: dtypes.dtype | None = None
) -> Any:
    """Let the `forward` of an `autograd.Function` run under autocast, or (with `cast_inputs`) in one type without it.

    >>> import facula
    >>> class Double(facula.autograd.Function):
    ...     @staticmethod
    ...     @facula.amp.custom_fwd(device_type="cpu", cast_inputs=facula.float32)
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     @facula.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, g):
    ...         return 2 * g
    >>> with facula.autocast("cpu"):
    ...     Double.apply(facula.ones(2, dtype=facula.bfloat16)).dtype
    facula.float32
    """
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def forward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        ctx._dtype = get_autocast_dtype(device_type)
        enabled = is_autocast_enabled(device_type)
        ctx._fwd_used_autocast = enabled and cast_inputs is None
        if not enabled or cast_inputs is None:
            return fwd(ctx, *args, **kwargs)
        with autocast(device_type, enabled=False):
            args, kwargs = (_converted(given, device_type, cast_inputs) for given in (args, kwargs))
            return fwd(ctx, *args, **kwargs)

    return forward


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Any:
    """Let the `backward` of an `autograd.Function` run in the autocast state of its `custom_fwd` forward.

    >>> import facula
    >>> class Product(facula.autograd.Function):
    ...     @staticmethod
    ...     @facula.amp.custom_fwd(device_type="cpu")
    ...     def forward(ctx, a, b):
    ...         ctx.save_for_backward(a, b)
    ...         return a @ b
    ...     @staticmethod
    ...     @facula.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, g):
    ...         a, b = ctx.saved_tensors
    ...         return g @ b.t(), a.t() @ g
    >>> a = facula.ones(2, 2, requires_grad=True)
    >>> with facula.autocast("cpu"):
    ...     loss = Product.apply(a, facula.ones(2, 2)).sum()
    >>> loss.backward()
    >>> a.grad.dtype
    facula.float32
    """
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def backward(ctx: Any, *args: Any, **kwargs: Any) -> Any:
        with autocast(device_type, dtype=ctx._dtype, enabled=ctx._fwd_used_autocast):
            return bwd(ctx, *args, **kwargs)

    return backward
