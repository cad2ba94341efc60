"""The names of `torch.func` and `torch.autograd` are here, and the lesser ones do what PyTorch's do."""

import importlib

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Attempted to insert a get_attr Node"),
]
REASONS = {
    "NestedIOFunction": "deprecated", "InplaceFunction": "deprecated", "BackwardCFunction": "the C++ half of Function",
    "FunctionMeta": "the C++ half of Function",
    "enforce_grad_layout_policy": "gradients are contiguous here",
}  # fmt: skip


@pytest.mark.parametrize(
    "room",
    "func autograd autograd.functional autograd.forward_ad autograd.function autograd.grad_mode autograd.anomaly_mode".split(),
)
def test_names(room):
    theirs, ours = importlib.import_module(f"torch.{room}"), importlib.import_module(f"facula.{room}")
    missing = {n for n in theirs.__all__ if not hasattr(ours, n)}
    assert missing - REASONS.keys() == set()


PATTERNS = [
    ("b h w c -> b h w c", {}), ("b h w c -> (b h) w c", {}), ("b h w c -> h (b w) c", {}), ("b h w c -> b c h w", {}), ("b h w c -> b (c h w)", {}),
    ("b (h1 h) (w1 w) c -> (b h1 w1) h w c", {"h1": 2, "w1": 3}), ("b (h h1) (w w1) c -> b h w (c h1 w1)", {"h1": 2, "w1": 3}),
    ("b ... c -> c ... b", {}), ("b ... -> (...) b", {}), ("... c -> c 1 (...)", {}), ("b h w c -> b h w () c", {}), ("b h (w 1) c -> b (h w) c", {}),
]  # fmt: skip


@pytest.mark.parametrize(("pattern", "lengths"), PATTERNS)
def test_rearrange(pattern, lengths):
    x = np.arange(2 * 4 * 6 * 3).reshape(2, 4, 6, 3)
    ours, theirs = (
        facula.func.rearrange(facula.tensor(x), pattern, **lengths),
        torch.func.rearrange(torch.tensor(x), pattern, **lengths),
    )
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    pair = facula.func.rearrange([facula.tensor(x), facula.tensor(x)], "n b ... -> b n ...")
    assert tuple(pair.shape) == (2, 2, 4, 6, 3)


@pytest.mark.parametrize(
    ("pattern", "lengths", "match"),
    [("a b", {}, "expected a pattern 'left -> right'"), ("a b -> a", {}, "the same names on both sides"), ("a a -> a", {}, "each name once"),
     ("(a (b)) -> a b", {}, "parentheses in pairs"), ("a b c -> a b c", {}, "expected a tensor of 3 dimensions"), ("a -> a", {}, "expected a tensor of 1 dim"),
     ("a ? -> a ?", {}, r"got '\?'"), ("(a b) c -> a b c", {}, "at most one unknown"), ("(a b) c -> a b c", {"a": 4}, "that make up 2"),
     ("(...) -> ...", {}, "no `...` in parentheses on the left"), ("a b -> a b", {"c": 1}, "lengths of those")],
)  # fmt: skip
def test_patterns_that_do_not_fit(pattern, lengths, match):
    with pytest.raises(ValueError, match=match):
        facula.func.rearrange(facula.zeros(2, 3), pattern, **lengths)


def test_linearize():
    found = []
    for m in (facula, torch):
        calls = []

        def function(x, y, m=m, calls=calls):
            calls.append(1)
            return m.sin(x) * y["w"], x.sum()

        out, push = m.func.linearize(function, m.tensor([1.0, 2.0]), {"w": m.tensor([3.0, 4.0])})
        tangents = [
            push(m.tensor(v), {"w": m.tensor(w)}) for v, w in (([1.0, 0.0], [0.0, 0.0]), ([0.5, 2.0], [1.0, -1.0]))
        ]
        found.append([*out, *tangents[0], *tangents[1]])
        if m is facula:
            assert len(calls) == 1
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)
    with pytest.raises(RuntimeError, match="linearize"):
        facula.func.linearize(facula.sin, facula.ones(2))[1](facula.ones(3))


def test_functionalize():
    def function(x):
        y = x.clone()
        y[0] = 5
        return y.mul_(x).sum()

    x = facula.tensor([1.0, 2.0])
    same = facula.func.functionalize(function)
    assert float(same(x)) == float(function(x)) == 9
    np.testing.assert_array_equal(facula.func.grad(same)(x).numpy(), [5, 4])
    with pytest.raises(RuntimeError, match="Valid options for remove are"):
        facula.func.functionalize(function, remove="views")


def test_debug_unwrap():
    seen = []

    def function(x):
        seen.append((tuple(facula.func.debug_unwrap(x).shape), tuple(facula.func.debug_unwrap(x, recurse=False).shape)))
        return x

    facula.func.vmap(facula.func.vmap(function))(facula.ones(2, 3, 4))
    assert seen == [((2, 3, 4), (3, 4))]
    assert tuple(facula.func.debug_unwrap(facula.ones(2)).shape) == (2,)


def test_batch_norms_without_statistics_can_be_mapped():
    model = facula.nn.Sequential(facula.nn.Conv2d(1, 2, 1), facula.nn.BatchNorm2d(2))
    assert facula.func.replace_all_batch_norm_modules_(model) is model
    norm = model[1]
    assert (norm.running_mean, norm.running_var, norm.num_batches_tracked, norm.track_running_stats) == (
        None,
        None,
        None,
        False,
    )
    state = dict(model.named_parameters())
    mapped = facula.func.vmap(lambda x: facula.func.functional_call(model, state, (x,)))
    assert tuple(mapped(facula.randn(3, 2, 1, 4, 4)).shape) == (3, 2, 2, 4, 4)
