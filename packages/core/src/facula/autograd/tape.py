"""The tape: who made a tensor (`Node`), where a gradient ends (`Leaf`), what was kept for backward and if it is still true.

`tensor.node` says all: None (no gradient wanted), a `Leaf`, a `Node`, or a `Pick` (one of several results of a node).
"""

from __future__ import annotations

import weakref
from typing import Any, NamedTuple

from facula.autograd.state import state
from facula.errors import runtime_error, type_error


class Version:
    """The write counter of one storage, shared by all tensors over it, with the name of the last writer."""

    __slots__ = ("count", "writer")

    def __init__(self) -> None:
        self.count, self.writer = 0, ""


class Hooked:
    """What all nodes of the tape have: hooks around their backward, and a place for notes."""

    __slots__ = ("hooks", "notes")
    hooks: dict[int, Any] | None
    notes: dict[Any, Any]

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Call `hook(grad_inputs, grad_outputs)` after this node's backward; a tuple it returns replaces grad_inputs."""
        return self._register("node", hook)

    def register_prehook(self, hook: Any) -> RemovableHandle:
        """Call `hook(grad_outputs)` before this node's backward; a tuple it returns replaces them."""
        return self._register("before", hook)

    def _register(self, kind: str, hook: Any) -> RemovableHandle:
        if self.hooks is None:
            self.hooks = {}
        return RemovableHandle(self.hooks, (kind, hook))

    @property
    def metadata(self) -> dict[Any, Any]:
        """Notes that a program keeps with this node."""
        if not hasattr(self, "notes"):
            self.notes = {}
        return self.notes


class Node(Hooked):
    """One recorded call: where gradients go (`edges`) and what the op's vjp named (`kept`).

    `version` is the counter of its result's storage once there is one, `count` what it stood at when the result was kept.
    """

    __slots__ = (
        "__weakref__", "attrs", "count", "edges", "kept", "metas", "op", "pick_hooks", "seq", "shapes", "version",
    )  # fmt: skip

    op: Any
    edges: tuple[Any, ...]
    kept: Any
    attrs: tuple[Any, ...]
    shapes: tuple[Any, ...]
    metas: tuple[Any, ...]
    seq: int
    version: Any  # a `Version`, a list of them for several results, or None
    count: int
    hooks: dict[int, Any] | None
    pick_hooks: dict[int, dict[int, Any] | None]

    def name(self) -> str:
        from facula.autograd.node_names import node_name

        return node_name(self)

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        """The nodes that this one's gradients go to, each with the index of the result meant there."""
        return tuple((e.parent, e.index) if type(e) is Pick else (e, 0) for e in self.edges)

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class Pick:
    """The place on the tape of result `index` of a node with several results.

    A node that kept its own result makes a new one when it is recalled: equal ones are one place, so that what flows into them
    is added up. They are as old as the node, and come before it in backward.
    """

    __slots__ = ("__weakref__", "index", "parent", "seq")

    def __init__(self, parent: Node, index: int) -> None:
        self.parent, self.index, self.seq = parent, index, parent.seq + 0.5

    def __eq__(self, other: object) -> bool:
        return type(other) is Pick and other.parent is self.parent and other.index == self.index

    def __hash__(self) -> int:
        return hash((id(self.parent), self.index))

    @property
    def hooks(self) -> dict[int, Any] | None:
        found: dict[int, Any] | None = getattr(self.parent, "pick_hooks", {}).get(self.index)
        return found

    @hooks.setter
    def hooks(self, hooks: dict[int, Any] | None) -> None:
        if not hasattr(self.parent, "pick_hooks"):
            self.parent.pick_hooks = {}
        self.parent.pick_hooks[self.index] = hooks

    @property
    def edges(self) -> tuple[Node]:
        return (self.parent,)

    @property
    def op(self) -> Any:
        return self.parent.op

    @property
    def next_functions(self) -> tuple[tuple[Any, int], ...]:
        return self.parent.next_functions

    def name(self) -> str:
        return self.parent.name()

    def register_hook(self, hook: Any) -> RemovableHandle:
        return self.parent.register_hook(hook)

    def register_prehook(self, hook: Any) -> RemovableHandle:
        return self.parent.register_prehook(hook)

    @property
    def metadata(self) -> dict[Any, Any]:
        return self.parent.metadata

    def __repr__(self) -> str:
        return f"<{self.name()}>"


