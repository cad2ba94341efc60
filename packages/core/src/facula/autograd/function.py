"""`Function`: an operation whose backward the user writes. It is a node like any other, with an op-like object of its own."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from facula import dtypes
from facula.autograd.state import births, state
from facula.autograd.tape import FREED, Node, Packed, Pick, keep, recall, spoiled, version_of
from facula.errors import not_implemented_error, runtime_error, type_error
from facula.tensors.inplace import check_writable, write
from facula.tensors.tensor import Tensor, wrap


class FunctionCtx:
    """What `forward` and `backward` of a `Function` share. Any other attribute may be set on it."""

    needs_input_grad: tuple[bool, ...] = ()

    def __init__(self) -> None:
        self._to_save: tuple[Any, ...] = ()
        self._dirty: tuple[Tensor, ...] = ()
        self._constant: tuple[Tensor, ...] = ()
        self._materialize = True
        self._node: Node | None = None  # set while backward runs, so that node and ctx are no cycle

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for `backward`, where `saved_tensors` gives them back."""
        for i, t in enumerate(tensors):
            if not (t is None or isinstance(t, Tensor)):
                raise type_error(
                    f"save_for_backward can only save variables, but argument {i} is of type {type(t).__name__}. "
                    "Set it as an attribute of ctx instead."
                )
        self._to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Accepted for PyTorch's sake: forward-mode derivatives come from `backward` here."""

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Say which inputs `forward` has modified in place; they must be returned."""
        self._dirty = tensors

    def mark_non_differentiable(self, *tensors: Tensor) -> None:
        """Say which results have no gradient."""
        self._constant = tensors

    def set_materialize_grads(self, value: bool) -> None:
        """Whether gradients of unused results come as zeros (the default) or as None."""
        self._materialize = value

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The tensors that `save_for_backward` kept, in its order."""
        node = self._node
        if node is None or node.kept is FREED:
            raise runtime_error(
                "saved_tensors: expected to be asked for during backward, before what was kept is freed, got a call outside. "
                "Read it inside backward, with retain_graph=True if it runs twice."
            )
        return tuple(_remember(node, kept) for kept in node.kept)


class _Result:
    """A kept result: its memory and place, not the tensor itself (which would make a cycle)."""

    __slots__ = ("array", "count", "index", "version")

    def __init__(self, t: Tensor, index: int) -> None:
        self.array, self.index, self.version = t.array, index, version_of(t)
        self.count = self.version.count


def _remember(node: Node, kept: Any) -> Any:
    if not isinstance(kept, _Result):
        return recall(node, "a saved tensor", kept)
    if kept.version.count != kept.count:
        raise spoiled(node, "a saved result", kept.version, kept.count, kept.array)
    t = kept.array.unpack() if type(kept.array) is Packed else wrap(kept.array)
    if node.op.differentiable[kept.index]:
        t.node = Pick(node, kept.index) if node.op.returns else node
    return t


class _Applied:
    """What the engine asks of an op, for one call of a `Function`."""

    array_backward = None
    saved = ("out",)

    def __init__(self, cls: type[Function], ctx: FunctionCtx, returns: bool, differentiable: list[bool]) -> None:
        self.cls, self.ctx, self.returns, self.differentiable = cls, ctx, returns, differentiable
        self.name, self.node_name = cls.__name__, f"{cls.__name__}Backward"
        self.types: tuple[Any, ...] = ()

    def backward(self, node: Node, g: Any) -> tuple[Any, ...]:
        grads = g if type(g) is tuple else (g,)
        if self.ctx._materialize:
            grads = tuple(
                wrap(_zeros(meta)) if x is None and meta is not None else x
                for x, meta in zip(grads, node.metas, strict=True)
            )
        self.ctx._node = node
        try:
            rule = self.cls.vjp if self.cls.vjp is not Function.vjp else self.cls.backward
            found = rule(self.ctx, *grads)
        finally:
            self.ctx._node = None
        return self._checked(node, found if isinstance(found, tuple) else (found,))

    def _checked(self, node: Node, found: tuple[Any, ...]) -> tuple[Any, ...]:
        n = len(node.edges)
        if len(found) < n or any(x is not None for x in found[n:]):
            raise runtime_error(
                f"function {self.node_name} returned an incorrect number of gradients (expected {n}, got {len(found)}). "
                "Return one for each argument of forward, None where there is none."
            )
        return tuple(self._fitting(i, node.shapes[i], x) for i, x in enumerate(found[:n]))

    def _fitting(self, i: int, shape: Any, x: Any) -> Any:
        if x is None:
            return None
        if shape is None:
            raise runtime_error(
                f"function {self.node_name} returned a gradient different from None at position {i + 1}, but the corresponding "
                "forward input was not a Variable. Return None there."
            )
        if not isinstance(x, Tensor):
            raise type_error(
                f"function {self.node_name}: expected a Tensor or None as gradient {i}, got {type(x).__name__}."
            )
        have = x.array.shape
        lead = len(have) - len(shape)
        if lead < 0 or any(n not in (1, have[lead + d]) for d, n in enumerate(shape)):
            raise runtime_error(
                f"Function {self.node_name} returned an invalid gradient at index {i} - got {list(have)} but expected shape "
                f"compatible with {list(shape)}. Return a gradient of the input's shape."
            )
        want = self.types[i]
        return x if x.array.dtype == want or not dtypes.is_differentiable(want) else x.to(dtypes.of(want))


