"""What is timed: families of operators, layers and models, written once and run on torch and on facula.

`NAMES` maps a name to a function of the framework's module and its compiler that returns a step; one call of the step is
one unit of work. Numbers are drawn by NumPy, so both compute on the same ones.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

Step = Callable[[], object]
Workload = Callable[[Any, Callable[[Any], Any]], Step]
IDS = 1000  # integers are drawn below this number


def _normal(fw: Any, *shape: int) -> Any:
    return fw.from_numpy(np.random.default_rng(0).standard_normal(shape, dtype=np.float32))


def _integers(fw: Any, high: int, *shape: int) -> Any:
    return fw.from_numpy(np.random.default_rng(1).integers(0, high, shape))


def _nn(fw: Any) -> Any:
    return import_module(f"{fw.__name__}.nn")


def _F(fw: Any) -> Any:
    return import_module(f"{fw.__name__}.nn.functional")


def forward(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Workload:
    """One call without gradients."""

    def make(fw: Any, compile: Callable[[Any], Any]) -> Step:
        inputs = [_normal(fw, *shape) for shape in shapes]
        run = compile(lambda *tensors: function(fw, *tensors))
        return lambda: run(*inputs)

    return make


def both(function: Callable[..., Any], *shapes: tuple[int, ...]) -> Workload:
    """One call and its gradient with respect to every input."""

    def make(fw: Any, compile: Callable[[Any], Any]) -> Step:
        inputs = [_normal(fw, *shape).requires_grad_() for shape in shapes]
        run = compile(lambda *tensors: function(fw, *tensors))
        upper = _normal(fw, *run(*inputs).shape)

        def step() -> None:
            run(*inputs).backward(upper)
            for x in inputs:
                x.grad = None

        return step

    return make


def layer(build: Callable[[Any], Any], *shape: int, ids: bool = False) -> Workload:
    """A layer's output and the gradients of its input and parameters."""

    def make(fw: Any, compile: Callable[[Any], Any]) -> Step:
        module = build(_nn(fw))
        x = _integers(fw, IDS, *shape) if ids else _normal(fw, *shape).requires_grad_()
        run = compile(lambda x: _first(module(x)))
        upper = _normal(fw, *run(x).shape)

        def step() -> None:
            run(x).backward(upper)
            module.zero_grad()
            x.grad = None

        return step

    return make


def _first(result: Any) -> Any:
    return result[0] if isinstance(result, tuple) else result


def model(build: Callable[[Any], Any], *shape: int, classes: int = 10, ids: bool = False) -> Workload:
    """One step of training a classifier with Adam."""

    def make(fw: Any, compile: Callable[[Any], Any]) -> Step:
        nn = _nn(fw)
        network = build(nn)
        optimizer = import_module(f"{fw.__name__}.optim").Adam(network.parameters())
        x = _integers(fw, IDS, *shape) if ids else _normal(fw, *shape)
        y = _integers(fw, classes, shape[0])
        loss = compile(lambda x, y: _F(fw).cross_entropy(network(x), y))

        def step() -> None:
            optimizer.zero_grad()
            loss(x, y).backward()
            optimizer.step()

        return step

    return make


def lookup(fw: Any, compile: Callable[[Any], Any]) -> Step:
    """Rows of a table of 1000 x 128 and the table's gradient."""
    table, ids = _normal(fw, IDS, 128).requires_grad_(), _integers(fw, IDS, 64, 128)

    def step() -> None:
        _F(fw).embedding(ids, table).sum().backward()
        table.grad = None

    return step


def _image(nn: Any) -> Any:
    return nn.Sequential(
        nn.Conv2d(3, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1),
        nn.BatchNorm2d(64), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


def _text(nn: Any) -> Any:
    block = nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)
    return nn.Sequential(nn.Embedding(IDS, 128), block, nn.Flatten(), nn.Linear(64 * 128, 10))


