"""Budgets of Python calls: what a call of the library costs besides its arithmetic.

Calls are counted instead of timed, so a busy machine cannot fail a test and a slow one cannot hide a detour. A number may
fall (then lower the budget); it rises only with a reason worth the time of every user.
"""

import sys

import pytest

import facula
from facula import nn
from facula.ops.kernels import compiled


def calls(action):
    """The library's own Python functions that `action` enters, once it has run before."""
    for _ in range(3):
        action()
    names = []

    def count(frame, event, _):
        name = frame.f_globals.get("__name__", "")
        if event == "call" and name.partition(".")[0] == "facula":
            names.append(f"{name}.{frame.f_code.co_name}")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        action()
    finally:
        sys.setprofile(before)
    return names


def check(action, budget):
    found = calls(action)
    assert len(found) <= budget, f"{len(found)} calls, expected at most {budget}:\n" + "\n".join(found)


@pytest.fixture
def x():
    return facula.ones(3, 4)


@pytest.fixture
def _nothing_loaded(monkeypatch):
    """Which loops are in memory depends on what ran before."""
    for loop in compiled.kernels:
        monkeypatch.setattr(loop, "loaded", {})


@pytest.fixture
def w():
    return facula.ones(3, 4, requires_grad=True)


def test_a_binary_operator(x):
    check(lambda: x + x, 1)


def test_a_function(x):
    check(lambda: facula.exp(x), 3)


def test_a_recorded_operator(x, w):
    check(lambda: w * x, 3)


def test_backward_of_one_operator(w):
    y = (w * w).sum()
    check(lambda: y.backward(retain_graph=True), 41)


def test_a_linear_layer(x):
    layer = nn.Linear(4, 2)
    check(lambda: layer(x), 6)


def test_a_sequence_of_modules(x):
    layers = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    check(lambda: layers(x), 23)


@pytest.mark.parametrize(
    ("name", "settings", "budget"),
    [("SGD", {"lr": 0.1}, 18), ("SGD", {"lr": 0.1, "momentum": 0.9}, 18), ("Adam", {}, 18), ("AdamW", {}, 18)],
    ids=["sgd", "momentum", "adam", "adamw"],
)
@pytest.mark.usefixtures("_nothing_loaded")
def test_what_an_optimizer_does_for_each_parameter(name, settings, budget):
    def step(count):
        params = [nn.Parameter(facula.ones(4, 4)) for _ in range(count)]
        for p in params:
            p.grad = facula.ones(4, 4)
        return getattr(facula.optim, name)(params, **settings).step

    one, five = calls(step(1)), calls(step(5))
    assert len(five) - len(one) <= 4 * budget, f"{(len(five) - len(one)) / 4} calls, expected {budget}:\n" + "\n".join(
        one
    )


def test_a_training_step_of_a_small_network():
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    optimizer, loss = facula.optim.SGD(model.parameters(), lr=0.1), nn.CrossEntropyLoss()
    x, y = facula.ones(5, 8), facula.zeros(5, dtype=facula.int64)

    def step():
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

    check(step, 214)  # three products of the backward ask whether to share, three gradients whether they are views
