"""Convolutions whose kernel is one number for each pair of channels: a matrix product for each image, no copies."""

from __future__ import annotations

import math

import numpy as np

from facula.devices.products import product, product_with_each
from facula.devices.threads import single_blas
from facula.ops.kernels.cpu.columns import weight_sums
from facula.ops.kernels.cpu.products import gemm, serves


def _flat(array):
    return array.reshape(*array.shape[:2], math.prod(array.shape[2:]))


def _each(matrix, images, size, bias=None):
    """matrix @ image for every image; images are shared out, and of one alone the rows or columns."""
    out = np.empty((len(images), len(matrix), images.shape[2]), images.dtype)
    product_with_each(matrix, images, out, bias)
    return out.reshape(len(images), len(matrix), *size)


def convolve(input, weight, bias):
    """(N, C, *) and (O, C, 1...) -> (N, O, *)."""
    return _each(weight.reshape(len(weight), -1), _flat(input), input.shape[2:], bias)


def input_slope(g, weight):
    """The gradient of the input."""
    return _each(weight.reshape(len(weight), -1).T, _flat(g), g.shape[2:])


def weight_slope(g, input, kernel):
    """The gradient of the weight, summed over images in groups that are the same for any number of threads."""
    images, count, channels = len(g), g.shape[1], input.shape[1]
    groups = max(1, min(images, 8, (1 << 22) // (count * channels)))
    totals, upper, lower = np.empty((groups, count, channels), g.dtype), _flat(g), _flat(input)
    if groups > 1 and serves(g.dtype):
        pixels, none = lower.shape[2], np.empty((0, 0, 0), g.dtype)
        window = 1, 1, 1, 1, 1, 1, 0, 0, 1, pixels  # of images as lines
        with single_blas():
            size = 4 * lower.size // groups
            arrays = upper, gemm(g.dtype), input.reshape(images, -1), none, totals
            weight_sums.share(groups, size, *arrays, 1, pixels, *window)
    else:
        for n in range(images):
            if n < groups:
                product(upper[n], lower[n].T, totals[n])
            else:
                totals[n % groups] += product(upper[n], lower[n].T)
    for part in totals[1:]:
        totals[0] += part
    return totals[0].reshape(count, channels, *kernel)
