"""Gradients through steps of optimizers equal torch's: to the start, to the gradients, to the rate."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")

CASES = [
    ("SGD", {}), ("SGD", {"momentum": 0.9, "dampening": 0.1, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "nesterov": True, "maximize": True}), ("Adam", {}), ("Adam", {"amsgrad": True, "weight_decay": 0.1}),
    ("AdamW", {"weight_decay": 0.1, "maximize": True}), ("NAdam", {"weight_decay": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}), ("RAdam", {}), ("RAdam", {"betas": (0.5, 0.6)}),
    ("Adamax", {"weight_decay": 0.1}), ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.1}), ("Adadelta", {}),
    ("RMSprop", {"momentum": 0.9}), ("RMSprop", {"centered": True, "weight_decay": 0.1}), ("Rprop", {}),
    ("ASGD", {"t0": 1, "lambd": 0.1}),
]  # fmt: skip


DRAW = np.random.default_rng(0)
START, SLOPE = DRAW.uniform(0.5, 1.5, 6), DRAW.uniform(0.5, 1.5, 6)


def gradients(library, name, kwargs, steps, rate=False):
    """Steps from a start that is differentiated for, each along a gradient that depends on it."""
    start, slope = (library.tensor(v).requires_grad_() for v in (START, SLOPE))
    p = start.clone()
    lr = library.tensor(0.1, dtype=library.float64).requires_grad_() if rate else 0.1
    optimizer = getattr(library.optim, name)([p], lr=lr, differentiable=True, **kwargs)
    for i in range(steps):
        p.grad = (slope * start * (i + 1)).sin() + 1.5
        optimizer.step()
    wanted = [start, slope, lr] if rate else [start, slope]
    return p, library.autograd.grad((p * p).sum(), wanted, allow_unused=True)


@pytest.mark.parametrize(
    ("name", "kwargs"), [case for case in CASES if "dampening" not in case[1] and "nesterov" not in case[1]], ids=str
)
def test_one_step_is_differentiated_as_in_torch(name, kwargs):
    """But for the first momentum of SGD, which PyTorch detaches."""
    (p, ours), (q, theirs) = (gradients(library, name, kwargs, 1) for library in (facula, torch))
    np.testing.assert_allclose(p.detach().numpy(), q.detach().numpy(), rtol=1e-5)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(0 if a is None else a.numpy(), 0 if b is None else b.numpy(), rtol=1e-4, atol=1e-7)


def plain(name, kwargs, start):
    """Where three ordinary steps lead."""
    p = facula.tensor(start).requires_grad_()
    optimizer = getattr(facula.optim, name)([p], lr=0.1, **kwargs)
    for i in range(3):
        p.grad = facula.tensor(np.sin(SLOPE * start * (i + 1)) + 1.5)
        optimizer.step()
    return p.detach().numpy()


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=str)
def test_three_steps_lead_where_ordinary_ones_do_and_their_gradient_is_the_difference_quotient(name, kwargs):
    """PyTorch overwrites what its own backward needs, so the ordinary steps are the reference."""
    p, (found, _) = gradients(facula, name, kwargs, 3)
    np.testing.assert_allclose(p.detach().numpy(), plain(name, kwargs, START), rtol=1e-6)
    step = 1e-5
    slopes = []
    for direction in np.eye(6) * step:
        above, below = ((plain(name, kwargs, START + d) ** 2).sum() for d in (direction, -direction))
        slopes.append((above - below) / (2 * step))
    np.testing.assert_allclose(found.numpy(), slopes, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_the_gradient_of_the_rate(name):
    (_, ours), (_, theirs) = (gradients(library, name, {}, 1, rate=True) for library in (facula, torch))
    np.testing.assert_allclose(ours[2].item(), theirs[2].item(), rtol=1e-5)


def test_a_leaf_cannot_be_stepped_upon():
    for library in (facula, torch):
        p = library.nn.Parameter(library.ones(2))
        optimizer = library.optim.SGD([p], lr=0.1, differentiable=True)
        p.grad = library.ones(2)
        with pytest.raises(
            RuntimeError, match="a leaf Variable that requires grad is being used in an in-place operation"
        ):
            optimizer.step()
