"""Data types and PyTorch's promotion table.

Inside the framework a type is a NumPy dtype (`array.dtype`); the public `dtype` objects stand at the surface only.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import numpy as np

from facula.errors import type_error

BOOL, INTEGER, FLOATING, COMPLEX = range(4)  # categories, in PyTorch's order of promotion


class dtype:
    """A public data type such as `facula.float32`; one object per type, compared by identity."""

    __slots__ = ("_numpy", "category", "is_signed", "itemsize", "name")

    def __init__(self, name: str, category: int, itemsize: int, is_signed: bool = True) -> None:
        self.name, self.category, self.itemsize, self.is_signed = name, category, itemsize, is_signed
        self._numpy: np.dtype[Any] | None = None if name == "bfloat16" else np.dtype(name)

    @property
    def numpy(self) -> np.dtype[Any]:
        """The NumPy dtype that arrays of this type carry."""
        if self._numpy is None:
            import ml_dtypes

            self._numpy = np.dtype(ml_dtypes.bfloat16)
            _OF[self._numpy] = self
        return self._numpy

    @property
    def is_floating_point(self) -> bool:
        """Whether it is a floating-point type (complex ones are not)."""
        return self.category == FLOATING

    @property
    def is_complex(self) -> bool:
        """Whether it is a complex type."""
        return self.category == COMPLEX

    def to_real(self) -> dtype:
        """The type of the parts of a complex type; a real one as it is."""
        return of(real_of(self.numpy)) if self.is_complex else self

    def to_complex(self) -> dtype:
        """The complex type whose parts have this floating-point type; others as they are."""
        return of(complex_of(self.numpy)) if self.is_floating_point else self

    def __repr__(self) -> str:
        return f"facula.{self.name}"

    def __reduce__(self) -> Any:
        return by_name, (self.name,)


bool_ = dtype("bool", BOOL, 1, False)
uint8, uint16 = dtype("uint8", INTEGER, 1, False), dtype("uint16", INTEGER, 2, False)
uint32, uint64 = dtype("uint32", INTEGER, 4, False), dtype("uint64", INTEGER, 8, False)
int8, int16 = dtype("int8", INTEGER, 1), dtype("int16", INTEGER, 2)
int32, int64 = dtype("int32", INTEGER, 4), dtype("int64", INTEGER, 8)
float16, bfloat16 = dtype("float16", FLOATING, 2), dtype("bfloat16", FLOATING, 2)
float32, float64 = dtype("float32", FLOATING, 4), dtype("float64", FLOATING, 8)
complex64, complex128 = dtype("complex64", COMPLEX, 8), dtype("complex128", COMPLEX, 16)

ALL = (
    bool_,
    uint8,
    uint16,
    uint32,
    uint64,
    int8,
    int16,
    int32,
    int64,
    float16,
    bfloat16,
    float32,
    float64,
    complex64,
    complex128,
)
ALIASES = {
    "half": float16, "float": float32, "double": float64, "cfloat": complex64, "cdouble": complex128,
    "short": int16, "int": int32, "long": int64,
}  # fmt: skip
_BY_NAME = {t.name: t for t in ALL}
_OF: dict[Any, dtype] = {t._numpy: t for t in ALL if t._numpy is not None}
_PYTHON = {bool: bool_, int: int64, float: float32, complex: complex64}


def by_name(name: str) -> dtype:
    """The type called `name`, e.g. "float32"."""
    return _BY_NAME[name]


def of(numpy_dtype: Any) -> dtype:
    """The public type of a NumPy dtype."""
    found = _OF.get(numpy_dtype)
    if found is None:
        found = bfloat16 if numpy_dtype.name == "bfloat16" else _OF.get(numpy_dtype.newbyteorder("="))
        if found is None:
            raise type_error(
                f"dtype: expected one of {', '.join(t.name for t in ALL)}, got {numpy_dtype}. Convert it with .astype()."
            )
        if found is bfloat16:
            _OF[found.numpy] = found
    return found


def numpy_of(value: Any) -> np.dtype[Any]:
    """The NumPy dtype that a user's `dtype=` argument means (a `dtype`, a Python type, or a NumPy dtype)."""
    if isinstance(value, dtype):
        return value.numpy
    if value is float:
        return default().numpy
    if value in _PYTHON:
        return _PYTHON[value].numpy
    if isinstance(value, np.dtype) or (isinstance(value, type) and issubclass(value, np.generic)):
        return of(np.dtype(value)).numpy
    raise type_error(f"dtype: expected a facula dtype, got {value!r}. Use one such as facula.float32.")


_default = [float32]


def default() -> dtype:
    """The type of new floating-point tensors (float32 unless `set_default_dtype` says otherwise)."""
    return _default[0]


def set_default(d: dtype) -> None:
    """Choose the type of new floating-point tensors."""
    if not (isinstance(d, dtype) and d.is_floating_point):
        raise type_error(
            f"set_default_dtype: expected a floating-point dtype, got {d!r}. Use facula.float32 or facula.float64."
        )
    _default[0] = d


