"""Schedulers: wrong order, wrong arguments, rates as tensors."""

import pytest

import facula
from facula.optim import SGD, Adam
from facula.optim import lr_scheduler as S


def optimizer(**kwargs):
    return SGD([facula.nn.Parameter(facula.ones(1))], lr=kwargs.pop("lr", 0.5), **kwargs)


def test_the_wrong_order_of_calls_raises():
    o = optimizer()
    scheduler = S.ExponentialLR(o, 0.5)
    with pytest.raises(RuntimeError, match=r"expected a call of `optimizer.step\(\)` before `lr_scheduler.step\(\)`"):
        scheduler.step()


def test_a_step_that_the_scaler_skips_counts_as_one():
    p = facula.nn.Parameter(facula.ones(1))
    o = SGD([p], lr=0.5)
    scheduler, scaler = S.ExponentialLR(o, 0.5), facula.amp.GradScaler("cpu")
    scaler.scale((p * float("inf")).sum()).backward()
    scaler.step(o)
    scheduler.step()
    assert (p.item(), scheduler.get_last_lr()) == (1.0, [0.25])


def test_get_lr_outside_of_step_warns():
    scheduler = S.ExponentialLR(optimizer(), 0.5)
    with pytest.warns(UserWarning, match="use `get_last_lr"):
        scheduler.get_lr()


def test_a_rate_that_is_a_tensor_stays_the_same_tensor():
    rate = facula.tensor(0.5)
    o = optimizer(lr=rate)
    scheduler = S.ExponentialLR(o, 0.5)
    o.step()
    scheduler.step()
    assert o.param_groups[0]["lr"] is rate
    assert rate.item() == 0.25


def test_cycles_move_the_first_beta():
    o = Adam([facula.nn.Parameter(facula.ones(1))])
    S.OneCycleLR(o, 0.1, total_steps=10)
    assert o.param_groups[0]["betas"] == (0.95, 0.999)


def test_functions_with_state_are_saved():
    class Decay:
        def __init__(self):
            self.rate = 0.5

        def __call__(self, t):
            return self.rate**t

    scheduler = S.LambdaLR(optimizer(), Decay())
    scheduler.lr_lambdas[0].rate = 0.25
    other = S.LambdaLR(optimizer(), Decay())
    other.load_state_dict(scheduler.state_dict())
    assert other.lr_lambdas[0].rate == 0.25
    assert S.LambdaLR(optimizer(), lambda t: 1.0).state_dict()["lr_lambdas"] == [None]


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda o: S.StepLR(3, 1), TypeError, "int is not an Optimizer"),
        (lambda o: S.StepLR(o, 1, last_epoch=3), KeyError, "'initial_lr' is not specified"),
        (lambda o: S.LambdaLR(o, [abs, abs]), ValueError, "expected 1 values for lr_lambda, got 2"),
        (lambda o: S.ConstantLR(o, 2.0), ValueError, "expected to be between 0 and 1, got 2"),
        (lambda o: S.LinearLR(o, 0.0), ValueError, "greater than 0"),
        (lambda o: S.LinearLR(o, 0.5, 2.0), ValueError, "Ending multiplicative factor"),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 0), ValueError, "Expected positive integer T_0"),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 1, 0), ValueError, "Expected integer T_mult >= 1"),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 1, 1, "a"), ValueError, "Expected float or int eta_min"),
        (lambda o: S.CosineAnnealingWarmRestarts(o, 1).step(-1), ValueError, "Expected non-negative epoch"),
        (lambda o: S.CyclicLR(o, 0.1, 1.0, mode="no"), ValueError, "mode is invalid"),
        (lambda o: S.CyclicLR(S_rprop(), 0.1, 1.0), ValueError, "must support momentum or beta1"),
        (lambda o: S.OneCycleLR(3, 0.1, 10), TypeError, "int is not an Optimizer"),
        (lambda o: S.OneCycleLR(o, 0.1), ValueError, "either total_steps OR"),
        (lambda o: S.OneCycleLR(o, 0.1, -1), ValueError, "Expected positive integer total_steps"),
        (lambda o: S.OneCycleLR(o, 0.1, epochs=0, steps_per_epoch=1), ValueError, "Expected positive integer epochs"),
        (lambda o: S.OneCycleLR(o, 0.1, 10, pct_start=2.0), ValueError, "between 0 and 1 pct_start"),
        (lambda o: S.OneCycleLR(o, 0.1, 10, anneal_strategy="x"), ValueError, "anneal_strategy must be one of"),
        (lambda o: past_the_end(S.OneCycleLR(o, 0.1, 3, cycle_momentum=False), o), ValueError, "Tried to step 4 times"),
        (lambda o: S.ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0"),
        (lambda o: S.ReduceLROnPlateau(o, mode="x"), ValueError, "mode x is unknown"),
        (lambda o: S.ReduceLROnPlateau(o, threshold_mode="x"), ValueError, "threshold mode x is unknown"),
        (lambda o: S.ReduceLROnPlateau(3), TypeError, "is not an Optimizer"),
        (lambda o: S.SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (lambda o: S.SequentialLR(o, [S.StepLR(o, 1)], [1]), ValueError, "one more than the number of milestone"),
        (lambda o: S.SequentialLR(o, [S.StepLR(optimizer(), 1)], []), ValueError, "the same optimizer"),
        (lambda o: S.SequentialLR(o, [S.ReduceLROnPlateau(o)], []), ValueError, "does not support `ReduceLROnPlateau`"),
        (lambda o: S.SequentialLR(o, [3], []), TypeError, "should have `optimizer`"),
        (lambda o: S.ChainedScheduler([]), ValueError, "at least one scheduler"),
    ],
)
def test_misuse_is_explained(make, kind, message):
    with pytest.raises(kind, match=message):
        make(optimizer())


def S_rprop():
    return facula.optim.Rprop([facula.nn.Parameter(facula.ones(1))])


def past_the_end(scheduler, o):
    for _ in range(5):
        o.step()
        scheduler.step()


def test_plateau_with_new_groups():
    o = optimizer()
    scheduler = S.ReduceLROnPlateau(o, patience=0, min_lr=[0.1])
    o.add_param_group({"params": [facula.nn.Parameter(facula.ones(1))]})
    scheduler.step(1.0)
    with pytest.raises(RuntimeError, match="Extend the `min_lrs` list"):
        scheduler.step(1.0)
