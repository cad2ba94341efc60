"""Functions of one number, and their slopes: one loop each over the whole memory, on vector registers.

A loop is a template, and what it does to a number is one of the functions below; `a`, `b`, `c` are what the operator's
attributes say.
"""

from __future__ import annotations

from types import FunctionType

import numpy as np

from facula.ops import unary
from facula.ops.activation import elu_op, gelu, gelu_array, mish_op, relu, silu_op, softplus
from facula.ops.kernels import compiled
from facula.ops.kernels.compiled import Kernel, float32, inline
from facula.ops.kernels.vector import HALF, ONE, TWO, ZERO, erf, exp, expm1, f, log1p, sigmoid, tanh

ROOT_HALF, DENSITY = f(np.sqrt(0.5)), f(1 / np.sqrt(2 * np.pi))
FIRST, CUBE, THREE = f(2 * np.sqrt(2 / np.pi)), f(2 * 0.044715 * np.sqrt(2 / np.pi)), f(3)
SATURATED = f(20)  # from here on tanh(log(1 + e ** x)) is 1


def _each(x: float32[::1], out: float32[::1], a: float32, b: float32, c: float32, start: int, stop: int):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = function(x[i], a, b, c)


def _slopes(
    g: float32[::1], x: float32[::1], slope: float32[::1], a: float32, b: float32, c: float32, start: int, stop: int
):
    g, x, slope = g[start:stop], x[start:stop], slope[start:stop]
    for i in range(x.size):
        slope[i] = function(g[i], x[i], a, b, c)


def function(*numbers):
    """What a template does to each number: a loop has one of the functions below in this place."""


def _loop(template, inside):
    made = FunctionType(template.__code__, {**globals(), "function": inline(inside)}, inside.__name__)
    made.__annotations__, made.__module__ = template.__annotations__, __name__
    return Kernel(made)


def _values(plain, inside, least=1):
    """A forward as a loop, which takes its attributes as numbers; `plain` where the loop does not serve.

    `least`: from how many times LEAST numbers on it is faster than NumPy.
    """
    loop = _loop(_each, inside)

    def forward(xp, input, *numbers):
        if input.size < least * compiled.LEAST or not loop.serves(input, work=compiled.LEAST):
            return plain(xp, input, *numbers)
        out = np.empty_like(input)
        loop.share(out.size, 1, input.reshape(-1), out.reshape(-1), *(*numbers, 0.0, 0.0, 0.0)[:3])
        return out

    def overwrite(array):
        """Put the values where the numbers were, if the loop serves."""
        few = array.size < least * compiled.LEAST
        if few or not loop.serves(array, work=compiled.LEAST) or not array.flags.writeable:
            return False
        flat = array.reshape(-1)
        loop.share(flat.size, 1, flat, flat, 0.0, 0.0, 0.0)
        return True

    forward.overwrite = overwrite
    return forward


def _gradient(record, plain, asks, inside, least=1):
    """A gradient on arrays as a loop, which asks for what the plain one asks for."""
    loop = _loop(_slopes, inside)
    upper, of = asks.index("g"), asks.index("out" if "out" in asks else "input")
    numbers = [asks.index(name) for name in record.attrs if name in asks]

    def slope(*args):
        g, x = args[upper], args[of]
        if x.size < least * compiled.LEAST or not loop.serves(x, g, work=compiled.LEAST):
            return plain(*args)
        out = np.empty_like(x)
        settings = (*[args[i] for i in numbers], 0.0, 0.0, 0.0)[:3]
        loop.share(out.size, 1, g.reshape(-1), x.reshape(-1), out.reshape(-1), *settings)
        return out

    slope.asks = asks
    return slope


def _hang(record, inside, slope=None, least=1):
    """Let a record compute by loops over these functions of one number."""
    forward = _values(record.forward, inside, least)
    record.kernel("cpu", forward)
    if not record.attrs:
        record.overwrite = forward.overwrite
    if slope is not None:
        record.array_vjp(input=_gradient(record, *record.array_rules["input"], slope, least))


def relu_of(x, a, b, c):
    return ZERO if x < ZERO else x


