"""DLPack with JAX, where it is installed: it is no requirement of the checks, since it brings half a gigabyte along."""

import numpy as np
import pytest

import facula

jax = pytest.importorskip("jax")


def aligned(shape):
    """Zeros at an address that JAX takes without a copy: a multiple of 64."""
    n = 4 * int(np.prod(shape))
    memory = np.zeros(n + 64, np.uint8)
    start = -memory.__array_interface__["data"][0] % 64
    return memory[start : start + n].view(np.float32).reshape(shape)


def test_jax_reads_our_memory():
    x = facula.from_numpy(aligned((2, 3)))
    x.copy_(facula.arange(6.0).reshape(2, 3))
    theirs = jax.dlpack.from_dlpack(x)
    assert theirs.unsafe_buffer_pointer() == x.data_ptr()
    np.testing.assert_array_equal(np.asarray(theirs), x.numpy())


@pytest.mark.parametrize("name", ["float32", "int32", "bfloat16", "bool"])
def test_we_read_jaxs_memory(name):
    theirs = jax.numpy.arange(6).reshape(2, 3).astype(name)
    ours = facula.from_dlpack(theirs)
    assert ours.data_ptr() == theirs.unsafe_buffer_pointer()
    assert ours.dtype is getattr(facula, name)
    assert ours.tolist() == theirs.tolist()
    assert facula.as_tensor(theirs).data_ptr() == ours.data_ptr()


def test_jaxs_functions_take_what_numpy_takes():
    x = facula.arange(3.0)
    np.testing.assert_allclose(np.asarray(jax.numpy.asarray(x.numpy()) + 1), (x + 1).numpy())
    assert facula.from_dlpack(jax.numpy.sin(jax.dlpack.from_dlpack(x))).allclose(x.sin())
