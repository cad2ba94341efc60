"""Which algorithm convolves, for each shape, and the records that it serves."""

from __future__ import annotations

from facula.ops.conv import conv_input_op, conv_op, conv_weight_op, out_size, sum_bias
from facula.ops.kernels.cpu import winograd


def conv(xp, input, weight, bias=None, stride=(1,), padding=((0, 0),), dilation=(1,), groups=1):
    """The forward of `conv_op`."""
    if input.ndim == weight.ndim == 4 and len(stride) == 2:
        sizes = zip(input.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
        outs = [out_size(n, k, s, *p, d) for n, k, s, p, d in sizes]
        channels = input.shape[1], weight.shape[0]
        if winograd.suits(weight.shape[2:], stride, dilation, groups, channels, (len(input), *outs), input, weight):
            conv_op.rule.shape(input, weight, bias, stride, padding, dilation, groups)
            return winograd.convolve(input, weight, bias, padding, outs)
    return conv_op.forward(xp, input, weight, bias, stride, padding, dilation, groups)


def conv_input(xp, upper, weight, size, stride, padding, dilation, groups):
    """The forward of `conv_input_op`: for a stride of 1 a convolution with the weight turned around."""
    if upper.ndim == weight.ndim == 4:
        channels = weight.shape[:2]
        if winograd.suits(weight.shape[2:], stride, dilation, groups, channels, (len(upper), *size), upper, weight):
            return winograd.convolve(upper, weight, None, [(2 - p[0], 0) for p in padding], size, turned=True)
    return conv_input_op.forward(xp, upper, weight, size, stride, padding, dilation, groups)


def conv_weight(xp, upper, input, kernel, stride, padding, dilation, groups):
    """The forward of `conv_weight_op`."""
    if upper.ndim == input.ndim == 4:
        channels, outs = (input.shape[1], upper.shape[1]), (len(upper), *upper.shape[2:])
        if winograd.suits(kernel, stride, dilation, groups, channels, outs, upper, input):
            return winograd.weight_slope(upper, input, padding)
    return conv_weight_op.forward(xp, upper, input, kernel, stride, padding, dilation, groups)


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
