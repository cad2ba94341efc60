"""How good texts are: perplexity, BLEU, ROUGE, word error rate, exact match, F1 of spans."""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

import facula
from facula import Tensor

__all__ = [
    "bleu",
    "bleu_words",
    "edit_distance",
    "exact_match",
    "perplexity",
    "rouge",
    "span_f1",
    "token_f1",
    "word_error_rate",
]


def perplexity(logits: Tensor, target: Tensor, ignore_index: int = -100) -> float:
    """exp(mean of -log p(target)) over the targets that are not `ignore_index`.

    Shape: (*, vocab), (*) -> a number.

    >>> import facula
    >>> from facula_text.metrics import perplexity
    >>> round(perplexity(facula.zeros(3, 5), facula.tensor([0, 1, 4])), 4)
    5.0
    """
    with facula.no_grad():
        loss = facula.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), target.reshape(-1), ignore_index=ignore_index
        )
    return math.exp(float(loss))


def _grams(tokens: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(tokens[first : first + n]) for first in range(len(tokens) - n + 1))


def _same_count(owner: str, candidates: Sequence[object], references: Sequence[object]) -> None:
    if len(candidates) != len(references) or not candidates:
        raise ValueError(
            f"{owner}: expected as many references as candidates, at least one, got {len(candidates)} candidates and "
            f"{len(references)} references. Give one for each."
        )


_SIGNS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"([\{-\~\[-\` -\&\(-\+\:-\@\/])", r" \1 "),
        (r"([^0-9])([\.,])", r"\1 \2 "),  # a point or a comma stands apart, unless it is inside of a number
        (r"([\.,])([^0-9])", r" \1 \2"),
        (r"([0-9])(-)", r"\1 \2 "),
    )
]
_ESCAPED = {"<skipped>": "", "-\n": "", "\n": " ", "&quot;": '"', "&amp;": "&", "&lt;": "<", "&gt;": ">"}


def bleu_words(text: str) -> list[str]:
    """The words and signs of a text as the tool mteval-v13a sets them apart, by which published scores are counted.

    >>> from facula_text.metrics import bleu_words
    >>> bleu_words("It costs 1,000.50, doesn't it?")
    ['It', 'costs', '1,000.50', ',', "doesn't", 'it', '?']
    """
    for escaped, plain in _ESCAPED.items():
        text = text.replace(escaped, plain)
    text = f" {text} "
    for pattern, replacement in _SIGNS:
        text = pattern.sub(replacement, text)
    return text.split()


def bleu(
    candidates: Sequence[str | Sequence[str]],
    references: Sequence[Sequence[str | Sequence[str]]],
    max_n: int = 4,
    *,
    smooth: bool = True,
) -> float:
    """min(1, exp(1 - r / c)) * (p_1 ... p_n)^(1 / n) of a whole corpus, from 0 to 1; each candidate has references.

    A text is cut by `bleu_words`, a list of words is taken as it is. p_n is the share of n-grams found in a reference, no
    more often than there; c and r are the lengths of the candidates and of the references closest to them. With `smooth`,
    the k-th count of none counts as 2^-k; without, the score is 0.

    Source: K. Papineni et al., "BLEU: a Method for Automatic Evaluation of Machine Translation", 2002.

    >>> from facula_text.metrics import bleu
    >>> round(bleu(["the cat sat on the mat".split()], [["the cat sat on a mat".split()]]), 4)
    0.5373
    """
    matches, totals, shortness = _bleu_parts("bleu", candidates, references, max_n)
    if not matches[0]:
        return 0.0
    logs, part = [], 1.0
    for match, total in zip(matches, totals, strict=True):
        if not total or not (match or smooth):
            return 0.0
        if not match:
            part /= 2
        logs.append(math.log((match or part) / total))
    return shortness * math.exp(sum(logs) / max_n)


def bleu_score(
    candidate_corpus: Sequence[Sequence[str]],
    references_corpus: Sequence[Sequence[Sequence[str]]],
    max_n: int = 4,
    weights: Sequence[float] = (0.25,) * 4,
) -> float:
    """torchtext's BLEU: `bleu` without smoothing, where p_n counts `weights[n - 1]`.   ValueError for other than max_n weights.

    >>> from facula_text.metrics import bleu_score
    >>> candidates = [["My", "full", "pytorch", "test"], ["Another", "Sentence"]]
    >>> bleu_score(candidates, [[["My", "full", "pytorch", "test"], ["Completely", "Different"]], [["No", "Match"]]])
    0.8408964152537145
    """
    if len(weights) != max_n:
        raise ValueError(f"bleu_score: expected max_n = {max_n} weights, got {len(weights)}. Give one for each n.")
    matches, totals, shortness = _bleu_parts("bleu_score", candidate_corpus, references_corpus, max_n)
    if not all(matches):
        return 0.0
    logs = (weight * math.log(match / total) for weight, match, total in zip(weights, matches, totals, strict=True))
    return shortness * math.exp(sum(logs))


def _bleu_parts(
    owner: str, candidates: Sequence[Any], references: Sequence[Sequence[Any]], max_n: int
) -> tuple[list[int], list[int], float]:
    """The n-grams found in a reference and all of them, for each n, and the factor for what is too short."""
    _same_count(owner, candidates, references)
    matches, totals = [0] * max_n, [0] * max_n
    length = nearest = 0
    for text, texts in zip(candidates, references, strict=True):
        candidate, *several = (bleu_words(one) if isinstance(one, str) else one for one in (text, *texts))
        length += len(candidate)
        nearest += min((abs(len(one) - len(candidate)), len(one)) for one in several)[1]
        for n in range(1, max_n + 1):
            most: Counter[tuple[str, ...]] = Counter()
            for one in several:
                most |= _grams(one, n)
            found = _grams(candidate, n)
            matches[n - 1] += sum((found & most).values())
            totals[n - 1] += sum(found.values())
    return matches, totals, min(1.0, math.exp(1 - nearest / length)) if length else 0.0


