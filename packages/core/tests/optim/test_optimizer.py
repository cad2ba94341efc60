"""Optimizer: groups, hooks, closures, states, errors, and what a step does to a parameter."""

import copy

import pytest

import facula
from facula import nn, optim


def parameter(*shape):
    p = nn.Parameter(facula.ones(shape or (2,)))
    p.grad = facula.ones(shape or (2,))
    return p


def test_groups_have_their_own_settings():
    a, b = parameter(), parameter()
    optimizer = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    optimizer.step()
    assert a.tolist() == pytest.approx([0.9, 0.9])
    assert b.tolist() == [0.5, 0.5]
    c = parameter()
    optimizer.add_param_group({"params": [c], "momentum": 0.9})
    optimizer.step()
    assert c.tolist() == pytest.approx([0.9, 0.9])
    assert [g["lr"] for g in optimizer.param_groups] == [0.1, 0.5, 0.1]


def test_named_parameters():
    net = nn.Linear(2, 2)
    optimizer = optim.SGD(net.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]


def test_a_step_keeps_the_leaf_and_counts_as_a_write():
    p = parameter()
    product = p * p
    array = p.array
    optim.Adam([p]).step()
    assert p.array is array
    assert p.requires_grad
    assert p.is_leaf
    with pytest.raises(RuntimeError, match=r"Adam\.step"):
        product.sum().backward()


def test_parameters_without_gradient_are_left_alone():
    p, q = parameter(), nn.Parameter(facula.ones(2))
    optimizer = optim.Adam([p, q])
    optimizer.step()
    assert q.tolist() == [1, 1]
    assert list(optimizer.state) == [p]
    optimizer.zero_grad(set_to_none=False)
    assert p.grad.tolist() == [0, 0]
    optimizer.zero_grad()
    assert p.grad is None


def test_closures_and_hooks():
    p, seen = parameter(), []
    optimizer = optim.SGD([p], lr=0.1)
    optimizer.register_step_pre_hook(lambda o, args, kwargs: seen.append("pre"))
    optimizer.register_step_post_hook(lambda o, args, kwargs: seen.append("post"))
    handle = optim.optimizer.register_optimizer_step_pre_hook(lambda o, args, kwargs: seen.append("all"))

    def closure():
        seen.append("closure")
        optimizer.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with facula.no_grad():
        assert optimizer.step(closure).item() == 2
    handle.remove()
    assert seen == ["all", "pre", "closure", "post"]
    assert p.tolist() == pytest.approx([0.8, 0.8])
    optimizer.register_step_pre_hook(lambda o, args, kwargs: 3)
    with pytest.raises(RuntimeError, match="pre-hook must return None or a tuple"):
        optimizer.step()


def test_state_dict_hooks_and_copies():
    p = parameter()
    optimizer = optim.Adam([p])
    optimizer.step()
    optimizer.register_state_dict_pre_hook(lambda o: None)
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    state = optimizer.state_dict()
    assert state["more"] == 1
    seen = []
    other = optim.Adam([parameter()])
    other.register_load_state_dict_pre_hook(lambda o, s: {**s, "more": 2})
    other.register_load_state_dict_post_hook(lambda o: seen.append(o), prepend=True)
    other.load_state_dict(state)
    assert seen == [other]
    mine, theirs = other.state[other.param_groups[0]["params"][0]], optimizer.state[p]
    assert mine["step"].item() == 1
    assert mine["exp_avg"].array is not theirs["exp_avg"].array
    twin = copy.deepcopy(optimizer)
    assert twin.param_groups[0]["params"][0] is not p
    assert twin.param_groups[0]["params"][0] in twin.state


def test_states_take_the_type_of_their_parameter():
    p = parameter()
    optimizer = optim.Adam([p])
    optimizer.step()
    wide = nn.Parameter(facula.ones(2, dtype=facula.float64))
    other = optim.Adam([wide])
    other.load_state_dict(optimizer.state_dict())
    assert other.state[wide]["exp_avg"].dtype is facula.float64
    assert other.state[wide]["step"].dtype is facula.float32


