"""A layer and the batch norm behind it as one layer, for inference: the norm's factor and shift go into weight and bias."""

from __future__ import annotations

import copy
from typing import Any

from facula.errors import assertion_error
from facula.nn.module import Module
from facula.ops import rsqrt
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _fused(
    w: Tensor, b: Tensor | None, mean: Tensor, var: Tensor, eps: float, gain: Any, shift: Any, dim: int
) -> tuple[Parameter, Parameter]:
    """w * gain / sqrt(var + eps) along the output dimension, and (b - mean) * gain / sqrt(var + eps) + shift."""
    scale = rsqrt(var + eps) if gain is None else gain * rsqrt(var + eps)
    along = [1] * w.ndim
    along[dim] = -1
    weight = (w * scale.reshape(along)).to(w.dtype)
    bias = ((0 if b is None else b) - mean) * scale + (0 if shift is None else shift)
    return (
        Parameter(weight.detach(), w.requires_grad),
        Parameter(bias.to(w.dtype).detach(), w.requires_grad if b is None else b.requires_grad),
    )


def fuse_conv_bn_weights(
    conv_w: Tensor,
    conv_b: Tensor | None,
    bn_rm: Tensor,
    bn_rv: Tensor,
    bn_eps: float,
    bn_w: Tensor | None,
    bn_b: Tensor | None,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a convolution with the batch norm in them; `transpose` for a transposed one.

    W' = W gamma / sqrt(var + eps); b' = (b - mean) gamma / sqrt(var + eps) + beta.

    >>> import facula
    >>> one = facula.ones(1)
    >>> facula.nn.utils.fuse_conv_bn_weights(facula.ones(1, 1, 1), None, one, 4 * one, 0.0, None, one)[1].detach()
    tensor([0.5000])
    """
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 1 if transpose else 0)


def fuse_linear_bn_weights(
    linear_w: Tensor, linear_b: Tensor | None, bn_rm: Tensor, bn_rv: Tensor, bn_eps: float, bn_w: Tensor, bn_b: Tensor
) -> tuple[Parameter, Parameter]:
    """Weight and bias of a linear layer with the batch norm in them, as `fuse_conv_bn_weights`.

    >>> import facula
    >>> one = facula.ones(1)
    >>> facula.nn.utils.fuse_linear_bn_weights(facula.ones(1, 2), None, one, 4 * one, 0.0, one, one)[0].detach()
    tensor([[0.5000, 0.5000]])
    """
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, 0)


def _check_eval(layer: Module, bn: Module) -> None:
    if layer.training or bn.training:
        raise assertion_error(
            "fuse: Fusion only for eval! Expected both layers in eval mode. Call .eval() on them first."
        )


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A convolution that computes what `conv` and the batch norm `bn` behind it compute in eval mode.

    Errors: AssertionError if one of them is in training mode.

    >>> import facula
    >>> conv, bn = facula.nn.Conv2d(2, 3, 1).eval(), facula.nn.BatchNorm2d(3).eval()
    >>> x = facula.ones(1, 2, 4, 4)
    >>> facula.allclose(facula.nn.utils.fuse_conv_bn_eval(conv, bn)(x), bn(conv(x)), atol=1e-6)
    True
    """
    _check_eval(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight, conv.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A linear layer that computes what `linear` and the batch norm `bn` behind it compute in eval mode.

    Errors: AssertionError if one is in training mode, or if their numbers of features differ.

    >>> import facula
    >>> linear, bn = facula.nn.Linear(2, 3).eval(), facula.nn.BatchNorm1d(3).eval()
    >>> x = facula.ones(4, 2)
    >>> facula.allclose(facula.nn.utils.fuse_linear_bn_eval(linear, bn)(x), bn(linear(x)), atol=1e-6)
    True
    """
    _check_eval(linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise assertion_error(
            "fuse: To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}. Choose layers that fit."
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        linear.weight, linear.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused
