"""Recurrent models: a language model, translation with attention.

Sources: S. Hochreiter, J. Schmidhuber, "Long Short-Term Memory", 1997; K. Cho et al., https://arxiv.org/abs/1406.1078;
attention by products: M. Luong et al., https://arxiv.org/abs/1508.04025.
"""

from __future__ import annotations

from typing import Any

import facula
from facula import Tensor, nn
from facula_text.generation import generate

__all__ = ["RecurrentLM", "RecurrentState", "Seq2Seq", "Translation", "recurrent_lm", "seq2seq"]

KINDS = {"lstm": nn.LSTM, "gru": nn.GRU}


class RecurrentState:
    """What a recurrent model remembers: as much after a thousand ids as after one."""

    def __init__(self, hidden: Any = None) -> None:
        self.hidden = hidden
        self.length = 0

    def select(self, rows: Tensor) -> None:
        """Continue from other rows, e.g. the best beams."""
        if isinstance(self.hidden, tuple):
            self.hidden = tuple(part.index_select(1, rows) for part in self.hidden)
        elif self.hidden is not None:
            self.hidden = self.hidden.index_select(1, rows)


def _rnn(owner: str, kind: str, width: int, hidden: int, layers: int, dropout: float) -> nn.Module:
    if kind not in KINDS:
        raise ValueError(f"{owner}: expected kind 'lstm' or 'gru', got {kind!r}. Choose one of them.")
    return KINDS[kind](width, hidden, layers, batch_first=True, dropout=dropout if layers > 1 else 0.0)