OPS = {
    "add": forward(lambda fw, a, b: a + b, (1024, 1024), (1024, 1024)),
    "broadcast_mul": both(lambda fw, a, b: a * b, (512, 512), (512,)),
    "exp": both(lambda fw, x: x.exp(), (1024, 1024)),
    "where": forward(lambda fw, x: fw.where(x > 0, x, -x), (1024, 1024)),
    "gelu": both(lambda fw, x: _F(fw).gelu(x), (1024, 1024)),
    "sum_rows": both(lambda fw, x: x.sum(1), (1024, 1024)),
    "max_rows": forward(lambda fw, x: x.amax(1), (1024, 1024)),
    "variance": forward(lambda fw, x: x.var(0), (1024, 1024)),
    "cumsum": forward(lambda fw, x: x.cumsum(1), (512, 1024)),
    "sort": forward(lambda fw, x: x.sort(1)[0], (256, 512)),
    "topk": forward(lambda fw, x: x.topk(8, 1)[0], (256, 512)),
    "softmax": both(lambda fw, x: x.softmax(-1), (2048, 512)),
    "matmul": both(lambda fw, a, b: a @ b, (512, 512), (512, 512)),
    "bmm": both(lambda fw, a, b: a @ b, (32, 128, 64), (32, 64, 128)),
    "einsum": forward(lambda fw, a, b: fw.einsum("bij,bkj->bik", a, b), (16, 128, 64), (16, 128, 64)),
    "transpose_copy": forward(lambda fw, x: x.t().contiguous(), (1024, 1024)),
    "cat": forward(lambda fw, a, b: fw.cat([a, b], 1), (512, 512), (512, 512)),
    "index_rows": forward(lambda fw, x: x[fw.arange(0, 512, 2)], (512, 512)),
    "lookup": lookup,
    "max_pool2d": both(lambda fw, x: _F(fw).max_pool2d(x, 2), (8, 32, 56, 56)),
    "max_pool2d_overlapping": both(lambda fw, x: _F(fw).max_pool2d(x, 3, 2, 1), (8, 32, 56, 56)),
    "avg_pool2d": both(lambda fw, x: _F(fw).avg_pool2d(x, 2), (8, 32, 56, 56)),
    "interpolate_nearest": both(lambda fw, x: _F(fw).interpolate(x, scale_factor=2), (4, 32, 28, 28)),
    "interpolate_bilinear": both(lambda fw, x: _F(fw).interpolate(x, scale_factor=2, mode="bilinear"), (4, 32, 28, 28)),
    "attention": both(lambda fw, q, k, v: _F(fw).scaled_dot_product_attention(q, k, v), *[(4, 4, 256, 64)] * 3),
    "fft": forward(lambda fw, x: fw.fft.rfft(x), (256, 1024)),
    "cholesky": forward(lambda fw, x: fw.linalg.cholesky(x @ x.mT + 200 * fw.eye(128)), (8, 128, 128)),
}
LAYERS = {
    "linear": layer(lambda nn: nn.Linear(512, 512), 256, 512),
    "conv1d": layer(lambda nn: nn.Conv1d(32, 64, 5, padding=2), 16, 32, 256),
    "conv2d": layer(lambda nn: nn.Conv2d(32, 64, 3, padding=1), 8, 32, 32, 32),
    "conv3d": layer(lambda nn: nn.Conv3d(8, 16, 3, padding=1), 2, 8, 16, 16, 16),
    "conv_transpose2d": layer(lambda nn: nn.ConvTranspose2d(32, 16, 2, 2), 8, 32, 28, 28),
    "batch_norm": layer(lambda nn: nn.BatchNorm2d(64), 16, 64, 28, 28),
    "layer_norm": layer(lambda nn: nn.LayerNorm(512), 1024, 512),
    "group_norm": layer(lambda nn: nn.GroupNorm(8, 64), 16, 64, 28, 28),
    "dropout": layer(lambda nn: nn.Dropout(0.2), 1024, 512),
    "embedding": layer(lambda nn: nn.Embedding(IDS, 64), 64, 128, ids=True),
    "lstm": layer(lambda nn: nn.LSTM(64, 128), 32, 32, 64),
    "gru": layer(lambda nn: nn.GRU(64, 128), 32, 32, 64),
    "rnn": layer(lambda nn: nn.RNN(64, 128), 32, 32, 64),
    "transformer_layer": layer(
        lambda nn: nn.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True), 8, 64, 128
    ),
}
MODELS = {
    "perceptron": model(lambda nn: nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10)), 128, 784),
    "tiny": model(lambda nn: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2)), 4, 4, classes=2),
    "image": model(_image, 16, 3, 32, 32),
    "text": model(_text, 8, 64, ids=True),
}
NAMES: dict[str, Workload] = {
    f"{family}.{name}": workload
    for family, members in (("op", OPS), ("layer", LAYERS), ("model", MODELS))
    for name, workload in members.items()
}