def rouge(candidate: Sequence[str], reference: Sequence[str]) -> dict[str, float]:
    """F1 of shared words ("rouge1"), of shared pairs ("rouge2"), of the longest common subsequence ("rougeL").

    Source: C. Lin, "ROUGE: A Package for Automatic Evaluation of Summaries", 2004.

    >>> from facula_text.metrics import rouge
    >>> {name: round(score, 4) for name, score in rouge("the cat sat".split(), "the cat on".split()).items()}
    {'rouge1': 0.6667, 'rouge2': 0.5, 'rougeL': 0.6667}
    """
    scores = {}
    for n in (1, 2):
        own, other = _grams(candidate, n), _grams(reference, n)
        scores[f"rouge{n}"] = _f1(sum((own & other).values()), sum(own.values()), sum(other.values()))
    scores["rougeL"] = _f1(_common(candidate, reference), len(candidate), len(reference))
    return scores


def _f1(shared: int, predicted: int, actual: int) -> float:
    return 2 * shared / (predicted + actual) if shared else 0.0


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence."""
    row = [0] * (len(second) + 1)
    for one in first:
        diagonal = 0
        for place, other in enumerate(second, 1):
            diagonal, row[place] = row[place], diagonal + 1 if one == other else max(row[place], row[place - 1])
    return row[-1]


def edit_distance(first: Sequence[object], second: Sequence[object]) -> int:
    """How many insertions, deletions and replacements make one sequence the other (V. Levenshtein, 1966).

    >>> from facula_text.metrics import edit_distance
    >>> edit_distance("kitten", "sitting")
    3
    """
    row = list(range(len(second) + 1))
    for count, one in enumerate(first, 1):
        diagonal, row[0] = row[0], count
        for place, other in enumerate(second, 1):
            diagonal, row[place] = row[place], min(diagonal + (one != other), row[place] + 1, row[place - 1] + 1)
    return row[-1]


def word_error_rate(candidates: Sequence[str], references: Sequence[str]) -> float:
    """The edit distance in words of all texts, over the words of the references.   ValueError where these have none.

    >>> from facula_text.metrics import word_error_rate
    >>> word_error_rate(["the cat sat"], ["the cat sat down"])
    0.25
    """
    _same_count("word_error_rate", candidates, references)
    words = sum(len(reference.split()) for reference in references)
    if not words:
        raise ValueError("word_error_rate: expected words in the references, got none. Leave empty ones out.")
    pairs = zip(candidates, references, strict=True)
    return sum(edit_distance(one.split(), other.split()) for one, other in pairs) / words


def _plain(answer: str) -> list[str]:
    """The words of an answer in lower case, without signs and articles, as SQuAD compares them."""
    answer = "".join(sign for sign in answer.lower() if sign not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", answer).split()


def exact_match(candidate: str, references: Sequence[str]) -> float:
    """1 if an answer is one of the references but for case, signs and articles, else 0.

    Source: P. Rajpurkar et al., https://arxiv.org/abs/1606.05250.

    >>> from facula_text.metrics import exact_match
    >>> exact_match("The Cat!", ["a dog", "cat"])
    1.0
    """
    return float(any(_plain(candidate) == _plain(reference) for reference in references))


def token_f1(candidate: str, references: Sequence[str]) -> float:
    """The best F1 of the words that an answer shares with a reference, compared as by `exact_match`.

    >>> from facula_text.metrics import token_f1
    >>> token_f1("the black cat", ["a cat"])
    0.6666666666666666
    """
    own = _plain(candidate)
    scores = []
    for reference in references:
        other = _plain(reference)
        shared = sum((Counter(own) & Counter(other)).values())
        scores.append(_f1(shared, len(own), len(other)) if own and other else float(own == other))
    return max(scores)


def _spans(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """(kind, first, after last) of the spans in tags B-kind, I-kind, O; an I of another kind begins a span."""
    spans, kind, first = set(), "", 0
    for place, tag in enumerate([*tags, "O"]):
        mark, _, name = tag.partition("-")
        if kind and (mark != "I" or name != kind):
            spans.add((kind, first, place))
            kind = ""
        if mark != "O" and not kind:
            kind, first = name, place
    return spans


def span_f1(candidates: Sequence[Sequence[str]], references: Sequence[Sequence[str]]) -> dict[str, float]:
    """Precision, recall and F1 of whole spans in rows of tags (B-kind, I-kind, O).

    Source: E. Tjong Kim Sang, S. Buchholz, "Introduction to the CoNLL-2000 Shared Task: Chunking", 2000.

    >>> from facula_text.metrics import span_f1
    >>> span_f1([["B-NP", "I-NP", "O"]], [["B-NP", "I-NP", "B-VP"]])
    {'precision': 1.0, 'recall': 0.5, 'f1': 0.6666666666666666}
    """
    _same_count("span_f1", candidates, references)
    shared = predicted = actual = 0
    for candidate, reference in zip(candidates, references, strict=True):
        own, other = _spans(candidate), _spans(reference)
        shared, predicted, actual = shared + len(own & other), predicted + len(own), actual + len(other)
    return {
        "precision": shared / predicted if predicted else 0.0,
        "recall": shared / actual if actual else 0.0,
        "f1": _f1(shared, predicted, actual),
    }
