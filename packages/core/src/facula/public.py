"""Small functions and constants of PyTorch's top namespace that are neither ops nor rooms of their own."""

from __future__ import annotations

import math
from typing import Any

from facula import dtypes
from facula.devices import base as devices
from facula.devices.generator import default_generator as _default_generator
from facula.errors import runtime_error, type_error, value_error
from facula.tensors import layouts as _layouts
from facula.tensors.tensor import Tensor

inf, nan, pi, e, newaxis = math.inf, math.nan, math.pi, math.e, None
default_generator = _default_generator()
layout, memory_format = _layouts.layout, _layouts.memory_format
strided, sparse_coo, sparse_csr = _layouts.strided, _layouts.sparse_coo, _layouts.sparse_csr
sparse_csc, sparse_bsr, sparse_bsc = _layouts.sparse_csc, _layouts.sparse_bsr, _layouts.sparse_bsc
contiguous_format, preserve_format = _layouts.contiguous_format, _layouts.preserve_format
channels_last, channels_last_3d = _layouts.channels_last, _layouts.channels_last_3d


def _operand(x: Any) -> Any:
    return x.array if isinstance(x, Tensor) else x


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The type that arithmetic on both (tensors or Python numbers) gives.

    >>> import facula
    >>> facula.result_type(facula.tensor([1, 2]), 1.0)
    facula.float32
    """
    return dtypes.of(dtypes.result_type([_operand(tensor1), _operand(tensor2)]))


def promote_types(type1: dtypes.dtype, type2: dtypes.dtype) -> dtypes.dtype:
    """The smallest type that holds values of both by PyTorch's table."""
    return dtypes.of(dtypes.promote(type1.numpy, type2.numpy))


def can_cast(from_: dtypes.dtype, to: dtypes.dtype) -> bool:
    """Whether promotion allows a value of one type to be stored in the other."""
    return from_.category <= to.category


def get_default_dtype() -> dtypes.dtype:
    """The type of new floating-point tensors."""
    return dtypes.default()


def set_default_dtype(d: dtypes.dtype) -> None:
    """Choose the type of new floating-point tensors."""
    dtypes.set_default(d)


def set_default_device(device: Any) -> None:
    """Put new tensors on this device from now on (None: the CPU)."""
    devices.set_default(device)


def get_default_device() -> devices.device:
    """The device of new tensors."""
    return devices.default()


def is_tensor(obj: Any) -> bool:
    """Whether `obj` is a Tensor."""
    return isinstance(obj, Tensor)


def is_floating_point(input: Tensor) -> bool:
    """Whether the type of `input` is floating point."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> bool:
    """Whether the type of `input` is complex."""
    return input.is_complex()


def is_signed(input: Tensor) -> bool:
    """Whether the type of `input` has a sign."""
    return input.is_signed()


def is_conj(input: Tensor) -> bool:
    """Whether `input` is a lazy conjugate (never here: conjugates are computed)."""
    return False


def is_inference(input: Tensor) -> bool:
    """Whether `input` was made in inference mode (not tracked here)."""
    return input.is_inference()


def is_nonzero(input: Tensor) -> bool:
    """Whether a tensor of one element is not zero."""
    return bool(input)


def numel(input: Tensor) -> int:
    """The count of elements."""
    return input.numel()


def detach(input: Tensor) -> Tensor:
    """The same memory without history."""
    out: Tensor = input.detach()
    return out


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Accepted for PyTorch's sake: all algorithms here are deterministic."""


def are_deterministic_algorithms_enabled() -> bool:
    """Always true."""
    return True


def _typed(name: str, dtype: dtypes.dtype) -> Any:
    def make(*args: Any) -> Any:
        from facula import ops

        if args and not isinstance(args[0], int):
            return ops.function("tensor")(args[0], dtype=dtype)
        return ops.function("empty")(*(args or (0,)), dtype=dtype)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"A {dtype.name} tensor of given data, or uninitialised with given sizes."
    return make


