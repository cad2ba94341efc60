"""WordPiece, Unigram and byte-level BPE: ids are those of the library, from training and from published files."""

import json

import pytest

from facula_text.datasets import Sonnets
from facula_text.tokenizers import BPETokenizer, LibraryTokenizer, UnigramTokenizer, WordPieceTokenizer

TEXTS = [
    "Shall I compare thee to a summer's day?",
    "naïve café — 漢字かな交じり文 😀👍🏽 e\u0301 \u200b\t\n  spaces",
    "Грязь и ёлка; العربية; ไทย 12345 (x_y)",
    "",
]


@pytest.fixture(scope="module")
def lines():
    sonnets = Sonnets()
    return [*sonnets.tokenizer.decode(sonnets.ids[:40000].tolist()).splitlines(), *TEXTS]


def test_wordpiece_is_the_librarys(lines, tmp_path):
    from tokenizers.implementations import BertWordPieceTokenizer

    own = WordPieceTokenizer.train(lines, 800)
    vocab = sorted(own.core.get_vocab().items(), key=lambda item: item[1])
    (tmp_path / "vocab.txt").write_text("".join(f"{token}\n" for token, _ in vocab), encoding="utf-8")
    theirs = BertWordPieceTokenizer(str(tmp_path / "vocab.txt"))
    loaded = WordPieceTokenizer.load_vocab(tmp_path / "vocab.txt")
    assert loaded.vocab_size == own.vocab_size == 800
    for text in lines:
        expected = theirs.encode(text).ids
        assert loaded.encode(text) == expected
        assert own.encode(text) == expected
    assert loaded.encode("thou", "thee") == theirs.encode("thou", "thee").ids
    assert loaded.decode(loaded.encode("Summer's day")) == "summer ' s day"


def test_byte_level_is_the_librarys(lines, tmp_path):
    from tokenizers import ByteLevelBPETokenizer

    theirs = ByteLevelBPETokenizer()
    theirs.train_from_iterator(lines, vocab_size=600, show_progress=False)
    theirs.save_model(str(tmp_path))
    loaded = BPETokenizer.load_merges(tmp_path / "vocab.json", tmp_path / "merges.txt")
    trained = BPETokenizer.train(lines, 600)
    for text in lines:
        expected = theirs.encode(text).ids
        assert loaded.encode(text) == expected
        assert trained.encode(text) == expected
        assert loaded.decode(expected) == text


def test_the_end_of_a_text_is_one_id(tmp_path):
    trained = BPETokenizer.train(["a b"], 258, special_tokens=["<|endoftext|>"])
    trained.core.model.save(str(tmp_path))
    loaded = BPETokenizer.load_merges(tmp_path / "vocab.json", tmp_path / "merges.txt")
    ids = loaded.encode("a<|endoftext|>b")
    assert ids == trained.encode("a<|endoftext|>b")
    assert ids[1] == loaded.token_to_id("<|endoftext|>")
    assert loaded.decode(ids) == "ab"


def test_unigram_and_tokenizer_json(lines, tmp_path):
    import tokenizers

    own = UnigramTokenizer.train(lines, 300)
    own.save(tmp_path / "tokenizer.json")
    theirs = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    loaded = LibraryTokenizer.load(tmp_path / "tokenizer.json")
    for text in lines:
        assert own.encode(text) == loaded.encode(text) == theirs.encode(text).ids
    assert own.token_to_id("<unk>") == 2
    assert own.decode(own.encode("summer's day")) == "summer's day"
    assert own.encode("☃")[-1] == 2


def test_batches_keep_what_frames_them(lines):
    own = WordPieceTokenizer.train(lines, 400)
    ids, mask = own.encode_batch(["thee", "shall i compare thee to a summer's day"], max_length=6)
    cls, sep = own.token_to_id("[CLS]"), own.token_to_id("[SEP]")
    assert ids.shape == mask.shape == (2, 6)
    assert ids[:, 0].tolist() == [cls, cls]
    assert int(ids[1, -1]) == sep
    assert int(ids[0, int(mask[0].sum()) - 1]) == sep
    left, left_mask = own.encode_batch(["thee", "shall i"], side="left")
    assert left_mask[:, -1].tolist() == [1, 1]
    assert left[:, -1].tolist() == [sep, sep]
    assert len(own.encode(TEXTS[0])) > 6  # nothing stays shortened


def test_what_a_file_says_about_padding_is_left_out(lines, tmp_path):
    own = WordPieceTokenizer.train(lines, 400)
    own.core.enable_padding(length=50)
    own.core.enable_truncation(3)
    own.save(tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text(encoding="utf-8"))["padding"]
    assert 3 < len(LibraryTokenizer.load(tmp_path / "t.json").encode("shall i compare thee")) < 50


def test_bad_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="WordPieceTokenizer: expected the file .*vocab.txt, got nothing there"):
        WordPieceTokenizer.load_vocab(tmp_path / "vocab.txt")
    (tmp_path / "vocab.txt").write_text("[UNK]\n[CLS]\na\n")
    with pytest.raises(ValueError, match=r"expected \[SEP\] in the vocabulary, got none"):
        WordPieceTokenizer.load_vocab(tmp_path / "vocab.txt")
    with pytest.raises(ValueError, match="expected '<unk>' among special_tokens"):
        UnigramTokenizer.train(["a"], 10, special_tokens=["<pad>"])
