"""Published datasets: parts, items, downloads that are checked, archives that stay in their folder."""

import dataclasses
import gzip
import hashlib
import io
import json
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import facula
from facula_text import datasets
from facula_text.datasets import named
from facula_text.datasets.download import Resource


def tar(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return content.getvalue()


def zipped(files):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return content.getvalue()


def squad(answers):
    paragraph = {"context": "To be.", "qas": [{"question": "What?", "answers": answers}]}
    return json.dumps({"data": [{"paragraphs": [paragraph]}]}).encode()


def tables(folder, text):
    return tar({f"{folder}/{part}.csv": text for part in ("train", "test")})


WIKI = {f"wiki.{part}.tokens": " \n = Title = \n" for part in ("train", "valid", "test")}
FILES = {  # name: content of each published file
    "train.csv": b'"3","Title","Text, more"\n',
    "test.csv": b'"1","T","x"\n',
    "aclImdb_v1.tar.gz": tar(
        {f"aclImdb/{part}/{way}/0_{way == 'pos'}.txt".replace("True", "9").replace("False", "1"): f"{way} film"
         for part in ("train", "test") for way in ("pos", "neg")}
        | {"aclImdb/README": "no", "../outside.txt": "no", "aclImdb/train/pos/../../../1_1.txt": "no"}
    ),
    "SST-2.zip": zipped(
        {"SST-2/train.tsv": "sentence\tlabel\na \"fine film \t1\n", "SST-2/dev.tsv": "sentence\tlabel\nbad\t0\n",
         "SST-2/test.tsv": "index\tsentence\n0\tso, so\n", "SST-2/original/x.txt": "no"}
    ),
    "yelp_review_polarity_csv.tar.gz": tables("yelp_review_polarity_csv", '"2","Good ""food"""\n'),
    "yelp_review_full_csv.tar.gz": tables("yelp_review_full_csv", '"5","Good"\n'),
    "dbpedia_csv.tar.gz": tables("dbpedia_csv", '14,"Title"," About"\n'),
    "wikitext-2-v1.zip": zipped({f"wikitext-2/{name}": text for name, text in WIKI.items()}),
    "wikitext-103-v1.zip": zipped({f"wikitext-103/{name}": text for name, text in WIKI.items()}),
    **{f"ptb.{part}.txt": b" aer <unk> N\n" for part in ("train", "valid", "test")},
    "training.tar.gz": tar({"train.de": "Ein Hund.\n", "train.en": "A dog.\n"}),
    "validation.tar.gz": tar({"./val.de": "Zwei.\n", "./val.en": "Two.\n"}),
    "mmt16_task1_test.tar.gz": tar({"test.de": "Drei.\n", "test.en": "Three.\n", "test.fr": "Trois.\n"}),
    **{f"{part}.txt.gz": gzip.compress(b"He PRP B-NP\nruns VBZ B-VP\n\n") for part in ("train", "test")},
    **{f"{part}-v1.1.json": squad([{"text": "be", "answer_start": 3}]) for part in ("train", "dev")},
    **{f"{part}-v2.0.json": squad([]) for part in ("train", "dev")},
}  # fmt: skip
ITEMS = {  # name: the parts and the first item of each
    "ag_news": {"train": (3, "Title Text, more"), "test": (1, "T x")},
    "imdb": {"train": (1, "neg film"), "test": (1, "neg film")},
    "sst2": {"train": ('a "fine film ', 1), "dev": ("bad", 0), "test": ("so, so",)},
    "yelp_review_polarity": {"train": (2, 'Good "food"'), "test": (2, 'Good "food"')},
    "yelp_review_full": {"train": (5, "Good"), "test": (5, "Good")},
    "dbpedia": dict.fromkeys(("train", "test"), (14, "Title  About")),
    "wikitext2": dict.fromkeys(("train", "valid", "test"), " \n"),
    "wikitext103": dict.fromkeys(("train", "valid", "test"), " \n"),
    "penn_treebank": dict.fromkeys(("train", "valid", "test"), " aer <unk> N"),
    "multi30k": {"train": ("Ein Hund.", "A dog."), "valid": ("Zwei.", "Two."), "test": ("Drei.", "Three.")},
    "conll2000_chunking": dict.fromkeys(("train", "test"), (["He", "runs"], ["PRP", "VBZ"], ["B-NP", "B-VP"])),
    "squad1": dict.fromkeys(("train", "dev"), ("To be.", "What?", ["be"], [3])),
    "squad2": dict.fromkeys(("train", "dev"), ("To be.", "What?", [""], [-1])),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path[1:])
        body = FILES[self.path[1:]]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    """The published files, small, at an address of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    moved = {
        name: {
            part: dataclasses.replace(
                resource,
                url=f"http://127.0.0.1:{server.server_port}/{resource.filename}",
                digest=hashlib.new(
                    "sha256" if len(resource.digest) == 64 else "md5", FILES[resource.filename]
                ).hexdigest(),
            )
            for part, resource in files.items()
        }
        for name, files in named.RESOURCES.items()
    }
    monkeypatch.setattr(named, "RESOURCES", moved)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("name", ITEMS)
def test_parts_and_items(server, name, tmp_path):
    parts = facula.datasets.create(name, tmp_path, download=True)
    assert isinstance(parts, tuple)
    assert [part[0] for part in parts] == [*ITEMS[name].values()]
    asked = len(server.asked)
    for part, item in ITEMS[name].items():  # what is there is not fetched again, nor is it asked for
        found = facula.datasets.create(name, root=tmp_path, split=part)
        assert found[0] == item
        assert next(iter(found)) == item
    assert len(server.asked) == asked
    assert not list(tmp_path.rglob(".*"))  # nothing half done is left


def test_archives_stay_in_their_folder(server, tmp_path):
    root = tmp_path / "a" / "b"
    train = datasets.IMDB(root, "train", download=True)
    assert list(train) == [(1, "neg film"), (2, "pos film")]
    files = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.txt"))
    assert files == [
        f"a/b/IMDB/aclImdb/{part}/{way}" for part in ("test", "train") for way in ("neg/0_1.txt", "pos/0_9.txt")
    ]


def test_another_order_of_languages(server, tmp_path):
    assert datasets.Multi30k(tmp_path, "valid", ("en", "de"), download=True)[0] == ("Two.", "Zwei.")
    with pytest.raises(
        ValueError, match=r"expected language_pair \('de', 'en'\) or \('en', 'de'\), got \('de', 'fr'\)"
    ):
        datasets.Multi30k(tmp_path, "valid", ("de", "fr"))


def test_missing_files_and_unknown_parts(tmp_path):
    with pytest.raises(
        RuntimeError, match="AG_NEWS: dataset not found, expected train.csv or train.csv in .* download=True"
    ):
        datasets.AG_NEWS(tmp_path)
    with pytest.raises(ValueError, match=r"expected split of \('train', 'test'\), got 'dev'"):
        datasets.AG_NEWS(tmp_path, "dev")
    with pytest.raises(ValueError, match=r"expected split of \('train', 'test'\), got \(\)"):
        datasets.AG_NEWS(tmp_path, ())


@pytest.mark.parametrize("name", ["ag_news", "multi30k"])  # one has MD5, one SHA-256
def test_damage_is_found(server, name, tmp_path, monkeypatch):
    for files in named.RESOURCES.values():
        for part, resource in files.items():
            files[part] = dataclasses.replace(resource, digest="0" * len(resource.digest))
    with pytest.raises(RuntimeError, match=f"expected .*0000, got|SHA-256 {'0' * 64}"):
        facula.datasets.create(name, tmp_path, "train", download=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_damaged_archive_that_was_put_there(server, tmp_path):
    (tmp_path / "WikiText2").mkdir()
    (tmp_path / "WikiText2" / "wikitext-2-v1.zip").write_bytes(b"PK")
    with pytest.raises(RuntimeError, match="expected the checksum .*, got .* The file is damaged or was replaced"):
        datasets.WikiText2(tmp_path, "test")


def test_an_archive_without_the_file(tmp_path):
    content = zipped({"SST-2/train.tsv": "sentence\tlabel\n"})
    (tmp_path / "x.zip").write_bytes(content)
    resource = Resource("http://x/x.zip", hashlib.md5(content).hexdigest(), folder="SST-2", members=r"SST-2/train\.tsv")
    with pytest.raises(RuntimeError, match=r"SST2: expected SST-2/dev.tsv in .*x.zip, got none"):
        resource.provide("SST2", tmp_path, "SST-2/dev.tsv", False)


def test_the_published_addresses_are_known():
    for files in named.RESOURCES.values():
        for resource in files.values():
            assert resource.url.startswith("http")
            assert len(resource.digest) in (32, 64)
            assert int(resource.digest, 16)
