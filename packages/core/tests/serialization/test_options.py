"""Where tensors go, how files are mapped, what is checked: the arguments of load and the settings of the process."""

import io
import mmap
import zipfile

import numpy as np
import pytest

import facula
from facula import serialization


@pytest.fixture
def path(tmp_path):
    facula.save({"w": facula.arange(4.0)}, tmp_path / "w.pt")
    return tmp_path / "w.pt"


class Plain:
    """A stream without readinto."""

    def __init__(self, data):
        self._stream = io.BytesIO(data)
        for name in ("read", "readline", "seek", "tell"):
            setattr(self, name, getattr(self._stream, name))

    def seekable(self):
        return True


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_map_location_in_all_its_forms(tmp_path, suffix):
    path = tmp_path / f"w{suffix}"
    facula.save({"w": facula.arange(4.0), "n": facula.ones(2, 3)}, path)
    here = [
        None,
        "cpu",
        b"cpu",
        facula.device("cpu"),
        {"cpu": "cpu"},
        {},
        lambda storage, location: storage.cpu(),
        lambda s, l: None,
    ]
    for place in here:
        assert facula.load(path, place)["w"].tolist() == [0.0, 1.0, 2.0, 3.0]
    for place in ("meta", facula.device("meta"), {"cpu": "meta"}, lambda storage, location: storage.to("meta")):
        back = facula.load(path, map_location=place)
        assert back["w"].is_meta
        assert back["n"].shape == (2, 3)
    with pytest.raises(
        RuntimeError, match="expected a device that is available here, got a storage on 'mps:1'. Pass map_location"
    ):
        facula.load(path, {"cpu": "mps:1"})
    with pytest.raises(TypeError, match=r"got 1\.5"):
        facula.load(path, 1.5)


def test_map_location_sees_storages(path):
    seen = []
    facula.load(
        path, lambda storage, location: seen.append((storage.size(), storage.nbytes(), str(storage.device), location))
    )
    assert seen == [(4, 16, "cpu", "cpu")]
    with pytest.raises(RuntimeError, match=r"expected a storage from map_location, got 3. Give back storage\.to"):
        facula.load(path, lambda storage, location: 3)


def test_streams_of_all_kinds(path, tmp_path):
    data = path.read_bytes()
    assert facula.load(Plain(data))["w"].tolist() == [0.0, 1.0, 2.0, 3.0]
    with open(path, "rb") as file:
        assert facula.load(file)["w"].shape == (4,)
    with pytest.raises(
        AttributeError, match="expected a path or an object with read, readline, seek and tell, got int"
    ):
        facula.load(3)
    with pytest.raises(ValueError, match="expected a path with mmap=True, got a file object"):
        facula.load(io.BytesIO(data), mmap=True)


def test_a_shared_map_writes_to_the_file(path):
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        assert serialization.get_default_mmap_options() == mmap.MAP_SHARED
        back = facula.load(path, mmap=True)
    assert serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    back["w"][0] = 9.0
    back["w"].array.base.flush() if hasattr(back["w"].array.base, "flush") else None
    serialization.set_crc32_options(False)
    try:
        assert facula.load(path)["w"][0].item() == 9.0
    finally:
        serialization.set_crc32_options(True)
    with pytest.raises(RuntimeError, match=r"the checksum of .* got another.*set_crc32_options\(False\) reads it"):
        facula.load(path)
    with pytest.raises(ValueError, match=r"expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, got 77"):
        serialization.set_default_mmap_options(77)


def test_byte_order_where_a_file_does_not_state_it():
    program = (
        b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nShortStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQ"
        b"K\x00K\x02\x85K\x01\x85\x89}tR."
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a/data.pkl", program)
        file.writestr("a/data/0", np.array([1, 258], ">i2").tobytes())
    assert facula.load(io.BytesIO(stream.getvalue())).tolist() == [256, 513]
    serialization.set_default_load_endianness(serialization.LoadEndianness.BIG)
    try:
        assert facula.load(io.BytesIO(stream.getvalue())).tolist() == [1, 258]
        assert serialization.get_default_load_endianness() is serialization.LoadEndianness.BIG
    finally:
        serialization.set_default_load_endianness(None)
    with pytest.raises(TypeError, match="expected a LoadEndianness or None, got str"):
        serialization.set_default_load_endianness("big")


def test_data_can_be_skipped_on_both_sides(path):
    whole = path.read_bytes()
    stream = io.BytesIO()
    with serialization.skip_data():
        facula.save({"w": facula.arange(4.0)}, stream)
        assert facula.load(path)["w"].tolist() == [0.0] * 4
    assert len(stream.getvalue()) == len(whole)
    stream.seek(0)
    assert facula.load(stream)["w"].tolist() == [0.0] * 4
    assert facula.load(path)["w"].tolist() == [0.0, 1.0, 2.0, 3.0]


def test_devices_of_others_name_and_restore_their_storages(path, monkeypatch):
    monkeypatch.setattr(serialization.options, "_packages", [])
    asked = []
    serialization.register_package(
        20, lambda storage: "chip:7", lambda storage, place: storage if place == "chip:7" else None
    )
    serialization.register_package(5, lambda storage: None, lambda storage, place: asked.append(place))
    stream = io.BytesIO()
    facula.save(facula.ones(2), stream)
    assert b"chip:7" in stream.getvalue()
    stream.seek(0)
    assert facula.load(stream).tolist() == [1.0, 1.0]
    assert asked == ["chip:7"]


def test_what_must_be_corrected_is_read_and_not_mapped(tmp_path):
    stream = io.BytesIO()
    facula.save({"b": facula.tensor([True, False]), "w": facula.arange(2.0)}, stream)
    with zipfile.ZipFile(stream) as file:
        entries = {entry.filename: file.read(entry) for entry in file.infolist()}
    entries["archive/byteorder"] = b"big"
    path = tmp_path / "w.pt"
    with zipfile.ZipFile(path, "w") as file:
        for name, data in entries.items():
            file.writestr(name, b"\x07\x00" if data == b"\x01\x00" else data)
    before = path.read_bytes()
    with serialization.set_default_mmap_options(mmap.MAP_SHARED):
        back = facula.load(path, mmap=True)
    assert back["b"].tolist() == [True, False]
    assert back["w"].tolist() == np.arange(2, dtype=np.float32).byteswap().tolist()
    assert path.read_bytes() == before
