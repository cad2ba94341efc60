"""Blocks of autocast: nesting, decorators, cached weights, other devices, custom functions."""

import pytest

import facula
from facula.amp import GradScaler, custom_bwd, custom_fwd, policy
from facula.autograd.op import ALL


def product(x):
    return (x @ x).dtype


@pytest.mark.parametrize("device", policy.POLICIES)
def test_every_name_of_the_policy_is_an_operator_in_one_list(device):
    lists = [getattr(policy.POLICIES[device], kind) for kind in ("lower", "full", "own", "widest")]
    asked = {name for name, value in facula.ops.PUBLIC.items() if hasattr(value, "__wrapped__")} | {"_mirrored"}
    assert frozenset().union(*lists) <= set(ALL) | asked
    assert sum(map(len, lists)) == len(frozenset().union(*lists))


def test_the_policy_is_published():
    for device in policy.POLICIES.values():
        for name in device.lower | device.full | device.own | device.widest:
            assert name in policy.__doc__


def test_blocks_nest_and_end():
    x = facula.ones(2, 2)
    with facula.autocast("cpu"):
        assert facula.is_autocast_enabled("cpu")
        assert facula.is_autocast_cpu_enabled()
        with facula.autocast("cpu", dtype=facula.float16):
            assert product(x) is facula.float16
            assert facula.get_autocast_dtype("cpu") is facula.float16
        with facula.autocast("cpu", enabled=False):
            assert product(x) is facula.float32
            assert not facula.is_autocast_enabled("cpu")
        with facula.autocast("cuda"):
            assert product(x) is facula.bfloat16
            assert facula.is_autocast_enabled()
        with pytest.raises(ZeroDivisionError), facula.autocast("cpu", dtype=facula.float16):
            1 / 0
        assert product(x) is facula.bfloat16
    assert product(x) is facula.float32
    assert not facula.is_autocast_enabled("cpu")
    assert facula.get_autocast_cpu_dtype() is facula.bfloat16
    assert facula.get_autocast_gpu_dtype() is facula.float16


def test_as_a_decorator():
    @facula.autocast("cpu")
    def forward(x):
        return x @ x

    assert forward(facula.ones(2, 2)).dtype is facula.bfloat16


def test_weights_are_cast_once_and_again_after_a_write():
    w = facula.nn.Parameter(facula.ones(2, 2))
    x = facula.ones(2, 2)
    block = facula.autocast("cpu")
    with block:
        a = x @ w
        b = x @ w
        assert len(block.cache) == 1
        (a.sum() + b.sum()).backward()
        with facula.no_grad():
            w *= 2
            assert (x @ w)[0, 0].item() == 4.0
        assert (x @ w).requires_grad
        facula.clear_autocast_cache()
        assert not block.cache
        assert facula.is_autocast_cache_enabled()
    assert w.grad.tolist() == [[4.0, 4.0], [4.0, 4.0]]
    assert w.grad.dtype is facula.float32
    with facula.autocast("cpu", cache_enabled=False) as block:
        x @ w
        assert not block.cache
        assert not facula.is_autocast_cache_enabled()


def test_backward_inside_a_block():
    w, x = facula.nn.Parameter(facula.ones(3, 3)), facula.rand(2, 3)
    with facula.autocast("cpu"):
        (x @ w).float().pow(2).sum().backward()
    inside, w.grad = w.grad, None
    with facula.autocast("cpu"):
        loss = (x @ w).float().pow(2).sum()
    loss.backward()
    assert inside.dtype is facula.float32
    assert facula.allclose(inside, w.grad, rtol=0.02)


def test_a_checkpoint_repeats_in_the_same_types():
    from facula.utils.checkpoint import checkpoint

    layer, x = facula.nn.Linear(3, 3), facula.rand(2, 3)
    with facula.autocast("cpu"):
        out = checkpoint(layer, x, use_reentrant=False)
    assert out.dtype is facula.bfloat16
    out.float().sum().backward()
    assert layer.weight.grad.dtype is facula.float32


def test_custom_functions():
    seen = []

    class Double(facula.autograd.Function):
        @staticmethod
        @custom_fwd(device_type="cpu", cast_inputs=facula.float32)
        def forward(ctx, x):
            seen.append((x.dtype, facula.is_autocast_enabled("cpu")))
            return x * 2

        @staticmethod
        @custom_bwd(device_type="cpu")
        def backward(ctx, grad):
            seen.append(facula.is_autocast_enabled("cpu"))
            return grad * 2

    x = facula.ones(2, requires_grad=True)
    with facula.autocast("cpu"):
        y = Double.apply(x.bfloat16())
    y.sum().backward()
    assert seen == [(facula.float32, False), False]
    assert x.grad.tolist() == [2.0, 2.0]


def test_arguments_are_checked():
    with pytest.raises(RuntimeError, match="unsupported autocast device_type 'toaster', expected one of cpu, cuda"):
        facula.autocast("toaster")
    with pytest.raises(ValueError, match="Expected `device_type` of type `str`"):
        facula.autocast(facula.device("cpu"))
    with pytest.warns(UserWarning, match="expected dtype bfloat16 or float16, got facula.float64. Disabling"):
        block = facula.autocast("cpu", dtype=facula.float64)
    with block:
        assert product(facula.ones(2, 2)) is facula.float32


def test_a_disabled_scaler_does_nothing():
    scaler = GradScaler("cpu", enabled=False)
    w = facula.nn.Parameter(facula.ones(1))
    optimizer = facula.optim.SGD([w], lr=1.0)
    loss = scaler.scale(w.sum())
    assert loss.item() == 1.0
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.item() == 0.0
    assert scaler.state_dict() == {}
    assert scaler.get_scale() == 1.0
    if not facula.cuda.is_available():
        with pytest.warns(UserWarning, match="expected cuda to be available"):
            assert not GradScaler().is_enabled()


def test_the_scaler_resumes_and_takes_lists():
    scaler = GradScaler("cpu", init_scale=8.0, growth_factor=3.0)
    other = GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    assert other.state_dict() == scaler.state_dict()
    assert [t.item() for t in other.scale([facula.ones(1), facula.ones(1) * 2])] == [8.0, 16.0]
    other.update(2.0)
    assert other.get_scale() == 2.0
    with pytest.raises(AssertionError, match="growth factor must be > 1.0, got 0.5"):
        GradScaler("cpu", growth_factor=0.5)
    with pytest.raises(AssertionError, match="backoff factor must be < 1.0, got 1.5"):
        GradScaler("cpu", backoff_factor=1.5)