class Leaf(Hooked):
    """The end of an edge. Weak, so that a tensor and its leaf are no cycle."""

    __slots__ = ("__weakref__", "post_hooks", "tensor")
    seq = -1
    edges = ()
    next_functions = ()

    def __init__(self, tensor: Any) -> None:
        self.tensor = weakref.ref(tensor)
        self.hooks: dict[int, Any] | None = None
        self.post_hooks: dict[int, Any] | None = None

    @property
    def variable(self) -> Any:
        return self.tensor()

    def name(self) -> str:
        return "AccumulateGrad"

    def __repr__(self) -> str:
        return "<AccumulateGrad>"


class GradientEdge(NamedTuple):
    """A place on the tape without its tensor: a node and which of its results is meant."""

    node: Any
    output_nr: int
    ownership_token: Any = None


class RemovableHandle:
    """What registering a hook returns; `remove()` (or leaving its `with` block) takes the hook away.

    >>> import facula
    >>> x = facula.ones(2, requires_grad=True)
    >>> with x.register_hook(lambda g: 2 * g):
    ...     x.sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    next_id = 0

    def __init__(self, hooks: dict[int, Any], hook: Any) -> None:
        self.id = RemovableHandle.next_id
        RemovableHandle.next_id += 1
        self._hooks = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        """Take the hook away; a second call does nothing."""
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


class Fence:
    """A step of a view's path that moves nothing, but forbids recorded writes into the view and into what lies under it."""

    __slots__ = ("reason",)

    def __init__(self, reason: str) -> None:
        self.reason = reason

    def refusal(self, writer: str, what: str) -> RuntimeError:
        return runtime_error(f"{writer}: {what} modified inplace, but {self.reason}")

    def __call__(self, t: Any) -> Any:
        """Asked for on the way from a root that was written: the view has no gradient that all would agree on."""
        raise self.refusal("view", "this view's base or another view of its base has been")


_no_grad = Fence(
    "the view was created in no_grad mode. This use case is ambiguous, so it is forbidden. "
    "Create the view and write in no_grad mode both, or outside of it both."
)
_several = Fence(
    "the view is the output of a function that returns multiple views, and these do not allow it. "
    "Write out of place, or index the tensor instead."
)
UNRECORDED, ONE_OF_SEVERAL = (_no_grad, ()), (_several, ())


def one_of_several(views: tuple[Any, ...]) -> tuple[Any, ...]:
    """Mark views that one call returned: none of them may be written while gradients are recorded."""
    for v in views:
        if v.root is not None:
            v.path = (*v.path, ONE_OF_SEVERAL)
    return views


FREED = object()  # stands in a node's `kept` once backward has used it


def version_of(t: Any) -> Version:
    """The counter of the storage under `t`; made on first need, since most tensors are never written."""
    while t.root is not None:
        t = t.root
    version: Version | None = t.version
    if version is None:
        version = t.version = Version()
        if type(t.node) is Node:
            t.node.version, t.node.count = version, 0
        elif type(t.node) is Pick and _holds(t.node):
            t.node.parent.version, t.node.parent.count = [*(t.node.parent.version or ()), version], 0
    return version


def _holds(place: Pick) -> bool:
    """Whether a node keeps this one of its results for the gradient."""
    keeps = getattr(place.parent.op, "keeps", None)
    return keeps is None or place.index in keeps


