"""The updates of SGD and Adam as one loop each, compiled by numba where it is installed.

A loop does for each number what the NumPy kernel of the same name does for whole pieces, in the same order and with the
same roundings, so the results are equal to the bit; it only reads and writes each number once.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

LEAST = 32768  # numbers from which on the loop is worth the time to load numba

Loop = Callable[..., None]


def adam_loop(
    p: Any, g: Any, m: Any, v: Any, c1: Any, b2: Any, c2: Any, size: Any, eps: Any, shrink: Any, decay: Any, flip: bool
) -> None:
    """One step of Adam over flat arrays; c1 = 1 - b1 and c2 = 1 - b2."""
    for i in range(p.size):
        x = p[i] * shrink
        y = g[i]
        if decay != 0:
            y = x * decay - y if flip else x * decay + y
        elif flip:
            y = -y
        first = m[i] + (y - m[i]) * c1
        second = v[i] * b2 + y * y * c2
        m[i] = first
        v[i] = second
        p[i] = x - first / (math.sqrt(second) + eps) * size


def sgd_loop(
    p: Any, g: Any, b: Any, lr: Any, momentum: Any, damping: Any, decay: Any, nesterov: bool, flip: bool
) -> None:
    """One step of SGD with momentum over flat arrays; damping = 1 - dampening."""
    for i in range(p.size):
        y = g[i]
        if decay != 0:
            y = p[i] * decay - y if flip else p[i] * decay + y
        elif flip:
            y = -y
        moved = b[i] * momentum + y * damping
        b[i] = moved
        p[i] = p[i] - (moved * momentum + y if nesterov else moved) * lr


def _adam_arguments(constants: Any) -> tuple[Any, ...]:
    b1, b2, size, eps, shrink, decay, flip = constants
    return 1 - b1, b2, 1 - b2, size, eps, shrink, decay, flip


def _sgd_arguments(constants: Any) -> tuple[Any, ...]:
    lr, momentum, dampening, decay, nesterov, flip = constants
    return lr, momentum, 1 - dampening, decay, nesterov, flip


_LOOPS: dict[tuple[str, int], tuple[Loop, Callable[[Any], tuple[Any, ...]]]] = {
    ("_adam", 4): (adam_loop, _adam_arguments),
    ("_sgd", 3): (sgd_loop, _sgd_arguments),
}


@functools.cache
def _compile(loop: Loop) -> Loop | None:
    try:
        import numba
    except ImportError:
        return None
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(loop)
    except RuntimeError:  # nowhere to keep the compiled code
        return numba.njit(nogil=True, error_model="numpy")(loop)


def run_compiled(name: str, flat: Sequence[Any], constants: Any) -> bool:
    """Run the loop of the kernel called `name` over flat arrays; False if there is none."""
    found = _LOOPS.get((name, len(flat)))
    loop = None if found is None else _compile(found[0])
    if found is None or loop is None:
        return False
    kind = flat[0].dtype.type
    loop(*flat, *[value if isinstance(value, bool) else kind(value) for value in found[1](constants)])
    return True
