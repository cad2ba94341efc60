"""CTC decoding beside a search through every path."""

import itertools
import math

import numpy as np
import pytest

import facula
from facula_audio.models.decoder import CTCDecoderLM, NGramLM, ctc_decoder, ctc_greedy

TOKENS = ["-", "|", "a", "b"]
GRAMS = {
    ("<s>",): (-99.0, -0.3),
    ("</s>",): (-0.6, 0.0),
    ("|",): (-0.8, -0.2),
    ("a",): (-0.5, -0.4),
    ("b",): (-0.9, -0.1),
    ("<s>", "a"): (-0.2, -0.5),
    ("a", "b"): (-0.1, -0.2),
    ("b", "a"): (-0.7, 0.0),
    ("<s>", "a", "b"): (-0.05, 0.0),
}
LEXICON = {
    "ab": [["a", "b"]],
    "a": [["a"]],
    "ba": [["b", "a"]],
    "bar": [["b", "a", "|"], ["b", "b"]],
    "bat": [["b", "a"]],
}
WORD_GRAMS = {
    ("<s>",): (-99.0, -0.2),
    ("</s>",): (-0.4, 0.0),
    ("ab",): (-0.7, -0.3),
    ("a",): (-0.6, -0.1),
    ("ba",): (-1.1, 0.0),
    ("<unk>",): (-2.0, 0.0),
    ("<s>", "ab"): (-0.3, 0.0),
    ("a", "a"): (-0.2, 0.0),
}


def emissions(seed, frames):
    return np.log(np.random.default_rng(seed).dirichlet(np.full(len(TOKENS), 0.6), frames)).astype(np.float32)


def collapse(path):
    return tuple(token for token, _ in itertools.groupby(path) if token != 0)


def readings(scores, log_add):
    """Each sequence of tokens and the score of its paths, by trying every path."""
    found = {}
    for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        total = sum(float(scores[t, token]) for t, token in enumerate(path))
        found.setdefault(collapse(path), []).append(total)
    if log_add:
        return {tokens: float(np.logaddexp.reduce(totals)) for tokens, totals in found.items()}
    return {tokens: max(totals) for tokens, totals in found.items()}


def sentence_score(lm, indices):
    state, total = lm.start(False), 0.0
    for index in indices:
        state, chance = lm.score(state, index)
        total += chance
    return total + lm.finish(state)[1]


def segmentations(tokens, silence=1):
    """All ways to cut a sequence of tokens into words of the lexicon, with silences between them."""
    if not tokens:
        return [()]
    found = []
    if tokens[0] == silence:
        found += segmentations(tokens[1:])
    for word, spellings in LEXICON.items():
        for spelling in spellings:
            indices = tuple(TOKENS.index(token) for token in spelling)
            if tokens[: len(indices)] == indices:
                found += [(word, *rest) for rest in segmentations(tokens[len(indices) :])]
    return found


WIDE = {"beam_size": 10_000, "beam_threshold": math.inf, "nbest": 10_000}


@pytest.mark.parametrize("log_add", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_without_lexicon(seed, log_add):
    scores = emissions(seed, 5)
    expected = readings(scores, log_add)
    found = ctc_decoder(None, TOKENS, log_add=log_add, **WIDE)(facula.tensor(scores)[None])[0]
    assert {tuple(hypothesis.tokens.tolist()) for hypothesis in found} == set(expected)
    for hypothesis in found:
        assert hypothesis.score == pytest.approx(expected[tuple(hypothesis.tokens.tolist())], abs=1e-4)
    assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)


