"""Moving elements between channels and space: pixel_shuffle, channel_shuffle, unfold, fold."""

from __future__ import annotations

import math

import numpy as np

from facula.autograd.op import op, sample
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.checks import sizes
from facula.ops.conv import out_size, padded


def pixel_shuffle(input, upscale_factor):
    """Channels become pixels (Shi et al., 2016).   Shape: (*, C r^2, H, W) -> (*, C, H r, W r).

    >>> import facula
    >>> facula.nn.functional.pixel_shuffle(facula.zeros(1, 8, 2, 3), 2).shape
    facula.Size([1, 2, 4, 6])
    """
    r = upscale_factor
    if input.ndim < 3:
        raise runtime_error(
            "pixel_shuffle: pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.ndim} dimension(s). Add a channel dimension."
        )
    if r <= 0:
        raise runtime_error(f"pixel_shuffle: pixel_shuffle expects a positive upscale_factor, but got {r}. Use e.g. 2.")
    *lead, c, h, w = input.shape
    if c % (r * r):
        raise runtime_error(
            "pixel_shuffle: pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            f"upscale_factor, but input.size(-3)={c} is not divisible by {r * r}. Change the channels."
        )
    n = len(lead)
    split = input.reshape(*lead, c // (r * r), r, r, h, w)
    return split.permute(*range(n), n, n + 3, n + 1, n + 4, n + 2).reshape(*lead, c // (r * r), h * r, w * r)


def pixel_unshuffle(input, downscale_factor):
    """Pixels become channels.   Shape: (*, C, H r, W r) -> (*, C r^2, H, W).

    >>> import facula
    >>> facula.nn.functional.pixel_unshuffle(facula.zeros(1, 2, 4, 6), 2).shape
    facula.Size([1, 8, 2, 3])
    """
    r = downscale_factor
    if input.ndim < 3:
        raise runtime_error(
            "pixel_unshuffle: pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{input.ndim} dimension(s). Add a channel dimension."
        )
    if r <= 0:
        raise runtime_error(
            f"pixel_unshuffle: pixel_unshuffle expects a positive downscale_factor, but got {r}. Use e.g. 2."
        )
    *lead, c, h, w = input.shape
    for what, n in (("height", h), ("width", w)):
        if n % r:
            raise runtime_error(
                f"pixel_unshuffle: pixel_unshuffle expects {what} to be divisible by downscale_factor, but {n} is not "
                f"divisible by {r}. Crop or pad it."
            )
    n = len(lead)
    split = input.reshape(*lead, c, h // r, r, w // r, r)
    return split.permute(*range(n), n, n + 2, n + 4, n + 1, n + 3).reshape(*lead, c * r * r, h // r, w // r)


def channel_shuffle(input, groups):
    """Channels i of all groups come to stand together: (g, C') becomes (C', g) (Zhang et al., 2018).

    Shape: (N, g C', *) -> (N, g C', *).

    >>> import facula
    >>> facula.nn.functional.channel_shuffle(facula.arange(4).view(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    if input.ndim < 3:
        raise runtime_error(
            "channel_shuffle: channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}. Add dimensions."
        )
    if groups <= 0:
        raise runtime_error(
            f"channel_shuffle: Number of groups to divide channels in must be positive. Value of groups:{groups}. Use "
            "e.g. 2."
        )
    n, c = input.shape[:2]
    if c % groups:
        raise runtime_error(
            f"channel_shuffle: Number of channels must be divisible by groups. Got {c} channels and {groups} groups. "
            "Change groups."
        )
    return input.reshape(n, groups, c // groups, *input.shape[2:]).transpose(1, 2).reshape(input.shape)


native_channel_shuffle = channel_shuffle


def _outs(size, kernel, dilation, padding, stride):
    return tuple(
        out_size(n, k, s, p, p, d) for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def _keys(kernel, dilation, stride, outs):
    for at in np.ndindex(*kernel):
        yield (
            at,
            (
                ...,
                *(
                    slice(i * d, i * d + s * (o - 1) + 1, s)
                    for i, d, s, o in zip(at, dilation, stride, outs, strict=True)
                ),
            ),
        )


def _columns_shape(input, kernel, dilation, padding, stride):
    outs = _outs(input.shape[2:], kernel, dilation, padding, stride)
    if min(outs) < 1:
        raise runtime_error(
            f"unfold: Given input with spatial size {tuple(input.shape[2:])}, kernel_size={kernel}, "
            f"dilation={dilation}, padding={padding}, stride={stride}, calculated shape of the "
            f"array of sliding blocks as {outs}, but its components must be at least one. Pad the input."
        )
    return Meta((input.shape[0], input.shape[1] * math.prod(kernel), math.prod(outs)), input.dtype)


@op(_columns_shape, onnx="im2col", half=False, samples=[
    sample((2, 3, 4, 5), kernel=(2, 3), dilation=(1, 1), padding=(0, 1), stride=(1, 2)),
    sample((1, 2, 5, 5), kernel=(2, 2), dilation=(2, 1), padding=(1, 0), stride=(1, 1)),
])  # fmt: skip
def unfold_op(xp, input, /, kernel, dilation, padding, stride):
    """All windows as columns: (N, C, *) -> (N, C * kernel, windows)."""
    shape = _columns_shape(input, kernel, dilation, padding, stride).shape
    outs = _outs(input.shape[2:], kernel, dilation, padding, stride)
    array = padded(xp, input, tuple((p, p) for p in padding))
    out = xp.empty((*input.shape[:2], *kernel, *outs), input.dtype)
    for at, key in _keys(kernel, dilation, stride, outs):
        out[(slice(None), slice(None), *at)] = array[key]
    return out.reshape(shape)


def _folded_shape(input, size, kernel, dilation, padding, stride):
    outs, cells = _outs(size, kernel, dilation, padding, stride), math.prod(kernel)
    if input.shape[1] % cells:
        raise runtime_error(
            "fold: Expected size of input's dimension 1 to be divisible by the product of kernel_size, but got "
            f"input.size(1)={input.shape[1]} and kernel_size={kernel}. Change kernel_size."
        )
    if min(outs) < 1 or input.shape[2] != math.prod(outs):
        raise runtime_error(
            f"fold: Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
            f"stride={stride}, expected size of input's dimension 2 to match the calculated "
            f"number of sliding blocks {' * '.join(map(str, outs))} = {math.prod(outs)}, but got "
            f"input.size(2)={input.shape[2]}. Change output_size."
        )
    return Meta((input.shape[0], input.shape[1] // cells, *size), input.dtype)


@op(_folded_shape, onnx="Col2Im", half=False, samples=[
    sample((2, 12, 9), size=(4, 4), kernel=(2, 2), dilation=(1, 1), padding=(0, 0), stride=(1, 1)),
    sample((1, 8, 20), size=(5, 5), kernel=(2, 2), dilation=(2, 1), padding=(1, 0), stride=(1, 1)),
])  # fmt: skip
def fold_op(xp, input, /, size, kernel, dilation, padding, stride):
    """Columns added up where their windows lie: the adjoint of `unfold_op`."""
    shape = _folded_shape(input, size, kernel, dilation, padding, stride).shape
    outs = _outs(size, kernel, dilation, padding, stride)
    columns = input.reshape(*shape[:2], *kernel, *outs)
    out = xp.zeros((*shape[:2], *(n + 2 * p for n, p in zip(size, padding, strict=True))), input.dtype)
    for at, key in _keys(kernel, dilation, stride, outs):
        out[key] += columns[(slice(None), slice(None), *at)]
    inner = tuple(slice(p, p + n) for n, p in zip(size, padding, strict=True))
    return xp.ascontiguousarray(out[(..., *inner)])


unfold_op.vjp(
    input=lambda g, shapes, kernel, dilation, padding, stride: fold_op(
        g, tuple(shapes[0][2:]), kernel, dilation, padding, stride
    )
)
fold_op.vjp(input=lambda g, kernel, dilation, padding, stride: unfold_op(g, kernel, dilation, padding, stride))


def functional_unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """All windows of images as columns.   Shape: (N, C, H, W) -> (N, C kH kW, windows).

    >>> import facula
    >>> facula.nn.functional.unfold(facula.zeros(1, 2, 4, 4), 2).shape
    facula.Size([1, 8, 9])
    """
    if input.ndim not in (3, 4):
        raise runtime_error(
            f"unfold: Expected 3D or 4D (batch mode) tensor for input, but got: {list(input.shape)}. Reshape it to "
            "(N, C, H, W)."
        )
    settings = [
        sizes(v, 2, "unfold", what)
        for v, what in ((kernel_size, "kernel_size"), (dilation, "dilation"), (padding, "padding"), (stride, "stride"))
    ]
    if input.ndim == 3:
        return unfold_op(input.unsqueeze(0), *settings).squeeze(0)
    return unfold_op(input, *settings)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Columns added up where their windows lie.   Shape: (N, C kH kW, windows) -> (N, C, H, W).

    >>> import facula
    >>> facula.nn.functional.fold(facula.zeros(1, 8, 9), (4, 4), 2).shape
    facula.Size([1, 2, 4, 4])
    """
    if input.ndim not in (2, 3):
        raise runtime_error(
            f"fold: Expected 2D or 3D (batch mode) tensor for input, but got: {list(input.shape)}. Reshape it to (N, "
            "C * kernel, windows)."
        )
    named = (
        (output_size, "output_size"),
        (kernel_size, "kernel_size"),
        (dilation, "dilation"),
        (padding, "padding"),
        (stride, "stride"),
    )
    settings = [sizes(v, 2, "fold", what) for v, what in named]
    if input.ndim == 2:
        return fold_op(input.unsqueeze(0), *settings).squeeze(0)
    return fold_op(input, *settings)
