"""Pooling in loops gives what the plain form gives: values, first maxima, counts."""

import numpy as np
import pytest

from facula.ops.pool import avg_pool_op, avg_spread_op, max_pool_op

SHAPES = [
    ((3, 4, 12), (2,), (2,), ((0, 0),)),
    ((2, 3, 41), (5,), (3,), ((2, 2),)),
    ((5, 9, 8), (2, 2), (2, 2), ((0, 0), (0, 0))),
    ((2, 3, 17, 14), (3, 3), (2, 2), ((1, 1), (1, 1))),
    ((2, 2, 9, 33), (2, 5), (1, 3), ((0, 0), (2, 2))),
    ((1, 2, 6, 7), (6, 7), (6, 7), ((0, 0), (0, 0))),
]


@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), SHAPES)
@pytest.mark.parametrize("ceil_mode", [False, True])
def test_maxima(agrees, normal, shape, kernel, stride, padding, ceil_mode):
    settings = {"kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode}
    agrees(max_pool_op, normal(*shape), dilation=(1,) * len(kernel), **settings)
    agrees(max_pool_op, normal(*shape).round(), dilation=(1,) * len(kernel), **settings)


def test_maxima_with_holes(agrees, normal):
    settings = {"kernel": (3, 2), "stride": (1, 2), "padding": ((1, 1), (1, 1)), "dilation": (2, 3)}
    agrees(max_pool_op, normal(2, 3, 11, 12), ceil_mode=False, **settings)


@pytest.mark.parametrize(("kernel", "stride"), [((2, 2), (2, 2)), ((3, 3), (2, 2))], ids=["apart", "overlapping"])
def test_nan_and_infinities(agrees, special, kernel, stride):
    windows = {"kernel": kernel, "stride": stride, "padding": ((0, 0), (0, 0)), "ceil_mode": False}
    agrees(max_pool_op, special[None], dilation=(1, 1), **windows)
    agrees(avg_pool_op, special[None], count_include_pad=True, divisor_override=None, **windows)


def test_a_window_of_nothing_but_the_lowest_number(agrees):
    x = np.full((1, 4, 4), -np.inf, np.float32)
    agrees(max_pool_op, x, kernel=(2, 2), stride=(2, 2), padding=((0, 0),) * 2, dilation=(1, 1), ceil_mode=False)


@pytest.mark.parametrize(("shape", "kernel", "stride", "padding"), SHAPES)
@pytest.mark.parametrize(
    ("ceil_mode", "include", "override"), [(False, True, None), (True, False, None), (True, True, 3)]
)
def test_means(agrees, normal, shape, kernel, stride, padding, ceil_mode, include, override):
    settings = {
        "kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode, "count_include_pad": include,
        "divisor_override": override,
    }  # fmt: skip
    agrees(avg_pool_op, normal(*shape), **settings)
    outs = avg_pool_op.rule.shape(normal(*shape), kernel, stride, padding, ceil_mode).shape
    got = avg_spread_op.kernels["cpu"](np, upper := normal(*outs), shape[-len(kernel) :], *settings.values())
    want = avg_spread_op.forward(np, upper, shape[-len(kernel) :], *settings.values())
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=2e-6)
