"""The functions between layers: relu, gelu, silu, elu, softplus, hardtanh, prelu, glu, ..."""

from __future__ import annotations

import functools
import math

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.state import whole
from facula.devices.threads import blockwise
from facula.errors import runtime_error
from facula.ops.checks import floating, refused, special, uniform
from facula.ops.compare import where
from facula.ops.rules import same, wrap_dim
from facula.tensors.inplace import in_place

_ANY = [sample((3, 4)), sample((2, 1))]


def _writing(function, name):
    """The in-place spelling of a function of this family."""
    made = in_place(function, name)
    made.__module__ = __name__
    return made


@functools.lru_cache(maxsize=64)
def _zeros(n, dtype):
    return np.zeros(n, dtype)


@op(same, onnx="Relu", samples=_ANY)
def relu(xp, input, /):
    """max(input, 0)."""
    if input.dtype.kind not in "fiu":
        raise refused("relu", input)
    if xp is np and input.size > 4096 and input.shape[-1] > 63 and input.flags.c_contiguous:
        return xp.maximum(input, _zeros(input.shape[-1], input.dtype))  # twice as fast as the scalar loop
    return xp.maximum(input, 0)


relu.vjp(input=lambda g, out: g * (out > 0))
relu.array_vjp(input=lambda g, out: g * (out > 0))
relu_ = _writing(relu, "relu_")


def functional_relu(input, inplace=False):
    """max(input, 0), element by element.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.relu(facula.tensor([-1., 2.]))
    tensor([0., 2.])
    """
    return relu_(input) if inplace else relu(input)


@op(same, onnx=None, samples=_ANY)
def normal_cdf_op(xp, input, /):
    """The distribution function of the standard normal distribution: (1 + erf(input / sqrt(2))) / 2."""
    if input.dtype == np.float32:
        return blockwise(xp, _normal_cdf, input)
    out = special(xp).erf(input * math.sqrt(0.5))
    out += 1
    out *= 0.5
    return out


_ERF = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)


def _normal_cdf(xp, input):
    """Abramowitz and Stegun, 7.1.26: as exact as float32 is, and made of fast steps."""
    size = xp.abs(input)
    t = size * (0.3275911 * math.sqrt(0.5))
    t += 1
    t = 1 / t
    tail = t * _ERF[0]
    for c in _ERF[1:]:
        tail += c
        tail *= t
    size *= size
    size *= -0.5
    tail *= xp.exp(size)
    tail *= 0.5
    sign = (input > 0).astype(input.dtype)  # tail where input <= 0, 1 - tail elsewhere
    tail *= 1 - 2 * sign
    tail += sign
    return tail


_DENSITY = 1 / math.sqrt(2 * math.pi)
normal_cdf_op.vjp(input=lambda g, input: g * (input * input * -0.5).exp() * _DENSITY)
_TANH = math.sqrt(2 / math.pi)


@op(same, onnx="Gelu", samples=[*_ANY, sample((3, 4), approximate="tanh")])
def gelu(xp, input, /, *, approximate="none"):
    """input * Phi(input), Phi the normal distribution function (Hendrycks & Gimpel, 2016); "tanh" estimates it.

    >>> import facula
    >>> facula.nn.functional.gelu(facula.tensor([1.]))
    tensor([0.8413])
    """
    floating("gelu", input)
    if approximate not in ("none", "tanh"):
        raise runtime_error(
            f"gelu: approximate argument must be either none or tanh, got {approximate!r}. Use 'none' or 'tanh'."
        )
    return blockwise(xp, _gelu_values if approximate == "none" else _gelu_estimate, input)


def _gelu_values(xp, input):
    return xp.multiply(normal_cdf_op.forward(xp, input), input)


def _gelu_estimate(xp, input):
    out = input * input
    out *= 0.044715 * _TANH
    out += _TANH
    out *= input
    xp.tanh(out, out=out)
    out += 1
    out *= 0.5
    out *= input
    return out


def _gelu_slope(g, input, approximate):
    if approximate == "none":
        return g * (normal_cdf_op(input) + input * (input * input * -0.5).exp() * _DENSITY)
    square = input * input
    t = (input * (square * (0.044715 * _TANH) + _TANH)).tanh()
    return g * ((t + 1) * 0.5 + input * (1 - t * t) * (square * (3 * 0.044715) + 1) * (0.5 * _TANH))


