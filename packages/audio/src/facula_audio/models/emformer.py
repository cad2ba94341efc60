"""Emformer, a transformer that reads a stream segment by segment and remembers summaries of what went by.

Source: Y. Shi et al., "Emformer: Efficient Memory Transformer Based Acoustic Model For Low Latency Streaming Speech
Recognition", https://arxiv.org/abs/2010.10759. Inside, time comes first: (time, N, width).
"""

from __future__ import annotations

import math

import facula
from facula import Tensor, nn
from facula_audio.models.padding import padding_mask

__all__ = ["Emformer"]

State = list[Tensor]  # memory, keys and values of the left context, how many frames went by
_ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU}


def _gain(strategy: str | None, index: int) -> float | None:
    """The gain of the weights at the start in the layer of this number; None for those of `nn.Linear`."""
    if strategy is None:
        return None
    if strategy not in ("depthwise", "constant"):
        raise ValueError(
            f"Emformer: unsupported weight_init_scale_strategy value {strategy!r}, expected 'depthwise', 'constant' or "
            "None."
        )
    return 1.0 / math.sqrt(index + 1) if strategy == "depthwise" else 1.0 / math.sqrt(2)


class EmformerAttention(nn.Module):
    """Attention of right contexts, utterance and summaries to memories, right contexts, left context and utterance."""

    def __init__(
        self,
        input_dim: int,
        num_heads: int,
        dropout: float,
        gain: float | None,
        tanh_on_mem: bool,
        negative_inf: float,
    ) -> None:
        super().__init__()
        if input_dim % num_heads:
            raise ValueError(
                f"Emformer: input_dim ({input_dim}) is not a multiple of num_heads ({num_heads}), expected that, got a "
                f"rest of {input_dim % num_heads}."
            )
        self.num_heads = num_heads
        self.head_dim = input_dim // num_heads
        self.dropout = dropout
        self.tanh_on_mem = tanh_on_mem
        self.negative_inf = negative_inf
        self.emb_to_key_value = nn.Linear(input_dim, 2 * input_dim)
        self.emb_to_query = nn.Linear(input_dim, input_dim)
        self.out_proj = nn.Linear(input_dim, input_dim)
        if gain is not None:
            nn.init.xavier_uniform_(self.emb_to_key_value.weight, gain=gain)
            nn.init.xavier_uniform_(self.emb_to_query.weight, gain=gain)

    def _heads(self, x: Tensor) -> Tensor:
        """(time, N, width) -> (N, heads, time, head_dim)."""
        return x.view(x.shape[0], x.shape[1], self.num_heads, self.head_dim).permute(1, 2, 0, 3)

    def forward(
        self,
        utterance: Tensor,
        lengths: Tensor,
        right_context: Tensor,
        summary: Tensor,
        mems: Tensor,
        forbidden: Tensor | None,
        left_key: Tensor | None = None,
        left_value: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Right contexts and utterance attended to; the next memories; keys and values of the utterance.

        `forbidden` (queries, keys) is True where a query may not look.
        """
        width = self.num_heads * self.head_dim
        query = self.emb_to_query(facula.cat([right_context, utterance, summary]))
        both = self.emb_to_key_value(facula.cat([mems, right_context, utterance]))
        key, value = both[..., :width], both[..., width:]
        ahead = len(mems) + len(right_context)
        own_key, own_value = key[ahead:], value[ahead:]
        left = 0
        if left_key is not None and left_value is not None:
            left = len(left_key)
            key = facula.cat([key[:ahead], left_key, own_key])
            value = facula.cat([value[:ahead], left_value, own_value])
        scores = facula.matmul(self._heads(query) * self.head_dim**-0.5, self._heads(key).transpose(2, 3))
        if forbidden is not None:
            scores = scores.masked_fill(forbidden, self.negative_inf)
        if query.shape[1] > 1:  # one sequence alone is never padded
            over = padding_mask(lengths + (ahead + left), len(key))
            scores = scores.masked_fill(over[:, None, None], self.negative_inf)
        weights = nn.functional.dropout(scores.softmax(dim=-1), self.dropout, self.training)
        attended = facula.matmul(weights, self._heads(value))  # (N, heads, queries, head_dim)
        output = self.out_proj(attended.permute(2, 0, 1, 3).flatten(2))
        split = len(query) - len(summary)
        memories = output[split:].tanh() if self.tanh_on_mem else output[split:].clamp(-10, 10)
        return output[:split], memories, own_key, own_value


class EmformerLayer(nn.Module):
    """Attention and a feed-forward part over an utterance, its right contexts and its memories."""

    def __init__(
        self,
        input_dim: int,
        num_heads: int,
        ffn_dim: int,
        segment_length: int,
        dropout: float,
        activation: str,
        left_context_length: int,
        max_memory_size: int,
        gain: float | None,
        tanh_on_mem: bool,
        negative_inf: float,
    ) -> None:
        super().__init__()
        if activation not in _ACTIVATIONS:
            raise ValueError(
                f"Emformer: unsupported activation {activation!r}, expected one of {sorted(_ACTIVATIONS)}."
            )
        self.attention = EmformerAttention(input_dim, num_heads, dropout, gain, tanh_on_mem, negative_inf)
        self.dropout = nn.Dropout(dropout)
        self.memory_op = nn.AvgPool1d(segment_length, stride=segment_length, ceil_mode=True)
        self.pos_ff = nn.Sequential(
            nn.LayerNorm(input_dim),
            nn.Linear(input_dim, ffn_dim),
            _ACTIVATIONS[activation](),
            nn.Dropout(dropout),
            nn.Linear(ffn_dim, input_dim),
            nn.Dropout(dropout),
        )
        self.layer_norm_input = nn.LayerNorm(input_dim)
        self.layer_norm_output = nn.LayerNorm(input_dim)
        self.left_context_length = left_context_length
        self.segment_length = segment_length
        self.max_memory_size = max_memory_size
        self.input_dim = input_dim

    def init_state(self, batch: int, device: facula.device | None = None) -> State:
        """What is known before the first segment: nothing."""
        sizes = (self.max_memory_size, self.left_context_length, self.left_context_length)
        zeros = [facula.zeros(size, batch, self.input_dim, device=device) for size in sizes]
        return [*zeros, facula.zeros(1, batch, dtype=facula.int32, device=device)]

    def _normed(self, utterance: Tensor, right_context: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Both normalised, and the means of the utterance's segments."""
        normed = self.layer_norm_input(facula.cat([right_context, utterance]))
        right_context, utterance = normed[: len(right_context)], normed[len(right_context) :]
        if self.max_memory_size == 0:
            return utterance, right_context, utterance[:0]
        return utterance, right_context, summarised(self.memory_op, utterance)

    def _finished(self, attended: Tensor, utterance: Tensor, right_context: Tensor) -> tuple[Tensor, Tensor]:
        x = self.dropout(attended) + facula.cat([right_context, utterance])
        x = self.layer_norm_output(self.pos_ff(x) + x)
        return x[len(right_context) :], x[: len(right_context)]

    def forward(
        self, utterance: Tensor, lengths: Tensor, right_context: Tensor, mems: Tensor, forbidden: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """All segments at once -> utterance, right contexts and memories for the next layer."""
        normed, normed_right, summary = self._normed(utterance, right_context)
        attended, memories, _, _ = self.attention(normed, lengths, normed_right, summary, mems, forbidden)
        utterance, right_context = self._finished(attended, utterance, right_context)
        return utterance, right_context, memories[:-1] if self.max_memory_size else mems

    def infer(
        self, utterance: Tensor, lengths: Tensor, right_context: Tensor, state: State | None, mems: Tensor
    ) -> tuple[Tensor, Tensor, State, Tensor]:
        """One segment after those that made `state` -> utterance, right context, new state, memory for the next layer."""
        if state is None:
            state = self.init_state(utterance.shape[1], utterance.device)
        memory, left_key, left_value, past = state
        gone = int(past[0, 0])
        kept = min(self.max_memory_size, math.ceil(gone / self.segment_length))
        known = min(self.left_context_length, gone)
        earlier = memory[self.max_memory_size - kept :]
        start = self.left_context_length - known
        normed, normed_right, summary = self._normed(utterance, right_context)
        summary = summary[:1]
        forbidden = None
        if len(summary):
            queries = len(right_context) + len(utterance) + 1
            keys = kept + len(right_context) + known + len(utterance)
            forbidden = facula.zeros(queries, keys, dtype=facula.bool, device=utterance.device)
            forbidden[-1, :kept] = True
        attended, memories, key, value = self.attention(
            normed, lengths, normed_right, summary, earlier, forbidden, left_key[start:], left_value[start:]
        )
        size, left = self.max_memory_size, self.left_context_length
        all_memories, all_keys, all_values = (
            facula.cat(pair) for pair in ((memory, mems), (left_key, key), (left_value, value))
        )
        state = [
            all_memories[len(all_memories) - size :],
            all_keys[len(all_keys) - left :],
            all_values[len(all_values) - left :],
            past + len(utterance),
        ]
        utterance, right_context = self._finished(attended, utterance, right_context)
        return utterance, right_context, state, memories


def summarised(memory_op: nn.Module, utterance: Tensor) -> Tensor:
    """The mean of each segment.   Shape: (time, N, width) -> (segments, N, width)."""
    return memory_op(utterance.permute(1, 2, 0)).permute(2, 0, 1)


class Emformer(nn.Module):
    """`num_layers` Emformer layers; each segment sees a left context, its right context and memories of segments.

    Shape: (N, time + right_context_length, input_dim), lengths (N,) of frames without the right context -> (N, time,
    input_dim), lengths. ValueError for heads that do not divide `input_dim`, unknown activations and strategies.

    >>> import facula
    >>> from facula_audio.models import Emformer
    >>> model = Emformer(input_dim=16, num_heads=4, ffn_dim=32, num_layers=2, segment_length=4, right_context_length=1)
    >>> output, lengths = model(facula.zeros(2, 13, 16), facula.tensor([12, 9]))
    >>> output.shape
    facula.Size([2, 12, 16])
    """

    def __init__(
        self,
        input_dim: int,
        num_heads: int,
        ffn_dim: int,
        num_layers: int,
        segment_length: int,
        dropout: float = 0.0,
        activation: str = "relu",
        left_context_length: int = 0,
        right_context_length: int = 0,
        max_memory_size: int = 0,
        weight_init_scale_strategy: str | None = "depthwise",
        tanh_on_mem: bool = False,
        negative_inf: float = -1e8,
    ) -> None:
        super().__init__()
        self.use_mem = max_memory_size > 0
        self.memory_op = nn.AvgPool1d(segment_length, stride=segment_length, ceil_mode=True)
        self.emformer_layers = nn.ModuleList(
            EmformerLayer(
                input_dim,
                num_heads,
                ffn_dim,
                segment_length,
                dropout,
                activation,
                left_context_length,
                max_memory_size,
                _gain(weight_init_scale_strategy, index),
                tanh_on_mem,
                negative_inf,
            )
            for index in range(num_layers)
        )
        self.left_context_length = left_context_length
        self.right_context_length = right_context_length
        self.segment_length = segment_length
        self.max_memory_size = max_memory_size

    def _right_contexts(self, input: Tensor) -> Tensor:
        """What follows each segment, one after the other; the last one sees the end of the input."""
        time = len(input) - self.right_context_length
        starts = [*range(self.segment_length, time, self.segment_length), time]
        return facula.cat([input[start : start + self.right_context_length] for start in starts])

    def _forbidden(self, time: int, device: facula.device) -> Tensor:
        """True where a query may not look.   Shape: (right contexts + time + segments, memories + right contexts + time)."""
        length, right = self.segment_length, self.right_context_length
        segments = math.ceil(time / length)
        segment = facula.arange(segments, device=device)
        of_right = segment.repeat_interleave(right)
        frame = facula.arange(time, device=device)
        of_frame = frame // length
        queries = facula.cat([of_right, of_frame, *([segment] if self.use_mem else [])]).unsqueeze(1)
        first = (queries * length - self.left_context_length).clamp(min=0)
        sees = [
            queries == of_right,
            (frame >= first) & (frame < (queries + 1) * length),
        ]
        if self.use_mem:
            memory = segment[: segments - 1]
            known = (memory < queries) & (memory >= queries - self.max_memory_size)
            known[len(of_right) + time :] = False  # summaries are made of the segment alone
            sees.insert(0, known)
        return ~facula.cat(sees, dim=1)

    def forward(self, input: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """All segments at once, for training."""
        x = input.transpose(0, 1)
        right_context = self._right_contexts(x)
        utterance = x[: len(x) - self.right_context_length]
        forbidden = self._forbidden(len(utterance), input.device)
        mems = summarised(self.memory_op, utterance)[:-1] if self.use_mem else utterance[:0]
        for layer in self.emformer_layers:
            utterance, right_context, mems = layer(utterance, lengths, right_context, mems, forbidden)
        return utterance.transpose(0, 1), lengths

    def infer(
        self, input: Tensor, lengths: Tensor, states: list[State] | None = None
    ) -> tuple[Tensor, Tensor, list[State]]:
        """The next segment of a stream, with the states that the segments before it gave.

        Shape: (N, segment_length + right_context_length, input_dim), lengths (N,) with the right context -> (N,
        segment_length, input_dim), lengths without it, states. ValueError for another number of frames.
        """
        expected = self.segment_length + self.right_context_length
        if input.shape[1] != expected:
            raise ValueError(
                f"Emformer: per configured segment_length and right_context_length, expected size of {expected} for "
                f"dimension 1 of input, got {input.shape[1]}. Pad the last segment."
            )
        x = input.transpose(0, 1)
        right_context, utterance = x[self.segment_length :], x[: self.segment_length]
        lengths = (lengths - self.right_context_length).clamp(min=0)
        mems = summarised(self.memory_op, utterance) if self.use_mem else utterance[:0]
        found: list[State] = []
        for index, layer in enumerate(self.emformer_layers):
            state = None if states is None else states[index]
            utterance, right_context, state, mems = layer.infer(utterance, lengths, right_context, state, mems)
            found.append(state)
        return utterance.transpose(0, 1), lengths, found
