"""CTC decoding: which tokens or words a model's scores of frames mean.

Sources: A. Graves et al., "Connectionist Temporal Classification", ICML 2006; A. Y. Hannun et al., "First-Pass Large
Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", https://arxiv.org/abs/1408.2873 (the search
over prefixes). Arguments are those of torchaudio's `ctc_decoder`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

import facula
from facula import Tensor
from facula_audio.models.decoder.lexicon import Node, read_lexicon, read_tokens, tree_of
from facula_audio.models.decoder.ngram import CTCDecoderLM, NGramLM

__all__ = ["CTCDecoder", "CTCHypothesis", "ctc_decoder", "ctc_greedy"]

_NEVER = -math.inf


class CTCHypothesis(NamedTuple):
    """One reading: indices of tokens, words (with a lexicon), its score, and the frame in which each token begins."""

    tokens: Tensor
    words: list[str]
    score: float
    timesteps: Tensor


class _Prefix:
    """A sequence of tokens and words, and the scores of the paths that mean it, by what their last frame is."""

    __slots__ = ("bonus", "identity", "in_blank", "in_token", "key", "node", "parent", "state", "token", "word")

    def __init__(self, parent: _Prefix | None, key: tuple[int, int, int], node: Node | None) -> None:
        self.parent, self.key, self.node = parent, key, node
        self.identity = -1
        _, self.token, self.word = key
        self.in_blank = self.in_token = _NEVER
        self.bonus, self.state = 0.0, None  # of the language model, words and silences

    def lineage(self) -> list[_Prefix]:
        """All prefixes with a token, the shortest first."""
        found: list[_Prefix] = []
        prefix: _Prefix | None = self
        while prefix is not None and prefix.token >= 0:
            found.append(prefix)
            prefix = prefix.parent
        return found[::-1]


def _log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == _NEVER else a + math.log1p(math.exp(b - a))


class CTCDecoder:
    """Beam search over prefixes; `ctc_decoder` makes one.

    The score of a reading is that of its best path (of all its paths with `log_add`), plus `lm_weight` times log10 of its
    chance in the language model, `word_score` for each word (`unk_score` more for an unknown one) and `sil_score` for each
    silence. With a wide beam and no limits the search is exact.
    """

    def __init__(
        self,
        tokens: Sequence[str],
        lexicon: Mapping[str, list[list[str]]] | None,
        lm: CTCDecoderLM | None,
        nbest: int,
        beam_size: int,
        beam_size_token: int | None,
        beam_threshold: float,
        lm_weight: float,
        word_score: float,
        unk_score: float,
        sil_score: float,
        log_add: bool,
        blank_token: str,
        sil_token: str,
        unk_word: str,
    ) -> None:
        if nbest < 1 or beam_size < 1 or (beam_size_token is not None and beam_size_token < 1):
            raise ValueError(
                f"ctc_decoder: expected nbest, beam_size and beam_size_token of at least 1, got {nbest}, {beam_size} and "
                f"{beam_size_token}."
            )
        self.tokens = list(tokens)
        index = {token: place for place, token in enumerate(self.tokens)}
        for name, token in (("blank_token", blank_token), ("sil_token", sil_token)):
            if token not in index:
                raise ValueError(
                    f"ctc_decoder: expected {name} to be one of the tokens, got {token!r}. Add it, or name another."
                )
        self.blank, self.silence = index[blank_token], index[sil_token]
        self.words = [] if lexicon is None else list(lexicon)
        self.root = None if lexicon is None else tree_of(lexicon, index)
        self.unknown = -1
        if unk_score > _NEVER and lexicon is not None:
            if unk_word not in self.words:
                self.words.append(unk_word)
            self.unknown = self.words.index(unk_word)
        self.lm = lm
        self.nbest, self.beam_size = nbest, beam_size
        self.beam_size_token = min(beam_size_token or len(self.tokens), len(self.tokens))
        self.beam_threshold = beam_threshold
        self.lm_weight, self.word_score, self.unk_score = lm_weight, word_score, unk_score
        self.sil_score = sil_score
        self.add = _log_add if log_add else max
        self.decode_begin()

    def decode_begin(self) -> None:
        """Forget everything, before the first frame of a sound that comes in parts."""
        empty = _Prefix(None, (-1, -1, -1), self.root)
        empty.in_blank, empty.identity = 0.0, 0
        empty.state = None if self.lm is None else self.lm.start(False)
        self._beam = [empty]
        self._identities: dict[tuple[int, int, int], int] = {empty.key: 0}
        self._frames: list[np.ndarray] = []

    def _moves(self, prefix: _Prefix, token: int) -> Iterator[tuple[int, Node | None]]:
        """The words that this token may complete (-1: none) and where in the tree the search goes on."""
        if prefix.node is None or self.root is None:
            yield -1, None
            return
        if token == self.silence and prefix.node is self.root:
            yield -1, self.root
        node = prefix.node.children.get(token)
        if node is None:
            return
        if node.children:
            yield -1, node
        for word in node.words:
            yield word, self.root
        if self.unknown >= 0:
            yield self.unknown, self.root

    def _judge(self, prefix: _Prefix) -> None:
        """Add what the language model, words and silences count."""
        parent = prefix.parent
        assert parent is not None
        prefix.bonus, prefix.state = parent.bonus, parent.state
        if prefix.token == self.silence:
            prefix.bonus += self.sil_score
        if prefix.word >= 0:
            prefix.bonus += self.word_score + (self.unk_score if prefix.word == self.unknown else 0.0)
        said = prefix.token if self.root is None else prefix.word
        if self.lm is not None and said >= 0:
            prefix.state, chance = self.lm.score(parent.state, said)
            prefix.bonus += self.lm_weight * chance

    def _total(self, prefix: _Prefix) -> float:
        return self.add(prefix.in_blank, prefix.in_token) + prefix.bonus

    def _step(self, frame: np.ndarray) -> None:
        tokens = np.argsort(-frame, kind="stable")[: self.beam_size_token].tolist()
        if self.blank not in tokens:  # what leaves every reading as it is, so that some reading is always left
            tokens.append(self.blank)
        scores = frame.tolist()
        add, found = self.add, dict[tuple[int, int, int], _Prefix]()

        def reached(
            old: _Prefix | None, parent: _Prefix | None, key: tuple[int, int, int], node: Node | None
        ) -> _Prefix:
            prefix = found.get(key)
            if prefix is None:
                prefix = found[key] = _Prefix(parent, key, node)
                if old is not None:
                    prefix.bonus, prefix.state = old.bonus, old.state
                else:
                    self._judge(prefix)
            return prefix

        for old in self._beam:
            either = add(old.in_blank, old.in_token)
            for token in tokens:
                score = scores[token]
                if token == self.blank:
                    same = reached(old, old.parent, old.key, old.node)
                    same.in_blank = add(same.in_blank, either + score)
                    continue
                if token == old.token and old.in_token > _NEVER:
                    same = reached(old, old.parent, old.key, old.node)
                    same.in_token = add(same.in_token, old.in_token + score)
                base = old.in_blank if token == old.token else either
                if base == _NEVER:
                    continue
                for word, node in self._moves(old, token):
                    longer = reached(None, old, (old.identity, token, word), node)
                    longer.in_token = add(longer.in_token, base + score)
        ranked = sorted(((self._total(prefix), prefix) for prefix in found.values()), key=_first, reverse=True)
        bar = ranked[0][0] - self.beam_threshold
        self._beam = [prefix for total, prefix in ranked[: self.beam_size] if total >= bar]
        for prefix in self._beam:
            prefix.identity = self._identities.setdefault(prefix.key, len(self._identities))

    def decode_step(self, emissions: Tensor) -> None:
        """Read on: scores of some frames more, (frames, tokens)."""
        frames = _checked(emissions, 2, len(self.tokens))
        for frame in frames:
            self._step(frame)
            self._frames.append(frame)

    def decode_end(self) -> None:
        """Count the end of the sentence; readings whose last word is unfinished go, if others are there."""
        complete = [prefix for prefix in self._beam if prefix.node is self.root]
        self._beam = complete or self._beam
        for prefix in self._beam:
            if self.lm is not None:
                prefix.state, chance = self.lm.finish(prefix.state)
                prefix.bonus += self.lm_weight * chance
        self._beam.sort(key=self._total, reverse=True)

    def get_final_hypothesis(self) -> list[CTCHypothesis]:
        """The best `nbest` readings, best first."""
        frames = np.stack(self._frames) if self._frames else np.zeros((0, len(self.tokens)))
        found = []
        for prefix in self._beam[: self.nbest]:
            line = prefix.lineage()
            tokens = [part.token for part in line]
            words = [self.words[part.word] for part in line if part.word >= 0]
            begins = facula.tensor(_begins(frames, tokens, self.blank), dtype=facula.int32)
            found.append(
                CTCHypothesis(facula.tensor(tokens, dtype=facula.int64), words, float(self._total(prefix)), begins)
            )
        return found

    def __call__(self, emissions: Tensor, lengths: Tensor | None = None) -> list[list[CTCHypothesis]]:
        """The best readings of each sound: scores (N, frames, tokens), logarithms of chances as a rule; lengths (N,).

        ValueError for another shape, another number of tokens or another type.
        """
        batch = _checked(emissions, 3, len(self.tokens))
        found = []
        for index, frames in enumerate(batch):
            self.decode_begin()
            self.decode_step(facula.from_numpy(frames if lengths is None else frames[: int(lengths[index])]))
            self.decode_end()
            found.append(self.get_final_hypothesis())
        return found

    def idxs_to_tokens(self, idxs: Tensor) -> list[str]:
        """The tokens of these indices."""
        return [self.tokens[index] for index in idxs.tolist()]


def _first(pair: tuple[float, _Prefix]) -> float:
    return pair[0]


def _checked(emissions: Tensor, dims: int, tokens: int) -> np.ndarray:
    if emissions.dim() != dims or emissions.shape[-1] != tokens or not emissions.is_floating_point():
        shape = "(frames, tokens)" if dims == 2 else "(N, frames, tokens)"
        raise ValueError(
            f"ctc_decoder: expected floating-point scores {shape} of {tokens} tokens, got {tuple(emissions.shape)} of "
            f"{emissions.dtype}."
        )
    array: np.ndarray = emissions.detach().cpu().numpy()
    if np.isnan(array).any():
        raise ValueError("ctc_decoder: expected scores, got nan. Look for what made it in the model.")
    return array


def _begins(frames: np.ndarray, tokens: list[int], blank: int) -> list[int]:
    """In which frame each token begins on the best path that means these tokens."""
    if not tokens:
        return []
    states = np.full(2 * len(tokens) + 1, blank)
    states[1::2] = tokens
    may_skip = np.zeros(len(states), bool)
    may_skip[3::2] = states[3::2] != states[1:-2:2]
    scores = frames[:, states]  # (frames, states)
    best = np.full(len(states), _NEVER)
    best[:2] = scores[0, :2]
    back = np.zeros(scores.shape, np.int8)
    for t in range(1, len(scores)):
        stay = best
        step = np.concatenate([[_NEVER], best[:-1]])
        skip = np.where(may_skip, np.concatenate([[_NEVER, _NEVER], best[:-2]]), _NEVER)
        options = np.stack([stay, step, skip])
        back[t] = options.argmax(axis=0)
        best = options.max(axis=0) + scores[t]
    state = len(states) - 1 if best[-1] > best[-2] else len(states) - 2
    begins = [0] * len(tokens)
    for t in range(len(scores) - 1, -1, -1):
        if state % 2:
            begins[state // 2] = t
        state -= int(back[t, state])
    return begins


def ctc_decoder(
    lexicon: str | os.PathLike[str] | Mapping[str, list[list[str]]] | None,
    tokens: str | os.PathLike[str] | list[str],
    lm: str | os.PathLike[str] | CTCDecoderLM | None = None,
    lm_dict: str | os.PathLike[str] | None = None,
    nbest: int = 1,
    beam_size: int = 50,
    beam_size_token: int | None = None,
    beam_threshold: float = 50,
    lm_weight: float = 2,
    word_score: float = 0,
    unk_score: float = _NEVER,
    sil_score: float = 0,
    log_add: bool = False,
    blank_token: str = "-",
    sil_token: str = "|",
    unk_word: str = "<unk>",
) -> CTCDecoder:
    """A beam search for the scores of a CTC model.

    `lexicon` holds words and their spellings (a file or a mapping), None lets every sequence of tokens through; `tokens` is
    a file or a list. `lm` is an ARPA file or a `CTCDecoderLM`, of words with a lexicon, else of tokens. A `CTCDecoderLM` gets
    the numbers of words in the lexicon's order, or in that of the file `lm_dict`, whose words alone are then looked for.
    ValueError for missing tokens.

    >>> import facula
    >>> from facula_audio.models.decoder import ctc_decoder
    >>> decoder = ctc_decoder(None, ["-", "|", "a", "b"])
    >>> scores = facula.tensor([[[0.1, 0.0, 0.8, 0.1], [0.6, 0.0, 0.3, 0.1], [0.1, 0.0, 0.1, 0.8]]]).log()
    >>> decoder.idxs_to_tokens(decoder(scores)[0][0].tokens)
    ['a', 'b']
    """
    known = read_tokens(tokens) if isinstance(tokens, str | os.PathLike) else list(tokens)
    spellings = read_lexicon(lexicon) if isinstance(lexicon, str | os.PathLike) else lexicon
    if lm_dict is not None and spellings is not None:
        spellings = {word: spellings.get(word, []) for word in read_tokens(lm_dict)}
    if isinstance(lm, str | os.PathLike):
        said = known if spellings is None else [*spellings, unk_word]
        lm = NGramLM(lm, said, unk_word)
    return CTCDecoder(
        known,
        spellings,
        lm,
        nbest,
        beam_size,
        beam_size_token,
        beam_threshold,
        lm_weight,
        word_score,
        unk_score,
        sil_score,
        log_add,
        blank_token,
        sil_token,
        unk_word,
    )


def ctc_greedy(emissions: Tensor, lengths: Tensor | None = None, blank: int = 0) -> list[CTCHypothesis]:
    """The best token of each frame, without repetitions and blanks.   Shape: (N, frames, tokens), lengths (N,).

    >>> import facula
    >>> from facula_audio.models.decoder import ctc_greedy
    >>> best = facula.tensor([[1, 1, 0, 1, 2, 0]])
    >>> ctc_greedy(facula.nn.functional.one_hot(best, 3).float())[0].tokens.tolist()
    [1, 1, 2]
    """
    batch = _checked(emissions, 3, emissions.shape[-1])
    found = []
    for index, frames in enumerate(batch):
        frames = frames if lengths is None else frames[: int(lengths[index])]
        best = frames.argmax(axis=1)
        begins = np.flatnonzero((best != blank) & (np.diff(best, prepend=-1) != 0))
        score = float(frames.max(axis=1).sum())
        times = facula.from_numpy(begins.astype(np.int32))
        found.append(CTCHypothesis(facula.from_numpy(best[begins].astype(np.int64)), [], score, times))
    return found
