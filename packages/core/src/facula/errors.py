"""Errors as a person meets them: each names the call that failed, its operands and the user's line, in one form.

`raise value_error("op: expected ..., got .... One fix.")` instead of `raise ValueError(...)`. What only the moment of failure
knows is read off the stack there, so nothing is written down, and nothing is paid, while all goes well.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

__all__ = [
    "NameClashError", "PluginWarning", "UnknownNameError", "assertion_error", "index_error", "located", "missing", "not_implemented_error",
    "runtime_error", "type_error", "unknown", "value_error",
]  # fmt: skip

HOUSE_FORM = re.compile(r"[A-Za-z_][\w.]*(\(\))?: ")
_SHAPE = re.compile(r"\([\d, ]*\)")
_OURS = {"facula", "facula_vision", "facula_text", "facula_audio", "facula_lightning"}
_BELOW = sys.stdlib_module_names | {"numpy", "scipy", "cupy", "numba"}  # never the user's, whoever called them
_Error = TypeVar("_Error", bound=Exception)


class UnknownNameError(ValueError):
    """A look-up by name found nothing."""


class NameClashError(ValueError):
    """A short name has more than one owner."""


class PluginWarning(UserWarning):
    """A plugin was skipped; the host goes on without it."""


def unknown(kind: str, name: str, names: Iterable[str], listing: str = "") -> UnknownNameError:
    """The error for a `name` that is not among `names`, with the nearest one proposed.

    `listing` is the call that lists them all; without it, a short list of names is written out.

    >>> print(unknown("mode", "bilinaer", ["nearest", "bilinear"]))
    unknown mode 'bilinaer'. Did you mean 'bilinear'? Known: bilinear, nearest.
    """
    known = sorted(names)
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    if listing:
        everything = f"{listing} lists all {len(known)}."
    else:
        everything = f"Known: {', '.join(known)}." if known else "None is known."
    return UnknownNameError(f"unknown {kind} {name!r}.{guess} {everything}")


def missing(extra: str, module: str | None = None, package: str = "facula") -> ImportError:
    """The error for an optional dependency that is not installed; raise it `from` the ImportError that was met.

    >>> print(missing("onnx"))
    onnx: expected the extra 'onnx' to be installed, got no module 'onnx'. Run: pip install facula[onnx]
    """
    module = module or extra
    return ImportError(
        f"{module}: expected the extra {extra!r} to be installed, got no module {module!r}. "
        f"Run: pip install {package}[{extra}]",
        name=module,
    )


def runtime_error(message: str) -> RuntimeError:
    """A RuntimeError that says where: shapes, types and states that do not fit."""
    return located(RuntimeError(message))


def value_error(message: str) -> ValueError:
    """A ValueError that says where."""
    return located(ValueError(message))


def type_error(message: str) -> TypeError:
    """A TypeError that says where."""
    return located(TypeError(message))


def index_error(message: str) -> IndexError:
    """An IndexError that says where."""
    return located(IndexError(message))


def assertion_error(message: str) -> AssertionError:
    """An AssertionError that says where; PyTorch's class for some arguments of layers."""
    return located(AssertionError(message))


def not_implemented_error(message: str) -> NotImplementedError:
    """A NotImplementedError that says where."""
    return located(NotImplementedError(message))


def located(error: _Error) -> _Error:
    """`error`, whose message now has the name of the public call, its operands and the user's file and line.

    The user's frame is the innermost one outside of our packages, NumPy's kind and the standard library. Of our frames between
    it and the failure the outermost operator is the public call, and its arguments are the operands. An error is located once.
    """
    if "_facula_located" in vars(error):
        return error
    ours: list[FrameType] = []  # from the public call inwards
    place = ""
    for frame, line in _frames(error):
        module = frame.f_globals.get("__name__", "")
        root = module.partition(".")[0]
        if root in _OURS and not frame.f_code.co_filename.startswith("<doctest"):  # an example stands for a program
            ours[:0] = [frame] if module != __name__ else []
        elif root not in _BELOW:
            place = f"\n  at {frame.f_code.co_filename}:{line}"
            break
    if not place:  # a thread of our own
        return error
    error._facula_located = True  # type: ignore[attr-defined]
    message = plain_message(error)
    if message is None:
        error.add_note(f"{_operands(ours, '')}{place}".strip("\n"))
    else:
        error.args = (f"{_named(ours, message)}{_operands(ours, message)}{place}",)
    return error