class RecurrentLM(nn.Module):
    """Embeddings, LSTM or GRU layers, logits of the next id.

    Shape: ids (B, T) -> logits (B, T, vocab_size). ValueError for another kind.

    >>> import facula
    >>> from facula_text.models import RecurrentLM
    >>> RecurrentLM(vocab_size=10, n_embd=8, hidden=16)(facula.zeros(2, 5, dtype=facula.int64)).shape
    facula.Size([2, 5, 10])
    """

    block_size: int | None = None

    def __init__(
        self,
        vocab_size: int,
        n_embd: int = 128,
        hidden: int = 256,
        n_layer: int = 1,
        *,
        kind: str = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.vocab_size = vocab_size
        self.embedding = nn.Embedding(vocab_size, n_embd)
        self.rnn = _rnn("RecurrentLM", kind, n_embd, hidden, n_layer, dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, vocab_size)

    def make_cache(self, batch: int, capacity: int, padding: Tensor | None = None) -> RecurrentState:
        """An empty state; ValueError for filling on the left, which the layers would read."""
        if padding is not None and bool((padding > 0).any()):
            raise ValueError(
                "RecurrentLM: expected rows of one length, got filling. Generate for one length at a time."
            )
        return RecurrentState()

    def forward(self, input: Tensor, cache: RecurrentState | None = None) -> Tensor:
        """The logits; with a state, those of ids that follow what it has seen, and it takes them up."""
        output, hidden = self.rnn(self.dropout(self.embedding(input)), cache.hidden if cache else None)
        if cache:
            cache.hidden, cache.length = hidden, cache.length + input.shape[1]
        return self.head(self.dropout(output))  # (B, T, vocab_size)

    def generate(self, input: Tensor, max_new_tokens: int, **options: Any) -> Tensor:
        """`facula_text.generate` with this model."""
        return generate(self, input, max_new_tokens, **options)


class Seq2Seq(nn.Module):
    """An encoder in both directions and a decoder that looks at all it has read (GRU).

    Each step's query meets every source state by product; logits = head(tanh(combine([context, state]))).

    Shape: source (B, S), target (B, T), source mask (B, S) -> logits (B, T, target_size).

    >>> import facula
    >>> from facula_text.models import Seq2Seq
    >>> ids = facula.zeros(2, 5, dtype=facula.int64)
    >>> Seq2Seq(source_size=10, target_size=12, n_embd=8, hidden=16)(ids, ids[:, :3]).shape
    facula.Size([2, 3, 12])
    """

    def __init__(
        self, source_size: int, target_size: int, n_embd: int = 128, hidden: int = 256, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.source = nn.Embedding(source_size, n_embd)
        self.target = nn.Embedding(target_size, n_embd)
        self.encoder = nn.GRU(n_embd, hidden, batch_first=True, bidirectional=True)
        self.start = nn.Linear(2 * hidden, hidden)
        self.decoder = nn.GRU(n_embd, hidden, batch_first=True)
        self.query = nn.Linear(hidden, 2 * hidden, bias=False)
        self.combine = nn.Linear(3 * hidden, hidden)
        self.head = nn.Linear(hidden, target_size)
        self.dropout = nn.Dropout(dropout)

    def encode(self, source: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The states of the source, and the decoder's first; filling is not read.   Shape: (B, S, 2H) and (1, B, H)."""
        embedded = self.dropout(self.source(source))
        if mask is None:
            states, last = self.encoder(embedded)
        else:
            lengths = mask.sum(1)
            packed, last = self.encoder(
                nn.utils.rnn.pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
            )
            states, _ = nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=source.shape[1])
        return states, facula.tanh(self.start(facula.cat([last[0], last[1]], dim=-1))).unsqueeze(0)

    def decode(
        self, target: Tensor, hidden: Tensor, states: Tensor, mask: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits of what follows each target id, the decoder's last state, and where it looked (B, T, S)."""
        output, hidden = self.decoder(self.dropout(self.target(target)), hidden)
        scores = self.query(output) @ states.mT  # (B, T, S)
        if mask is not None:
            scores = scores.masked_fill((mask == 0).unsqueeze(1), -facula.inf)
        attention = scores.softmax(dim=-1)
        mixed = facula.tanh(self.combine(facula.cat([attention @ states, output], dim=-1)))
        return self.head(self.dropout(mixed)), hidden, attention

    def forward(self, source: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        states, hidden = self.encode(source, mask)
        return self.decode(target, hidden, states, mask)[0]

    def generate(
        self, source: Tensor, max_new_tokens: int, *, start_id: int, mask: Tensor | None = None, **options: Any
    ) -> Tensor:
        """Translations, without `start_id`; options as of `facula_text.generate`.   Shape: (B, S) -> (B, T)."""
        first = facula.full((len(source), 1), start_id, dtype=facula.int64, device=source.device)
        return generate(Translation(self, source, mask), first, max_new_tokens, **options)[:, 1:]


class Translation:
    """A `Seq2Seq` that has read its source: a language model of the target."""

    block_size: int | None = None

    def __init__(self, model: Seq2Seq, source: Tensor, mask: Tensor | None = None) -> None:
        self.model = model
        self.source = source
        self.mask = mask

    @property
    def training(self) -> bool:
        return self.model.training

    def train(self, mode: bool = True) -> Translation:
        self.model.train(mode)
        return self

    def make_cache(self, batch: int, capacity: int, padding: Tensor | None = None) -> RecurrentState:
        """The state after the source; `batch` is a multiple of its rows, each repeated in place."""
        states, hidden = self.model.encode(self.source, self.mask)
        rows = batch // len(self.source)
        state = RecurrentState(hidden.repeat_interleave(rows, 1))
        self.states = states.repeat_interleave(rows, 0)
        self.seen = None if self.mask is None else self.mask.repeat_interleave(rows, 0)
        return state

    def __call__(self, input: Tensor, cache: Any = None) -> Tensor:
        logits, cache.hidden, _ = self.model.decode(input, cache.hidden, self.states, self.seen)
        return logits


def recurrent_lm(*, vocab_size: int = 256, **config: Any) -> RecurrentLM:
    """One LSTM layer, 256 wide, unless the configuration says otherwise."""
    return RecurrentLM(vocab_size, **config)


def seq2seq(*, source_size: int = 256, target_size: int = 256, **config: Any) -> Seq2Seq:
    """A GRU encoder and decoder, 256 wide, unless the configuration says otherwise."""
    return Seq2Seq(source_size, target_size, **config)
