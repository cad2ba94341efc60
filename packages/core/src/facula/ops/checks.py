"""What several families ask of their arguments, and how they draw random numbers."""

from __future__ import annotations

import numpy as np

from facula.autograd.primitives import cast
from facula.autograd.state import drawn as decided
from facula.autograd.state import state
from facula.devices import base as devices
from facula.devices.generator import default_generator
from facula.devices.meta import Meta
from facula.errors import not_implemented_error, runtime_error, type_error, value_error
from facula.tensors.tensor import Tensor, wrap

_TITLES = {
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}


def refused(name, array):
    """The error for a type that an op does not compute with."""
    title = _TITLES.get(array.dtype.name, array.dtype.name)
    return not_implemented_error(
        f"{name}: \"{name}\" not implemented for '{title}', expected a floating-point tensor. Convert it with "
        ".float() first."
    )


def only_tensors(name, **given):
    """Refuse what is no tensor, for functions that take no numbers."""
    for position, (argument, value) in enumerate(given.items(), 1):
        if not isinstance(value, Tensor):
            raise type_error(
                f"{name}(): argument '{argument}' (position {position}) must be Tensor, not {type(value).__name__}. "
                "Convert it with facula.as_tensor()."
            )


def floating(name, array, kinds="f"):
    """Refuse an array that is not floating-point."""
    if array.dtype.kind not in kinds:
        raise refused(name, array)


def special(xp):
    """The special functions that belong to an array module."""
    if xp is np:
        import scipy.special

        return scipy.special
    import cupyx.scipy.special

    return cupyx.scipy.special


def sizes(value, n, name, what):
    """An argument that is an int or `n` ints, as a tuple of `n` ints."""
    if isinstance(value, (int, np.integer)):
        return (int(value),) * n
    found = tuple(int(v) for v in value)
    if len(found) == 1:
        return found * n
    if len(found) != n:
        raise runtime_error(
            f"{name}: expected {what} to be a single integer value or a list of {n} values, but got "
            f"{what}={list(found)}. Give one number per dimension."
        )
    return found


def uniform(input, shape=None, dtype=None):
    """Uniform random numbers in [0, 1) beside `input`, from its device's generator; no gradient."""
    shape = tuple(input.shape) if shape is None else tuple(shape)
    dtype = input.array.dtype if dtype is None else np.dtype(dtype)
    if state.interpreters:
        made = decided(lambda size: uniform(input, size, dtype), shape)
        if made is not None:
            return made
    if input.is_meta:
        return wrap(Meta(shape, dtype))
    rng = default_generator(input.device).rng
    drawn = rng.random(shape, np.float32 if dtype != np.float64 else np.float64)
    return cast(wrap(devices.move(np.asarray(drawn), input.device)), dtype)


def normal_like(input, shape=None):
    """Standard normal random numbers beside `input`."""
    shape = tuple(input.shape) if shape is None else tuple(shape)
    dtype = input.array.dtype
    if state.interpreters:
        made = decided(lambda size: normal_like(input, size), shape)
        if made is not None:
            return made
    if input.is_meta:
        return wrap(Meta(shape, dtype))
    drawn = default_generator(input.device).rng.standard_normal(
        shape, np.float32 if dtype != np.float64 else np.float64
    )
    return cast(wrap(devices.move(np.asarray(drawn), input.device)), dtype)


def reduction_of(name, reduction):
    """A loss's `reduction` argument, checked; numbers are PyTorch's codes."""
    if isinstance(reduction, int) and not isinstance(reduction, bool) and 0 <= reduction <= 2:
        return ("none", "mean", "sum")[reduction]
    if reduction not in ("none", "mean", "sum"):
        raise value_error(
            f"{name}: {reduction} is not a valid value for reduction, expected 'none', 'mean' or 'sum'. Pass one of "
            "these."
        )
    return reduction


def legacy(size_average, reduce, reduction):
    """`reduction` as the two old flags say it, if they are used."""
    if size_average is None and reduce is None:
        return reduction
    if reduce is False:
        return "none"
    return "sum" if size_average is False else "mean"
