"""Checkpoints of many files: what others write is read lazily, what does not fit together is named, a crash loses nothing."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import facula
from facula import serialization
from facula.serialization import open_checkpoint, save_sharded

INDEX = "model.safetensors.index.json"


def tensors():
    return {f"layer.{i}": facula.full((100,), float(i)) for i in range(5)}


def edited(folder, change):
    path = Path(folder, INDEX)
    index = json.loads(path.read_text())
    change(index)
    path.write_text(json.dumps(index))
    return path


@pytest.mark.parametrize("safe", [True, False])
def test_what_is_written_in_shards_comes_back(tmp_path, safe):
    save_sharded(tensors(), tmp_path, "800B", safe_serialization=safe)
    stem, end = ("model", "safetensors") if safe else ("pytorch_model", "bin")
    names = [f"{stem}-0000{i}-of-00003.{end}" for i in (1, 2, 3)]
    assert sorted(os.listdir(tmp_path)) == [*names, f"{stem}.{end}.index.json"]
    index = json.loads((tmp_path / f"{stem}.{end}.index.json").read_text())
    assert index["metadata"] == {"total_size": 2000}
    assert index["weight_map"]["layer.4"] == names[2]
    for back in (open_checkpoint(tmp_path), facula.load(tmp_path / f"{stem}.{end}.index.json")):
        assert list(back) == list(tensors())
        assert all(facula.equal(back[name], value) for name, value in tensors().items())
    assert facula.load(tmp_path / f"{stem}.{end}.index.json", mmap=True)["layer.3"][5].item() == 3.0
    assert open_checkpoint(tmp_path, "meta")["layer.3"].is_meta


def test_what_fits_in_one_file_has_no_index(tmp_path):
    save_sharded(tensors(), tmp_path, "800B")
    save_sharded(tensors(), tmp_path)
    assert os.listdir(tmp_path) == ["model.safetensors"]
    assert open_checkpoint(tmp_path)["layer.2"][0].item() == 2.0
    assert len(open_checkpoint(tmp_path / "model.safetensors")) == 5
    save_sharded(tensors(), tmp_path, 10**3)
    assert len(os.listdir(tmp_path)) == 4


def test_sizes_in_words_and_what_cannot_be_sharded(tmp_path):
    for size in ("1 KB", "0.001MB", 1000):
        save_sharded(tensors(), tmp_path, size)
        assert len(os.listdir(tmp_path)) == 4
    with pytest.raises(ValueError, match="expected a size such as '5GB' or 10\\*\\*9, got 'much'"):
        save_sharded(tensors(), tmp_path, "much")
    with pytest.raises(TypeError, match="expected tensors, got int for 'n'"):
        save_sharded({"n": 3}, tmp_path)
    with pytest.raises(FileNotFoundError, match="expected one of model.safetensors.index.json, .* got none"):
        open_checkpoint(tmp_path.joinpath("empty").mkdir() or tmp_path / "empty")


def test_an_open_checkpoint_is_a_mapping_that_can_be_edited(tmp_path):
    save_sharded(tensors(), tmp_path)
    checkpoint = open_checkpoint(tmp_path)
    assert repr(checkpoint) == "<Checkpoint of 5 tensors>"
    checkpoint["extra"] = checkpoint.pop("layer.0")
    assert "layer.0" not in checkpoint
    assert checkpoint["extra"].tolist() == [0.0] * 100
    assert list(checkpoint.part("layer.")) == ["layer.1", "layer.2", "layer.3", "layer.4"]
    assert len(open_checkpoint(tmp_path)) == 5


def test_a_model_is_filled_from_shards(tmp_path):
    model = facula.nn.Sequential(facula.nn.Linear(3, 4), facula.nn.BatchNorm1d(4))
    save_sharded(model.state_dict(), tmp_path, "40B")
    with facula.device("meta"):
        empty = facula.nn.Sequential(facula.nn.Linear(3, 4), facula.nn.BatchNorm1d(4))
    for other, assign in (
        (facula.nn.Sequential(facula.nn.Linear(3, 4), facula.nn.BatchNorm1d(4)), False),
        (empty, True),
    ):
        assert str(other.load_state_dict(open_checkpoint(tmp_path), assign=assign)) == "<All keys matched successfully>"
        assert facula.equal(other[0].weight, model[0].weight)
        assert other[0].weight.requires_grad
    checkpoint = open_checkpoint(tmp_path)
    del checkpoint["0.bias"]
    with pytest.raises(RuntimeError, match='Missing key.*"0.bias"'):
        model.load_state_dict(checkpoint)


WRONG = {
    "outside": (lambda i: i["weight_map"].update({"layer.0": "../secret.safetensors"}), "the names of files beside the index, got '../secret"),
    "elsewhere": (lambda i: i["weight_map"].update({"layer.0": "/etc/passwd"}), "the names of files beside the index, got '/etc/passwd'"),
    "upwards": (lambda i: i["weight_map"].update({"layer.0": ".."}), "the names of files beside the index, got '..'"),
    "drive": (lambda i: i["weight_map"].update({"layer.0": "c:x"}), "the names of files beside the index"),
    "missing": (lambda i: i["weight_map"].pop("layer.0"), "each tensor once, got 'layer.0' in .* and not in the index"),
    "other": (lambda i: i["weight_map"].update({"layer.0": i["weight_map"]["layer.4"]}), "each tensor once, got 'layer.0' in"),
    "more": (lambda i: i["weight_map"].update({"new": i["weight_map"]["layer.4"]}), "'new' in 'model-00003.*, got a shard without it"),
    "total": (lambda i: i["metadata"].update(total_size=1999), "a total_size of 2000 bytes, got 1999"),
    "no total": (lambda i: i["metadata"].update(total_size="many"), "a number of bytes as total_size, got 'many'"),
    "no map": (lambda i: i.update(weight_map=[1]), "a weight_map of names to files, got list"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_together_is_named(tmp_path, case):
    save_sharded(tensors(), tmp_path, "800B")
    change, message = WRONG[case]
    path = edited(tmp_path, change)
    with pytest.raises(RuntimeError, match=f"load: .*{INDEX}: expected .*{message}") as caught:
        facula.load(path)
    assert isinstance(caught.value, serialization.LoadError)


def test_shards_that_are_absent_or_double_or_no_json(tmp_path):
    save_sharded(tensors(), tmp_path, "800B")
    (tmp_path / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(
        FileNotFoundError, match="expected 3 shards beside the index, got none of 'model-00002-of-00003.safetensors'"
    ):
        facula.load(tmp_path / INDEX)
    (tmp_path / INDEX).write_text('{"weight_map":{"a":"x","a":"y"}}')
    with pytest.raises(RuntimeError, match="expected each name once, got 'a' twice"):
        facula.load(tmp_path / INDEX)
    for text in ("{", "[" * 100_000, "9" * 5000, b"\xff"):
        (tmp_path / INDEX).write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(RuntimeError, match="expected a JSON index, got"):
            facula.load(tmp_path / INDEX)
    facula.save([1, 2], tmp_path / "pytorch_model.bin")
    with pytest.raises(RuntimeError, match="expected names and tensors in a shard, got list"):
        open_checkpoint(tmp_path / "pytorch_model.bin")


@pytest.mark.skipif(sys.platform != "linux", reason="peaks of memory are read from /proc")
@pytest.mark.parametrize("way", ["load", "mmap", "copy", "assign", "bin"])
def test_reading_takes_little_more_memory_than_the_tensors(tmp_path, way):
    program = Path(__file__).with_name("shard_programs.py")
    done = subprocess.run(
        [sys.executable, str(program), "peak", way, str(tmp_path)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.1


KILLS = int(os.environ.get("FACULA_KILLS", "3"))


@pytest.mark.parametrize("kind", ["pt", "safetensors", "shards"])
def test_a_killed_save_leaves_the_old_checkpoint_whole(tmp_path, kind):
    program = Path(__file__).with_name("shard_programs.py")
    for number in range(KILLS):
        process = subprocess.Popen([sys.executable, str(program), "save", kind, str(tmp_path)], stdout=subprocess.PIPE)
        with process:
            process.stdout.readline()  # the first checkpoint is there
            time.sleep(0.01 + 0.037 * number % 0.3)
            process.kill()
        path = tmp_path if kind == "shards" else tmp_path / f"checkpoint.{kind}"
        back = open_checkpoint(path)
        assert len(back) == 8
        assert len({value for name in back for value in back[name].unique().tolist()}) == 1  # all of one save
    save_sharded(tensors(), tmp_path)
    facula.save(tensors(), tmp_path / "checkpoint.pt")
    assert facula.load(tmp_path / "checkpoint.pt")["layer.1"][0].item() == 1.0
