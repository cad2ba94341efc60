"""`bind`, the one door: every op call promotes, finds its device, runs and is recorded here, unless a fast door (`doors.py`) served it."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd import tape
from facula.autograd.doors import generate as _generate
from facula.autograd.state import births, state
from facula.devices import base as devices
from facula.devices.meta import Meta
from facula.errors import HOUSE_FORM, located, runtime_error, type_error
from facula.tensors.tensor import Tensor, wrap

# Inf and nan are values, not accidents: NumPy's floating-point warnings are silenced for our own frames only, and where a
# user turns warnings into errors the call is repeated quietly (`failed`).
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"facula\.")

layouts: dict[type, Callable[..., Any]] = {}  # kinds of tensors without an array -> what computes an op on them


@contextlib.contextmanager
def below() -> Iterator[None]:
    """Hide the innermost interpreter while it goes on."""
    hidden = state.interpreters.pop()
    state.set_grad(state.grad)
    try:
        yield
    finally:
        state.interpreters.append(hidden)
        state.set_grad(state.grad)


def bind(op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
    """Call an op on anything it can take: promote, move to its device, run, record."""
    if state.interpreters:
        interpreter = state.interpreters[-1]
        with below():
            return interpreter.process(op, inputs, attrs)
    inputs = tuple(_operands(op, inputs))
    for x in inputs:
        if type(x) in layouts:
            return layouts[type(x)](op, inputs, attrs)
    if op.promote:
        inputs = _promoted(op, inputs)
    tensors = [x for x in inputs if isinstance(x, Tensor)]
    for t in tensors:
        if t.root is not None:
            tape.current(t)
    device = _device(op, tensors)
    arrays = [x.array if isinstance(x, Tensor) else x for x in inputs]
    place = None if device.name == "cpu" else _place(tensors)
    if place is not None:
        arrays = [devices.move(a, place) if type(a) is np.ndarray else a for a in arrays]
    try:
        r = _compute(op, device, arrays, attrs)
    except Exception as error:
        raise explained(op, error, inputs, attrs) from error
    if place is not None and not op.moves:  # what was computed on the host (by SciPy, say) goes back
        r = tuple(_returned(x, place) for x in r) if isinstance(r, tuple) else _returned(r, place)
    return _wrapped(op, r, inputs, tensors, attrs)


def _conversion(x: Any) -> str:
    return (
        "Convert it with facula.as_tensor()"
        if isinstance(x, (list, tuple, np.ndarray))
        else "Convert it to a number first"
    )


def _operands(op: Any, inputs: tuple[Any, ...]) -> Iterator[Any]:
    for i, x in enumerate(inputs):
        if isinstance(x, Tensor) or (x is None and i < len(op.inputs) and op.inputs[i] in op.optional):
            yield x
        elif op.promote and isinstance(x, np.generic) and not isinstance(x, np.bool_):
            yield x.item()  # np.float64 is a float too
        elif op.promote and isinstance(x, (bool, int, float, complex)):
            yield x
        elif isinstance(x, np.ndarray) and len(op.inputs) == 2 and any(isinstance(t, Tensor) for t in inputs):
            yield wrap(x)  # tensor + array, tensor @ array
        else:
            name = op.inputs[i] if i < len(op.inputs) else op.variadic
            what = "Tensor or number" if op.promote else "Tensor"
            raise type_error(
                f"{op.name}(): argument '{name}' (position {i + 1}) must be {what}, not {type(x).__name__}. {_conversion(x)}."
            )
    if op.promote and not any(isinstance(x, Tensor) for x in inputs):
        raise type_error(
            f"{op.name}(): argument '{op.inputs[0]}' must be Tensor, not {type(inputs[0]).__name__}. Convert it with facula.as_tensor()."
        )


def _promoted(op: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    """Cast tensors to their common type by recorded casts; Python numbers stay numbers, of the right kind."""
    from facula.autograd.primitives import cast

    common = dtypes.result_type(x.array if isinstance(x, Tensor) else x for x in inputs if x is not None)
    if op.promote == "float" and dtypes.category(common) < dtypes.FLOATING:
        common = dtypes.default().numpy
    return tuple(cast(x, common) if isinstance(x, Tensor) else x if x is None else _number(x, common) for x in inputs)


def _number(x: Any, common: Any) -> Any:
    """A Python number as it may stand beside arrays of the common type."""
    if common.kind in "fcV":
        return x
    return bool(x) if common.kind == "b" else np.asarray(x).astype(common)


def _place(tensors: list[Any]) -> devices.device:
    return next(
        (t.device for t in tensors if not t.is_cpu),
        devices.device_of(tensors[0].array) if tensors else devices.default(),
    )


def _device(op: Any, tensors: list[Any]) -> devices.Device:
    found: Any = None
    for t in tensors:
        kind = devices.kind_of(t.array)
        if found is None or (found.name == "cpu" and found is not kind and _all_scalars(tensors, found)):
            found = kind
        elif kind is not found and not (kind.name == "cpu" and not t.array.ndim):
            places = " and ".join(sorted({str(x.device) for x in tensors}))
            raise runtime_error(
                f"{op.name}: Expected all tensors to be on the same device, got {places}. Move them with .to(device)."
            )
    return found if found is not None else devices.kind("cpu")


def _all_scalars(tensors: list[Any], kind: devices.Device) -> bool:
    return all(not t.array.ndim for t in tensors if devices.kind_of(t.array) is kind)


def _compute(op: Any, device: devices.Device, arrays: list[Any], attrs: tuple[Any, ...]) -> Any:
    keyword = dict(zip(op.attrs, attrs, strict=True))
    if device.name == "meta":
        return op.rule.shape(
            *[
                a if isinstance(a, Meta) or a is None or not hasattr(a, "dtype") else Meta(a.shape, a.dtype)
                for a in arrays
            ],
            **keyword,
        )
    half = None
    if op.half and not op.view:
        halves = [a.dtype for a in arrays if hasattr(a, "dtype") and dtypes.is_half(a.dtype)]
        if halves:
            half = halves[0]
            arrays = [a.astype(np.float32) if hasattr(a, "dtype") and dtypes.is_half(a.dtype) else a for a in arrays]
    positional = [v for a, v in keyword.items() if a not in op.keyword_only]
    named = {a: v for a, v in keyword.items() if a in op.keyword_only}
    if op.variadic:
        named, positional = keyword, []
    with np.errstate(all="ignore"):
        r = op.forward_on(device.name)(device.xp, *arrays, *positional, **named)
    if half is not None:
        r = tuple(_rounded(x, half) for x in r) if isinstance(r, tuple) else _rounded(r, half)
    return r


def _returned(x: Any, place: devices.device) -> Any:
    return devices.move(np.asarray(x), place) if type(x) is np.ndarray or isinstance(x, np.generic) else x


def array_of(x: Any) -> Any:
    """A forward's result: NumPy's scalars become 0-dim arrays, any device's array stays what it is."""
    return np.asarray(x) if isinstance(x, (np.generic, bool, int, float, complex)) else x