FloatTensor, DoubleTensor = _typed("FloatTensor", dtypes.float32), _typed("DoubleTensor", dtypes.float64)
HalfTensor, BFloat16Tensor = _typed("HalfTensor", dtypes.float16), _typed("BFloat16Tensor", dtypes.bfloat16)
LongTensor, IntTensor = _typed("LongTensor", dtypes.int64), _typed("IntTensor", dtypes.int32)
ShortTensor, CharTensor = _typed("ShortTensor", dtypes.int16), _typed("CharTensor", dtypes.int8)
ByteTensor, BoolTensor = _typed("ByteTensor", dtypes.uint8), _typed("BoolTensor", dtypes.bool_)


def set_default_tensor_type(t: Any) -> None:
    """PyTorch's old way to choose the type (and device) of new tensors, e.g. `facula.DoubleTensor` or "torch.cuda.FloatTensor".

    >>> import facula
    >>> facula.set_default_tensor_type(facula.FloatTensor)
    """
    name = t if isinstance(t, str) else getattr(t, "__name__", repr(t))
    kinds = {"Float": "float32", "Double": "float64", "Half": "float16", "BFloat16": "bfloat16"}
    kind = name.rpartition(".")[2].removesuffix("Tensor")
    if kind not in kinds:
        raise type_error(
            f"set_default_tensor_type: only floating-point types are supported as the default type, got {name}. Use facula.FloatTensor."
        )
    dtypes.set_default(dtypes.by_name(kinds[kind]))
    devices.set_default("cuda" if ".cuda." in name else None)


def set_anomaly_enabled(mode: bool, check_nan: bool = True) -> None:
    """`autograd.set_detect_anomaly` as a call."""
    from facula.autograd.anomaly import set_detect_anomaly

    set_detect_anomaly(mode, check_nan)


def get_device(input: Tensor) -> int:
    """The number of the device that holds `input`; -1 on the CPU."""
    return input.get_device()


def is_neg(input: Tensor) -> bool:
    """Whether `input` is a lazy negative (never here: negatives are computed)."""
    return False


def is_storage(obj: Any) -> bool:
    """Whether `obj` is the storage of a tensor."""
    from facula.ops.storage import UntypedStorage

    return isinstance(obj, UntypedStorage)


def is_distributed(input: Tensor) -> bool:
    """Whether `input` is spread over processes (never here)."""
    return False


def typename(obj: Any) -> str:
    """The type of `obj` as a string, e.g. "facula.FloatTensor".

    >>> import facula
    >>> facula.typename(facula.ones(1))
    'facula.FloatTensor'
    """
    return str(obj.type()) if isinstance(obj, Tensor) else f"{type(obj).__module__}.{type(obj).__name__}"


_settings: dict[str, Any] = {"precision": "highest", "interop": 1, "warn_always": False}


def set_float32_matmul_precision(precision: str) -> None:
    """Accepted for PyTorch's sake ("highest", "high", "medium"): products of float32 are always computed in float32."""
    if precision not in ("highest", "high", "medium"):
        raise value_error(
            f"set_float32_matmul_precision: expected 'highest', 'high' or 'medium', got {precision!r}. Choose one."
        )
    _settings["precision"] = precision


def get_float32_matmul_precision() -> str:
    """What `set_float32_matmul_precision` was told."""
    return str(_settings["precision"])


def set_num_interop_threads(threads: int) -> None:
    """Accepted for PyTorch's sake: operators run one after the other here."""
    if threads <= 0:
        raise runtime_error(f"set_num_interop_threads: expected a positive integer, got {threads}. Pass 1 or more.")
    _settings["interop"] = int(threads)


def get_num_interop_threads() -> int:
    """What `set_num_interop_threads` was told."""
    return int(_settings["interop"])


def set_warn_always(b: bool) -> None:
    """Accepted for PyTorch's sake: Python's warning filters decide here."""
    _settings["warn_always"] = bool(b)


def is_warn_always_enabled() -> bool:
    """What `set_warn_always` was told."""
    return bool(_settings["warn_always"])


def set_flush_denormal(mode: bool) -> bool:
    """Whether the processor was told to flush denormal numbers: never, NumPy has no switch for it."""
    return False


def get_deterministic_debug_mode() -> int:
    """0: all algorithms are deterministic, so there is nothing to warn of."""
    return 0


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """Accepted for PyTorch's sake: all algorithms here are deterministic."""


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    """Always false: there is nothing to warn of."""
    return False
