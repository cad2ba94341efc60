"""Compare gradients with finite differences: `gradcheck` for the first order, `gradgradcheck` for the second.

Everything is compared as real numbers: a complex element counts as its real and its imaginary part.
"""

from __future__ import annotations

import sys
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd.engine import grad
from facula.autograd.state import state
from facula.devices import base as devices
from facula.errors import runtime_error, value_error
from facula.tensors.tensor import Tensor, wrap


class GradcheckError(RuntimeError):
    """A gradient and its finite difference do not agree."""


def _tensors(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else tuple(x) if isinstance(x, list) else (x,)


def _wants_gradient(x: Any) -> bool:
    return isinstance(x, Tensor) and x.requires_grad


def _outputs(func: Callable[..., Any], inputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    return tuple(y for y in _tensors(func(*inputs)) if isinstance(y, Tensor))


def _reals(array: Any) -> np.ndarray[Any, Any]:
    """An array as a flat vector of real float64 numbers; re and im of a complex element are neighbours."""
    host = np.ascontiguousarray(devices.to_host(array))
    if host.dtype.kind == "c":
        return np.ascontiguousarray(host.astype(np.complex128)).reshape(-1).view(np.float64)
    return host.astype(np.float64).reshape(-1)


def _columns(x: Tensor) -> int:
    return int(x.numel()) * (2 if x.is_complex() else 1)


def _check_inputs(inputs: tuple[Any, ...]) -> None:
    if not any(_wants_gradient(x) for x in inputs):
        raise value_error(
            "gradcheck expects at least one input tensor to require gradient, "
            "but none of the them have requires_grad=True. Call requires_grad_() on one."
        )
    for i, x in enumerate(inputs):
        if not _wants_gradient(x):
            continue
        if x.dtype not in (dtypes.float64, dtypes.complex128):
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. "
                "This check will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=3,
            )
        if any(s == 0 and n > 1 for s, n in zip(x.array.strides, x.array.shape, strict=True)):
            raise runtime_error(
                f"The {i}th input has a dimension with stride 0. gradcheck only supports inputs that are non-overlapping "
                "to be able to compute the numerical gradients correctly. You should call .contiguous on the input "
                "before passing it to gradcheck."
            )
        x.retain_grad()


class _Probe:
    """Evaluates a function at moved inputs; the inputs themselves are left alone afterwards."""

    def __init__(self, func: Callable[..., Any], inputs: tuple[Any, ...], eps: float) -> None:
        self.func, self.inputs, self.eps = func, inputs, eps

    def at(self, i: int, direction: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        x = self.inputs[i]
        moved = np.asarray(devices.to_host(x.array) + direction.astype(x.array.dtype))
        place = wrap(devices.move(moved, x.device)).requires_grad_()
        before = state.grad
        state.set_grad(True)
        try:
            found = _outputs(self.func, (*self.inputs[:i], place, *self.inputs[i + 1 :]))
        finally:
            state.set_grad(before)
        return [_reals(y.array) for y in found]

    def derivative(self, i: int, direction: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        """Central differences of all outputs along one direction of input i."""
        step = np.asarray(direction * self.eps)
        pairs = zip(self.at(i, step), self.at(i, -step), strict=True)
        return [(up - down) / (2 * self.eps) for up, down in pairs]


def _units(x: Tensor) -> Any:
    """All unit directions of an input: one per real number in it."""
    shape = tuple(x.shape)
    for k in range(x.numel()):
        for unit in (1.0, 1.0j) if x.is_complex() else (1.0,):
            direction = np.zeros(shape, np.complex128 if x.is_complex() else np.float64)
            direction.reshape(-1)[k] = unit
            yield direction


def _numerical(probe: _Probe, i: int, count: int) -> list[np.ndarray[Any, Any]]:
    """For each output its Jacobian (input numbers, output numbers) by finite differences."""
    rows: list[list[np.ndarray[Any, Any]]] = [[] for _ in range(count)]
    for direction in _units(probe.inputs[i]):
        for row, value in zip(rows, probe.derivative(i, direction), strict=True):
            row.append(value)
    return [np.stack(r) if r else np.zeros((0, 0)) for r in rows]


def _gradients(y: Tensor, xs: list[Tensor], v: np.ndarray[Any, Any]) -> list[Any]:
    seed = wrap(devices.move(np.asarray(v, y.array.dtype), y.device))
    return list(grad(y, xs, seed, retain_graph=True, allow_unused=True))


def _analytical(y: Tensor, xs: list[Tensor]) -> list[np.ndarray[Any, Any]]:
    """For each input the Jacobian (input numbers, output numbers) of one output, by backward."""
    columns: list[list[np.ndarray[Any, Any]]] = [[] for _ in xs]
    for direction in _units(y):
        for column, x, g in zip(columns, xs, _gradients(y, xs, direction), strict=True):
            if g is not None and g.shape != x.shape:
                raise GradcheckError(
                    "Analytical gradient has incorrect size: expected the input's shape. Fix the backward."
                )
            column.append(np.zeros(_columns(x)) if g is None else _reals(g.array if x.is_complex() else _real(g)))
    return [np.stack(c, 1) if c else np.zeros((_columns(x), 0)) for c, x in zip(columns, xs, strict=True)]


def _real(g: Tensor) -> Any:
    return g.array.real if g.array.dtype.kind == "c" else g.array


def _mismatch(j: int, i: int, numerical: Any, analytical: Any, kind: str = "Jacobian mismatch") -> str:
    return (
        f"{kind} for output {j} with respect to input {i},\nnumerical:{wrap(np.asarray(numerical))}\n"
        f"analytical:{wrap(np.asarray(analytical))}\n"
    )


def _part(found: Any, expected: Any, is_complex: bool, close: Callable[[Any, Any], bool]) -> str:
    """Which part of a complex output is wrong."""
    if not is_complex:
        return ""
    wrong = "imaginary" if close(found[:, 0::2], expected[:, 0::2]) else "real"
    return f"While considering the {wrong} part of complex outputs only, "


def _check_slow(func: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    ys = _outputs(func, inputs)
    indices = [i for i, x in enumerate(inputs) if _wants_gradient(x)]
    xs = [inputs[i] for i in indices]
    probe = _Probe(func, inputs, options["eps"])
    numerical = {i: _numerical(probe, i, len(ys)) for i in indices}

    def close(a: Any, b: Any) -> bool:
        return bool(np.allclose(a, b, rtol=options["rtol"], atol=options["atol"], equal_nan=True))

    differentiable = [y.requires_grad for y in ys]
    if not any(differentiable):
        for i in indices:
            if any(
                (n != 0).any() for n, y in zip(numerical[i], ys, strict=True) if y.is_floating_point() or y.is_complex()
            ):
                raise GradcheckError(
                    "Numerical gradient for function expected to be zero. Record its gradient, or detach it."
                )
        return
    for j, y in enumerate(ys):
        if not differentiable[j]:
            continue
        again = None
        for k, (i, found) in enumerate(zip(indices, _analytical(y, xs), strict=True)):
            expected = numerical[i][j]
            if not close(found, expected):
                part = _part(found, expected, y.is_complex(), close)
                raise GradcheckError(part + _mismatch(j, i, expected, found))
            again = _analytical(y, xs) if again is None else again
            if np.abs(found - again[k]).max(initial=0.0) > options["nondet_tol"]:
                raise GradcheckError(
                    "Backward is not reentrant, i.e., running backward with same input and grad_output multiple times gives "
                    "different values, although analytical gradient matches numerical gradient. "
                    f"The tolerance for nondeterminism was {options['nondet_tol']}."
                )


def _check_fast(func: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Compare one random projection v . J . u of each Jacobian instead of all its entries."""
    ys = _outputs(func, inputs)
    rng = np.random.default_rng(0)
    probe = _Probe(func, inputs, options["eps"])

    def unit(x: Tensor) -> np.ndarray[Any, Any]:
        v = rng.standard_normal(tuple(x.shape)) + (1j * rng.standard_normal(tuple(x.shape)) if x.is_complex() else 0)
        return np.asarray(v / max(float(np.linalg.norm(v.reshape(-1))), 1e-12))

    for i, x in enumerate(inputs):
        if not _wants_gradient(x):
            continue
        u = unit(x)
        for j, (y, d) in enumerate(zip(ys, probe.derivative(i, u), strict=True)):
            if not y.requires_grad:
                continue
            v = unit(y)
            (g,) = _gradients(y, [x], v)
            found = 0.0 if g is None else float(_reals(g.array if x.is_complex() else _real(g)) @ _reals(u))
            expected = float(_reals(v) @ d)
            if not np.allclose(found, expected, rtol=options["rtol"], atol=options["atol"]):
                raise GradcheckError(_mismatch(j, i, expected, found))


def _check_undefined(func: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    """A gradient that does not come must count as zero."""
    ys = [y for y in _outputs(func, inputs) if y.requires_grad]
    xs = [x for x in inputs if _wants_gradient(x)]
    for j, y in enumerate(ys if len(ys) > 1 else ()):
        alone = grad(y, xs, wrap(np.ones(tuple(y.shape), y.array.dtype)), retain_graph=True, allow_unused=True)
        seeds = [wrap(np.full(tuple(z.shape), float(k == j), z.array.dtype)) for k, z in enumerate(ys)]
        together = grad(ys, xs, seeds, retain_graph=True, allow_unused=True)
        for a, b, x in zip(alone, together, xs, strict=True):
            zero = np.zeros(tuple(x.shape))
            if not np.allclose(zero if a is None else a.array, zero if b is None else b.array, equal_nan=True):
                raise GradcheckError(
                    "Expected backward function to handle undefined output grads: a gradient that is None must count as zero."
                )


def _check_types(func: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    xs = [x for x in inputs if _wants_gradient(x)]
    for y in _outputs(func, inputs):
        if y.requires_grad:
            for x, g in zip(xs, _gradients(y, xs, np.ones(tuple(y.shape))), strict=True):
                if g is not None and g.dtype is not x.dtype:
                    raise GradcheckError(
                        f"Mismatch in dtype: expected a gradient of {x.dtype}, got {g.dtype}. Cast it in backward."
                    )


def _check_batched(func: Callable[..., Any], inputs: tuple[Any, ...]) -> None:
    xs = [x for x in inputs if _wants_gradient(x)]
    for j, y in enumerate(_outputs(func, inputs)):
        if not y.requires_grad:
            continue
        rows = [_reals(y.array).reshape(-1)[: y.numel()].reshape(tuple(y.shape)) + k for k in range(2)]
        batch = wrap(np.stack(rows).astype(y.array.dtype))
        together = grad(y, xs, batch, retain_graph=True, allow_unused=True, is_grads_batched=True)
        for k, row in enumerate(rows):
            for i, (g, b) in enumerate(zip(_gradients(y, xs, row), together, strict=True)):
                if g is not None and (b is None or not np.allclose(g.array, b.array[k])):
                    raise GradcheckError(
                        f"For output {j} and input {i}: expected equal gradients in a batch and one by one. Check vmap."
                    )


def _check_forward(func: Callable[..., Any], inputs: tuple[Any, ...], options: dict[str, Any]) -> None:
    """The forward-mode derivative against a finite difference, along random directions."""
    from facula.autograd.functional import jvp

    rng = np.random.default_rng(1)
    probe = _Probe(func, inputs, options["eps"])
    for i, x in enumerate(inputs):
        if not _wants_gradient(x):
            continue
        u = rng.standard_normal(tuple(x.shape)).astype(x.array.dtype)
        rest = lambda moved, i=i: tuple(
            y for y in _outputs(func, (*inputs[:i], moved, *inputs[i + 1 :])) if y.requires_grad
        )
        ys = [y.requires_grad for y in _outputs(func, inputs)]
        expected = [d for d, wanted in zip(probe.derivative(i, u), ys, strict=True) if wanted]
        if not expected:
            continue
        found = jvp(rest, x.detach(), wrap(u))[1]
        for j, (d, f) in enumerate(zip(expected, found, strict=True)):
            if not np.allclose(_reals(f.array), d, rtol=options["rtol"], atol=options["atol"]):
                raise GradcheckError(
                    _mismatch(j, i, d, _reals(f.array), "Jacobian computed with forward mode mismatch")
                )


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """Check gradients of `func` at `inputs` against central differences with step `eps`.

    |analytical - numerical| <= atol + rtol * |numerical|. Inputs should be float64. `fast_mode` compares random projections.
    Errors: GradcheckError (or False with raise_exception=False) on a mismatch; ValueError if no input requires grad;
    AssertionError for options that exclude each other.

    >>> import facula
    >>> x = facula.tensor([0.5, 1.5], dtype=facula.float64, requires_grad=True)
    >>> facula.autograd.gradcheck(facula.exp, x)
    True
    """
    if not (check_backward_ad or check_forward_ad):
        raise AssertionError(
            "Expected at least one of check_forward_ad or check_backward_ad to be True. Switch one on."
        )
    if check_batched_grad and not check_backward_ad:
        raise AssertionError(
            "Setting check_batched_grad=True requires check_backward_ad to be True, got False. Switch it on."
        )
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError(
            "Setting check_batched_forward_grad=True requires check_forward_ad to be True, got False. Switch it on."
        )
    arguments = _tensors(inputs)
    options = {"eps": eps, "atol": atol, "rtol": rtol, "nondet_tol": nondet_tol}
    try:
        _check_inputs(arguments)
        if check_forward_ad:
            _check_forward(func, arguments, options)
        if check_backward_ad:
            (_check_fast if fast_mode else _check_slow)(func, arguments, options)
            if check_undefined_grad:
                _check_undefined(func, arguments)
            if check_grad_dtypes:
                _check_types(func, arguments)
            if check_batched_grad:
                _check_batched(func, arguments)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _seeds(func: Callable[..., Any], inputs: tuple[Any, ...], strided: bool) -> tuple[Tensor, ...]:
    """Random gradients for all differentiable outputs, themselves inputs of the second-order check."""
    rng = np.random.default_rng(2)
    found = []
    for y in _outputs(func, inputs):
        if not y.requires_grad:
            continue
        shape = (*y.shape, 2) if strided else tuple(y.shape)
        v = rng.standard_normal(shape) + (1j * rng.standard_normal(shape) if y.is_complex() else 0)
        v = np.array(v, y.array.dtype)
        found.append(wrap(v[..., 0] if strided else v).requires_grad_())
    return tuple(found)


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """Check gradients of gradients of `func` at `inputs` and `grad_outputs` (random ones if None).

    >>> import facula
    >>> x = facula.tensor([0.5, 1.5], dtype=facula.float64, requires_grad=True)
    >>> facula.autograd.gradgradcheck(facula.exp, x)
    True
    """
    arguments = _tensors(inputs)
    seeds: Sequence[Any]
    seeds = _seeds(func, arguments, gen_non_contig_grad_outputs) if grad_outputs is None else _tensors(grad_outputs)
    count = len(seeds)

    def first(*both: Any) -> tuple[Any, ...]:
        args, gs = both[: len(both) - count], both[len(both) - count :]
        ys = [y for y in _outputs(func, args) if y.requires_grad]
        xs = [x for x in args if _wants_gradient(x)]
        found = grad(ys, xs, list(gs), create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    return gradcheck(
        first, (*arguments, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception, nondet_tol=nondet_tol,
        check_undefined_grad=check_undefined_grad, check_grad_dtypes=check_grad_dtypes, check_batched_grad=check_batched_grad,
        fast_mode=fast_mode, masked=masked, check_forward_ad=check_fwd_over_rev, check_backward_ad=check_rev_over_rev,
    )  # fmt: skip


class _Room(types.ModuleType):
    """`facula.autograd.gradcheck` is the function, and this module's name too: so the module can be called."""

    def __call__(self, *args: Any, **kwargs: Any) -> bool:
        return gradcheck(*args, **kwargs)


sys.modules[__name__].__class__ = _Room
