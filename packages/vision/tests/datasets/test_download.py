"""Published files come whole or not at all, and archives stay inside their folder."""

import hashlib
import io
import tarfile
import threading
import zipfile
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from facula_vision.datasets import CIFAR10
from facula_vision.datasets.download import Resource, checksum_of, extract


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


def tar(path, entries):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in entries.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def test_md5(tmp_path, server):
    address, published = server
    (published / "a.bin").write_bytes(b"content")
    resource = Resource(address + "a.bin", hashlib.md5(b"content").hexdigest(), "b.bin")
    assert resource.fetch(tmp_path / "data").read_bytes() == b"content"
    (published / "a.bin").unlink()
    assert resource.fetch(tmp_path / "data").name == "b.bin"  # nothing is fetched twice
    (published / "a.bin").write_bytes(b"other")
    (tmp_path / "data" / "b.bin").write_bytes(b"damaged")
    with pytest.raises(RuntimeError, match="download: expected MD5 .*, got .* from .*a.bin. The file is damaged"):
        resource.fetch(tmp_path / "data")
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["b.bin"]


def test_a_dataset_fetches_checks_and_unpacks(tmp_path, server, monkeypatch):
    import importlib.util
    from pathlib import Path

    spec = importlib.util.spec_from_file_location("files", Path(__file__).with_name("files.py"))
    files = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(files)
    address, published = server
    files.cifar10(tmp_path)
    with tarfile.open(published / "c.tar.gz", "w:gz") as archive:
        archive.add(tmp_path / "cifar-10-batches-py", "cifar-10-batches-py")
    monkeypatch.setattr(CIFAR10, "archive", Resource(address + "c.tar.gz", checksum_of(published / "c.tar.gz", "MD5")))
    assert len(CIFAR10(tmp_path / "root", download=True)) == 10
    (published / "c.tar.gz").unlink()
    assert len(CIFAR10(tmp_path / "root", train=False, download=True)) == 2


def test_archives(tmp_path):
    tar(tmp_path / "a.tar.gz", {"x/1": b"one", "x/y/2": b"two"})
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("x/3", b"three")
    for name in ("a.tar.gz", "b.zip"):
        extract(tmp_path / name, tmp_path / "out")
    found = {str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert found == {"x/1", "x/y/2", "x/3"}


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt"])
def test_no_entry_leaves_the_folder(tmp_path, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("fine", b"1")
        archive.writestr(name, b"2")
    with pytest.raises(RuntimeError, match=r"expected entries inside the folder, got .*out.txt"):
        extract(tmp_path / "a.zip", tmp_path / "in")
    tar(tmp_path / "b.tar.gz", {"fine": b"1", name.lstrip("/"): b"2"})
    if not name.startswith("/"):
        with pytest.raises(RuntimeError, match="expected a whole archive whose entries stay inside"):
            extract(tmp_path / "b.tar.gz", tmp_path / "in")
    assert not list((tmp_path / "in").iterdir())
    assert not (tmp_path / "out.txt").exists()


def test_links_out_and_damage_are_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    (tmp_path / "b.tar.gz").write_bytes(b"\x1f\x8bnot an archive")
    for name in ("a.tar", "b.tar.gz"):
        with pytest.raises(RuntimeError, match=f"extract: expected a whole archive .*{name}"):
            extract(tmp_path / name, tmp_path / "in")
    assert not list((tmp_path / "in").iterdir())
