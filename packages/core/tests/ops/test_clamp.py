"""Clamping: kinds of bounds, types, gradients, in-place and out forms."""

import pytest

import facula


def test_bounds_of_every_kind():
    x = facula.tensor([-2.0, 0.5, 3.0])
    assert x.clamp(0, 1).tolist() == [0, 0.5, 1]
    assert x.clamp(max=1).tolist() == [-2, 0.5, 1]
    assert x.clamp(facula.tensor([-1.0, 1.0, 0.0]), 2).tolist() == [-1, 1, 2]
    assert facula.clip(x, min=0).tolist() == [0, 0.5, 3]
    assert x.clamp_min(1).tolist() == [1, 1, 3]
    assert x.clamp_max(facula.tensor(0.0)).tolist() == [-2, 0, 0]


def test_types_follow_promotion():
    whole = facula.tensor([-5, 5])
    assert whole.clamp(0, 3).dtype is facula.int64
    assert whole.clamp(0.5).dtype is facula.float32
    assert facula.tensor([1, 200], dtype=facula.uint8).clamp(max=1000).tolist() == [1, 200]


def test_nan_stays_and_bounds_share_the_gradient():
    assert facula.isnan(facula.tensor([float("nan")]).clamp(0, 1)).item()
    x, low = facula.tensor([-1.0, 2.0], requires_grad=True), facula.tensor([0.0, 0.0], requires_grad=True)
    gx, glow = facula.autograd.grad(x.clamp(low).sum(), (x, low))
    assert (gx.tolist(), glow.tolist()) == ([0, 1], [1, 0])


def test_in_place_and_out():
    x = facula.tensor([-2.0, 3.0])
    assert x.clamp_(0, 1) is x
    assert x.tolist() == [0, 1]
    out = facula.empty(2)
    assert facula.clamp(facula.tensor([5.0, -5.0]), -1, 1, out=out) is out
    assert out.tolist() == [1, -1]
    with pytest.raises(RuntimeError, match="can't be cast to the desired output type"):
        facula.tensor([1, 2]).clamp_(0.5)


def test_errors():
    with pytest.raises(RuntimeError, match="At least one of 'min' or 'max' must not be None"):
        facula.ones(2).clamp()
    with pytest.raises(NotImplementedError, match="not supported for complex types"):
        facula.tensor([1j]).clamp(0)
