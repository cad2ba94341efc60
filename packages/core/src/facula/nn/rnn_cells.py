"""One step of a recurrent layer: RNNCell, LSTMCell and GRUCell."""

from __future__ import annotations

import math
from typing import Any

from facula.errors import runtime_error, value_error
from facula.nn import functional as F
from facula.nn import init
from facula.nn.module import Module
from facula.nn.recurrent import STEPS, State, Weights
from facula.nn.uninitialized import new_parameter
from facula.ops import zeros
from facula.tensors.tensor import Tensor


class RNNCellBase(Module):
    """The weights of a cell with `num_chunks` gates, and the step they are used in.

    Shape: (N, input_size) or (input_size), with states (N, hidden_size) -> (N, hidden_size).

    >>> import facula
    >>> isinstance(facula.nn.GRUCell(3, 4), facula.nn.RNNCellBase), facula.nn.GRUCell(3, 4).weight_ih.shape
    (True, facula.Size([12, 3]))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = new_parameter(gates, input_size, device=device, dtype=dtype)
        self.weight_hh = new_parameter(gates, hidden_size, device=device, dtype=dtype)
        self.register_parameter("bias_ih", new_parameter(gates, device=device, dtype=dtype) if bias else None)
        self.register_parameter("bias_hh", new_parameter(gates, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw every weight from U(-1/sqrt(hidden_size), 1/sqrt(hidden_size))."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, mode: str, input: Tensor, states: State | None, count: int) -> State:
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise value_error(
                f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead. Give (batch, features)."
            )
        if input.shape[-1] != self.input_size:
            raise runtime_error(
                f"{name}: input has inconsistent input_size, expected {self.input_size}, got {input.shape[-1]}. "
                "Check the features."
            )
        shape = (*input.shape[:-1], self.hidden_size)
        if states is None:
            states = tuple(zeros(shape, dtype=input.dtype, device=input.device) for _ in range(count))
        for state in states:
            if state.ndim not in (1, 2):
                raise value_error(
                    f"{name}: Expected hidden to be 1D or 2D, got {state.ndim}D instead. Give (batch, size)."
                )
            if tuple(state.shape) != shape:
                raise runtime_error(
                    f"{name}: expected a hidden state of {shape}, got {tuple(state.shape)}. Reshape it."
                )
        weights = Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        return STEPS[mode](F.linear(input, self.weight_ih, self.bias_ih), states, weights)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if not self.bias:
            text += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"


class RNNCell(RNNCellBase):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu with nonlinearity='relu'.

    Shape: (N, input_size) or (input_size), hidden (N, hidden_size) -> (N, hidden_size).

    >>> import facula
    >>> facula.nn.RNNCell(10, 20)(facula.ones(3, 10)).shape
    facula.Size([3, 20])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        if self.nonlinearity not in ("tanh", "relu"):
            raise runtime_error(f"RNNCell: Unknown nonlinearity: {self.nonlinearity}. Use 'tanh' or 'relu'.")
        return self._step(f"RNN_{self.nonlinearity.upper()}", input, None if hx is None else (hx,), 1)[0]


class LSTMCell(RNNCellBase):
    """c' = f c + i g, h' = o tanh(c'), gates of x and h.

    Shape: (N, input_size) or (input_size), (h, c) of (N, hidden_size) -> (h', c').

    >>> import facula
    >>> h, c = facula.nn.LSTMCell(10, 20)(facula.ones(3, 10))
    >>> h.shape
    facula.Size([3, 20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        h, c = self._step("LSTM", input, None if hx is None else tuple(hx), 2)
        return h, c


class GRUCell(RNNCellBase):
    """h' = (1 - z) n + z h, gates of x and h.

    Shape: (N, input_size) or (input_size), hidden (N, hidden_size) -> (N, hidden_size).

    >>> import facula
    >>> facula.nn.GRUCell(10, 20)(facula.ones(3, 10)).shape
    facula.Size([3, 20])
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step("GRU", input, None if hx is None else (hx,), 1)[0]
