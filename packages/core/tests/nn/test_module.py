"""Module: members found by assignment, state dicts, modes, conversion, representation."""

import copy
import pickle

import numpy as np
import pytest

import facula
from facula import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.scale = nn.Parameter(facula.ones(4))
        self.register_buffer("count", facula.zeros(()))
        self.register_buffer("cache", facula.zeros(2), persistent=False)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.first(x)) * self.scale


def test_members_are_found_by_assignment_in_order():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == ["scale", "first.weight", "first.bias"]
    assert [name for name, _ in net.named_buffers()] == ["count", "cache"]
    assert [name for name, _ in net.named_children()] == ["first", "act"]
    assert [name for name, _ in net.named_modules()] == ["", "first", "act"]
    assert list(net.state_dict()) == ["scale", "count", "first.weight", "first.bias"]
    assert net(facula.ones(2, 3)).shape == (2, 4)


def test_members_are_plain_attributes():
    net = Net()
    assert net.__dict__["scale"] is net.scale
    assert net._parameters["scale"] is net.scale
    net._parameters["scale"] = other = nn.Parameter(facula.zeros(4))
    assert net.scale is other
    del net._modules["act"]
    assert not hasattr(net, "act")
    assert len(net._modules) == 1
    assert "cache" in net._buffers
    assert "'count': tensor(0.)" in repr(net._buffers)


def test_assignment_changes_the_kind_of_a_member():
    net = Net()
    net.act = nn.Parameter(facula.ones(1))
    assert "act" in dict(net.named_parameters())
    assert "act" not in dict(net.named_children())
    net.scale = None
    assert "scale" not in dict(net.named_parameters())
    assert net.scale is None
    net.scale = nn.Parameter(facula.ones(2))
    assert next(iter(net._parameters)) == "scale"
    net.count = facula.ones(3)
    assert net.state_dict()["count"].shape == (3,)
    net.extra = nn.Buffer(facula.ones(1), persistent=False)
    assert "extra" in dict(net.named_buffers())
    assert "extra" not in net.state_dict()
    with pytest.raises(TypeError, match="cannot assign 'Tensor' as parameter 'scale'"):
        net.scale = facula.ones(2)
    with pytest.raises(TypeError, match="cannot assign 'int' as child module 'first'"):
        net.first = 3
    with pytest.raises(TypeError, match="cannot assign 'str' as buffer 'count'"):
        net.count = "x"
    del net.first
    with pytest.raises(AttributeError, match="'Net' object has no attribute 'first'"):
        net.first


def test_super_init_must_come_first():
    class Bad(nn.Module):
        def __init__(self):
            self.layer = nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"before Module.__init__\(\)"):
        Bad()
    with pytest.raises(NotImplementedError, match=r"Module.forward: expected the class to define it"):
        nn.Module()(1)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda m: m.register_parameter("a.b", None), KeyError, "can't contain"),
        (lambda m: m.register_parameter("", None), KeyError, "can't be empty"),
        (lambda m: m.register_parameter("forward", None), KeyError, "already exists"),
        (lambda m: m.register_parameter(3, None), TypeError, "expected a string, got int"),
        (lambda m: m.register_parameter("w", facula.ones(1)), TypeError, "expected facula.nn.Parameter or None"),
        (lambda m: m.register_buffer("w", 3), TypeError, "expected a Tensor or None"),
        (lambda m: m.add_module("w", 3), TypeError, "expected a Module or None"),
        (lambda m: m.train("yes"), ValueError, "training mode is expected to be boolean"),
        (lambda m: m.get_submodule("first.none"), AttributeError, "Linear has no attribute `none`"),
        (lambda m: m.get_submodule("scale"), AttributeError, "`scale` is not an nn.Module"),
        (lambda m: m.get_parameter("count"), AttributeError, "`count` is not an nn.Parameter"),
        (lambda m: m.get_buffer("scale"), AttributeError, "`scale` is not a buffer"),
        (lambda m: m.get_extra_state(), RuntimeError, "expected Net to define it"),
        (lambda m: m.set_extra_state(1), RuntimeError, "expected Net to define it"),
        (lambda m: m.set_submodule("", nn.ReLU()), ValueError, "expected a non-empty path"),
        (lambda m: m.to(facula.int64), TypeError, "expected a floating point or complex dtype"),
        (lambda m: m.to(banana=1), TypeError, "unknown"),
        (lambda m: m.load_state_dict([]), TypeError, "expected a mapping"),
    ],
)
def test_misuse_is_explained(call, kind, message):
    with pytest.raises(kind, match=message):
        call(Net())