def plain_message(error: Exception) -> str | None:
    """The text that may be added to, or None where the class prints its arguments in its own way."""
    plain = len(error.args) == 1 and str(error) == error.args[0] and not hasattr(error, "msg")
    return error.args[0] if plain else None


def _frames(error: Exception) -> Iterator[tuple[FrameType, int]]:
    """Frames and lines from the failure outwards: what the error has passed already, then what still runs."""
    trace = error.__traceback__
    passed: list[tuple[FrameType, int]] = []
    while trace is not None:
        passed.insert(0, (trace.tb_frame, trace.tb_lineno))
        trace = trace.tb_next
    yield from passed
    frame = passed[-1][0].f_back if passed else sys._getframe(2)
    while frame is not None:
        yield frame, frame.f_lineno
        frame = frame.f_back


def _rank(frame: FrameType) -> int:
    """Operators say best what was called; what only hands its `*args` on says least."""
    operator = frame.f_globals["__name__"].startswith(("facula.ops.", "facula.autograd.doors"))
    if "args" in frame.f_code.co_varnames:
        return 2
    return 1 - (operator and frame.f_code.co_name[0] != "_" and not frame.f_code.co_name.endswith("backward"))


def _named(ours: list[FrameType], message: str) -> str:
    """The message behind the name of the public call, unless it begins with one; an operator's name is always there."""
    said = HOUSE_FORM.match(message)
    call = min(ours, key=_rank, default=None)
    if call is None:
        return message
    name = call.f_code.co_name.removesuffix("_op").removeprefix("functional_")
    if _rank(call) == 0:
        return message if said and _same(name, said[0]) else f"{name}: {message}"
    if said or name == "__call__":
        return message
    owner = type(call.f_locals["self"]).__name__ if "self" in call.f_locals else ""
    parts = (owner if owner != "Tensor" else "", name if name[:2] != "__" else "")
    return ": ".join(filter(None, (".".join(filter(None, parts)), message)))


def _same(name: str, said: str) -> bool:
    """Whether a function's name is the operator that a message begins with: `linalg_inv` and `linalg.inv: `."""
    return re.sub(r"\W|_", "", name) == re.sub(r"\W|_", "", said)


def _operands(ours: list[FrameType], message: str) -> str:
    """A line with name, shape and type of each tensor given to the public call, if the message lacks one."""
    for call in sorted(ours, key=_rank):
        code = call.f_code
        n = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4)  # 4: it takes *args
        given = {name: call.f_locals.get(name) for name in code.co_varnames[:n]}
        tensors = {name: text for name, value in given.items() if (text := _described(value))}
        if tensors:
            listed = ", ".join(f"{name} {text}" for name, text in tensors.items())
            rounded = message.replace("[", "(").replace("]", ")")
            return "" if all(shape in rounded for shape in _SHAPE.findall(listed)) else f"\n  with {listed}"
    return ""


def _described(value: Any) -> str:
    """`(2, 3) float32`, the same in brackets for those in a list, nothing for what is no tensor."""
    if isinstance(value, (list, tuple)):
        parts = [text for v in value[:8] if not isinstance(v, (list, tuple)) and (text := _described(v))]
        return f"[{', '.join(parts)}{', ...' if len(value) > 8 else ''}]" if parts else ""
    array = getattr(value, "array", value)
    shape, dtype = getattr(array, "shape", None), getattr(array, "dtype", None)
    if isinstance(value, type) or not isinstance(shape, tuple) or dtype is None:
        return ""
    device = str(getattr(value, "device", "cpu"))
    return f"{tuple(shape)} {dtype}{'' if device == 'cpu' else ' on ' + device}"