def _rounded(x: Any, half: Any) -> Any:
    """What was computed in float32 for half-precision inputs, in their type again."""
    return x.astype(half) if getattr(x, "dtype", None) == np.dtype("float32") else x


def _wrapped(op: Any, r: Any, inputs: tuple[Any, ...], tensors: list[Any], attrs: tuple[Any, ...]) -> Any:
    results = r if op.returns else (r,)
    outs = []
    for x in results:
        t = object.__new__(Tensor)
        t.array = array_of(x)
        t.grad = t.root = t.version = t.node = None
        outs.append(t)
    if state.grad and (op.rules or op.joint) and not op.nondiff and any(t.node is not None for t in tensors):
        _record(op, outs, inputs, attrs)
    if op.view:
        t, base = outs[0], inputs[0]
        t.root = base if base.root is None else base.root
        t.path = ((op, attrs),) if base.root is None else (*base.path, (op, attrs))
        if not state.grad:
            t.path = (*t.path, tape.UNRECORDED)
        t.seen = 0 if t.root.version is None else t.root.version.count
    if not op.returns:
        return outs[0]
    return tuple(outs) if isinstance(op.returns, int) else op.returns(*outs)


def _record(op: Any, outs: list[Any], inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> None:
    differentiable = [dtypes.is_differentiable(t.array.dtype) for t in outs]
    if not any(differentiable):
        return
    n = object.__new__(tape.Node)
    n.op, n.attrs, n.seq = op, attrs, next(births)
    n.version = n.hooks = None
    n.edges = tuple(x.node if isinstance(x, Tensor) else None for x in inputs)
    n.shapes = tuple(x.array.shape if isinstance(x, Tensor) else None for x in inputs)
    fixed = len(op.inputs)
    kept: list[Any] = []
    for name in op.saved:
        if name == "out":
            kept.append(_results(op, outs))
        elif name == op.variadic:
            kept.append(tuple(tape.keep(x) if isinstance(x, Tensor) else x for x in inputs[fixed:]))
        elif _wanted(op, name, n.edges):
            x = inputs[op.inputs.index(name)]
            kept.append(tape.keep(x) if isinstance(x, Tensor) else x)
        else:
            kept.append(None)
    n.kept = tuple(kept)
    if op.returns:
        n.metas = tuple((t.array.shape, t.array.dtype) for t in outs)
        for i, t in enumerate(outs):
            t.node = tape.Pick(n, i) if differentiable[i] else None
    else:
        outs[0].node = n


def _results(op: Any, outs: list[Any]) -> Any:
    """What a record keeps of its own results."""
    if not op.returns:
        return outs[0].array
    return tuple(t.array if op.keeps is None or i in op.keeps else None for i, t in enumerate(outs))


def _wanted(op: Any, name: str, edges: tuple[Any, ...]) -> bool:
    """Whether a gradient that somebody wants asks for `name`."""
    if any(r and name in r[1] for r in (op.joint, op.array_joint)):
        return True
    for source in (op.rules, op.array_rules):
        for i, (_, asks) in source.items():
            if name in asks and (i == op.variadic or edges[op.inputs.index(i)] is not None):
                return True
    return False


def failed(op: Any, error: Exception, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
    """A fast door's forward raised: repeat it quietly if a user made NumPy's warnings errors, else say what is wrong."""
    if isinstance(error, (RuntimeWarning, FloatingPointError)):
        return _compute(op, devices.kind("cpu"), [x.array if isinstance(x, Tensor) else x for x in inputs], attrs)
    raise explained(op, error, inputs, attrs) from error


def explained(op: Any, error: Exception, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Exception:
    """The error to raise for a forward that failed, with the place of the call."""
    return located(_reason(op, error, inputs, attrs))


def _reason(op: Any, error: Exception, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Exception:
    """The rule's own error, the forward's own, or NumPy's with the op's name and all shapes."""
    name = op.name.removesuffix("_op")
    metas = [Meta(x.array.shape, x.array.dtype) if isinstance(x, Tensor) else x for x in inputs]
    shapes = ", ".join(f"{tuple(x.shape)} {x.dtype.name}" for x in inputs if isinstance(x, Tensor))
    text = str(error)
    try:
        op.rule.shape(*metas, **dict(zip(op.attrs, attrs, strict=True)))
    except Exception as better:
        if HOUSE_FORM.match(str(better)):
            return better
    if isinstance(error, np.exceptions.AxisError):
        n = max(error.ndim or 0, 1)
        return IndexError(
            f"{name}: Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {error.axis}). Choose one of the input's dimensions."
        )
    if HOUSE_FORM.match(text):
        return error
    if isinstance(error, TypeError) and "ufunc" in text:
        return NotImplementedError(
            f'{name}: "{name}" not implemented for inputs {shapes}. Convert them to a real floating-point dtype.'
        )
    kinds = (IndexError, TypeError, NotImplementedError, MemoryError, RuntimeError, ImportError)
    cls = next((kind for kind in kinds if isinstance(error, kind)), RuntimeError)
    return cls(
        f"{name}: {text or type(error).__name__}, got inputs {shapes}. Check the shapes and types of the arguments."
    )


def into(out: Any, result: Any) -> Any:
    """Write an op's result where the user's `out=` says."""
    from facula.tensors.inplace import write_out

    return write_out(out, result)


def generate(op: Any) -> None:
    """Write an op's fast door and backwards."""
    _generate(op, bind, failed, array_of, into)
