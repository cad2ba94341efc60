"""Recurrent layers over whole sequences: RNN, LSTM and GRU (single steps are in rnn_cells)."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any, ClassVar

from facula.errors import runtime_error, type_error, value_error
from facula.nn import functional as F
from facula.nn import init
from facula.nn.module import Module
from facula.nn.recurrent import GATES, State, Weights, run_direction, run_packed
from facula.nn.uninitialized import new_parameter
from facula.nn.utils.rnn import PackedSequence
from facula.ops import cat, stack, zeros
from facula.tensors.tensor import Tensor


class RNNBase(Module):
    """What RNN, LSTM and GRU share: weights by layer and direction, initial states, packed input.

    The parameters are `weight_ih_l{k}`, `weight_hh_l{k}`, `bias_ih_l{k}`, `bias_hh_l{k}` and, with projections, `weight_hr_l{k}`, of
    layer k; those of the reverse direction end in `_reverse`. `mode` is "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".

    Shape: (L, N, H_in), or (N, L, H_in) with `batch_first`, or (L, H_in) -> (L, N, D H_out) and states (D num_layers, N, H_out); D is 2
    if bidirectional.

    >>> import facula
    >>> layer = facula.nn.GRU(3, 4, num_layers=2)
    >>> isinstance(layer, facula.nn.RNNBase), layer.all_weights[1][0].shape
    (True, facula.Size([12, 4]))
    """

    states: ClassVar[int] = 1  # how many states a step carries: h, or h and c

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check_settings(mode, input_size, hidden_size, num_layers, dropout, proj_size)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in self._suffixes(layer):
                self._add_weights(layer, suffix, device, dtype)
        self.reset_parameters()

    def _suffixes(self, layer: int) -> list[str]:
        return [f"_l{layer}", f"_l{layer}_reverse"] if self.bidirectional else [f"_l{layer}"]

    def _add_weights(self, layer: int, suffix: str, device: Any, dtype: Any) -> None:
        gates, out = GATES[self.mode] * self.hidden_size, self.proj_size or self.hidden_size
        width = self.input_size if layer == 0 else out * (2 if self.bidirectional else 1)
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, width), "weight_hh": (gates, out)}
        if self.bias:
            shapes.update(bias_ih=(gates,), bias_hh=(gates,))
        if self.proj_size:
            shapes["weight_hr"] = (self.proj_size, self.hidden_size)
        for name, shape in shapes.items():
            setattr(self, name + suffix, new_parameter(*shape, device=device, dtype=dtype))
        self._all_weights.append([name + suffix for name in shapes])

    @property
    def all_weights(self) -> list[list[Tensor]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    @property
    def _flat_weights(self) -> list[Tensor]:
        return [weight for weights in self.all_weights for weight in weights]

    def flatten_parameters(self) -> None:
        """Nothing to do: weights are used where they are."""

    def reset_parameters(self) -> None:
        """Draw every weight from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size))."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _weights(self, suffix: str) -> Weights:
        values = self.__dict__
        return Weights(*[values.get(name + suffix) for name in _WEIGHT_NAMES])  # type: ignore[arg-type]

    def forward(self, input: Any, hx: Any = None) -> Any:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx)
        name = type(self).__name__
        if input.ndim not in (2, 3):
            raise value_error(
                f"{name}: Expected input to be 2D or 3D, got {input.ndim}D of shape {tuple(input.shape)}. "
                "Give (length, batch, features)."
            )
        batched = input.ndim == 3
        sequence = input if batched else input.unsqueeze(1)
        if batched and self.batch_first:
            sequence = input.transpose(0, 1)
        _check_width(name, sequence, self.input_size)
        initial = self._initial(hx, sequence.shape[1], sequence, batched)
        output, last = self._run(sequence, initial, None)
        if batched and self.batch_first:
            output = output.transpose(0, 1)
        if not batched:
            output, last = output.squeeze(1), tuple(s.squeeze(1) for s in last)
        return output, last if self.states > 1 else last[0]

    def _forward_packed(self, input: PackedSequence, hx: Any) -> Any:
        data, sizes, order, original = input
        counts = [int(n) for n in sizes.tolist()]
        _check_width(type(self).__name__, data, self.input_size)
        initial = self._initial(hx, counts[0], data, True)
        if order is not None and hx is not None:
            initial = tuple(s.index_select(1, order) for s in initial)
        output, last = self._run(data, initial, counts)
        if original is not None:
            last = tuple(s.index_select(1, original) for s in last)
        return PackedSequence(output, sizes, order, original), last if self.states > 1 else last[0]

    def _widths(self) -> list[int]:
        return [self.proj_size or self.hidden_size, self.hidden_size][: self.states]

    def _initial(self, hx: Any, batch: int, like: Tensor, batched: bool) -> State:
        """The given initial states, checked, or zeros."""
        rows = self.num_layers * (2 if self.bidirectional else 1)
        if hx is None:
            return tuple(zeros((rows, batch, w), dtype=like.dtype, device=like.device) for w in self._widths())
        given = tuple(hx) if self.states > 1 else (hx,)
        name = type(self).__name__
        for title, state, width in zip(("hx", "cx"), given, self._widths(), strict=False):
            rank = 3 if batched else 2
            if state.ndim != rank:
                raise runtime_error(
                    f"{name}: For {'batched' if batched else 'unbatched'} input, {title} should be {rank}-D, "
                    f"got {state.ndim}-D tensor. Reshape it first."
                )
            wanted = (rows, batch, width) if batched else (rows, width)
            if tuple(state.shape) != wanted:
                raise runtime_error(
                    f"{name}: Expected hidden size {wanted} for {title}, got {tuple(state.shape)}. "
                    "Give one of (layers * directions, batch, size)."
                )
        return given if batched else tuple(s.unsqueeze(1) for s in given)

    def _run(self, input: Tensor, initial: State, counts: list[int] | None) -> tuple[Tensor, State]:
        lasts: list[State] = []
        for layer in range(self.num_layers):
            outputs = []
            for reverse, suffix in enumerate(self._suffixes(layer)):
                state = tuple(s[len(lasts)] for s in initial)
                weights = self._weights(suffix)
                if counts is None:
                    output, last = run_direction(self.mode, input, state, weights, bool(reverse))
                else:
                    output, last = run_packed(self.mode, input, counts, state, weights, bool(reverse))
                outputs.append(output)
                lasts.append(last)
            input = outputs[0] if len(outputs) == 1 else cat(outputs, -1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                input = F.dropout(input, self.dropout, True)
        return input, tuple(stack([last[k] for last in lasts]) for k in range(self.states))

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        for name, default in (
            ("proj_size", 0), ("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0),
            ("bidirectional", False),
        ):  # fmt: skip
            if getattr(self, name) != default:
                text += f", {name}={getattr(self, name)}"
        return text


_WEIGHT_NAMES = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")


def _check_settings(
    mode: str, input_size: int, hidden_size: int, num_layers: int, dropout: Any, proj_size: int
) -> None:
    if mode not in GATES:
        raise value_error(f"RNNBase: expected a mode in {sorted(GATES)}, got {mode!r}. Use RNN, LSTM or GRU.")
    if not isinstance(dropout, numbers.Number) or not 0 <= dropout <= 1 or isinstance(dropout, bool):  # type: ignore[operator]
        raise value_error(
            f"{mode}: dropout should be a number in range [0, 1] representing the probability of an element being "
            f"zeroed, got {dropout!r}. Use e.g. 0.5."
        )
    if dropout and num_layers == 1:
        warnings.warn(
            f"{mode}: dropout acts between layers, so dropout={dropout} has no effect with num_layers=1", stacklevel=5
        )
    for name, value in (("hidden_size", hidden_size), ("input_size", input_size), ("num_layers", num_layers)):
        if not isinstance(value, int):
            raise type_error(f"{mode}: {name} should be of type int, got: {type(value).__name__}. Convert it.")
    if hidden_size <= 0:
        raise value_error(f"{mode}: hidden_size must be greater than zero, got {hidden_size}. Use a positive size.")
    if num_layers <= 0:
        raise value_error(f"{mode}: num_layers must be greater than zero, got {num_layers}. Use a positive number.")
    if proj_size < 0 or proj_size >= hidden_size:
        raise value_error(
            f"{mode}: proj_size has to be smaller than hidden_size ({hidden_size}) and not negative, got {proj_size}. "
            "Use 0 for none."
        )


def _check_width(name: str, input: Tensor, width: int) -> None:
    if input.shape[-1] != width:
        raise runtime_error(
            f"{name}: input.size(-1) must be equal to input_size, expected {width}, got {input.shape[-1]}. "
            f"Build the layer with input_size={input.shape[-1]}."
        )


class RNN(RNNBase):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or relu with nonlinearity='relu' (Elman, 1990).

    Shape: (L, N, input_size), h_0 (D * num_layers, N, hidden_size) -> (L, N, D * hidden_size), h_n; D is 2 if
    bidirectional; (N, L, ...) with batch_first; without N for one sequence.

    `num_layers` layers read one after the other, with `dropout` between them in training; the initial states are zeros if not
    given; a PackedSequence may stand for the input, and then for the output.

    >>> import facula
    >>> output, h = facula.nn.RNN(10, 20, num_layers=2)(facula.ones(5, 3, 10))
    >>> output.shape, h.shape
    (facula.Size([5, 3, 20]), facula.Size([2, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise value_error(f"RNN: expected nonlinearity 'tanh' or 'relu', got {nonlinearity!r}. Use 'tanh'.")
        self.__dict__["nonlinearity"] = nonlinearity
        super().__init__(
            f"RNN_{nonlinearity.upper()}", input_size, hidden_size, num_layers, bias, batch_first, dropout,
            bidirectional, 0, device, dtype,
        )  # fmt: skip


class LSTM(RNNBase):
    """i, f, g, o gates of x_t and h_(t-1); c_t = f c_(t-1) + i g; h_t = o tanh(c_t) (Hochreiter & Schmidhuber, 1997).

    Shape: (L, N, input_size), (h_0, c_0) -> (L, N, D * H_out), (h_n, c_n); H_out is proj_size or hidden_size, D is 2 if
    bidirectional; (N, L, ...) with batch_first; without N for one sequence.

    `num_layers` layers read one after the other, with `dropout` between them in training; the initial states are zeros if not
    given; a PackedSequence may stand for the input, and then for the output.

    >>> import facula
    >>> output, (h, c) = facula.nn.LSTM(10, 20, bidirectional=True)(facula.ones(5, 3, 10))
    >>> output.shape, h.shape, c.shape
    (facula.Size([5, 3, 40]), facula.Size([2, 3, 20]), facula.Size([2, 3, 20]))
    """

    states = 2

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, device,
            dtype,
        )  # fmt: skip


class GRU(RNNBase):
    """r, z gates of x_t and h_(t-1); n = tanh(W x_t + r (W h_(t-1))); h_t = (1 - z) n + z h_(t-1) (Cho et al., 2014).

    Shape: (L, N, input_size), h_0 (D * num_layers, N, hidden_size) -> (L, N, D * hidden_size), h_n; D is 2 if
    bidirectional; (N, L, ...) with batch_first; without N for one sequence.

    `num_layers` layers read one after the other, with `dropout` between them in training; the initial states are zeros if not
    given; a PackedSequence may stand for the input, and then for the output.

    >>> import facula
    >>> output, h = facula.nn.GRU(10, 20, batch_first=True)(facula.ones(3, 5, 10))
    >>> output.shape, h.shape
    (facula.Size([3, 5, 20]), facula.Size([1, 3, 20]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype
        )
