"""Sharded datasets: what is written is read, in any order, by any number of workers, and damage is named."""

import json
import random
import struct

import numpy as np
import pytest

import facula
from facula.utils import data as D

COUNT = 57


def sample(number):
    return {
        "image": facula.full((2, 3), number, dtype=facula.uint8),
        "ragged": facula.arange(number % 5, dtype=facula.bfloat16).reshape(1, -1),
        "text": "é" * (number % 4),
        "raw": bytes([number]) * (number % 3),
        "id": number,
        "score": number / 7,
        "good": number % 2 == 0,
        "flag": facula.tensor(number % 3 == 0),
    }


def write(folder, samples, shard_size=600):
    with D.ShardWriter(folder, shard_size=shard_size) as writer:
        for item in samples:
            writer.write(item)
    return folder


@pytest.fixture(scope="module")
def numbers(tmp_path_factory):
    """The numbers 0 to 56 as a dataset of several shards."""
    return write(tmp_path_factory.mktemp("numbers"), range(COUNT), shard_size=80)


def same(a, b):
    assert type(a) is type(b)
    if isinstance(a, facula.Tensor):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert facula.equal(a, b)
    else:
        assert a == b


def test_what_is_written_is_read(tmp_path):
    data = D.ShardDataset(write(tmp_path, [sample(n) for n in range(COUNT)]))
    assert len(data) == COUNT
    assert len(data.index.shards) > 3
    for number in (0, 56, 13, -1, 30):
        found, expected = data[number], sample(number % COUNT)
        assert list(found) == list(expected)
        for name in expected:
            same(found[name], expected[name])
    with pytest.raises(IndexError, match="expected a number below 57, got 57"):
        data[57]
    with pytest.raises(IndexError, match="got -58"):
        data[-58]


@pytest.mark.parametrize("value", [(facula.ones(2), 3, "a"), "text", b"raw", 2.5, True, facula.eye(2)])
def test_structures(tmp_path, value):
    data = D.ShardDataset(write(tmp_path, [value, value]))
    if isinstance(value, tuple):
        for a, b in zip(data[1], value, strict=True):
            same(a, b)
    else:
        same(data[1], value)


def test_files_are_plain(tmp_path):
    """Any reader of safetensors and JSON can read them."""
    write(tmp_path, [{"x": facula.ones(3), "t": "ab"}, {"x": facula.zeros(3), "t": "c"}])
    files = facula.serialization.load_file(tmp_path / "shard-00000.safetensors")
    assert files["x"].tolist() == [[1, 1, 1], [0, 0, 0]]
    assert files["t"].tolist() == list(b"abc")
    assert files["t.offsets"].tolist() == [0, 2, 3]
    index = json.loads((tmp_path / "index.json").read_text())
    assert index["shards"] == [{"file": "shard-00000.safetensors", "samples": 2}]
    assert index["fields"][0] == {"name": "x", "kind": "tensor", "dtype": "float32", "dims": 1}


def test_writing_to_a_sample_leaves_the_file_alone(tmp_path):
    write(tmp_path, [facula.zeros(4)])
    D.ShardDataset(tmp_path)[0].add_(1)
    assert D.ShardDataset(tmp_path)[0].tolist() == [0, 0, 0, 0]


def test_failed_writing_leaves_nothing(tmp_path):
    def fail():
        with D.ShardWriter(tmp_path, shard_size=8) as writer:
            writer.write(1)
            raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FileNotFoundError, match=r"expected index.json in .*, got none. Close its ShardWriter"):
        D.ShardDataset(tmp_path)


@pytest.mark.parametrize(
    ("samples", "kind", "message"),
    [
        ([object()], TypeError, "expected tensors, bytes, str and numbers in a sample, got object at 'value'"),
        ([{"a": [1]}], TypeError, "got list at 'a'"),
        ([{"a.b": 1}], ValueError, "names without a dot"),
        ([{}], ValueError, "names without a dot"),
        ([()], ValueError, r"at least one value, got \(\)"),
        ([1, "a"], ValueError, "expected samples like the first"),
        ([facula.ones(2), facula.ones(2, 2)], ValueError, "expected samples like the first"),
        ([{"a": 1}, {"a": 1, "b": 2}], ValueError, "expected samples like the first"),
        ([], ValueError, "expected at least one sample, got none"),
    ],
)
def test_what_cannot_be_written(tmp_path, samples, kind, message):
    with pytest.raises(kind, match=message):
        write(tmp_path, samples)