@pytest.mark.parametrize("log_add", [False, True])
def test_without_lexicon_with_language_model(log_add):
    scores = emissions(7, 5)
    lm = NGramLM(GRAMS, TOKENS)
    decoder = ctc_decoder(None, TOKENS, lm, lm_weight=1.5, sil_score=-0.25, log_add=log_add, **WIDE)
    for hypothesis in decoder(facula.tensor(scores)[None])[0]:
        tokens = tuple(hypothesis.tokens.tolist())
        expected = readings(scores, log_add)[tokens] + 1.5 * sentence_score(lm, tokens) - 0.25 * tokens.count(1)
        assert hypothesis.score == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("log_add", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_with_lexicon_and_language_model(seed, log_add):
    scores = emissions(seed + 10, 6)
    lm = NGramLM(WORD_GRAMS, [*LEXICON, "<unk>"])
    names = list(LEXICON)
    expected = {}
    for tokens, total in readings(scores, log_add).items():
        for words in segmentations(tokens):
            bonus = 2 * sentence_score(lm, [names.index(word) for word in words]) + 0.3 * len(words)
            bonus -= 0.1 * tokens.count(1)
            expected[(tokens, words)] = total + bonus
    decoder = ctc_decoder(LEXICON, TOKENS, lm, word_score=0.3, sil_score=-0.1, log_add=log_add, **WIDE)
    found = decoder(facula.tensor(scores)[None])[0]
    best = {}
    for hypothesis in found:
        best[(tuple(hypothesis.tokens.tolist()), tuple(hypothesis.words))] = hypothesis.score
    assert set(best) == set(expected)
    for key, score in best.items():
        assert score == pytest.approx(expected[key], abs=1e-4), key
    assert found[0].score == pytest.approx(max(expected.values()), abs=1e-4)


def test_narrow_beams_give_a_part_of_the_exact_answer():
    scores = emissions(3, 12)
    wide = ctc_decoder(None, TOKENS, log_add=True, beam_size=500)(facula.tensor(scores)[None])[0][0]
    narrow = ctc_decoder(None, TOKENS, log_add=True, beam_size=20, beam_size_token=3, beam_threshold=10)
    found = narrow(facula.tensor(scores)[None])[0][0]
    assert found.tokens.tolist() == wide.tokens.tolist()
    assert found.score <= wide.score + 1e-6


def test_a_reading_is_left_where_no_word_fits():
    scores = np.full((3, 4), -20.0, np.float32)
    scores[:, 1] = -0.1
    scores[:, 3] = -1.0
    found = ctc_decoder({"a": [["a"]]}, TOKENS, beam_size_token=1)(facula.tensor(scores)[None])[0]
    assert found[0].words == []
    assert ctc_decoder({"a": [["a"]]}, TOKENS, beam_size_token=2)(facula.full((1, 2, 4), -math.inf))[0]


def test_unknown_words():
    """What the lexicon lacks is read as unknown where that is allowed, and what is spelled so far is dropped where it is not."""
    scores = np.full((4, 4), -9.0, np.float32)
    scores[[0, 1, 2, 3], [3, 0, 3, 2]] = -0.01  # b b a
    lexicon = {"ab": [["a", "b"]], "baa": [["b", "a", "a"]], "bb": [["b", "b"]]}
    strict = ctc_decoder(lexicon, TOKENS, beam_size=100)(facula.tensor(scores)[None])[0][0]
    assert strict.words == ["bb"]
    free = ctc_decoder(lexicon, TOKENS, beam_size=100, unk_score=-1.0)(facula.tensor(scores)[None])[0][0]
    assert free.words == ["bb", "<unk>"]
    assert free.tokens.tolist() == [3, 3, 2]
    assert free.score == pytest.approx(-1.04, abs=1e-4)


def test_parts_are_as_good_as_the_whole():
    scores = facula.tensor(emissions(5, 9))
    decoder = ctc_decoder(LEXICON, TOKENS, nbest=3)
    whole = decoder(scores[None])[0]
    decoder.decode_begin()
    for start in range(0, 9, 2):
        decoder.decode_step(scores[start : start + 2])
    decoder.decode_end()
    parts = decoder.get_final_hypothesis()
    assert [(h.words, h.score) for h in parts] == [(h.words, h.score) for h in whole]


def test_lengths_and_timesteps():
    best = [0, 2, 2, 0, 2, 3, 3, 0]
    scores = np.full((8, 4), -5.0, np.float32)
    scores[np.arange(8), best] = 0.0
    both = facula.tensor(np.stack([scores, scores]))
    for search in (
        lambda x, lengths: [hypotheses[0] for hypotheses in ctc_decoder(None, TOKENS)(x, lengths)],
        ctc_greedy,
    ):
        whole, half = search(both, facula.tensor([8, 3]))
        assert (whole.tokens.tolist(), whole.timesteps.tolist()) == ([2, 2, 3], [1, 4, 5])
        assert (half.tokens.tolist(), half.timesteps.tolist()) == ([2], [1])
        assert whole.score == pytest.approx(0.0)
    assert ctc_decoder(None, TOKENS).idxs_to_tokens(whole.tokens) == ["a", "a", "b"]
    assert ctc_greedy(facula.zeros(1, 0, 4))[0].tokens.tolist() == []
    assert ctc_decoder(None, TOKENS)(facula.zeros(1, 0, 4))[0][0].tokens.tolist() == []


def test_another_language_model():
    class Never(CTCDecoderLM):
        """No b."""

        def start(self, start_with_nothing):
            return 0

        def score(self, state, usr_token_idx):
            return state + 1, -1000.0 if TOKENS[usr_token_idx] == "b" else 0.0

        def finish(self, state):
            return state, 0.0

    scores = np.full((3, 4), -3.0, np.float32)
    scores[[0, 1, 2], [3, 0, 3]] = -0.1
    found = ctc_decoder(None, TOKENS, Never(), beam_threshold=1e9)(facula.tensor(scores)[None])[0][0]
    assert 3 not in found.tokens.tolist()


def test_files(tmp_path):
    (tmp_path / "tokens.txt").write_text("\n".join(TOKENS) + "\n")
    (tmp_path / "lexicon.txt").write_text("ab a b\nba\tb a\nba b b\n\n")
    (tmp_path / "words.txt").write_text("other\nba\n")
    scores = np.full((2, 4), -5.0, np.float32)
    scores[[0, 1], [2, 3]] = 0.0
    arguments = (tmp_path / "lexicon.txt", tmp_path / "tokens.txt")
    assert ctc_decoder(*arguments)(facula.tensor(scores)[None])[0][0].words == ["ab"]
    numbered = ctc_decoder(*arguments, lm_dict=tmp_path / "words.txt")
    assert numbered.words == ["other", "ba"]
    scores[[0, 1]] = scores[[1, 0]]
    assert numbered(facula.tensor(scores)[None])[0][0].words == ["ba"]
    (tmp_path / "tokens.txt").write_text("- |\n")
    with pytest.raises(ValueError, match="read_tokens: expected one token a line, got .* as number 1"):
        ctc_decoder(None, tmp_path / "tokens.txt")
    (tmp_path / "lexicon.txt").write_text("ab\n")
    with pytest.raises(ValueError, match="read_lexicon: expected a word and its tokens, got 'ab'"):
        ctc_decoder(tmp_path / "lexicon.txt", TOKENS)
    (tmp_path / "lexicon.txt").write_bytes(b"ab \xff\n")
    with pytest.raises(ValueError, match="read_lexicon: expected UTF-8, got byte 3"):
        ctc_decoder(tmp_path / "lexicon.txt", TOKENS)


def test_errors():
    with pytest.raises(ValueError, match="expected blank_token to be one of the tokens, got '_'"):
        ctc_decoder(None, TOKENS, blank_token="_")
    with pytest.raises(ValueError, match="expected spellings of known tokens, got 'c' in the word 'cab'"):
        ctc_decoder({"cab": [["c", "a", "b"]]}, TOKENS)
    with pytest.raises(ValueError, match="of at least 1, got 1, 0 and None"):
        ctc_decoder(None, TOKENS, beam_size=0)
    decoder = ctc_decoder(None, TOKENS)
    with pytest.raises(ValueError, match=r"\(N, frames, tokens\) of 4 tokens, got \(2, 4\)"):
        decoder(facula.zeros(2, 4))
    with pytest.raises(ValueError, match="expected scores, got nan"):
        decoder(facula.full((1, 2, 4), math.nan))
    with pytest.raises(TypeError, match="abstract"):
        CTCDecoderLM()
