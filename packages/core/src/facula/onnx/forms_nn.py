"""The ONNX forms of layers: activations, convolution, pooling, normalisation, embedding."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facula.onnx.forms import form


def _number(value: float, like: Any) -> Any:
    return np.asarray(value, like.dtype)


@form("softmax_op")
def _softmax(ex: Any, input: Any, dim: int) -> Any:
    return ex.Softmax(input, axis=dim)


@form("log_softmax_op")
def _log_softmax(ex: Any, input: Any, dim: int) -> Any:
    return ex.LogSoftmax(input, axis=dim)


@form("gelu")
def _gelu(ex: Any, input: Any, approximate: str) -> Any:
    if approximate == "tanh":
        cube = ex.Mul(ex.Mul(input, input), input)
        inner = ex.Tanh(
            ex.Mul(ex.Add(input, ex.Mul(cube, _number(0.044715, input))), _number(math.sqrt(2 / math.pi), input))
        )
    else:
        inner = ex.Erf(ex.Mul(input, _number(math.sqrt(0.5), input)))
    return ex.Mul(ex.Mul(input, _number(0.5, input)), ex.Add(inner, _number(1, input)))


@form("silu_op")
def _silu(ex: Any, input: Any) -> Any:
    return ex.Mul(input, ex.Sigmoid(input))


@form("logsigmoid")
def _logsigmoid(ex: Any, input: Any) -> Any:
    return ex.Neg(ex.Softplus(ex.Neg(input)))


@form("elu_op")
def _elu(ex: Any, input: Any, alpha: float, scale: float, input_scale: float) -> Any:
    low = ex.Sub(ex.Exp(ex.Mul(ex.Min(input, _number(0, input)), _number(input_scale, input))), _number(1, input))
    return ex.Add(ex.Mul(ex.Relu(input), _number(scale, input)), ex.Mul(low, _number(alpha * scale, input)))


@form("leaky_relu_op")
def _leaky_relu(ex: Any, input: Any, slope: float) -> Any:
    return ex.LeakyRelu(input, alpha=float(slope))


@form("hardsigmoid_op")
def _hardsigmoid(ex: Any, input: Any) -> Any:
    return ex.HardSigmoid(input, alpha=1 / 6, beta=0.5)


@form("hardswish_op")
def _hardswish(ex: Any, input: Any) -> Any:
    return ex.Mul(input, ex.HardSigmoid(input, alpha=1 / 6, beta=0.5))


@form("softplus")
def _softplus(ex: Any, input: Any, beta: float, threshold: float) -> Any:
    return ex.Div(ex.Softplus(ex.Mul(input, _number(beta, input))), _number(beta, input))


@form("threshold_op")
def _threshold(ex: Any, input: Any, threshold: float, value: float) -> Any:
    return ex.Where(ex.Greater(input, _number(threshold, input)), input, _number(value, input))


@form("conv_op")
def _conv(ex: Any, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any, groups: int) -> Any:
    pads = [p[0] for p in padding] + [p[1] for p in padding]
    return ex.Conv(
        input,
        weight,
        bias,
        strides=list(stride),
        pads=pads,
        dilations=list(dilation),
        group=groups,
        kernel_shape=list(weight.shape[2:]),
    )


@form("layer_norm_op")
def _layer_norm(ex: Any, input: Any, weight: Any, bias: Any, normalized_shape: Any, eps: float) -> Any:
    scale = weight if weight is not None else np.ones(normalized_shape, input.dtype)
    return ex.LayerNormalization(input, scale, bias, axis=-len(normalized_shape), epsilon=float(eps))


@form("embedding_op")
def _embedding(ex: Any, weight: Any, indices: Any, padding_idx: Any, scale_grad_by_freq: bool) -> Any:
    return ex.Gather(weight, indices, axis=0)


@form("pad_op")
def _pad(ex: Any, input: Any, pads: Any, value: float) -> Any:
    return ex.Pad(input, ex.ints(*[p[0] for p in pads], *[p[1] for p in pads]), _number(value, input))


def _pooled(ex: Any, input: Any, rank: int, pool: Any) -> Any:
    """Pool an input that may lack the batch dimension ONNX wants."""
    if len(input.shape) == rank + 2:
        return pool(input)
    return ex.Squeeze(pool(ex.Unsqueeze(input, ex.ints(0))), ex.ints(0))


@form("max_pool_op")
def _max_pool(ex: Any, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Any:
    window: dict[str, Any] = {
        "kernel_shape": list(kernel),
        "strides": list(stride),
        "dilations": list(dilation),
        "ceil_mode": int(ceil_mode),
    }
    window["pads"] = [p[0] for p in padding] + [p[1] for p in padding]
    return _pooled(ex, input, len(kernel), lambda x: ex.MaxPool(x, **window))


@form("avg_pool_op")
def _avg_pool(
    ex: Any,
    input: Any,
    kernel: Any,
    stride: Any,
    padding: Any,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor_override: int | None,
) -> Any:
    window: dict[str, Any] = {
        "kernel_shape": list(kernel),
        "strides": list(stride),
        "ceil_mode": int(ceil_mode),
        "count_include_pad": int(count_include_pad),
    }
    window["pads"] = [p[0] for p in padding] + [p[1] for p in padding]
    out = _pooled(ex, input, len(kernel), lambda x: ex.AveragePool(x, **window))
    return out if divisor_override is None else ex.Mul(out, _number(math.prod(kernel) / divisor_override, input))
