"""Downloads: whole or not at all, checked, and taken up again where a connection broke."""

import hashlib
import io
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import facula
from facula import hub

DATA = bytes(range(256)) * 4000
SHA = hashlib.sha256(DATA).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Breaks off each answer behind `server.breaks` bytes, while there are any."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append(self.headers.get("Range"))
        if self.path == "/missing":
            self.send_error(404)
            return
        start = 0
        if self.headers.get("Range") and self.server.ranges:
            start = int(self.headers["Range"][6:-1])
            if start >= len(DATA):
                self.send_error(416)
                return
        body = self.server.data[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"one"')
        self.end_headers()
        if self.server.breaks:
            self.wfile.write(body[: self.server.breaks.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(hub.time, "sleep", lambda seconds: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.breaks, server.asked, server.ranges, server.data = [], [], True, DATA
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/file.bin"
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_file_is_fetched_and_checked(server, tmp_path):
    hub.download_url_to_file(server.url, tmp_path / "a.bin", SHA[:8])
    assert (tmp_path / "a.bin").read_bytes() == DATA
    with pytest.raises(RuntimeError, match=rf"expected SHA-256 0000..., got {SHA} from http"):
        hub.download_url_to_file(server.url, tmp_path / "b.bin", "0000")
    assert [path.name for path in tmp_path.iterdir()] == ["a.bin"]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_connection_is_taken_up_again(server, tmp_path, ranges):
    server.breaks, server.ranges = [1000, 500], ranges
    hub.download_url_to_file(server.url, tmp_path / "a.bin", SHA)
    assert (tmp_path / "a.bin").read_bytes() == DATA
    assert server.asked == [None, "bytes=1000-", "bytes=1500-" if ranges else "bytes=500-"]


def test_the_next_call_goes_on(server, tmp_path):
    server.breaks = [100, 100, 100, 100]
    with pytest.raises(RuntimeError, match="the connection broke after 400 of 1024000 bytes.*Check the address"):
        hub.download_url_to_file(server.url, tmp_path / "a.bin", SHA)
    assert not (tmp_path / "a.bin").exists()
    server.asked.clear()
    hub.download_url_to_file(server.url, tmp_path / "a.bin", SHA)
    assert server.asked == ["bytes=400-"]
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_what_an_earlier_call_left_of_another_file_is_thrown_away(server, tmp_path):
    server.breaks, server.data = [100] * 4, b"other" * 1000
    with pytest.raises(RuntimeError, match="the connection broke"):
        hub.download_url_to_file(server.url, tmp_path / "a.bin", SHA)
    server.breaks, server.data = [], DATA
    hub.download_url_to_file(server.url, tmp_path / "a.bin", SHA)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_what_cannot_be_fetched(server, tmp_path):
    with pytest.raises(RuntimeError, match=r"expected to read http://.*missing, got HTTPError: HTTP Error 404"):
        hub.download_url_to_file(server.url.replace("file.bin", "missing"), tmp_path / "a.bin")
    with pytest.raises(RuntimeError, match="got URLError"):
        hub.download_url_to_file("http://127.0.0.1:9/a", tmp_path / "a.bin")
    with pytest.raises(FileNotFoundError, match="expected the folder .* to exist"):
        hub.download_url_to_file(server.url, tmp_path / "none" / "a.bin")
    assert list(tmp_path.iterdir()) == []


def test_progress_is_shown_on_a_terminal(server, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    hub.download_url_to_file(server.url, tmp_path / "a.bin")
    assert "file.bin: 1.0 of 1.0 MB (100%)" in sys.stderr.getvalue()
    monkeypatch.setattr(sys, "stderr", Terminal())
    hub.download_url_to_file(server.url, tmp_path / "a.bin", progress=False)
    assert sys.stderr.getvalue() == ""


def test_weights_are_fetched_once(server, tmp_path, monkeypatch):
    file = io.BytesIO()
    facula.save({"w": facula.ones(2)}, file)
    server.data = file.getvalue()
    monkeypatch.setattr(hub, "_dir", [tmp_path])
    name = f"tiny-{hashlib.sha256(server.data).hexdigest()[:8]}.pth"
    for _ in range(2):
        state = hub.load_state_dict_from_url(server.url, check_hash=True, file_name=name)
        assert state["w"].tolist() == [1, 1]
    assert len(server.asked) == 1
    assert (tmp_path / "checkpoints" / name).exists()
    with pytest.raises(ValueError, match="expected a SHA-256 in the name"):
        hub.load_state_dict_from_url(server.url, check_hash=True)
    with pytest.raises(ValueError, match="expected a plain file name"):
        hub.load_state_dict_from_url(server.url, file_name="../a")
    hub.set_dir(tmp_path / "x")
    assert hub.get_dir() == str(tmp_path / "x")