def category(d: np.dtype[Any]) -> int:
    """BOOL, INTEGER, FLOATING or COMPLEX."""
    return {"b": BOOL, "i": INTEGER, "u": INTEGER, "f": FLOATING, "c": COMPLEX}.get(
        d.kind, FLOATING
    )  # bfloat16 is kind V


def is_float(d: np.dtype[Any]) -> bool:
    """Whether a NumPy type is floating point, bfloat16 among them."""
    return d.kind == "f" or d.name == "bfloat16"


def is_differentiable(d: np.dtype[Any]) -> bool:
    """Whether tensors of a NumPy type can have gradients: floating point and complex ones."""
    return d.kind in "fc" or d.name == "bfloat16"


def is_half(d: np.dtype[Any]) -> bool:
    """Whether a NumPy type is float16 or bfloat16, which is computed in float32."""
    return d.itemsize == 2 and d.kind not in "biu"


def real_of(d: np.dtype[Any]) -> np.dtype[Any]:
    """float of the same precision as a complex type."""
    return np.dtype(f"float{d.itemsize * 4}") if d.kind == "c" else d


def complex_of(d: np.dtype[Any]) -> np.dtype[Any]:
    """complex of the precision of a floating type (complex64 for half types, which NumPy has no complex of)."""
    return d if d.kind == "c" else np.dtype("complex128" if d.itemsize == 8 else "complex64")


@functools.cache
def promote(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """PyTorch's result type of two types, e.g. int64 with float16 is float16, float16 with bfloat16 is float32."""
    if a == b:
        return a
    ca, cb = category(a), category(b)
    if ca == cb:
        if ca == FLOATING:
            if {a.name, b.name} == {"float16", "bfloat16"}:
                return float32.numpy
            return a if a.itemsize > b.itemsize else b
        both = np.promote_types(a, b)
        if both.kind == "f":  # a 64-bit unsigned with a signed integer
            raise type_error(
                f"promote_types: expected types with a common type, got {a} and {b}. Convert one of them first."
            )
        return both
    high, low = (a, b) if ca > cb else (b, a)
    if max(ca, cb) == COMPLEX and category(low) == FLOATING and low.itemsize == 8:
        return complex128.numpy
    return high


def _combine(higher: np.dtype[Any] | None, lower: np.dtype[Any] | None) -> np.dtype[Any] | None:
    """Tensors with dimensions beat 0-dim ones, and those beat Python scalars, unless the category is higher."""
    if higher is None or lower is None:
        return higher if lower is None else lower
    ch, cl = category(higher), category(lower)
    if ch == COMPLEX:
        return higher
    if ch == FLOATING:
        return complex_of(higher) if cl == COMPLEX else higher
    if ch == BOOL or cl >= FLOATING:
        return promote(higher, lower)
    return higher


def scalar_dtype(value: Any) -> np.dtype[Any]:
    """The type a Python number stands for in promotion."""
    if isinstance(value, bool):
        return bool_.numpy
    if isinstance(value, int):
        return int64.numpy
    return default().numpy if isinstance(value, float) else complex_of(default().numpy)


def result_type(operands: Iterable[Any]) -> np.dtype[Any]:
    """PyTorch's result type of arrays and Python numbers together."""
    dims: np.dtype[Any] | None = None
    zero: np.dtype[Any] | None = None
    scalar: np.dtype[Any] | None = None
    for x in operands:
        d = getattr(x, "dtype", None)
        if d is None:
            scalar = scalar_dtype(x) if scalar is None else promote(scalar, scalar_dtype(x))
        elif x.ndim:
            dims = d if dims is None else promote(dims, d)
        else:
            zero = d if zero is None else promote(zero, d)
    found = _combine(dims, _combine(zero, scalar))
    assert found is not None
    return found


class finfo:
    """Limits of a floating-point type: `bits`, `eps`, `max`, `min`, `tiny`, `smallest_normal`, `resolution`."""

    def __init__(self, type: dtype | None = None) -> None:
        d = default() if type is None else type
        if not (d.is_floating_point or d.is_complex):
            raise type_error(f"finfo: expected a floating-point dtype, got {d!r}. Use iinfo for integers.")
        real = real_of(d.numpy)
        if d is bfloat16:
            import ml_dtypes

            info: Any = ml_dtypes.finfo(real)
        else:
            info = np.finfo(real)
        self.dtype, self.bits = of(real).name, int(info.bits)
        self.eps, self.max, self.min = float(info.eps), float(info.max), float(info.min)
        self.tiny = self.smallest_normal = float(info.tiny)
        self.resolution = float(info.resolution)

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        return f"finfo({', '.join(f'{n}={getattr(self, n):g}' for n in names)}, dtype={self.dtype})"


class iinfo:
    """Limits of an integer type: `bits`, `max`, `min`."""

    def __init__(self, type: dtype) -> None:
        if type.category != INTEGER:
            raise type_error(f"iinfo: expected an integer dtype, got {type!r}. Use finfo for floating-point types.")
        info = np.iinfo(type.numpy)
        self.dtype, self.bits, self.max, self.min = type.name, info.bits, int(info.max), int(info.min)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
