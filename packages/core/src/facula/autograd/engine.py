"""Backward: walk the nodes below the outputs in falling order of birth, and add up what flows into each leaf.

Without `create_graph` gradients are raw arrays wherever a record has an array formula, and accumulate in place once the
engine owns them; with it they are tensors and every vjp is itself recorded.
"""

from __future__ import annotations

import operator
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd.state import state
from facula.autograd.tape import FREED, GradientEdge, Leaf, Node, Pick, current
from facula.devices import base as devices
from facula.errors import runtime_error, type_error
from facula.tensors.tensor import Tensor, wrap

_birth = operator.attrgetter("seq")


def _below(starts: Iterable[Any]) -> list[Any]:
    """All nodes that can be reached, youngest first, leaves last."""
    nodes = set(starts)
    stack = list(nodes)
    while stack:
        for e in stack.pop().edges:
            if e is not None and e not in nodes:
                nodes.add(e)
                stack.append(e)
    return sorted(nodes, key=_birth, reverse=True)


def _broadcast_dims(have: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions that broadcasting `shape` to `have` had added or stretched."""
    lead = len(have) - len(shape)
    return (*range(lead), *[i + lead for i, n in enumerate(shape) if n == 1 and have[i + lead] != 1])


def _unbroadcast_array(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum an array over the dimensions that broadcasting to its shape had added or stretched."""
    return g.sum(axis=_broadcast_dims(g.shape, shape), keepdims=True).reshape(shape)


def unbroadcast(g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """`_unbroadcast_array` for tensors, recorded."""
    out: Tensor = g.sum(_broadcast_dims(g.array.shape, shape), keepdim=True).reshape(shape)
    return out


def _check_gradient(output: Tensor, gradient: Any, name: str) -> Tensor:
    """The gradient to start from; ones for a scalar output."""
    if gradient is None:
        if type(output) is GradientEdge:
            raise runtime_error(
                f"{name}: grad can be implicitly created only for scalar outputs, got an edge, whose shape is not known. Pass a gradient."
            )
        if output.array.size != 1:
            raise runtime_error(
                f"{name}: grad can be implicitly created only for scalar outputs, got shape {tuple(output.shape)}. "
                "Reduce it first, e.g. with .sum()."
            )
        return output.new_ones(output.shape) if output.is_meta else _ones_like(output)
    if not isinstance(gradient, Tensor):
        raise type_error(
            f"{name}: gradients can be either Tensors or None, but got {type(gradient).__name__}. Convert it with facula.as_tensor()."
        )
    if gradient.array.shape != output.array.shape:
        raise runtime_error(
            f"{name}: Mismatch in shape: expected a gradient of shape {tuple(output.shape)}, got {tuple(gradient.shape)}. Give one number per output element."
        )
    return gradient


def _tensor(g: Any) -> Tensor:
    """A gradient that flows as an array, as a tensor; a sparse one knows its own."""
    return wrap(g) if type(g) is np.ndarray or not hasattr(g, "tensor") else g.tensor


def _ones_like(output: Tensor) -> Tensor:
    return wrap(devices.kind_of(output.array).xp.ones(output.array.shape, output.array.dtype))


def _node_of(t: Any) -> Any:
    """The place on the tape that a tensor or an edge means."""
    if type(t) is not GradientEdge:
        return current(t).node
    return Pick(t.node, t.output_nr) if type(t.node) is Node and t.node.op.returns else t.node


def _hooked(node: Any, g: Any) -> Any:
    """Run the hooks on a gradient (a Tensor) that has arrived, in order of registration."""
    for kind, hook in list(node.hooks.values()):
        if kind == "before":
            new = hook((g,))
            g = g if new is None else new[0]
        elif kind == "retain":
            target = hook()
            if target is not None:
                kept = g.detach().clone() if not state.grad else g
                target.grad = kept if target.grad is None else target.grad + kept
        elif kind == "tensor":
            new = hook(g)
            if new is not None:
                g = new
    return g


def _run(
    roots: Sequence[Any],
    seeds: Sequence[Tensor],
    retain: bool,
    create_graph: bool,
    wanted: set[Any] | None,
    sink: Callable[..., None],
) -> None:
    """The loop. `sink(node, gradient, owned)` gets what arrives at leaves, and at the nodes in `wanted`."""
    table: dict[Any, Any] = {}
    owned: set[Any] = set()
    order = _below(roots)
    needed = None if wanted is None else _towards(order, wanted)
    goals = None if needed is None or wanted is None else needed | wanted
    for root, seed in zip(roots, seeds, strict=True):
        g = seed if create_graph else seed.array
        table[root] = table[root] + g if root in table else g
    state.running = order, goals
    step: Callable[..., Any] = _step
    for interpreter in state.interpreters:
        step, sink = interpreter.around_backward(step, sink)
    for n in order:
        g = table.pop(n, None)
        if g is None:
            continue
        kind = type(n)
        if n.hooks and not (kind is Node and n.op.returns):  # with several results the hooks hang on its picks
            t = _hooked(n, g if create_graph else _tensor(g))
            g = t if create_graph else t.array
            owned.discard(n)
        if kind is Leaf:
            sink(n, g, n in owned)
            continue
        if wanted is not None and n in wanted:
            sink(n, g, False)
        if needed is not None and n not in needed:
            continue
        if kind is Pick:
            slots = table.get(n.parent)
            if slots is None:
                slots = table[n.parent] = [None] * len(n.parent.metas)
            slots[n.index] = g
            continue
        if n.kept is FREED:
            raise runtime_error(
                f"{n.op.name}: Trying to backward through the graph a second time, but what it kept has been freed. Pass retain_graph=True the first time."
            )
        if n.hooks and type(g) is list:
            g = _several_hooked(n, g, create_graph)
        results = step(n, g, create_graph)
        if not retain and n.kept:
            n.kept = FREED
        _spread(n, g, results, table, owned, goals, create_graph)


def _step(n: Any, g: Any, create_graph: bool) -> Any:
    """Call a node's backward; arrays in and out unless a graph is made."""
    op = n.op
    if type(g) is list:
        g = tuple(g)
    if create_graph:
        results = op.backward(n, g)
        return _node_hooks(n, results, g) if n.hooks else results
    backward = op.array_backward
    first = next(x for x in g if x is not None) if type(g) is tuple else g
    if (
        backward is not None
        and first.dtype.kind == "f"
        and first.dtype.itemsize > 2
        and hasattr(first, "astype")
        and not state.interpreters
    ):
        results = backward(n, g)
    else:
        tensors = tuple(None if x is None else wrap(x) for x in g) if type(g) is tuple else wrap(g)
        results = tuple(r.array if isinstance(r, Tensor) else r for r in op.backward(n, tensors))
    if n.hooks:
        tensors = tuple(None if x is None else wrap(x) for x in g) if type(g) is tuple else wrap(g)
        results = _node_hooks(n, tuple(None if r is None else wrap(r) for r in results), tensors)
        results = tuple(None if r is None else r.array for r in results)
    return results


def _several_hooked(n: Any, gradients: list[Any], create_graph: bool) -> list[Any]:
    """Run the hooks before a node of several results, on the gradients of all of them."""
    tensors = tuple(g if g is None or create_graph else _tensor(g) for g in gradients)
    for kind, hook in list(n.hooks.values()):
        if kind == "before":
            tensors = hook(tensors) or tensors
    return [t if t is None or create_graph else t.array for t in tensors]


def _node_hooks(n: Any, results: Any, g: Any) -> Any:
    for kind, hook in list(n.hooks.values()):
        if kind == "node":
            new = hook(tuple(results), g if type(g) is tuple else (g,))
            results = results if new is None else new
    return results


def _spread(
    n: Any, g: Any, results: Any, table: dict[Any, Any], owned: set[Any], goals: Any, create_graph: bool
) -> None:
    """Add a node's results to what its edges have so far."""
    edges = n.edges
    for k, target in enumerate(edges):
        if target is None:
            continue
        ng = results[k]
        if ng is None or (goals is not None and target not in goals):
            continue
        if create_graph:
            if ng.array.shape != n.shapes[k]:
                ng = unbroadcast(ng, n.shapes[k])
            have = table.get(target)
            table[target] = ng if have is None else have + ng
            continue
        fresh = ng is not g
        if ng.shape != n.shapes[k]:
            ng = (
                _unbroadcast_array(ng, n.shapes[k])
                if hasattr(ng, "astype")
                else unbroadcast(wrap(ng), n.shapes[k]).array
            )
        have = table.get(target)
        if have is None:
            table[target] = ng
            base = getattr(ng, "base", 0)
            whole = base is None or (type(base) is np.ndarray and base.size == ng.size and _only_view(ng, base))
            if fresh and whole and not (k and any(ng is r for r in results[:k])):
                owned.add(target)
        elif target in owned and type(have) is np.ndarray and have.dtype == ng.dtype:
            np.add(have, ng, out=have)
        elif hasattr(have, "astype"):
            table[target] = np.asarray(have + ng) if type(have) is np.ndarray else have + ng
            owned.add(target)
        else:
            table[target] = (wrap(have) + wrap(ng)).array


_KNOWN = 4  # references to an owner of which there is one view: the view's, the caller's and the check's names, the count's own


def _only_view(array: Any, base: Any) -> bool:
    """Whether an array is all that knows the owner of its memory, which it covers: nobody else sees it."""
    return base.base is None and array.flags.writeable and sys.getrefcount(base) <= _KNOWN


def _towards(order: list[Any], wanted: set[Any]) -> set[Any]:
    """The nodes above a wanted one; a wanted one only if another lies below it."""
    reaching: set[Any] = set()
    useful = set(wanted)
    for n in reversed(order):
        if any(e in useful for e in n.edges if e is not None):
            reaching.add(n)
            useful.add(n)
    return reaching


def _accumulate(leaf: Leaf, g: Any, owned: bool, create_graph: bool) -> None:
    """Add a gradient to `.grad` of a leaf's tensor."""
    t = leaf.tensor()
    if t is None:
        return
    if create_graph:
        t.grad = g if t.grad is None else t.grad + g
    else:
        if g.dtype != t.array.dtype:
            g, owned = g.astype(t.array.dtype), True
        if t.grad is None:
            if not owned or (type(g) is np.ndarray and (not g.flags.c_contiguous or not g.flags.writeable)):
                g = g.copy()
            t.grad = _tensor(g)
        elif type(t.grad.array) is np.ndarray and t.grad.node is None:
            np.add(t.grad.array, g, out=t.grad.array)
            if t.grad.version is not None:
                t.grad.version.count += 1
        else:
            t.grad = _tensor(g) + t.grad
    if leaf.hooks:
        _node_hooks(leaf, (), g if create_graph else _tensor(g))
    if leaf.post_hooks:
        for hook in list(leaf.post_hooks.values()):
            hook(t)


def _where(name: str) -> str:
    return "with create_graph=True if it is a gradient" if name == "grad" else "outside of no_grad()"


def _starts(outputs: Sequence[Tensor], gradients: Sequence[Any], name: str) -> tuple[list[Any], list[Tensor]]:
    roots, seeds = [], []
    for output, gradient in zip(outputs, gradients, strict=True):
        node = _node_of(output)
        if node is None:
            raise runtime_error(
                f"{name}: element 0 of tensors does not require grad and does not have a grad_fn. Compute it from tensors that require grad, {_where(name)}."
            )
        roots.append(node)
        if type(output) is GradientEdge and isinstance(gradient, Tensor):
            seeds.append(gradient)
        else:
            seeds.append(_check_gradient(output, gradient, name))
    return roots, seeds


class _quiet:
    """Gradients of the backward itself are recorded only with create_graph; NumPy's warnings are off."""

    def __init__(self, create_graph: bool) -> None:
        self.create_graph, self.errors = create_graph, np.errstate(all="ignore")

    def __enter__(self) -> None:
        self.before, self.running = state.grad, state.running
        state.set_grad(self.create_graph)
        self.errors.__enter__()

    def __exit__(self, *exc: Any) -> None:
        self.errors.__exit__(*exc)
        state.running = self.running
        state.set_grad(self.before)


def _list(value: Any) -> list[Any]:
    one = isinstance(value, (Tensor, GradientEdge)) or not hasattr(value, "__iter__")
    return [value] if one else list(value)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Add the gradients of `tensors` to `.grad` of all leaves below them, or of `inputs` only.

    >>> import facula
    >>> x = facula.tensor([1., 2.], requires_grad=True)
    >>> facula.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    outputs = _list(tensors)
    gradients = [None] * len(outputs) if grad_tensors is None else _list(grad_tensors)
    roots, seeds = _starts(outputs, gradients, "backward")
    retain = create_graph if retain_graph is None else retain_graph
    wanted = None
    if inputs is not None:
        chosen = _list(inputs)
        if not chosen:
            raise runtime_error(
                "backward: `inputs` argument to backward cannot be empty. Leave it out, or name at least one tensor."
            )
        nodes = [_node_of(t) for t in chosen]
        if None in nodes:
            raise runtime_error(
                "backward: One of the differentiated Tensors does not require grad. Call requires_grad_() on it before the forward."
            )
        wanted = set(nodes)
        non_leaf = {n: t for n, t in zip(nodes, chosen, strict=True) if isinstance(t, Tensor)}

    def sink(node: Any, g: Any, owned: bool) -> None:
        if type(node) is Leaf:
            if wanted is None or node in wanted:
                _accumulate(node, g, owned, create_graph)
        elif node in non_leaf:
            t = non_leaf[node]
            g = g if create_graph else _tensor(g.copy())
            t.grad = g if t.grad is None else t.grad + g

    with _quiet(create_graph):
        try:
            _run(roots, seeds, retain, create_graph, wanted, sink)
            for callback in state.after_backward:
                callback()
        finally:
            state.after_backward.clear()


def _stacked(rows: Sequence[Tensor]) -> Tensor:
    """Tensors along a new first dimension, by recorded writes (the engine knows no op)."""
    out: Tensor = rows[0].new_empty((len(rows), *rows[0].shape))
    for i, row in enumerate(rows):
        out[i] = row
    return out


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor | None, ...]:
    """Gradients of `outputs` with respect to `inputs`: sum over outputs of grad_output * d output / d input.

    Errors: RuntimeError if an input does not require grad, or is not used and `allow_unused` is false.

    >>> import facula
    >>> x = facula.tensor(3., requires_grad=True)
    >>> facula.autograd.grad(x * x, x)
    (tensor(6.),)
    """
    outs, ins = _list(outputs), _list(inputs)
    gradients = [None] * len(outs) if grad_outputs is None else _list(grad_outputs)
    if is_grads_batched:
        rows = [
            grad(outs, ins, [None if g is None else g[i] for g in gradients], True, create_graph, True)
            for i in range(len(next(g for g in gradients if g is not None)))
        ]
        return tuple(None if column[0] is None else _stacked(column) for column in zip(*rows, strict=True))
    roots, seeds = _starts(outs, gradients, "grad")
    nodes = [_node_of(t) for t in ins]
    if None in nodes:
        raise runtime_error(
            "grad: One of the differentiated Tensors does not require grad. Call requires_grad_() on it before the forward."
        )
    found: dict[Any, Any] = {}

    def sink(node: Any, g: Any, owned: bool) -> None:
        if node in wanted:
            found[node] = g if tensors else _tensor(g if owned else g.copy())

    wanted = set(nodes)
    tensors = create_graph or any(i.batches for i in state.interpreters)
    with _quiet(create_graph):
        _run(roots, seeds, create_graph if retain_graph is None else retain_graph, tensors, wanted, sink)
    results: list[Tensor | None] = []
    for t, node in zip(ins, nodes, strict=True):
        g = found.get(node)
        if g is None:
            if not (allow_unused or materialize_grads):
                raise runtime_error(
                    "grad: One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the desired behavior."
                )
            g = t.new_zeros(t.shape) if materialize_grads else None
        elif isinstance(t, Tensor) and g.array.dtype != t.array.dtype and dtypes.is_differentiable(t.array.dtype):
            g = g.to(t.dtype)
        results.append(g)
    return tuple(results)
