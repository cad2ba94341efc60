"""Steps of optimizers over flat arrays: each number is read and written once.

A loop does for each number what the NumPy form of the same name (in `facula.optim`) does for whole pieces, in the same order
and with the same roundings, so the results are equal to the bit. `decay` is the weight decay that joins the gradient,
`flip` is 1 to maximise; a name `..._rest` stands for 1 minus the number.
"""

from __future__ import annotations

import numpy as np

from facula.ops.kernels.compiled import F, inline, kernel


@inline
def followed(x, y, decay, flip):
    """The gradient to follow."""
    if decay != 0:
        return x * decay - y if flip else x * decay + y
    return -y if flip else y


@kernel(exact=True)
def adam_loop(
    p: F[::1], g: F[::1], m: F[::1], v: F[::1], b1_rest: F, b2: F, b2_rest: F, size: F, eps: F, shrink: F, decay: F,
    flip: int, start: int, stop: int,
):  # fmt: skip
    p, g, m, v = p[start:stop], g[start:stop], m[start:stop], v[start:stop]
    for i in range(p.size):
        x = p[i] * shrink
        y = followed(x, g[i], decay, flip)
        m[i] = m[i] + (y - m[i]) * b1_rest
        v[i] = v[i] * b2 + y * y * b2_rest
        p[i] = x - m[i] / (np.sqrt(v[i]) + eps) * size


@kernel(exact=True)
def nadam_loop(
    p: F[::1], g: F[::1], m: F[::1], v: F[::1], b1_rest: F, b2: F, b2_rest: F, rate_g: F, rate_m: F, correction: F, eps: F,
    weight: F, decoupled: int, flip: int, start: int, stop: int,
):  # fmt: skip
    """`weight` is what the parameters shrink to if it is decoupled, else the decay."""
    p, g, m, v = p[start:stop], g[start:stop], m[start:stop], v[start:stop]
    one, none = p.dtype.type(1), p.dtype.type(0)
    shrink, decay = (weight, none) if decoupled else (one, weight)
    for i in range(p.size):
        x = p[i] * shrink
        y = followed(x, g[i], decay, flip)
        m[i] = m[i] + (y - m[i]) * b1_rest
        v[i] = v[i] * b2 + y * y * b2_rest
        d = np.sqrt(v[i] * correction) + eps
        p[i] = x - y / d * rate_g - m[i] / d * rate_m


@kernel(exact=True)
def sgd_loop(p: F[::1], g: F[::1], lr: F, decay: F, flip: int, start: int, stop: int):
    p, g = p[start:stop], g[start:stop]
    for i in range(p.size):
        p[i] = p[i] - followed(p[i], g[i], decay, flip) * lr


@kernel(exact=True)
def sgd_momentum_loop(
    p: F[::1], g: F[::1], b: F[::1], lr: F, momentum: F, dampening_rest: F, decay: F, nesterov: int, flip: int, start: int,
    stop: int,
):  # fmt: skip
    p, g, b = p[start:stop], g[start:stop], b[start:stop]
    for i in range(p.size):
        y = followed(p[i], g[i], decay, flip)
        moved = b[i] * momentum + y * dampening_rest
        b[i] = moved
        p[i] = p[i] - (moved * momentum + y if nesterov else moved) * lr


@kernel(exact=True)
def adadelta_loop(
    p: F[::1], g: F[::1], average: F[::1], steps: F[::1], lr: F, rho: F, rho_rest: F, eps: F, decay: F, flip: int,
    start: int, stop: int,
):  # fmt: skip
    p, g, average, steps = p[start:stop], g[start:stop], average[start:stop], steps[start:stop]
    for i in range(p.size):
        y = followed(p[i], g[i], decay, flip)
        average[i] = average[i] * rho + y * y * rho_rest
        d = np.sqrt((steps[i] + eps) / (average[i] + eps)) * y
        steps[i] = steps[i] * rho + d * d * rho_rest
        p[i] = p[i] - d * lr


@kernel(exact=True)
def rmsprop_loop(
    p: F[::1], g: F[::1], v: F[::1], lr: F, alpha: F, alpha_rest: F, eps: F, decay: F, flip: int, start: int, stop: int
):
    p, g, v = p[start:stop], g[start:stop], v[start:stop]
    for i in range(p.size):
        y = followed(p[i], g[i], decay, flip)
        v[i] = v[i] * alpha + y * y * alpha_rest
        p[i] = p[i] - y / (np.sqrt(v[i]) + eps) * lr


@kernel(exact=True)
def adagrad_loop(p: F[::1], g: F[::1], total: F[::1], rate: F, eps: F, decay: F, flip: int, start: int, stop: int):
    p, g, total = p[start:stop], g[start:stop], total[start:stop]
    for i in range(p.size):
        y = followed(p[i], g[i], decay, flip)
        total[i] = total[i] + y * y
        p[i] = p[i] - y / (np.sqrt(total[i]) + eps) * rate
