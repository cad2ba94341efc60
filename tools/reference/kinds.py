"""What becomes of each type of number: operators are called with all of them."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd.op import Op
from facula.tensors.tensor import Tensor
from facula.testing.ops import make_inputs
from tools.reference.examples import Seen

KINDS = (dtypes.float32, dtypes.int64, dtypes.bool_, dtypes.complex64)

OF_TYPES = re.compile(
    r"^(?!.*ZeroDivision).*(dtype|not implemented|not support|floating|complex|[Bb]ool|integ|infer output|cast)",
    re.DOTALL,
)


def of_record(op: Op) -> str:
    """The types that come out of a record's first sample."""
    sample = op.samples[0]
    return outcomes(make_inputs(sample, np.float32), lambda inputs: op(*inputs, **sample.attrs))


def of_function(function: Any, seen: Seen) -> str:
    """The types that come out of the first call of a function in its example."""
    if not seen.calls:
        return ""
    plain = inspect.unwrap(function)
    parameters = inspect.signature(plain).parameters.values()
    arguments = seen.calls[0][0]

    def call(values: list[Any]) -> Any:
        given, positional, named = dict(zip(arguments, values, strict=True)), [], {}
        for parameter in parameters:
            value = given[parameter.name]
            if parameter.kind is parameter.VAR_POSITIONAL:
                positional += value
            elif parameter.kind is parameter.VAR_KEYWORD:
                named.update(value)
            elif parameter.kind is parameter.KEYWORD_ONLY:
                named[parameter.name] = value
            else:
                positional.append(value)
        return plain(*positional, **named)

    return outcomes(list(arguments.values()), call)


def outcomes(values: list[Any], call: Callable[[list[Any]], Any]) -> str:
    """What comes out when the floating-point tensors among the values are of each type, e.g. "int64 -> float32, not bool"."""
    came, refused = [], []
    if not any(is_float(value) for value in flat(values)):
        return ""
    for kind in KINDS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = call([cast(value, kind) for value in values])
            except (RuntimeError, TypeError, ValueError, ArithmeticError) as error:
                if OF_TYPES.search(str(error)):  # and not of the numbers, which a type may have changed
                    refused.append(f"not {kind.name}")
                continue
        first = result[0] if isinstance(result, tuple | list) and result else result
        if not isinstance(first, Tensor):
            return ""
        if first.dtype is not dtypes.float32 or kind is not dtypes.float32:
            came.append(f"{kind.name} -> {first.dtype.name}")
    return ", ".join([*came, *refused])


def flat(values: Any) -> list[Any]:
    """Lists and tuples of values as one list."""
    return [x for value in values for x in (flat(value) if isinstance(value, tuple | list) else [value])]


def is_float(value: Any) -> bool:
    """Whether a value is a tensor of floating-point numbers."""
    return isinstance(value, Tensor) and value.is_floating_point()


def cast(value: Any, kind: dtypes.dtype) -> Any:
    """A copy of a value with its floating-point tensors in another type."""
    if isinstance(value, list):
        return [cast(x, kind) for x in value]
    if type(value) is tuple:
        return tuple(cast(x, kind) for x in value)
    return value.detach().clone().to(kind) if is_float(value) else value
