"""Images at other sizes and places: interpolate, grid_sample, affine_grid."""

from __future__ import annotations

import functools
import itertools
import math
import warnings

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.primitives import cast
from facula.autograd.state import whole
from facula.devices import base as devices
from facula.devices.meta import Meta
from facula.errors import not_implemented_error, runtime_error, value_error
from facula.ops.compare import where
from facula.ops.matmul import matmul
from facula.ops.pool import gather_flat_op
from facula.tensors.tensor import wrap


def _cubic(x, a):
    """Keys' kernel."""
    x = np.abs(x)
    return np.where(
        x <= 1, ((a + 2) * x - (a + 3)) * x * x + 1, np.where(x < 2, ((x - 5) * x + 8) * x * a - 4 * a, 0.0)
    )


def _smooth_table(n, m, mode, scale):
    """Taps of a filter that widens when images shrink."""
    support = (1.0 if mode.startswith("linear") else 2.0) * max(scale, 1.0)
    shrink, delta = 1 / max(scale, 1.0), 0.5  # align_corners changes the scale only, as in PyTorch
    center = scale * (np.arange(m) + delta)
    first = np.maximum((center - support + delta).astype(np.int64), 0)
    last = np.minimum((center + support + delta).astype(np.int64), n)
    at = first[:, None] + np.arange(max(int((last - first).max()), 1))
    x = (at - center[:, None] + delta) * shrink
    weight = np.maximum(1 - np.abs(x), 0) if mode.startswith("linear") else _cubic(x, -0.5)
    weight = np.where(at < last[:, None], weight, 0)
    return at.clip(0, n - 1).T, (weight / weight.sum(axis=1, keepdims=True)).T


@functools.lru_cache(maxsize=256)
def _table(n, m, mode, scale, align):
    """(places, weights), each (taps, m): out[i] = sum over taps of weights[t, i] * input[places[t, i]]; weights None means 1."""
    i = np.arange(m)
    if mode == "nearest":
        return np.minimum((i.astype(np.float32) * np.float32(scale)).astype(np.int64), n - 1)[None], None
    if mode == "nearest-exact":
        return np.minimum(((i + 0.5).astype(np.float32) * np.float32(scale)).astype(np.int64), n - 1)[None], None
    if mode.endswith("smooth"):
        return _smooth_table(n, m, mode, scale)
    at = i * scale if align else (i + 0.5) * scale - 0.5
    if mode == "linear":
        at = np.maximum(at, 0)
        low = np.minimum(np.floor(at).astype(np.int64), n - 1)
        return np.stack([low, np.minimum(low + 1, n - 1)]), np.stack([1 - (at - low), at - low])
    low = np.floor(at).astype(np.int64)
    taps = low + np.arange(-1, 3)[:, None]
    return taps.clip(0, n - 1), _cubic(taps - at, -0.75)


def _matrix(n, m, mode, scale, align):
    """The same as an (m, n) matrix."""
    places, weights = _table(n, m, mode, scale, align)
    out = np.zeros((m, n))
    np.add.at(out, (np.broadcast_to(np.arange(m), places.shape), places), 1.0 if weights is None else weights)
    return out


def _resized(input, dim, size, kind, scale, align):
    return Meta((*input.shape[:dim], size, *input.shape[dim + 1 :]), input.dtype)


@op(_resized, onnx="Resize", samples=[
    sample((1, 2, 5), dim=2, size=7, kind="linear", scale=5 / 7, align=False), sample((1, 2, 5, 3), dim=2, size=3, kind="cubic", scale=2.0, align=True),
    sample((1, 2, 5), dim=2, size=8, kind="nearest", scale=5 / 8, align=False), sample((1, 1, 6), dim=2, size=3, kind="linear-smooth", scale=2.0, align=False),
])  # fmt: skip
def resample_op(xp, input, /, dim, size, kind, scale, align):
    """One dimension of `input` at another size."""
    places, weights = _table(input.shape[dim], size, kind, scale, align)
    if weights is None:
        return xp.take(input, xp.asarray(places[0]), axis=dim)
    real = input.dtype if input.dtype.kind in "fc" else np.dtype(np.float32)
    weights = xp.asarray(weights.astype(real)).reshape(len(weights), size, *(1,) * (input.ndim - 1 - dim))
    out = None
    for place, weight in zip(places, weights, strict=True):
        part = xp.take(input, xp.asarray(place), axis=dim) * weight
        out = part if out is None else xp.add(out, part, out=out)
    if input.dtype.kind in "iu":
        info = np.iinfo(input.dtype)
        return xp.clip(xp.rint(out), info.min, info.max).astype(input.dtype)
    return out


