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

_MODULES = """
    amp array_api autograd cpu cuda data devices distributed distributions fft func graph hub library linalg masked
    metrics multiprocessing nn onnx ops optim plugins profiler quantization random return_types serialization signal
    sparse special testing utils version
""".split()

# Where a public name that is no op lives: room -> names.
_ROOMS = {
    "tensors.tensor": "Tensor Size",
    "tensors.printing": "set_printoptions",
    "devices.base": "device",
    "devices.generator": "Generator manual_seed seed initial_seed get_rng_state set_rng_state",
    "autograd.state": "no_grad enable_grad set_grad_enabled inference_mode is_grad_enabled is_inference_mode_enabled",
    "dtypes": "finfo iinfo dtype",
    "quantization": "qint8",
    "serialization": "save load",
    "amp": "autocast",
    "amp.autocast_mode": """
        is_autocast_enabled get_autocast_dtype is_autocast_cpu_enabled get_autocast_cpu_dtype get_autocast_gpu_dtype
        is_autocast_cache_enabled clear_autocast_cache
    """,
    "func.mapping": "vmap",
    "ops.storage": "UntypedStorage TypedStorage",
    "profiler.summarize": "summary",
    "autograd.anomaly": "is_anomaly_enabled is_anomaly_check_nan_enabled",
    "config": "set_num_threads get_num_threads",
    "ops.kernels": "use_kernels",
    "plugins.tables": "models datasets transforms optimizers callbacks loggers strategies exporters",
    "public": """
        result_type promote_types can_cast get_default_dtype set_default_dtype set_default_device get_default_device
        default_generator is_tensor is_floating_point is_complex is_nonzero numel strided sparse_coo sparse_csr sparse_csc
        sparse_bsr sparse_bsc layout memory_format
        contiguous_format preserve_format channels_last channels_last_3d inf nan pi e newaxis use_deterministic_algorithms
        FloatTensor DoubleTensor HalfTensor LongTensor IntTensor ShortTensor ByteTensor CharTensor BoolTensor BFloat16Tensor
        are_deterministic_algorithms_enabled is_signed is_inference is_conj detach get_device is_neg is_storage is_distributed
        set_default_tensor_type set_anomaly_enabled
        typename set_float32_matmul_precision get_float32_matmul_precision set_num_interop_threads get_num_interop_threads
        set_warn_always is_warn_always_enabled set_flush_denormal get_deterministic_debug_mode set_deterministic_debug_mode
        is_deterministic_algorithms_warn_only_enabled
    """,
}
_PLACES = {name: f"facula.{room}" for room, names in _ROOMS.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(f"module 'facula' has no attribute {name!r}")
    ops = importlib.import_module("facula.ops")  # gives Tensor its methods
    if name in _PLACES:
        found = getattr(importlib.import_module(_PLACES[name]), name)
    elif name in ops.PUBLIC and name in ops.names.FUNCTIONS:
        found = ops.function(name)
    elif name.endswith("_") and name in ops.names.FUNCTIONS & ops.names.IN_PLACE:
        found = getattr(importlib.import_module("facula.tensors.tensor").Tensor, name)
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
    functions = ops.names.FUNCTIONS & ops.PUBLIC.keys()
    return sorted({*globals(), *_PLACES, *functions, *_MODULES} - {"annotations"})