def gelu_array(g, input, approximate, xp):
    """The gradient on arrays."""
    return blockwise(xp, _exact_slope if approximate == "none" else _estimated_slope, input, g)


def _exact_slope(xp, input, g):
    slope = input * input
    slope *= -0.5
    slope = xp.exp(slope)
    slope *= _DENSITY
    slope *= input
    slope += normal_cdf_op.forward(xp, input)
    slope *= g
    return slope


def _estimated_slope(xp, input, g):
    square = input * input
    t = square * (0.044715 * _TANH)
    t += _TANH
    t *= input
    t = xp.tanh(t)
    square *= 3 * 0.044715
    square += 1
    slope = (1 - t * t) * input
    slope *= square
    slope *= _TANH
    slope += t
    slope += 1
    slope *= 0.5
    slope *= g
    return slope


gelu.vjp(input=_gelu_slope)
gelu.array_vjp(input=gelu_array)


@op(same, onnx="Swish", samples=_ANY)
def silu_op(xp, input, /):
    """input * sigmoid(input)."""
    if input.dtype.kind == "c":
        return input / (1 + xp.exp(-input))
    floating("silu", input)
    out = xp.tanh(input * 0.5)
    out += 1
    out *= input
    out *= 0.5
    return out


def _silu_slope(g, input):
    s = input.sigmoid()
    return g * (s * (input * (1 - s) + 1)).conj()


def _silu_array(g, input, xp):
    s = xp.tanh(input * 0.5)
    s += 1
    s *= 0.5
    slope = 1 - s
    slope *= input
    slope += 1
    slope *= s
    slope *= g
    return slope


silu_op.vjp(input=_silu_slope)
silu_op.array_vjp(input=_silu_array)
_silu_ = in_place(silu_op, "silu_")


def silu(input, inplace=False):
    """input * sigmoid(input) (Elfwing et al., 2017).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.silu(facula.tensor([1.]))
    tensor([0.7311])
    """
    return _silu_(input) if inplace else silu_op(input)


@op(same, onnx="LeakyRelu", samples=[sample((3, 4), slope=0.01), sample((2,), slope=0.2)])
def leaky_relu_op(xp, input, /, slope):
    """input where it is positive, slope * input elsewhere."""
    floating("leaky_relu", input)
    return xp.maximum(input, input * slope) if 0 <= slope <= 1 else xp.where(input > 0, input, input * slope)


leaky_relu_op.vjp(input=lambda g, input, slope: where(input > 0, g, g * slope))
leaky_relu_op.array_vjp(input=lambda g, input, slope: g * ((input > 0) * g.dtype.type(1 - slope) + g.dtype.type(slope)))


def leaky_relu(input, negative_slope=0.01, inplace=False):
    """input where it is positive, negative_slope * input elsewhere.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.leaky_relu(facula.tensor([-1., 2.]), 0.1)
    tensor([-0.1000,  2.0000])
    """
    return leaky_relu_(input, negative_slope) if inplace else leaky_relu_op(input, negative_slope)


def leaky_relu_(input, negative_slope=0.01):
    """In-place version of `leaky_relu`."""
    return _leaky_relu_(input, negative_slope)


_leaky_relu_ = in_place(leaky_relu_op, "leaky_relu_")


@op(
    same,
    onnx=None,
    samples=[
        sample((3, 4), alpha=1.0, scale=1.0, input_scale=1.0),
        sample((2,), alpha=1.5, scale=1.2, input_scale=0.7),
    ],
)
def elu_op(xp, input, /, alpha, scale, input_scale):
    """scale * (max(0, input) + alpha * expm1(input_scale * min(0, input)))."""
    floating("elu", input)
    low = xp.minimum(input, 0)
    if input_scale != 1:
        low *= input_scale
    low = xp.expm1(low)
    if alpha * scale != 1:
        low *= alpha * scale
    low += xp.maximum(input, 0) * scale if scale != 1 else xp.maximum(input, 0)
    return low


