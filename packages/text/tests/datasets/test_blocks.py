"""Blocks of text."""

import pytest

import facula
from facula.testing import check_dataset
from facula_text.datasets import CharDataset, Sonnets, TokenDataset
from facula_text.tokenizers import BPETokenizer, CharTokenizer

TEXT = "abcdefghij"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text(TEXT)
    return path


def test_blocks_and_what_follows(path):
    dataset = facula.datasets.create("characters", path, block_size=3)
    assert len(dataset) == 3
    decode = dataset.tokenizer.decode
    assert [decode(x.tolist()) for x, _ in (dataset[i] for i in range(3))] == ["abc", "def", "ghi"]
    assert decode(dataset[-1][1].tolist()) == "hij"
    assert dataset[0][0].dtype == facula.int64
    assert [x.tolist() for x, _ in dataset] == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    with pytest.raises(IndexError, match="expected an index below 3, got 3"):
        dataset[3]


@pytest.mark.parametrize(("block", "stride", "count"), [(3, 1, 7), (9, 1, 1), (4, 2, 3), (2, 5, 2)])
def test_counts(path, block, stride, count):
    dataset = CharDataset(path, block, stride)
    assert len(dataset) == count
    x, y = dataset[count - 1]
    assert x.shape == y.shape == (block,)
    assert x.tolist()[1:] == y.tolist()[:-1]


def test_parts_share_ids(path):
    train, rest = CharDataset(path, 2, stop=0.6), CharDataset(path, 2, start=0.6)
    assert train.ids.tolist() + rest.ids.tolist() == list(range(10))
    assert train.tokenizer.characters == rest.tokenizer.characters
    other = CharDataset(path, 2, tokenizer=CharTokenizer("zyx" + TEXT))
    assert other.tokenizer.vocab_size == 13
    assert repr(train) == "CharDataset(2 blocks of 2, 6 ids, CharTokenizer(vocab_size=10))"


def test_tokens(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the rose and the thorn and the rose\n" * 5)
    tokenizer = BPETokenizer.train_files([path], 280)
    dataset = facula.datasets.create("tokens", path, tokenizer, 4)
    assert dataset.ids.tolist() == tokenizer.encode(path.read_text())
    assert isinstance(dataset, TokenDataset)
    check_dataset(dataset)
    check_dataset(CharDataset(path, 5))


def test_bad_text(tmp_path, path):
    with pytest.raises(FileNotFoundError):
        CharDataset(tmp_path / "absent", 3)
    with pytest.raises(ValueError, match=r"CharDataset: expected more than block_size = 10 ids, got 10 .*smaller"):
        CharDataset(path, 10)
    with pytest.raises(ValueError, match="expected block_size and stride of at least 1, got 0 and None"):
        CharDataset(path, 0)
    with pytest.raises(ValueError, match="expected 0 <= start < stop <= 1, got start 0.5 and stop 0.5"):
        CharDataset(path, 1, start=0.5, stop=0.5)
    (tmp_path / "latin").write_bytes("näher".encode("latin-1"))
    with pytest.raises(ValueError, match=r"expected UTF-8, got byte 0xe4 at offset 1 of .*latin"):
        CharDataset(tmp_path / "latin", 2)


def test_sonnets():
    train, rest = Sonnets(), facula.datasets.create("sonnets", train=False)
    assert len(train.ids) + len(rest.ids) == 95611
    assert train.tokenizer.vocab_size == 62
    assert train.tokenizer.decode(train.ids[:45].tolist()).endswith("we desire increase,")
    assert rest.tokenizer.decode(rest.ids[-15:].tolist()) == "ools not love.\n"


def test_public_suite():
    check_dataset(Sonnets(block_size=16, train=False))
