"""Errors inside a network name the module that failed, once, from the outermost module."""

import pytest

import facula
from facula import nn


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear1 = nn.Linear(3, 4)
        self.linear2 = nn.Linear(5, 3)

    def forward(self, x):
        return self.linear2(self.linear1(x))


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Module()
        self.encoder.layers = nn.ModuleList([Layer() for _ in range(4)])
        self.others = [Layer()]

    def forward(self, x, place=3):
        return self.encoder.layers[place](x)


def test_the_path_and_the_class_come_first():
    with pytest.raises(RuntimeError, match=r"^encoder\.layers\.3\.linear2 \(Linear\): linear: .*expected"):
        Model()(facula.ones(2, 3))
    with pytest.raises(RuntimeError, match=r"^0\.encoder\.layers\.3\.linear2 \(Linear\): linear: .*expected"):
        nn.Sequential(Model())(facula.ones(2, 3))


def test_a_single_layer_needs_no_path():
    with pytest.raises(RuntimeError, match=r"^linear: .*expected"):
        nn.Linear(3, 4)(facula.ones(2, 5))


def test_classes_and_arguments_of_other_exceptions_stay():
    class Odd(Exception):
        def __init__(self, a, b):
            super().__init__(a, b)

    class Raiser(nn.Module):
        def __init__(self, error):
            super().__init__()
            self.error = error

        def forward(self, x):
            raise self.error

    for error in (KeyError("key"), Odd(1, 2), ValueError(3)):
        with pytest.raises(type(error)) as caught:
            nn.Sequential(nn.Sequential(Raiser(error)))(1)
        assert caught.value is error
        assert error.args in (("key",), (1, 2), (3,))
        place, module = error.__notes__
        assert place.startswith(f"  at {__file__}:")
        assert module == "raised in module 0.0 (Raiser)"


def test_a_module_outside_the_tree_is_skipped():
    class Holder(nn.Module):
        def __init__(self):
            super().__init__()
            self.hidden = [nn.Linear(3, 4)]

        def forward(self, x):
            return self.hidden[0](x)

    with pytest.raises(RuntimeError, match=r"^linear: .*expected"):
        nn.Sequential(Holder())(facula.ones(1, 2))


def test_errors_of_hooks_name_the_module_too():
    net = nn.Sequential(nn.ReLU())

    def hook(module, args, output):
        raise ValueError("hook")

    net[0].register_forward_hook(hook)
    with pytest.raises(ValueError, match=r"^0 \(ReLU\): hook\n  at .*test_failure.py:\d+$"):
        net(facula.ones(1))
