"""What PyTorch keeps for older programs, and helpers around layers: the same numbers, names and complaints."""

import warnings

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")


def same(ours, theirs, tolerance=1e-6):
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), atol=tolerance, rtol=tolerance)


def pair(make):
    """The same layer twice, with the same numbers."""
    theirs = make(torch)
    ours = make(facula)
    ours.load_state_dict({k: facula.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return ours, theirs


def normed(library, kind, layer, **settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return getattr(library.nn.utils, kind)(layer, **settings)


@pytest.mark.parametrize("dim", [0, 1, None])
def test_weight_norm_of_old(dim):
    ours, theirs = pair(lambda t: normed(t, "weight_norm", t.nn.Linear(4, 3), dim=dim))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    x = np.linspace(-1, 1, 8, dtype=np.float32).reshape(2, 4)
    for library, layer in ((facula, ours), (torch, theirs)):
        layer(library.tensor(x)).square().sum().backward()
    same(ours(facula.tensor(x)), theirs(torch.tensor(x)))
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        same(a.grad, b.grad, 1e-5)
    same(facula.nn.utils.remove_weight_norm(ours).weight, torch.nn.utils.remove_weight_norm(theirs).weight)
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.parametrize("kind", ["Linear", "ConvTranspose1d"])
def test_spectral_norm_of_old(kind):
    make = lambda t: t.nn.Linear(4, 3) if kind == "Linear" else t.nn.ConvTranspose1d(4, 3, 2)
    ours, theirs = pair(lambda t: normed(t, "spectral_norm", make(t), n_power_iterations=2))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert ours.state_dict()._metadata[""] == theirs.state_dict()._metadata[""]
    x = np.linspace(-1, 1, 24, dtype=np.float32).reshape((6, 4) if kind == "Linear" else (1, 4, 6))
    for library, layer in ((facula, ours), (torch, theirs)):
        for _ in range(3):
            layer(library.tensor(x)).square().sum().backward()
    for (name, a), b in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        assert name in ("weight_u", "weight_v")
        same(a, b, 1e-5)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        same(a.grad, b.grad, 1e-4)
    same(ours.eval()(facula.tensor(x)), theirs.eval()(torch.tensor(x)), 1e-5)
    facula.nn.utils.remove_spectral_norm(ours)
    torch.nn.utils.remove_spectral_norm(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    same(ours.weight, theirs.weight, 1e-5)


def test_old_norms_complain():
    layer = normed(facula, "weight_norm", facula.nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match="Cannot register two weight_norm hooks on the same parameter weight"):
        normed(facula, "weight_norm", layer)
    with pytest.raises(ValueError, match="spectral_norm of 'weight' not found in Linear"):
        facula.nn.utils.remove_spectral_norm(layer)
    other = facula.nn.utils.spectral_norm(facula.nn.Linear(2, 2))
    with pytest.raises(RuntimeError, match="Cannot register two spectral_norm hooks on the same parameter weight"):
        facula.nn.utils.spectral_norm(other)
    with pytest.raises(ValueError, match="weight_norm of 'weight' not found in Linear"):
        facula.nn.utils.remove_weight_norm(other)
    with pytest.raises(ValueError, match="Expected n_power_iterations to be positive, but got n_power_iterations=0"):
        facula.nn.utils.spectral_norm(facula.nn.Linear(2, 2), n_power_iterations=0)


FUSED = {
    "conv": (lambda t: t.nn.Conv2d(2, 4, 3), lambda t: t.nn.BatchNorm2d(4), (2, 2, 5, 5), {}),
    "conv without bias": (lambda t: t.nn.Conv1d(2, 4, 3, bias=False), lambda t: t.nn.BatchNorm1d(4), (2, 2, 5), {}),
    "transposed": (
        lambda t: t.nn.ConvTranspose2d(2, 4, 3),
        lambda t: t.nn.BatchNorm2d(4, affine=False),
        (2, 2, 5, 5),
        {"transpose": True},
    ),
    "linear": (lambda t: t.nn.Linear(3, 4), lambda t: t.nn.BatchNorm1d(4), (5, 3), {}),
}


@pytest.mark.parametrize("case", FUSED)
def test_fusing_a_batch_norm(case):
    layer, norm, shape, options = FUSED[case]
    ours, theirs = pair(lambda t: t.nn.Sequential(layer(t), norm(t)))
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    ours(facula.tensor(x)), theirs(torch.tensor(x))
    ours.eval(), theirs.eval()
    name = "fuse_linear_bn_eval" if case == "linear" else "fuse_conv_bn_eval"
    mine = getattr(facula.nn.utils, name)(ours[0], ours[1], **options)
    other = getattr(torch.nn.utils, name)(theirs[0], theirs[1], **options)
    same(mine.weight, other.weight)
    same(mine.bias, other.bias)
    same(mine(facula.tensor(x)), theirs(torch.tensor(x)), 1e-5)
    with pytest.raises(AssertionError, match="Fusion only for eval!"):
        getattr(facula.nn.utils, name)(ours[0].train(), ours[1])


def test_fusing_layers_that_do_not_fit():
    linear, norm = facula.nn.Linear(2, 3).eval(), facula.nn.BatchNorm1d(2).eval()
    with pytest.raises(AssertionError, match=r"got linear\.out_features=3 and bn\.num_features=2"):
        facula.nn.utils.fuse_linear_bn_eval(linear, norm)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_gradients_of_convolutions_as_functions(n):
    rng = np.random.default_rng(n)
    x, w = rng.normal(size=(2, 4, *[6] * n)).astype("f4"), rng.normal(size=(6, 2, *[3] * n)).astype("f4")
    settings = {"stride": 2, "padding": 1, "groups": 2}
    g = rng.normal(size=(2, 6, *[3] * n)).astype("f4")
    results = []
    for t in (facula, torch):
        input, weight = getattr(t.nn.grad, f"conv{n}d_input"), getattr(t.nn.grad, f"conv{n}d_weight")
        results.append((
            input(x.shape, t.tensor(w), t.tensor(g), **settings), weight(t.tensor(x), w.shape, t.tensor(g), **settings),
        ))  # fmt: skip
    same(results[0][0], results[1][0], 1e-5)
    same(results[0][1], results[1][1], 1e-4)


def test_causal_biases_are_torchs():
    rng = np.random.default_rng(0)
    q, k = rng.normal(size=(1, 3, 4)).astype("f4"), rng.normal(size=(1, 5, 4)).astype("f4")
    for make in ("causal_upper_left", "causal_lower_right"):
        out = []
        for t in (facula, torch):
            bias = getattr(__import__(f"{t.__name__}.nn.attention.bias", fromlist=["x"]), make)(3, 5)
            out.append(t.nn.functional.scaled_dot_product_attention(t.tensor(q), t.tensor(k), t.tensor(k), bias))
        same(*out)


def test_sdpa_kernel_takes_backends_only():
    attention = facula.nn.attention
    with attention.sdpa_kernel([attention.SDPBackend.MATH, attention.SDPBackend.FLASH_ATTENTION], set_priority=True):
        pass
    with pytest.raises(TypeError, match="sdpa_kernel: expected SDPBackend or a list of them, got 'math'"):
        attention.sdpa_kernel(["math"]).__enter__()
    with pytest.raises(RuntimeError, match="sdpa_kernel: expected at least one backend, got none"):
        attention.sdpa_kernel([]).__enter__()
    assert [b.name for b in attention.SDPBackend] == list(torch.nn.attention.SDPBackend.__members__)


def test_data_parallel_runs_the_module():
    model = facula.nn.DataParallel(facula.nn.Linear(3, 2), device_ids=["cpu"])
    x = facula.ones(4, 3)
    assert facula.equal(model(x), model.module(x))
    assert facula.equal(facula.nn.parallel.data_parallel(model.module, (x,)), model(x))
    assert list(model.state_dict()) == list(torch.nn.DataParallel(torch.nn.Linear(3, 2)).state_dict())
    with pytest.raises(RuntimeError, match="DataParallel: expected one device, got device_ids"):
        facula.nn.DataParallel(facula.nn.Linear(3, 2), device_ids=[0, 1])


def test_factory_kwargs():
    for t in (facula, torch):
        assert t.nn.factory_kwargs({"device": "cpu", "factory_kwargs": {"dtype": t.float64}}) == {
            "device": "cpu",
            "dtype": t.float64,
        }
        assert t.nn.factory_kwargs(None) == {}
    with pytest.raises(TypeError, match=r"factory_kwargs: expected .* got unexpected \['color'\]"):
        facula.nn.factory_kwargs({"color": 1})
    with pytest.raises(TypeError, match=r"factory_kwargs: expected each name once, got \['dtype'\] twice"):
        facula.nn.factory_kwargs({"dtype": 1, "factory_kwargs": {"dtype": 2}})


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.nn.Container(a=t.nn.ReLU()),
        lambda t: t.nn.NLLLoss2d(),
        lambda t: t.nn.init.uniform(t.ones(2)),
        lambda t: t.nn.init.xavier_normal(t.ones(2, 2)),
        lambda t: t.nn.utils.weight_norm(t.nn.Linear(2, 2)),
        lambda t: t.nn.utils.clip_grad_norm([t.nn.Parameter(t.ones(2))], 1.0),
        lambda t: t.cpu.amp.autocast(),
        lambda t: t.cpu.amp.GradScaler(),
        lambda t: t.cuda.amp.custom_fwd(lambda ctx: None),
    ],
    ids=["Container", "NLLLoss2d", "uniform", "xavier_normal", "weight_norm", "clip", "autocast", "scaler", "custom"],
)
def test_old_names_warn_as_torchs_do(call):
    for t in (facula, torch):
        with pytest.warns(FutureWarning, match=r"deprecated"):
            call(t)


def test_the_older_mixed_precision():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        with facula.cpu.amp.autocast():
            assert (facula.ones(2, 2) @ facula.ones(2, 2)).dtype is facula.bfloat16
        assert facula.cpu.amp.GradScaler(init_scale=4.0).get_scale() == 4.0
        scaler = facula.cuda.amp.GradScaler(enabled=False)
        assert not scaler.is_enabled()


def test_memory_formats_of_weights_change_no_number():
    model = facula.nn.Sequential(facula.nn.Conv2d(3, 4, 2), facula.nn.Conv3d(3, 4, 2))
    before = [p.detach().clone() for p in model.parameters()]
    assert facula.nn.utils.convert_conv2d_weight_memory_format(model, facula.channels_last) is model
    assert facula.nn.utils.convert_conv3d_weight_memory_format(model, facula.channels_last_3d) is model
    assert all(facula.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))


def test_a_prefix_is_dropped():
    states = []
    for t in (facula, torch):
        state = t.nn.DataParallel(t.nn.Sequential(t.nn.Linear(2, 2))).state_dict()
        t.nn.modules.utils.consume_prefix_in_state_dict_if_present(state, "module.")
        states.append((list(state), dict(state._metadata)))
    assert states[0] == states[1]
