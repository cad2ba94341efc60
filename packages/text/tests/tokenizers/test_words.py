"""Words between white space."""

import pytest

from facula_text.tokenizers import WordTokenizer


def test_words_and_ids(tmp_path):
    own = WordTokenizer.train(["b a b", "c\tb\n a"], 4, specials=["<unk>", "<pad>"])
    assert own.vocab.get_itos() == ["<unk>", "<pad>", "b", "a"]
    assert own.encode(" a\u3000b c ") == [3, 2, 0]
    assert own.decode([3, 2, 0]) == "a b <unk>"
    own.save(tmp_path / "words.json")
    loaded = WordTokenizer.load(tmp_path / "words.json")
    assert loaded.encode("a b c") == [3, 2, 0]
    assert repr(loaded) == "WordTokenizer(vocab_size=4)"


def test_bad_input(tmp_path):
    with pytest.raises(RuntimeError, match="expected a token of the vocabulary, got 'c'"):
        WordTokenizer(["a", "b"]).encode("a c")
    with pytest.raises(RuntimeError, match="expected an index from 0 to 1, got 2"):
        WordTokenizer(["a", "b"]).decode([2])
    with pytest.raises(ValueError, match="expected words without white space, got 'a b'"):
        WordTokenizer(["a b"])
    (tmp_path / "t.json").write_text("[]")
    with pytest.raises(ValueError, match="WordTokenizer: expected a file written by save, got"):
        WordTokenizer.load(tmp_path / "t.json")
