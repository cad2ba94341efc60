"""Autocast gives the types that torch gives, and gradients close to torch's."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")

X, IMAGE = (
    np.random.default_rng(0).random((4, 4), np.float32),
    np.random.default_rng(1).random((1, 2, 4, 4), np.float32),
)


def calls(lib, dtype):
    """Operators of one library on inputs of one type."""
    f = lib.nn.functional
    x, image = lib.tensor(X).to(dtype), lib.tensor(IMAGE).to(dtype)
    full, target = lib.tensor(X), lib.tensor([0, 1, 2, 3])
    spd = (full @ full.t() + lib.eye(4)).to(dtype)
    return {
        "matmul": lambda: x @ x,
        "linear": lambda: f.linear(x, x, x[0]),
        "bmm": lambda: lib.bmm(image[0], image[0]),
        "einsum": lambda: lib.einsum("ij,jk", x, x),
        "conv2d": lambda: f.conv2d(image, image[:, :, :3, :3]),
        "conv_transpose2d": lambda: f.conv_transpose2d(image, image[:, :, :3, :3].transpose(0, 1)),
        "attention": lambda: f.scaled_dot_product_attention(image, image, image),
        "exp": x.exp,
        "pow": lambda: x.pow(2),
        "relu": x.relu,
        "softmax": lambda: x.softmax(0),
        "log_softmax": lambda: x.log_softmax(0),
        "sum": x.sum,
        "mean": x.mean,
        "prod": x.prod,
        "layer_norm": lambda: f.layer_norm(x, (4,)),
        "batch_norm": lambda: f.batch_norm(image, None, None, training=True),
        "cross_entropy": lambda: f.cross_entropy(x, target),
        "mse_loss": lambda: f.mse_loss(x, x),
        "huber_loss": lambda: f.huber_loss(x, x),
        "bce": lambda: f.binary_cross_entropy(x, x),
        "bce_with_logits": lambda: f.binary_cross_entropy_with_logits(x, x),
        "cat": lambda: lib.cat([x, full]),
        "stack": lambda: lib.stack([x, full]),
        "add": lambda: x + full,
        "inv": lambda: lib.linalg.inv(spd),
        "cholesky": lambda: lib.linalg.cholesky(spd),
        "fft": lambda: lib.fft.fft(x),
        "max_pool2d": lambda: f.max_pool2d(image, 2),
        "embedding": lambda: f.embedding(target, x),
        "logsumexp": lambda: x.logsumexp(0),
        "float64": lambda: x.double() @ x.double(),
    }


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", calls(torch, torch.float32))
def test_types_are_those_of_torch(name, dtype):
    found = []
    for lib in (facula, torch):
        call = calls(lib, getattr(lib, dtype))[name]
        with lib.autocast("cpu"):
            found.append(str(call().dtype).split(".")[1])
    assert found[0] == found[1]


@pytest.mark.parametrize("layer", ["GRU", "LSTM"])
def test_recurrent_layers_give_the_types_of_torch(layer):
    found = []
    for lib in (facula, torch):
        net = getattr(lib.nn, layer)(4, 3)
        with lib.autocast("cpu"):
            found.append(str(net(lib.tensor(X))[0].dtype).split(".")[1])
    assert found[0] == found[1]


def test_a_network_trains_as_in_torch():
    nets = []
    for lib in (facula, torch):
        net = lib.nn.Sequential(lib.nn.Conv2d(2, 3, 3), lib.nn.ReLU(), lib.nn.Flatten(), lib.nn.Linear(12, 4))
        if nets:
            net.load_state_dict({k: torch.tensor(v.numpy()) for k, v in nets[0].state_dict().items()})
        with lib.autocast("cpu"):
            loss = lib.nn.functional.cross_entropy(net(lib.tensor(IMAGE)), lib.tensor([1]))
        assert str(loss.dtype).endswith("float32")
        loss.backward()
        nets.append(net)
    for ours, theirs in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert ours.grad.dtype is facula.float32
        np.testing.assert_allclose(ours.grad.numpy(), theirs.grad.numpy(), rtol=0.03, atol=0.01)


@pytest.mark.parametrize("bad", [[], [1], [3, 4], [1, 2, 3]])
def test_the_scaler_follows_torch(bad):
    """Scales, skipped steps and weights over five steps, some of which overflow."""
    weights, scales = [], []
    for lib in (facula, torch):
        w = lib.nn.Parameter(lib.ones(3))
        optimizer = lib.optim.SGD([w], lr=0.1)
        scaler = lib.amp.GradScaler("cpu", init_scale=4.0, growth_interval=2)
        seen = []
        for step in range(6):
            optimizer.zero_grad()
            scaler.scale((w * (float("inf") if step in bad else 2.0)).sum()).backward()
            scaler.unscale_(optimizer)
            scaler.step(optimizer)
            scaler.update()
            seen.append(scaler.get_scale())
        weights.append(w.tolist())
        scales.append((seen, scaler.state_dict()))
    assert scales[0] == scales[1]
    assert weights[0] == weights[1]


def misuse(lib, name):
    w = lib.nn.Parameter(lib.ones(2))
    optimizer, scaler = lib.optim.SGD([w], lr=0.1), lib.amp.GradScaler("cpu", init_scale=4.0)
    if name == "no gradients":
        scaler.step(optimizer)
    if name == "no step":
        scaler.update()
    scaler.scale(w.sum()).backward()
    if name == "closure":
        scaler.step(optimizer, closure=lambda: 1)
    if name == "twice":
        scaler.unscale_(optimizer)
        scaler.unscale_(optimizer)
    if name == "after":
        scaler.step(optimizer)
        scaler.unscale_(optimizer)
    if name == "step twice":
        scaler.step(optimizer)
        scaler.step(optimizer)
    if name == "empty state":
        scaler.load_state_dict({})
    if name == "half":
        w = lib.nn.Parameter(lib.ones(2, dtype=lib.float16))
        w.grad = lib.ones(2, dtype=lib.float16)
        scaler.unscale_(lib.optim.SGD([w], lr=0.1))
    if name == "scale":
        scaler.scale(3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no gradients", "No inf checks were recorded for this optimizer"),
        ("no step", "No inf checks were recorded prior to update"),
        ("closure", "Closure use is not currently supported"),
        ("twice", "already been called on this optimizer"),
        ("after", "being called after step"),
        ("step twice", "step.. has already been called since the last update"),
        ("empty state", "source state dict is empty"),
        ("half", "Attempting to unscale FP16 gradients"),
        ("scale", "outputs must be a Tensor or an iterable of Tensors"),
    ],
)
def test_misuse_of_the_scaler_raises_as_in_torch(name, message):
    with pytest.raises((RuntimeError, ValueError, AssertionError)) as theirs:
        misuse(torch, name)
    with pytest.raises(theirs.type, match=message):
        misuse(facula, name)
