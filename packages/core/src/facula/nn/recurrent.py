"""One direction of one recurrent layer, unrolled over time: the arithmetic of RNN, GRU and LSTM.

The projection of the whole input is one matrix product; only the recurrent half runs step by step, inside one operator
where all steps have the same rows. Packed sequences have fewer rows in later steps, since they are sorted by length: rows
that end leave, and in reverse they join.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from facula.nn import functional as F
from facula.ops import cat, gru_scan_op, lstm_scan_op, rnn_scan_op, stack
from facula.tensors.tensor import Tensor

State = tuple[Tensor, ...]  # (h,) or (h, c)
Step = Callable[[Tensor, State, "Weights"], State]


class Weights(NamedTuple):
    """The weights of one direction of one layer; what the layer does not have is None."""

    w_ih: Tensor
    w_hh: Tensor
    b_ih: Tensor | None
    b_hh: Tensor | None
    w_hr: Tensor | None = None


def tanh_step(projected: Tensor, state: State, weights: Weights) -> State:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)."""
    return ((projected + F.linear(state[0], weights.w_hh, weights.b_hh)).tanh(),)


def relu_step(projected: Tensor, state: State, weights: Weights) -> State:
    """h' = max(0, W_ih x + b_ih + W_hh h + b_hh)."""
    return ((projected + F.linear(state[0], weights.w_hh, weights.b_hh)).relu(),)


def gru_step(projected: Tensor, state: State, weights: Weights) -> State:
    """h' = (1 - z) n + z h, with reset gate r, update gate z and candidate n (Cho et al., 2014)."""
    (h,) = state
    xr, xz, xn = projected.chunk(3, -1)
    hr, hz, hn = F.linear(h, weights.w_hh, weights.b_hh).chunk(3, -1)
    r, z = (xr + hr).sigmoid(), (xz + hz).sigmoid()
    n = (xn + r * hn).tanh()
    return (n + z * (h - n),)


def lstm_step(projected: Tensor, state: State, weights: Weights) -> State:
    """c' = f c + i g, h' = o tanh(c'), projected by W_hr where there is one (Hochreiter & Schmidhuber, 1997)."""
    h, c = state
    i, f, g, o = (projected + F.linear(h, weights.w_hh, weights.b_hh)).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return (h if weights.w_hr is None else F.linear(h, weights.w_hr)), c


STEPS: dict[str, Step] = {"RNN_TANH": tanh_step, "RNN_RELU": relu_step, "GRU": gru_step, "LSTM": lstm_step}
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}


def run_direction(mode: str, input: Tensor, state: State, weights: Weights, reverse: bool) -> tuple[Tensor, State]:
    """Run over input (T, N, features) from `state`; the outputs (T, N, out) in order of time, and the last state."""
    if weights.w_hr is not None or not len(input):
        return _unroll(mode, input, state, weights, reverse)
    outputs = _scan(mode, input.flip(0) if reverse else input, state, weights)
    last = tuple(values[-1] for values in outputs)
    return (outputs[0].flip(0) if reverse else outputs[0]), last


def _scan(mode: str, input: Tensor, state: State, weights: Weights) -> State:
    """The states at all times, in one operator: a step at a time would be mostly overhead."""
    w_ih, w_hh, b_ih, b_hh, _ = weights
    input = input.contiguous()  # one large product instead of one for each step
    if mode == "GRU":
        return (gru_scan_op(F.linear(input, w_ih, b_ih), *state, w_hh, b_hh),)
    projected = F.linear(input, w_ih, b_ih if b_ih is None or b_hh is None else b_ih + b_hh)
    if mode == "LSTM":
        return lstm_scan_op(projected, *state, w_hh)[:2]
    return (rnn_scan_op(projected, *state, w_hh, mode == "RNN_RELU"),)


def _unroll(mode: str, input: Tensor, state: State, weights: Weights, reverse: bool) -> tuple[Tensor, State]:
    step = STEPS[mode]
    outputs = []
    projected = F.linear(input, weights.w_ih, weights.b_ih).unbind(0)
    for now in reversed(projected) if reverse else projected:
        state = step(now, state, weights)
        outputs.append(state[0])
    if reverse:
        outputs.reverse()
    return stack(outputs), state


def run_packed(
    mode: str, data: Tensor, batch_sizes: Sequence[int], state: State, weights: Weights, reverse: bool
) -> tuple[Tensor, State]:
    """The same over packed data (all rows of step 0, then of step 1, ...)."""
    projected = F.linear(data, weights.w_ih, weights.b_ih).split(list(batch_sizes), 0)
    run = _run_packed_backward if reverse else _run_packed_forward
    return run(STEPS[mode], projected, batch_sizes, state, weights)


def _run_packed_forward(
    step: Step, projected: Sequence[Tensor], batch_sizes: Sequence[int], state: State, weights: Weights
) -> tuple[Tensor, State]:
    outputs, finished = [], []
    rows = batch_sizes[0]
    for now, count in zip(projected, batch_sizes, strict=True):
        if count < rows:
            finished.append(tuple(s[count:] for s in state))
            state = tuple(s[:count] for s in state)
            rows = count
        state = step(now, state, weights)
        outputs.append(state[0])
    finished.append(state)
    last = tuple(cat([part[k] for part in reversed(finished)]) for k in range(len(state)))
    return cat(outputs), last


def _run_packed_backward(
    step: Step, projected: Sequence[Tensor], batch_sizes: Sequence[int], state: State, weights: Weights
) -> tuple[Tensor, State]:
    outputs: list[Any] = []
    rows = batch_sizes[-1]
    running = tuple(s[:rows] for s in state)
    for now, count in zip(reversed(projected), reversed(batch_sizes), strict=True):
        if count > rows:
            running = tuple(cat([s, first[rows:count]]) for s, first in zip(running, state, strict=True))
            rows = count
        running = step(now, running, weights)
        outputs.append(running[0])
    outputs.reverse()
    return cat(outputs), running