def test_settings_as_tensors():
    p = parameter()
    rate = facula.tensor(0.5)
    optimizer = optim.SGD([p], lr=rate)
    optimizer.step()
    assert p.tolist() == [0.5, 0.5]
    rate.fill_(0.25)
    optimizer.step()
    assert p.tolist() == [0.25, 0.25]


def test_an_optimizer_of_ones_own():
    class Signed(optim.Optimizer):
        def __init__(self, params, lr):
            super().__init__(params, {"lr": lr})

        @facula.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.add_(p.grad.sign(), alpha=-group["lr"])

    p = parameter()
    optimizer, seen = Signed([p], 0.5), []
    optimizer.register_step_post_hook(lambda *a: seen.append(1))
    optimizer.step()
    assert p.tolist() == [0.5, 0.5]
    assert seen == [1]
    assert optimizer._opt_called


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda p: optim.SGD(p), TypeError, "should be an iterable of Tensors or dicts"),
        (lambda p: optim.SGD([]), ValueError, "optimizer got an empty parameter list"),
        (lambda p: optim.SGD([3]), TypeError, "can only optimize Tensors"),
        (lambda p: optim.SGD([p * 2]), ValueError, "can't optimize a non-leaf Tensor"),
        (lambda p: optim.SGD([{"params": {p}}]), TypeError, "use a list instead"),
        (lambda p: optim.SGD([{"params": [p]}, {"params": [p]}]), ValueError, "more than one parameter group"),
        (lambda p: optim.SGD([("a", p), parameter()]), ValueError, "with/without names"),
        (lambda p: optim.SGD([p]).add_param_group({"params": [("a", parameter())]}), ValueError, "with/without names"),
        (lambda p: optim.SGD([p]).add_param_group([p]), TypeError, "param_group must be a dict"),
        (lambda p: optim.SGD([p], lr=-1), ValueError, "SGD: Invalid lr value: expected at least 0, got -1"),
        (lambda p: optim.SGD([p], nesterov=True), ValueError, "Invalid nesterov"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, "Invalid betas"),
        (lambda p: optim.AdamW([p], eps=-1), ValueError, "AdamW: Invalid eps"),
        (lambda p: optim.Muon([p]), ValueError, "only supports 2D parameters"),
        (lambda p: optim.LBFGS([{"params": [p]}, {"params": [parameter()]}]), ValueError, "per-parameter options"),
        (lambda p: optim.LBFGS([p]).step(), TypeError, "expected a closure"),
        (lambda p: optim.Optimizer([p], {}).step(), NotImplementedError, "expected the optimizer to define it"),
        (
            lambda p: optim.Optimizer([p], {"lr": optim.optimizer.required}),
            ValueError,
            "didn't specify a value of required optimization parameter lr",
        ),
        (
            lambda p: optim.SGD([p]).load_state_dict({"state": {}, "param_groups": []}),
            ValueError,
            "different number of parameter groups",
        ),
        (
            lambda p: optim.SGD([p]).load_state_dict({"state": {}, "param_groups": [{"params": [0, 1]}]}),
            ValueError,
            "doesn't match the size",
        ),
    ],
)
def test_misuse_is_explained(make, kind, message):
    with pytest.raises(kind, match=message):
        make(parameter())


def test_a_parameter_twice_in_a_group_warns():
    p = parameter()
    with pytest.warns(UserWarning, match="duplicate parameters"):
        optim.SGD([p, p])


def test_lbfgs_refuses_an_unknown_search():
    p = parameter()
    optimizer = optim.LBFGS([p], line_search_fn="golden")

    def closure():
        p.grad = facula.ones(2)
        return facula.tensor(1.0)

    with pytest.raises(RuntimeError, match="only 'strong_wolfe' is supported"):
        optimizer.step(closure)
