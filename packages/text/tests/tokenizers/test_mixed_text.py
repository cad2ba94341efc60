"""A megabyte of mixed text: ids are the library's, bytes come back, broken files are reported with the place."""

import random

import pytest

from facula_text.datasets import TextLines, write_tokens
from facula_text.files import read_text
from facula_text.tokenizers import BPETokenizer, CharTokenizer, LibraryTokenizer, UnigramTokenizer, WordPieceTokenizer

ALPHABETS = {
    "latin": "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'àéîõüßøæœ",
    "cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюяЁё",
    "greek": "αβγδεζηθικλμνξοπρστυφχψως",
    "arabic": "ابتثجحخدذرزسشصضطظعغفقكلمنهوي",
    "thai": "กขคงจฉชซดตถทธนบปผฝพฟภมยรลวสหอฮะาิีึืุู",
    "han": "".join(map(chr, range(0x4E00, 0x4E00 + 800))),
    "kana": "".join(map(chr, range(0x3041, 0x30FF))),
    "hangul": "".join(map(chr, range(0xAC00, 0xAC00 + 300))),
    "rare": "".join(map(chr, range(0x20000, 0x20040))),
    "digits": "0123456789.,:-/%",
    "signs": '!?()[]{}<>#@&*+=~^_|\\"`…«»“”',
}
EMOJI = ["😀", "👍🏽", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "❤️", "🧑🏿‍🚀", "☃"]
COMBINING = ["e\u0301", "a\u0308\u0323", "n\u0303", "Z\u0351\u036b\u0343", "ก็", "क्षि", "\u0041\u030a"]
SPACES = [" ", " ", " ", " ", "  ", "\n", "\t", "\u00a0", "\u3000", "\u200b", "\r\n"]


@pytest.fixture(scope="module")
def text():
    draw = random.Random(0)
    names, parts, size = [*ALPHABETS], [], 0
    while size < 1_000_000:
        kind = draw.random()
        if kind < 0.05:
            word = draw.choice(EMOJI)
        elif kind < 0.1:
            word = "".join(draw.choices(COMBINING, k=draw.randint(1, 3)))
        else:
            word = "".join(draw.choices(ALPHABETS[draw.choice(names)], k=draw.randint(1, 9)))
        parts += [word, draw.choice(SPACES)]
        size += len(word.encode()) + len(parts[-1].encode())
    return "".join(parts)


@pytest.fixture(scope="module")
def lines(text):
    return text.splitlines(keepends=True)


def test_byte_level(text, lines, tmp_path_factory):
    from tokenizers import ByteLevelBPETokenizer

    folder = tmp_path_factory.mktemp("bpe")
    theirs = ByteLevelBPETokenizer()
    theirs.train_from_iterator(lines[:3000], vocab_size=1000, show_progress=False)
    theirs.save_model(str(folder))
    own = BPETokenizer.load_merges(folder / "vocab.json", folder / "merges.txt")
    assert len(text.encode()) >= 1_000_000
    for part in (text, text[::-1]):  # backwards, marks stand before their letters
        ids = own.encode(part)
        assert ids == theirs.encode(part).ids
        assert own.decode(ids) == part
    trained = BPETokenizer.train(lines[:3000], 1000)
    assert trained.encode(text[:100_000]) == own.encode(text[:100_000])


def test_wordpiece(text, lines, tmp_path_factory):
    from tokenizers.implementations import BertWordPieceTokenizer

    folder = tmp_path_factory.mktemp("wordpiece")
    trained = WordPieceTokenizer.train(lines[:3000], 4000)
    vocab = sorted(trained.core.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token, _ in vocab), encoding="utf-8")
    for lowercase in (True, False):
        own = WordPieceTokenizer.load_vocab(folder / "vocab.txt", lowercase=lowercase)
        theirs = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=lowercase)
        assert own.encode(text) == theirs.encode(text).ids
    batch, mask = own.encode_batch(lines[:200])
    expected = theirs.encode_batch(lines[:200])
    assert [row[: sum(kept)] for row, kept in zip(batch.tolist(), mask.tolist(), strict=True)] == [
        encoding.ids for encoding in expected
    ]


def test_unigram(text, lines, tmp_path_factory):
    import tokenizers

    path = tmp_path_factory.mktemp("unigram") / "tokenizer.json"
    UnigramTokenizer.train(lines[:2000], 3000).save(path)
    theirs = tokenizers.Tokenizer.from_file(str(path))
    assert LibraryTokenizer.load(path).encode(text[:200_000]) == theirs.encode(text[:200_000]).ids


def test_characters(text):
    own = CharTokenizer(text)
    assert own.decode(own.encode(text)) == text


@pytest.mark.parametrize(
    ("broken", "byte", "offset"),
    [
        (b"\xff", 0xFF, 0),
        (b"\xc3(", 0xC3, 0),
        (b"\xf0\x9f\x98", 0xF0, 0),
        (b"ok \xed\xa0\x80", 0xED, 3),
        (b"\xc0\xaf", 0xC0, 0),
    ],
)
def test_broken_files_say_where(text, tmp_path, broken, byte, offset):
    whole = text[:50_000].encode()
    path = tmp_path / "broken.txt"
    path.write_bytes(whole + b"\n" + broken + b"\n")
    message = f"got byte 0x{byte:02x} at offset {len(whole) + 1 + offset} of .*broken.txt"
    readers = [
        lambda: read_text(path),
        lambda: list(TextLines(path)),
        lambda: BPETokenizer.train_files([path], 300),
        lambda: write_tokens(tmp_path / "ids", TextLines(path), CharTokenizer(text)),
    ]
    for read in readers:
        with pytest.raises(ValueError, match=message):
            read()
    assert not (tmp_path / "ids").exists()