def test_paths():
    net = nn.Sequential(Net(), nn.Sequential(nn.Linear(4, 2)))
    assert net.get_submodule("1.0") is net[1][0]
    assert net.get_submodule("") is net
    assert net.get_parameter("1.0.weight") is net[1][0].weight
    assert net.get_buffer("0.count") is net[0].count
    net.set_submodule("0.act", nn.Tanh())
    assert isinstance(net[0].act, nn.Tanh)


def test_shared_members_are_listed_once():
    shared = nn.Linear(2, 2)
    net = nn.Sequential(shared, shared)
    assert len(list(net.parameters())) == 2
    assert len(list(net.named_parameters(remove_duplicate=False))) == 4
    assert len(list(net.modules())) == 2
    assert len(net.state_dict()) == 4


def test_state_dict_round_trip_and_what_it_shares():
    a, b = Net(), Net()
    assert repr(b.load_state_dict(a.state_dict())) == "<All keys matched successfully>"
    x = facula.ones(2, 3)
    assert facula.equal(a(x), b(x))
    state = a.state_dict()
    assert not state["scale"].requires_grad
    assert a.state_dict(keep_vars=True)["scale"] is a.scale
    state["scale"].zero_()
    assert a.scale.sum() == 0
    assert state._metadata[""] == {"version": 1}
    assert list(a.state_dict(prefix="net.")) == ["net.scale", "net.count", "net.first.weight", "net.first.bias"]


def test_load_lists_every_problem_at_once():
    net = Net()
    state = net.state_dict()
    state["first.weight"] = facula.ones(2, 2)
    state["scale"] = "no tensor"
    del state["first.bias"]
    state["more"] = facula.ones(1)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict(state)
    text = str(caught.value)
    assert "loading state_dict for Net" in text
    assert 'Missing key(s) in state_dict: "first.bias".' in text
    assert 'Unexpected key(s) in state_dict: "more".' in text
    assert "size mismatch for first.weight" in text
    assert "scale: expected a Tensor in the state dict, got str" in text
    good = {key: value for key, value in Net().state_dict().items() if key != "first.bias"}
    answer = net.load_state_dict({**good, "more": facula.ones(1)}, strict=False)
    assert answer.missing_keys == ["first.bias"]
    assert answer.unexpected_keys == ["more"]
    assert "missing_keys=['first.bias']" in repr(answer)


def test_load_with_assign_takes_the_tensors():
    net = Net()
    state = {key: value + 1 for key, value in net.state_dict().items()}
    net.load_state_dict(state, assign=True)
    assert isinstance(net.scale, nn.Parameter)
    assert net.scale.array is state["scale"].array
    assert net.count.array is state["count"].array


def test_extra_state():
    class Counter(nn.Module):
        def __init__(self):
            super().__init__()
            self.n = 0

        def get_extra_state(self):
            return facula.tensor(self.n)

        def set_extra_state(self, state):
            self.n = int(state)

    a, b = nn.Sequential(Counter()), nn.Sequential(Counter())
    a[0].n = 7
    assert list(a.state_dict()) == ["0._extra_state"]
    b.load_state_dict(a.state_dict())
    assert b[0].n == 7
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "0._extra_state"'):
        b.load_state_dict({})


