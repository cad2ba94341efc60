"""Convolutions of any rank and their transposes, as large matrix products over columns of windows.

Three records are each other's gradients: `conv_op` (windows times weight), `conv_input_op` (its adjoint in the input, which is the
transposed convolution) and `conv_weight_op` (its adjoint in the weight).
"""

from __future__ import annotations

import math

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.state import whole
from facula.devices.meta import Meta
from facula.devices.products import product
from facula.devices.threads import ranges, share
from facula.errors import runtime_error
from facula.ops.checks import sizes

_BUFFER, _CACHED = 1 << 20, 1 << 16  # elements made at a time by the two methods: they should stay in the cache


def out_size(n, k, stride, low, high, dilation):
    """The number of windows along one dimension."""
    return (n + low + high - dilation * (k - 1) - 1) // stride + 1


def _check(name, input, weight, bias, stride, padding, dilation, groups):
    spatial = weight.ndim - 2
    if input.ndim != weight.ndim:
        raise runtime_error(
            f"{name}: Expected {spatial + 1}D (unbatched) or {spatial + 2}D (batched) input to conv{spatial}d, but "
            f"got input of size: {list(input.shape)}. Reshape it first, e.g. x.view(-1, {weight.shape[1] * groups}, "
            f"{', '.join('DHW'[3 - spatial :])})."
        )
    if groups <= 0:
        raise runtime_error(
            f"{name}: non-positive groups is not supported, expected at least 1, got {groups}. Use groups=1."
        )
    if min(stride) <= 0 or min(dilation) <= 0:
        raise runtime_error(
            f"{name}: non-positive stride is not supported, expected positive stride and dilation, got {stride} and "
            f"{dilation}. Use 1."
        )
    if any(p < 0 for pair in padding for p in pair):
        raise runtime_error(f"{name}: negative padding is not supported, got {padding}. Crop the input instead.")
    channels, outs = weight.shape[1] * groups, weight.shape[0]
    if outs % groups or outs < groups:
        raise runtime_error(
            f"{name}: Given groups={groups}, expected weight to be at least {groups} at dimension 0 and divisible by "
            f"it, but got weight of size {list(weight.shape)}. "
            "Change out_channels or groups."
        )
    if input.shape[1] != channels:
        last = (0, spatial + 1, *range(1, spatial + 1))
        fix = (
            f"Move them there with .permute{last}"
            if input.shape[-1] == channels
            else f"Build the layer with in_channels={input.shape[1]}"
        )
        raise runtime_error(
            f"{name}: Given groups={groups}, weight of size {list(weight.shape)}, expected input{list(input.shape)} "
            f"to have {channels} channels, but got {input.shape[1]} channels instead. {fix}."
        )
    if bias is not None and tuple(bias.shape) != (outs,):
        raise runtime_error(
            f"{name}: Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with {outs} "
            f"elements, but got bias of size {list(bias.shape)} instead. "
            "Give one number per output channel."
        )