def relu_slope(g, out, a, b, c):
    return ZERO if out <= ZERO else g


def exp_of(x, a, b, c):
    return exp(x)


def sigmoid_of(x, a, b, c):
    return sigmoid(x)


def sigmoid_slope(g, out, a, b, c):
    return g * (ONE - out) * out


def tanh_of(x, a, b, c):
    return tanh(x)


def tanh_slope(g, out, a, b, c):
    return g * (ONE - out * out)


def gelu_of(x, a, b, c):
    return x * (HALF + HALF * erf(x * ROOT_HALF))


def gelu_slope(g, x, a, b, c):
    return g * (HALF + HALF * erf(x * ROOT_HALF) + x * exp(-HALF * x * x) * DENSITY)


def gelu_estimate(x, a, b, c):
    return x * sigmoid(x * (x * x * CUBE + FIRST))  # (1 + tanh(u)) / 2 = sigmoid(2 u)


def gelu_estimate_slope(g, x, a, b, c):
    s = sigmoid(x * (x * x * CUBE + FIRST))
    return g * (s + s * (ONE - s) * x * (THREE * CUBE * x * x + FIRST))


def silu_of(x, a, b, c):
    return x * sigmoid(x)


def silu_slope(g, x, a, b, c):
    s = sigmoid(x)
    return g * s * (x * (ONE - s) + ONE)


def mish_of(x, a, b, c):
    e = exp(SATURATED if x > SATURATED else x)
    n = e * (e + TWO)
    return x if x > SATURATED else x * (n / (n + TWO))


def mish_slope(g, x, a, b, c):
    e = exp(SATURATED if x > SATURATED else x)
    n = e * (e + TWO)
    t = n / (n + TWO)
    return g if x > SATURATED else g * (t + x * (ONE - t * t) * (e / (ONE + e)))


def softplus_of(x, beta, threshold, c):
    scaled = x * beta
    size = -scaled if scaled < ZERO else scaled
    smooth = (ZERO if scaled < ZERO else scaled) + log1p(exp(-size))
    return x if scaled > threshold else smooth / beta


def softplus_slope(g, x, beta, threshold, c):
    scaled = x * beta
    return g if scaled > threshold else g * sigmoid(scaled)


def elu_of(x, alpha, scale, input_scale):
    low = alpha * scale * expm1((ZERO if x > ZERO else x) * input_scale)
    return x * scale if x > ZERO else low


def elu_slope(g, x, alpha, scale, input_scale):
    low = exp((ZERO if x > ZERO else x) * input_scale) * (alpha * scale * input_scale)
    return g * (scale if x > ZERO else low)


_gelu, _estimate = (
    _values(lambda xp, x, kind=kind: gelu.forward(xp, x, approximate=kind), inside, least)
    for kind, inside, least in (("none", gelu_of, 1), ("tanh", gelu_estimate, 1 / 4))
)
_gelu_slope, _estimate_slope = (
    _gradient(silu_op, lambda g, x, kind=kind: gelu_array(g, x, kind, np), ("g", "input"), inside)
    for kind, inside in (("none", gelu_slope), ("tanh", gelu_estimate_slope))
)


def gelu_forward(xp, input, *, approximate="none"):
    """The forward of `gelu`."""
    if approximate == "tanh":
        return _estimate(xp, input)
    return _gelu(xp, input) if approximate == "none" else gelu.forward(xp, input, approximate=approximate)


gelu.kernel("cpu", gelu_forward)
gelu.array_vjp(
    input=lambda g, input, approximate: (_estimate_slope if approximate == "tanh" else _gelu_slope)(g, input)
)
_hang(relu, relu_of, relu_slope, least=16)
_hang(unary.exp, exp_of, least=4)
_hang(unary.sigmoid, sigmoid_of, sigmoid_slope, least=2)
_hang(unary.tanh, tanh_of, tanh_slope, least=16)
_hang(silu_op, silu_of, silu_slope, least=2)
_hang(mish_op, mish_of, mish_slope, least=1 / 8)
_hang(softplus, softplus_of, softplus_slope, least=1 / 4)
_hang(elu_op, elu_of, elu_slope, least=1 / 2)
