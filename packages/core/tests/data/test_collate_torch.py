"""Collating nested samples gives what torch gives."""

from collections import OrderedDict, UserDict, deque, namedtuple

import numpy as np
import pytest

import facula
from facula.utils import data as D

torch = pytest.importorskip("torch")
Point = namedtuple("Point", "x y")


def same(ours, theirs):
    if isinstance(theirs, torch.Tensor):
        assert str(ours.dtype)[7:] == str(theirs.dtype)[6:]
        assert ours.tolist() == theirs.tolist()
    elif isinstance(theirs, (dict, UserDict)):
        assert type(ours) is type(theirs)
        assert list(ours) == list(theirs)
        for key in theirs:
            same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple, deque)):
        assert type(ours) is type(theirs)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    else:
        assert ours == theirs
        assert type(ours) is type(theirs)


BATCHES = {
    "floats": [1.5, 2.5], "ints": [1, 2], "bools": [True, False], "text": ["a", "b"], "bytes": [b"a", b"b"],
    "arrays": [np.arange(3), np.arange(3)], "numpy numbers": [np.float32(1), np.float32(2)],
    "dicts": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "tuples": [(1, 2.0), (3, 4.0)], "lists": [[1, "a"], [2, "b"]],
    "points": [Point(1, 2.0), Point(3, 4.0)], "nested": [{"a": [(1, {"b": 2})]}, {"a": [(3, {"b": 4})]}],
    "ordered": [OrderedDict(b=1, a=2), OrderedDict(b=3, a=4)], "user dicts": [UserDict(a=1), UserDict(a=2)],
}  # fmt: skip


@pytest.mark.parametrize("name", BATCHES)
def test_default_collate(name):
    same(D.default_collate(BATCHES[name]), torch.utils.data.default_collate(BATCHES[name]))


@pytest.mark.parametrize("name", BATCHES)
def test_default_convert(name):
    same(D.default_convert(BATCHES[name]), torch.utils.data.default_convert(BATCHES[name]))


def test_tensors_and_their_gradients():
    batch = D.default_collate([facula.ones(2), facula.zeros(2)])
    assert batch.tolist() == [[1, 1], [0, 0]]
    x = facula.ones(2, requires_grad=True)
    D.default_collate([x, x * 2]).sum().backward()
    assert x.grad.tolist() == [3, 3]


@pytest.mark.parametrize(
    ("batch", "kind", "message"),
    [
        (
            [object(), object()],
            TypeError,
            "batch must contain tensors, numpy arrays, numbers, dicts or lists; found object",
        ),
        ([np.array(["a"]), np.array(["b"])], TypeError, "found an array of <U1"),
        ([[1, 2], [1]], RuntimeError, "each element in list of batch should be of equal size"),
        ([facula.ones(2), facula.ones(3)], RuntimeError, "stack expects each tensor to be equal size"),
    ],
)
def test_what_cannot_be_collated(batch, kind, message):
    with pytest.raises(kind, match=message):
        D.default_collate(batch)
