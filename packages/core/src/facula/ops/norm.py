"""Normalisation: layer_norm, batch_norm, group_norm, instance_norm, rms_norm, local_response_norm, normalize."""

from __future__ import annotations

import functools
import math

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.state import state, whole
from facula.devices.meta import Meta
from facula.devices.products import product
from facula.devices.threads import ranges, share
from facula.errors import runtime_error, value_error
from facula.ops.checks import floating
from facula.ops.compare import where
from facula.tensors.inplace import bump


def _shape_of(normalized_shape):
    return (
        (int(normalized_shape),)
        if isinstance(normalized_shape, (int, np.integer))
        else tuple(int(n) for n in normalized_shape)
    )


def _check_normalized(name, input, shape, *parameters):
    if not shape:
        raise runtime_error(
            f"{name}: Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one element, "
            "but got normalized_shape = (). Name at least one dimension."
        )
    for what, p in zip(("weight", "bias"), parameters, strict=False):
        if p is not None and tuple(p.shape) != shape:
            raise runtime_error(
                f"{name}: Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
                f"{list(p.shape)} and normalized_shape = {list(shape)}. Build the layer with that shape."
            )
    if tuple(input.shape[-len(shape) :]) != shape:
        raise runtime_error(
            f"{name}: Given normalized_shape={list(shape)}, expected input with shape [*, "
            f"{', '.join(map(str, shape))}], but got input of size {list(input.shape)}. "
            f"Build the layer with {list(input.shape[-len(shape) :])}."
        )


def fits(input, shape, *parameters):
    """Whether an input ends in `shape`, and parameters are of that shape."""
    if not shape or input.shape[input.ndim - len(shape) :] != shape:
        return False
    return not parameters or {p.shape for p in parameters} == {shape}


def _layer_norm_shape(input, weight=None, bias=None, normalized_shape=(), eps=1e-5):
    _check_normalized("layer_norm", input, normalized_shape, weight, bias)
    return Meta(input.shape, input.dtype)


def _rows(array, shape):
    return array.reshape(-1, math.prod(shape))


@op(_layer_norm_shape, onnx="LayerNormalization", samples=[
    sample((3, 4), (4,), (4,), normalized_shape=(4,), eps=1e-5),
    sample((2, 3, 2), normalized_shape=(3, 2), eps=1e-3),
    sample((2, 4), (4,), normalized_shape=(4,), eps=1e-5),
])  # fmt: skip
def layer_norm_op(xp, input, weight=None, bias=None, /, normalized_shape=(), eps=1e-5):
    """(input - mean) / sqrt(var + eps) * weight + bias over the last dimensions."""
    floating("layer_norm", input)
    shape = normalized_shape
    if not fits(input, shape, *[p for p in (weight, bias) if p is not None]):
        _check_normalized("layer_norm", input, shape, weight, bias)
    if len(shape) > 1:
        weight, bias = None if weight is None else weight.reshape(-1), None if bias is None else bias.reshape(-1)
    elif xp is np and input.size == shape[0]:
        return _unit_row(input.reshape(-1), weight, bias, eps).reshape(input.shape)
    return _unit_rows(xp, _rows(input, shape), weight, bias, eps).reshape(input.shape)


def _unit_rows(xp, rows, weight, bias, eps):
    out, rstd = _centred(xp, rows, eps)
    out *= rstd
    return _affine_rows(out, weight, bias)


def _unit_row(row, weight, bias, eps):
    """A single row, as where a text is written id by id: its mean and spread are numbers, which cost less than columns."""
    n = row.size
    out = row - row.dot(_shares(n, row.dtype))
    out *= 1 / np.sqrt(out.dot(out) / max(n, 1) + eps)
    return _affine_rows(out, weight, bias)


def _affine_rows(out, weight, bias):
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out


def _centred(xp, rows, eps):
    """Rows minus their mean, and 1 / their standard deviation."""
    n = max(rows.shape[1], 1)
    centred = rows - _means(xp, rows, n)
    var = _dots(xp, centred, centred)
    return centred, (1 / xp.sqrt(var / n + eps))[:, None]