def _elu_slope(g, input, alpha, scale, input_scale):
    high = input > 0
    return g * ((input.masked_fill(high, 0) * input_scale).exp() * (alpha * scale * input_scale)).masked_fill(
        high, scale
    )


def _elu_array(g, input, alpha, scale, input_scale, xp):
    slope = xp.exp(xp.minimum(input, 0) * input_scale)
    slope *= alpha * scale * input_scale
    slope += (input > 0) * (scale - alpha * scale * input_scale)
    slope *= g
    return slope


elu_op.vjp(input=_elu_slope)
elu_op.array_vjp(input=_elu_array)
_elu_ = in_place(elu_op, "elu_")
_SELU = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0


def elu(input, alpha=1.0, inplace=False):
    """input where it is positive, alpha * (exp(input) - 1) elsewhere (Clevert et al., 2015).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.elu(facula.tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """
    return elu_(input, alpha) if inplace else elu_op(input, alpha, 1.0, 1.0)


def elu_(input, alpha=1.0):
    """In-place version of `elu`."""
    return _elu_(input, alpha, 1.0, 1.0)


def selu(input, inplace=False):
    """1.0507 * elu(input, 1.6733): keeps mean 0 and variance 1 (Klambauer et al., 2017).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.selu(facula.tensor([-1., 2.]))
    tensor([-1.1113,  2.1014])
    """
    return selu_(input) if inplace else elu_op(input, *_SELU)


def selu_(input):
    """In-place version of `selu`."""
    return _elu_(input, *_SELU)


def celu(input, alpha=1.0, inplace=False):
    """max(0, input) + min(0, alpha * (exp(input / alpha) - 1)) (Barron, 2017).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.celu(facula.tensor([-1., 2.]))
    tensor([-0.6321,  2.0000])
    """
    if alpha == 0:
        raise runtime_error(
            "celu: ZeroDivisionError: alpha cannot be 0 for CELU, expected another number. Pass e.g. alpha=1.0."
        )
    return celu_(input, alpha) if inplace else elu_op(input, alpha, 1.0, 1 / alpha)


def celu_(input, alpha=1.0):
    """In-place version of `celu`."""
    return _elu_(input, alpha, 1.0, 1 / alpha)


@op(same, onnx="Softplus", samples=[*_ANY, sample((2, 3), beta=2.0, threshold=1.0)])
def softplus(xp, input, /, beta=1.0, threshold=20.0):
    """log(1 + exp(beta * input)) / beta, a smooth relu; input itself where beta * input > threshold.

    >>> import facula
    >>> facula.nn.functional.softplus(facula.tensor([0.]))
    tensor([0.6931])
    """
    floating("softplus", input)
    scaled = input * beta
    out = xp.log1p(xp.exp(xp.minimum(scaled, threshold)))
    if beta != 1:
        out /= beta
    return xp.where(scaled > threshold, input, out)


softplus.vjp(
    input=lambda g, input, beta, threshold: g * (input * beta).sigmoid().masked_fill(input * beta > threshold, 1)
)
softplus.array_vjp(
    input=lambda g, input, beta, threshold, xp: (
        g * xp.where(input * beta > threshold, g.dtype.type(1), xp.tanh(input * (beta * 0.5)) * 0.5 + 0.5)
    )
)


@op(same, onnx=None, samples=_ANY)
def logsigmoid(xp, input, /):
    """log(sigmoid(input)) = min(input, 0) - log(1 + exp(-|input|))."""
    floating("logsigmoid", input)
    return xp.minimum(input, 0) - xp.log1p(xp.exp(-xp.abs(input)))


logsigmoid.vjp(input=lambda g, input: g * (-input).sigmoid())


@op(same, onnx="Mish", samples=_ANY)
def mish_op(xp, input, /):
    """input * tanh(log(1 + exp(input)))."""
    floating("mish", input)
    return input * xp.tanh(xp.logaddexp(input, input.dtype.type(0)))


def _mish_slope(g, input):
    t = softplus(input).tanh()
    return g * (t + input * (1 - t * t) * input.sigmoid())


