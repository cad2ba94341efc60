"""Optimizers of both libraries take over each other's state, by files; hooks, names and orders of calls are the same."""

import io
import warnings

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")

CASES = {
    "SGD": {"lr": 0.1, "momentum": 0.9}, "Adam": {"lr": 0.1, "amsgrad": True}, "AdamW": {"lr": 0.1}, "Adagrad": {"lr": 0.1},
    "Adadelta": {}, "Adamax": {"lr": 0.1}, "NAdam": {"lr": 0.1}, "RAdam": {"lr": 0.1}, "Rprop": {"lr": 0.1},
    "RMSprop": {"lr": 0.01, "centered": True, "momentum": 0.9}, "ASGD": {"lr": 0.1, "t0": 2}, "Adafactor": {"lr": 0.1},
    "LBFGS": {"lr": 0.1}, "Muon": {"lr": 0.1}, "SparseAdam": {"lr": 0.1},
}  # fmt: skip


def made(library, name, values, named):
    params = [library.nn.Parameter(library.tensor(v)) for v in values]
    listed = [(f"p{i}", p) for i, p in enumerate(params)] if named else params
    return params, getattr(library.optim, name)(listed, **CASES[name])


def train(library, pair, steps):
    params, optimizer = pair

    def closure():
        for p in params:
            p.grad = library.tensor(3 * p.detach().numpy() - 1)
            if type(optimizer).__name__ == "SparseAdam":
                p.grad = p.grad.to_sparse()
        return library.tensor(
            np.float32(sum((1.5 * p.detach().numpy() ** 2 - p.detach().numpy()).sum() for p in params))
        )

    for _ in range(steps):
        if type(optimizer).__name__ == "LBFGS":
            optimizer.step(closure)
        else:
            closure()
            optimizer.step()


def through_a_file(source, target, state):
    file = io.BytesIO()
    source.save(state, file)
    file.seek(0)
    return target.load(file)


@pytest.mark.parametrize("named", [False, True], ids=["plain", "named"])
@pytest.mark.parametrize("direction", ["to torch", "from torch"])
@pytest.mark.parametrize("name", CASES)
def test_the_other_library_goes_on(name, direction, named):
    first, second = (facula, torch) if direction == "to torch" else (torch, facula)
    values = [np.random.default_rng(i).standard_normal((4, 3)).astype(np.float32) for i in range(2)]
    one = made(first, name, values, named)
    train(first, one, 3)
    two = made(second, name, [p.detach().numpy().copy() for p in one[0]], named)
    two[1].load_state_dict(through_a_file(first, second, one[1].state_dict()))
    train(first, one, 3)
    train(second, two, 3)
    for a, b in zip(one[0], two[0], strict=True):
        tolerance = 5e-3 if name == "Muon" else 2e-5  # its steps are computed in bfloat16
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=tolerance, atol=tolerance)
    groups = [optimizer.state_dict()["param_groups"][0] for _, optimizer in (one, two)]
    assert set(groups[0]) == set(groups[1])
    assert groups[0].get("param_names") == groups[1].get("param_names")


def test_hooks_are_called_in_torchs_order():
    heard = []
    for library in (facula, torch):
        p = library.nn.Parameter(library.ones(2))
        optimizer = library.optim.SGD([p], lr=0.1)
        calls = []
        optimizer.register_step_pre_hook(lambda o, args, kwargs, calls=calls: calls.append("before"))
        optimizer.register_step_post_hook(lambda o, args, kwargs, calls=calls: calls.append("after"))
        optimizer.register_state_dict_pre_hook(lambda o, calls=calls: calls.append("state"))
        optimizer.register_state_dict_post_hook(lambda o, s, calls=calls: calls.append(sorted(s)))
        optimizer.register_load_state_dict_pre_hook(lambda o, s, calls=calls: calls.append("load"))
        optimizer.register_load_state_dict_post_hook(lambda o, calls=calls: calls.append("loaded"))
        optimizer.register_step_pre_hook(lambda o, args, kwargs, calls=calls: calls.append("before too"))
        p.grad = library.ones(2)
        optimizer.step()
        optimizer.load_state_dict(optimizer.state_dict())
        heard.append(calls)
    assert heard[0] == heard[1]


def nested(library):
    """A sequence that begins with a sequence."""
    s = library.optim.lr_scheduler
    optimizer = library.optim.SGD([library.nn.Parameter(library.ones(1))], lr=1.0)
    warm = s.SequentialLR(
        optimizer, [s.ConstantLR(optimizer, 0.5, 2), s.LinearLR(optimizer, 0.5, 1.0, 3)], milestones=[2]
    )
    return optimizer, s.SequentialLR(optimizer, [warm, s.ExponentialLR(optimizer, 0.9)], milestones=[5])


def chained(library):
    s = library.optim.lr_scheduler
    optimizer = library.optim.SGD([library.nn.Parameter(library.ones(1))], lr=1.0)
    inner = s.ChainedScheduler([s.ConstantLR(optimizer, 0.1, 3), s.ExponentialLR(optimizer, 0.9)])
    return optimizer, s.ChainedScheduler([inner, s.MultiStepLR(optimizer, [2, 6], 0.5)], optimizer=optimizer)


def curve(library, optimizer, scheduler):
    rates = [optimizer.param_groups[0]["lr"]]
    for _ in range(14):
        optimizer.step()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore" if library is torch else "error")
            scheduler.step()
        rates.append(scheduler.get_last_lr()[0])
    return rates


@pytest.mark.parametrize("make", [nested, chained])
def test_schedulers_within_schedulers(make):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch warns of an order of calls that was right
        theirs = make(torch)
    np.testing.assert_allclose(curve(facula, *make(facula)), curve(torch, *theirs), rtol=1e-12)


def test_a_sequence_may_end_with_a_sequence_too():
    s = facula.optim.lr_scheduler

    def parts(optimizer):
        return [s.ExponentialLR(optimizer, 0.9), s.LinearLR(optimizer, 0.5, 1.0, 3), s.StepLR(optimizer, 2, 0.5)]

    one, two = (facula.optim.SGD([facula.nn.Parameter(facula.ones(1))], lr=1.0) for _ in range(2))
    first, second, third = parts(one)
    inner = s.SequentialLR(one, [second, third], milestones=[4])
    whole = curve(facula, one, s.SequentialLR(one, [first, inner], milestones=[3]))
    assert whole == curve(facula, two, s.SequentialLR(two, parts(two), milestones=[3, 7]))


def misuse(library, kwargs):
    library.optim.AdamW([library.nn.Parameter(library.ones(2))], **kwargs)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"fused": True, "foreach": True}, "`fused` and `foreach` cannot be `True` together"),
        ({"fused": True, "differentiable": True}, "`fused`.*`differentiable`"),
        ({"lr": "two"}, "must be 1-element"),
    ],
    ids=["foreach", "differentiable", "lr"],
)
def test_settings_that_do_not_go_together(settings, message):
    for library in (torch, facula):
        kwargs = {k: library.ones(2) if v == "two" else v for k, v in settings.items()}
        kind = ValueError if "lr" in kwargs else RuntimeError
        with pytest.raises(kind, match=message):
            misuse(library, kwargs)