def _means(xp, rows, n):
    """The mean of each row as a product with a vector, which BLAS does in one fast pass."""
    shares = _shares(rows.shape[1], rows.dtype) if xp is np else xp.full(rows.shape[1], 1 / n, rows.dtype)
    return product(rows, shares)[:, None]


@functools.lru_cache(maxsize=32)
def _shares(n, dtype):
    """1 / n, n times."""
    shares = np.full(n, 1 / max(n, 1), dtype)
    shares.flags.writeable = False
    return shares


def _dots(xp, a, b):
    """The dot product of each pair of rows."""
    return np.vecdot(a, b) if xp is np else xp.einsum("ij,ij->i", a, b)


def _layer_norm_slope(g, input, weight, shapes, needs, normalized_shape, eps):
    dims = tuple(range(input.ndim - len(normalized_shape), input.ndim))
    outer = tuple(range(input.ndim - len(normalized_shape)))
    centred = input - input.mean(dims, keepdim=True)
    rstd = ((centred * centred).mean(dims, keepdim=True) + eps).rsqrt()
    unit = centred * rstd
    scaled = g if weight is None else g * weight
    slope = (
        rstd * (scaled - scaled.mean(dims, keepdim=True) - unit * (scaled * unit).mean(dims, keepdim=True))
        if needs[0]
        else None
    )
    at_weight = ((g * unit).sum(outer) if outer else g * unit) if needs[1] else None
    return slope, at_weight, ((g.sum(outer) if outer else g) if needs[2] else None)


def layer_norm_array(g, input, weight, needs, normalized_shape, eps, xp):
    """The gradients on arrays, in blocks of rows."""
    shape, rows, upper = normalized_shape, _rows(input, normalized_shape), _rows(g, normalized_shape)
    pieces = ranges(len(rows), rows.shape[1]) if xp is np else [(0, len(rows))]
    slope = xp.empty(rows.shape, rows.dtype) if needs[0] else None
    at_weight = xp.empty((len(pieces), rows.shape[1]), rows.dtype) if needs[1] else None
    at_bias = product(xp.ones(len(upper), upper.dtype), upper).reshape(shape) if needs[2] else None
    flat = None if weight is None else weight.reshape(-1)
    numbers = {piece: k for k, piece in enumerate(pieces)}

    def work(start, stop):
        unit, rstd = _centred(xp, rows[start:stop], eps)
        unit *= rstd
        part = upper[start:stop]
        if needs[1]:
            xp.einsum("ij,ij->j", part, unit, out=at_weight[numbers[start, stop]])
        if needs[0]:
            slope[start:stop] = _slope_rows(xp, part, unit, rstd, flat)

    share(work, pieces)
    return (
        slope.reshape(input.shape) if needs[0] else None,
        at_weight.sum(axis=0).reshape(shape) if needs[1] else None,
        at_bias,
    )


def _slope_rows(xp, g, unit, rstd, weight):
    slope = g.copy() if weight is None else g * weight
    n = max(g.shape[1], 1)
    mean = _means(xp, slope, n)
    unit *= _dots(xp, slope, unit)[:, None] / n
    slope -= unit
    slope -= mean
    slope *= rstd
    return slope


layer_norm_op.vjp(_layer_norm_slope)
layer_norm_op.array_vjp(layer_norm_array)


