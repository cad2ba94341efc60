"""All public operators. `PUBLIC` maps each name to its record or function; PyTorch's namespaces are views of this table."""

from __future__ import annotations

import importlib
import types
from typing import Any

from facula.autograd.op import Op
from facula.autograd.primitives import clone
from facula.devices.memory import reuse_freed_memory

FAMILIES = (
    "arithmetic", "unary", "compare", "reduce", "shape", "matmul", "create", "share", "conversion", "index", "join", "gather", "masks", "layout",
    "strided", "blas", "interop", "linalg", "linalg_decompositions", "linalg_orthogonal", "linalg_norms", "fft", "stft", "windows", "masked",
    "random", "clamp", "extremes", "scan", "activation", "activation_hard", "softmax", "loss", "loss_class",
    "norm", "dropout", "embedding", "conv", "pad", "pool", "pool_adaptive", "distance", "loss_pair", "shuffle", "resample",
    "attention", "loss_ctc", "recurrent",
    "statistics", "sort", "trigonometry", "exponential", "combine", "bitwise", "complex",
    "gamma", "bessel", "polynomial", "quantile", "histogram", "unique", "difference", "sparse", "sparse_math", "storage",
    "copies",
)  # fmt: skip

KERNELS = (
    "softmax",
    "layer_norm",
    "batch_norm",
    "cross_entropy",
    "pointwise",
    "attention",
    "channels",
    "dropout",
    "conv",
    "recurrent",
    "pool",
    "products",
    "fourier",
)  # families with faster forms, in ops/kernels

PUBLIC: dict[str, Any] = {"clone": clone}


def _collect(family: str) -> None:
    module = importlib.import_module(f"facula.ops.{family}")
    for name, value in vars(module).items():
        if name.startswith("_"):
            continue
        mine = isinstance(value, Op) and value.__module__ == module.__name__
        if mine or (isinstance(value, types.FunctionType) and value.__module__ == module.__name__):
            PUBLIC[name] = value


for _family in FAMILIES:
    _collect(_family)

for _family in KERNELS:
    importlib.import_module(f"facula.ops.kernels.cpu.{_family}")


reuse_freed_memory()


def function(name: str) -> Any:
    """The callable of a public op: its generated door, or the composed function."""
    found = PUBLIC[name]
    return found.door if isinstance(found, Op) else found


def __getattr__(name: str) -> Any:
    if name in PUBLIC:
        found = globals()[name] = function(name)
        return found
    raise AttributeError(f"module 'facula.ops' has no attribute {name!r}")


from facula.ops import methods as _methods  # noqa: E402  (it needs PUBLIC)

_methods.attach(PUBLIC)
importlib.import_module("facula.ops.sparse_forms")  # (it needs the methods)
for _family in FAMILIES:  # `from facula.ops import softmax` means the op, not the file of that name
    if _family in PUBLIC:
        globals()[_family] = PUBLIC[_family]
