"""NumPy's functions on tensors, and memory that both share."""

import numpy as np
import pytest

import facula

T = facula.Tensor


@pytest.fixture
def x():
    return facula.arange(6.0).reshape(2, 3)


UFUNCS = {
    "sin": lambda x: np.sin(x),
    "add": lambda x: np.add(x, 1),
    "array first": lambda x: np.ones((2, 3), np.float32) + x,
    "array second": lambda x: x * np.full((2, 3), 2, np.float32),
    "array multiplied": lambda x: np.ones((3, 2), np.float32) @ x,
    "multiplied by an array": lambda x: x @ np.ones((3, 2), np.float32),
    "array divided": lambda x: np.ones(3, np.float32) / (x + 1),
    "matmul": lambda x: np.matmul(x, x.T),
    "reduce": lambda x: np.add.reduce(x),
    "isnan": lambda x: np.isnan(x),
    "divmod": lambda x: np.divmod(x, 2)[1],
    "reshape": lambda x: np.reshape(x, (3, 2)),
    "transpose": lambda x: np.transpose(x),
    "squeeze": lambda x: np.squeeze(x),
    "mean": lambda x: np.mean(x, axis=1),
    "sum": lambda x: np.sum(x),
    "clip": lambda x: np.clip(x, 0, 1),
    "round": lambda x: np.round(x / 3, 1),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "argmax": lambda x: np.argmax(x),
    "equal": lambda x: np.ones((2, 3), np.float32) == x,
    "less": lambda x: x < np.ones((2, 3), np.float32),
}
ARRAYS = {
    "concatenate": lambda x: np.concatenate([x, x]),
    "stack": lambda x: np.stack([x, x]),
    "where": lambda x: np.where(x > 1, x, 0),
    "einsum": lambda x: np.einsum("ij->i", x),
    "unique": lambda x: np.unique(x),
    "median": lambda x: np.median(x),
    "tile": lambda x: np.tile(x, 2),
    "histogram": lambda x: np.histogram(x)[0],
    "interp": lambda x: np.interp(x[0], x[0], x[1]),
    "dot": lambda x: np.dot(x, x.T),
    "nested": lambda x: np.array([x[0], x[1]]),
    "index of an array": lambda x: np.arange(7)[x.long()],
}


@pytest.mark.parametrize("name", UFUNCS)
def test_gives_tensors(name, x):
    found, expected = UFUNCS[name](x), UFUNCS[name](x.numpy())
    assert type(found) is T
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("name", ARRAYS)
def test_gives_arrays(name, x):
    found, expected = ARRAYS[name](x), ARRAYS[name](x.numpy() if name != "index of an array" else x)
    assert isinstance(found, (np.ndarray, np.generic))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_numbers_of_numpy_do_not_widen(x):
    for number in (np.float64(2), np.float32(2), np.int64(2)):
        assert (x * number).dtype is facula.float32
        assert (number * x).dtype is facula.float32
    assert (np.int64(1) + facula.tensor([1], dtype=facula.int8)).dtype is facula.int8


def test_asarray_shares(x):
    a = np.asarray(x)
    assert np.shares_memory(a, x.numpy())
    assert np.shares_memory(np.array(x, copy=False), a)
    assert not np.shares_memory(np.array(x), a)
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="__array__: unable to avoid copy, expected dtype float32, got float64"):
        np.array(x, dtype=np.float64, copy=False)
    a[0, 0] = 9
    assert x[0, 0] == 9


def test_what_requires_grad_is_refused(x):
    x.requires_grad_()
    for call in (np.asarray, np.sin, lambda t: np.concatenate([t, t])):
        with pytest.raises(RuntimeError, match="can't call numpy.. on Tensor that requires grad"):
            call(x)
    y = x * np.float32(2) + np.ones(3, np.float32)
    assert y.requires_grad


def test_from_numpy_shares_or_refuses():
    a = np.ones(3)
    facula.from_numpy(a)[0] = 5
    assert a[0] == 5
    with pytest.raises(ValueError, match="strides in the given numpy array is negative|stride"):
        facula.from_numpy(a[::-1])
    with pytest.raises(ValueError, match="byte order different from the native"):
        facula.from_numpy(np.ones(2, ">f4"))
    with pytest.raises(TypeError, match="dtype: expected one of"):
        facula.from_numpy(np.array(["a"]))
    a.flags.writeable = False
    with pytest.warns(UserWarning, match="The given NumPy array is not writable"):
        t = facula.from_numpy(a)
    assert np.shares_memory(t.numpy(), a)
    with pytest.raises(ValueError, match="read-only"):
        t.add_(1)


def test_cuda_array_interface_is_for_gpus(x):
    assert not hasattr(x, "__cuda_array_interface__")
    with pytest.raises(AttributeError, match="Can't get it on non-CUDA tensor type: facula.FloatTensor"):
        x.__cuda_array_interface__


def test_cuda_array_interface_is_that_of_the_array(monkeypatch):
    """A stand-in for an array on a GPU, so that the rule is tested where there is none."""
    from facula.devices import base
    from facula.tensors.tensor import wrap

    class Memory:
        shape, ndim, size, dtype = (2,), 1, 2, np.dtype("float32")
        __cuda_array_interface__ = {"data": (64, False), "version": 3}  # noqa: RUF012

    class GPU(base.Device):
        name, array_type = "cuda", Memory

        def index_of(self, array):
            return 0

    monkeypatch.setitem(base._BY_TYPE, Memory, GPU())
    t = wrap(Memory())
    assert t.__cuda_array_interface__["data"] == (64, False)
    t.requires_grad_()
    with pytest.raises(RuntimeError, match="__cuda_array_interface__: Can't get it on a tensor that requires grad"):
        t.__cuda_array_interface__
