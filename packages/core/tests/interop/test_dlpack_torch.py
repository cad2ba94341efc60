"""DLPack, without a copy in either direction: with NumPy, with PyTorch, as capsules, bfloat16 among them."""

import numpy as np
import pytest

import facula
from facula.utils import dlpack

torch = pytest.importorskip("torch")
TYPES = "float32 float64 float16 bfloat16 int8 int16 int32 int64 uint8 bool complex64 complex128".split()


@pytest.mark.parametrize("name", TYPES)
def test_torch_and_back(name):
    ours = facula.tensor([[0, 1, 2], [3, 4, 5]]).to(getattr(facula, name))
    theirs = torch.from_dlpack(ours)
    assert theirs.data_ptr() == ours.data_ptr()
    assert str(theirs.dtype).split(".")[1] == name
    again = facula.from_dlpack(theirs)
    assert again.data_ptr() == ours.data_ptr()
    assert again.dtype is ours.dtype
    again[0, 0] = 1
    assert ours[0, 0] == 1
    assert theirs[0, 0] == 1


@pytest.mark.parametrize("name", TYPES)
def test_torch_first(name):
    theirs = torch.arange(6).reshape(2, 3).to(getattr(torch, name)).t()
    ours = facula.from_dlpack(theirs)
    assert ours.data_ptr() == theirs.data_ptr()
    assert ours.stride() == theirs.stride()
    assert ours.dtype is getattr(facula, name)
    assert ours.tolist() == theirs.tolist()
    assert facula.as_tensor(theirs).data_ptr() == theirs.data_ptr()


def test_capsules():
    for ours, theirs in ((facula.ones(3), torch.ones(3)), (facula.ones(3).bfloat16(), torch.ones(3).bfloat16())):
        assert torch.utils.dlpack.from_dlpack(dlpack.to_dlpack(ours)).data_ptr() == ours.data_ptr()
        assert dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(theirs)).data_ptr() == theirs.data_ptr()
    capsule = dlpack.to_dlpack(facula.ones(3))
    assert dlpack.from_dlpack(capsule).tolist() == [1, 1, 1]
    with pytest.raises(BufferError, match="expected a DLPack capsule that nobody has taken, got a used one"):
        dlpack.from_dlpack(capsule)


def test_views_keep_their_strides():
    x = facula.arange(12.0).reshape(3, 4)
    for view in (x.t(), x[1:, ::2], x[0], x[:, 0], x[1, 2]):
        theirs = torch.from_dlpack(view)
        assert tuple(theirs.shape) == tuple(view.shape)
        assert theirs.data_ptr() == view.data_ptr()
        assert theirs.tolist() == view.tolist()


def test_memory_outlives_its_first_owner():
    theirs = torch.from_dlpack(facula.arange(1000))
    ours = facula.from_dlpack(torch.arange(1000))
    assert int(theirs.sum()) == int(ours.sum()) == 499500


def test_numpy():
    x = facula.arange(3.0)
    assert np.shares_memory(np.from_dlpack(x), x.numpy())
    assert not np.shares_memory(np.from_dlpack(x, copy=True), x.numpy())
    a = np.ones(3)
    assert np.shares_memory(facula.from_dlpack(a).numpy(), a)
    assert not np.shares_memory(facula.from_dlpack(a, copy=True).numpy(), a)
    assert facula.from_dlpack(a, device="cpu", copy=False).numpy() is not None
    with pytest.raises(ValueError, match="from_dlpack: unable to avoid copy, expected device cpu, got meta"):
        facula.from_dlpack(a, device="meta", copy=False)
    assert facula.from_dlpack(x).data_ptr() == x.data_ptr()


def test_what_requires_grad_is_refused():
    with pytest.raises(BufferError, match="Can't export tensors that require gradient"):
        torch.from_dlpack(facula.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match="require gradient"):
        facula.from_dlpack(torch.ones(2, requires_grad=True))
