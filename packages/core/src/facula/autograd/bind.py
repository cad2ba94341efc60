"""`bind`, the one door. Each op gets a fast door of its own, written from its record; all unusual calls take `bind`.

The fast door serves plain CPU tensors of one type while no interpreter is active. Its cost is the framework's overhead,
so it is straight-line code: slots, no isinstance chains, no closures.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd import tape
from facula.autograd.state import births, state
from facula.devices import base as devices
from facula.devices.meta import Meta
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor

# Inf and nan are values, not accidents: NumPy's floating-point warnings are silenced for our own frames only, and where a
# user turns warnings into errors the call is repeated quietly (`failed`).
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"facula\.")

DOOR = """
def {name}({signature}):
    {types}
    if fast and (mode := state.mode){no_out}:
        try:
            {compute}
        except Exception as error:
            r = failed(op, error, ({inputs},), {attrs})
        t = new(Tensor)
        t.array = r if type(r) is ndarray else array_of(r)
        t.grad = t.root = t.version = t.node = None
        {record}
        {view}
        return t
    return {slow}
"""

RECORD = """if mode == 2:
            {refresh}
            if {wants}:
                n = t.node = new_node(Node)
                n.op = op; n.edges = ({edges},); n.attrs = {attrs}; n.shapes = ({shapes},); n.seq = next(births)
                n.version = n.hooks = None
                n.kept = ({kept})"""

VIEW = """root = t.root = input if input.root is None else input.root
        t.path = ((op, {attrs}),) if input.root is None else (*input.path, (op, {attrs}))
        t.seen = 0 if root.version is None else root.version.count"""

_IS = "({t} is Tensor or {t} is Parameter)"
_FLOAT = "(x0.dtype is f32 or x0.dtype is f64)"


class _Nothing:
    """Stands for the tensor where a Python number is."""

    root = node = None


def _tuple(names: Any) -> str:
    return f"({', '.join(names)},)" if names else "()"


def _numbers(op: Any) -> bool:
    """Whether the fast door takes Python numbers: operators of two operands do."""
    return bool(op.promote) and len(op.inputs) == 2 and not op.optional


def _types(op: Any) -> str:
    """The part of a door that decides whether the call is plain, and takes the arrays out of the inputs."""
    ins = op.inputs
    if _numbers(op):
        a, b = ins
        floating = f" and {_FLOAT}" if op.promote == "float" else ""
        return f"""t0 = type({a}); t1 = type({b})
    if (t1 is Tensor or t1 is Parameter) and (t0 is Tensor or t0 is Parameter):
        x0 = {a}.array; x1 = {b}.array; i0 = {a}; i1 = {b}
        fast = x0.dtype is x1.dtype and type(x0) is ndarray and type(x1) is ndarray{floating}
    elif (t1 is float or t1 is int) and (t0 is Tensor or t0 is Parameter):
        x0 = {a}.array; x1 = {b}; d = x0.dtype; i0 = {a}; i1 = nothing
        fast = (d is f32 or d is f64) and type(x0) is ndarray
    elif (t0 is float or t0 is int) and (t1 is Tensor or t1 is Parameter):
        x0 = {a}; x1 = {b}.array; d = x1.dtype; i0 = nothing; i1 = {b}
        fast = (d is f32 or d is f64) and type(x1) is ndarray
    else:
        fast = False"""
    lines = [f"t{i} = type({name})" for i, name in enumerate(ins)]
    tests = [
        ("({0} is None or {1})" if n in op.optional else "{1}").format(n, _IS.format(t=f"t{i}"))
        for i, n in enumerate(ins)
    ]
    lines += [f"fast = {' and '.join(tests)}", "if fast:"]
    take = [
        f"x{i} = " + (f"None if {n} is None else {n}.array" if n in op.optional else f"{n}.array")
        for i, n in enumerate(ins)
    ]
    tests = [("(x{0} is None or type(x{0}) is ndarray{1})" if n in op.optional else "type(x{0}) is ndarray{1}").format(
        i, f" and x{i}.dtype is x0.dtype" if i and op.promote else "") for i, n in enumerate(ins)]  # fmt: skip
    if op.promote == "float":
        tests.append(_FLOAT)
    return "\n    ".join(lines + [f"    {t}" for t in take] + [f"    fast = {' and '.join(tests)}"])


def _compute_line(op: Any) -> str:
    """The call of the forward; of the bare ufunc where that is all that the forward does."""
    arrays = ", ".join(f"x{i}" for i in range(len(op.inputs)))
    attrs = "".join(f", {a}={a}" if a in op.keyword_only else f", {a}" for a in op.attrs)
    call = f"forward(np, {arrays}{attrs})"
    if not op.ufunc or "cpu" in op.kernels:
        return f"r = {call}"
    if not op.attrs:
        return f"r = ufunc({arrays})"
    return f"r = ufunc({arrays}) if {' and '.join(f'{a} is default_{a}' for a in op.attrs)} else {call}"


def _refresh(op: Any) -> str:
    lines = []
    for i, n in enumerate(op.inputs):
        name = f"i{i}" if _numbers(op) else n
        guard = f"{n} is not None and " if n in op.optional else ""
        lines.append(f"if {guard}{name}.root is not None: current({name})")
        lines.append(f"n{i} = None if {n} is None else {n}.node" if n in op.optional else f"n{i} = {name}.node")
    return "\n            ".join(lines)


def _signature(op: Any) -> str:
    parts = [f"{n}=None" if n in op.optional else n for n in op.inputs]
    star = False
    for n in op.attrs:
        if n in op.keyword_only and not star:
            parts.append("*")
            star = True
        parts.append(f"{n}=default_{n}" if n in op.defaults else n)
    if not op.view:
        parts += ["out=None"] if star else ["*", "out=None"]
    return ", ".join(parts)


def _kept(op: Any) -> str:
    """What a record keeps: each name, only if a gradient that is wanted asks for it."""
    parts = []
    scalars = _numbers(op)
    for name in op.saved:
        if name == op.variadic:
            continue
        rules = [(i, asks) for source in (op.rules, op.array_rules) for i, (_, asks) in source.items() if name in asks]
        everyone = any(r and name in r[1] for r in (op.joint, op.array_joint))
        needed = " or ".join(sorted({f"n{op.inputs.index(i)} is not None" for i, _ in rules}))
        if name == "out":
            value = "t.array"
        else:
            i = op.inputs.index(name)
            tensor = f"t{i} is Tensor or t{i} is Parameter" if scalars else f"{name} is not None"
            value = f"(keep({name}) if {tensor} else {name})" if scalars or name in op.optional else f"keep({name})"
        parts.append(value if everyone else f"{value} if {needed} else None")
    return "".join(p + ", " for p in parts)


def source_of_door(op: Any) -> str:
    """The text of an op's fast door."""
    ins = op.inputs
    differentiable = bool(op.rules or op.joint) and not op.nondiff
    scalars = _numbers(op)

    def shape(i: int, n: str) -> str:
        return f"None if n{i} is None else x{i}.shape" if scalars or n in op.optional else f"x{i}.shape"

    attrs = _tuple(op.attrs)
    record = RECORD.format(
        wants=" or ".join(f"n{i} is not None" for i in range(len(ins))), edges=", ".join(f"n{i}" for i in range(len(ins))),
        attrs=attrs, shapes=", ".join(shape(i, n) for i, n in enumerate(ins)), kept=_kept(op), refresh=_refresh(op),
    )  # fmt: skip
    slow = f"bind(op, ({', '.join(ins)},), {attrs})"
    fast = not (op.variadic or op.returns)
    if not fast:
        signature = ", ".join(p for p in (_signature(op),) if p)
        if op.variadic:
            signature = ", ".join(
                [*ins, f"*{op.variadic}", *(f"{n}=default_{n}" if n in op.defaults else n for n in op.attrs)]
            )
            slow = f"bind(op, ({''.join(i + ', ' for i in ins)}*{op.variadic},), {attrs})"
        elif op.returns:
            slow = f"bind(op, ({', '.join(ins)},), {attrs}) if out is None else into(out, bind(op, ({', '.join(ins)},), {attrs}))"
        return f"def {op.name}({signature}):\n    return {slow}\n"
    if not op.view:
        slow = f"bind(op, ({', '.join(ins)},), {attrs}) if out is None else into(out, bind(op, ({', '.join(ins)},), {attrs}))"
    return DOOR.format(
        name=op.name, signature=_signature(op), types=_types(op), no_out="" if op.view else " and out is None",
        compute=_compute_line(op), inputs=", ".join(ins), attrs=attrs,
        record=record if differentiable else "pass", view=VIEW.format(attrs=attrs) if op.view else "pass", slow=slow,
    )  # fmt: skip


