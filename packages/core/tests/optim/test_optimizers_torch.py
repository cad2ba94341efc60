"""Steps, states and settings of every optimizer equal torch's."""

import copy
import inspect

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")

CASES = [
    ("SGD", {"lr": 0.1}), ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True}), ("Adam", {"lr": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "weight_decay": 0.1, "maximize": True}), ("AdamW", {"lr": 0.1, "amsgrad": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.1}), ("Adadelta", {"weight_decay": 0.1}),
    ("Adadelta", {"lr": 0.5, "maximize": True}), ("Adamax", {"lr": 0.1, "weight_decay": 0.1}), ("NAdam", {"lr": 0.1}),
    ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}), ("RAdam", {"lr": 0.1, "weight_decay": 0.1}),
    ("RAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}), ("RMSprop", {"centered": True, "momentum": 0.9}),
    ("RMSprop", {"weight_decay": 0.1}), ("Rprop", {"lr": 0.1}), ("ASGD", {"lr": 0.1, "t0": 2, "lambd": 0.1}),
    ("Adafactor", {"lr": 0.1, "weight_decay": 0.1}), ("Adafactor", {"maximize": True, "d": 1.5}), ("LBFGS", {"lr": 0.1}),
    ("LBFGS", {"line_search_fn": "strong_wolfe"}), ("Muon", {"lr": 0.1}),
    ("Muon", {"nesterov": False, "adjust_lr_fn": "match_rms_adamw"}),
]  # fmt: skip


def both(name, kwargs, shapes=((4, 3), (2, 5)), dtype="float32"):
    draw = np.random.default_rng(0)
    start = [draw.standard_normal(s).astype(dtype) for s in shapes]
    ours = [facula.nn.Parameter(facula.tensor(v)) for v in start]
    theirs = [torch.nn.Parameter(torch.tensor(v)) for v in start]
    return (ours, getattr(facula.optim, name)(ours, **kwargs)), (theirs, getattr(torch.optim, name)(theirs, **kwargs))


def quadratic(params, make):
    """The sum of the squares of the values, with its gradient, as a closure that any optimizer can call."""

    def closure():
        for p in params:
            p.grad = make(3 * np.asarray(p.detach().numpy()) - 1)
        return make(np.float32(sum(1.5 * (p.detach().numpy() ** 2).sum() - p.detach().numpy().sum() for p in params)))

    return closure


def run(pair, module, steps):
    params, optimizer = pair
    closure = quadratic(params, module.tensor)
    for _ in range(steps):
        if type(optimizer).__name__ == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()


def assert_same(ours, theirs, tolerance=2e-5):
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=lambda v: v if isinstance(v, str) else "-".join(v))
def test_twelve_steps(name, kwargs):
    ours, theirs = both(name, kwargs)
    run(ours, facula, 12)
    run(theirs, torch, 12)
    assert_same(ours[0], theirs[0], 1e-3 if name == "Muon" else 2e-5)
    left, right = ours[1].state_dict(), theirs[1].state_dict()
    assert {k: set(v) for k, v in left["state"].items()} == {k: set(v) for k, v in right["state"].items()}
    assert [set(g) for g in left["param_groups"]] == [set(g) for g in right["param_groups"]]


@pytest.mark.parametrize(("name", "kwargs"), [c for c in CASES if c[0] not in ("LBFGS", "Muon")], ids=str)
def test_state_goes_over_from_torch(name, kwargs):
    ours, theirs = both(name, kwargs)
    run(theirs, torch, 3)
    state = theirs[1].state_dict()
    carried = {
        "state": {
            k: {n: facula.tensor(v.numpy()) if torch.is_tensor(v) else v for n, v in s.items()}
            for k, s in state["state"].items()
        },
        "param_groups": copy.deepcopy(state["param_groups"]),
    }
    ours[1].load_state_dict(carried)
    for a, b in zip(ours[0], theirs[0], strict=True):
        a.data.copy_(facula.tensor(b.detach().numpy()))
    run(ours, facula, 3)
    run(theirs, torch, 3)
    assert_same(ours[0], theirs[0])


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adadelta", "RMSprop"])
def test_big_transposed_and_double_parameters(name):
    kwargs = {"lr": 0.1, **({"momentum": 0.9} if name in ("SGD", "RMSprop") else {})}
    draw = np.random.default_rng(1)
    values = [draw.standard_normal((150, 333)), draw.standard_normal((4, 50)).T, draw.standard_normal(())]
    for dtype in (np.float32, np.float64):
        ours = [
            facula.nn.Parameter(facula.from_numpy(v.astype(dtype) if v.ndim else np.array(v, dtype))) for v in values
        ]
        theirs = [torch.nn.Parameter(torch.from_numpy(np.array(v, dtype))) for v in values]
        a, b = getattr(facula.optim, name)(ours, **kwargs), getattr(torch.optim, name)(theirs, **kwargs)
        run((ours, a), facula, 3)
        run((theirs, b), torch, 3)
        assert_same(ours, theirs, 1e-5)


def test_half_and_complex_parameters():
    ours = [facula.nn.Parameter(facula.ones(4, dtype=facula.bfloat16))]
    theirs = [torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))]
    for p, make, optim in ((ours[0], facula, facula.optim), (theirs[0], torch, torch.optim)):
        optimizer = optim.Adam([p], lr=0.1)
        for _ in range(3):
            p.grad = make.full((4,), 0.5, dtype=make.bfloat16)
            optimizer.step()
    np.testing.assert_allclose(ours[0].detach().float().numpy(), theirs[0].detach().float().numpy(), atol=1e-2)
    ours, theirs = [facula.nn.Parameter(facula.tensor([1 + 2j]))], [torch.nn.Parameter(torch.tensor([1 + 2j]))]
    for p, make, optim in ((ours[0], facula, facula.optim), (theirs[0], torch, torch.optim)):
        optimizer = optim.Adam([p], lr=0.1)
        for _ in range(3):
            p.grad = make.tensor([0.5 - 1j])
            optimizer.step()
    np.testing.assert_allclose(ours[0].detach().numpy(), theirs[0].detach().numpy(), rtol=1e-5)


NAMES = "SGD Adam AdamW Adagrad Adadelta Adamax NAdam RAdam RMSprop Rprop ASGD LBFGS Adafactor Muon".split()


@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_representation(name):
    ours, theirs = getattr(facula.optim, name), getattr(torch.optim, name)
    left, right = inspect.signature(ours.__init__).parameters, inspect.signature(theirs.__init__).parameters
    assert [(p.name, p.default, p.kind) for p in left.values()] == [(p.name, p.default, p.kind) for p in right.values()]
    a = ours([facula.nn.Parameter(facula.ones(2, 2))])
    b = theirs([torch.nn.Parameter(torch.ones(2, 2))])
    assert repr(a) == repr(b)
