"""Exported files are valid ONNX and give the same numbers in onnxruntime."""

import pathlib

import numpy as np
import pytest

import facula as torch
from facula import nn

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")

SEQUENTIAL = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(-1)), (4, 6)),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Conv2d(4, 4, 3, groups=2, stride=2),
            nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(4, 3), nn.LogSoftmax(1),
        ),
        (2, 2, 12, 12),
    ),
    "audio": (lambda: nn.Sequential(nn.Conv1d(1, 4, 5, stride=2), nn.BatchNorm1d(4), nn.GELU(), nn.AvgPool1d(2), nn.Flatten(), nn.Linear(28, 2)), (3, 1, 32)),
    "norms": (lambda: nn.Sequential(nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 6), nn.Sigmoid(), nn.LeakyReLU(0.1), nn.ELU(), nn.Hardswish()), (4, 6)),
}  # fmt: skip


def run(path: pathlib.Path, *arrays: np.ndarray) -> list[np.ndarray]:
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: a for i, a in zip(session.get_inputs(), arrays, strict=True)})


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_models_agree_with_onnxruntime_at_any_batch_size(name: str, tmp_path: pathlib.Path) -> None:
    make, shape = SEQUENTIAL[name]
    torch.manual_seed(0)
    model = make().eval()
    path = tmp_path / "model.onnx"
    torch.onnx.export(
        model,
        torch.randn(*shape),
        path,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes={"input": {0: "batch"}},
    )
    for batch in (shape[0], 1, 7):
        x = torch.randn(batch, *shape[1:])
        [out] = run(path, x.numpy())
        np.testing.assert_allclose(out, model(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_attention_agrees_with_onnxruntime(tmp_path: pathlib.Path) -> None:
    torch.manual_seed(0)
    model = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    x = torch.randn(2, 5, 8)
    torch.onnx.export(model, x, tmp_path / "m.onnx", input_names=["x"])
    [out] = run(tmp_path / "m.onnx", x.numpy())
    np.testing.assert_allclose(out, model(x).detach().numpy(), rtol=1e-4, atol=1e-5)


def test_weights_keep_their_names(tmp_path: pathlib.Path) -> None:
    proto = torch.onnx.export(nn.Linear(2, 3), torch.ones(1, 2))
    assert {i.name for i in proto.graph.initializer} == {"weight", "bias"}


def test_training_mode_is_restored() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    torch.onnx.export(model, torch.ones(1, 2))
    assert model.training
    assert model[1].training


def test_an_op_without_a_form_is_named_and_leaves_no_file(tmp_path: pathlib.Path) -> None:
    with pytest.raises(
        ValueError,
        match=r"onnx\.export: expected ops that have an ONNX form, got 'digamma', which has none\. Replace it",
    ):
        torch.onnx.export(lambda x: x.digamma(), torch.ones(2), tmp_path / "m.onnx")
    assert list(tmp_path.iterdir()) == []
