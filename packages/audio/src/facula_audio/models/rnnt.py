"""The recurrent neural network transducer: an encoder of sound, a predictor of symbols, and what joins them.

Source: A. Graves, "Sequence Transduction with Recurrent Neural Networks", https://arxiv.org/abs/1211.3711; the base model
is that of Y. Shi et al., https://arxiv.org/abs/2010.10759.
"""

from __future__ import annotations

import facula
from facula import Tensor, nn
from facula_audio.models.emformer import Emformer, State

__all__ = ["RNNT", "emformer_rnnt_base", "emformer_rnnt_model"]


class TimeReduction(nn.Module):
    """`stride` frames side by side as one.   Shape: (N, time, width) -> (N, time / stride, width stride)."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, input: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        batch, time, width = input.shape
        frames = time // self.stride
        joined = input[:, : frames * self.stride].reshape(batch, frames, width * self.stride)
        return joined, lengths.div(self.stride, rounding_mode="floor")


class CustomLSTM(nn.Module):
    """An LSTM with layer normalisation of its gates and its cell.   Shape: (time, N, input_dim) -> (time, N, hidden_dim)."""

    def __init__(self, input_dim: int, hidden_dim: int, layer_norm: bool = False, layer_norm_epsilon: float = 1e-5):
        super().__init__()
        self.x2g = nn.Linear(input_dim, 4 * hidden_dim, bias=not layer_norm)
        self.p2g = nn.Linear(hidden_dim, 4 * hidden_dim, bias=False)
        if layer_norm:
            self.c_norm: nn.Module = nn.LayerNorm(hidden_dim, eps=layer_norm_epsilon)
            self.g_norm: nn.Module = nn.LayerNorm(4 * hidden_dim, eps=layer_norm_epsilon)
        else:
            self.c_norm, self.g_norm = nn.Identity(), nn.Identity()
        self.hidden_dim = hidden_dim

    def forward(self, input: Tensor, state: list[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
        if state is None:
            zeros = input.new_zeros(input.shape[1], self.hidden_dim)
            state = [zeros, zeros]
        h, c = state
        outputs = []
        for gates in self.x2g(input).unbind(0):
            gated = self.g_norm(gates + self.p2g(h))
            enter, forget, cell, out = gated.chunk(4, dim=1)
            c = self.c_norm(forget.sigmoid() * c + enter.sigmoid() * cell.tanh())
            h = out.sigmoid() * c.tanh()
            outputs.append(h)
        return facula.stack(outputs), [h, c]


class EmformerEncoder(nn.Module):
    """Features, fewer frames, an Emformer, the width that the joiner takes."""

    def __init__(
        self,
        *,
        input_dim: int,
        output_dim: int,
        segment_length: int,
        right_context_length: int,
        time_reduction_input_dim: int,
        time_reduction_stride: int,
        transformer_num_heads: int,
        transformer_ffn_dim: int,
        transformer_num_layers: int,
        transformer_left_context_length: int,
        transformer_dropout: float = 0.0,
        transformer_activation: str = "relu",
        transformer_max_memory_size: int = 0,
        transformer_weight_init_scale_strategy: str = "depthwise",
        transformer_tanh_on_mem: bool = False,
    ) -> None:
        super().__init__()
        width = time_reduction_input_dim * time_reduction_stride
        self.input_linear = nn.Linear(input_dim, time_reduction_input_dim, bias=False)
        self.time_reduction = TimeReduction(time_reduction_stride)
        self.transformer = Emformer(
            width,
            transformer_num_heads,
            transformer_ffn_dim,
            transformer_num_layers,
            segment_length // time_reduction_stride,
            dropout=transformer_dropout,
            activation=transformer_activation,
            left_context_length=transformer_left_context_length,
            right_context_length=right_context_length // time_reduction_stride,
            max_memory_size=transformer_max_memory_size,
            weight_init_scale_strategy=transformer_weight_init_scale_strategy,
            tanh_on_mem=transformer_tanh_on_mem,
        )
        self.output_linear = nn.Linear(width, output_dim)
        self.layer_norm = nn.LayerNorm(output_dim)

    def forward(self, input: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x, lengths = self.time_reduction(self.input_linear(input), lengths)
        x, lengths = self.transformer(x, lengths)
        return self.layer_norm(self.output_linear(x)), lengths

    def infer(self, input: Tensor, lengths: Tensor, states: list[State] | None) -> tuple[Tensor, Tensor, list[State]]:
        """The next segment of a stream."""
        x, lengths = self.time_reduction(self.input_linear(input), lengths)
        x, lengths, states = self.transformer.infer(x, lengths, states)
        return self.layer_norm(self.output_linear(x)), lengths, states


class Predictor(nn.Module):
    """What the symbols so far let expect.   Shape: (N, symbols) -> (N, symbols, output_dim)."""

    def __init__(
        self,
        num_symbols: int,
        output_dim: int,
        symbol_embedding_dim: int,
        num_lstm_layers: int,
        lstm_hidden_dim: int,
        lstm_layer_norm: bool = False,
        lstm_layer_norm_epsilon: float = 1e-5,
        lstm_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(num_symbols, symbol_embedding_dim)
        self.input_layer_norm = nn.LayerNorm(symbol_embedding_dim)
        self.lstm_layers = nn.ModuleList(
            CustomLSTM(
                lstm_hidden_dim if index else symbol_embedding_dim,
                lstm_hidden_dim,
                lstm_layer_norm,
                lstm_layer_norm_epsilon,
            )
            for index in range(num_lstm_layers)
        )
        self.dropout = nn.Dropout(p=lstm_dropout)
        self.linear = nn.Linear(lstm_hidden_dim, output_dim)
        self.output_layer_norm = nn.LayerNorm(output_dim)

    def forward(
        self, input: Tensor, lengths: Tensor, state: list[list[Tensor]] | None = None
    ) -> tuple[Tensor, Tensor, list[list[Tensor]]]:
        x = self.input_layer_norm(self.embedding(input.transpose(0, 1)))  # (symbols, N, embedding)
        states = []
        for index, lstm in enumerate(self.lstm_layers):
            x, found = lstm(x, None if state is None else state[index])
            x = self.dropout(x)
            states.append(found)
        return self.output_layer_norm(self.linear(x)).transpose(0, 1), lengths, states


class Joiner(nn.Module):
    """Scores of every symbol at each pair of a frame and a place among the symbols.

    Shape: (N, frames, width) and (N, symbols, width) -> (N, frames, symbols, output_dim).
    """

    def __init__(self, input_dim: int, output_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(input_dim, output_dim)
        self.activation = nn.ReLU()

    def forward(
        self, source_encodings: Tensor, source_lengths: Tensor, target_encodings: Tensor, target_lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        joint = self.activation(source_encodings.unsqueeze(2) + target_encodings.unsqueeze(1))
        return self.linear(joint), source_lengths, target_lengths


class RNNT(nn.Module):
    """A transducer of an encoder (`transcriber`), a `predictor` and a `joiner`.

    Shape: sources (N, time + right context, features), targets (N, symbols) -> scores (N, frames, symbols, num_symbols),
    lengths of frames and symbols, the predictor's state.
    """

    def __init__(self, transcriber: EmformerEncoder, predictor: Predictor, joiner: Joiner) -> None:
        super().__init__()
        self.transcriber = transcriber
        self.predictor = predictor
        self.joiner = joiner

    def forward(
        self,
        sources: Tensor,
        source_lengths: Tensor,
        targets: Tensor,
        target_lengths: Tensor,
        predictor_state: list[list[Tensor]] | None = None,
    ) -> tuple[Tensor, Tensor, Tensor, list[list[Tensor]]]:
        encoded, source_lengths = self.transcriber(sources, source_lengths)
        expected, target_lengths, state = self.predictor(targets, target_lengths, predictor_state)
        scores, source_lengths, target_lengths = self.joiner(encoded, source_lengths, expected, target_lengths)
        return scores, source_lengths, target_lengths, state

    def transcribe_streaming(
        self, sources: Tensor, source_lengths: Tensor, state: list[State] | None
    ) -> tuple[Tensor, Tensor, list[State]]:
        """The next segment of a stream, encoded; lengths; the encoder's state."""
        return self.transcriber.infer(sources, source_lengths, state)

    def transcribe(self, sources: Tensor, source_lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Whole sounds, encoded; lengths."""
        return self.transcriber(sources, source_lengths)

    def predict(
        self, targets: Tensor, target_lengths: Tensor, state: list[list[Tensor]] | None
    ) -> tuple[Tensor, Tensor, list[list[Tensor]]]:
        """What the symbols let expect; lengths; the predictor's state."""
        return self.predictor(targets, target_lengths, state)

    def join(
        self, source_encodings: Tensor, source_lengths: Tensor, target_encodings: Tensor, target_lengths: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of every symbol at each pair of frame and place; both lengths."""
        return self.joiner(source_encodings, source_lengths, target_encodings, target_lengths)


def emformer_rnnt_model(
    *,
    input_dim: int,
    encoding_dim: int,
    num_symbols: int,
    segment_length: int,
    right_context_length: int,
    time_reduction_input_dim: int,
    time_reduction_stride: int,
    transformer_num_heads: int,
    transformer_ffn_dim: int,
    transformer_num_layers: int,
    transformer_dropout: float,
    transformer_activation: str,
    transformer_left_context_length: int,
    transformer_max_memory_size: int,
    transformer_weight_init_scale_strategy: str,
    transformer_tanh_on_mem: bool,
    symbol_embedding_dim: int,
    num_lstm_layers: int,
    lstm_layer_norm: bool,
    lstm_layer_norm_epsilon: float,
    lstm_dropout: float,
) -> RNNT:
    """A transducer of any size whose encoder is an Emformer."""
    encoder = EmformerEncoder(
        input_dim=input_dim,
        output_dim=encoding_dim,
        segment_length=segment_length,
        right_context_length=right_context_length,
        time_reduction_input_dim=time_reduction_input_dim,
        time_reduction_stride=time_reduction_stride,
        transformer_num_heads=transformer_num_heads,
        transformer_ffn_dim=transformer_ffn_dim,
        transformer_num_layers=transformer_num_layers,
        transformer_dropout=transformer_dropout,
        transformer_activation=transformer_activation,
        transformer_left_context_length=transformer_left_context_length,
        transformer_max_memory_size=transformer_max_memory_size,
        transformer_weight_init_scale_strategy=transformer_weight_init_scale_strategy,
        transformer_tanh_on_mem=transformer_tanh_on_mem,
    )
    predictor = Predictor(
        num_symbols,
        encoding_dim,
        symbol_embedding_dim,
        num_lstm_layers,
        symbol_embedding_dim,
        lstm_layer_norm,
        lstm_layer_norm_epsilon,
        lstm_dropout,
    )
    return RNNT(encoder, predictor, Joiner(encoding_dim, num_symbols))


def emformer_rnnt_base(num_symbols: int) -> RNNT:
    """The Emformer transducer for streams: twenty layers, 76,738,049 parameters for 4,097 symbols."""
    return emformer_rnnt_model(
        input_dim=80,
        encoding_dim=1024,
        num_symbols=num_symbols,
        segment_length=16,
        right_context_length=4,
        time_reduction_input_dim=128,
        time_reduction_stride=4,
        transformer_num_heads=8,
        transformer_ffn_dim=2048,
        transformer_num_layers=20,
        transformer_dropout=0.1,
        transformer_activation="gelu",
        transformer_left_context_length=30,
        transformer_max_memory_size=0,
        transformer_weight_init_scale_strategy="depthwise",
        transformer_tanh_on_mem=True,
        symbol_embedding_dim=512,
        num_lstm_layers=3,
        lstm_layer_norm=True,
        lstm_layer_norm_epsilon=1e-3,
        lstm_dropout=0.3,
    )
