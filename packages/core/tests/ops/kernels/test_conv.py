"""Convolution kernels against the records' own forwards, and the bounds of their errors."""

import numpy as np
import pytest

import facula
from facula.ops.conv import conv_input_op, conv_op, conv_weight_op
from facula.ops.kernels import native
from facula.ops.kernels import workspace as room
from facula.ops.kernels.cpu import conv as kernels
from facula.ops.kernels.cpu import depthwise, winograd

pytest.importorskip("numba")

# Winograd's F(4 x 4, 3 x 3) loses digits in its transforms. Stated bound: the largest error, as a part of the largest result,
# stays below 2e-5 for numbers of unit variance (direct sums of float32 stay below 2e-6).
BOUND = 2e-5

WINOGRAD = [  # images, channels, height, width, results, padding before and after
    (16, 64, 14, 17, 32, ((1, 1), (1, 1))),
    (3, 70, 30, 31, 130, ((0, 0), (0, 0))),
    (5, 16, 16, 16, 16, ((2, 2), (2, 2))),
    (16, 20, 9, 5, 24, ((1, 0), (0, 2))),
    (1, 256, 24, 24, 300, ((1, 1), (1, 1))),
    (9, 130, 8, 8, 17, ((1, 1), (1, 1))),
    (16, 128, 4, 4, 128, ((1, 1), (1, 1))),
]


def arrays(images, channels, height, width, results, kernel, outs):
    draw = np.random.default_rng(0).standard_normal
    x, w = draw((images, channels, height, width), "float32"), draw((results, channels, *kernel), "float32")
    return x, w, draw(results, "float32"), draw((images, results, *outs), "float32")


def outs_of(height, width, padding, kernel=3):
    return tuple(n + sum(p) - kernel + 1 for n, p in zip((height, width), padding, strict=True))


@pytest.fixture
def counted(monkeypatch):
    """How often each driver of Winograd's algorithm was called."""
    calls = {"convolve": 0, "weight_slope": 0}
    for name in calls:
        original = getattr(winograd, name)

        def counting(*args, name=name, original=original, **options):
            calls[name] += 1
            return original(*args, **options)

        monkeypatch.setattr(winograd, name, counting)
    return calls


@pytest.mark.parametrize(("images", "channels", "height", "width", "results", "padding"), WINOGRAD)
def test_winograd_equals_the_plain_forwards(images, channels, height, width, results, padding, counted):
    outs = outs_of(height, width, padding)
    x, w, b, g = arrays(images, channels, height, width, results, (3, 3), outs)
    rest = {"stride": (1, 1), "padding": padding, "dilation": (1, 1), "groups": 1}
    pairs = (
        (kernels.conv(np, x, w, b, **rest), conv_op.forward(np, x, w, b, **rest)),
        (
            kernels.conv_input(np, g, w, (height, width), **rest),
            conv_input_op.forward(np, g, w, (height, width), **rest),
        ),
        (kernels.conv_weight(np, g, x, (3, 3), **rest), conv_weight_op.forward(np, g, x, (3, 3), **rest)),
    )
    assert counted == {"convolve": 2, "weight_slope": 1}
    for got, want in pairs:
        assert got.shape == want.shape
        assert np.abs(got - want).max() <= BOUND * np.abs(want).max()


def test_nothing_depends_on_the_number_of_threads():
    x, w, b, g = arrays(8, 64, 20, 20, 96, (3, 3), (20, 20))
    rest = {"stride": (1, 1), "padding": ((1, 1), (1, 1)), "dilation": (1, 1), "groups": 1}
    before, found = facula.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            facula.set_num_threads(threads)
            found.append(
                (
                    kernels.conv(np, x, w, b, **rest).tobytes(),
                    kernels.conv_input(np, g, w, (20, 20), **rest).tobytes(),
                    kernels.conv_weight(np, g, x, (3, 3), **rest).tobytes(),
                )
            )
    finally:
        facula.set_num_threads(before)
    assert found[0] == found[1] == found[2]


def test_nan_and_inf_stay_in_the_tiles_they_are_in():
    x, w, _, _ = arrays(4, 16, 16, 16, 16, (3, 3), (16, 16))
    x[1, 3, 2, 2] = np.nan
    out = kernels.conv(np, x, w, None, (1, 1), ((1, 1), (1, 1)), (1, 1))
    bad = np.isnan(out)
    assert bad[1, :, 1:4, 1:4].all()  # what the number reaches
    assert not bad[[0, 2, 3]].any()
    assert not bad[1, :, 8:].any()


def test_few_tiles_or_channels_other_windows_and_types_are_not_for_winograd(counted):
    ones = np.ones
    for shape, weight, stride, groups in (
        ((1, 16, 8, 8), (16, 16, 3, 3), (1, 1), 1),  # few tiles
        ((16, 3, 32, 32), (64, 3, 3, 3), (1, 1), 1),  # few channels
        ((16, 32, 32, 32), (32, 32, 3, 3), (2, 2), 1),
        ((16, 32, 32, 32), (32, 16, 3, 3), (1, 1), 2),
        ((16, 32, 32, 32), (32, 32, 5, 5), (1, 1), 1),
    ):
        kernels.conv(np, ones(shape, "float32"), ones(weight, "float32"), None, stride, ((1, 1),) * 2, (1, 1), groups)
    kernels.conv(np, ones((16, 32, 32, 32)), ones((32, 32, 3, 3)), None, (1, 1), ((1, 1),) * 2, (1, 1))  # float64
    assert counted == {"convolve": 0, "weight_slope": 0}


