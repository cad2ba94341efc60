"""Recurrent networks: one record runs a layer over a whole sequence; cells and stacks of layers are composed.

A record's forward is a loop over time. An LSTM also gives its gates, from which its backward starts; the others recompute theirs at
once (the states are known by then). Only what depends on the next step's gradient is a loop, and the gradient of the weights is a
single product.
"""

from __future__ import annotations

from facula.autograd.engine import grad
from facula.autograd.op import op, sample
from facula.autograd.state import enable_grad, state
from facula.devices.meta import Meta
from facula.devices.products import product
from facula.errors import runtime_error
from facula.ops.checks import floating
from facula.ops.dropout import dropout
from facula.ops.join import cat, stack
from facula.ops.matmul import linear


def _sigmoid(xp, x):
    out = xp.tanh(x * 0.5)
    out *= 0.5
    out += 0.5
    return out


def _again(scan, g, inputs, needs):
    """Gradients of any order: run `scan` in tensor ops and differentiate that."""
    recorded = state.grad
    with enable_grad():
        sources = [t if recorded or t is None else t.detach().requires_grad_() for t in inputs]
        outs = scan(*sources)
    outs = outs if isinstance(outs, tuple) else (outs,)
    pairs = [(o, x) for o, x in zip(outs, g if isinstance(g, tuple) else (g,), strict=True) if x is not None]
    wanted = [t for t, n in zip(sources, needs, strict=True) if n]
    found = iter(grad([o for o, _ in pairs], wanted, [x for _, x in pairs], create_graph=recorded, allow_unused=True))
    return tuple(next(found) if n else None for n in needs)


def before(xp, first, states):
    """The state that each step starts from."""
    return xp.concatenate([first[None], states[:-1]])


