"""The safetensors reader and writer: round trips, other readers, damaged files, atomic writes."""

import contextlib
import json
import os
import random

import numpy as np
import pytest

import facula
from facula.serialization import load_file, save_file


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "weights.safetensors")


def raw(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, "little") + text + data


DTYPES = "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64".split()


@pytest.mark.parametrize("name", DTYPES)
@pytest.mark.parametrize("shape", [(), (0, 2), (2, 3)])
def test_every_type_and_shape_comes_back(path, name, shape):
    tensor = (
        facula.ones(shape, dtype=getattr(facula, name)) if name != "bool" else facula.ones(shape, dtype=facula.bool)
    )
    save_file({"x": tensor}, path)
    back = load_file(path)["x"]
    assert back.dtype is tensor.dtype
    assert back.shape == tensor.shape
    assert facula.equal(back, tensor)


def test_order_of_names_and_layout_of_memory(path):
    tensors = {
        "half": facula.ones(3, dtype=facula.float16),
        "t": facula.arange(6).reshape(2, 3).t(),
        "a": facula.ones(1),
    }
    facula.save(tensors, path)
    back = facula.load(path)
    assert list(back) == ["half", "t", "a"]
    assert back["t"].tolist() == tensors["t"].tolist()


def test_other_readers_understand_the_file(path):
    safetensors_numpy = pytest.importorskip("safetensors.numpy")
    facula.save({"w": facula.arange(6.0).reshape(2, 3), "b": facula.tensor([True, False])}, path)
    back = safetensors_numpy.load_file(path)
    np.testing.assert_array_equal(back["w"], np.arange(6.0, dtype=np.float32).reshape(2, 3))
    np.testing.assert_array_equal(back["b"], [True, False])


def test_files_of_other_writers_are_read(path):
    safetensors_numpy = pytest.importorskip("safetensors.numpy")
    safetensors_numpy.save_file({"w": np.arange(4, dtype=np.int16), "v": np.float32([[1, 2]])}, path, {"who": "other"})
    back = facula.load(path)
    assert back["w"].dtype is facula.int16
    assert back["v"].tolist() == [[1.0, 2.0]]


def test_mapped_tensors_do_not_write_back(path):
    facula.save({"w": facula.ones(3)}, path)
    mapped = facula.load(path, mmap=True)["w"]
    mapped += 1
    assert mapped.tolist() == [2.0, 2.0, 2.0]
    assert facula.load(path)["w"].tolist() == [1.0, 1.0, 1.0]


GOOD = {"w": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}
DAMAGED = {
    "empty": (b"", "at least 8 bytes of header length, got 0 bytes"),
    "short": (b"\x01", "got 1 bytes"),
    "header beyond the end": (raw(b"{}", length=99), "a header of 99 bytes, got a file with 2 bytes left"),
    "huge header": (raw(b"{}", length=2**60), "at most 100000000 bytes"),
    "not JSON": (raw(b"nonsense"), "a JSON header"),
    "not UTF-8": (raw(b"\xff\xfe"), "a JSON header"),
    "deep JSON": (raw(b"[" * 100000), "a JSON header"),
    "a list": (raw([1]), "a JSON object as header, got list"),
    "double name": (raw(b'{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":{}}'), "'a' twice"),
    "missing field": (raw({"w": {"dtype": "F32", "shape": [2]}}), "dtype, shape and data_offsets for 'w'"),
    "unknown type": (raw({"w": {**GOOD["w"], "dtype": "Q7"}}, bytes(8)), "a type among"),
    "negative size": (raw({"w": {**GOOD["w"], "shape": [-2]}}, bytes(8)), "sizes as shape of 'w'"),
    "true as size": (raw({"w": {**GOOD["w"], "shape": [True]}}, bytes(8)), "sizes as shape of 'w'"),
    "offsets backwards": (raw({"w": {**GOOD["w"], "data_offsets": [8, 0]}}, bytes(8)), "within the 8 bytes of data"),
    "truncated data": (raw(GOOD, bytes(7)), "within the 7 bytes of data, got places 0 to 8"),
    "shape and bytes differ": (raw({"w": {**GOOD["w"], "shape": [3]}}, bytes(8)), "12 bytes for 'w'"),
    "too much data": (raw(GOOD, bytes(9)), "8 bytes of data, got 9"),
    "overlap": (raw({**GOOD, "v": {**GOOD["w"], "data_offsets": [4, 12]}}, bytes(12)), "to begin at byte 8"),
    "metadata of numbers": (raw({"__metadata__": {"a": 1}, **GOOD}, bytes(8)), "__metadata__ to map text to text"),
    "truth value of 2": (
        raw({"b": {"dtype": "BOOL", "shape": [1], "data_offsets": [0, 1]}}, b"\x02"),
        "bytes 0 and 1 for the truth values",
    ),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files_say_what_is_wrong_and_where(path, case):
    content, message = DAMAGED[case]
    with open(path, "wb") as file:
        file.write(content)
    with pytest.raises(RuntimeError) as caught:
        facula.load(path)
    text = str(caught.value)
    assert message in text
    assert path in text
    assert "save it again" in text


def test_mutated_files_never_crash(path):
    facula.save({"w": facula.ones(4), "n": {"lr": 0.1, "betas": (0.9, 0.99), "t": facula.zeros(2)}}, path)
    with open(path, "rb") as file:
        good = file.read()
    draw = random.Random(0)
    for _ in range(300):
        bad = bytearray(good)
        for _ in range(draw.randint(1, 4)):
            bad[draw.randrange(len(bad))] = draw.randrange(256)
        cut = draw.choice([len(bad), draw.randrange(len(bad))])
        with open(path, "wb") as file:
            file.write(bad[:cut])
        with contextlib.suppress(RuntimeError):  # the only error there may be
            facula.load(path)


def test_missing_file_and_wrong_arguments(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"expected the file .*none.safetensors.*, got none"):
        facula.load(tmp_path / "none.safetensors")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(IsADirectoryError, match="got the folder"):
        facula.load(tmp_path / "folder.safetensors")
    with pytest.raises(FileNotFoundError, match=r"expected the folder .* to exist"):
        facula.save({"w": facula.ones(1)}, tmp_path / "no" / "model.safetensors")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "weights.safetensors"
    facula.save({"w": facula.ones(1)}, path)
    monkeypatch.setattr("facula.serialization.safetensors._bytes_of", lambda tensor: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        facula.save({"w": facula.zeros(1)}, path)
    assert os.listdir(tmp_path) == ["weights.safetensors"]
    assert facula.load(path)["w"].tolist() == [1.0]


def test_permissions_follow_umask_and_the_replaced_file(tmp_path):
    path = tmp_path / "weights.safetensors"
    before = os.umask(0o027)
    try:
        facula.save({"w": facula.ones(1)}, path)
    finally:
        os.umask(before)
    assert os.stat(path).st_mode & 0o777 == 0o640
    os.chmod(path, 0o600)
    facula.save({"w": facula.ones(1)}, path)
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_types_without_a_code_are_refused_by_name(path):
    with pytest.raises(ValueError, match="got facula.complex128 and facula.strided for 'z'"):
        save_file({"z": facula.ones(1, dtype=facula.complex128)}, path)
    with pytest.raises(ValueError, match="got 3. Rename it"):
        save_file({3: facula.ones(1)}, path)
