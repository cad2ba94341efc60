"""One visit per channel gives what the plain batch_norm gives."""

import numpy as np
import pytest

from facula.ops.norm import batch_norm_op


@pytest.mark.parametrize(
    "shape", [(5, 3), (300, 7), (2, 3, 4), (3, 5, 4, 4), (2, 3, 8, 9), (4, 2, 70, 70), (1, 5, 128)], ids=str
)
def test_channels(agrees, normal, shape):
    x = normal(*shape) * 3 + 10
    agrees(batch_norm_op, x, normal(shape[1]), normal(shape[1]), eps=1e-5, rtol=3e-5, atol=3e-4)
    agrees(batch_norm_op, x, normal(shape[1]), eps=1e-3, rtol=3e-5, atol=3e-4)
    agrees(batch_norm_op, x, eps=1e-5, rtol=3e-5, atol=3e-4)


@pytest.mark.parametrize("pixels", [3, 80])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_special_values_stay_in_their_channel(agrees, normal, value, pixels):
    x = normal(6, 4, pixels)
    x[2, 1, 0] = value
    agrees(batch_norm_op, x, normal(4), normal(4), eps=1e-5, atol=1e-4)


def test_gradients_of_the_moments_run_in_numpy(normal):
    x, out = normal(5, 3, 4), batch_norm_op.forward(np, normal(5, 3, 4), None, None, 1e-5)
    for upper in [(None, normal(3), None), (normal(5, 3, 4), None, normal(3))]:
        slope, _, _ = batch_norm_op.array_joint[0](upper, out, x, None, (True, False, False), 1e-5, np)
        assert slope.shape == x.shape


def test_sums_of_many_numbers_are_exact(normal):
    x = normal(64, 2, 40_000) + 1000
    _, mean, var = batch_norm_op.kernels["cpu"](np, x, None, None, 1e-5)
    wide = x.astype("float64")
    np.testing.assert_allclose(mean, wide.mean((0, 2)), rtol=2e-7)
    np.testing.assert_allclose(var, wide.var((0, 2)), rtol=1e-6)
