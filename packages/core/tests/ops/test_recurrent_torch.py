"""Recurrent layers against PyTorch's own, with gradients."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}


def parameters(rng, gates, layers, directions, biases):
    arrays = []
    for layer in range(layers):
        width = 3 if layer == 0 else 5 * directions
        for _ in range(directions):
            arrays += [rng.standard_normal((gates * 5, width)), rng.standard_normal((gates * 5, 5))]
            arrays += [rng.standard_normal(gates * 5)] * 2 if biases else []
    return arrays


def run(lib, name, x, states, params, *settings):
    x, *rest = [lib.from_numpy(a.copy()).requires_grad_() for a in (x, *states, *params)]
    hx, params = rest[: len(states)], rest[len(states) :]
    out = getattr(lib, name)(x, hx if name == "lstm" else hx[0], params, *settings)
    loss = sum((o * o).sum() for o in out)
    return [o.detach().numpy() for o in out] + [g.numpy() for g in lib.autograd.grad(loss, [x, *hx, *params])]


@pytest.mark.parametrize(
    ("layers", "bidirectional", "batch_first", "biases"),
    [(1, False, False, True), (2, True, True, True), (2, False, False, False)],
)
@pytest.mark.parametrize("name", GATES)
def test_layers(name, layers, bidirectional, batch_first, biases):
    rng = np.random.default_rng(0)
    directions = 2 if bidirectional else 1
    x = rng.standard_normal((2, 4, 3) if batch_first else (4, 2, 3))
    states = [rng.standard_normal((layers * directions, 2, 5)) for _ in range(2 if name == "lstm" else 1)]
    params = [0.3 * a for a in parameters(rng, GATES[name], layers, directions, biases)]
    settings = (biases, layers, 0.0, True, bidirectional, batch_first)
    for a, b in zip(
        run(facula, name, x, states, params, *settings), run(torch, name, x, states, params, *settings), strict=True
    ):
        np.testing.assert_allclose(a, b, atol=1e-9)


@pytest.mark.parametrize("name", GATES)
def test_cells(name):
    rng = np.random.default_rng(0)
    x, *states = rng.standard_normal((2, 3)), rng.standard_normal((2, 5)), rng.standard_normal((2, 5))
    params = parameters(rng, GATES[name], 1, 1, True)
    found = []
    for lib in (facula, torch):
        hx = [lib.from_numpy(s) for s in states]
        out = getattr(lib, f"{name}_cell")(
            lib.from_numpy(x), hx if name == "lstm" else hx[0], *map(lib.from_numpy, params)
        )
        found.append([o.numpy() for o in (out if name == "lstm" else [out])])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)


def call(**changes):
    given = (
        dict(x=facula.ones(2, 1, 3), h=facula.zeros(1, 1, 5), params=[facula.ones(15, 3), facula.ones(15, 5)], layers=1)
        | changes
    )
    return facula.gru(given["x"], given["h"], given["params"], False, given["layers"], 0.0, False, False)


ERRORS = [
    (dict(x=facula.ones(2, 3)), "input must have 3 dimensions, got 2"),
    (dict(layers=2), "expected 4 parameters, got 2"),
    (dict(h=facula.zeros(2, 1, 5)), "expected 1 first states, got 2"),
    (dict(h=facula.zeros(1, 2, 5)), r"gru: expected a hidden state of shape \(1, 5\)"),
]


@pytest.mark.parametrize(("changes", "match"), ERRORS)
def test_errors(changes, match):
    with pytest.raises(RuntimeError, match=match):
        call(**changes)
