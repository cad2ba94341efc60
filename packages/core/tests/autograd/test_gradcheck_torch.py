"""gradcheck finds wrong gradients and passes right ones; its errors are PyTorch's."""

import importlib
import sys

import numpy as np
import pytest

import facula
from facula.autograd import gradcheck, gradgradcheck

GradcheckError = importlib.import_module("facula.autograd.gradcheck").GradcheckError
torch = pytest.importorskip("torch")


def wrong(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 3

    return Wrong.apply


def wrong_second(t):
    class Wrong(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            x = ctx.saved_tensors[0].detach()
            return g * 3 * x * x

    return Wrong.apply


def nondeterministic(t):
    calls = []

    class Noisy(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            calls.append(0)
            return g * (2 + 1e-7 * len(calls))

    return Noisy.apply


def x64(t, *shape, seed=0, kind="real"):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0.5, 2, shape)
    if kind == "complex":
        values = values + 1j * rng.uniform(0.5, 2, shape)
    return t.tensor(values.tolist(), dtype=t.complex128 if kind == "complex" else t.float64, requires_grad=True)


RIGHT = [
    lambda t: (lambda x: x.exp(), (x64(t, 3),)),
    lambda t: (lambda x, y: x * y, (x64(t, 3), x64(t, 2, 3, seed=1))),
    lambda t: (lambda x, y: (x @ y, x.sum()), (x64(t, 2, 3), x64(t, 3, 2))),
    lambda t: (lambda x, n: x**n, (x64(t, 3), 3)),
    lambda t: (lambda x: x * x, (x64(t, 3, kind="complex"),)),
    lambda t: (lambda x: x.abs(), (x64(t, 3, kind="complex"),)),
    lambda t: (lambda x, y: x * y, (x64(t, 2, kind="complex"), x64(t, 2))),
    lambda t: (lambda x: (x * 2, x.detach()), (x64(t, 3),)),
    lambda t: (lambda x: x.conj() * x, (x64(t, 2, kind="complex"),)),
    lambda t: (lambda x: x[0] * x[1:], (x64(t, 3),)),
    lambda t: (lambda x: x.sum(), (x64(t),)),
]


@pytest.mark.parametrize("make", RIGHT, ids=range(len(RIGHT)))
def test_right_gradients_pass(make):
    for t in (facula, torch):
        assert t.autograd.gradcheck(*make(t))
    assert gradcheck(*make(facula), fast_mode=True)
    assert gradcheck(*make(facula), check_batched_grad=True)
    assert gradgradcheck(*make(facula))


@pytest.mark.parametrize("make", RIGHT[:4], ids=range(4))
def test_forward_mode(make):
    assert gradcheck(*make(facula), check_forward_ad=True)


def test_wrong_gradients_fail():
    for t, error in ((facula, GradcheckError), (torch, sys.modules["torch.autograd.gradcheck"].GradcheckError)):
        with pytest.raises(error, match="Jacobian mismatch for output 0 with respect to input 0,\nnumerical:"):
            t.autograd.gradcheck(wrong(t), x64(t, 2))
        assert not t.autograd.gradcheck(wrong(t), x64(t, 2), raise_exception=False)
        assert not t.autograd.gradcheck(wrong(t), x64(t, 2), raise_exception=False, fast_mode=True)
        with pytest.raises(error, match="Backward is not reentrant"):
            t.autograd.gradcheck(nondeterministic(t), x64(t, 2))
        assert t.autograd.gradcheck(nondeterministic(t), x64(t, 2), nondet_tol=1e-3)
        with pytest.raises(error, match="Numerical gradient for function expected to be zero"):
            t.autograd.gradcheck(lambda x: x.detach() * 2, x64(t, 2))
        with pytest.raises(error, match="part of complex outputs only, Jacobian mismatch"):
            t.autograd.gradcheck(lambda x, t=t: wrong(t)(x) * (1 + 1j), x64(t, 2, kind="complex"))


def test_wrong_second_derivatives_fail():
    for t in (facula, torch):
        assert t.autograd.gradcheck(wrong_second(t), x64(t, 2))
        with pytest.raises(RuntimeError, match="Jacobian mismatch"):
            t.autograd.gradgradcheck(wrong_second(t), x64(t, 2))
        assert t.autograd.gradgradcheck(lambda x: x**3, x64(t, 2), gen_non_contig_grad_outputs=True)


def test_wrong_use():
    for t in (facula, torch):
        with pytest.raises(ValueError, match="gradcheck expects at least one input tensor to require gradient"):
            t.autograd.gradcheck(lambda x: x, t.ones(2, dtype=t.float64))
        with pytest.raises(AssertionError, match="Expected at least one of check_forward_ad"):
            t.autograd.gradcheck(lambda x: x, x64(t, 2), check_backward_ad=False)
        with pytest.warns(UserWarning, match="Input #0 requires gradient and is not a double precision"):
            t.autograd.gradcheck(lambda x: x * 2, t.ones(2, requires_grad=True), raise_exception=False)
        with pytest.raises(RuntimeError, match="The 0th input has a dimension with stride 0"):
            t.autograd.gradcheck(lambda x: x * 2, x64(t, 1).expand(3))
    with pytest.raises(AssertionError, match="Setting check_batched_grad=True requires check_backward_ad to be True"):
        gradcheck(facula.exp, x64(facula, 2), check_backward_ad=False, check_forward_ad=True, check_batched_grad=True)
    with pytest.raises(
        AssertionError, match="Setting check_batched_forward_grad=True requires check_forward_ad to be True"
    ):
        gradcheck(facula.exp, x64(facula, 2), check_batched_forward_grad=True)


def test_undefined_gradients():
    class Careless(facula.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            if g is None:
                return h * 4
            return g * 2 if h is None else g * 2 + h * 3

    with pytest.raises(GradcheckError):
        gradcheck(Careless.apply, x64(facula, 2))