def _lstm_shape(projected, h, c, weight):
    steps, batch, width = projected.shape
    if weight.shape != (width, width // 4) or h.shape != (batch, width // 4) or c.shape != h.shape:
        raise runtime_error(
            f"lstm: expected hidden states of shape {(batch, width // 4)} and a recurrent weight of shape "
            f"{(width, width // 4)}, "
            f"got {tuple(h.shape)}, {tuple(c.shape)} and {tuple(weight.shape)}. Check hidden_size and the batch size."
        )
    return *(Meta((steps, batch, width // 4), projected.dtype),) * 2, Meta(projected.shape, projected.dtype)


@op(
    _lstm_shape,
    returns=3,
    onnx="LSTM",
    samples=[sample((3, 2, 8), (2, 2), (2, 2), (8, 2)), sample((1, 1, 4), (1, 1), (1, 1), (4, 1))],
)
def lstm_scan_op(xp, projected, h, c, weight, /):
    """The hidden states, cell states and gates (i, f, g, o) of an LSTM layer at all times, from its inputs' projections (T, N, 4 H)."""
    floating("lstm", projected)
    _lstm_shape(projected, h, c, weight)
    steps, batch, width = projected.shape
    n = width // 4
    hidden, cells = xp.empty((2, steps, batch, n), projected.dtype)
    gates = xp.empty(projected.shape, projected.dtype)
    turned = xp.ascontiguousarray(weight.T)
    for t in range(steps):
        now = product(h, turned)
        now += projected[t]
        gates[t] = _sigmoid(xp, now)
        xp.tanh(now[:, 2 * n : 3 * n], out=gates[t, :, 2 * n : 3 * n])
        i, f, new, o = gates[t].reshape(batch, 4, n).swapaxes(0, 1)
        c = f * c + i * new
        h = o * xp.tanh(c)
        hidden[t], cells[t] = h, c
    return hidden, cells, gates


@lstm_scan_op.vjp
def _lstm_slope(g, out, h, c, weight):
    hidden, cells, gates = out
    g_hidden, g_cells, g_gates = (t.new_zeros(t.shape) if x is None else x for x, t in zip(g, out, strict=True))
    starts, cells_before = cat([h.unsqueeze(0), hidden[:-1]]), cat([c.unsqueeze(0), cells[:-1]])
    (i, f, new, o), shown = gates.chunk(4, -1), cells.tanh()
    to_cell, to_gates = o * (1 - shown * shown), cat([new, cells_before, i, shown], -1)
    rates = cat([i * (1 - i), f * (1 - f), 1 - new * new, o * (1 - o)], -1)
    dh, dc, slopes = h.new_zeros(h.shape), c.new_zeros(c.shape), []
    for t in range(len(hidden) - 1, -1, -1):
        dh = dh + g_hidden[t]
        dc = dc + dh * to_cell[t] + g_cells[t]
        slopes.append((cat([dc, dc, dc, dh], -1) * to_gates[t] + g_gates[t]) * rates[t])
        dh, dc = product(slopes[-1], weight), dc * f[t]
    slope = stack(slopes[::-1])
    return slope, dh, dc, product(slope.reshape(-1, weight.shape[0]).mT, starts.reshape(-1, weight.shape[1]))


@lstm_scan_op.array_vjp
def lstm_array(g, out, h, c, weight, xp):
    """The gradients on arrays."""
    (hidden, cells, gates), (g_hidden, g_cells, g_gates) = out, g
    steps, batch, n = hidden.shape
    i, f, new, o = (gates[..., k * n : (k + 1) * n] for k in range(4))
    shown = xp.tanh(cells)
    to_cell = o * (1 - shown * shown)
    slope = xp.concatenate(
        [new, before(xp, c, cells), i, shown], axis=-1
    )  # times dc or dh, that is the gates' gradient
    dh, dc = xp.zeros((2, batch, n), h.dtype)
    for t in range(steps - 1, -1, -1):
        if g_hidden is not None:
            dh = dh + g_hidden[t]
        dc = dc + dh * to_cell[t]
        if g_cells is not None:
            dc = dc + g_cells[t]
        now = slope[t]
        now.reshape(batch, 4, n)[:, :3] *= dc[:, None]
        now[:, 3 * n :] *= dh
        if g_gates is not None:
            now += g_gates[t]
        now *= xp.concatenate([i[t] * (1 - i[t]), f[t] * (1 - f[t]), 1 - new[t] * new[t], o[t] * (1 - o[t])], axis=-1)
        dh, dc = product(now, weight), dc * f[t]
    return slope, dh, dc, product(slope.reshape(-1, 4 * n).T, before(xp, h, hidden).reshape(-1, n))


def _gru_shape(projected, h, weight, bias=None):
    steps, batch, width = projected.shape
    if weight.shape != (width, width // 3) or h.shape != (batch, width // 3):
        raise runtime_error(
            f"gru: expected a hidden state of shape {(batch, width // 3)} and a recurrent weight of shape "
            f"{(width, width // 3)}, "
            f"got {tuple(h.shape)} and {tuple(weight.shape)}. Check hidden_size and the batch size."
        )
    return Meta((steps, batch, width // 3), projected.dtype)


@op(_gru_shape, onnx="GRU", samples=[sample((3, 2, 6), (2, 2), (6, 2), (6,)), sample((2, 1, 3), (1, 1), (3, 1))])
def gru_scan_op(xp, projected, h, weight, bias=None, /):
    """The hidden states of a GRU layer at all times, from its inputs' projections (T, N, 3 H)."""
    floating("gru", projected)
    _gru_shape(projected, h, weight, bias)
    steps, batch, width = projected.shape
    n = width // 3
    hidden = xp.empty((steps, batch, n), projected.dtype)
    turned = xp.ascontiguousarray(weight.T)
    for t in range(steps):
        inner = product(h, turned)
        if bias is not None:
            inner += bias
        gates = _sigmoid(xp, inner[:, : 2 * n] + projected[t, :, : 2 * n])
        new = xp.tanh(projected[t, :, 2 * n :] + gates[:, :n] * inner[:, 2 * n :])
        h = new + gates[:, n:] * (h - new)
        hidden[t] = h
    return hidden


def _gru_tensors(projected, h, weight, bias):
    hidden = []
    for step in projected.unbind(0):
        (ir, iz, inew), (hr, hz, hnew) = step.chunk(3, -1), linear(h, weight, bias).chunk(3, -1)
        new = (inew + (ir + hr).sigmoid() * hnew).tanh()
        h = new + (iz + hz).sigmoid() * (h - new)
        hidden.append(h)
    return stack(hidden)


@gru_scan_op.vjp
def _gru_slope(g, projected, h, weight, bias, needs):
    return _again(_gru_tensors, g, (projected, h, weight, bias), needs)


@gru_scan_op.array_vjp
def _gru_array(g, out, projected, h, weight, bias, xp):
    steps, _, n = out.shape
    starts = before(xp, h, out)
    inner = product(starts.reshape(-1, n), weight.T).reshape(projected.shape)
    if bias is not None:
        inner += bias
    r, z = xp.split(_sigmoid(xp, inner[..., : 2 * n] + projected[..., : 2 * n]), 2, axis=-1)
    from_state = inner[..., 2 * n :]
    new = xp.tanh(projected[..., 2 * n :] + r * from_state)
    slope = xp.empty_like(projected)  # of the input's projection; the state's differs in its last third
    to_new, to_z, to_r = (1 - z) * (1 - new * new), (starts - new) * z * (1 - z), from_state * r * (1 - r)
    recurrent = xp.empty_like(projected)
    dh = xp.zeros_like(h)
    for t in range(steps - 1, -1, -1):
        dh = dh + g[t]
        d_new = dh * to_new[t]
        slope[t, :, :n], slope[t, :, n : 2 * n], slope[t, :, 2 * n :] = d_new * to_r[t], dh * to_z[t], d_new
        recurrent[t] = slope[t]
        recurrent[t, :, 2 * n :] *= r[t]
        dh = dh * z[t] + product(recurrent[t], weight)
    flat = recurrent.reshape(-1, 3 * n)
    return slope, dh, product(flat.T, starts.reshape(-1, n)), flat.sum(axis=0)


def _rnn_shape(projected, h, weight, relu):
    _, batch, n = projected.shape
    if weight.shape != (n, n) or h.shape != (batch, n):
        raise runtime_error(
            f"rnn: expected a hidden state of shape {(batch, n)} and a recurrent weight of shape {(n, n)}, got "
            f"{tuple(h.shape)} and "
            f"{tuple(weight.shape)}. Check hidden_size and the batch size."
        )
    return Meta(projected.shape, projected.dtype)


@op(
    _rnn_shape,
    onnx="RNN",
    samples=[sample((3, 2, 2), (2, 2), (2, 2), relu=False), sample((2, 1, 3), (1, 3), (3, 3), relu=True)],
)
def rnn_scan_op(xp, projected, h, weight, /, relu):
    """The hidden states of an Elman layer at all times, from its inputs' projections (T, N, H)."""
    floating("rnn", projected)
    _rnn_shape(projected, h, weight, relu)
    hidden = xp.empty(projected.shape, projected.dtype)
    turned = xp.ascontiguousarray(weight.T)
    for t in range(len(projected)):
        h = product(h, turned) + projected[t]
        h = xp.maximum(h, 0) if relu else xp.tanh(h)
        hidden[t] = h
    return hidden


@rnn_scan_op.vjp
def _rnn_slope(g, projected, h, weight, relu, needs):
    def scan(projected, h, weight):
        hidden = []
        for step in projected.unbind(0):
            h = step + linear(h, weight)
            h = h.relu() if relu else h.tanh()
            hidden.append(h)
        return stack(hidden)

    return _again(scan, g, (projected, h, weight), needs)


@rnn_scan_op.array_vjp
def _rnn_array(g, out, h, weight, relu, xp):
    slope = (out > 0).astype(out.dtype) if relu else 1 - out * out
    dh = xp.zeros_like(h)
    for t in range(len(out) - 1, -1, -1):
        slope[t] *= g[t] + dh
        dh = product(slope[t], weight)
    n = out.shape[-1]
    return slope, dh, product(slope.reshape(-1, n).T, before(xp, h, out).reshape(-1, n))


def _sum(a, b):
    return b if a is None else a if b is None else a + b


def _layer(kind, input, states, w_ih, w_hh, b_ih, b_hh, reverse):
    """One direction of one layer: (hidden states at all times, last states)."""
    if reverse:
        input = input.flip(0)
    if kind == "gru":
        hidden = gru_scan_op(linear(input, w_ih, b_ih), states[0], w_hh, b_hh)
        last = (hidden[-1],)
    elif kind == "lstm":
        hidden, cells, _ = lstm_scan_op(linear(input, w_ih, _sum(b_ih, b_hh)), *states, w_hh)
        last = (hidden[-1], cells[-1])
    else:
        hidden = rnn_scan_op(linear(input, w_ih, _sum(b_ih, b_hh)), states[0], w_hh, kind == "rnn_relu")
        last = (hidden[-1],)
    return (hidden.flip(0) if reverse else hidden), last


def _stacked(kind, input, hx, params, has_biases, num_layers, dropout_p, train, bidirectional, batch_first):
    """All layers: (output, h_n) or (output, h_n, c_n)."""
    if input.ndim != 3:
        raise runtime_error(
            f"{kind}: input must have 3 dimensions, got {input.ndim}. Shape: (T, N, features), or (N, T, features) "
            "with batch_first."
        )
    per, directions = 4 if has_biases else 2, 2 if bidirectional else 1
    if len(params) != per * directions * num_layers:
        raise runtime_error(
            f"{kind}: expected {per * directions * num_layers} parameters, got {len(params)}. Check num_layers, "
            "has_biases and bidirectional."
        )
    if any(h.shape[0] != directions * num_layers for h in hx):
        raise runtime_error(
            f"{kind}: expected {directions * num_layers} first states, got {hx[0].shape[0]}. Give one per layer and "
            "direction."
        )
    out = input.transpose(0, 1) if batch_first else input
    lasts = []
    for layer in range(num_layers):
        found = []
        for direction in range(directions):
            k = layer * directions + direction
            w_ih, w_hh, *biases = params[per * k : per * (k + 1)]
            b_ih, b_hh = biases or (None, None)
            hidden, last = _layer(kind, out, [h[k] for h in hx], w_ih, w_hh, b_ih, b_hh, direction == 1)
            found.append(hidden)
            lasts.append(last)
        out = found[0] if len(found) == 1 else cat(found, -1)
        if dropout_p and train and layer < num_layers - 1:
            out = dropout(out, dropout_p)
    return (out.transpose(0, 1) if batch_first else out), *(stack(list(s)) for s in zip(*lasts, strict=True))


def lstm(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first=False):
    """Layers of long short-term memory (Hochreiter and Schmidhuber, 1997): (output, h_n, c_n).

    params: w_ih, w_hh (and b_ih, b_hh) of each layer and direction.

    Shape: (T, N, in), two of (layers d, N, H) -> (T, N, d H), two of (layers d, N, H); d = 2 if bidirectional.
    """
    return _stacked("lstm", input, list(hx), params, has_biases, num_layers, dropout, train, bidirectional, batch_first)


def gru(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first=False):
    """Layers of gated recurrent units (Cho et al., 2014): (output, h_n).

    Shape: (T, N, in), (layers d, N, H) -> (T, N, d H), (layers d, N, H); d = 2 if bidirectional.
    """
    return _stacked("gru", input, [hx], params, has_biases, num_layers, dropout, train, bidirectional, batch_first)


def rnn_tanh(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first=False):
    """Layers of h = tanh(w_ih x + w_hh h) (Elman, 1990): (output, h_n).

    Shape: (T, N, in), (layers d, N, H) -> (T, N, d H), (layers d, N, H); d = 2 if bidirectional.
    """
    return _stacked("rnn_tanh", input, [hx], params, has_biases, num_layers, dropout, train, bidirectional, batch_first)


def rnn_relu(input, hx, params, has_biases, num_layers, dropout, train, bidirectional, batch_first=False):
    """Layers of h = relu(w_ih x + w_hh h): (output, h_n).

    Shape: (T, N, in), (layers d, N, H) -> (T, N, d H), (layers d, N, H); d = 2 if bidirectional.
    """
    return _stacked("rnn_relu", input, [hx], params, has_biases, num_layers, dropout, train, bidirectional, batch_first)


def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM: (h, c).   Shape: (N, in), two of (N, H), w_ih (4 H, in), w_hh (4 H, H) -> two of (N, H).

    >>> import facula
    >>> h, c = facula.lstm_cell(facula.ones(1, 3), (facula.zeros(1, 2), facula.zeros(1, 2)), facula.ones(8, 3), facula.ones(8, 2))
    >>> h.shape, c.shape
    (facula.Size([1, 2]), facula.Size([1, 2]))
    """
    return _layer("lstm", input.unsqueeze(0), list(hx), w_ih, w_hh, b_ih, b_hh, False)[1]


def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a GRU.   Shape: (N, in), (N, H), w_ih (3 H, in), w_hh (3 H, H) -> (N, H).

    >>> import facula
    >>> facula.gru_cell(facula.ones(1, 3), facula.zeros(1, 2), facula.ones(6, 3), facula.ones(6, 2)).shape
    facula.Size([1, 2])
    """
    return _layer("gru", input.unsqueeze(0), [hx], w_ih, w_hh, b_ih, b_hh, False)[1][0]


def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """tanh(w_ih input + w_hh hx).   Shape: (N, in), (N, H), w_ih (H, in), w_hh (H, H) -> (N, H).

    >>> import facula
    >>> facula.rnn_tanh_cell(facula.ones(1, 3), facula.zeros(1, 2), facula.ones(2, 3), facula.ones(2, 2)).shape
    facula.Size([1, 2])
    """
    return _layer("rnn_tanh", input.unsqueeze(0), [hx], w_ih, w_hh, b_ih, b_hh, False)[1][0]


def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """relu(w_ih input + w_hh hx).   Shape: (N, in), (N, H), w_ih (H, in), w_hh (H, H) -> (N, H)."""
    return _layer("rnn_relu", input.unsqueeze(0), [hx], w_ih, w_hh, b_ih, b_hh, False)[1][0]