def _zeros(meta: Any) -> Any:
    from facula.devices import base as devices
    from facula.devices.meta import Meta

    shape, dtype, place = meta
    kind = devices.kind(place.type)
    if kind.name == "meta":
        return Meta(shape, dtype)
    return kind.xp.zeros(shape, dtype)


def _record(applied: _Applied, inputs: tuple[Any, ...], outs: list[Any]) -> Node:
    """A node of the tape for one call; its results get their places on it."""
    n = object.__new__(Node)
    n.op, n.attrs = applied, ()
    n.version = n.hooks = None
    n.kept = ()
    n.count = 0
    n.edges = tuple(x.node if isinstance(x, Tensor) and x.requires_grad else None for x in inputs)
    n.seq = next(births)  # after the inputs' places are looked up, since a stale view is replayed then
    n.shapes = tuple(x.array.shape if isinstance(x, Tensor) else None for x in inputs)
    n.metas = tuple((x.array.shape, x.array.dtype, x.device) if isinstance(x, Tensor) else None for x in outs)
    applied.types = tuple(x.array.dtype if isinstance(x, Tensor) else None for x in inputs)
    return n


class Function:
    """An operation with a backward of its own: subclass it, write `forward` and `backward`, call `apply`.

    `forward(ctx, *args)` computes (or `forward(*args)` with `setup_context(ctx, inputs, output)`), `backward(ctx, *grads)`
    returns one gradient for each argument, None where there is none. If it uses differentiable operations, gradients of
    gradients follow.

    >>> import facula
    >>> class Square(facula.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, g):
    ...         (x,) = ctx.saved_tensors
    ...         return 2 * x * g
    >>> x = facula.tensor(3., requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise runtime_error(
            f"{type(self).__name__}: Legacy autograd function with non-static forward method is deprecated, expected apply(), "
            f"got a call of the class. Write {type(self).__name__}.apply(...)."
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """Compute the results; the first argument is `ctx` unless `setup_context` is written."""
        raise not_implemented_error(
            "You must implement the forward function for custom autograd.Function: expected a staticmethod forward, got none."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        """Fill `ctx` after a `forward` that does not take it."""
        raise not_implemented_error(
            "setup_context is not implemented: expected forward(ctx, ...), got a call of it. Write it."
        )

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of all arguments of `forward`, given those of its results."""
        raise not_implemented_error(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Call `forward`, and record the call if a gradient is wanted."""
        if state.interpreters and (found := state.interpreters[-1].applied(cls, args)) is not NotImplemented:
            return found
        ctx = FunctionCtx()
        ctx.needs_input_grad = tuple(isinstance(x, Tensor) and x.requires_grad for x in args)
        recorded = state.grad and any(ctx.needs_input_grad)
        separate = cls.setup_context is not Function.setup_context
        before = state.grad
        state.set_grad(False)
        try:
            found = cls.forward(*args) if separate else cls.forward(ctx, *args)
            if separate:
                cls.setup_context(ctx, args, found)
        finally:
            state.set_grad(before)
        if isinstance(found, tuple):
            return tuple(_attached(cls, ctx, args, list(found), True, recorded))
        return _attached(cls, ctx, args, [found], False, recorded)[0]


def _among(t: Any, group: Any) -> bool:
    """Whether a tensor itself is in a group (== would compare elements)."""
    return any(t is other for other in group)


def _attached(
    cls: type[Function], ctx: FunctionCtx, args: tuple[Any, ...], outs: list[Any], several: bool, recorded: bool
) -> list[Any]:
    """Give the results their place on the tape."""
    if not several and not isinstance(outs[0], Tensor):
        raise type_error(
            f"{cls.__name__}.forward: expected to return a Tensor or a tuple of Tensors, got {type(outs[0]).__name__}. "
            "Return a tuple if there are other values."
        )
    differentiable = [
        isinstance(t, Tensor) and dtypes.is_differentiable(t.array.dtype) and not _among(t, ctx._constant) for t in outs
    ]
    for t in ctx._dirty:
        if not _among(t, outs):
            raise runtime_error(
                f"{cls.__name__}.forward: expected every tensor marked dirty to be returned, got one that is not."
            )
        if recorded:
            check_writable(t, True, cls.__name__)
    if not recorded:
        return [
            t.detach() if isinstance(t, Tensor) and _among(t, args) and not _among(t, ctx._dirty) else t for t in outs
        ]
    applied = _Applied(cls, ctx, several, differentiable)
    node = _record(applied, args, outs)
    results = []
    for i, t in enumerate(outs):
        if differentiable[i]:
            place = Pick(node, i) if several else node
            results.append(_placed(t, place, cls.__name__, _among(t, args), _among(t, ctx._dirty)))
        else:
            results.append(t.detach() if isinstance(t, Tensor) and _among(t, args) else t)
    node.kept = tuple(_saved(t, outs, results) for t in ctx._to_save)
    for interpreter in state.interpreters:
        interpreter.recorded(node)
    ctx._to_save = ctx._dirty = ctx._constant = ()
    return results


def _placed(t: Tensor, place: Any, name: str, is_input: bool, dirty: bool) -> Tensor:
    if dirty:
        value = wrap(t.array.copy())
        value.node = place
        return write(t, value, name)
    if is_input or t.root is not None:
        t = t.detach()
    t.node = place
    return t


def _saved(t: Any, outs: list[Any], results: list[Any]) -> Any:
    for i, out in enumerate(outs):
        if t is out:
            return _Result(results[i], i)
    return None if t is None else keep(t)


def once_differentiable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a `backward` that must not be differentiated: gradients of its gradients raise.

    >>> import facula
    >>> from facula.autograd.function import once_differentiable
    >>> class Twice(facula.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return x * 2
    ...     @staticmethod
    ...     @once_differentiable
    ...     def backward(ctx, g):
    ...         return g * 2
    >>> x = facula.ones(2, requires_grad=True)
    >>> facula.autograd.grad(Twice.apply(x).sum(), x)
    (tensor([2., 2.]),)
    """

    @functools.wraps(function)
    def wrapped(ctx: Any, *grads: Any) -> Any:
        recorded = state.grad and any(isinstance(g, Tensor) and g.requires_grad for g in grads)
        before = state.grad
        state.set_grad(False)
        try:
            found = function(ctx, *grads)
        finally:
            state.set_grad(before)
        if not recorded:
            return found
        several = isinstance(found, tuple)
        outs = list(found) if several else [found]
        applied = _Applied(_Refused, FunctionCtx(), True, [isinstance(t, Tensor) for t in outs])
        node = _record(applied, grads, outs)
        for i, t in enumerate(outs):
            if isinstance(t, Tensor):
                outs[i] = t.detach()
                outs[i].node = Pick(node, i)
        return tuple(outs) if several else outs[0]

    return wrapped


class _Refused(Function):
    """Stands on the tape for a backward that is differentiable once."""

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        raise runtime_error(
            "trying to differentiate twice a function that was marked with @once_differentiable. "
            "Write its backward with differentiable operations and leave the mark away."
        )
