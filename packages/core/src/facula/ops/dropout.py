"""Dropout in all its kinds."""

from __future__ import annotations

import math
import warnings

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.state import state
from facula.devices.generator import default_generator
from facula.devices.meta import Meta
from facula.errors import runtime_error, value_error
from facula.ops.checks import uniform
from facula.tensors.inplace import write


def _probability(name, p):
    if not 0.0 <= p <= 1.0:
        raise value_error(f"{name}: dropout probability has to be between 0 and 1, but got {p}. Pass e.g. p=0.5.")


GOLDEN, FIRST, SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def mixed(xp, count, key):
    """`count` random 64-bit words, each made of its number and the key alone (splitmix64: Steele, Lea and Flood, 2014)."""
    z = xp.arange(1, count + 1, dtype=np.uint64)
    z *= np.uint64(GOLDEN)
    z += np.uint64(key)
    for shift, factor in ((30, FIRST), (27, SECOND)):
        z ^= z >> np.uint64(shift)
        z *= np.uint64(factor)
    z ^= z >> np.uint64(31)
    return z


def _placed(input, p, key):
    """A rule of its own, not that of elementwise ops: what a number becomes depends on its place, so no batch may shift it."""
    return Meta(input.shape, input.dtype)


@op(_placed, onnx=None, samples=[sample((3, 4), p=0.3, key=7), sample((2, 3, 5), p=0.6, key=2**40)])
def dropout_op(xp, input, /, p, key):
    """input / (1 - p) where the random number of a place is at least p, else 0; the key decides all of them.

    Places i and half + i use the low and the high half of word i.
    """
    words = mixed(xp, (input.size + 1) // 2, key)
    drawn = xp.concatenate([words & np.uint64(0xFFFFFFFF), words >> np.uint64(32)])[: input.size]
    noise = (drawn >= np.uint64(int(p * 2**32))).astype(input.dtype)
    noise *= 1 / (1 - p)
    return input * noise.reshape(input.shape)


dropout_op.vjp(input=lambda g, p, key: dropout_op(g, p, key))


def _kept(input, p, shape=None):
    """1 where an element is kept, 0 where it is dropped; of the input's type."""
    return (uniform(input, shape, "float64" if input.array.dtype.itemsize > 4 else "float32") >= p).to(input.dtype)


def _given(input, result, inplace, name):
    return write(input, result, name) if inplace else result


def _drop(name, input, p, training, inplace, shape=None):
    _probability(name, p)
    if not training or p == 0:
        return input
    if not input.is_floating_point() and not input.is_complex():
        raise runtime_error(
            f"{name}: result type Float can't be cast to the desired output type {input.dtype}, expected "
            "floating-point input. Convert it with .float()."
        )
    if p == 1:
        return _given(input, input * 0, inplace, f"{name}_")
    if shape is None and not state.interpreters and not input.is_meta:
        key = int(default_generator(input.device).rng.bit_generator.random_raw()) >> 1
        return _given(input, dropout_op(input, p, key), inplace, f"{name}_")
    noise = _kept(input, p, shape)
    if not input.is_meta:
        noise.array *= 1 / (1 - p)  # nobody else has seen this array
    return _given(input, input * noise, inplace, f"{name}_")


def dropout(input, p=0.5, training=True, inplace=False):
    """In training, sets each element to 0 with probability p and divides the others by 1 - p (Hinton et al., 2012).

    Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.dropout(facula.ones(3), 0.5, training=False)
    tensor([1., 1., 1.])
    """
    return _drop("dropout", input, p, training, inplace)


def dropout_(input, p=0.5, training=True):
    """In-place version of `dropout`."""
    return _drop("dropout", input, p, training, True)


def _channels(input, unbatched):
    """The shape of one number per channel."""
    spatial = input.ndim - (1 if input.ndim == unbatched else 2)
    return (*input.shape[: input.ndim - spatial], *(1,) * spatial)


def dropout1d(input, p=0.5, training=True, inplace=False):
    """Drops whole channels of (N, C, L) or (C, L) (Tompson et al., 2015).   Shape: (N, C, L) or (C, L) -> the same.

    >>> import facula
    >>> facula.nn.functional.dropout1d(facula.ones(1, 2, 3), p=0.).shape
    facula.Size([1, 2, 3])
    """
    _probability("dropout1d", p)
    if input.ndim not in (2, 3):
        raise runtime_error(
            f"dropout1d: Expected 2D or 3D input, but received a {input.ndim}D input. Reshape it to (N, C, L)."
        )
    return _drop("dropout1d", input, p, training, inplace, _channels(input, 2))


def _whole(name, input, p, training, inplace, known):
    _probability(name, p)
    if input.ndim not in known:
        warnings.warn(
            f"{name}: Received a {input.ndim}-D input to {name}, which is deprecated and will result in an error in a "
            "future release.",
            UserWarning,
            stacklevel=3,
        )
    if input.ndim < 2:
        raise runtime_error(
            f"{name}: Feature dropout requires at least 2 dimensions in the input, got {input.ndim}. Reshape it to "
            "(N, C, ...)."
        )
    return _drop(name, input, p, training, inplace, (*input.shape[:2], *(1,) * (input.ndim - 2)))


def dropout2d(input, p=0.5, training=True, inplace=False):
    """Drops whole channels of (N, C, H, W) (Tompson et al., 2015).   Shape: (N, C, H, W) or (C, H, W) -> the same.

    >>> import facula
    >>> facula.nn.functional.dropout2d(facula.ones(1, 2, 3, 3), p=0.).shape
    facula.Size([1, 2, 3, 3])
    """
    return _whole("dropout2d", input, p, training, inplace, (3, 4))


def dropout3d(input, p=0.5, training=True, inplace=False):
    """Drops whole channels of (N, C, D, H, W).   Shape: (N, C, D, H, W) or (C, D, H, W) -> the same.

    >>> import facula
    >>> facula.nn.functional.dropout3d(facula.ones(1, 2, 3, 3, 3), p=0.).shape
    facula.Size([1, 2, 3, 3, 3])
    """
    return _whole("dropout3d", input, p, training, inplace, (4, 5))


def feature_dropout(input, p, train):
    """Drops whole channels: dropout over the first two dimensions.   Shape: (N, C, *) -> (N, C, *)."""
    return _drop("feature_dropout", input, p, train, False, (*input.shape[:2], *(1,) * (input.ndim - 2)))


_LOW = -1.7580993408473766  # what selu tends to for very negative numbers


def _alpha(name, input, p, training, inplace, shape=None):
    _probability(name, p)
    if not training or p == 0:
        return input
    if p == 1:
        return _given(input, input * 0, inplace, f"{name}_")
    scale = 1 / math.sqrt((_LOW * _LOW * p + 1) * (1 - p))
    kept = _kept(input, p, shape)
    dropped = (1 - kept) * (_LOW * scale) - _LOW * p * scale
    return _given(input, input * (kept * scale) + dropped, inplace, f"{name}_")


def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps mean 0 and variance 1 of what selu gives (Klambauer et al., 2017).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.alpha_dropout(facula.ones(2), p=0.5, training=False)
    tensor([1., 1.])
    """
    return _alpha("alpha_dropout", input, p, training, inplace)


def alpha_dropout_(input, p=0.5, training=False):
    """In-place version of `alpha_dropout`."""
    return _alpha("alpha_dropout", input, p, training, True)


def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """alpha_dropout of whole channels.   Shape: (N, C, *) -> (N, C, *)."""
    if input.ndim < 2 and training:
        raise runtime_error(
            f"feature_alpha_dropout: Feature dropout requires at least 2 dimensions in the input, got {input.ndim}. "
            "Reshape it to (N, C, ...)."
        )
    return _alpha("feature_alpha_dropout", input, p, training, inplace, (*input.shape[:2], *(1,) * (input.ndim - 2)))


def feature_alpha_dropout_(input, p=0.5, training=False):
    """In-place version of `feature_alpha_dropout`."""
    return feature_alpha_dropout(input, p, training, True)


def feature_dropout_(input, p, train):
    """In-place version of `feature_dropout`."""
    return _drop("feature_dropout", input, p, train, True, (*input.shape[:2], *(1,) * (input.ndim - 2)))
