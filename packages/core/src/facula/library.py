"""What a package needs to bring operators of its own: the record, its rule's result, and loops that run as machine code.

`op` makes the record of an operator, `sample` and `arg` its examples, `Meta` is the shape and type that its rule returns.
`kernel` compiles a loop and keeps it, `inline` marks a helper that loops call; `F`, `float32`, `float64` and `int64` are
what their annotations are made of. Without numba `kernel(...).serves(...)` is False and the plain forward runs.

>>> import numpy as np
>>> from facula.library import F, kernel
>>> @kernel
... def scale(x: F[::1], out: F[::1], factor: F, start: int, stop: int):
...     for i in range(start, stop):
...         out[i] = x[i] * factor
>>> scale.serves(np.ones(3))  # too few to be worth a call
False
"""

from __future__ import annotations

from facula.autograd.op import Op, arg, op, sample
from facula.devices.meta import Meta
from facula.ops.kernels.compiled import F, Kernel, float32, float64, inline, int64, kernel

__all__ = ["F", "Kernel", "Meta", "Op", "arg", "float32", "float64", "inline", "int64", "kernel", "op", "sample"]
