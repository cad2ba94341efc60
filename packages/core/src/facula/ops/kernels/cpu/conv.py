"""Which algorithm convolves, for each shape, and the records that it serves.

| images and sequences | algorithm |
|---|---|
| 3 x 3, stride 1, from 16 channels on and 32 tiles (16 with a small weight) | Winograd |
| one channel in and one out for each group | sums of shifted lines |
| any other kernel of more than one number | columns |
| 1 x 1, stride 1, no padding, no groups, also of volumes | a product for each image |

Other volumes, small arrays and other types keep to the record's own forward.
"""

from __future__ import annotations

import math

from facula.ops.conv import conv_input_op, conv_op, conv_weight_op, sum_bias
from facula.ops.kernels.cpu import columns, depthwise, one_by_one, winograd


def _image(array):
    """A sequence as an image of one row."""
    return array[:, :, None]


def _served(kernel, *arrays):
    """Whether these loops do better than the record's own forward."""
    return len(kernel) == 2 and math.prod(kernel) > 1 and columns.gather.serves(*arrays) and all(a.size for a in arrays)


def _single(kernel, stride, padding, dilation, groups, *arrays):
    """Whether each result is a sum over channels alone."""
    whole = math.prod(kernel) == max(stride) == groups == 1 and not any(p for pair in padding for p in pair)
    return whole and columns.gather.serves(*arrays) and all(a.size for a in arrays)


def _flat(stride, padding, dilation, groups):
    """What describes a convolution of sequences, for images of one row."""
    return (1, *stride), ((0, 0), *padding), (1, *dilation), groups


def conv(xp, input, weight, bias=None, stride=(1,), padding=((0, 0),), dilation=(1,), groups=1):
    """The forward of `conv_op`."""
    rest = stride, padding, dilation, groups
    if input.ndim == weight.ndim > 2 and _single(weight.shape[2:], *rest, input, weight):
        conv_op.rule.shape(input, weight, bias, *rest)
        return one_by_one.convolve(input, weight, bias)
    if input.ndim == weight.ndim == 3:
        return conv(xp, _image(input), _image(weight), bias, *_flat(*rest))[:, :, 0]
    if input.ndim == weight.ndim == 4 and _served(weight.shape[2:], input, weight):
        images, count, *outs = conv_op.rule.shape(input, weight, bias, *rest).shape
        channels = input.shape[1], count
        if winograd.suits(weight.shape[2:], stride, dilation, groups, channels, (images, *outs), input, weight):
            return winograd.convolve(input, weight, bias, padding, outs)
        if groups == channels[0] == count:
            return depthwise.convolve(input, weight, bias, *rest[:3], outs)
        return columns.convolve(input, weight, bias, *rest, outs)
    return conv_op.forward(xp, input, weight, bias, *rest)


def conv_input(xp, upper, weight, size, stride, padding, dilation, groups):
    """The forward of `conv_input_op`: for a stride of 1 a convolution with the weight turned around."""
    rest = stride, padding, dilation, groups
    if upper.shape[2:] == tuple(size) and _single(weight.shape[2:], *rest, upper, weight):
        return one_by_one.input_slope(upper, weight)
    if upper.ndim == weight.ndim == 3:
        return conv_input(xp, _image(upper), _image(weight), (1, *size), *_flat(*rest))[:, :, 0]
    if upper.ndim == weight.ndim == 4 and _served(weight.shape[2:], upper, weight):
        channels = weight.shape[:2]
        if winograd.suits(weight.shape[2:], stride, dilation, groups, channels, (len(upper), *size), upper, weight):
            return winograd.convolve(upper, weight, None, [(2 - p[0], 0) for p in padding], size, turned=True)
        if groups == channels[0] and channels[1] == 1:
            return depthwise.input_slope(upper, weight, size, *rest[:3])
        return columns.input_slope(upper, weight, size, *rest)
    return conv_input_op.forward(xp, upper, weight, size, *rest)


def conv_weight(xp, upper, input, kernel, stride, padding, dilation, groups):
    """The forward of `conv_weight_op`."""
    rest = stride, padding, dilation, groups
    if upper.shape[2:] == input.shape[2:] and _single(kernel, *rest, upper, input):
        return one_by_one.weight_slope(upper, input, kernel)
    if upper.ndim == input.ndim == 3:
        return conv_weight(xp, _image(upper), _image(input), (1, *kernel), *_flat(*rest))[:, :, 0]
    if upper.ndim == input.ndim == 4 and _served(kernel, upper, input):
        channels, outs = (input.shape[1], upper.shape[1]), (len(upper), *upper.shape[2:])
        if winograd.suits(kernel, stride, dilation, groups, channels, outs, upper, input):
            return winograd.weight_slope(upper, input, padding)
        if groups > 1 and groups == channels[0] == channels[1]:
            return depthwise.weight_slope(upper, input, kernel, *rest[:3])
        return columns.weight_slope(upper, input, kernel, *rest)
    return conv_weight_op.forward(xp, upper, input, kernel, *rest)


conv_op.kernel("cpu", conv)
conv_input_op.kernel("cpu", conv_input)
conv_weight_op.kernel("cpu", conv_weight)
conv_op.array_vjp(
    input=lambda g, weight, shapes, stride, padding, dilation, groups, xp: conv_input(
        xp, g, weight, shapes[0][2:], stride, padding, dilation, groups
    ),
    weight=lambda g, input, shapes, stride, padding, dilation, groups, xp: conv_weight(
        xp, g, input, shapes[1][2:], stride, padding, dilation, groups
    ),
    bias=lambda g: sum_bias(g),
)
