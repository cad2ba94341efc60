"""Ids in files: the same blocks as in memory, in workers too, and files that are not whole."""

import subprocess
import sys

import numpy as np
import pytest

import facula
from facula.utils.data import DataLoader
from facula_text.datasets import CharDataset, MappedTokens, write_tokens
from facula_text.tokenizers import CharTokenizer

TEXT = "to be or not to be that is the question"


class Wide(CharTokenizer):
    """Ids above 16 bits."""

    @property
    def vocab_size(self):
        return 100_000

    def encode(self, text):
        return [70_000 + ord(sign) for sign in text]


def test_blocks_are_those_of_the_text(tmp_path):
    (tmp_path / "t.txt").write_text(TEXT)
    expected = CharDataset(tmp_path / "t.txt", 6, 4)
    assert write_tokens(tmp_path / "t.ids", [TEXT[:11], TEXT[11:]], expected.tokenizer) == len(TEXT)
    found = MappedTokens(tmp_path / "t.ids", 6, 4)
    assert isinstance(found.ids, np.memmap)
    assert len(found) == len(expected)
    for index in (*range(len(found)), -1):
        for own, other in zip(found[index], expected[index], strict=True):
            assert own.dtype == facula.int64
            assert own.tolist() == other.tolist()
    assert (tmp_path / "t.ids").stat().st_size == 16 + 2 * len(TEXT)
    with pytest.raises(IndexError, match="expected an index below 9, got 9"):
        found[9]


def test_wide_ids_and_ends(tmp_path):
    assert write_tokens(tmp_path / "t.ids", ["ab", "c"], Wide("abc"), eos_id=7) == 5
    x, y = MappedTokens(tmp_path / "t.ids", 4)[0]
    assert x.tolist() == [70_097, 70_098, 7, 70_099]
    assert y.tolist() == [70_098, 7, 70_099, 7]


def test_in_workers(tmp_path):
    write_tokens(tmp_path / "t.ids", [TEXT], CharTokenizer(TEXT))
    dataset = MappedTokens(tmp_path / "t.ids", 6)
    plain = [x.tolist() for x, _ in DataLoader(dataset, batch_size=2)]
    assert [x.tolist() for x, _ in DataLoader(dataset, batch_size=2, num_workers=1)] == plain
    copy = MappedTokens.__new__(MappedTokens)
    copy.__setstate__(dataset.__getstate__())
    assert "ids" not in dataset.__getstate__()
    assert copy[0][0].tolist() == dataset[0][0].tolist()


def test_other_files(tmp_path):
    path = tmp_path / "t.ids"
    with pytest.raises(FileNotFoundError):
        MappedTokens(path, 2)
    write_tokens(path, [TEXT], CharTokenizer(TEXT))
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:7], b"", b"x" * 40):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="expected a whole file written by write_tokens"):
            MappedTokens(path, 2)
    write_tokens(path, ["to"], CharTokenizer(TEXT))
    with pytest.raises(ValueError, match="expected more than block_size = 2 ids, got 2"):
        MappedTokens(path, 2)
    write_tokens(path, [], CharTokenizer(TEXT))
    with pytest.raises(ValueError, match="got 0 in"):
        MappedTokens(path, 2)
    with pytest.raises(ValueError, match="expected block_size and stride of at least 1, got 0 and None"):
        MappedTokens(path, 0)


def test_a_failure_leaves_the_old_file(tmp_path):
    write_tokens(tmp_path / "t.ids", ["to be"], CharTokenizer(TEXT))
    with pytest.raises(ValueError, match="CharTokenizer"):
        write_tokens(tmp_path / "t.ids", ["to", "?!"], CharTokenizer(TEXT))
    assert len(MappedTokens(tmp_path / "t.ids", 4).ids) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["t.ids"]


def test_shuffled_and_resumed(tmp_path):
    write_tokens(tmp_path / "t.ids", [TEXT], CharTokenizer(TEXT))

    def make():
        return DataLoader(MappedTokens(tmp_path / "t.ids", 6, 2), batch_size=3, shuffle=True)

    facula.manual_seed(0)
    loader = make()
    batches = iter(loader)
    first = [next(batches)[0].tolist() for _ in range(2)]
    state = facula.random.state_dict(loader=loader)
    rest = [x.tolist() for x, _ in batches]
    resumed = make()
    facula.random.load_state_dict(state, loader=resumed)
    assert [x.tolist() for x, _ in resumed] == rest
    rows = sorted(row for batch in first + rest for row in batch)
    assert rows == sorted(x.tolist() for x, _ in MappedTokens(tmp_path / "t.ids", 6, 2))


FLAT = """
import re, sys
import facula
from facula_text.datasets import MappedTokens, write_tokens
from facula_text.tokenizers import CharTokenizer

def private():
    return 1024 * int(re.search(r"RssAnon:\\s*(\\d+)", open("/proc/self/status").read())[1])

tokenizer, highest = CharTokenizer("ab"), 0
before = private()
def texts():
    global highest
    for _ in range(100):
        yield "ab" * 100_000
        highest = max(highest, private())
count = write_tokens(sys.argv[1], texts(), tokenizer)
data = MappedTokens(sys.argv[1], 1000)
for index in range(0, len(data), 3):
    data[index]
highest = max(highest, private())
print(count, highest - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_stays_flat(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FLAT, str(tmp_path / "t.ids")], capture_output=True, text=True, check=True
    )
    count, grown = map(int, done.stdout.split())
    assert count == 20_000_000  # 40 MB in the file
    assert grown < 15e6
