"""IDX files and the datasets made of them, on small files in the original format."""

import gzip
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

import facula
from facula.testing import check_dataset
from facula_vision import transforms
from facula_vision.datasets import MNIST, FashionMNIST
from facula_vision.datasets.download import Resource, checksum_of
from facula_vision.datasets.idx import read_idx, write_idx

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def write_part(folder, part, count, suffix=".gz"):
    folder.mkdir(parents=True, exist_ok=True)
    images = facula.arange(count * 28 * 28).remainder(251).to(facula.uint8).view(count, 28, 28)
    write_idx(folder / f"{part}-images-idx3-ubyte{suffix}", images)
    write_idx(folder / f"{part}-labels-idx1-ubyte{suffix}", facula.arange(count).remainder(10).to(facula.uint8))
    return images


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "float32", "float64"])
def test_idx_round_trip(tmp_path, suffix, dtype):
    array = np.arange(-6, 6).reshape(2, 3, 2).astype(dtype)
    path = tmp_path / f"numbers{suffix}"
    write_idx(path, facula.from_numpy(array))
    found = read_idx(path).numpy()
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


def test_idx_bytes_are_those_of_the_format(tmp_path):
    path = tmp_path / "numbers"
    path.write_bytes(bytes([0, 0, 0x0B, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 0, 0xFF, 0xFE]))
    assert read_idx(path).tolist() == [[256, -2]]


def test_idx_refuses_other_types(tmp_path):
    with pytest.raises(ValueError, match="write_idx: expected uint8, int8.*got facula.int64"):
        write_idx(tmp_path / "x", facula.arange(3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected an IDX file, got .*nothing"),
        (b"\x89PNG\r\n\x1a\n", "expected an IDX file, got .* begins with 89504e47"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 5, 1, 2]), r"expected 5 bytes of data for shape \(5,\), got 2 in .*damaged"),
        (bytes([0, 0, 8, 1, 0, 0, 0, 1, 1, 2]), r"expected 1 bytes of data for shape \(1,\), got 2"),
        (bytes([0, 0, 8, 200, 0, 0]), "expected an IDX file"),
        (
            gzip.compress(bytes(range(256)), mtime=0)[:100],
            "expected a whole compressed file, got .* truncated or damaged",
        ),
        (gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 4, 1]), mtime=0), "expected 4 bytes of data"),
    ],
)
def test_bad_idx(tmp_path, content, message):
    path = tmp_path / "bad"
    path.write_bytes(content)
    with pytest.raises(RuntimeError, match=message):
        read_idx(path)


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("place", ["MNIST/raw", "."])
def test_mnist_reads_what_is_there(tmp_path, suffix, place):
    images = write_part(tmp_path / place, "train", 12, suffix)
    write_part(tmp_path / place, "t10k", 5, suffix)
    train = MNIST(tmp_path, train=True)
    test = facula.datasets.create("mnist", tmp_path, train=False, target_transform=str)
    assert (len(train), len(test)) == (12, 5)
    assert facula.equal(train.data, images)
    image, label = train[11]
    assert (image.size, image.mode, label) == ((28, 28), "L", 1)
    np.testing.assert_array_equal(np.asarray(image), images[11].numpy())
    assert test[3][1] == "3"
    assert train.class_to_idx["3 - three"] == 3
    assert "Split: Test" in repr(test)
    check_dataset(MNIST(tmp_path, transform=transforms.ToTensor()))


def test_mnist_missing(tmp_path):
    with pytest.raises(RuntimeError, match=r"MNIST: dataset not found.* You can use download=True to download it"):
        MNIST(tmp_path)


def test_mnist_wrong_files(tmp_path):
    write_part(tmp_path, "train", 4)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", facula.zeros(3, dtype=facula.uint8))
    with pytest.raises(RuntimeError, match="expected as many labels as images, got 3 labels and 4 images"):
        MNIST(tmp_path)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", facula.zeros(3, dtype=facula.uint8))
    with pytest.raises(RuntimeError, match="MNIST: expected 3 dimensions of facula.uint8, got 1 of facula.uint8"):
        MNIST(tmp_path)


@pytest.fixture
def server(tmp_path):
    """Serves the files in tmp_path/published from this machine; yields (address, folder)."""
    folder = tmp_path / "published"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=folder)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as host:
        thread = threading.Thread(target=host.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{host.server_port}/", folder
        host.shutdown()
        thread.join()


def test_download_is_checked_and_whole(tmp_path, server, monkeypatch):
    address, published = server
    write_part(published, "train", 6)
    write_part(published, "t10k", 3)
    monkeypatch.setattr(MNIST, "mirror", address)
    monkeypatch.setattr(MNIST, "checksums", {path.name: checksum_of(path) for path in published.iterdir()})
    root = tmp_path / "data"
    assert len(MNIST(root, train=False, download=True)) == 3
    assert sorted(path.name for path in (root / "MNIST/raw").iterdir()) == sorted(MNIST.checksums)
    (published / "train-images-idx3-ubyte.gz").unlink()
    assert len(MNIST(root, download=True)) == 6  # nothing is fetched twice


def test_a_wrong_checksum_leaves_nothing(tmp_path, server):
    address, published = server
    (published / "x").write_bytes(b"other")
    with pytest.raises(
        RuntimeError, match=r"download_url_to_file: expected SHA-256 0+\.\.\., got d9298a10.* fetch it from a source"
    ):
        Resource(address + "x", "0" * 64).fetch(tmp_path / "data")
    assert not list((tmp_path / "data").iterdir())
    with pytest.raises(RuntimeError, match=r"download_url_to_file: expected to read .*missing, got .*404.* yourself"):
        Resource(address + "missing", "0" * 64).fetch(tmp_path / "data")
    assert not list((tmp_path / "data").iterdir())


def test_a_whole_file_is_not_fetched_again(tmp_path):
    (tmp_path / "x").write_bytes(b"content")
    resource = Resource("http://127.0.0.1:9/x", checksum_of(tmp_path / "x"))
    assert resource.fetch(tmp_path) == tmp_path / "x"


def test_fashion_mnist_looks_in_the_system_folder(tmp_path, monkeypatch):
    write_part(tmp_path / "system", "train", 4)
    monkeypatch.setattr(FashionMNIST, "system_folders", (str(tmp_path / "system"),))
    assert len(facula.datasets.create("fashion_mnist", tmp_path / "empty")) == 4
    assert FashionMNIST.classes[9] == "Ankle boot"
    with pytest.raises(RuntimeError, match="FashionMNIST: dataset not found, expected t10k-images"):
        FashionMNIST(tmp_path / "empty", train=False)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_debian_fashion_mnist(tmp_path):
    test = facula.datasets.create("fashion_mnist", tmp_path, train=False)
    assert test.data.shape == (10000, 28, 28)
    assert np.bincount(test.targets.numpy()).tolist() == [1000] * 10