def _conv_shape(input, weight, bias=None, stride=(1,), padding=((0, 0),), dilation=(1,), groups=1):
    name = f"conv{weight.ndim - 2}d"
    _check(name, input, weight, bias, stride, padding, dilation, groups)
    spans = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilation, strict=True)]
    padded = [n + low + high for n, (low, high) in zip(input.shape[2:], padding, strict=True)]
    if any(n < s for n, s in zip(padded, spans, strict=True)):
        raise runtime_error(
            f"{name}: Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel size: "
            f"({' x '.join(map(str, spans))}). "
            "Kernel size can't be greater than actual input size. Use a smaller kernel."
        )
    if input.dtype != weight.dtype or (bias is not None and bias.dtype != input.dtype):
        raise runtime_error(
            f"{name}: Input type ({input.dtype}) and weight type ({weight.dtype}) and bias type should be the same. "
            f"Convert the input with .to(facula.{weight.dtype})."
        )
    found = [
        out_size(n, k, s, *p, d)
        for n, k, s, p, d in zip(input.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    ]
    return Meta((input.shape[0], weight.shape[0], *found), input.dtype)


def padded(xp, array, padding, value=0):
    """An array with its last dimensions padded."""
    if not any(p for pair in padding for p in pair):
        return array
    lead = array.ndim - len(padding)
    shape = (*array.shape[:lead], *(n + low + high for n, (low, high) in zip(array.shape[lead:], padding, strict=True)))
    out = xp.full(shape, value, array.dtype) if value else xp.zeros(shape, array.dtype)
    out[(..., *(slice(low, low + n) for n, (low, _) in zip(array.shape[lead:], padding, strict=True)))] = array
    return out


def _offset(at, dilation, stride, outs):
    """The slice of a padded array under one kernel element."""
    return (
        ...,
        *(slice(k * d, k * d + s * (o - 1) + 1, s) for k, d, s, o in zip(at, dilation, stride, outs, strict=True)),
    )


def _windows(xp, array, kernel, stride, dilation, outs):
    """A view (N, C, *kernel, *outs) of a padded array (N, C, *spatial)."""
    lead, rest = array.strides[:2], array.strides[2:]
    steps = (
        *lead,
        *(s * d for s, d in zip(rest, dilation, strict=True)),
        *(s * t for s, t in zip(rest, stride, strict=True)),
    )
    return xp.lib.stride_tricks.as_strided(array, (*array.shape[:2], *kernel, *outs), steps)


def _chunks(start, stop, each):
    """Ranges of images whose columns fit the buffer."""
    step = max(1, min(stop - start, _BUFFER // max(each, 1)))
    return [(i, min(i + step, stop)) for i in range(start, stop, step)]


def _each(xp, work, pieces):
    """Call work(start, stop) for each piece, on all threads of a processor."""
    if xp is np:
        share(work, pieces)
        return
    for start, stop in pieces:
        work(start, stop)


def _groups(xp, n, each, most=8):
    """Lists of chunks that threads work on at a time (one list on a device): the same for any number of threads."""
    spans = ranges(n, 1, -(-n // most)) if xp is np and n * each > _CACHED else [(0, n)]
    return [_chunks(*span, each) for span in spans]


def _share_chunks(xp, work, n, each):
    """Call work(start, stop) for chunks of images."""
    _each(xp, work, [chunk for chunks in _groups(xp, n, each) for chunk in chunks])


def _columns(xp, array, kernel, stride, dilation, outs, groups, start, stop):
    """(groups, channels * kernel, images * outs), contiguous."""
    view = _windows(xp, array[start:stop], kernel, stride, dilation, outs)
    channels = array.shape[1]
    columns = xp.empty((channels, *kernel, stop - start, *outs), array.dtype)
    rank = len(kernel)
    columns[...] = view.transpose(1, *range(2, 2 + rank), 0, *range(2 + rank, 2 + 2 * rank))
    return columns.reshape(groups, channels // groups * math.prod(kernel), -1)


def _is_pointwise(kernel, stride, padding):
    return math.prod(kernel) == 1 and max(stride, default=1) == 1 and not any(p for pair in padding for p in pair)


def _across(xp, g, groups, start, stop):
    """(images, channels, *outs) as (groups, channels / groups, images * outs)."""
    part = g[start:stop]
    n, c = part.shape[:2]
    if n == 1 and part.flags.c_contiguous:
        return part.reshape(groups, c // groups, -1)
    return xp.ascontiguousarray(part.reshape(n, c, -1).transpose(1, 0, 2)).reshape(groups, c // groups, -1)


def _is_depthwise(groups, weight):
    return groups > 1 and weight.shape[1] == 1 and weight.shape[0] == groups


def _per_channel(vector, rank):
    return vector.reshape(-1, *(1,) * rank)


@op(_conv_shape, onnx="Conv", samples=[
    sample((2, 3, 7), (4, 3, 3), (4,), stride=(2,), padding=((1, 1),), dilation=(1,), groups=1),
    sample((2, 4, 5, 5), (4, 2, 3, 2), stride=(1, 2), padding=((1, 0), (0, 1)), dilation=(2, 1), groups=2),
    sample((1, 2, 3, 3, 3), (2, 2, 1, 1, 1), (2,), stride=(1, 1, 1), padding=((0, 0),) * 3, dilation=(1, 1, 1), groups=1),
    sample((2, 3, 4, 4), (3, 1, 3, 3), stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=3),
])  # fmt: skip
def conv_op(xp, input, weight, bias=None, /, stride=(1,), padding=((0, 0),), dilation=(1,), groups=1):
    """Windows of `input` times `weight`: (N, C, *), (O, C / groups, *kernel) -> (N, O, *)."""
    shape = _conv_shape(input, weight, bias, stride, padding, dilation, groups).shape
    kernel, rank = weight.shape[2:], weight.ndim - 2
    if not math.prod(shape) or not weight.size:
        out = xp.zeros(shape, input.dtype)
    elif _is_pointwise(kernel, stride, padding) and groups == 1:
        out = xp.matmul(weight.reshape(weight.shape[0], -1), input.reshape(*input.shape[:2], -1)).reshape(shape)
    elif _is_depthwise(groups, weight):
        out = _depthwise(xp, padded(xp, input, padding), weight, stride, dilation, shape)
    else:
        out = _dense(xp, padded(xp, input, padding), weight, stride, dilation, groups, shape)
    if bias is not None:
        out += _per_channel(bias, rank)
    return out


def _dense(xp, array, weight, stride, dilation, groups, shape):
    kernel, outs = weight.shape[2:], shape[2:]
    out = xp.empty(shape, array.dtype)
    matrix = weight.reshape(groups, weight.shape[0] // groups, -1)

    def work(start, stop):
        columns = _columns(xp, array, kernel, stride, dilation, outs, groups, start, stop)
        if stop - start == 1:
            out[start] = product(matrix, columns).reshape(shape[1:])
            return
        made = product(matrix, columns).reshape(shape[1], stop - start, -1)
        out[start:stop].reshape(stop - start, shape[1], -1)[...] = made.transpose(1, 0, 2)

    _share_chunks(xp, work, shape[0], array.shape[1] * math.prod(kernel) * math.prod(outs))
    return out


def _images(n, each):
    """Ranges of images of which a few copies fit the cache."""
    step = max(1, min(n, _CACHED // max(each, 1)))
    return [(i, min(i + step, n)) for i in range(0, n, step)]


def _depthwise(xp, array, weight, stride, dilation, shape):
    out, rank = xp.empty(shape, array.dtype), weight.ndim - 2

    def work(start, stop):
        source, target, made = array[start:stop], out[start:stop], None
        for i, at in enumerate(np.ndindex(*weight.shape[2:])):
            view, factor = (
                source[_offset(at, dilation, stride, shape[2:])],
                _per_channel(weight[(slice(None), 0, *at)], rank),
            )
            if i == 0:
                xp.multiply(view, factor, out=target)
            else:
                made = xp.multiply(view, factor, out=made)
                target += made

    _each(xp, work, _images(shape[0], math.prod(shape[1:])))
    return out


def _input_shape(upper, weight, size, stride, padding, dilation, groups):
    return Meta((upper.shape[0], weight.shape[1] * groups, *size), upper.dtype)


@op(_input_shape, onnx="ConvTranspose", samples=[
    sample((2, 4, 4), (4, 3, 3), size=(7,), stride=(2,), padding=((1, 1),), dilation=(1,), groups=1),
    sample((2, 4, 2, 3), (4, 2, 3, 2), size=(5, 5), stride=(1, 2), padding=((1, 0), (0, 1)), dilation=(2, 1), groups=2),
    sample((2, 3, 4, 4), (3, 1, 3, 3), size=(4, 4), stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=3),
])  # fmt: skip
def conv_input_op(xp, upper, weight, /, size, stride, padding, dilation, groups):
    """What `conv_op` sends back to its input: each window's gradient times the weight, added up where windows overlap."""
    kernel, n, outs = weight.shape[2:], upper.shape[0], upper.shape[2:]
    channels = weight.shape[1] * groups
    if _is_pointwise(kernel, stride, padding) and groups == 1 and tuple(outs) == tuple(size):
        out = xp.matmul(weight.reshape(weight.shape[0], -1).T, upper.reshape(n, upper.shape[1], math.prod(outs)))
        return out.reshape(n, channels, *size)
    reach = tuple(d + low + high for d, (low, high) in zip(size, padding, strict=True))
    whole = tuple(
        max(r, s * (o - 1) + d * (k - 1) + 1)
        for r, s, o, d, k in zip(reach, stride, outs, dilation, kernel, strict=True)
    )
    out = xp.zeros((n, channels, *whole), upper.dtype)
    if upper.size and weight.size:
        if _is_depthwise(groups, weight):
            _fold_depthwise(xp, out, upper, weight, stride, dilation)
        else:
            _fold_back(xp, out, upper, weight, stride, dilation, groups)
    inner = (..., *(slice(low, low + d) for d, (low, _) in zip(size, padding, strict=True)))
    return out if tuple(whole) == tuple(size) else xp.ascontiguousarray(out[inner])


def _fold_depthwise(xp, out, upper, weight, stride, dilation):
    def work(start, stop):
        part, target = upper[start:stop], out[start:stop]
        for at in np.ndindex(*weight.shape[2:]):
            target[_offset(at, dilation, stride, upper.shape[2:])] += part * _per_channel(
                weight[(slice(None), 0, *at)], weight.ndim - 2
            )

    _each(xp, work, _images(upper.shape[0], math.prod(upper.shape[1:])))


def _fold_back(xp, out, upper, weight, stride, dilation, groups):
    kernel, n, outs, channels = weight.shape[2:], upper.shape[0], upper.shape[2:], out.shape[1]
    matrix = weight.reshape(groups, weight.shape[0] // groups, -1).transpose(0, 2, 1)

    def work(start, stop):
        columns = product(matrix, _across(xp, upper, groups, start, stop)).reshape(
            channels, *kernel, stop - start, *outs
        )
        target = out[start:stop].swapaxes(0, 1)
        for at in np.ndindex(*kernel):
            target[_offset(at, dilation, stride, outs)] += columns[(slice(None), *at)]

    _share_chunks(xp, work, n, channels * math.prod(kernel) * math.prod(outs))


def _weight_shape(upper, input, kernel, stride, padding, dilation, groups):
    return Meta((upper.shape[1], input.shape[1] // groups, *kernel), upper.dtype)


@op(_weight_shape, onnx=None, samples=[
    sample((2, 4, 4), (2, 3, 7), kernel=(3,), stride=(2,), padding=((1, 1),), dilation=(1,), groups=1),
    sample((2, 4, 2, 3), (2, 4, 5, 5), kernel=(3, 2), stride=(1, 2), padding=((1, 0), (0, 1)), dilation=(2, 1), groups=2),
    sample((2, 3, 4, 4), (2, 3, 4, 4), kernel=(3, 3), stride=(1, 1), padding=((1, 1), (1, 1)), dilation=(1, 1), groups=3),
])  # fmt: skip
def conv_weight_op(xp, upper, input, /, kernel, stride, padding, dilation, groups):
    """What `conv_op` sends back to its weight: the sum over all windows of gradient times window."""
    outs, channels, result = upper.shape[2:], input.shape[1], (upper.shape[1], input.shape[1] // groups, *kernel)
    if not upper.size or not input.size:
        return xp.zeros(result, upper.dtype)
    array = padded(xp, input, padding)
    if groups > 1 and channels == groups and upper.shape[1] == groups:
        out = xp.zeros(result, upper.dtype)
        for start, stop in _images(upper.shape[0], math.prod(upper.shape[1:])):
            flat, part = upper[start:stop].reshape(stop - start, channels, -1), array[start:stop]
            for at in np.ndindex(*kernel):
                view = part[_offset(at, dilation, stride, outs)]
                out[(slice(None), 0, *at)] += xp.einsum("nci,nci->c", flat, view.reshape(flat.shape))
        return out
    most = max(1, min(8, (1 << 22) // math.prod(result)))
    parts = _groups(xp, upper.shape[0], channels * math.prod(kernel) * math.prod(outs), most)
    totals = [None] * len(parts)

    def work(k, _):
        for start, stop in parts[k]:
            columns = _columns(xp, array, kernel, stride, dilation, outs, groups, start, stop)
            part = product(_across(xp, upper, groups, start, stop), columns.transpose(0, 2, 1))
            totals[k] = part if totals[k] is None else totals[k].__iadd__(part)

    _each(xp, work, [(k, k + 1) for k in range(len(parts))])
    total = totals[0]
    for part in totals[1:]:
        total += part
    return total.reshape(result)


def sum_bias(g):
    """The gradient of a bias."""
    return g.sum((0, *range(2, g.ndim)))


conv_op.vjp(
    input=lambda g, weight, shapes, stride, padding, dilation, groups: conv_input_op(
        g, weight.conj(), shapes[0][2:], stride, padding, dilation, groups
    ),
    weight=lambda g, input, shapes, stride, padding, dilation, groups: conv_weight_op(
        g, input.conj(), shapes[1][2:], stride, padding, dilation, groups
    ),
    bias=lambda g: sum_bias(g),
)
conv_op.array_vjp(
    input=lambda g, weight, shapes, stride, padding, dilation, groups, xp: conv_input_op.forward(
        xp, g, weight, shapes[0][2:], stride, padding, dilation, groups
    ),
    weight=lambda g, input, shapes, stride, padding, dilation, groups, xp: conv_weight_op.forward(
        xp, g, input, shapes[1][2:], stride, padding, dilation, groups
    ),
    bias=lambda g: sum_bias(g),
)


def _conv_to(g, upper, weight, stride, padding, dilation, groups):
    out = conv_op(g, weight, None, stride, padding, dilation, groups)
    outs = upper.shape[2:]
    return out if out.shape[2:] == outs else out[(slice(None), slice(None), *(slice(0, n) for n in outs))]


def _upper_of_weight(g, upper, input, stride, padding, dilation, groups):
    return _conv_to(input, upper, g, stride, padding, dilation, groups)


conv_input_op.vjp(
    upper=lambda g, upper, weight, stride, padding, dilation, groups: _conv_to(
        g, upper, weight.conj(), stride, padding, dilation, groups
    ),
    weight=lambda g, upper, shapes, stride, padding, dilation, groups: conv_weight_op(
        upper.conj(), g, shapes[1][2:], stride, padding, dilation, groups
    ),
)
conv_weight_op.vjp(
    upper=lambda g, upper, input, stride, padding, dilation, groups: _upper_of_weight(
        g, upper, input.conj(), stride, padding, dilation, groups
    ),
    input=lambda g, upper, shapes, stride, padding, dilation, groups: conv_input_op(
        upper.conj(), g, shapes[1][2:], stride, padding, dilation, groups
    ),
)


def _pads_of(name, padding, kernel, stride, dilation):
    """A `padding` argument as (before, after) for each dimension."""
    rank = len(kernel)
    if isinstance(padding, str):
        if padding == "valid":
            return ((0, 0),) * rank
        if padding != "same":
            raise runtime_error(
                f"{name}: Invalid padding string: '{padding}', expected 'valid' or 'same'. Or give numbers."
            )
        if max(stride) != 1:
            raise runtime_error(
                f"{name}: padding='same' is not supported for strided convolutions, got stride={stride}. Give numbers."
            )
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((t // 2, t - t // 2) for t in totals)
    return tuple((p, p) for p in sizes(padding, rank, name, "padding"))


def _convolve(rank, input, weight, bias, stride, padding, dilation, groups):
    name = f"conv{rank}d"
    if weight.ndim != rank + 2:
        raise runtime_error(
            f"{name}: Expected {rank + 2}-dimensional weight, got {weight.ndim}-dimensional weight of size "
            f"{list(weight.shape)}. Use the convolution of its rank."
        )
    stride, dilation = sizes(stride, rank, name, "stride"), sizes(dilation, rank, name, "dilation")
    pads = _pads_of(name, padding, weight.shape[2:], stride, dilation)
    if input.ndim == rank + 1:
        return conv_op(input.unsqueeze(0), weight, bias, stride, pads, dilation, groups).squeeze(0)
    return conv_op(input, weight, bias, stride, pads, dilation, groups)


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slides `weight` along sequences: out[n, o, x] = bias[o] + sum over c, k of weight[o, c, k] * input[n, c, x * stride + k * dilation - padding].

    Shape: (N, C, L) or (C, L), weight (O, C / groups, K) -> (N, O, L') or (O, L').

    >>> import facula
    >>> facula.nn.functional.conv1d(facula.ones(1, 1, 3), facula.ones(1, 1, 2))
    tensor([[[2., 2.]]])
    """
    return _convolve(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slides `weight` over images.   Shape: (N, C, H, W) or (C, H, W), weight (O, C / groups, kH, kW) -> (N, O, H', W') or (O, H', W').

    >>> import facula
    >>> facula.nn.functional.conv2d(facula.ones(1, 1, 3, 3), facula.ones(1, 1, 3, 3))
    tensor([[[[9.]]]])
    """
    return _convolve(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slides `weight` over volumes.   Shape: (N, C, D, H, W), weight (O, C / groups, kD, kH, kW) -> (N, O, D', H', W').

    >>> import facula
    >>> facula.nn.functional.conv3d(facula.ones(1, 2, 5, 5, 5), facula.ones(4, 2, 3, 3, 3)).shape
    facula.Size([1, 4, 3, 3, 3])
    """
    return _convolve(3, input, weight, bias, stride, padding, dilation, groups)


def _transposed(rank, input, weight, bias, stride, padding, output_padding, groups, dilation):
    name = f"conv_transpose{rank}d"
    if input.ndim not in (rank + 1, rank + 2) or weight.ndim != rank + 2:
        raise runtime_error(
            f"{name}: Expected {rank + 1}D (unbatched) or {rank + 2}D (batched) input to {name}, but got input of "
            f"size: {list(input.shape)}. Reshape it."
        )
    stride, dilation = sizes(stride, rank, name, "stride"), sizes(dilation, rank, name, "dilation")
    pads, extra = sizes(padding, rank, name, "padding"), sizes(output_padding, rank, name, "output_padding")
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise runtime_error(
            f"{name}: output padding must be smaller than either stride or dilation, but got output_padding: {extra} "
            f"stride: {stride} dilation: {dilation}. Reduce it."
        )
    batched = input if input.ndim == rank + 2 else input.unsqueeze(0)
    if batched.shape[1] != weight.shape[0]:
        raise runtime_error(
            f"{name}: Given transposed=1, weight of size {list(weight.shape)}, expected input{list(batched.shape)} to "
            f"have {weight.shape[0]} channels, but got "
            f"{batched.shape[1]} channels instead. Build the layer with in_channels={batched.shape[1]}."
        )
    if weight.shape[0] % groups:
        raise runtime_error(
            f"{name}: Given groups={groups}, expected weight to be divisible by it at dimension 0, got "
            f"{list(weight.shape)}. Change groups."
        )
    outs = weight.shape[1] * groups
    if bias is not None and tuple(bias.shape) != (outs,):
        raise runtime_error(
            f"{name}: Given transposed=1, expected bias to be 1-dimensional with {outs} elements, but got bias of "
            f"size {list(bias.shape)} instead. Give one number per channel."
        )
    size = tuple(
        (n - 1) * s - 2 * p + d * (k - 1) + e + 1
        for n, s, p, d, k, e in zip(batched.shape[2:], stride, pads, dilation, weight.shape[2:], extra, strict=True)
    )
    if min(size) <= 0:
        raise runtime_error(
            f"{name}: Given input size per channel: {tuple(batched.shape[2:])}. Calculated output size per channel: "
            f"{size}. Output size is too small. Pad less."
        )
    out = conv_input_op(batched, weight, size, stride, tuple((p, p) for p in pads), dilation, groups)
    if bias is not None:
        out = out + bias.reshape(-1, *(1,) * rank)
    return out if batched is input else out.squeeze(0)


@whole
def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv1d`, also called fractionally strided convolution.   Shape: (N, C, L), weight (C, O / groups, K) -> (N, O, L').

    >>> import facula
    >>> facula.nn.functional.conv_transpose1d(facula.ones(1, 1, 2), facula.ones(1, 1, 2), stride=2)
    tensor([[[1., 1., 1., 1.]]])
    """
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@whole
def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv2d`.   Shape: (N, C, H, W), weight (C, O / groups, kH, kW) -> (N, O, H', W').

    >>> import facula
    >>> facula.nn.functional.conv_transpose2d(facula.ones(1, 2, 4, 4), facula.ones(2, 3, 2, 2), stride=2).shape
    facula.Size([1, 3, 8, 8])
    """
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@whole
def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv3d`.   Shape: (N, C, D, H, W), weight (C, O / groups, kD, kH, kW) -> (N, O, D', H', W')."""
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


@whole
def conv_tbc(input, weight, bias, pad=0):
    """`conv1d` of (time, batch, channels) with a weight (kernel, channels, out).

    Shape: (T, N, C), weight (K, C, O) -> (T', N, O).
    """
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad).permute(2, 0, 1)


def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """A convolution or its transpose, of the weight's rank.

    Shape: (N, C, *), weight (O, C / groups, *kernel) -> (N, O, *).
    """
    rank = weight.ndim - 2
    if transposed:
        return _transposed(rank, input, weight, bias, stride, padding, output_padding, groups, dilation)
    return _convolve(rank, input, weight, bias, stride, padding, dilation, groups)
