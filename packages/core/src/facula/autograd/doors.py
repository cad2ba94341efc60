"""The writer of doors: each op gets a fast door and its backwards, written from its record as `dataclasses` writes `__init__`.

A fast door serves plain CPU tensors of one type while no interpreter is active; its cost is the framework's overhead, so it is
straight-line code: slots, no isinstance chains, no closures. Its own names begin with an underscore, so that an op's
parameters can be called anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd import tape
from facula.autograd.state import births, state
from facula.devices import base as devices
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor

DOOR = """
def {name}({signature}):
    {types}
    if _fast and (_mode := _state.mode){no_out}:
        try:
            {compute}
        except Exception as _error:
            _r = _failed(_op, _error, ({inputs},), {attrs})
        _t = _new(_Tensor)
        _t.array = _r if type(_r) is _ndarray else _array_of(_r)
        _t.grad = _t.root = _t.version = _t.node = None
        {record}
        {view}
        return _t
    return {slow}
"""

RECORD = """if _mode == 2:
            {refresh}
            if {wants}:
                _n = _t.node = _new_node(_Node)
                _n.op = _op; _n.edges = ({edges},); _n.attrs = {attrs}; _n.shapes = ({shapes},); _n.seq = next(_births)
                _n.version = _n.hooks = None
                _n.kept = ({kept})"""

VIEW = """_root = _t.root = {base} if {base}.root is None else {base}.root
        _t.path = ((_op, {attrs}),) if {base}.root is None else (*{base}.path, (_op, {attrs}))
        if _mode == 1: _t.path = (*_t.path, _unrecorded)
        _t.seen = 0 if _root.version is None else _root.version.count"""

_IS = "({t} is _Tensor or {t} is _Parameter)"
_FLOAT = "({d} is _f32 or {d} is _f64)"
_WHOLE = (
    "({d} is _f32 or {d} is _f64 or {d}.kind in 'biuc')"  # not a half type: those are computed in float32 by `bind`
)


class _Nothing:
    """Stands for the tensor where a Python number is."""

    root = node = None


def _tuple(names: Any) -> str:
    return f"({', '.join(names)},)" if names else "()"


def _numbers(op: Any) -> bool:
    """Whether the fast door takes Python numbers: operators of two operands do."""
    return bool(op.promote) and len(op.inputs) == 2 and not op.optional


def _accepts(op: Any, i: int) -> str:
    """The test of one array's type in a fast door; empty if there is none."""
    if op.promote == "float":
        return " and " + _FLOAT.format(d=f"_x{i}.dtype")
    return " and " + _WHOLE.format(d=f"_x{i}.dtype") if op.half and not op.view else ""


def _types(op: Any) -> str:
    """The part of a door that decides whether the call is plain, and takes the arrays out of the inputs."""
    ins = op.inputs
    if _numbers(op):
        a, b = ins
        real = _FLOAT.format(d="_d")
        kinds = [real if op.promote == "float" else f"({real} or _d is _i64 and _t{i} is int)" for i in (1, 0)]
        return f"""_t0 = type({a}); _t1 = type({b})
    if (_t1 is _Tensor or _t1 is _Parameter) and (_t0 is _Tensor or _t0 is _Parameter):
        _x0 = {a}.array; _x1 = {b}.array; _i0 = {a}; _i1 = {b}
        _fast = _x0.dtype is _x1.dtype and type(_x0) is _ndarray and type(_x1) is _ndarray{_accepts(op, 0)}
    elif (_t1 is float or _t1 is int) and (_t0 is _Tensor or _t0 is _Parameter):
        _x0 = {a}.array; _x1 = {b}; _d = _x0.dtype; _i0 = {a}; _i1 = _nothing
        _fast = {kinds[0]} and type(_x0) is _ndarray
    elif (_t0 is float or _t0 is int) and (_t1 is _Tensor or _t1 is _Parameter):
        _x0 = {a}; _x1 = {b}.array; _d = _x1.dtype; _i0 = _nothing; _i1 = {b}
        _fast = {kinds[1]} and type(_x1) is _ndarray
    else:
        _fast = False"""
    lines = [f"_t{i} = type({name})" for i, name in enumerate(ins)]
    tests, takes, checks = [], [], []
    for i, n in enumerate(ins):
        is_tensor, array = _IS.format(t=f"_t{i}"), f"type(_x{i}) is _ndarray"
        array += f" and _x{i}.dtype is _x0.dtype" if i and op.promote else _accepts(op, i)
        if n in op.optional:
            is_tensor, array = f"({n} is None or {is_tensor})", f"(_x{i} is None or {array})"
        tests.append(is_tensor)
        takes.append(f"_x{i} = " + (f"None if {n} is None else {n}.array" if n in op.optional else f"{n}.array"))
        checks.append(array)
    lines += [
        f"_fast = {' and '.join(tests)}",
        "if _fast:",
        *[f"    {t}" for t in takes],
        f"    _fast = {' and '.join(checks)}",
    ]
    return "\n    ".join(lines)


def _compute(op: Any) -> str:
    """The call of the forward; of the bare ufunc where that is all that the forward does."""
    arrays = ", ".join(f"_x{i}" for i in range(len(op.inputs)))
    attrs = "".join(f", {a}={a}" if a in op.keyword_only else f", {a}" for a in op.attrs)
    call = f"_forward(_np, {arrays}{attrs})"
    if not op.ufunc or "cpu" in op.kernels:
        return f"_r = {call}"
    if not op.attrs:
        return f"_r = _ufunc({arrays})"
    return f"_r = _ufunc({arrays}) if {' and '.join(f'{a} is _default_{a}' for a in op.attrs)} else {call}"


