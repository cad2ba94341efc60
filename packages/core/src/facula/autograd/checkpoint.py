"""Checkpointing: forget what a part of the forward kept, and compute it again when backward needs it.

The part runs as usual; then what its nodes kept is dropped. The first of them that backward asks runs the part again and hands
every node what its twin kept. So it works with any engine call (`grad`, `inputs=`, second derivatives), not only `backward`.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from facula.autograd.state import births, enable_grad, no_grad, state
from facula.autograd.tape import FREED, Leaf, Node, writes
from facula.devices import generator
from facula.errors import runtime_error, value_error
from facula.tensors.tensor import Tensor
from facula.tree import tree_leaves as leaves


class CheckpointError(RuntimeError):
    """The second run of a checkpointed part did other things than the first."""


def _nodes(value: Any, since: int) -> list[Node]:
    """The nodes below the tensors in a value that were born after `since`, oldest first."""
    stack = [t.grad_fn for t in leaves(value) if isinstance(t, Tensor) and t.grad_fn is not None]
    seen = set(stack)
    while stack:
        for e in stack.pop().edges:
            if e is not None and type(e) is not Leaf and e.seq >= since and e not in seen:
                seen.add(e)
                stack.append(e)
    return sorted((n for n in seen if type(n) is Node and n.seq >= since), key=lambda n: n.seq)


@contextlib.contextmanager
def _as_then(states: dict[Any, Any] | None, interpreters: list[Any]) -> Iterator[None]:
    """Random streams and interpreters (such as autocast) as they were in the first run."""
    now = {key: g.get_state() for key, g in generator._generators.items()} if states is not None else {}
    hidden, state.interpreters = state.interpreters, interpreters
    state.set_grad(state.grad)
    for key, saved in (states or {}).items():
        generator._generators[key].set_state(saved)
    try:
        yield
    finally:
        state.interpreters = hidden
        state.set_grad(state.grad)
        for key, saved in now.items():
            generator._generators[key].set_state(saved)


class _Part:
    """One checkpointed call: how to run it again, and whose memory it gives back."""

    def __init__(
        self, function: Callable[..., Any], args: Any, kwargs: Any, context: Any, preserve: bool, check: str
    ) -> None:
        self.function, self.args, self.kwargs, self.context, self.check = function, args, kwargs, context, check
        generator.default_generator()
        self.random = {key: g.get_state() for key, g in generator._generators.items()} if preserve else None
        self.interpreters = list(state.interpreters)
        self.versions = [writes(t) for t in leaves((args, kwargs)) if isinstance(t, Tensor)]
        self.nodes: list[Node] = []

    def forget(self, result: Any, since: int) -> None:
        self.nodes = [n for n in _nodes(result, since) if n.kept and n.kept is not FREED]
        self.shapes = [n.shapes for n in self.nodes]
        for i, n in enumerate(self.nodes):
            n.kept = _Forgotten(self, i)

    def run_again(self) -> None:
        """Run the part again, and give each node what its twin of the second run kept."""
        if [writes(t) for t in leaves((self.args, self.kwargs)) if isinstance(t, Tensor)] != self.versions:
            raise runtime_error(
                "checkpoint: one of the arguments has been modified by an inplace operation since the forward. "
                "Clone it before the call, or write out of place."
            )
        since = next(births)
        with _as_then(self.random, self.interpreters), enable_grad(), self.context:
            result = self.function(*self.args, **self.kwargs)
        twins = [n for n in _nodes(result, since) if n.kept]
        if len(twins) != len(self.nodes):
            raise CheckpointError(
                "checkpoint: A different number of tensors was saved during the original forward and recomputation, "
                f"expected {len(self.nodes)} operations, got {len(twins)}. Make the function deterministic."
            )
        for n, twin, shapes in zip(self.nodes, twins, self.shapes, strict=True):
            if self.check != "none" and twin.shapes != shapes:
                raise CheckpointError(
                    f"checkpoint: Recomputed values for {n.op.name} have different metadata than during the forward pass, "
                    f"expected {shapes}, got {twin.shapes}. Make the function deterministic."
                )
            if type(n.kept) is _Forgotten:
                n.kept = twin.kept
                n.version = twin.version  # its own result is the twin's memory from now on
                if twin.version is not None:
                    n.count = twin.count


class _Forgotten:
    """Stands for what a node kept; unpacking it runs the part again."""

    __slots__ = ("index", "part")

    def __init__(self, part: _Part, index: int) -> None:
        self.part, self.index = part, index

    def __iter__(self) -> Iterator[Any]:
        self.part.run_again()
        return iter(self.part.nodes[self.index].kept)


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing: the default of `checkpoint(context_fn=)`."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable[..., Any],
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """Call `function(*args, **kwargs)` without keeping what its backward needs; backward runs it again.

    Random numbers are the same in both runs (`preserve_rng_state`). `use_reentrant=True` differs in PyTorch's way only: no
    keyword arguments, and without an argument that requires grad there is no gradient.
    Errors: ValueError for keyword arguments with use_reentrant=True; CheckpointError if the second run differs.

    >>> import facula
    >>> from facula.utils.checkpoint import checkpoint
    >>> x = facula.tensor([1., 2.], requires_grad=True)
    >>> checkpoint(lambda x: x.exp().exp(), x, use_reentrant=False).sum().backward()
    >>> x.grad
    tensor([   41.1936, 11956.8027])
    """
    if use_reentrant is None:
        warnings.warn(
            "checkpoint: the use_reentrant parameter should be passed explicitly; expected True or False, got None. "
            "use_reentrant=False is recommended.",
            stacklevel=2,
        )
        use_reentrant = True
    if use_reentrant and kwargs:
        raise value_error("Unexpected keyword arguments: " + ",".join(kwargs) + ". Pass them with use_reentrant=False.")
    if use_reentrant and (context_fn is not noop_context_fn or debug):
        raise value_error("Passing `context_fn` or `debug` is only supported when use_reentrant=False. Set it.")
    if determinism_check not in ("default", "none"):
        raise value_error(f"determinism_check should be one of default, none, got {determinism_check}. Use one.")
    if not state.grad:
        return function(*args, **kwargs)
    if use_reentrant and not any(isinstance(t, Tensor) and t.requires_grad for t in args):
        warnings.warn("None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2)
        with no_grad():
            return function(*args)
    first, second = context_fn()
    part = _Part(function, args, kwargs, second, preserve_rng_state, determinism_check)
    since = next(births)
    with first:
        result = function(*args, **kwargs)
    part.forget(result, since)
    return result


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, *, preserve_rng_state: bool = True
) -> Any:
    """Run a sequence of functions in `segments` parts, each of them checkpointed except the last.

    >>> import facula
    >>> from facula.utils.checkpoint import checkpoint_sequential
    >>> x = facula.tensor([1.], requires_grad=True)
    >>> checkpoint_sequential([facula.exp, facula.sin, facula.cos], 2, x, use_reentrant=False)
    tensor([0.9168], grad_fn=<CosBackward0>)
    """
    children: Sequence[Any] = list(functions.children()) if hasattr(functions, "children") else list(functions)
    if use_reentrant is None:
        warnings.warn(
            "checkpoint_sequential: the use_reentrant parameter should be passed explicitly; expected True or False, got None. "
            "use_reentrant=False is recommended.",
            stacklevel=2,
        )
        use_reentrant = True
    size = len(children) // segments
    ends = [size * (i + 1) for i in range(segments - 1)]

    def run(start: int, stop: int) -> Callable[[Any], Any]:
        def forward(x: Any) -> Any:
            for child in children[start:stop]:
                x = child(x)
            return x

        return forward

    start = 0
    for stop in ends:
        input = checkpoint(run(start, stop), input, use_reentrant=use_reentrant, preserve_rng_state=preserve_rng_state)
        start = stop
    return run(start, len(children))(input)