def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-5, cudnn_enable=True):
    """(input - mean) / sqrt(var + eps) * weight + bias over the last dimensions (Ba et al., 2016).

    Shape: (*, *normalized_shape) -> the same.

    >>> import facula
    >>> facula.nn.functional.layer_norm(facula.tensor([[1., 3.]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    shape = normalized_shape if type(normalized_shape) is tuple else _shape_of(normalized_shape)
    return layer_norm_op(input, weight, bias, shape, eps)


def rms_norm(input, normalized_shape, weight=None, eps=None):
    """input / sqrt(mean(input ** 2) + eps) * weight over the last dimensions (Zhang and Sennrich, 2019).

    Shape: (*, *normalized_shape) -> the same.

    >>> import facula
    >>> facula.nn.functional.rms_norm(facula.tensor([3., 4.]), (2,))
    tensor([0.8485, 1.1314])
    """
    shape = _shape_of(normalized_shape)
    _check_normalized("rms_norm", input, shape, weight)
    if eps is None:
        eps = float(np.finfo(np.float32 if input.array.dtype.itemsize < 4 else input.array.dtype).eps)
    dims = tuple(range(input.ndim - len(shape), input.ndim))
    power = (input * input.conj()).mean(dims, keepdim=True)
    out = input * (power + eps).rsqrt()
    return out if weight is None else out * weight


def _channel_axes(ndim):
    return (0, *range(2, ndim))


def _per_channel(t, ndim):
    return t.reshape(1, -1, *(1,) * (ndim - 2))


def _batch_norm_shape(input, weight=None, bias=None, eps=1e-5):
    _check_channels("batch_norm", input, weight, bias)
    c = (input.shape[1],)
    return Meta(input.shape, input.dtype), Meta(c, input.dtype), Meta(c, input.dtype)


def _check_channels(name, input, *parameters):
    if input.ndim < 2:
        raise runtime_error(
            f"{name}: expected at least 2 dimensions (N, C, ...), got shape {tuple(input.shape)}. Add a batch "
            "dimension with .unsqueeze(0)."
        )
    c = input.shape[1]
    for what, p in zip(("weight", "bias", "running_mean", "running_var"), parameters, strict=False):
        if p is not None and math.prod(p.shape) != c:
            raise runtime_error(
                f"{name}: {what} should contain {c} elements not {math.prod(p.shape)}, expected one per channel of "
                f"input {tuple(input.shape)}. Build the layer with num_features={c}."
            )


def _moments(xp, input):
    """(mean, biased variance) of each channel, and the input minus the mean."""
    axes = _channel_axes(input.ndim)
    n = max(input.size // max(input.shape[1], 1), 1)
    mean = input.sum(axis=axes) / n
    centred = input - _per_channel(mean, input.ndim)
    flat = centred.reshape(*input.shape[:2], math.prod(input.shape[2:]))
    var = xp.einsum("nci,nci->c", flat, flat) if input.ndim > 2 else xp.einsum("nc,nc->c", centred, centred)
    return mean, var / n, centred


@op(_batch_norm_shape, returns=3, keeps=(1, 2), onnx="BatchNormalization", samples=[
    sample((4, 3), (3,), (3,), eps=1e-5), sample((2, 3, 4), eps=1e-3), sample((2, 3, 2, 2), (3,), (3,), eps=1e-5),
])  # fmt: skip
def batch_norm_op(xp, input, weight=None, bias=None, /, eps=1e-5):
    """input normalised per channel with the batch's own mean and variance; also these two."""
    floating("batch_norm", input)
    if input.ndim < 2:
        _check_channels("batch_norm", input)
    mean, var, out = _moments(xp, input)
    factor = 1 / xp.sqrt(var + eps)
    out *= _per_channel(factor if weight is None else factor * weight, input.ndim)
    if bias is not None:
        out += _per_channel(bias, input.ndim)
    return out, mean, var