def test_misuse_is_explained(tmp_path, numbers):
    with pytest.raises(ValueError, match="expected a positive shard_size in bytes, got 0"):
        D.ShardWriter(tmp_path, 0)
    with pytest.raises(FileExistsError, match="expected a new folder"):
        D.ShardWriter(numbers)
    with D.ShardWriter(tmp_path) as writer:
        writer.write(1)
    with pytest.raises(ValueError, match="expected an open writer"):
        writer.write(2)
    with pytest.raises(ValueError, match="expected a rank from 0 to 1, got 2"):
        D.StreamingDataset(numbers, rank=2, world_size=2)
    with pytest.raises(ValueError, match="expected a positive buffer_size, got 0"):
        D.StreamingDataset(numbers, buffer_size=0)
    state = D.StreamingDataset(numbers, seed=1).state_dict()
    with pytest.raises(RuntimeError, match=r"\(seed, samples\) = \(0, 57\), got \(1, 57\)"):
        D.StreamingDataset(numbers).load_state_dict(state)


def batches(loader):
    return [batch.tolist() for batch in loader]


def flat(lists):
    return [item for part in lists for item in part]


def stream(folder, workers, **options):
    return D.DataLoader(D.StreamingDataset(folder, **options), batch_size=4, num_workers=workers)


def test_the_stream_is_the_same_for_any_number_of_workers(numbers):
    options = dict(shuffle=True, buffer_size=16, seed=5)
    plain = batches(stream(numbers, 0))
    assert flat(plain) == list(range(COUNT))
    shuffled = batches(stream(numbers, 0, **options))
    assert sorted(flat(shuffled)) == list(range(COUNT))
    assert shuffled != plain
    for workers in (1, 2, 3):
        assert batches(stream(numbers, workers, **options)) == shuffled
        assert batches(stream(numbers, workers)) == plain


def test_epochs_and_ranks_deal_the_samples_out(numbers):
    loader = stream(numbers, 2, shuffle=True)
    first = batches(loader)
    assert batches(loader) == first
    loader.dataset.set_epoch(1)
    assert batches(loader) != first
    ranks = [flat(batches(stream(numbers, r % 2, shuffle=True, rank=r, world_size=4))) for r in range(4)]
    assert [len(r) for r in ranks] == [15] * 4
    assert set(flat(ranks)) == set(range(COUNT))


def test_the_stream_goes_on_where_it_was(numbers):
    options = dict(shuffle=True, buffer_size=16)
    whole = batches(stream(numbers, 0, **options))
    for stop, before, after in ((1, 2, 0), (5, 0, 3), (14, 3, 2), (15, 2, 2)):
        loader = stream(numbers, before, **options)
        iterator = iter(loader)
        assert [next(iterator).tolist() for _ in range(stop)] == whole[:stop]
        fresh = stream(numbers, after, **options)
        fresh.load_state_dict(loader.state_dict())
        assert batches(fresh) == whole[stop:]
        assert batches(fresh) == whole


INDEX_DAMAGE = {
    "no JSON": "{",
    "another format": '{"format": "x"}',
    "deep": "[" * 100_000,
    "structure": {"structure": "tree"},
    "fields": {"fields": []},
    "a field without a kind": {"fields": [{"name": "value"}]},
    "a field with a dot": {"fields": [{"name": "a.offsets", "kind": "int"}]},
    "a dtype": {"fields": [{"name": "value", "kind": "tensor", "dtype": "object", "dims": 1}]},
    "dims": {"fields": [{"name": "value", "kind": "tensor", "dtype": "float32", "dims": 10**9}]},
    "another field": {"fields": [{"name": "other", "kind": "int"}]},
    "another kind": {"fields": [{"name": "value", "kind": "str"}]},
    "a number type": {"fields": [{"name": "value", "kind": "float"}]},
    "a path": {"shards": [{"file": "../shard-00000.safetensors", "samples": 5}]},
    "an absolute path": {"shards": [{"file": "/etc/passwd", "samples": 5}]},
    "a missing file": {"shards": [{"file": "shard-00009.safetensors", "samples": 5}]},
    "a count": {"shards": [{"file": "shard-00000.safetensors", "samples": -5}]},
    "a wrong count": {"shards": [{"file": "shard-00000.safetensors", "samples": 4}]},
    "a huge count": {"shards": [{"file": "shard-00000.safetensors", "samples": 10**30}]},
    "a file twice": {"shards": [{"file": "shard-00000.safetensors", "samples": 5}] * 2},
    "no list": {"shards": 3},
}


