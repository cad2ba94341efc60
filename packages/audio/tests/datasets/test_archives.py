"""Downloads and archives: checked, whole, inside their folder."""

import io
import shutil
import stat
import tarfile
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import soundfile

from facula_audio.datasets import YESNO, archives, extract_archive


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path):
    folder = tmp_path / "published"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield folder, f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def tar(path, entries):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in entries.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.type, info.linkname = content
                archive.addfile(info)
    return path


def test_a_dataset_is_fetched_and_unpacked_once(server, tmp_path):
    folder, address = server
    soundfile.write(tmp_path / "sound.wav", np.zeros(100, np.int16), 8000)
    sound = (tmp_path / "sound.wav").read_bytes()
    tar(folder / "waves.tar.gz", {"waves_yesno/0_1_0_1_0_1_0_1.wav": sound, "waves_yesno/README": b"text"})
    root = tmp_path / "data"
    dataset = YESNO(root, url=address + "waves.tar.gz", download=True)
    assert dataset[0][2] == [0, 1, 0, 1, 0, 1, 0, 1]
    assert sorted(path.name for path in root.iterdir()) == ["waves.tar.gz", "waves_yesno"]
    (folder / "waves.tar.gz").unlink()
    assert len(YESNO(root, url=address + "waves.tar.gz", download=True)) == 1


def test_a_wrong_checksum(server, tmp_path, monkeypatch):
    folder, address = server
    tar(folder / "waves.tar.gz", {"waves_yesno/a.wav": b""})
    known = {"checksums": {address + "waves.tar.gz": "0" * 64}}
    monkeypatch.setattr(archives, "published", lambda: known)
    with pytest.raises(RuntimeError, match="expected SHA-256 0000"):
        YESNO(tmp_path / "data", url=address + "waves.tar.gz", download=True)
    assert list((tmp_path / "data").iterdir()) == []


def test_published_checksums():
    known = archives.published()["checksums"]
    assert len(known) == 40
    assert all(len(value) == 64 and set(value) <= set("0123456789abcdef") for value in known.values())


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"good": b"x", "../evil": b"x"}, "expected names inside the folder, got '../evil'"),
        ({"/etc/evil": b"x"}, "expected names inside the folder, got '/etc/evil'"),
        ({"a/../../evil": b"x"}, "expected names inside the folder"),
        ({"C:\\evil": b"x"}, "expected names inside the folder"),
        ({"good": b"x", "link": (tarfile.SYMTYPE, "/etc")}, "expected files and folders, got something else, 'link'"),
        ({"hard": (tarfile.LNKTYPE, "/etc/passwd")}, "expected files and folders"),
        ({"pipe": (tarfile.FIFOTYPE, "")}, "expected files and folders"),
        ({"bomb": bytes(200 << 20)}, "expected at most 100 times the archive's size, got more"),
    ],
)
def test_hostile_tar(tmp_path, entries, message):
    path = tar(tmp_path / "evil.tar.gz", entries)
    with pytest.raises(RuntimeError, match=f"extract_archive: {message}"):
        extract_archive(path, tmp_path / "out" / "in")
    assert list((tmp_path / "out" / "in").iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evil.tar.gz", "out"]


@pytest.mark.parametrize("kind", ["traversal", "link", "checksum"])
def test_hostile_zip(tmp_path, kind):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        if kind == "traversal":
            archive.writestr("../evil", "x")
        elif kind == "link":
            info = zipfile.ZipInfo("link")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(info, "/etc")
        else:
            archive.writestr("good", "some content")
    if kind == "checksum":
        path.write_bytes(path.read_bytes().replace(b"some content", b"sane content"))
    with pytest.raises(RuntimeError, match="extract_archive: expected"):
        extract_archive(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("cut", [-300, 500])
def test_a_cut_off_archive_leaves_nothing(tmp_path, cut):
    content = np.random.default_rng(0).bytes(4000)
    path = tar(tmp_path / "cut.tar.gz", {"first": b"x", "second": content})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RuntimeError, match="extract_archive: expected a whole archive"):
        extract_archive(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_good_archives(tmp_path):
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "in" / "a" / "b.txt").write_text("one")
    (tmp_path / "in" / "c.txt").write_text("two")
    for kind in ("zip", "gztar", "bztar", "xztar", "tar"):
        archive = shutil.make_archive(str(tmp_path / kind), kind, tmp_path / "in")
        out = tmp_path / f"out-{kind}"
        (out / "a").mkdir(parents=True)
        (out / "a" / "kept.txt").write_text("kept")
        extract_archive(archive, out)
        found = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.txt"))
        assert found == ["a/b.txt", "a/kept.txt", "c.txt"]
        assert (out / "a" / "b.txt").read_text() == "one"
