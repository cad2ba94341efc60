"""Metrics against numbers worked out by hand and against slow definitions."""

import itertools
import json
import math
from pathlib import Path

import pytest

import facula
from facula_text.metrics import (
    bleu,
    edit_distance,
    exact_match,
    perplexity,
    rouge,
    span_f1,
    token_f1,
    word_error_rate,
)


def test_perplexity():
    logits = facula.tensor([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1], [1.0, 1.0, 1.0]]).log()
    expected = math.exp(-(math.log(0.5) + math.log(0.1)) / 2)
    assert perplexity(logits, facula.tensor([0, 2, -100])) == pytest.approx(expected, rel=1e-5)
    assert perplexity(logits.unsqueeze(0), facula.tensor([[0, 2, -100]])) == pytest.approx(expected, rel=1e-5)


def test_bleu():
    candidate = "it is a guide to action which ensures that the military always obeys the commands of the party".split()
    references = [
        "it is a guide to action that ensures that the military will forever heed party commands".split(),
        "it is the guiding principle which guarantees the military forces always being under the command of the party"
        "".split(),
        "it is the practical guide for the army always to heed the directions of the party".split(),
    ]
    expected = (17 / 18 * 10 / 17 * 7 / 16 * 4 / 15) ** 0.25  # the example of the paper: 18 words, nearest reference 18
    assert bleu([candidate], [references]) == pytest.approx(expected)
    assert bleu([candidate], [[candidate]]) == 1.0
    short = "the cat sat on".split()
    assert bleu([short], [["the cat sat on the mat".split()]]) == pytest.approx(math.exp(1 - 6 / 4))
    assert bleu([["the"] * 7], [["the cat is on the mat".split()]], max_n=1) == pytest.approx(2 / 7)
    assert bleu([short], [[["dog"]]]) == 0.0
    broken = ["the", "mat", "cat", "on"], [["the", "cat", "on", "mat"]]
    assert bleu([broken[0]], [broken[1]], smooth=False) == 0.0
    assert bleu([broken[0]], [broken[1]]) == pytest.approx((1 * 1 / 3 * 0.5 / 2 * 0.25 / 1) ** 0.25)


def is_subsequence(short, long):
    rest = iter(long)
    return all(one in rest for one in short)


def test_rouge_is_its_definition():
    first, second = "a b c a d b".split(), "b a c d d a b".split()
    longest = max(
        size
        for size in range(len(first) + 1)
        for places in itertools.combinations(first, size)
        if is_subsequence(places, second)
    )
    found = rouge(first, second)
    assert found["rougeL"] == pytest.approx(2 * longest / 13)
    assert found["rouge1"] == pytest.approx(2 * 6 / 13)
    assert found["rouge2"] == pytest.approx(2 * 1 / 11)
    assert set(rouge([], ["a"]).values()) == {0.0}


def slow_distance(first, second):
    if not first or not second:
        return len(first) + len(second)
    return min(
        slow_distance(first[1:], second) + 1,
        slow_distance(first, second[1:]) + 1,
        slow_distance(first[1:], second[1:]) + (first[0] != second[0]),
    )


@pytest.mark.parametrize(("first", "second"), [("kitten", "sitting"), ("", "abc"), ("abcd", "badc"), ("xay", "axyz")])
def test_edit_distance_is_its_definition(first, second):
    assert edit_distance(first, second) == edit_distance(second, first) == slow_distance(first, second)


def test_word_error_rate():
    assert word_error_rate(["a b c", "x"], ["a c", "x y z"]) == pytest.approx(3 / 5)


def test_answers():
    assert exact_match("the  Cat.", ["Dog", "a cat"]) == 1.0
    assert exact_match("cats", ["cat"]) == 0.0
    assert token_f1("a big black cat", ["the black dog", "black cat"]) == pytest.approx(2 * 2 / 5)
    assert token_f1("", ["the"]) == 1.0
    assert token_f1("dog", [""]) == 0.0


def test_spans():
    own = ["B-NP", "I-NP", "B-NP", "I-VP", "O", "I-PP", "B-X"]
    other = ["B-NP", "I-NP", "I-NP", "B-VP", "O", "B-PP", "O"]
    scores = span_f1([own, ["O"]], [other, ["B-NP"]])  # VP and PP agree of five and four
    assert scores == {"precision": 2 / 5, "recall": 2 / 4, "f1": pytest.approx(4 / 9)}
    assert span_f1([["O"]], [["O"]]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


@pytest.mark.parametrize("metric", [bleu, word_error_rate, span_f1], ids=["bleu", "wer", "span"])
def test_one_reference_for_each(metric):
    with pytest.raises(ValueError, match="expected as many references as candidates, at least one, got 1 candidates"):
        metric(["a"], [])


def test_words_are_needed():
    with pytest.raises(ValueError, match="expected words in the references, got none"):
        word_error_rate(["a"], [""])


@pytest.fixture(scope="module")
def recorded():
    """What sacrebleu, rouge-score and jiwer say (record_metrics.py)."""
    return json.loads((Path(__file__).parent / "fixtures" / "metrics.json").read_text(encoding="utf-8"))


def test_bleu_is_sacrebleus(recorded):
    for corpus in recorded["bleu"]:
        for smooth, name in ((True, "exp"), (False, "none")):
            found = bleu(corpus["candidates"], corpus["references"], smooth=smooth)
            assert 100 * found == pytest.approx(corpus[name], abs=1e-9)
    raw = recorded["raw"]
    references = [[one] for one in raw["references"]]
    assert 100 * bleu(raw["candidates"], references) == pytest.approx(raw["score"], abs=1e-9)
    for own, other, score in zip(raw["candidates"], references, raw["alone"], strict=True):
        assert 100 * bleu([own], [other]) == pytest.approx(score, abs=1e-9)


def test_rouge_and_error_rates_are_the_librarys(recorded):
    pairs = recorded["pairs"]
    for (own, other), scores in zip(pairs, recorded["rouge"], strict=True):
        assert rouge(own.split(), other.split()) == pytest.approx(scores, abs=1e-9)
    assert word_error_rate(*zip(*pairs, strict=True)) == pytest.approx(recorded["wer"], abs=1e-12)
    for (own, other), rate in zip(pairs, recorded["wer_alone"], strict=True):
        assert word_error_rate([own], [other]) == pytest.approx(rate, abs=1e-12)
