"""Tokenizers: ids are the library's, texts come back."""

import json

import pytest

from facula_text.files import write_text
from facula_text.tokenizers import BPETokenizer, CharTokenizer, pad_ids

library = pytest.importorskip("tokenizers")

LINES = [
    "From fairest creatures we desire increase,\n",
    "That thereby beauty's rose might never die,\n",
    "But as the riper should by time decease,\n",
    "His tender heir might bear his memory.\n",
] * 3
HARD = "naïve café 東京 \u0301e 🙂👩‍👩‍👧 \t\n  two  spaces\x00"


@pytest.fixture(scope="module")
def trained():
    return BPETokenizer.train(LINES, 300, special_tokens=["<pad>", "<eos>"])


def test_ids_are_the_librarys(trained, tmp_path):
    reference = library.Tokenizer(library.models.BPE())
    reference.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    reference.decoder = library.decoders.ByteLevel()
    trainer = library.trainers.BpeTrainer(
        vocab_size=300,
        min_frequency=2,
        special_tokens=["<pad>", "<eos>"],
        initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    reference.train_from_iterator(LINES, trainer)
    for text in (*LINES, HARD, ""):
        assert trained.encode(text) == reference.encode(text).ids
    assert trained.vocab_size == reference.get_vocab_size() == 300


def test_every_text_comes_back(trained):
    for text in (*LINES, HARD):
        assert trained.decode(trained.encode(text)) == text
    assert len(trained.encode(LINES[0])) < len(LINES[0])
    assert trained.token_to_id("<eos>") == 1
    assert trained.token_to_id("absent") is None
    assert trained.encode("a<eos>")[-1] == 1
    assert trained.decode(trained.encode("a<eos>")) == "a"
    assert trained.decode(trained.encode("a<eos>"), skip_special_tokens=False) == "a<eos>"


def test_save_and_load(trained, tmp_path):
    trained.save(tmp_path / "tokenizer.json")
    again = BPETokenizer.load(tmp_path / "tokenizer.json")
    assert again.encode(HARD) == trained.encode(HARD)
    assert library.Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(HARD).ids == trained.encode(HARD)
    assert [path.name for path in tmp_path.iterdir()] == ["tokenizer.json"]


def test_published_vocab_and_merges(trained, tmp_path):
    trained.core.model.save(str(tmp_path))
    again = BPETokenizer.load_merges(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert again.encode(LINES[0] + HARD) == trained.encode(LINES[0] + HARD)
    assert again.decode(again.encode(HARD)) == HARD
    with pytest.raises(FileNotFoundError, match=r"expected the file .*absent.txt, got nothing there"):
        BPETokenizer.load_merges(tmp_path / "vocab.json", tmp_path / "absent.txt")


def test_train_on_files(tmp_path, trained):
    (tmp_path / "a.txt").write_text("".join(LINES[:6]))
    (tmp_path / "b.txt").write_text("".join(LINES[6:]))
    found = BPETokenizer.train_files([tmp_path / "a.txt", tmp_path / "b.txt"], 300, special_tokens=["<pad>", "<eos>"])
    assert found.encode(LINES[1]) == trained.encode(LINES[1])


def test_batches(trained):
    ids, mask = trained.encode_batch(["beauty", "b", ""], pad_id=0)
    assert ids.shape == mask.shape
    for row, keep, text in zip(ids.tolist(), mask.tolist(), ["beauty", "b", ""], strict=True):
        expected = trained.encode(text)
        assert row == expected + [0] * (len(row) - len(expected))
        assert sum(keep) == len(expected)
    with pytest.raises(ValueError, match="pad_ids: expected at least one row, got none"):
        pad_ids([])


def test_bad_bpe(tmp_path):
    with pytest.raises(ValueError, match="expected vocab_size of at least 257, got 256"):
        BPETokenizer.train(LINES, 256, special_tokens=["<pad>"])
    with pytest.raises(FileNotFoundError):
        BPETokenizer.load(tmp_path / "absent.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(ValueError, match=r"BPETokenizer: expected a tokenizer.json, got .*other.json"):
        BPETokenizer.load(tmp_path / "other.json")


def test_characters(tmp_path):
    tokenizer = CharTokenizer(HARD)
    assert tokenizer.decode(tokenizer.encode(HARD)) == HARD
    assert tokenizer.vocab_size == len(set(HARD))
    tokenizer.save(tmp_path / "c.json")
    again = CharTokenizer.load(tmp_path / "c.json")
    assert again.characters == tokenizer.characters
    assert repr(again) == f"CharTokenizer(vocab_size={len(set(HARD))})"
    with pytest.raises(ValueError, match=r"CharTokenizer: expected characters .* got 'Q' at offset 2"):
        tokenizer.encode("caQe")
    with pytest.raises(ValueError, match="expected ids from 0 to 1, got 2"):
        CharTokenizer("ab").decode([0, 2])
    (tmp_path / "d.json").write_text(json.dumps([1]))
    with pytest.raises(ValueError, match=r"expected a file written by save, got .*d.json"):
        CharTokenizer.load(tmp_path / "d.json")


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a"
    path.write_text("before")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["a"]