def _resample_slope(g, shapes, dim, size, kind, scale, align):
    matrix = _matrix(shapes[0][dim], size, kind, scale, align)
    if g.is_meta:
        matrix = wrap(Meta(matrix.shape, g.array.dtype))
    else:
        matrix = cast(wrap(devices.move(matrix, g.device)), g.array.dtype)
    return matmul(g.transpose(dim, -1), matrix).transpose(dim, -1)


resample_op.vjp(input=_resample_slope)
_SPATIAL = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
}


def _wanted(input, size, scale_factor):
    """(sizes, scale factors or None) of each spatial dimension."""
    rank = input.ndim - 2
    if (size is None) == (scale_factor is None):
        what = (
            "either size or scale_factor should be defined"
            if size is None
            else "only one of size or scale_factor should be defined"
        )
        raise value_error(f"interpolate: {what}, got {size} and {scale_factor}. Pass exactly one.")
    given = size if size is not None else scale_factor
    given = tuple(given) if isinstance(given, (tuple, list)) else (given,) * rank
    if len(given) != rank:
        raise value_error(
            "interpolate: Input and output must have the same number of spatial dimensions, but got input with "
            f"spatial dimensions of {list(input.shape[2:])} and "
            f"{'output size' if size is not None else 'scale_factor'} of {list(given)}. Give one number per spatial "
            "dimension."
        )
    if size is not None:
        return tuple(int(n) for n in given), None
    return tuple(math.floor(n * s) for n, s in zip(input.shape[2:], given, strict=True)), tuple(float(s) for s in given)


def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """`input` (N, C, d1, ...) at another size, given as numbers or as factors.

    mode: "nearest", "nearest-exact", "linear" (3D input), "bilinear" or "bicubic" (4D), "trilinear" (5D), "area".
    align_corners: corner pixels keep their values; antialias: filters widen when images shrink.

    Shape: (N, C, d1, ...) -> (N, C, *size).

    >>> import facula
    >>> facula.nn.functional.interpolate(facula.tensor([[[1., 2.]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    rank = input.ndim - 2
    if mode not in _SPATIAL or rank not in _SPATIAL[mode]:
        raise not_implemented_error(
            f"interpolate: Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the modes: "
            "nearest | linear | bilinear | bicubic | trilinear | area | "
            f"nearest-exact (got {mode}). Use 'nearest'."
        )
    if align_corners is not None and mode in ("nearest", "area", "nearest-exact"):
        raise value_error(
            "interpolate: align_corners option can only be set with the interpolating modes: linear | bilinear | "
            "bicubic | trilinear. Leave it out."
        )
    if antialias and mode not in ("bilinear", "bicubic"):
        raise value_error(
            "interpolate: Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor as "
            f"input, got {mode}. Leave it out."
        )
    sizes_, factors = _wanted(input, size, scale_factor)
    if min(sizes_) <= 0 or not all(input.shape[2:]):
        raise runtime_error(
            f"interpolate: Input and output sizes should be greater than 0, but got input {tuple(input.shape[2:])} "
            f"output {sizes_}. Choose larger sizes."
        )
    if mode == "area":
        from facula.ops import pool_adaptive

        return (
            pool_adaptive.adaptive_avg_pool1d,
            pool_adaptive.adaptive_avg_pool2d,
            pool_adaptive.adaptive_avg_pool3d,
        )[rank - 1](input, sizes_)
    if recompute_scale_factor:
        factors = None
    kind = (
        mode
        if mode.startswith("nearest")
        else ("cubic" if mode == "bicubic" else "linear") + ("-smooth" if antialias else "")
    )
    align, out = bool(align_corners), input
    for d in reversed(range(2, input.ndim)):
        n, m = input.shape[d], sizes_[d - 2]
        if align:
            scale = (n - 1) / (m - 1) if m > 1 else 0.0
        else:
            scale = n / m if factors is None else 1 / factors[d - 2]
        if n != m or scale not in (1, 0) or kind.endswith("smooth"):
            out = resample_op(out, d, m, kind, float(scale), align)
    return out.clone() if out is input else out


def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """`interpolate` under its old name.   Shape: (N, C, d1, ...) -> (N, C, *size)."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.", UserWarning, stacklevel=2
    )
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with mode="nearest" under its old name.   Shape: (N, C, d1, ...) -> (N, C, *size)."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        UserWarning,
        stacklevel=2,
    )
    return interpolate(input, size, scale_factor, "nearest")