def source_of_backward(op: Any, name: str, rules: dict[str, Any], joint: Any, arrays: bool) -> str:
    """The text of an op's backward: recall what was kept, call the formulas that are wanted."""
    value = {"g": "g", "shapes": "node.shapes", "needs": "needs", "xp": "xp_of(g)"}
    for n in (*op.inputs, op.variadic):
        recall = "recall_array" if arrays else "recall"
        value[n] = f"{recall}(node, '{n}', kept_{n})"
    if op.variadic:
        value[op.variadic] = (
            f"[{'recall_array' if arrays else 'recall'}(node, '{op.variadic}', k) for k in kept_{op.variadic}]"
        )
    value["out"] = "recall_out_array(node, kept_out)" if arrays and not op.returns else "recall_out(node, kept_out)"
    if arrays and op.returns:
        value["out"] = "recall_out_arrays(node, kept_out)"
    value.update({a: f"attr_{a}" for a in op.attrs})
    lines = [f"{''.join(f'attr_{a}, ' for a in op.attrs)}= node.attrs" if op.attrs else "pass"]
    lines += [f"{''.join(f'kept_{n}, ' for n in op.saved)}= node.kept"] if op.saved else []
    if joint:
        asks = joint[1]
        if "needs" in asks:
            lines.append("needs = tuple(e is not None for e in node.edges)")
        lines.append(f"return joint({', '.join(value[a] for a in asks)})")
    else:
        lines.append("edges = node.edges")
        parts = []
        for k, i in enumerate(op.inputs):
            if i in rules:
                parts.append(
                    f"rule_{i}({', '.join(value[a] for a in rules[i][1])}) if edges[{k}] is not None else None"
                )
            else:
                parts.append("None")
        if op.variadic and op.variadic in rules:
            parts.append(f"*rule_{op.variadic}({', '.join(value[a] for a in rules[op.variadic][1])})")
        elif op.variadic:
            parts.append(f"*(None,) * (len(edges) - {len(op.inputs)})")
        lines.append(f"return ({', '.join(parts)},)")
    return f"def {name}(node, g):\n    " + "\n    ".join(lines) + "\n"