def _mish_array(g, input, xp):
    t = xp.tanh(xp.logaddexp(input, input.dtype.type(0)))
    return g * (t + xp.minimum(input, 20) * (1 - t * t) * (xp.tanh(input * 0.5) * 0.5 + 0.5))


mish_op.vjp(input=_mish_slope)
mish_op.array_vjp(input=_mish_array)


_mish_ = in_place(mish_op, "mish_")


def mish(input, inplace=False):
    """input * tanh(softplus(input)) (Misra, 2019).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.mish(facula.tensor([-1., 2.]))
    tensor([-0.3034,  1.9440])
    """
    return _mish_(input) if inplace else mish_op(input)


def tanhshrink(input):
    """input - tanh(input).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.tanhshrink(facula.tensor([1.]))
    tensor([0.2384])
    """
    return input - input.tanh()


def softsign(input):
    """input / (1 + |input|).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.softsign(facula.tensor([-1., 3.]))
    tensor([-0.5000,  0.7500])
    """
    return input / (input.abs() + 1)


def _prelu_shape(input, weight):
    if weight.ndim > 1:
        raise runtime_error(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}. Give one number, "
            "or one per channel."
        )
    if weight.size != 1:
        channels = input.shape[1] if input.ndim > 1 else 1
        if not input.ndim:
            raise runtime_error(
                "prelu: Not allow zero-dim input tensor, expected channels for several weights. Use one weight."
            )
        if channels != weight.size:
            raise runtime_error(
                "prelu: Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{weight.size} and channel size = {channels}. "
                f"Build the layer with num_parameters={channels}."
            )


@whole
def prelu(input, weight):
    """max(0, input) + weight * min(0, input), one weight or one per channel (He et al., 2015).

    Shape: (*), weight (1), or (N, C, *), weight (C) -> the same as input.

    >>> import facula
    >>> facula.nn.functional.prelu(facula.tensor([-2., 2.]), facula.tensor([0.25]))
    tensor([-0.5000,  2.0000])
    """
    _prelu_shape(input.array, weight.array)
    if weight.ndim:
        weight = weight.reshape(
            tuple(-1 if d == 1 or input.ndim < 2 else 1 for d in range(max(input.ndim, 1)))
            if weight.numel() > 1
            else (1,) * input.ndim
        )
    if input.dtype != weight.dtype:
        raise runtime_error(
            f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}. Convert one with .to()."
        )
    return where(input > 0, input, weight * input)


def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """leaky_relu with a slope drawn anew from [lower, upper) for each element in training, their mean otherwise (Xu et al., 2015).

    Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.rrelu(facula.tensor([-48., 2.]))
    tensor([-11.,   2.])
    """
    if not lower <= upper:
        raise runtime_error(
            f"rrelu: Lower bound should be less than or equal to the upper bound, got {lower} and {upper}. Exchange "
            "them."
        )
    return rrelu_(input, lower, upper, training) if inplace else _rrelu(input, lower, upper, training)


def _rrelu(input, lower, upper, training):
    if not training:
        return leaky_relu_op(input, (lower + upper) / 2)
    floating("rrelu", input.array, "fV")
    return where(input > 0, input, input * (uniform(input) * (upper - lower) + lower))


_rrelu_ = in_place(_rrelu, "rrelu_")


def rrelu_(input, lower=1.0 / 8, upper=1.0 / 3, training=False):
    """In-place version of `rrelu`."""
    return _rrelu_(input, lower, upper, training)


def glu(input, dim=-1):
    """The first half of input along dim times the sigmoid of the second (Dauphin et al., 2016).

    Shape: (*, 2 n, *) -> (*, n, *).

    >>> import facula
    >>> facula.nn.functional.glu(facula.tensor([4., 0.]))
    tensor([2.])
    """
    if not input.ndim:
        raise runtime_error(
            "glu: glu does not support 0-dimensional tensors, expected at least one dimension. Reshape it first."
        )
    d = wrap_dim(dim, input.ndim)
    size = input.shape[d]
    if size % 2:
        raise runtime_error(
            f"glu: Halving dimension must be even, but dimension {d} is size {size}. Choose another dim."
        )
    return input.narrow(d, 0, size // 2) * input.narrow(d, size // 2, size // 2).sigmoid()
