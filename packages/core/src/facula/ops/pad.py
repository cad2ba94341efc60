"""Padding: constant, reflect, replicate, circular."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.state import whole
from facula.devices.meta import Meta
from facula.errors import not_implemented_error, runtime_error, value_error
from facula.ops.index import index_op
from facula.ops.join import cat
from facula.tensors.tensor import wrap


def _pad_shape(input, pads, value):
    shape = tuple(n + low + high for n, (low, high) in zip(input.shape, pads, strict=True))
    for n, (low, high) in zip(input.shape, pads, strict=True):
        if n + low + high < 0:
            raise runtime_error(
                f"pad: The input size {n}, plus negative padding {low} and {high}, resulted in a negative output "
                f"size, which is invalid. Crop less of {tuple(input.shape)}."
            )
    return Meta(shape, input.dtype)


@op(
    _pad_shape,
    onnx="Pad",
    half=False,
    samples=[sample((3, 4), pads=((0, 0), (1, 2)), value=0.5), sample((3, 4), pads=((-1, 1), (2, -1)), value=0.0)],
)
def pad_op(xp, input, /, pads, value):
    """`input` with `pads` (before, after) elements of `value` added to each dimension; negative numbers crop."""
    shape = _pad_shape(input, pads, value).shape
    out = xp.full(shape, value, input.dtype) if value else xp.zeros(shape, input.dtype)
    inner = tuple(slice(max(low, 0), n - max(high, 0)) for n, (low, high) in zip(shape, pads, strict=True))
    crop = tuple(slice(max(-low, 0), n - max(-high, 0)) for n, (low, high) in zip(input.shape, pads, strict=True))
    out[inner] = input[crop]
    return out


pad_op.vjp(input=lambda g, pads: pad_op(g, tuple((-low, -high) for low, high in pads), 0.0))
pad_op.array_vjp(input=lambda g, pads, xp: pad_op.forward(xp, g, tuple((-low, -high) for low, high in pads), 0.0))


_LONG = 4  # times the edges from which on the inside of a dimension is worth a copy of its own


def _positions(mode, n, low, high, at):
    """Where the elements of a padded dimension come from, by their places `at` in it, counted from its inside."""
    if mode == "circular":  # what is cropped does not come round again
        first, last = max(-low, 0), n - max(-high, 0)
        return (at - first) % (last - first) + first
    if mode == "replicate":
        return at.clip(0, n - 1)
    at = np.abs(at)
    return (n - 1) - np.abs((n - 1) - at)


def _check_mode(mode, input, pairs):
    spatial = len(pairs)
    if input.ndim not in (spatial + 1, spatial + 2):
        raise not_implemented_error(
            "pad: Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now, expected padding for "
            "the last dimensions but one or two, "
            f"got {2 * spatial} numbers for a {input.ndim}D input. Leave the batch and channel dimensions out."
        )
    for d, (low, high) in zip(range(input.ndim - spatial, input.ndim), pairs, strict=True):
        n = input.shape[d]
        if mode == "reflect" and max(low, high) >= n:
            raise runtime_error(
                "pad: Argument #4: Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({low}, {high}) at dimension {d} of input {list(input.shape)}. Pad less."
            )
        if mode == "circular" and max(low, high) > n:
            raise runtime_error(
                f"pad: Padding value causes wrapping around more than once, got padding ({low}, {high}) at dimension "
                f"{d} of input {list(input.shape)}. Pad less."
            )
        if n + low + high < 1 or (not n and mode != "circular"):
            raise runtime_error(
                f"pad: input is too small, expected a positive size at dimension {d}, got {n} with padding ({low}, "
                f"{high}). Crop less."
            )


def pad(input, pad, mode="constant", value=None):
    """Add elements around a tensor: `pad` lists (before, after) from the last dimension backwards.

    mode: "constant" (with `value`), "reflect", "replicate" or "circular"; negative numbers crop.

    Shape: (d1, ..., dn) -> each padded dimension longer by its two numbers.

    >>> import facula
    >>> facula.nn.functional.pad(facula.tensor([1., 2.]), (1, 1))
    tensor([0., 1., 2., 0.])
    """
    numbers = [int(n) for n in pad]
    if len(numbers) % 2:
        raise runtime_error(
            f"pad: Padding length must be divisible by 2, got {len(numbers)} numbers. Give (before, after) for each "
            "dimension."
        )
    if len(numbers) > 2 * input.ndim:
        raise runtime_error(
            "pad: Padding length should be less than or equal to two times the input dimension but got padding "
            f"length {len(numbers)} and input of dimension {input.ndim}. Give fewer numbers."
        )
    pairs = tuple((numbers[i], numbers[i + 1]) for i in range(len(numbers) - 2, -1, -2))
    if mode == "constant":
        if isinstance(value, complex):
            value = complex(value)
        return pad_op(input, ((0, 0),) * (input.ndim - len(pairs)) + pairs, 0.0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise not_implemented_error(
            f"pad: Unrecognised padding mode {mode}, expected constant, reflect, replicate or circular. Choose one of "
            "these."
        )
    if value is not None and value != 0:
        raise value_error(f'pad: Padding mode "{mode}" doesn\'t take in value argument, got {value}. Leave it out.')
    _check_mode(mode, input, pairs)
    return _around(input, mode, pairs) if mode == "circular" else _mirrored(input, mode, pairs)


def _around(input, mode, pairs):
    """`input` with elements of its own around it."""
    out = input
    for d, (low, high) in zip(range(input.ndim - len(pairs), input.ndim), pairs, strict=True):
        n = input.shape[d]
        if low < 0 or high < 0 or n < _LONG * (low + high):
            out = index_op(out, wrap(_positions(mode, n, low, high, np.arange(-low, n + high))), positions=(d,))
        elif low or high:  # only the edges are looked up, the rest is copied
            edges = np.arange(-low, 0), np.arange(n, n + high)
            before, after = (index_op(out, wrap(_positions(mode, n, low, high, at)), positions=(d,)) for at in edges)
            out = cat([before, out, after], d)
    return out.clone() if out is input else out


@whole
def _mirrored(input, mode, pairs):
    """Padding by reflection or replication."""
    return _around(input, mode, pairs)


def constant_pad_nd(input, pad, value=0):
    """`input` padded with `value`.   Shape: (d1, ..., dn) -> each padded dimension longer by its two numbers.

    >>> import facula
    >>> facula.constant_pad_nd(facula.ones(2), (1, 1))
    tensor([0., 1., 1., 0.])
    """
    return _pad(input, pad, "constant", value)


_pad = pad
