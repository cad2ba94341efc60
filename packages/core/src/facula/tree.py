"""Nested dicts, lists and tuples as one flat list of leaves, and back.

Containers are dict, OrderedDict, defaultdict, list, tuple and named tuples; all else is a leaf, None included.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from facula.errors import value_error

__all__ = ["TreeSpec", "tree_flatten", "tree_leaves", "tree_map", "tree_structure", "tree_unflatten"]

_LEAF, _LIST, _TUPLE, _NAMED, _DICT = "*", "list", "tuple", "namedtuple", "dict"


@dataclass(frozen=True, slots=True)
class TreeSpec:
    """The shape of a tree: what its nodes are and how many leaves hang below each."""

    kind: str
    type: type
    keys: tuple[Any, ...] = ()
    children: tuple[TreeSpec, ...] = ()
    factory: Callable[[], Any] | None = None
    num_leaves: int = 1

    def __repr__(self) -> str:
        if self.kind == _LEAF:
            return "*"
        if self.kind == _DICT:
            inside = ", ".join(f"{key!r}: {child!r}" for key, child in zip(self.keys, self.children, strict=True))
            return f"{{{inside}}}" if self.type is dict else f"{self.type.__name__}({{{inside}}})"
        inside = ", ".join(map(repr, self.children))
        if self.kind == _LIST:
            return f"[{inside}]"
        if self.kind == _NAMED:
            return f"{self.type.__name__}({inside})"
        return f"({inside},)" if len(self.children) == 1 else f"({inside})"


_LEAF_SPEC = TreeSpec(_LEAF, object)


def _kind(tree: Any) -> str:
    cls = type(tree)
    if cls is list:
        return _LIST
    if cls is tuple:
        return _TUPLE
    if cls in (dict, OrderedDict, defaultdict):
        return _DICT
    if isinstance(tree, tuple) and hasattr(cls, "_fields"):
        return _NAMED
    return _LEAF


def _flatten(tree: Any, leaves: list[Any], is_leaf: Callable[[Any], bool] | None) -> TreeSpec:
    kind = _LEAF if is_leaf is not None and is_leaf(tree) else _kind(tree)
    if kind == _LEAF:
        leaves.append(tree)
        return _LEAF_SPEC
    keys = tuple(tree) if kind == _DICT else ()
    values = tree.values() if kind == _DICT else tree
    before = len(leaves)
    children = tuple([_flatten(value, leaves, is_leaf) for value in values])
    return TreeSpec(kind, type(tree), keys, children, getattr(tree, "default_factory", None), len(leaves) - before)


def _build(spec: TreeSpec, leaves: Iterable[Any]) -> Any:
    """The tree of `spec`, its leaves taken from an iterator in order."""
    if spec.kind == _LEAF:
        return next(iter(leaves))
    values = [_build(child, leaves) for child in spec.children]
    if spec.kind == _LIST:
        return values
    if spec.kind == _TUPLE:
        return tuple(values)
    if spec.kind == _NAMED:
        return spec.type(*values)
    pairs = zip(spec.keys, values, strict=True)
    return defaultdict(spec.factory, pairs) if spec.type is defaultdict else spec.type(pairs)


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves of `tree`, in order, and the spec that puts them back.

    `is_leaf` stops the descent where it returns True.

    >>> leaves, spec = tree_flatten({"a": 1, "b": (2, [3])})
    >>> leaves, spec
    ([1, 2, 3], {'a': *, 'b': (*, [*])})
    >>> tree_unflatten(leaves, spec)
    {'a': 1, 'b': (2, [3])}
    """
    leaves: list[Any] = []
    spec = _flatten(tree, leaves, is_leaf)
    return leaves, spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of `treespec` with these leaves; ValueError if their number differs.

    >>> tree_unflatten([1, 2], tree_structure((0, [0])))
    (1, [2])
    """
    given = list(leaves)
    if len(given) != treespec.num_leaves:
        raise value_error(
            f"tree_unflatten: expected {treespec.num_leaves} leaves for {treespec!r}, got {len(given)}. "
            "Pass as many leaves as tree_flatten returned."
        )
    return _build(treespec, iter(given))


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves of `tree`, in order.

    >>> tree_leaves([1, (2, {"x": 3})])
    [1, 2, 3]
    """
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The spec of `tree` alone.

    >>> tree_structure([1, (2,)])
    [*, (*,)]
    """
    return tree_flatten(tree, is_leaf)[1]


def _is_built_as(tree: Any, spec: TreeSpec) -> bool:
    cls: Any = type(tree)
    if cls is not spec.type or len(tree) != len(spec.children):
        return False
    return spec.kind != _DICT or set(tree) == set(spec.keys)


def _align(spec: TreeSpec, tree: Any, leaves: list[Any]) -> None:
    """Append the subtrees of `tree` that stand where `spec` has leaves."""
    if spec.kind == _LEAF:
        leaves.append(tree)
        return
    if not _is_built_as(tree, spec):
        raise value_error(
            f"tree_map: expected every tree to be built as {spec!r}, got {tree!r}. "
            "Give trees of the same containers, lengths and keys."
        )
    values = [tree[key] for key in spec.keys] if spec.kind == _DICT else tree
    for child, value in zip(spec.children, values, strict=True):
        _align(child, value, leaves)


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The tree of `func` applied to each leaf of `tree`, and to what stands at its place in each of `rests`.

    >>> tree_map(lambda x, y: x + y, {"a": 1, "b": [2]}, {"b": [20], "a": 10})
    {'a': 11, 'b': [22]}
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    columns: list[list[Any]] = [leaves]
    for rest in rests:
        column: list[Any] = []
        _align(spec, rest, column)
        columns.append(column)
    return _build(spec, iter([func(*row) for row in zip(*columns, strict=True)]))