def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with mode="bilinear", align_corners=True under its old name.

    Shape: (N, C, H, W) -> (N, C, *size).
    """
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        UserWarning,
        stacklevel=2,
    )
    mode = {3: "linear", 4: "bilinear", 5: "trilinear"}.get(input.ndim, "bilinear")
    return interpolate(input, size, scale_factor, mode, True)


def affine_grid(theta, size, align_corners=None):
    """The grid for `grid_sample` that maps an image of `size` by the matrices theta.   Shape: (N, 2, 3) -> (N, H, W, 2); (N, 3, 4) -> (N, D, H, W, 3).

    >>> import facula
    >>> facula.nn.functional.affine_grid(facula.eye(2, 3)[None], (1, 1, 2, 2), align_corners=False).shape
    facula.Size([1, 2, 2, 2])
    """
    size = tuple(int(n) for n in size)
    rank = len(size) - 2
    if not theta.is_floating_point():
        raise value_error(
            f"affine_grid: Expected theta to have floating point type, but got {theta.dtype}. Convert with .float()."
        )
    if rank not in (2, 3) or theta.ndim != 3 or tuple(theta.shape[1:]) != (rank, rank + 1):
        raise value_error(
            f"affine_grid: Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size {size}. "
            f"Got {tuple(theta.shape)}. Give a 4D or 5D size that fits theta."
        )
    if min(size) <= 0:
        raise value_error(f"affine_grid: Expected non-zero, positive output size. Got {size}. Choose positive sizes.")
    axes = []
    for n in size[2:]:
        line = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        axes.append(line if align_corners or n < 1 else line * ((n - 1) / n))
    grid = np.stack([*reversed(np.meshgrid(*axes, indexing="ij")), np.ones(size[2:])], axis=-1).reshape(-1, rank + 1)
    base = (
        wrap(Meta(grid.shape, theta.array.dtype))
        if theta.is_meta
        else cast(wrap(devices.move(grid, theta.device)), theta.array.dtype)
    )
    return matmul(base, theta.mT).reshape(size[0], *size[2:], rank)


affine_grid_generator = affine_grid


def _pixel(coordinate, n, align):
    """A coordinate in [-1, 1] in pixels."""
    return (coordinate + 1) * ((n - 1) / 2) if align else ((coordinate + 1) * n - 1) / 2


def _clip(x, n):
    return where(x > 0, where(x < n - 1, x, float(n - 1)), 0.0)


def _reflect(x, n, align):
    low, span = (0.0, float(n - 1)) if align else (-0.5, float(n))
    if not span:
        return x * 0
    x = (x - low).abs()
    held = x.detach()
    times = (held / span).floor()
    rest = x - times * span
    return where(times % 2 == 0, rest + low, span - rest + low)


def _placed(x, n, padding_mode, align):
    """A pixel coordinate as the padding mode moves it."""
    if padding_mode == "border":
        return _clip(x, n)
    return _clip(_reflect(x, n, align), n) if padding_mode == "reflection" else x


def _fetch(input, places):
    """The pixels at integer coordinates (each (N, *outs)), zeros outside: (N, C, *outs)."""
    spatial = input.shape[2:]
    inside, flat = None, None
    for x, n in zip(places, spatial, strict=True):
        held = x.detach()
        ok = (held >= 0) & (held <= n - 1)
        inside = ok if inside is None else inside & ok
        step = held.masked_fill(~ok, 0).long()
        flat = step if flat is None else flat * n + step
    n, c, outs = input.shape[0], input.shape[1], flat.shape[1:]
    rows = flat.reshape(n, 1, -1).expand(n, c, math.prod(outs))
    picked = gather_flat_op(input.reshape(n, c, -1), rows, 1).reshape(n, c, *outs)
    return picked.masked_fill(~inside.unsqueeze(1), 0)


def _cubic_weights(t):
    """Keys' weights (a = -0.75) of the four pixels around a place t after the second."""
    a = -0.75

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((x - 5) * x + 8) * x * a - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


