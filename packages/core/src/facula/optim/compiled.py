"""Which update runs as one compiled loop (`ops/kernels/cpu/optimizers.py`), and what its loop takes.

A loop gives the bits of the NumPy form of the same name; it reads and writes each number once, on several threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from facula.ops.kernels.compiled import LEAST
from facula.ops.kernels.cpu import optimizers as loops


def _adam(b1: float, b2: float, size: float, eps: float, shrink: float, decay: float, flip: bool) -> tuple[Any, ...]:
    return 1 - b1, b2, 1 - b2, size, eps, shrink, decay, flip


def _nadam(
    b1: float, b2: float, g: float, m: float, correction: float, eps: float, shrink: float, decay: float, flip: bool
) -> tuple[Any, ...]:
    return 1 - b1, b2, 1 - b2, g, m, correction, eps, decay or shrink, not decay, flip


def _sgd(lr: float, momentum: float, dampening: float, decay: float, nesterov: bool, flip: bool) -> tuple[Any, ...]:
    return lr, decay, flip


def _momentum(
    lr: float, momentum: float, dampening: float, decay: float, nesterov: bool, flip: bool
) -> tuple[Any, ...]:
    return lr, momentum, 1 - dampening, decay, nesterov, flip


def _adadelta(lr: float, rho: float, *rest: Any) -> tuple[Any, ...]:
    return lr, rho, 1 - rho, *rest


def _rmsprop(
    lr: float, alpha: float, eps: float, momentum: float, centered: bool, decay: float, flip: bool
) -> tuple[Any, ...]:
    return lr, alpha, 1 - alpha, eps, decay, flip


def _adagrad(*constants: Any) -> tuple[Any, ...]:
    return constants


_LOOPS: dict[tuple[str, int], tuple[Any, Callable[..., tuple[Any, ...]]]] = {
    ("_adam", 4): (loops.adam_loop, _adam),
    ("_nadam", 4): (loops.nadam_loop, _nadam),
    ("_sgd", 2): (loops.sgd_loop, _sgd),
    ("_sgd", 3): (loops.sgd_momentum_loop, _momentum),
    ("_adadelta", 4): (loops.adadelta_loop, _adadelta),
    ("_rmsprop", 3): (loops.rmsprop_loop, _rmsprop),
    ("_adagrad", 3): (loops.adagrad_loop, _adagrad),
}


def run_compiled(name: str, flat: Sequence[Any], constants: Any) -> bool:
    """Run the loop of the update called `name` over flat arrays; False if there is none, or it does not serve them."""
    found = _LOOPS.get((name, len(flat)))
    if found is None:
        return False
    tenfold = (
        len(flat) > 3 and flat[0].dtype in found[0].loaded
    )  # NumPy takes ten steps: few numbers are worth the call
    if not found[0].serves(*flat, work=LEAST if tenfold else None):
        return False
    p, _, *state = flat
    if not all(a.flags.writeable for a in (p, *state)):
        return False
    found[0].share(p.size, len(flat), *flat, *found[1](*constants))
    return True
