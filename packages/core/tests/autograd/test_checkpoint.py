"""Checkpointed parts give the same gradients, keep nothing meanwhile, and draw the same random numbers twice."""

import gc
import weakref

import numpy as np
import pytest

import facula
from facula.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


@pytest.fixture
def leaves():
    rng = np.random.default_rng(0)
    return [
        facula.tensor(rng.uniform(0.5, 1.5, (3, 4)).tolist(), dtype=facula.float64, requires_grad=True)
        for _ in range(2)
    ]


def part(x, w):
    h = (x * w).tanh()
    h = h * w.exp() + x
    return h.sigmoid(), h.sum()


def plain(x, w):
    y, s = part(x, w)
    return (y * s).sum()


@pytest.mark.parametrize("reentrant", [True, False])
def test_same_gradients(leaves, reentrant):
    x, w = leaves
    expected = facula.autograd.grad(plain(x, w), (x, w))
    y, s = checkpoint(part, x, w, use_reentrant=reentrant)
    (y * s).sum().backward()
    for found, wanted in zip((x.grad, w.grad), expected, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-12)


def test_weights_of_the_closure_get_gradients(leaves):
    x, w = leaves
    checkpoint(lambda x: (x * w).exp(), x, use_reentrant=False).sum().backward()
    np.testing.assert_allclose(w.grad.numpy(), (x * (x * w).exp()).detach().numpy())


def test_second_derivative(leaves):
    x, w = leaves
    second = []
    for f in (plain, lambda x, w: (lambda r: (r[0] * r[1]).sum())(checkpoint(part, x, w, use_reentrant=False))):
        gx, gw = facula.autograd.grad(f(x, w), (x, w), create_graph=True)
        second.append([g.numpy() for g in facula.autograd.grad((gx * gw).sum(), (x, w))])
    np.testing.assert_allclose(*second, rtol=1e-10)


def test_runs_once_per_backward_and_again_when_retained(leaves):
    x, w = leaves
    calls = []

    def counted(x, w):
        calls.append(0)
        return (x * w).exp().sin()

    loss = checkpoint(counted, x, w, use_reentrant=False).sum()
    assert len(calls) == 1
    loss.backward(retain_graph=True)
    loss.backward()
    assert len(calls) == 2
    np.testing.assert_allclose(x.grad.numpy(), 2 * facula.autograd.grad(counted(x, w).sum(), x)[0].numpy())
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        loss.backward()


def test_keeps_nothing_of_the_inside(leaves):
    x, w = leaves
    seen = []

    def watched(x, w):
        h = (x * w).exp()
        seen.append(weakref.ref(h))
        return h.sin().cos()

    gc.disable()
    try:
        watched(x, w)
        assert seen.pop()() is None
        y = watched(x, w)
        assert seen.pop()() is not None
        y = checkpoint(watched, x, w, use_reentrant=False)
        assert seen.pop()() is None
        y.sum().backward()
        assert seen.pop()() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("preserve", [True, False])
def test_random_numbers(leaves, preserve):
    x, _ = leaves
    draws = []

    def noisy(x):
        draws.append(facula.rand(3, 4, dtype=facula.float64))
        return (x * draws[-1]).exp()

    facula.manual_seed(3)
    y = checkpoint(noisy, x, use_reentrant=False, preserve_rng_state=preserve)
    after = facula.get_rng_state()
    y.sum().backward()
    assert bool((draws[0] == draws[1]).all()) is preserve
    if preserve:
        assert bool((facula.get_rng_state() == after).all())


def test_nested(leaves):
    x, w = leaves
    inner = lambda x, w: checkpoint(lambda a, b: (a * b).exp(), x, w, use_reentrant=False).sin() * w
    checkpoint(inner, x, w, use_reentrant=False).sum().backward()
    expected = facula.autograd.grad(((x * w).exp().sin() * w).sum(), (x, w))
    np.testing.assert_allclose(x.grad.numpy(), expected[0].numpy(), rtol=1e-12)
    np.testing.assert_allclose(w.grad.numpy(), expected[1].numpy(), rtol=1e-12)