@whole
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """The values of images at the places that `grid` names in [-1, 1] coordinates, x first (Jaderberg et al., 2015).

    Shape: (N, C, H, W), (N, H', W', 2) -> (N, C, H', W'), and the same with three dimensions.

    >>> import facula
    >>> facula.nn.functional.grid_sample(facula.ones(1, 1, 4, 4), facula.zeros(1, 2, 2, 2), align_corners=False)
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise value_error(
            "grid_sample: nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but "
            f"got: '{mode}'. Choose one of these."
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise value_error(
            "grid_sample: nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'. Choose one."
        )
    rank = input.ndim - 2
    if rank not in (2, 3) or grid.ndim != input.ndim or grid.shape[-1] != rank or grid.shape[0] != input.shape[0]:
        raise runtime_error(
            f"grid_sample: grid_sampler(): expected grid and input to have same batch size and grid of {rank} "
            f"coordinates last, but got input with sizes {list(input.shape)} and "
            f"grid with sizes {list(grid.shape)}. Reshape the grid to (N, *, {rank})."
        )
    if mode == "bicubic" and rank != 2:
        raise runtime_error(
            "grid_sample: grid_sampler(): bicubic interpolation only supports 4D input, got 5D. Use mode='bilinear'."
        )
    align = bool(align_corners)
    spatial = input.shape[2:]
    raw = [_pixel(grid[..., rank - 1 - d], n, align) for d, n in enumerate(spatial)]
    if mode == "bicubic":
        return _bicubic(input, raw, padding_mode, align)
    places = [_placed(x, n, padding_mode, align) for x, n in zip(raw, spatial, strict=True)]
    if mode == "nearest":
        out = _fetch(input, [x.detach().round() for x in places])
        # the gradient of the grid is zero, and itself on the tape
        return out + grid.masked_fill(grid.new_ones(grid.shape) > 0, 0).sum() if grid.requires_grad else out
    lows = [x.detach().floor() for x in places]
    fractions = [x - low for x, low in zip(places, lows, strict=True)]
    out = None
    for corner in itertools.product((0, 1), repeat=rank):
        weight = None
        for bit, t in zip(corner, fractions, strict=True):
            part = t if bit else 1 - t
            weight = part if weight is None else weight * part
        value = _fetch(input, [low + bit for low, bit in zip(lows, corner, strict=True)]) * weight.unsqueeze(1)
        out = value if out is None else out + value
    return out


def _bicubic(input, raw, padding_mode, align):
    lows = [x.detach().floor() for x in raw]
    rows, columns = (_cubic_weights(x - low) for x, low in zip(raw, lows, strict=True))
    out = None
    for i in range(4):
        line = None
        y = _placed(lows[0] + (i - 1), input.shape[2], padding_mode, align)
        for j in range(4):
            x = _placed(lows[1] + (j - 1), input.shape[3], padding_mode, align)
            value = _fetch(input, [y, x]) * columns[j].unsqueeze(1)
            line = value if line is None else line + value
        line = line * rows[i].unsqueeze(1)
        out = line if out is None else out + line
    return out


_INTERPOLATIONS, _PADDINGS = ("bilinear", "nearest", "bicubic"), ("zeros", "border", "reflection")


def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sample` with its modes as numbers.   Shape: as `grid_sample`."""
    return grid_sample(input, grid, _INTERPOLATIONS[interpolation_mode], _PADDINGS[padding_mode], align_corners)


grid_sampler_2d = grid_sampler_3d = grid_sampler
