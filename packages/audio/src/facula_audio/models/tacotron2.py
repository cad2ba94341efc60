"""Tacotron 2, which turns symbols of a text into a mel spectrogram.

Source: J. Shen et al., "Natural TTS Synthesis by Conditioning WaveNet on Mel Spectrogram Predictions",
https://arxiv.org/abs/1712.05884.
"""

from __future__ import annotations

import math
import warnings
from itertools import pairwise

import facula
from facula import Tensor, nn
from facula.nn import functional as F
from facula_audio.models.padding import padding_mask

__all__ = ["Tacotron2"]


def _linear(inputs: int, outputs: int, bias: bool = True, gain: str = "linear") -> nn.Linear:
    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain(gain))
    return layer


def _conv(inputs: int, outputs: int, kernel: int, bias: bool = True, gain: str = "linear") -> nn.Conv1d:
    """A convolution over time that keeps its length."""
    layer = nn.Conv1d(inputs, outputs, kernel, padding=(kernel - 1) // 2, bias=bias)
    nn.init.xavier_uniform_(layer.weight, gain=nn.init.calculate_gain(gain))
    return layer


class Prenet(nn.Module):
    """Linear layers with ReLU and dropout that stays on, so that speech varies.   Shape: (*, in) -> (*, out)."""

    def __init__(self, in_dim: int, out_sizes: list[int]) -> None:
        super().__init__()
        sizes = [in_dim, *out_sizes]
        self.layers = nn.ModuleList(_linear(a, b, bias=False) for a, b in pairwise(sizes))

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = F.dropout(F.relu(layer(x)), p=0.5, training=True)
        return x


class Postnet(nn.Module):
    """Convolutions that add detail to a finished spectrogram.   Shape: (N, n_mels, frames), unchanged."""

    def __init__(self, n_mels: int, embedding_dim: int, kernel_size: int, n_convolution: int) -> None:
        super().__init__()
        sizes = [n_mels, *[embedding_dim] * (n_convolution - 1), n_mels]
        self.convolutions = nn.ModuleList(
            nn.Sequential(
                _conv(a, b, kernel_size, gain="linear" if index == n_convolution - 1 else "tanh"), nn.BatchNorm1d(b)
            )
            for index, (a, b) in enumerate(pairwise(sizes))
        )

    def forward(self, x: Tensor) -> Tensor:
        for index, conv in enumerate(self.convolutions):
            x = conv(x)
            if index < len(self.convolutions) - 1:
                x = x.tanh()
            x = F.dropout(x, 0.5, self.training)
        return x


class Encoder(nn.Module):
    """Convolutions and a recurrent layer in both directions.   Shape: (N, embedding_dim, time) -> (N, time, embedding_dim)."""

    def __init__(self, embedding_dim: int, n_convolution: int, kernel_size: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Sequential(_conv(embedding_dim, embedding_dim, kernel_size, gain="relu"), nn.BatchNorm1d(embedding_dim))
            for _ in range(n_convolution)
        )
        self.lstm = nn.LSTM(embedding_dim, embedding_dim // 2, 1, batch_first=True, bidirectional=True)

    def forward(self, x: Tensor, input_lengths: Tensor) -> Tensor:
        for conv in self.convolutions:
            x = F.dropout(F.relu(conv(x)), 0.5, self.training)
        packed = nn.utils.rnn.pack_padded_sequence(x.transpose(1, 2), input_lengths.cpu(), batch_first=True)
        outputs, _ = self.lstm(packed)
        padded: Tensor = nn.utils.rnn.pad_packed_sequence(outputs, batch_first=True)[0]
        return padded


class LocationLayer(nn.Module):
    """Features of where attention was.   Shape: (N, 2, time) -> (N, time, attention_hidden_dim)."""

    def __init__(self, n_filter: int, kernel_size: int, hidden_dim: int) -> None:
        super().__init__()
        self.location_conv = _conv(2, n_filter, kernel_size, bias=False)
        self.location_dense = _linear(n_filter, hidden_dim, bias=False, gain="tanh")

    def forward(self, weights: Tensor) -> Tensor:
        return self.location_dense(self.location_conv(weights).transpose(1, 2))


class Attention(nn.Module):
    """v . tanh(query + memory + location), as weights over the symbols.

    Shape: query (N, rnn_dim), memory (N, time, embedding_dim) -> context (N, embedding_dim), weights (N, time).
    """

    def __init__(self, rnn_dim: int, embedding_dim: int, hidden_dim: int, n_filter: int, kernel_size: int) -> None:
        super().__init__()
        self.query_layer = _linear(rnn_dim, hidden_dim, bias=False, gain="tanh")
        self.memory_layer = _linear(embedding_dim, hidden_dim, bias=False, gain="tanh")
        self.v = _linear(hidden_dim, 1, bias=False)
        self.location_layer = LocationLayer(n_filter, kernel_size, hidden_dim)

    def forward(
        self, query: Tensor, memory: Tensor, processed_memory: Tensor, weights: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        total = self.query_layer(query).unsqueeze(1) + self.location_layer(weights) + processed_memory
        scores = self.v(total.tanh()).squeeze(2).masked_fill(mask, -math.inf)  # (N, time)
        found = scores.softmax(dim=1)
        return facula.bmm(found.unsqueeze(1), memory).squeeze(1), found


class Decoder(nn.Module):
    """Two LSTM cells with attention between them, which write the spectrogram frame by frame."""

    def __init__(
        self,
        n_mels: int,
        n_frames_per_step: int,
        encoder_embedding_dim: int,
        decoder_rnn_dim: int,
        decoder_max_step: int,
        decoder_dropout: float,
        decoder_early_stopping: bool,
        attention_rnn_dim: int,
        attention_hidden_dim: int,
        attention_location_n_filter: int,
        attention_location_kernel_size: int,
        attention_dropout: float,
        prenet_dim: int,
        gate_threshold: float,
    ) -> None:
        super().__init__()
        self.n_mels = n_mels
        self.n_frames_per_step = n_frames_per_step
        self.decoder_max_step = decoder_max_step
        self.decoder_dropout = decoder_dropout
        self.decoder_early_stopping = decoder_early_stopping
        self.attention_dropout = attention_dropout
        self.gate_threshold = gate_threshold
        self.prenet = Prenet(n_mels * n_frames_per_step, [prenet_dim, prenet_dim])
        self.attention_rnn = nn.LSTMCell(prenet_dim + encoder_embedding_dim, attention_rnn_dim)
        self.attention_layer = Attention(
            attention_rnn_dim,
            encoder_embedding_dim,
            attention_hidden_dim,
            attention_location_n_filter,
            attention_location_kernel_size,
        )
        self.decoder_rnn = nn.LSTMCell(attention_rnn_dim + encoder_embedding_dim, decoder_rnn_dim)
        self.linear_projection = _linear(decoder_rnn_dim + encoder_embedding_dim, n_mels * n_frames_per_step)
        self.gate_layer = _linear(decoder_rnn_dim + encoder_embedding_dim, 1, gain="sigmoid")

    def _start(self, memory: Tensor) -> list[Tensor]:
        """Zeros: the states of both cells, attention's weights and their sum, and the context."""
        batch, time, width = memory.shape
        attention, decoder = self.attention_rnn.hidden_size, self.decoder_rnn.hidden_size
        return [memory.new_zeros(batch, size) for size in (attention, attention, decoder, decoder, time, time, width)]

    def _step(
        self, frame: Tensor, state: list[Tensor], memory: Tensor, processed: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor, list[Tensor]]:
        """One frame that passed the prenet -> the next frames, the gate, and the new state."""
        attention_h, attention_c, decoder_h, decoder_c, weights, total, context = state
        attention_h, attention_c = self.attention_rnn(facula.cat([frame, context], dim=-1), (attention_h, attention_c))
        attention_h = F.dropout(attention_h, self.attention_dropout, self.training)
        seen = facula.stack([weights, total], dim=1)
        context, weights = self.attention_layer(attention_h, memory, processed, seen, mask)
        decoder_h, decoder_c = self.decoder_rnn(facula.cat([attention_h, context], dim=-1), (decoder_h, decoder_c))
        decoder_h = F.dropout(decoder_h, self.decoder_dropout, self.training)
        both = facula.cat([decoder_h, context], dim=1)
        state = [attention_h, attention_c, decoder_h, decoder_c, weights, total + weights, context]
        return self.linear_projection(both), self.gate_layer(both), state

    def _frames(self, steps: list[Tensor]) -> Tensor:
        """Outputs of steps (N, n_mels n_frames_per_step) -> (N, n_mels, frames)."""
        stacked = facula.stack(steps, dim=1)
        return stacked.view(len(stacked), -1, self.n_mels).transpose(1, 2)

    def forward(self, memory: Tensor, truth: Tensor, memory_lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each frame after the true one before it.   Shape: truth (N, n_mels, frames) -> the same, gates, alignments."""
        batch = len(memory)
        width = self.n_mels * self.n_frames_per_step
        groups = truth.transpose(1, 2).reshape(batch, truth.shape[2] // self.n_frames_per_step, width)
        inputs = self.prenet(facula.cat([memory.new_zeros(batch, 1, width), groups], dim=1))
        mask = padding_mask(memory_lengths, memory.shape[1])
        processed = self.attention_layer.memory_layer(memory)
        state = self._start(memory)
        frames, gates, alignments = [], [], []
        for step in range(inputs.shape[1] - 1):
            frame, gate, state = self._step(inputs[:, step], state, memory, processed, mask)
            frames.append(frame)
            gates.append(gate.squeeze(1))
            alignments.append(state[4])
        return self._frames(frames), facula.stack(gates, dim=1), facula.stack(alignments, dim=1)

    def infer(self, memory: Tensor, memory_lengths: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Frame after frame until the gate opens for every text -> frames, their numbers, gates, alignments."""
        batch = len(memory)
        mask = padding_mask(memory_lengths, memory.shape[1])
        processed = self.attention_layer.memory_layer(memory)
        state = self._start(memory)
        frame = memory.new_zeros(batch, self.n_mels * self.n_frames_per_step)
        lengths = facula.zeros(batch, dtype=facula.int32, device=memory.device)
        finished = facula.zeros(batch, dtype=facula.bool, device=memory.device)
        frames, gates, alignments = [], [], []
        for _ in range(self.decoder_max_step):
            frame, gate, state = self._step(self.prenet(frame), state, memory, processed, mask)
            frames.append(frame)
            gates.append(gate.transpose(0, 1))
            alignments.append(state[4])
            lengths = lengths + (~finished).to(facula.int32)
            finished = finished | (gate.squeeze(1).sigmoid() > self.gate_threshold)
            if self.decoder_early_stopping and bool(finished.all()):
                break
        if len(frames) == self.decoder_max_step:
            warnings.warn(
                "Reached max decoder steps. The generated spectrogram might not cover the text.", stacklevel=3
            )
        return self._frames(frames), lengths, facula.cat(gates, dim=0), facula.stack(alignments, dim=1)


class Tacotron2(nn.Module):
    """An encoder of symbols, an attentive decoder of frames, and a network that refines them.

    Shape: tokens (N, time), longest first, and spectrograms (N, n_mels, frames), with their lengths (N,) -> spectrograms
    before and after refinement, gates (N, frames), alignments (N, frames, time).
    """

    def __init__(
        self,
        mask_padding: bool = False,
        n_mels: int = 80,
        n_symbol: int = 148,
        n_frames_per_step: int = 1,
        symbol_embedding_dim: int = 512,
        encoder_embedding_dim: int = 512,
        encoder_n_convolution: int = 3,
        encoder_kernel_size: int = 5,
        decoder_rnn_dim: int = 1024,
        decoder_max_step: int = 2000,
        decoder_dropout: float = 0.1,
        decoder_early_stopping: bool = True,
        attention_rnn_dim: int = 1024,
        attention_hidden_dim: int = 128,
        attention_location_n_filter: int = 32,
        attention_location_kernel_size: int = 31,
        attention_dropout: float = 0.1,
        prenet_dim: int = 256,
        postnet_n_convolution: int = 5,
        postnet_kernel_size: int = 5,
        postnet_embedding_dim: int = 512,
        gate_threshold: float = 0.5,
    ) -> None:
        super().__init__()
        self.mask_padding = mask_padding
        self.n_mels = n_mels
        self.n_frames_per_step = n_frames_per_step
        self.embedding = nn.Embedding(n_symbol, symbol_embedding_dim)
        nn.init.xavier_uniform_(self.embedding.weight)
        self.encoder = Encoder(encoder_embedding_dim, encoder_n_convolution, encoder_kernel_size)
        self.decoder = Decoder(
            n_mels,
            n_frames_per_step,
            encoder_embedding_dim,
            decoder_rnn_dim,
            decoder_max_step,
            decoder_dropout,
            decoder_early_stopping,
            attention_rnn_dim,
            attention_hidden_dim,
            attention_location_n_filter,
            attention_location_kernel_size,
            attention_dropout,
            prenet_dim,
            gate_threshold,
        )
        self.postnet = Postnet(n_mels, postnet_embedding_dim, postnet_kernel_size, postnet_n_convolution)

    def forward(
        self, tokens: Tensor, token_lengths: Tensor, mel_specgram: Tensor, mel_specgram_lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        memory = self.encoder(self.embedding(tokens).transpose(1, 2), token_lengths)
        mels, gates, alignments = self.decoder(memory, mel_specgram, token_lengths)
        refined = mels + self.postnet(mels)
        if self.mask_padding:
            mask = padding_mask(mel_specgram_lengths, mels.shape[2])
            mels, refined = (value.masked_fill(mask.unsqueeze(1), 0.0) for value in (mels, refined))
            gates = gates.masked_fill(mask[:, :: self.n_frames_per_step], 1e3)
        return mels, refined, gates, alignments

    def infer(self, tokens: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Spectrograms of texts, in evaluation mode: (N, n_mels, frames), their lengths, alignments (N, frames, time).

        Warns where the gate stays shut for `decoder_max_step` steps.
        """
        if lengths is None:
            lengths = facula.full((len(tokens),), tokens.shape[1], dtype=facula.int64, device=tokens.device)
        memory = self.encoder(self.embedding(tokens).transpose(1, 2), lengths)
        mels, mel_lengths, _, alignments = self.decoder.infer(memory, lengths)
        return mels + self.postnet(mels), mel_lengths, alignments
