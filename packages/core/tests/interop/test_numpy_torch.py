"""What NumPy's functions give for tensors: the same kind of result as for PyTorch's.

PyTorch's tensors also refuse `np.mean(t)`, `np.sum(t)` and others whose arguments PyTorch does not know, an array that is assigned
(`t[0] = array`) and `array + t` for some operators; these work here. Truth values stay truth values (uint8 there).
"""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

CALLS = {
    "sin": lambda t, x: np.sin(x),
    "add": lambda t, x: np.add(x, 1),
    "concatenate": lambda t, x: np.concatenate([x, x]),
    "max": lambda t, x: np.max(x),
    "max of rows": lambda t, x: np.max(x, axis=0),
    "argmax": lambda t, x: np.argmax(x),
    "reshape": lambda t, x: np.reshape(x, (3, 2)),
    "dot": lambda t, x: np.dot(x, x.T),
    "matmul": lambda t, x: np.matmul(x, x.T),
    "where": lambda t, x: np.where(x > 1, x, 0),
    "clip": lambda t, x: np.clip(x, 0, 1),
    "allclose": lambda t, x: np.allclose(x, x),
    "out": lambda t, x: np.exp(x, out=np.empty((2, 3), np.float32)),
    "dtype": lambda t, x: np.sin(x, dtype=np.float64),
    "integers": lambda t, x: np.sin(x.long()),
    "modf": lambda t, x: np.modf(x)[0],
    "sort": lambda t, x: np.sort(x),
    "norm": lambda t, x: np.linalg.norm(x),
    "array of rows": lambda t, x: np.array([x[0], x[1]]),
    "zeros_like": lambda t, x: np.zeros_like(x),
    "tensor + array": lambda t, x: x + np.ones((2, 3), np.float32),
    "tensor + wide array": lambda t, x: x + np.ones((2, 3)),
    "tensor @ array": lambda t, x: x @ np.ones((3, 2), np.float32),
    "outer": lambda t, x: np.multiply.outer(x[0], x[1]),
    "tensor == array": lambda t, x: x == np.ones((2, 3), np.float32),
    "array == tensor": lambda t, x: np.ones((2, 3), np.float32) == x,
    "float64 * tensor": lambda t, x: np.float64(2) * x,
    "tensor * float64": lambda t, x: x * np.float64(2),
    "float32 ** tensor": lambda t, x: np.float32(2) ** x,
    "integer * tensor": lambda t, x: np.int64(2) * x,
    "indexed by arrays": lambda t, x: x[np.array([0, 1]), np.array([1, 1])],
    "array indexed": lambda t, x: np.arange(5)[t.tensor([1, 2])],
    "asarray": lambda t, x: np.asarray(x, dtype=np.float64),
    "asarray of what requires grad": lambda t, x: np.asarray(x.requires_grad_()),
    "sin of what requires grad": lambda t, x: np.sin(x.requires_grad_()),
    "capsule of what requires grad": lambda t, x: x.requires_grad_().__dlpack__(),
    "meta": lambda t, x: np.asarray(x.to("meta")),
    "strings": lambda t, x: t.from_numpy(np.array(["a"])),
    "other byte order": lambda t, x: t.from_numpy(np.ones(2, ">f4")),
    "negative strides": lambda t, x: t.from_numpy(np.arange(3)[::-1]),
    "cuda interface": lambda t, x: x.__cuda_array_interface__,
    "device of DLPack": lambda t, x: np.array([int(i) for i in x.__dlpack_device__()]),
}


def outcome(t, call):
    try:
        found = call(t, t.arange(6.0).reshape(2, 3) + 0.5)
    except Exception as error:
        return type(error).__name__
    return type(found).__name__, str(getattr(found, "dtype", "")).split(".")[-1], np.asarray(found).tolist()


@pytest.mark.parametrize("name", CALLS)
def test_agrees_with_torch(name):
    ours, theirs = outcome(facula, CALLS[name]), outcome(torch, CALLS[name])
    assert ours[:2] == theirs[:2]
    if isinstance(ours, tuple):
        np.testing.assert_allclose(ours[2], theirs[2], rtol=1e-6)


def test_read_only_arrays_warn_as_there():
    a = np.ones(3)
    a.flags.writeable = False
    with pytest.warns(UserWarning, match="given NumPy array is not writable"):
        facula.from_numpy(a)
    assert facula.from_dlpack(a).numpy().tolist() == [1, 1, 1]