def test_keyword_arguments_and_trees(leaves):
    x, w = leaves
    f = lambda d, *, scale: {"y": (d["x"] * d["w"]).exp() * scale, "name": "kept"}
    out = checkpoint(f, {"x": x, "w": w}, scale=2.0, use_reentrant=False)
    assert out["name"] == "kept"
    out["y"].sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), (2 * w * (x * w).exp()).detach().numpy())


def test_result_written_afterwards(leaves):
    x, _ = leaves
    y = checkpoint(lambda x: (x * 2).exp(), x, use_reentrant=False)
    z = (y * 1).mul_(3.0)
    z.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), (6 * (2 * x).exp()).detach().numpy())


def test_context_functions(leaves):
    x, _ = leaves
    entered = []

    class Note:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            entered.append(self.name)

        def __exit__(self, *exc):
            pass

    checkpoint(facula.exp, x, use_reentrant=False, context_fn=lambda: (Note("first"), Note("again"))).sum().backward()
    assert entered == ["first", "again"]


def test_without_gradients(leaves):
    x, _ = leaves
    with facula.no_grad():
        assert not checkpoint(facula.exp, x, use_reentrant=False).requires_grad
    with pytest.warns(UserWarning, match=r"None of the inputs have requires_grad=True. Gradients will be None"):
        assert not checkpoint(lambda t: t * x, x.detach(), use_reentrant=True).requires_grad


def test_errors(leaves):
    x, _ = leaves
    with pytest.warns(UserWarning, match="the use_reentrant parameter should be passed explicitly"):
        checkpoint(facula.exp, x)
    with pytest.raises(ValueError, match="Unexpected keyword arguments: scale"):
        checkpoint(facula.exp, x, use_reentrant=True, scale=1)
    with pytest.raises(ValueError, match="Passing `context_fn` or `debug` is only supported when use_reentrant=False"):
        checkpoint(facula.exp, x, use_reentrant=True, debug=True)
    with pytest.raises(ValueError, match="determinism_check should be one of default, none, got sometimes"):
        checkpoint(facula.exp, x, use_reentrant=False, determinism_check="sometimes")

    calls = []

    def changing(x):
        calls.append(0)
        return x.exp() if len(calls) == 1 else x.exp().sin()

    with pytest.raises(CheckpointError, match="A different number of tensors was saved during the original forward"):
        checkpoint(changing, x, use_reentrant=False).sum().backward()
    y = x * 1
    out = checkpoint(lambda t: t.exp(), y, use_reentrant=False)
    y.add_(1)
    with pytest.raises(
        RuntimeError, match="checkpoint: one of the arguments has been modified by an inplace operation"
    ):
        out.sum().backward()

    shrinking = []

    def other_shape(x):
        shrinking.append(0)
        return (x if len(shrinking) == 1 else x[:1]).exp()

    with pytest.raises(CheckpointError, match=r"Recomputed values for exp have different metadata|A different number"):
        checkpoint(other_shape, x, use_reentrant=False).sum().backward()


@pytest.mark.parametrize("segments", [1, 2, 3])
def test_sequential(leaves, segments):
    x, _ = leaves
    functions = [facula.exp, facula.sin, facula.cos, facula.tanh]
    out = checkpoint_sequential(functions, segments, x, use_reentrant=False)
    expected = x.exp().sin().cos().tanh()
    np.testing.assert_allclose(out.detach().numpy(), expected.detach().numpy())
    out.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), facula.autograd.grad(expected.sum(), x)[0].numpy(), rtol=1e-12)
    with pytest.warns(UserWarning, match="checkpoint_sequential: the use_reentrant parameter should be passed"):
        checkpoint_sequential(functions, segments, x)
