"""The loops of an LSTM against the record's own forward and backward."""

import numpy as np
import pytest

import facula
from facula.ops import recurrent
from facula.ops.kernels.cpu import recurrent as kernels
from facula.ops.recurrent import lstm_scan_op

pytest.importorskip("numba")


def _inputs(steps, batch, n):
    draw = np.random.default_rng(0).standard_normal
    projected, weight = draw((steps, batch, 4 * n), "float32"), draw((4 * n, n), "float32") / np.float32(n**0.5)
    return projected, draw((batch, n), "float32"), draw((batch, n), "float32"), weight


@pytest.mark.parametrize(("steps", "batch", "n"), [(20, 6, 40), (33, 17, 9), (1, 128, 32)])
def test_an_lstm_equals_the_plain_form_for_any_number_of_threads(agrees, steps, batch, n):
    agrees(lstm_scan_op, *_inputs(steps, batch, n), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("given", [(True, False), (False, True), (True, True)], ids=["hidden", "cells", "both"])
def test_gradients_of_either_result(given):
    projected, h, c, weight = _inputs(33, 17, 9)
    out = kernels.lstm(np, projected, h, c, weight)
    draw = np.random.default_rng(1).standard_normal
    g = *(draw((33, 17, 9), "float32") if there else None for there in given), None
    plain = recurrent.lstm_array(g, out, h, c, weight, np)
    for got, want in zip(kernels.lstm_slope(g, out, h, c, weight, np), plain, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=2e-5)


def test_gradients_of_the_gates_run_in_numpy():
    projected, h, c, weight = _inputs(3, 2, 4)
    out = kernels.lstm(np, projected, h, c, weight)
    g = None, None, np.ones_like(projected)
    plain = recurrent.lstm_array(g, out, h, c, weight, np)
    for got, want in zip(kernels.lstm_slope(g, out, h, c, weight, np), plain, strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_special_values_stay_in_their_row(agrees, value):
    projected, h, c, weight = _inputs(5, 8, 16)
    projected[2, 3, ::7] = value
    agrees(lstm_scan_op, projected, h, c, weight, rtol=1e-5, atol=2e-5)


def test_a_layer_runs_the_same_without_kernels():
    facula.manual_seed(0)
    layer = facula.nn.LSTM(16, 48, num_layers=2, bidirectional=True, batch_first=True)
    x = facula.randn(8, 30, 16, requires_grad=True)
    found = []
    for on in (True, False):
        with facula.use_kernels(on):
            y, (h, c) = layer(x)
            loss = (y * y).sum() + h.sum() + c.sum()
            found.append([y, h, c, *facula.autograd.grad(loss, [x, *layer.parameters()])])
    for a, b in zip(*found, strict=True):
        facula.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)
