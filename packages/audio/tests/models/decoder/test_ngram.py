"""Language models in ARPA files, sound and hostile."""

import gzip
import math

import pytest

from facula_audio.models.decoder import NGramLM, read_arpa

GOOD = """made by hand

\\data\\
ngram 1=4
ngram 2=2

\\1-grams:
-99\t<s>\t-0.5
-1.0\t</s>
-0.5\tthe\t-0.25
-0.75\tcat\t0

\\2-grams:
-0.1\t<s> the
-0.2\tthe cat

\\end\\
"""


@pytest.fixture
def arpa(tmp_path):
    def write(text, name="model.arpa"):
        path = tmp_path / name
        content = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(content, mtime=0) if name.endswith(".gz") else content)
        return path

    return write


@pytest.mark.parametrize("name", ["model.arpa", "model.arpa.gz"])
def test_reading(arpa, name):
    grams = read_arpa(arpa(GOOD, name))
    assert grams[("the",)] == (-0.5, -0.25)
    assert grams[("the", "cat")] == (-0.2, 0.0)
    assert len(grams) == 6


def test_chances(arpa):
    lm = NGramLM(arpa(GOOD), ["the", "cat", "dog"])
    state, chance = lm.score(lm.start(False), 0)
    assert (state, chance) == (("the",), -0.1)
    assert lm.score(state, 1) == (("cat",), -0.2)
    assert lm.score(state, 0) == (("the",), -0.75)  # backs off: -0.25 - 0.5
    assert lm.finish(("cat",)) == (("</s>",), -1.0)
    assert lm.score(lm.start(True), 1) == (("cat",), -0.75)
    assert lm.score(state, 2) == (("<unk>",), -100.25)


def test_chances_add_up_to_one():
    """Of a model whose weights are worked out from its chances."""
    unigrams = {"a": 0.5, "b": 0.3, "</s>": 0.2}
    weight = (1 - 0.6) / (1 - unigrams["b"])  # after a, only b was counted
    grams = {(word,): (math.log10(chance), 0.0) for word, chance in unigrams.items()}
    grams[("a",)] = (grams[("a",)][0], math.log10(weight))
    grams[("a", "b")] = (math.log10(0.6), 0.0)
    lm = NGramLM(grams, list(unigrams))
    assert sum(10 ** lm.log_chance(("a",), word) for word in unigrams) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: "", r"expected \\data\\, got the end in line 0"),
        (lambda t: "\x89PNG\r\n\x1a\n" * 10, r"expected \\data\\, got the end"),
        (lambda t: t.replace("ngram 1=4", "ngram 1=400000000000"), "expected at most 10 orders and 50000000 n-grams"),
        (lambda t: t.replace("ngram 2=2", "ngram 3=2"), "expected 'ngram 2=' and a number, got 'ngram 3=2' in line 5"),
        (lambda t: t.replace("ngram 1=4\nngram 2=2\n", ""), "expected numbers of n-grams, got none"),
        (lambda t: t.replace("ngram 1=4", "ngram 1=3"), "expected 3 1-grams, got more in line 11"),
        (lambda t: t.replace("ngram 1=4", "ngram 1=5"), "expected 5 1-grams, got 4 in line 13"),
        (lambda t: t.replace("-0.5\tthe", "0.5\tthe"), "log10 of a chance, at most 0.* in line 10"),
        (lambda t: t.replace("-0.5\tthe", "nan\tthe"), "log10 of a chance, at most 0"),
        (lambda t: t.replace("-0.25", "inf"), "and a finite weight"),
        (lambda t: t.replace("-0.5\tthe", "much\tthe"), "expected numbers, got 'much"),
        (lambda t: t.replace("the cat", "the cat sat on it"), "expected a chance, 2 words, got"),
        (lambda t: t.replace("-0.2\tthe cat", "-0.2\tthe"), "expected a chance, 2 words, got"),
        (lambda t: t.replace("\\2-grams:", "\\3-grams:"), r"expected \\2-grams:, got"),
        (lambda t: t[: t.index("-0.2\t")], "expected 2 2-grams, got 1 and the end"),
        (lambda t: t.replace("\\end\\", ""), r"expected \\end\\, got the end"),
        (lambda t: t.replace("cat", "c" * 70_000), "expected lines of less than 65536 bytes"),
        (lambda t: t.encode().replace(b"cat", b"\xff"), "expected UTF-8, got byte 0xff in line 11"),
    ],
)
def test_hostile_files(arpa, change, message):
    with pytest.raises(RuntimeError, match=f"read_arpa: .*{message}"):
        read_arpa(arpa(change(GOOD)))


def test_a_cut_off_or_false_gzip_file(tmp_path, arpa):
    whole = gzip.compress(GOOD.encode(), mtime=0)
    for content in (whole[:60], b"no gzip at all"):
        path = tmp_path / "model.arpa.gz"
        path.write_bytes(content)
        with pytest.raises(RuntimeError, match="read_arpa: expected a whole gzip file"):
            read_arpa(path)
    with pytest.raises(FileNotFoundError):
        read_arpa(tmp_path / "nothing.arpa")


def test_a_small_file_that_unpacks_to_a_huge_one(arpa):
    bomb = GOOD.replace("cat", "cat" + "\n" * 4_000_000, 1)
    with pytest.raises(RuntimeError, match="expected at most 100 times the compressed size, got more"):
        read_arpa(arpa(bomb, "model.arpa.gz"))


def test_a_limit_of_entries(arpa):
    with pytest.raises(RuntimeError, match="at most 10 orders and 5 n-grams"):
        read_arpa(arpa(GOOD), max_entries=5)
