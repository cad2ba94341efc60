"""The loops of an LSTM against the record's own forward and backward."""

import numpy as np
import pytest

import facula
from facula.ops import recurrent
from facula.ops.kernels.cpu import recurrent as kernels
from facula.ops.recurrent import lstm_scan_op

pytest.importorskip("numba")


@pytest.mark.parametrize(("steps", "batch", "n"), [(20, 6, 40), (33, 17, 9), (1, 128, 32)])
@pytest.mark.parametrize("given", [(True, True), (True, False), (False, True)])
def test_an_lstm_equals_the_plain_form(steps, batch, n, given):
    draw = np.random.default_rng(0).standard_normal
    projected, weight = draw((steps, batch, 4 * n), "float32"), draw((4 * n, n), "float32") / np.float32(n**0.5)
    h, c = draw((2, batch, n), "float32")
    assert kernels.lstm_step.serves(projected)
    out = lstm_scan_op.forward(np, projected, h, c, weight)
    for got, want in zip(kernels.lstm(np, projected, h, c, weight), out, strict=True):
        np.testing.assert_allclose(got, want, atol=5e-6)
    g = tuple(draw((steps, batch, n), "float32") if there else None for there in given)
    arguments = g, out, projected, h, c, weight, np
    for got, want in zip(kernels.lstm_slope(*arguments), recurrent.lstm_array(*arguments), strict=True):
        assert got.shape == want.shape
        assert np.abs(got - want).max() <= 1e-5 * max(1, np.abs(want).max())


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
