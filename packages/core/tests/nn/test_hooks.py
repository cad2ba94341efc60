"""Hooks of modules: order, replacement, removal, gradients, state dicts, all modules."""

import warnings

import pytest

import facula
from facula import nn


def test_forward_hooks_run_in_order_and_may_replace():
    layer, seen = nn.ReLU(), []
    layer.register_forward_pre_hook(lambda m, args: seen.append("pre") or (args[0] * 2,))
    layer.register_forward_pre_hook(lambda m, args: seen.append("first"), prepend=True)
    layer.register_forward_hook(lambda m, args, out: seen.append("post") or out + 1)
    handle = layer.register_forward_hook(lambda m, args, out: seen.append("last"))
    assert layer(facula.ones(1)).item() == 3
    assert seen == ["first", "pre", "post", "last"]
    handle.remove()
    handle.remove()
    layer(facula.ones(1))
    assert seen.count("last") == 1


def test_a_handle_is_a_context():
    layer, seen = nn.ReLU(), []
    with layer.register_forward_hook(lambda *a: seen.append(1)):
        layer(facula.ones(1))
    layer(facula.ones(1))
    assert seen == [1]


def test_hooks_with_keyword_arguments():
    class Scale(nn.Module):
        def forward(self, x, by=1):
            return x * by

    layer, seen = Scale(), {}
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True)
    layer.register_forward_hook(lambda m, args, kwargs, out: seen.update(kwargs), with_kwargs=True)
    assert layer(facula.ones(1), by=2).item() == 3
    assert seen == {"by": 3}
    layer.register_forward_pre_hook(lambda m, args, kwargs: 5, with_kwargs=True)
    with pytest.raises(RuntimeError, match="expected None or a pair"):
        layer(facula.ones(1), by=1)


def test_always_call_sees_failures():
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("no")

    layer, seen = Fails(), []
    layer.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    layer.register_forward_hook(lambda m, args, out: seen.append("never"))
    with pytest.raises(ValueError, match="no"):
        layer(1)
    assert seen == [None]
    layer.register_forward_hook(lambda m, args, out: 1 / 0, always_call=True)
    with (
        pytest.warns(UserWarning, match="always_call=True raised ZeroDivisionError"),
        pytest.raises(ValueError, match="no"),
    ):
        layer(1)


def test_full_backward_hooks_see_and_replace_gradients():
    layer, seen = nn.Linear(2, 2, bias=False), []
    layer.weight.data.copy_(facula.tensor([[1.0, 2.0], [3.0, 4.0]]))

    def hook(module, grad_input, grad_output):
        seen.append((grad_input[0].tolist(), grad_output[0].tolist()))
        return (grad_input[0] * 10,)

    layer.register_full_backward_hook(hook)
    x = facula.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [([[4.0, 6.0]], [[1.0, 1.0]])]
    assert x.grad.tolist() == [[40.0, 60.0]]


def test_backward_hooks_without_input_gradient():
    layer, seen = nn.Linear(2, 1), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go[0].tolist())))
    layer(facula.ones(3, 2)).sum().backward()
    assert seen == [((None,), [[1.0]] * 3)]
    assert layer.weight.grad.tolist() == [[3.0, 3.0]]
    layer.register_full_backward_hook(lambda m, gi, go: (facula.ones(3, 2),))
    with pytest.raises(RuntimeError, match="expected None where no input requires grad"):
        layer(facula.ones(3, 2)).sum().backward()


def test_backward_pre_hooks_replace_the_output_gradient():
    layer = nn.Identity()
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 3,))
    x = facula.ones(2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    layer.register_full_backward_pre_hook(lambda m, go: (go[0], go[0]), prepend=True)
    with pytest.raises(RuntimeError, match="backward pre-hook: expected 1 gradients, got 2"):
        layer(x).sum().backward()


def test_backward_hooks_around_tuples():
    class Two(nn.Module):
        def forward(self, x, y):
            return x * y, [x]

    layer, seen = Two(), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((len(gi), [g is not None for g in go])))
    x = facula.ones(2, requires_grad=True)
    product, _ = layer(x, facula.full((2,), 5.0))
    product.sum().backward()
    assert seen == [(2, [True, False])]
    assert x.grad.tolist() == [5.0, 5.0]


def test_state_dict_hooks():
    net, seen = nn.Sequential(nn.Linear(1, 1)), []
    net.register_state_dict_pre_hook(lambda m, prefix, keep: seen.append(("pre", prefix)))
    net[0].register_state_dict_post_hook(lambda m, state, prefix, meta: state.update({prefix + "more": facula.ones(1)}))
    net._register_state_dict_hook(lambda m, state, prefix, meta: {"only": state["0.weight"]})
    assert list(net.state_dict()) == ["only"]
    assert seen == [("pre", "")]
    net[0].register_state_dict_post_hook(lambda *a: 3)
    with pytest.raises(RuntimeError, match="post-hook: expected None"):
        net.state_dict()


def test_load_state_dict_hooks():
    net, seen = nn.Sequential(nn.Linear(1, 1)), []

    def rename(module, state, prefix, *rest):
        state[prefix + "weight"] = state.pop(prefix + "old")

    net[0].register_load_state_dict_pre_hook(rename)
    net[0]._register_load_state_dict_pre_hook(lambda state, prefix, *rest: seen.append(prefix))
    net.register_load_state_dict_post_hook(lambda m, keys: keys.missing_keys.clear())
    net.load_state_dict({"0.old": facula.full((1, 1), 5.0)})
    assert net[0].weight.item() == 5
    assert seen == ["0."]
    net.register_load_state_dict_post_hook(lambda m, keys: 1)
    with pytest.raises(RuntimeError, match="post-hook: expected None"):
        net.load_state_dict({"0.old": facula.full((1, 1), 5.0)})


def test_hooks_of_all_modules():
    from facula.nn.modules import module as M

    seen = []
    handles = [
        M.register_module_forward_pre_hook(lambda m, args: seen.append(("pre", type(m).__name__))),
        M.register_module_forward_hook(lambda m, args, out: seen.append(("post", type(m).__name__))),
        M.register_module_full_backward_hook(lambda m, gi, go: seen.append(("back", type(m).__name__))),
        M.register_module_full_backward_pre_hook(lambda m, go: None),
        M.register_module_parameter_registration_hook(lambda m, name, p: seen.append(("parameter", name))),
        M.register_module_buffer_registration_hook(lambda m, name, b: seen.append(("buffer", name))),
        M.register_module_module_registration_hook(lambda m, name, c: seen.append(("module", name))),
    ]
    try:
        net = nn.Sequential(nn.PReLU())
        net.register_buffer("b", None)
        net(facula.ones(1, requires_grad=True)).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    assert seen == [
        ("parameter", "weight"), ("module", "0"), ("buffer", "b"), ("pre", "Sequential"), ("pre", "PReLU"),
        ("post", "PReLU"), ("post", "Sequential"), ("back", "PReLU"), ("back", "Sequential"),
    ]  # fmt: skip
    assert not nn.Module._hooked
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net(facula.ones(1))
