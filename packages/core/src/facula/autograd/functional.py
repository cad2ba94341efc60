"""Derivatives of functions: vjp, jvp, jacobian, hessian, vhp, hvp. All of them by backward; a jvp is the vjp of a vjp."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facula.autograd.engine import _stacked, grad
from facula.autograd.state import enable_grad
from facula.errors import assertion_error, not_implemented_error, runtime_error, type_error
from facula.tensors.tensor import Tensor


def _tuple(value: Any, name: str, function: str) -> tuple[bool, tuple[Tensor, ...]]:
    """A tensor or several as a tuple, and whether there were several."""
    several = isinstance(value, (tuple, list))
    found = tuple(value) if several else (value,)
    for i, t in enumerate(found):
        if not isinstance(t, Tensor):
            where = f"Value at index {i} in the tuple" if several else "The value"
            raise type_error(
                f"The {name} given to {function} must be either a Tensor or a tuple of Tensors. {where} has type {type(t)}. "
                "Wrap it with facula.as_tensor()."
            )
    return several, found


def _fresh(inputs: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
    """Inputs of our own to differentiate for; with create_graph they stay connected to the given ones."""
    if create_graph:
        return tuple(x.view_as(x) if x.requires_grad else x.detach().requires_grad_() for x in inputs)
    return tuple(x.detach().requires_grad_() for x in inputs)


def _call(func: Callable[..., Any], inputs: tuple[Tensor, ...], name: str) -> tuple[bool, tuple[Tensor, ...]]:
    return _tuple(func(*inputs), "outputs of the user-provided function", name)


def _scalar(outputs: tuple[Tensor, ...], several: bool, name: str) -> Tensor:
    if several:
        raise runtime_error(
            f"The output of the user-provided function given to {name} should be a single Tensor. Return one."
        )
    if outputs[0].numel() != 1:
        raise runtime_error(
            f"The Tensor returned by the function given to {name} should contain a single element, got {outputs[0].numel()}. "
            "Reduce it, e.g. with .sum()."
        )
    return outputs[0].reshape(())


def _gradients(
    outputs: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    seeds: tuple[Tensor | None, ...],
    create_graph: bool,
    strict: bool = False,
    name: str = "",
) -> tuple[Tensor, ...]:
    """Gradients with zeros where an input was not used (an error with `strict`)."""
    used = [(y, v) for y, v in zip(outputs, seeds, strict=True) if y.requires_grad]
    if strict and len(used) < len(outputs):
        i = next(i for i, y in enumerate(outputs) if not y.requires_grad)
        raise runtime_error(
            f"Output {i} of the user-provided function does not require gradients. The outputs must be computed in a "
            "differentiable manner from the input when running in strict mode."
        )
    found: tuple[Any, ...] = (None,) * len(inputs)
    if used:
        ys, vs = zip(*used, strict=True)
        found = grad(ys, inputs, vs, retain_graph=True, create_graph=create_graph, allow_unused=True)
    if strict and None in found:
        raise runtime_error(
            f"Output 0 of the user-provided function is independent of input {found.index(None)}. "
            "This is not allowed in strict mode. Use every input, or strict=False."
        )
    return tuple(x.new_zeros(x.shape) if g is None else g for g, x in zip(found, inputs, strict=True))


def _given(values: tuple[bool, tuple[Tensor, ...]], create_graph: bool) -> Any:
    several, found = values
    if not create_graph:
        found = tuple(t.detach() for t in found)
    return found if several else found[0]


def _vectors(v: Any, like: tuple[Tensor, ...], several: bool, name: str, what: str) -> tuple[Tensor, ...]:
    """`v` with a shape check; ones if there is a single element."""
    if v is None:
        if several or like[0].numel() != 1:
            raise runtime_error(
                f"The vector v can only be None if {what} a single Tensor with a single element. Pass v of its shape to {name}."
            )
        return (like[0].new_ones(like[0].shape),)
    _, found = _tuple(v, "v", name)
    if len(found) != len(like):
        raise runtime_error(
            f"v is a tuple of invalid length: should be {len(like)} but got {len(found)}. Give one per tensor."
        )
    for i, (t, x) in enumerate(zip(found, like, strict=True)):
        if t.shape != x.shape:
            raise runtime_error(
                f"v has invalid size: should be {tuple(x.shape)} but got {tuple(t.shape)} (entry {i}). Reshape it first."
            )
    return found


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs of `func`, and v^T J: the product of `v` with its Jacobian.

    >>> import facula
    >>> facula.autograd.functional.vjp(lambda x: x * x, facula.tensor([1., 2.]), facula.tensor([1., 1.]))
    (tensor([1., 4.]), tensor([2., 4.]))
    """
    with enable_grad():
        several, xs = _tuple(inputs, "inputs", "vjp")
        xs = _fresh(xs, create_graph)
        many, ys = _call(func, xs, "vjp")
        vs = _vectors(v, ys, many, "vjp", "the user-provided function returns")
        found = _gradients(ys, xs, vs, create_graph, strict, "vjp")
        return _given((many, ys), create_graph), _given((several, found), create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The outputs of `func`, and J v: the derivative along `v`, as the gradient of a vjp in its vector.

    >>> import facula
    >>> facula.autograd.functional.jvp(lambda x: x * x, facula.tensor([1., 2.]), facula.tensor([1., 0.]))
    (tensor([1., 4.]), tensor([2., 0.]))
    """
    with enable_grad():
        several, xs = _tuple(inputs, "inputs", "jvp")
        vs = _vectors(v, xs, several, "jvp", "the input to the user-provided function is")
        xs = _fresh(xs, create_graph)
        many, ys = _call(func, xs, "jvp")
        seeds = tuple(y.new_zeros(y.shape).requires_grad_() for y in ys)
        pulled = _gradients(ys, xs, seeds, True, strict, "jvp")
        found = _gradients(pulled, seeds, vs, create_graph)
        return _given((many, ys), create_graph), _given((many, found), create_graph)


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of `func`: for output y and input x a tensor of shape (*y.shape, *x.shape).

    `vectorize` changes nothing here but is accepted; `strategy` "forward-mode" goes column by column.

    >>> import facula
    >>> facula.autograd.functional.jacobian(lambda x: x * x, facula.tensor([1., 2.]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise assertion_error(
            f'Expected strategy to be either "forward-mode" or "reverse-mode". Got {strategy!r}. Use one.'
        )
    if strategy == "forward-mode" and create_graph:
        raise not_implemented_error(
            "jacobian: expected create_graph=False with forward-mode, got True. Use reverse-mode."
        )
    with enable_grad():
        several, given = _tuple(inputs, "inputs", "jacobian")
        xs = _fresh(given, create_graph)
        many, ys = _call(func, xs, "jacobian")
        by_row = _by_columns(ys, xs) if strategy == "forward-mode" else _by_rows(ys, xs, create_graph, strict)
        rows = [_given((several, row), create_graph) for row in by_row]
        return tuple(rows) if many else rows[0]


def _basis(t: Tensor) -> Any:
    """The unit vectors of a tensor's shape."""
    for k in range(t.numel()):
        unit = t.new_zeros(t.shape)
        unit.view(-1)[k] = 1
        yield unit


def _by_rows(
    ys: tuple[Tensor, ...], xs: tuple[Tensor, ...], create_graph: bool, strict: bool
) -> list[tuple[Tensor, ...]]:
    found = []
    for y in ys:
        rows = [_gradients((y,), xs, (unit,), create_graph, strict, "jacobian") for unit in _basis(y)]
        columns = zip(*rows, strict=True) if rows else ((),) * len(xs)
        shaped = [
            (_stacked(c) if c else x.new_zeros((0, *x.shape))).reshape((*y.shape, *x.shape))
            for c, x in zip(columns, xs, strict=True)
        ]
        found.append(tuple(shaped))
    return found


def _by_columns(ys: tuple[Tensor, ...], xs: tuple[Tensor, ...]) -> list[tuple[Tensor, ...]]:
    found: list[list[Tensor]] = [[] for _ in ys]
    for x in xs:
        seeds = tuple(y.new_zeros(y.shape).requires_grad_() for y in ys)
        pulled = _gradients(ys, (x,), seeds, True)
        columns = [_gradients(pulled, seeds, (unit,), False) for unit in _basis(x)]
        for j, y in enumerate(ys):
            parts = [c[j] for c in columns]
            whole = _stacked(parts).movedim(0, -1) if parts else y.new_zeros((*y.shape, 0))
            found[j].append(whole.reshape((*y.shape, *x.shape)))
    return [tuple(row) for row in found]


def hessian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a scalar function: for inputs x and y a tensor of shape (*x.shape, *y.shape).

    >>> import facula
    >>> facula.autograd.functional.hessian(lambda x: (x ** 3).sum(), facula.tensor([1., 2.]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    several, _ = _tuple(inputs, "inputs", "hessian")

    def gradient(*xs: Tensor) -> Any:
        many, ys = _call(func, xs, "hessian")
        y = _scalar(ys, many, "hessian")
        found = _gradients((y,), xs, (y.new_ones(()),), True, strict, "hessian")
        return found if several else found[0]

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The output of a scalar function, and v^T H: the product of `v` with its Hessian.

    >>> import facula
    >>> facula.autograd.functional.vhp(lambda x: (x ** 3).sum(), facula.tensor([1., 2.]), facula.tensor([1., 1.]))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        several, xs = _tuple(inputs, "inputs", "vhp")
        vs = _vectors(v, xs, several, "vhp", "the input to the user-provided function is")
        xs = _fresh(xs, create_graph)
        many, ys = _call(func, xs, "vhp")
        y = _scalar(ys, many, "vhp")
        first = _gradients((y,), xs, (y.new_ones(()),), True, strict, "vhp")
        found = _gradients(first, xs, vs, create_graph, strict, "vhp")
        return _given((False, ys), create_graph), _given((several, found), create_graph)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The output of a scalar function, and H v: its Hessian times `v`, by a vjp of a vjp of the gradient.

    >>> import facula
    >>> facula.autograd.functional.hvp(lambda x: (x ** 3).sum(), facula.tensor([1., 2.]), facula.tensor([1., 0.]))
    (tensor(9.), tensor([6., 0.]))
    """
    with enable_grad():
        several, xs = _tuple(inputs, "inputs", "hvp")
        vs = _vectors(v, xs, several, "hvp", "the input to the user-provided function is")
        xs = _fresh(xs, create_graph)
        many, ys = _call(func, xs, "hvp")
        y = _scalar(ys, many, "hvp")
        first = _gradients((y,), xs, (y.new_ones(()),), True, strict, "hvp")
        seeds = tuple(x.new_zeros(x.shape).requires_grad_() for x in xs)
        pulled = _gradients(first, xs, seeds, True, strict, "hvp")
        found = _gradients(pulled, seeds, vs, create_graph)
        return _given((False, ys), create_graph), _given((several, found), create_graph)
