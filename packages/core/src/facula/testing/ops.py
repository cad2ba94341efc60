"""`check_op`: everything that a record promises, tried on its samples."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd.engine import grad
from facula.autograd.gradcheck import gradcheck, gradgradcheck
from facula.autograd.op import Op, Sample, arg
from facula.devices import base as devices
from facula.tensors.tensor import Tensor, wrap
from facula.testing.creation import spread

_NAMES = {"float": None, "complex": np.complex128, "int": np.int64}


def make_inputs(sample: Sample, dtype: Any = np.float64, seed: int = 0) -> list[Any]:
    """The inputs of a sample: tensors for shapes and `arg`s, other things as they are."""
    rng = np.random.default_rng(seed)
    return [_made(x, dtype, rng) for x in sample.inputs]


def _made(x: Any, dtype: Any, rng: np.random.Generator) -> Any:
    if isinstance(x, Tensor):
        return x.detach().clone()
    if isinstance(x, (tuple, list)):
        x = arg(tuple(x))
    if not isinstance(x, arg):
        return x
    if x.values is not None:
        values = np.asarray(x.values)
        floating = values.dtype.kind == "f" and x.dtype == "float"
        return wrap(np.array(values, dtype if floating else None if x.dtype == "float" else x.dtype))
    chosen = _NAMES.get(x.dtype, np.dtype(x.dtype) if x.dtype not in _NAMES else None) or dtype
    kind = np.dtype(chosen).kind
    if kind in "iu":
        return wrap(rng.integers(int(x.low), int(x.high), x.shape).astype(chosen))
    if kind == "b":
        return wrap(rng.random(x.shape) < 0.5)
    values = x.low + (x.high - x.low) * rng.random(x.shape)
    if kind == "c":
        values = values + 1j * (x.low + (x.high - x.low) * rng.random(x.shape))
    return wrap(np.asarray(values).astype(chosen))


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    """Any failure as an AssertionError that says where."""
    try:
        yield
    except AssertionError as error:
        raise AssertionError(f"{where}: {error}") from error
    except Exception as error:
        raise AssertionError(f"{where}: raised {type(error).__name__}: {error}") from error


def _results(found: Any) -> list[Tensor]:
    return list(found) if isinstance(found, tuple) else [found]


def _name_of(op: Op, i: int) -> str:
    return op.inputs[i] if i < len(op.inputs) else str(op.variadic)


def _differentiable(op: Op, inputs: list[Any]) -> list[int]:
    """The positions of the inputs that have a gradient."""
    if op.nondiff or not (op.rules or op.joint):
        return []
    return [
        i
        for i, x in enumerate(inputs)
        if isinstance(x, Tensor)
        and dtypes.is_differentiable(x.array.dtype)
        and (op.joint or _name_of(op, i) in op.rules)
    ]


def _close(a: Any, b: Any, what: str, tolerance: float = 1e-9) -> None:
    a, b = devices.to_host(a), devices.to_host(b)
    assert a.shape == b.shape, f"{what}: shapes differ, {a.shape} and {b.shape}"
    wide = np.complex128 if a.dtype.kind == "c" else np.float64
    same = np.allclose(a.astype(wide), b.astype(wide), rtol=tolerance, atol=tolerance, equal_nan=True)
    assert same, f"{what}: values differ, {a.reshape(-1)[:5]} and {b.reshape(-1)[:5]}"


def _check_rule(op: Op, inputs: list[Any], attrs: dict[str, Any]) -> None:
    """The rule (run on the meta device) says the shapes and types that the forward gives."""
    with _told("rule on the meta device"):
        metas = [wrap(devices.move(x.array, devices.device("meta"))) if isinstance(x, Tensor) else x for x in inputs]
        try:
            expected = _results(op(*metas, **attrs))
        except NotImplementedError:
            return  # a shape that depends on the data has no rule
    for i, (e, r) in enumerate(zip(expected, _results(op(*inputs, **attrs)), strict=True)):
        assert e.is_meta, f"rule: result {i} of meta tensors is not on the meta device"
        assert e.shape == r.shape, f"rule: result {i} has shape {tuple(r.shape)}, the rule says {tuple(e.shape)}"
        assert e.dtype is r.dtype, f"rule: result {i} has dtype {r.dtype}, the rule says {e.dtype}"


def _check_memory(op: Op, inputs: list[Any], attrs: dict[str, Any]) -> None:
    """The forward leaves its inputs alone; its result is new memory, or a view where the record says so."""
    before = [x.array.copy() if isinstance(x, Tensor) else None for x in inputs]
    results = _results(op(*inputs, **attrs))
    for i, (x, b) in enumerate(zip(inputs, before, strict=True)):
        if b is None:
            continue
        assert (x.array.tobytes()) == b.tobytes(), f"forward: it wrote into its input `{_name_of(op, i)}`"
        shared = any(np.shares_memory(x.array, r.array) for r in results)
        if op.view and x.numel():
            assert shared, "forward: the record says view=True, but the result has memory of its own"
        assert op.view or not shared, f"forward: a result shares the memory of `{_name_of(op, i)}`, but view is not set"


def _wanting(inputs: list[Any], where: list[int]) -> list[Any]:
    return [x.detach().clone().requires_grad_() if i in where else x for i, x in enumerate(inputs)]


def _function(op: Op, attrs: dict[str, Any], prepare: Any = None) -> Any:
    def call(*inputs: Any) -> Any:
        inputs = inputs if prepare is None else prepare(*inputs)
        found = [r for r in _results(op(*inputs, **attrs)) if dtypes.is_differentiable(r.array.dtype)]
        return tuple(found)

    return call


def _check_gradients(op: Op, inputs: list[Any], attrs: dict[str, Any], where: list[int]) -> None:
    """The vjp against finite differences, first and second order."""
    prepare = getattr(op, "prepare", None)
    with _told("gradcheck"):
        gradcheck(_function(op, attrs, prepare), _wanting(inputs, where))
    with _told("gradgradcheck"):
        wanting = _wanting(inputs, where)
        if any(g.requires_grad for g in _gradients(op, wanting, attrs, where, True)):
            gradgradcheck(_function(op, attrs, prepare), wanting)


def _gradients(op: Op, inputs: list[Any], attrs: dict[str, Any], where: list[int], create_graph: bool) -> list[Tensor]:
    results = [r for r in _function(op, attrs)(*inputs) if r.requires_grad]
    rng = np.random.default_rng(1)
    seeds = [wrap(np.array(rng.standard_normal(tuple(r.shape)), r.array.dtype)) for r in results]
    if create_graph:
        seeds = [s.requires_grad_() for s in seeds]
    found = grad(results, [inputs[i] for i in where], seeds, create_graph=create_graph, allow_unused=True)
    return [inputs[i].new_zeros(inputs[i].shape) if g is None else g for i, g in zip(where, found, strict=True)]


def _check_array_formulas(op: Op, inputs: list[Any], attrs: dict[str, Any], where: list[int]) -> None:
    """The gradients on arrays equal those on tensors, in values and types."""
    wanting = _wanting(inputs, where)
    fast, slow = (_gradients(op, wanting, attrs, where, graph) for graph in (False, True))
    tolerance = 1e-9 if all(g.array.dtype != np.float32 for g in slow) else 1e-4
    for i, f, s in zip(where, fast, slow, strict=True):
        name = _name_of(op, i)
        assert f.dtype is wanting[i].dtype, f"gradient of `{name}`: expected {wanting[i].dtype}, got {f.dtype}"
        assert f.shape == wanting[i].shape, f"gradient of `{name}`: expected shape {wanting[i].shape}, got {f.shape}"
        _close(f.array, s.detach().array, f"array_vjp and vjp of `{name}`", tolerance)


def _check_strides(op: Op, inputs: list[Any], attrs: dict[str, Any], where: list[int]) -> None:
    """Inputs with gaps in memory give the same results and gradients."""
    if op.view and "stride" in op.attrs:
        return  # it speaks of memory, not of elements
    gaps = [wrap(spread(x.array)) if isinstance(x, Tensor) else x for x in inputs]
    try:
        found = _results(op(*gaps, **attrs))
    except RuntimeError:
        if op.view:
            return  # not every view exists for every stride
        raise
    for r, e in zip(found, _results(op(*inputs, **attrs)), strict=True):
        _close(r.array, e.array, "non-contiguous inputs")
    if where:
        wanting = [g.requires_grad_() if i in where else g for i, g in enumerate(gaps)]
        expected = _gradients(op, _wanting(inputs, where), attrs, where, False)
        for g, e in zip(_gradients(op, wanting, attrs, where, False), expected, strict=True):
            _close(g.array, e.array, "gradients of non-contiguous inputs")


def _check_kernels(op: Op, inputs: list[Any], attrs: dict[str, Any]) -> None:
    """A kernel for the CPU computes what the forward computes."""
    kernel = op.kernels.get("cpu")
    if kernel is None:
        return
    values = {**op.defaults, **attrs}
    named = {n: values[n] for n in op.attrs if n in op.keyword_only or op.variadic}
    absent = [] if op.variadic else [None] * (len(op.inputs) - len(inputs))
    rest = [*absent, *[values[n] for n in op.attrs if n not in named]]
    for dtype in (np.float64, np.float32):
        arrays = [_as(x, dtype) for x in inputs]
        with np.errstate(all="ignore"):
            fast, plain = (f(np, *[_copied(a) for a in arrays], *rest, **named) for f in (kernel, op.forward))
        pairs = zip(fast, plain, strict=True) if isinstance(plain, tuple) else ((fast, plain),)
        for a, b in pairs:
            a, b = np.asarray(a), np.asarray(b)
            assert a.dtype == b.dtype, f"kernel and forward: types differ, {a.dtype} and {b.dtype}"
            _close(a, b, "kernel and forward", 1e-9 if dtype is np.float64 else 1e-4)


def _as(x: Any, dtype: Any) -> Any:
    if not isinstance(x, Tensor):
        return x
    return x.array.astype(dtype) if x.array.dtype.kind == "f" else x.array


def _copied(array: Any) -> Any:
    return array.copy() if isinstance(array, np.ndarray) else array


def _check_tape(op: Op, inputs: list[Any], attrs: dict[str, Any], where: list[int]) -> None:
    """The tape keeps alive what a vjp names, and nothing else."""
    if op.view:
        return  # a view keeps its root, whatever the tape keeps
    wanting = [x * 1 if i in where else x for i, x in enumerate(_wanting(inputs, where))]
    results = _results(op(*wanting, **attrs))
    if not any(r.requires_grad for r in results):
        return
    refs = [(i, weakref.ref(wanting[i])) for i in where]
    del wanting
    for i, ref in refs:
        if _name_of(op, i) not in op.saved:
            assert ref() is None, f"tape: it keeps `{_name_of(op, i)}`, which no vjp names"


def check_op(op: Op) -> None:
    """Try all samples of a record: rule, memory, gradients of first and second order, array formulas, strides, kernels, tape.

    A record whose inputs must be special (symmetric, say) has an attribute `prepare`: a differentiable function that makes any
    inputs so; finite differences are taken before it.
    Errors: AssertionError that names the op, the sample and what disagrees.

    >>> import facula
    >>> from facula.autograd.op import ALL
    >>> facula.testing.check_op(ALL["exp"])
    """
    assert op.samples, f"{op.name}: expected at least two samples, got none"
    for n, sample in enumerate(op.samples):
        with _told(f"{op.name}, sample {n}"):
            attrs = sample.attrs
            with _told("forward"):
                inputs = make_inputs(sample, seed=n)
                op(*inputs, **attrs)
            where = _differentiable(op, inputs)
            narrow = make_inputs(sample, np.float32, seed=n)
            _check_memory(op, inputs, attrs)
            _check_rule(op, inputs, attrs)
            _check_rule(op, narrow, attrs)
            with _told("kernel"):
                _check_kernels(op, inputs, attrs)
            with _told("strides"):
                _check_strides(op, inputs, attrs, where)
            if where:
                _check_gradients(op, inputs, attrs, where)
                with _told("gradients"):
                    _check_array_formulas(op, inputs, attrs, where)
                    _check_array_formulas(op, narrow, attrs, where)
                _check_tape(op, inputs, attrs, where)
