"""Facula: PyTorch's API on NumPy and CuPy arrays. `import facula as torch` is all that a program needs.

Everything here is loaded when it is first used; importing the package costs little more than importing NumPy.
"""

from __future__ import annotations

import importlib
from typing import Any

from facula import dtypes as _dtypes

__version__ = "0.1.0"

for _t in _dtypes.ALL:
    globals()[_t.name] = _t
globals().update(_dtypes.ALIASES)

_MODULES = (
    "amp autograd backends compile cpu cuda data devices distributed distributions export fft func functional graph jit linalg masked meta "
    "multiprocessing nn onnx ops optim overrides plugins profiler quantization random return_types serialization signal sparse special testing types utils version"
).split()
_PLACES = {
    "Tensor": "facula.tensors.tensor", "Size": "facula.tensors.tensor", "device": "facula.devices.base", "Generator": "facula.devices.generator",
    "manual_seed": "facula.devices.generator", "seed": "facula.devices.generator", "initial_seed": "facula.devices.generator",
    "get_rng_state": "facula.devices.generator", "set_rng_state": "facula.devices.generator",
    "no_grad": "facula.autograd.state", "enable_grad": "facula.autograd.state", "set_grad_enabled": "facula.autograd.state",
    "inference_mode": "facula.autograd.state", "is_grad_enabled": "facula.autograd.state", "is_inference_mode_enabled": "facula.autograd.state",
    "finfo": "facula.dtypes", "iinfo": "facula.dtypes", "dtype": "facula.dtypes",
    "qint8": "facula.quantization", "save": "facula.serialization", "load": "facula.serialization",
    "set_num_threads": "facula.config", "get_num_threads": "facula.config", "set_printoptions": "facula.tensors.printing",
    **{kind: "facula.plugins.tables" for kind in ("models", "datasets", "transforms", "optimizers", "callbacks", "loggers", "strategies", "exporters")},
    **{name: "facula.public" for name in (
        "result_type promote_types can_cast get_default_dtype set_default_dtype set_default_device get_default_device default_generator "
        "is_tensor is_floating_point is_complex is_nonzero numel strided sparse_coo layout memory_format "
        "contiguous_format preserve_format channels_last channels_last_3d inf nan pi e newaxis use_deterministic_algorithms "
        "FloatTensor DoubleTensor HalfTensor LongTensor IntTensor ShortTensor ByteTensor CharTensor BoolTensor BFloat16Tensor "
        "are_deterministic_algorithms_enabled is_signed is_inference is_conj detach "
       
    ).split()},
}  # fmt: skip


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'facula' has no attribute {name!r}")
    ops = importlib.import_module("facula.ops")  # gives Tensor its methods
    if name in _PLACES:
        found = getattr(importlib.import_module(_PLACES[name]), name)
    elif name in ops.PUBLIC and name in ops.names.FUNCTIONS:
        found = ops.function(name)
    elif name in _MODULES:
        try:
            return importlib.import_module(f"facula.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"facula.{name}":
                raise
            raise AttributeError(f"module 'facula' has no attribute {name!r}") from None
    else:
        raise AttributeError(f"module 'facula' has no attribute {name!r}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    ops = importlib.import_module("facula.ops")
    return sorted({*globals(), *_PLACES, *ops.PUBLIC, *_MODULES} - {"annotations"})