def writes(t: Any) -> int:
    """How often the storage under `t` has been written."""
    version = t.version if t.root is None else t.root.version
    return 0 if version is None else version.count


def keep(t: Any) -> tuple[Any, int]:
    """Remember a tensor for backward, with the count of writes at this moment."""
    return t, writes(t)


def spoiled(node: Node, name: str, version: Version, count: int, array: Any) -> RuntimeError:
    """The error for a kept tensor over `array` that was written since."""
    shape = getattr(array[0] if isinstance(array, tuple) else array, "shape", "packed")
    late = (version.writer or "").endswith(".step")
    fix = "Call backward() before that" if late else f"Write into a copy of this {shape} tensor"
    return runtime_error(
        f"{node.op.name}: kept `{name}` for its gradient, but `{version.writer}` has modified it by an inplace operation since "
        f"(version {version.count}, expected {count}). {fix}."
    )


class Packed:
    """What a hook of `graph.saved_tensors_hooks` made of a kept tensor, and the tensor's place on the tape."""

    __slots__ = ("hook", "node", "value")

    def __init__(self, value: Any, hook: Any, node: Any) -> None:
        self.value, self.hook, self.node = value, hook, node

    def unpack(self) -> Any:
        t = self.hook(self.value)
        if not hasattr(t, "detach"):
            raise type_error(
                f"Output of saved tensor unpack_hook expected to be a Tensor but got result of type {type(t).__name__}. Return a tensor."
            )
        t = t.detach()
        t.node = self.node
        return t


def recall(node: Node, name: str, kept: Any) -> Any:
    """Give a kept tensor (or Python number) back, or say which write spoiled it."""
    if type(kept) is not tuple:
        return kept.unpack() if type(kept) is Packed else kept
    t, count = kept
    if writes(t) != count:
        raise spoiled(node, name, version_of(t), count, t.array)
    return t


def recall_array(node: Node, name: str, kept: Any) -> Any:
    if type(kept) is not tuple:
        return kept.unpack().array if type(kept) is Packed else kept
    t, count = kept
    if writes(t) != count:
        raise spoiled(node, name, version_of(t), count, t.array)
    return t.array


def recall_out_array(node: Node, array: Any) -> Any:
    """A node keeps its own result as memory only (no cycle)."""
    if type(array) is Packed:
        return array.unpack().array
    if type(node.version) is list:  # of several results, none written when they were kept
        for version in node.version:
            if version.count:
                raise spoiled(node, "out", version, 0, array)
    elif node.version is not None and node.version.count != node.count:
        raise spoiled(node, "out", node.version, node.count, array)
    if type(array) is tuple and any(type(a) is Packed for a in array):
        return tuple(None if a is None else a.unpack().array for a in array)
    return array


def move_retained(t: Any, old: Any, new: Any) -> None:
    """What `retain_grad` asked of a tensor holds for its new place on the tape."""
    for key, (kind, hook) in list((old.hooks or {}).items()):
        if kind == "retain" and hook() is t and new is not None:
            del old.hooks[key]
            new.hooks = {**(new.hooks or {}), key: (kind, hook)}


def current(t: Any) -> Any:
    """A view whose storage was written since takes its place on the tape from the root again."""
    root = t.root
    if root is not None and root.root is not None:  # a view op in place made the root a view of what it was
        root = t.root = root.root
    if root is not None and root.version is not None and t.seen != root.version.count:
        if root.node is not None:
            # Recorded whatever the mode and unseen by interpreters: the view is a fact of the graph, not of this moment.
            hidden, grad = state.interpreters, state.grad
            state.interpreters = []
            state.set_grad(True)
            try:
                step = root
                for op, attrs in t.path:
                    step = op(step, *attrs)
                if t.node is not None and t.node.hooks:
                    move_retained(t, t.node, step.node)
                t.node = step.node
            finally:
                state.interpreters = hidden
                state.set_grad(grad)
        t.seen = root.version.count
    return t