def generate(op: Any) -> None:
    """Write an op's door and backwards, as `dataclasses` writes `__init__`."""
    names: dict[str, Any] = dict(
        new=object.__new__, new_node=tape.Node.__new__, Tensor=Tensor, Parameter=Parameter, Node=tape.Node, ndarray=np.ndarray, np=np,
        array_of=array_of, op=op, state=state, births=births, forward=op.forward_on("cpu"), keep=tape.keep, current=tape.current, bind=bind,
        failed=failed, into=into, nothing=_Nothing, ufunc=getattr(np, op.ufunc) if op.ufunc else None,
        f32=np.dtype("float32"), f64=np.dtype("float64"), __name__="facula.autograd.doors",
    )  # fmt: skip
    names.update({f"default_{n}": v for n, v in op.defaults.items()})
    exec(source_of_door(op), names)
    op.door = names[op.name]
    op.door.__doc__, op.door.__module__, op.door.__qualname__ = op.__doc__, op.__module__, op.name
    op.door.op = op
    op.backward = _backward(op, "backward", op.rules, op.joint, False)
    op.array_backward = _backward(op, "array_backward", op.array_rules, op.array_joint, True)


def _backward(op: Any, name: str, rules: dict[str, Any], joint: Any, arrays: bool) -> Any:
    if not rules and not joint:
        return None
    names: dict[str, Any] = dict(
        recall=tape.recall, recall_array=tape.recall_array, recall_out=recall_out, recall_out_array=tape.recall_out_array,
        recall_out_arrays=recall_out_arrays, xp_of=xp_of, joint=joint and joint[0], __name__="facula.autograd.doors",
    )  # fmt: skip
    names.update({f"rule_{i}": rule for i, (rule, _) in rules.items()})
    exec(source_of_backward(op, name, rules, joint, arrays), names)
    return names[name]


def xp_of(array: Any) -> Any:
    """The array module of an array (or of the first array of a tuple of gradients)."""
    if isinstance(array, tuple):
        array = next(a for a in array if a is not None)
    return np if type(array) is np.ndarray or isinstance(array, np.generic) else devices.kind_of(array).xp