def _refresh(op: Any) -> str:
    """Bring stale views up to date, and read the place of each input on the tape."""
    lines = []
    for i, n in enumerate(op.inputs):
        name = f"_i{i}" if _numbers(op) else n
        guard = f"{n} is not None and " if n in op.optional else ""
        lines.append(f"if {guard}{name}.root is not None: _current({name})")
        lines.append(f"_n{i} = None if {n} is None else {n}.node" if n in op.optional else f"_n{i} = {name}.node")
    return "\n            ".join(lines)


def _signature(op: Any) -> str:
    parts = [f"{n}=None" if n in op.optional else n for n in op.inputs]
    star = False
    for n in op.attrs:
        if n in op.keyword_only and not star:
            parts.append("*")
            star = True
        parts.append(f"{n}=_default_{n}" if n in op.defaults else n)
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
        needed = " or ".join(sorted({f"_n{op.inputs.index(i)} is not None" for i, _ in rules}))
        if name == "out":
            value = "_t.array"
        else:
            i = op.inputs.index(name)
            tensor = f"_t{i} is _Tensor or _t{i} is _Parameter" if scalars else f"{name} is not None"
            value = f"(_keep({name}) if {tensor} else {name})" if scalars or name in op.optional else f"_keep({name})"
        parts.append(value if everyone else f"{value} if {needed} else None")
    return "".join(p + ", " for p in parts)


def _record(op: Any) -> str:
    """The part of a door that writes the call on the tape."""
    ins = op.inputs
    shapes = [
        f"None if _n{i} is None else _x{i}.shape" if _numbers(op) or n in op.optional else f"_x{i}.shape"
        for i, n in enumerate(ins)
    ]
    return RECORD.format(
        wants=" or ".join(f"_n{i} is not None" for i in range(len(ins))), edges=", ".join(f"_n{i}" for i in range(len(ins))),
        attrs=_tuple(op.attrs), shapes=", ".join(shapes), kept=_kept(op), refresh=_refresh(op),
    )  # fmt: skip


def source_of_door(op: Any) -> str:
    """The text of an op's door; ops with several results or a variable number of inputs go straight to `bind`."""
    ins, attrs = op.inputs, _tuple(op.attrs)
    slow = f"_bind(_op, ({', '.join(ins)},), {attrs})"
    if op.variadic:
        named = [f"{n}=_default_{n}" if n in op.defaults else n for n in op.attrs]
        signature = ", ".join([*ins, f"*{op.variadic}", *named])
        return f"def {op.name}({signature}):\n    return _bind(_op, ({''.join(i + ', ' for i in ins)}*{op.variadic},), {attrs})\n"
    if not op.view:
        slow = f"{slow} if out is None else _into(out, {slow})"
    if op.returns:
        return f"def {op.name}({_signature(op)}):\n    return {slow}\n"
    differentiable = bool(op.rules or op.joint) and not op.nondiff
    return DOOR.format(
        name=op.name, signature=_signature(op), types=_types(op), no_out="" if op.view else " and out is None",
        compute=_compute(op), inputs=", ".join(ins), attrs=attrs, record=_record(op) if differentiable else "pass",
        view=VIEW.format(attrs=attrs, base=ins[0]) if op.view else "pass", slow=slow,
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
    value["out"] = f"recall_out{'_array' if arrays else ''}(node, kept_out)"
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


def generate(
    op: Any,
    bind: Callable[..., Any],
    failed: Callable[..., Any],
    array_of: Callable[..., Any],
    into: Callable[..., Any],
) -> None:
    """Write an op's door and backwards and hang them on the record; the other arguments are what a door calls in `bind.py`."""
    names: dict[str, Any] = dict(
        _new=object.__new__, _new_node=tape.Node.__new__, _Tensor=Tensor, _Parameter=Parameter, _Node=tape.Node, _ndarray=np.ndarray, _np=np,
        _op=op, _state=state, _births=births, _forward=op.forward_on("cpu"), _keep=tape.keep, _current=tape.current, _unrecorded=tape.UNRECORDED,
        _nothing=_Nothing,
        _ufunc=getattr(np, op.ufunc) if op.ufunc else None, _f32=np.dtype("float32"), _f64=np.dtype("float64"), _i64=np.dtype("int64"),
        _bind=bind, _failed=failed, _array_of=array_of, _into=into, __name__="facula.autograd.doors",
    )  # fmt: skip
    names.update({f"_default_{n}": v for n, v in op.defaults.items()})
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
        xp_of=xp_of, joint=joint and joint[0], __name__="facula.autograd.doors",
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
    kept = tape.recall_out_array(node, kept)
    if isinstance(kept, tuple):
        return tuple(
            None if a is None else _remade(a, tape.Pick(node, i) if dtypes.is_differentiable(a.dtype) else None)
            for i, a in enumerate(kept)
        )
    return _remade(kept, node)


def _remade(array: Any, node: Any) -> Tensor:
    t = object.__new__(Tensor)
    t.array = array
    t.grad = t.root = t.version = None
    t.node = node
    return t
