"""Convolutions whose kernel is one number for each pair of channels: a matrix product for each image, no copies."""

from __future__ import annotations

import math

import numpy as np

from facula.devices.products import product, product_with_each
from facula.devices.threads import share


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
    totals, upper, lower = np.empty((groups, count, channels), g.dtype), _flat(g), _flat(input).swapaxes(1, 2)

    def work(k, _):
        product(upper[k], lower[k], totals[k])
        for n in range(k + groups, images, groups):
            totals[k] += product(upper[n], lower[n])

    share(work, [(k, k + 1) for k in range(groups)])
    for part in totals[1:]:
        totals[0] += part
    return totals[0].reshape(count, channels, *kernel)