OTHERS = [  # input, weight, stride, padding, dilation, groups
    ((4, 8, 14, 17), (32, 8, 3, 3), (2, 2), ((1, 1), (1, 1)), (1, 1), 1),
    ((3, 6, 30, 31), (12, 3, 5, 2), (2, 3), ((0, 0), (1, 2)), (1, 2), 2),
    ((2, 3, 64, 64), (16, 3, 7, 7), (2, 2), ((3, 3), (3, 3)), (1, 1), 1),
    ((8, 128, 4, 4), (128, 128, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 1),
    ((4, 16, 12, 12), (16, 4, 3, 3), (1, 1), ((4, 4), (4, 4)), (3, 3), 4),
    ((4, 16, 28, 27), (16, 1, 3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1), 16),  # one channel a group
    ((4, 16, 28, 27), (16, 1, 4, 5), (1, 1), ((3, 0), (0, 7)), (2, 3), 16),
    ((4, 16, 28, 27), (16, 1, 3, 5), (2, 3), ((1, 1), (0, 0)), (2, 1), 16),
    ((4, 16, 28, 27), (16, 1, 1, 2), (1, 1), ((5, 5), (5, 5)), (1, 1), 16),  # windows of padding alone
    ((9, 16, 14, 13), (24, 16, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),  # one number
    ((1, 16, 14, 33), (24, 16, 1, 1), (1, 1), ((0, 0), (0, 0)), (1, 1), 1),
    ((3, 8, 6, 7, 8), (4, 8, 1, 1, 1), (1, 1, 1), ((0, 0),) * 3, (1, 1, 1), 1),
    ((9, 16, 14, 13), (24, 16, 1, 1), (2, 1), ((0, 0), (1, 0)), (1, 1), 1),
    ((8, 4, 800), (32, 4, 80), (16,), ((0, 0),), (1,), 1),
    ((8, 32, 124), (64, 32, 3), (1,), ((1, 1),), (1,), 1),
    ((1, 1, 30000), (1, 1, 41), (3,), ((20, 20),), (1,), 1),  # one channel in all
    ((1, 1, 60000), (1, 1, 41), (3,), ((0, 0),), (2,), 1),
    ((3, 1, 40, 50), (1, 1, 5, 5), (1, 1), ((2, 2), (2, 2)), (1, 1), 1),
    ((8, 32, 124), (32, 1, 3), (1,), ((1, 1),), (1,), 32),
]


@pytest.mark.parametrize(("shape", "weight", "stride", "padding", "dilation", "groups"), OTHERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2])
def test_columns_and_lines_equal_the_plain_forwards(shape, weight, stride, padding, dilation, groups, dtype, threads):
    rest = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    draw = np.random.default_rng(1).standard_normal
    x, w, b = draw(shape).astype(dtype), draw(weight).astype(dtype), draw(weight[0]).astype(dtype)
    before = facula.get_num_threads()
    facula.set_num_threads(threads)
    try:
        out = conv_op.forward(np, x, w, b, **rest)
        g = draw(out.shape).astype(dtype)
        pairs = (
            (kernels.conv(np, x, w, b, **rest), out),
            (
                kernels.conv_input(np, g, w, shape[2:], **rest),
                conv_input_op.forward(np, g, w, shape[2:], **rest),
            ),
            (
                kernels.conv_weight(np, g, x, weight[2:], **rest),
                conv_weight_op.forward(np, g, x, weight[2:], **rest),
            ),
        )
    finally:
        facula.set_num_threads(before)
    for got, want in pairs:
        assert got.shape == want.shape
        tolerance = 2e-6 if dtype == "float32" else 1e-14
        assert np.abs(got - want).max() <= tolerance * np.abs(want).max()


def test_wrong_shapes_are_refused_before_any_kernel_runs():
    with pytest.raises(RuntimeError, match=r"conv2d: Given groups=1, .* to have 32 channels, but got 16 channels"):
        facula.nn.functional.conv2d(facula.ones(8, 16, 32, 32), facula.ones(32, 32, 3, 3))
    with pytest.raises(RuntimeError, match=r"expected bias to be 1-dimensional with 32 elements"):
        facula.nn.functional.conv2d(facula.ones(8, 32, 32, 32), facula.ones(32, 32, 3, 3), facula.ones(3))


def test_a_workspace_is_kept_for_the_next_who_asks():
    first = room.workspace("test", 4, 5)
    first[:] = 3
    again = room.workspace("test", 20)
    assert again.ctypes.data == first.ctypes.data
    assert again.tolist() == [3] * 20
    assert room.workspace("test", 2, 2, dtype=np.int64).shape == (2, 2)
    assert room.workspace("test", room.LARGEST).ctypes.data != first.ctypes.data


def test_depthwise_loops_run_where_compiled_code_calls_none(monkeypatch):
    monkeypatch.setattr(native, "SUPPORTED", False)
    for loop in (depthwise.slide_flat, depthwise.meet_flat):
        monkeypatch.setattr(loop, "loaded", {})
    x, w = np.random.default_rng(0).standard_normal((2, 8, 20, 20)).astype("float32"), np.ones((8, 1, 3, 3), "float32")
    places = (1, 1), ((1, 1), (1, 1)), (1, 1)
    out = depthwise.convolve(x, w, None, *places, (20, 20))
    slope = depthwise.weight_slope(out, x, (3, 3), *places)
    monkeypatch.undo()
    np.testing.assert_array_equal(out, depthwise.convolve(x, w, None, *places, (20, 20)))
    np.testing.assert_array_equal(slope, depthwise.weight_slope(out, x, (3, 3), *places))
