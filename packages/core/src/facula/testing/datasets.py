"""`check_dataset`: what a loader expects of a dataset."""

from __future__ import annotations

import itertools
from typing import Any

from facula.testing.comparison import assert_close
from facula.tree import tree_flatten


def _same(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, tuple | list | dict):
        (first, kind), (second, other) = tree_flatten(a), tree_flatten(b)
        return kind == other and all(map(_same, first, second))
    try:
        assert_close(a, b, equal_nan=True)
    except AssertionError:
        return False
    except TypeError:  # neither tensors nor numbers: texts, pictures, ...
        if type(a) is not type(b):
            return False
        return bool(a == b) if a.__class__.__eq__ is not object.__dict__["__eq__"] else True
    return True


def _structure(item: Any) -> str:
    leaves, spec = tree_flatten(item)
    return f"{spec!r} of {[type(x).__name__ for x in leaves]}"


def _check_items(name: str, items: list[Any]) -> None:
    for i, item in enumerate(items):
        assert item is not None, f"{name}: item {i} is None"
        kind, first = _structure(item), _structure(items[0])
        assert kind == first, f"{name}: item {i} is {kind}, item 0 is {first}; a batch needs one structure"


def check_dataset(dataset: Any) -> None:
    """Check a dataset: a length, items of one structure, the same item twice, an end; or, if iterable, the same run twice.

    Errors: AssertionError that says what a loader would stumble over.

    >>> import facula
    >>> facula.testing.check_dataset([(facula.zeros(2), 0), (facula.ones(2), 1)])
    """
    name = type(dataset).__name__
    if not hasattr(dataset, "__getitem__") or (hasattr(dataset, "__iter__") and not hasattr(dataset, "__len__")):
        runs = [list(itertools.islice(iter(dataset), 4)) for _ in range(2)]
        assert len(runs[0]) == len(runs[1]), f"{name}: the second iteration has another length than the first"
        _check_items(name, runs[0])
        return
    assert hasattr(dataset, "__len__"), f"{name}: expected __len__, so that a sampler knows the indices; got none"
    n = len(dataset)
    assert isinstance(n, int), f"{name}: expected an int from len(), got {type(n).__name__}"
    assert n > 0, f"{name}: it is empty"
    picked = sorted({0, 1 % n, n // 2, n - 1})
    items = [dataset[i] for i in picked]
    _check_items(name, items)
    transform = any(getattr(dataset, t, None) is not None for t in ("transform", "target_transform", "transforms"))
    for i, item in zip(picked, items, strict=True):
        assert transform or _same(item, dataset[i]), f"{name}: item {i} is another one when it is read again"
    try:
        dataset[n]
    except IndexError:
        pass
    except KeyError as error:
        raise AssertionError(f"{name}: expected IndexError behind the end, got KeyError {error}") from error
    else:
        raise AssertionError(f"{name}: expected IndexError for index {n} of {n} items, got an item")
    assert repr(dataset), f"{name}: its repr is empty"