def recall_out(node: tape.Node, kept: Any) -> Any:
    """The node's own result(s) as tensors again, with their place on the tape."""
    tape.recall_out_array(node, kept)
    if isinstance(kept, tuple):
        return tuple(
            _remade(a, tape.Pick(node, i) if dtypes.is_differentiable(a.dtype) else None) for i, a in enumerate(kept)
        )
    return _remade(kept, node)


def _remade(array: Any, node: Any) -> Tensor:
    t = object.__new__(Tensor)
    t.array = array
    t.grad = t.root = t.version = None
    t.node = node
    return t


def recall_out_arrays(node: tape.Node, kept: Any) -> Any:
    return tape.recall_out_array(node, kept)


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
    if op.promote:
        inputs = _promoted(op, inputs)
    tensors = [x for x in inputs if isinstance(x, Tensor)]
    for t in tensors:
        if t.root is not None:
            tape.current(t)
    device = _device(op, tensors)
    arrays = [x.array if isinstance(x, Tensor) else x for x in inputs]
    if device.name != "cpu":
        arrays = [
            devices.move(a, tensors_device) if isinstance(a, np.ndarray) else a
            for tensors_device in [_place(tensors)]
            for a in arrays
        ]
    try:
        r = _compute(op, device, arrays, attrs)
    except Exception as error:
        raise explained(op, error, inputs, attrs) from error
    return _wrapped(op, r, inputs, tensors, attrs)


def _operands(op: Any, inputs: tuple[Any, ...]) -> Iterator[Any]:
    for i, x in enumerate(inputs):
        if (
            isinstance(x, Tensor)
            or (x is None and i < len(op.inputs) and op.inputs[i] in op.optional)
            or (op.promote and isinstance(x, (bool, int, float, complex)))
        ):
            yield x
        elif op.promote and isinstance(x, np.generic) and not isinstance(x, np.bool_):
            yield x.item()
        else:
            name = op.inputs[i] if i < len(op.inputs) else op.variadic
            what = "Tensor or number" if op.promote else "Tensor"
            raise TypeError(
                f"{op.name}(): argument '{name}' (position {i + 1}) must be {what}, not {type(x).__name__}. Convert it with facula.as_tensor()."
            )
    if op.promote and not any(isinstance(x, Tensor) for x in inputs):
        raise TypeError(
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
            raise RuntimeError(
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
            kept.append(tuple(t.array for t in outs) if op.returns else outs[0].array)
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


_HOUSE_FORM = re.compile(r"[A-Za-z_][\w.]*(\(\))?: ")


def explained(op: Any, error: Exception, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Exception:
    """The error to raise for a forward that failed: the rule's own, the forward's own, or NumPy's with the op's name and all shapes."""
    name = op.name.removesuffix("_op")
    metas = [Meta(x.array.shape, x.array.dtype) if isinstance(x, Tensor) else x for x in inputs]
    shapes = ", ".join(f"{tuple(x.shape)} {x.dtype.name}" for x in inputs if isinstance(x, Tensor))
    text = str(error)
    try:
        op.rule.shape(*metas, **dict(zip(op.attrs, attrs, strict=True)))
    except Exception as better:
        said = str(better)
        if said.startswith("broadcast: "):
            return type(better)(said.replace("broadcast", name, 1))
        if _HOUSE_FORM.match(said):
            return better
        if said.startswith("Dimension out of range"):
            text = said
    if text.startswith("Dimension out of range") or isinstance(error, np.exceptions.AxisError):
        n = max(metas[0].ndim if metas[0] is not None else 0, 1)
        axis = getattr(error, "axis", None)
        said = (
            text
            if axis is None
            else f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {axis})"
        )
        return IndexError(f"{name}: {said}. The input is {shapes}; choose one of its dimensions.")
    if _HOUSE_FORM.match(text):
        return error
    kinds = (IndexError, TypeError, NotImplementedError, MemoryError, RuntimeError, ImportError)
    cls = type(error) if isinstance(error, kinds) else RuntimeError
    return cls(
        f"{name}: {text or type(error).__name__}, got inputs {shapes}. Check the shapes and types of the arguments."
    )


def into(out: Any, result: Any) -> Any:
    """Write an op's result where the user's `out=` says."""
    from facula.tensors.inplace import write_out

    return write_out(out, result)