@pytest.mark.parametrize("name", INDEX_DAMAGE)
def test_a_hostile_index_is_one_clear_error(tmp_path, name):
    write(tmp_path, range(5))
    damage, path = INDEX_DAMAGE[name], tmp_path / "index.json"
    body = damage if isinstance(damage, str) else json.dumps({**json.loads(path.read_text()), **damage})
    path.write_text(body)
    with pytest.raises(RuntimeError, match=r"expected .*, got .*The dataset is damaged; write it again"):
        D.ShardDataset(tmp_path)[0]


def damage_shard(folder, **changes):
    """Replace tensors of the first shard; None removes one."""
    path = folder / "shard-00000.safetensors"
    tensors = {**facula.serialization.load_file(path), **changes}
    facula.serialization.save_file({k: v for k, v in tensors.items() if v is not None}, path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"t.offsets": None}, "expected the tensors"),
        ({"t.offsets": facula.tensor([0, 5, 3])}, "offsets of 't' rising from 0 to 3"),
        ({"t.offsets": facula.tensor([0, 3])}, "3 int64 offsets of 't'"),
        ({"t.offsets": facula.tensor([0, 2, 9])}, "offsets of 't' rising"),
        ({"t": facula.tensor([255, 255, 255], dtype=facula.uint8)}, "text in UTF-8 for 't' of sample 0"),
        ({"x.shapes": facula.tensor([[2], [2**62]])}, "shapes of 'x' that fit its offsets"),
        ({"x.shapes": facula.tensor([[2], [-1]])}, "2 shapes of 1 sizes for 'x'"),
        ({"x": facula.ones(5, dtype=facula.float64)}, "float32 for 'x'"),
        ({"n": facula.ones(3, dtype=facula.int64)}, "2 rows of 0 dimensions for 'n'"),
        ({"extra": facula.ones(1)}, "expected the tensors"),
    ],
)
def test_a_hostile_shard_is_one_clear_error(tmp_path, changes, message):
    write(tmp_path, [{"x": facula.ones(2), "t": "ab", "n": 1}, {"x": facula.ones(3), "t": "c", "n": 2}])
    damage_shard(tmp_path, **changes)
    with pytest.raises(RuntimeError, match=message):
        D.ShardDataset(tmp_path)[0]


def test_mutated_files_never_do_more_than_raise(tmp_path):
    write(tmp_path, [{"x": facula.ones(n), "t": "a" * n, "n": n} for n in range(6)])
    chance = random.Random(0)
    originals = {path: path.read_bytes() for path in tmp_path.iterdir()}
    for _ in range(150):
        path = chance.choice(sorted(originals))
        body = bytearray(originals[path])
        for _ in range(chance.randint(1, 4)):
            body[chance.randrange(min(len(body), 400))] = chance.randrange(256)
        path.write_bytes(body)
        try:
            for item in D.ShardDataset(tmp_path):
                assert len(item) == 3
        except (RuntimeError, FileNotFoundError):
            pass
        path.write_bytes(originals[path])


def test_a_cut_file_is_named(tmp_path):
    write(tmp_path, [np.float64(1.0).item()] * 10)
    path = tmp_path / "shard-00000.safetensors"
    path.write_bytes(path.read_bytes()[:-8] + struct.pack("<d", 1)[:4])
    with pytest.raises(RuntimeError, match=r"shard-00000.safetensors: expected"):
        D.ShardDataset(tmp_path)[0]