def _batch_norm_slope(g, input, weight, needs, eps):
    dims, n = _channel_axes(input.ndim), max(input.numel() // max(input.shape[1], 1), 1)
    spread = lambda t: _per_channel(t, input.ndim)
    centred = input - input.mean(dims, keepdim=True)
    rstd = ((centred * centred).mean(dims, keepdim=True) + eps).rsqrt()
    unit = centred * rstd
    first, at_mean, at_var = g
    if first is None:
        first = input * 0
    scaled = first if weight is None else first * spread(weight)
    slope = rstd * (scaled - scaled.mean(dims, keepdim=True) - unit * (scaled * unit).mean(dims, keepdim=True))
    if at_mean is not None:
        slope = slope + spread(at_mean) / n
    if at_var is not None:
        slope = slope + centred * (spread(at_var) * (2 / n))
    return slope, (first * unit).sum(dims) if needs[1] else None, first.sum(dims) if needs[2] else None


def batch_norm_array(g, out, input, weight, needs, eps, xp):
    """The gradients on arrays."""
    first, at_mean, at_var = g
    if at_mean is not None or at_var is not None or first is None:
        from facula.tensors.tensor import wrap

        tensors = [None if t is None else wrap(t) for t in (input, weight)]
        found = _batch_norm_slope(tuple(None if t is None else wrap(t) for t in g), *tensors, needs, eps)
        return tuple(None if t is None else t.array for t in found)
    ndim, axes = input.ndim, _channel_axes(input.ndim)
    n = max(input.size // max(input.shape[1], 1), 1)
    _, mean, var = out
    rstd = 1 / xp.sqrt(var + eps)
    unit = input - _per_channel(mean, ndim)
    unit *= _per_channel(rstd, ndim)
    shape = (*input.shape[:2], math.prod(input.shape[2:]))
    at_bias = first.sum(axis=axes)
    at_weight = xp.einsum("nci,nci->c", first.reshape(shape), unit.reshape(shape)) if input.size else at_bias * 0
    if not needs[0]:
        return None, at_weight, at_bias
    factor = rstd if weight is None else rstd * weight
    unit *= _per_channel(at_weight * (-1 / n), ndim)
    unit += first
    unit -= _per_channel(at_bias * (1 / n), ndim)
    unit *= _per_channel(factor, ndim)
    return unit, at_weight if needs[1] else None, at_bias if needs[2] else None


batch_norm_op.vjp(_batch_norm_slope)
batch_norm_op.array_vjp(batch_norm_array)


def _affine_shape(input, weight, bias):
    return Meta(input.shape, input.dtype)


@op(_affine_shape, onnx=None, samples=[sample((2, 3, 4), (3,), (3,)), sample((4, 3, 2, 2), (3,), (3,))])
def channel_affine_op(xp, input, weight, bias, /):
    """input * weight + bias, with one weight and one bias per channel (dimension 1)."""
    out = input * _per_channel(weight, input.ndim)
    out += _per_channel(bias, input.ndim)
    return out


def _channel_affine_slope(g, input, weight, needs):
    dims = _channel_axes(input.ndim)
    slopes = g * _per_channel(weight, input.ndim) if needs[0] else None
    return slopes, (g * input).sum(dims) if needs[1] else None, g.sum(dims) if needs[2] else None


def channel_affine_array(g, input, weight, needs, xp):
    """The gradients on arrays."""
    axes = _channel_axes(input.ndim)
    slopes = g * _per_channel(weight, input.ndim) if needs[0] else None
    return slopes, (g * input).sum(axis=axes) if needs[1] else None, g.sum(axis=axes) if needs[2] else None


channel_affine_op.vjp(_channel_affine_slope)
channel_affine_op.array_vjp(channel_affine_array)


def _affine(input, weight, bias):
    """input * weight + bias per channel, where one of the two may be missing."""
    if weight is not None and bias is not None and not state.interpreters and input.dtype == weight.dtype == bias.dtype:
        return channel_affine_op(input, weight, bias)  # an interpreter sees the parts
    if weight is not None:
        input = input * _per_channel(weight, input.ndim)
    return input if bias is None else input + _per_channel(bias, input.ndim)


def _terms_shape(mean, var, weight, bias, eps):
    return Meta(mean.shape, mean.dtype), Meta(mean.shape, mean.dtype)


@op(_terms_shape, returns=2, onnx=None, samples=[
    sample((3,), (3,), (3,), (3,), eps=4.0), sample((1,), (1,), (1,), (1,), eps=5.0),
])  # fmt: skip
def channel_terms_op(xp, mean, var, weight, bias, /, eps):
    """The factor weight / sqrt(var + eps) and the shift bias - mean * factor of each channel."""
    factor = weight / xp.sqrt(var + eps)
    return factor, bias - mean * factor


def _terms_slope(g, mean, var, weight, needs, eps):
    at_factor, at_shift = g
    rstd = (var + eps).rsqrt()
    if at_shift is not None:
        at_factor = -at_shift * mean if at_factor is None else at_factor - at_shift * mean
    return (
        -at_shift * weight * rstd if needs[0] and at_shift is not None else None,
        at_factor * weight * rstd**3 * -0.5 if needs[1] else None,
        at_factor * rstd if needs[2] else None,
        at_shift if needs[3] else None,
    )


channel_terms_op.vjp(_terms_slope)


def _fixed(input, mean, var, weight, bias, eps):
    """Normalise with statistics that are given."""
    parts = mean, var, weight, bias
    if not state.interpreters and all(p is not None and p.dtype == input.dtype for p in parts):
        return _affine(input, *channel_terms_op(*parts, eps=eps))
    factor = (var + eps).rsqrt()
    if weight is not None:
        factor = factor * weight
    shift = -mean * factor
    if bias is not None:
        shift = shift + bias
    return _affine(input, factor.to(input.dtype), shift.to(input.dtype))


def _follow(running, value, momentum, writer, keep=None):
    """running = (1 - momentum) * running + momentum * value, in place; `keep` replaces the first factor."""
    if running is None or running.is_meta:
        return
    running.array *= 1 - momentum if keep is None else keep
    running.array += (value.array * momentum).astype(running.array.dtype)
    bump(running, writer)


def functional_batch_norm(
    input, running_mean, running_var, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5
):
    """(input - mean) / sqrt(var + eps) * weight + bias per channel (Ioffe and Szegedy, 2015).

    In training the batch gives mean and variance, and the running ones move towards them by momentum; otherwise the running ones are used.

    Shape: (N, C, *) -> (N, C, *).

    >>> import facula
    >>> facula.nn.functional.batch_norm(facula.tensor([[1.], [3.]]), None, None, training=True)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    if input.ndim < 2 and not input.numel():
        return input.clone()
    _check_channels("batch_norm", input, weight, bias, running_mean, running_var)
    if not training:
        if running_mean is None or running_var is None:
            raise runtime_error(
                "batch_norm: Expected running_mean and running_var to be defined when training=False. Pass them, or "
                "training=True."
            )
        return _fixed(input, running_mean, running_var, weight, bias, eps)
    count = input.numel() // max(input.shape[1], 1)
    if count == 1:
        raise value_error(
            f"batch_norm: Expected more than 1 value per channel when training, got input size {tuple(input.shape)}. Use "
            "a larger batch, e.g. with drop_last=True in the DataLoader."
        )
    out, mean, var = batch_norm_op(input, weight, bias, eps)
    if not count:
        return out
    momentum = 0.0 if momentum is None else momentum
    _follow(running_mean, mean, momentum, "batch_norm")
    _follow(running_var, var, momentum * count / (count - 1), "batch_norm", 1 - momentum)
    return out


def batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled=True):
    """`nn.functional.batch_norm` with its parameters first.   Shape: (N, C, *) -> (N, C, *).

    >>> import facula
    >>> facula.batch_norm(facula.tensor([[1.], [3.]]), None, None, None, None, True, 0.1, 1e-5)
    tensor([[-1.0000],
            [ 1.0000]])
    """
    return functional_batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def functional_instance_norm(
    input, running_mean=None, running_var=None, weight=None, bias=None, use_input_stats=True, momentum=0.1, eps=1e-5
):
    """Normalises each channel of each instance by its own mean and variance (Ulyanov et al., 2016).

    Shape: (N, C, *) -> (N, C, *).

    >>> import facula
    >>> facula.nn.functional.instance_norm(facula.tensor([[[1., 3.]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    _check_channels("instance_norm", input, weight, bias, running_mean, running_var)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise runtime_error(
                "instance_norm: Expected running_mean and running_var to be defined when use_input_stats is false. "
                "Pass them."
            )
        return _fixed(input, running_mean, running_var, weight, bias, eps)
    n, c = input.shape[:2]
    count = math.prod(input.shape[2:])
    if count == 1:
        raise value_error(
            f"instance_norm: Expected more than 1 spatial element when training, got input size {input.shape}. Use "
            "larger inputs."
        )
    out, mean, var = batch_norm_op(input.reshape(1, n * c, *input.shape[2:]), None, None, eps)
    out = out.reshape(input.shape)
    _follow(running_mean, mean.detach().reshape(n, c).mean(0), momentum, "instance_norm")
    spread = momentum * count / max(count - 1, 1)
    _follow(running_var, var.detach().reshape(n, c).mean(0), spread, "instance_norm", 1 - momentum)
    return _affine(out, weight, bias)


def instance_norm(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, cudnn_enabled=True):
    """`nn.functional.instance_norm` with its parameters first.   Shape: (N, C, *) -> (N, C, *)."""
    return functional_instance_norm(input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)


@whole
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-5, cudnn_enabled=True):
    """Normalises each group of channels of each instance (Wu and He, 2018).   Shape: (N, C, *) -> (N, C, *).

    >>> import facula
    >>> facula.nn.functional.group_norm(facula.tensor([[1., 3., 5., 5.]]), 2)
    tensor([[-1.0000,  1.0000,  0.0000,  0.0000]])
    """
    if input.ndim < 2:
        raise runtime_error(
            f"group_norm: Expected at least 2 dimensions for input tensor but received {input.ndim}. Reshape it to "
            "(N, C, ...)."
        )
    n, c = input.shape[:2]
    if num_groups <= 0 or c % num_groups:
        raise runtime_error(
            "group_norm: Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(input.shape)} and num_groups={num_groups}. Choose a divisor of {c}."
        )
    for what, p in (("weight", weight), ("bias", bias)):
        if p is not None and tuple(p.shape) != (c,):
            raise runtime_error(
                f"group_norm: Expected {what} to be a vector of size equal to the number of channels in input, but "
                f"got {what} of shape {list(p.shape)} and input of shape {list(input.shape)}. Build the layer with "
                f"num_channels={c}."
            )
    width = input.numel() // max(n * num_groups, 1)
    if not input.numel():
        out = input * 1
    else:
        out = layer_norm_op(input.reshape(n * num_groups, width), None, None, (width,), eps).reshape(input.shape)
    return _affine(out, weight, bias)


def local_response_norm(input, size, alpha=1e-4, beta=0.75, k=1.0):
    """input / (k + alpha * mean of squares over `size` neighbouring channels) ** beta (Krizhevsky et al., 2012).

    Shape: (N, C, *) -> (N, C, *).

    >>> import facula
    >>> facula.nn.functional.local_response_norm(facula.ones(1, 2, 3), 2).shape
    facula.Size([1, 2, 3])
    """
    if input.ndim < 3:
        raise value_error(
            f"local_response_norm: Expected 3D or higher dimensionality input (got {input.ndim} dimensions). Reshape "
            "it to (N, C, L)."
        )
    if not input.numel():
        return input
    from facula.ops.pad import pad_op
    from facula.ops.pool import avg_pool_op

    n, c = input.shape[:2]
    squares = (input * input).reshape(n, c, -1).permute(0, 2, 1)
    squares = pad_op(squares, ((0, 0), (0, 0), (size // 2, (size - 1) // 2)), 0.0)
    mean = avg_pool_op(squares, (size,), (1,), ((0, 0),), False, True, None).permute(0, 2, 1).reshape(input.shape)
    return input / (mean * alpha + k) ** beta


@whole
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """input / max(norm(input, p), eps) along dim.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.normalize(facula.tensor([[3., 4.]]))
    tensor([[0.6000, 0.8000]])
    """
    from facula.ops.distance import p_norm

    norm = p_norm(input, p, dim, True)
    result = input / where(norm > eps, norm, eps)
    if out is None:
        return result
    from facula.tensors.inplace import write_out

    return write_out(out, result)
