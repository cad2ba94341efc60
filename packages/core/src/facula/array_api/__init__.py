"""The array API standard (2024.12) for tensors: what `tensor.__array_namespace__()` gives to SciPy, scikit-learn and others.

Names, arguments and result types are the standard's (https://data-apis.org/array-api/2024.12); the work is done by Facula's
operators, so gradients flow through what these libraries compute. The default floating-point type is Facula's, float32.
"""

from __future__ import annotations

import importlib
import math
from typing import Any

from facula import dtypes as _dtypes

__array_api_version__ = "2024.12"
e, inf, nan, pi, newaxis = math.e, math.inf, math.nan, math.pi, None

for _type in _dtypes.ALL:
    if not (_type.itemsize == 2 and _type.is_floating_point):
        globals()[_type.name] = _type

# The file of this folder that holds a name; what is in none of them is an elementwise function.
_FILES = {
    "creation": "arange asarray empty empty_like eye from_dlpack full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like",
    "data_types": "__array_namespace_info__ astype can_cast finfo iinfo isdtype result_type",
    "shapes": """
        broadcast_arrays broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack
        take take_along_axis
    """,
    "reductions": """
        all any argmax argmin argsort count_nonzero cumulative_prod cumulative_sum diff max mean min nonzero prod searchsorted sort std sum
        unique_all unique_counts unique_inverse unique_values var
    """,
    "linalg": "linalg matmul matrix_transpose tensordot vecdot",
    "fft": "fft",
}
_PLACES = {name: file for file, names in _FILES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in ("linalg", "fft"):
        return importlib.import_module(f"facula.array_api.{name}")
    if name.startswith("__") and name not in _PLACES:
        raise AttributeError(f"module 'facula.array_api' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"facula.array_api.{_PLACES.get(name, 'elementwise')}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    from facula.array_api import elementwise

    types = {name for name, value in globals().items() if isinstance(value, _dtypes.dtype)}
    return sorted({*types, *_PLACES, *elementwise.NAMES, "e", "inf", "nan", "pi", "newaxis", "__array_api_version__"})