def test_modes_and_gradients():
    net = nn.Sequential(Net(), nn.Dropout())
    assert net.eval() is net
    assert not any(module.training for module in net.modules())
    assert all(module.training for module in net.train().modules())
    net[0](facula.ones(1, 3)).sum().backward()
    assert net[0].scale.grad is not None
    net.zero_grad(set_to_none=False)
    assert net[0].scale.grad.sum() == 0
    net.zero_grad()
    assert net[0].scale.grad is None
    net.requires_grad_(False)
    assert not any(p.requires_grad for p in net.parameters())
    seen = []
    net.apply(lambda module: seen.append(type(module).__name__))
    assert seen == ["Linear", "ReLU", "Net", "Dropout", "Sequential"]


def test_conversion_keeps_the_parameter_objects():
    net = Net()
    net.register_buffer("steps", facula.zeros((), dtype=facula.int64))
    weight = net.first.weight
    net(facula.ones(1, 3)).sum().backward()
    net.double()
    assert net.first.weight is weight
    assert weight.dtype is facula.float64
    assert weight.grad.dtype is facula.float64
    assert net.steps.dtype is facula.int64
    assert net.count.dtype is facula.float64
    assert net.to(facula.float16).scale.dtype is facula.float16
    assert net.float().scale.dtype is facula.float32
    assert net.half().bfloat16().scale.dtype is facula.bfloat16
    assert net.to("cpu", facula.float32).scale.dtype is facula.float32
    assert net.to(facula.ones(1, dtype=facula.float64)).scale.dtype is facula.float64
    assert net.type(facula.float32).steps.dtype is facula.float32
    optimizer = facula.optim.SGD(net.parameters(), lr=1.0)
    assert optimizer.param_groups[0]["params"][1] is weight


def test_meta_construction_and_to_empty():
    net = nn.Linear(1000, 1000, device="meta")
    assert net.weight.is_meta
    net.to_empty(device="cpu")
    assert not net.weight.is_meta
    assert isinstance(net.weight, nn.Parameter)
    made = nn.utils.skip_init(nn.Linear, 2, 3)
    assert made.weight.shape == (3, 2)
    with pytest.raises(RuntimeError, match="Expected a Module"):
        nn.utils.skip_init(int)


def test_copies_are_independent():
    net = Net()
    twin = copy.deepcopy(net)
    twin.scale.data.zero_()
    assert net.scale.sum() == 4
    assert twin.__dict__["scale"] is twin._parameters["scale"]
    again = pickle.loads(pickle.dumps(net))
    assert facula.equal(again.first.weight, net.first.weight)
    again.other = nn.Linear(1, 1)
    assert "other" not in net._modules


def test_repr_and_dir():
    assert repr(nn.Sequential(nn.Linear(2, 3), nn.ReLU())) == (
        "Sequential(\n  (0): Linear(in_features=2, out_features=3, bias=True)\n  (1): ReLU()\n)"
    )
    names = dir(nn.Sequential(nn.ReLU()))
    assert "0" not in names
    assert "forward" in names


def test_getattr_can_be_extended_as_usual():
    class Wrapper(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def __getattr__(self, name):
            try:
                return super().__getattr__(name)
            except AttributeError:
                return getattr(self.module, name)

    assert Wrapper(nn.Linear(2, 3)).out_features == 3


def test_a_cheap_call():
    """A call without hooks adds one Python frame at most."""
    import sys

    depth = []

    class Probe(nn.Module):
        def forward(self):
            frame, n = sys._getframe(), 0
            while frame is not None:
                frame, n = frame.f_back, n + 1
            depth.append(n)

    probe = Probe()
    probe()
    probe.forward()
    assert depth[0] - depth[1] == 1


def test_numpy_numbers_are_no_tensors():
    with pytest.raises(TypeError, match="expected a Tensor or None"):
        nn.Module().register_buffer("x", np.ones(3))
