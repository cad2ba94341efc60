"""Containers: list and dictionary behaviour, numbering, errors."""

from collections import OrderedDict

import pytest

import facula
from facula import nn


def kinds(container):
    return [type(module).__name__ for module in container]


def test_sequential_as_a_list():
    net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Tanh())
    assert len(net) == 3
    assert kinds(net[1:]) == ["ReLU", "Tanh"]
    assert isinstance(net[-1], nn.Tanh)
    net[1] = nn.Sigmoid()
    del net[0]
    assert kinds(net) == ["Sigmoid", "Tanh"]
    assert list(net._modules) == ["0", "1"]
    net.insert(1, nn.ReLU()).append(nn.GELU()).extend([nn.SELU()])
    assert kinds(net) == ["Sigmoid", "ReLU", "Tanh", "GELU", "SELU"]
    assert isinstance(net.pop(1), nn.ReLU)
    assert list(net._modules) == ["0", "1", "2", "3"]
    assert kinds(nn.Sequential(nn.ReLU()) + nn.Sequential(nn.Tanh())) == ["ReLU", "Tanh"]
    assert len(nn.Sequential(nn.ReLU()) * 3) == 3
    doubled = nn.Sequential(nn.ReLU())
    doubled *= 2
    doubled += nn.Sequential(nn.Tanh())
    assert kinds(doubled) == ["ReLU", "ReLU", "Tanh"]


def test_sequential_with_names():
    net = nn.Sequential(OrderedDict(a=nn.Linear(2, 3), b=nn.ReLU()))
    assert list(net.state_dict()) == ["a.weight", "a.bias"]
    assert list(net[:1]._modules) == ["a"]
    del net["a" == "x"]
    assert list(net._modules) == ["b"]
    assert nn.Sequential()(5) == 5


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda s: s[7], IndexError, "index 7 is out of range for Sequential of length 1"),
        (lambda s: s["a"], TypeError, "expected an integer or a slice, got str"),
        (lambda s: s.__add__((nn.ReLU(),)), ValueError, "expected another Sequential, got tuple"),
        (lambda s: s * 1.5, TypeError, "expected an int, got float"),
        (lambda s: s * 0, ValueError, "expected a positive number, got 0"),
        (lambda s: s.insert(9, nn.ReLU()), IndexError, "out of range"),
        (lambda s: s.insert(0, 3), AssertionError, "expected a Module, got int"),
        (lambda s: s.append(3), TypeError, "expected a Module or None"),
        (lambda s: nn.ModuleList(s)[3], IndexError, "out of range for ModuleList of length 1"),
        (lambda s: nn.ModuleList().extend(3), TypeError, "expected an iterable of modules"),
        (lambda s: nn.ModuleDict(3), TypeError, "expected a mapping or pairs"),
        (lambda s: nn.ModuleDict([(1, 2, 3)]), ValueError, "expected pairs"),
        (lambda s: nn.ModuleDict({"keys": nn.ReLU()}), KeyError, "already exists"),
        (lambda s: nn.ParameterList()[0], IndexError, "out of range for ParameterList of length 0"),
        (lambda s: nn.ParameterList().extend(3), TypeError, "expected an iterable of values"),
        (lambda s: nn.ParameterList()(1), RuntimeError, "expected to be read, got a call"),
        (lambda s: nn.ParameterDict()["a"], KeyError, "a"),
        (lambda s: nn.ParameterDict({1: facula.ones(1)}), TypeError, "expected a str as key"),
        (lambda s: nn.ParameterDict(3), TypeError, "expected a mapping or pairs"),
        (lambda s: nn.ParameterDict([1]), ValueError, "expected pairs"),
        (lambda s: nn.ParameterDict()(1), RuntimeError, "expected to be read, got a call"),
    ],
)
def test_misuse_is_explained(call, kind, message):
    with pytest.raises(kind, match=message):
        call(nn.Sequential(nn.ReLU()))


def test_module_list():
    layers = nn.ModuleList([nn.Linear(1, 1), nn.ReLU()])
    layers.insert(0, nn.Tanh())
    assert kinds(layers) == ["Tanh", "Linear", "ReLU"]
    layers[0] = nn.GELU()
    del layers[1]
    assert kinds(layers) == ["GELU", "ReLU"]
    layers += [nn.SELU()]
    assert kinds(layers[1:]) == ["ReLU", "SELU"]
    assert kinds(layers + nn.ModuleList([nn.Tanh()])) == ["GELU", "ReLU", "SELU", "Tanh"]
    assert isinstance(layers.pop(-1), nn.SELU)
    del layers[:]
    assert repr(layers) == "ModuleList()"


def test_module_dict():
    heads = nn.ModuleDict([("a", nn.Linear(1, 1)), ("b", nn.ReLU())])
    assert list(heads) == ["a", "b"]
    assert "a" in heads
    heads["c"] = nn.Tanh()
    heads.update({"a": nn.GELU()})
    assert kinds(heads.values()) == ["GELU", "ReLU", "Tanh"]
    assert isinstance(heads.pop("b"), nn.ReLU)
    assert [key for key, _ in heads.items()] == list(heads.keys()) == ["a", "c"]
    heads.clear()
    assert len(heads) == 0


def test_parameter_containers():
    weights = nn.ParameterList([facula.ones(2), nn.Parameter(facula.zeros(3))])
    weights.append(facula.ones(1))
    weights += [facula.ones(4)]
    assert [tuple(p.shape) for p in weights] == [(2,), (3,), (1,), (4,)]
    assert [name for name, _ in weights.named_parameters()] == ["0", "1", "2", "3"]
    assert len(weights[1:3]) == 2
    weights[0] = facula.ones(5)
    assert weights[-4].shape == (5,)
    table = nn.ParameterDict({"x": facula.ones(2)})
    table["y"] = facula.ones(3)
    assert list(table.keys()) == ["x", "y"]
    assert table.get("z") is None
    assert table.setdefault("z", facula.ones(1)).shape == (1,)
    assert len(table | nn.ParameterDict({"w": facula.ones(1)})) == 4
    assert table.popitem()[0] == "z"
    assert table.pop("x").shape == (2,)
    assert list(table.copy()) == ["y"]
    assert [name for name, _ in table.named_parameters()] == ["y"]
    table.clear()
    assert len(table.fromkeys(["a", "b"])) == 2
