"""`vmap(grad(f))` gives the gradient of each sample, as a loop of backward does, for the layers of nn."""

import numpy as np
import pytest

import facula
from facula import nn
from facula.func import functional_call, grad, vmap


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, x):
        return self.inner(x, x, x, need_weights=False)[0]


class First(nn.Module):
    """The first result of a layer that has several."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return self.inner(x)[0]


FLOATS = lambda *shape: lambda: facula.randn(*shape)
WORDS = lambda *shape: lambda: facula.randint(0, 5, shape)
LAYERS = {
    "Linear": (lambda: nn.Linear(4, 3), FLOATS(2, 4)),
    "Linear without bias": (lambda: nn.Linear(4, 3, bias=False), FLOATS(2, 4)),
    "Conv1d": (lambda: nn.Conv1d(2, 4, 3, padding=1), FLOATS(2, 2, 6)),
    "Conv2d": (lambda: nn.Conv2d(2, 4, 3, stride=2, padding=1), FLOATS(2, 2, 6, 6)),
    "Conv2d groups": (lambda: nn.Conv2d(4, 4, 3, groups=2, dilation=2), FLOATS(2, 4, 6, 6)),
    "Conv2d depthwise": (lambda: nn.Conv2d(4, 4, 3, groups=4), FLOATS(1, 4, 5, 5)),
    "Conv3d": (lambda: nn.Conv3d(2, 2, 2), FLOATS(1, 2, 3, 3, 3)),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 4, 3, stride=2, output_padding=1), FLOATS(2, 2, 3, 3)),
    "LayerNorm": (lambda: nn.LayerNorm(4), FLOATS(2, 3, 4)),
    "RMSNorm": (lambda: nn.RMSNorm(4), FLOATS(2, 3, 4)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), FLOATS(2, 4, 3)),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(3, affine=True), FLOATS(2, 3, 4, 4)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(3, track_running_stats=False), FLOATS(4, 3, 2, 2)),
    "BatchNorm1d eval": (lambda: nn.BatchNorm1d(3).eval(), FLOATS(4, 3)),
    "Embedding": (lambda: nn.Embedding(5, 3), WORDS(2, 4)),
    "Embedding with padding": (lambda: nn.Embedding(5, 3, padding_idx=1), WORDS(2, 4)),
    "EmbeddingBag": (lambda: nn.EmbeddingBag(5, 3), WORDS(2, 4)),
    "MultiheadAttention": (Attention, FLOATS(2, 3, 8)),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True), FLOATS(2, 3, 8)),
    "LSTMCell": (lambda: First(nn.LSTMCell(4, 3)), FLOATS(2, 4)),
    "GRUCell": (lambda: nn.GRUCell(4, 3), FLOATS(2, 4)),
    "RNNCell": (lambda: nn.RNNCell(4, 3), FLOATS(2, 4)),
    "LSTM": (lambda: First(nn.LSTM(4, 3)), FLOATS(3, 1, 4)),
    "GRU": (lambda: First(nn.GRU(4, 3)), FLOATS(3, 1, 4)),
    "RNN": (lambda: First(nn.RNN(4, 3)), FLOATS(3, 1, 4)),
    "PReLU": (lambda: nn.PReLU(), FLOATS(2, 4)),
    "MaxPool behind Conv": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.ReLU()), FLOATS(1, 1, 6, 6)),
    "AvgPool behind Conv": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.AvgPool2d(2), nn.GELU()), FLOATS(1, 1, 6, 6)),
    "AdaptiveAvgPool": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(2)), FLOATS(1, 1, 6, 6)),
    "AdaptiveMaxPool": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveMaxPool2d(2)), FLOATS(1, 1, 6, 6)),
    "Upsample": (lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Upsample(scale_factor=2, mode="bilinear")), FLOATS(1, 1, 5, 5)),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYERS)
def test_as_in_a_loop(name):
    make, draw = LAYERS[name]
    facula.manual_seed(0)
    layer = make().double()
    batch = facula.stack([draw() for _ in range(3)])
    batch = batch.double() if batch.is_floating_point() else batch
    parameters = {k: p.detach() for k, p in layer.named_parameters()}
    weight = facula.randn(*layer(batch[0]).shape, dtype=facula.float64)

    def loss(parameters, x):
        return (functional_call(layer, parameters, (x,)) * weight).sum()

    found = vmap(grad(loss), in_dims=(None, 0))(parameters, batch)
    for i in range(3):
        layer.zero_grad()
        (layer(batch[i]) * weight).sum().backward()
        for k, p in layer.named_parameters():
            np.testing.assert_allclose(found[k][i].numpy(), p.grad.numpy(), rtol=1e-8, atol=1e-10, err_msg=k)


@pytest.mark.parametrize(
    "loss", ["cross_entropy", "mse_loss", "nll_loss", "binary_cross_entropy_with_logits", "smooth_l1_loss"]
)
def test_losses(loss):
    facula.manual_seed(0)
    layer = nn.Linear(4, 3).double()
    x = facula.randn(5, 4, dtype=facula.float64)
    classes = loss in ("cross_entropy", "nll_loss")
    target = facula.randint(0, 3, (5,)) if classes else facula.rand(5, 3, dtype=facula.float64)
    criterion = getattr(nn.functional, loss)
    parameters = dict(layer.named_parameters())

    def of_one(parameters, x, target):
        return criterion(functional_call(layer, parameters, x[None]), target[None])

    found = vmap(grad(of_one), in_dims=(None, 0, 0))(parameters, x, target)
    for i in range(5):
        layer.zero_grad()
        of_one(parameters, x[i], target[i]).backward()
        for k, p in parameters.items():
            np.testing.assert_allclose(found[k][i].detach().numpy(), p.grad.numpy(), rtol=1e-8, atol=1e-10)


def test_dropout_draws_for_each_sample_or_once():
    x = facula.ones(4, 64)
    run = lambda randomness: vmap(nn.functional.dropout, randomness=randomness)(x).numpy()
    once, each = run("same"), run("different")
    assert (once == once[0]).all()
    assert len({row.tobytes() for row in each}) == 4
    assert set(np.unique(each)) == {0.0, 2.0}
    with pytest.raises(RuntimeError, match="called random operation while in randomness error mode"):
        run("error")
    drawn = vmap(lambda a: a + facula.randn(3), randomness="different")(facula.zeros(4, 3)).numpy()
    assert len({row.tobytes() for row in drawn}) == 4


def test_custom_function_runs_lane_by_lane():
    class Cube(facula.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx, g):
            return 3 * ctx.saved_tensors[0] ** 2 * g

    x = facula.randn(4)
    np.testing.assert_allclose(vmap(grad(Cube.apply))(x).numpy(), 3 * x.numpy() ** 2, rtol=1e-6)
