"""Every scheduler's curve equals torch's, alone, combined and after being saved."""

import math
import warnings

import pytest

import facula

torch = pytest.importorskip("torch")

STEPS = 25


def optimizers(lr=0.5, momentum=True):
    pairs = []
    for lib in (facula, torch):
        params = [
            {"params": [lib.nn.Parameter(lib.ones(1))]},
            {"params": [lib.nn.Parameter(lib.ones(1))], "lr": lr / 5},
        ]
        pairs.append(lib.optim.SGD(params, lr=lr, momentum=0.9 if momentum else 0))
    return pairs


def curve(scheduler, optimizer, steps=STEPS):
    rows = []
    for _ in range(steps):
        rows.append([(g["lr"], g.get("momentum")) for g in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
    return rows


SCHEDULES = {
    "LambdaLR": lambda S, o: S.LambdaLR(o, [lambda t: 0.9**t, lambda t: 1 / (t + 1)]),
    "MultiplicativeLR": lambda S, o: S.MultiplicativeLR(o, lambda t: 0.9 + 0.01 * t),
    "StepLR": lambda S, o: S.StepLR(o, 4, 0.5),
    "MultiStepLR": lambda S, o: S.MultiStepLR(o, [3, 7, 7, 20], 0.5),
    "ConstantLR": lambda S, o: S.ConstantLR(o, 0.25, 6),
    "LinearLR": lambda S, o: S.LinearLR(o, 0.1, 0.8, 7),
    "ExponentialLR": lambda S, o: S.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda S, o: S.PolynomialLR(o, 12, 2.0),
    "CosineAnnealingLR": lambda S, o: S.CosineAnnealingLR(o, 6, 0.01),
    "CosineAnnealingWarmRestarts": lambda S, o: S.CosineAnnealingWarmRestarts(o, 3, 2, 0.01),
    "CyclicLR": lambda S, o: S.CyclicLR(o, 0.1, [1.0, 2.0], 3, 5),
    "CyclicLR2": lambda S, o: S.CyclicLR(o, 0.1, 1.0, 3, mode="triangular2"),
    "CyclicLR3": lambda S, o: S.CyclicLR(o, 0.1, 1.0, 3, mode="exp_range", gamma=0.9, cycle_momentum=False),
    "CyclicLR4": lambda S, o: S.CyclicLR(o, 0.1, 1.0, 3, scale_fn=lambda x: 1 / x, scale_mode="cycle"),
    "OneCycleLR": lambda S, o: S.OneCycleLR(o, [1.0, 2.0], total_steps=30),
    "OneCycleLR3": lambda S, o: S.OneCycleLR(
        o, 1.0, epochs=5, steps_per_epoch=6, three_phase=True, anneal_strategy="linear"
    ),
    "SequentialLR": lambda S, o: S.SequentialLR(
        o, [S.LinearLR(o, 0.1, 1.0, 4), S.CosineAnnealingLR(o, 10), S.ExponentialLR(o, 0.5)], [4, 14]
    ),
    "nested SequentialLR": lambda S, o: S.SequentialLR(
        o,
        [S.SequentialLR(o, [S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.8)], [3]), S.CosineAnnealingLR(o, 10)],
        [8],
    ),
    "chained in SequentialLR": lambda S, o: S.SequentialLR(
        o, [S.LinearLR(o, 0.1, 1.0, 4), S.PolynomialLR(o, 12), S.StepLR(o, 3, 0.5)], [5, 12]
    ),
    "ChainedScheduler": lambda S, o: S.ChainedScheduler([S.ConstantLR(o, 0.1, 5), S.ExponentialLR(o, 0.9)]),
}


@pytest.mark.filterwarnings("ignore:Detected call of .*In PyTorch 1.1.0")
@pytest.mark.parametrize("name", SCHEDULES)
def test_curves(name):
    ours, theirs = optimizers()
    make = SCHEDULES[name]
    left = curve(make(facula.optim.lr_scheduler, ours), ours)
    right = curve(make(torch.optim.lr_scheduler, theirs), theirs)
    for step, (a, b) in enumerate(zip(left, right, strict=True)):
        for (lr, momentum), (lr2, momentum2) in zip(a, b, strict=True):
            assert lr == pytest.approx(lr2, rel=1e-9, abs=1e-12), step
            assert momentum == pytest.approx(momentum2, rel=1e-9), step


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_saved_scheduler_goes_on(name):
    make = SCHEDULES[name]
    whole, _ = optimizers()
    expected = curve(make(facula.optim.lr_scheduler, whole), whole)
    first, _ = optimizers()
    scheduler = make(facula.optim.lr_scheduler, first)
    curve(scheduler, first, 9)
    second, _ = optimizers()
    again = make(facula.optim.lr_scheduler, second)
    again.load_state_dict(scheduler.state_dict())
    second.load_state_dict(first.state_dict())
    rest = curve(again, second, STEPS - 9)
    for a, b in zip(rest, expected[9:], strict=True):
        assert [x for x, _ in a] == pytest.approx([x for x, _ in b], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("kwargs", [{"patience": 2}, {"patience": 1, "cooldown": 3, "min_lr": 0.04}, {"mode": "max", "patience": 1},
                                    {"threshold_mode": "abs", "threshold": 0.1, "patience": 0}])  # fmt: skip
def test_plateau(kwargs):
    ours, theirs = optimizers()
    a = facula.optim.lr_scheduler.ReduceLROnPlateau(ours, **kwargs)
    b = torch.optim.lr_scheduler.ReduceLROnPlateau(theirs, **kwargs)
    for t in range(30):
        value = math.cos(t / 3) + 1 / (t + 1)
        a.step(facula.tensor(value))
        b.step(value)
        assert a.get_last_lr() == pytest.approx(b.get_last_lr())
    saved = a.state_dict()
    assert saved["num_bad_epochs"] == b.state_dict()["num_bad_epochs"]


@pytest.mark.parametrize("name", ["StepLR", "MultiStepLR", "ExponentialLR", "CosineAnnealingLR", "LinearLR", "ConstantLR",
                                  "PolynomialLR", "CosineAnnealingWarmRestarts"])  # fmt: skip
def test_jumps_to_a_step(name):
    ours, theirs = optimizers()
    make = SCHEDULES[name]
    a, b = make(facula.optim.lr_scheduler, ours), make(torch.optim.lr_scheduler, theirs)
    ours.step(), theirs.step()
    for t in (3, 11, 5):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            a.step(t), b.step(t)
        assert a.get_last_lr() == pytest.approx(b.get_last_lr())
