"""Weights go both ways between facula and torch through safetensors files."""

import pytest

import facula

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")


def test_a_torch_model_reads_what_facula_wrote(tmp_path):
    path = str(tmp_path / "m.safetensors")
    ours, theirs = facula.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    facula.save(ours.state_dict(), path)
    theirs.load_state_dict(safetensors_torch.load_file(path))
    assert theirs.weight.tolist() == ours.weight.tolist()


def test_facula_reads_what_torch_wrote(tmp_path):
    path = str(tmp_path / "m.safetensors")
    safetensors_torch.save_file({"h": torch.ones(2, dtype=torch.bfloat16) * 1.5, "w": torch.randn(3, 4)}, path)
    back = facula.load(path)
    assert back["h"].dtype is facula.bfloat16
    assert back["h"].float().tolist() == [1.5, 1.5]
    assert back["w"].tolist() == safetensors_torch.load_file(path)["w"].tolist()
