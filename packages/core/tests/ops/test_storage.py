"""The memory under tensors."""

import pytest

import facula


def test_views_share_a_storage():
    x = facula.arange(6, dtype=facula.float32)
    view = x.view(2, 3)[1]
    assert view.untyped_storage() == x.untyped_storage()
    assert view.untyped_storage() != x.clone().untyped_storage()
    assert len(view.untyped_storage()) == view.untyped_storage().nbytes() == 24
    assert view.untyped_storage().data_ptr() == x.data_ptr() == x.const_data_ptr()
    assert (view.storage().size(), view.storage().tolist(), view.storage()[4]) == (6, [0, 1, 2, 3, 4, 5], 4)
    assert (view.storage().dtype, view.storage().element_size()) == (facula.float32, 4)
    assert isinstance(view.storage(), x.storage_type())
    assert facula.is_storage(x.storage().untyped())
    assert not facula.is_storage(x)
    assert repr(x.untyped_storage()) == "<UntypedStorage of 24 bytes on cpu>"
    assert repr(x.storage()) == "<TypedStorage of 6 elements of facula.float32 on cpu>"


def test_order_of_dimensions():
    assert facula.zeros(2, 3, 4).permute(1, 2, 0).dim_order() == (2, 0, 1)
    assert facula.zeros(2, 3).dim_order() == (0, 1)


class Marked(facula.Tensor):
    pass


def test_as_subclass_keeps_memory_and_history():
    x = facula.ones(2, requires_grad=True)
    y = (x * 3).as_subclass(Marked)
    assert type(y) is Marked
    y.sum().backward()
    assert x.grad.tolist() == [3, 3]
    assert x.detach().as_subclass(Marked).data_ptr() == x.data_ptr()
    with pytest.raises(TypeError, match="as_subclass: expected a subclass of Tensor"):
        x.as_subclass(int)


def test_old_names():
    v = facula.arange(24, dtype=facula.float32).view(2, 3, 4)
    for dim in (0, 1, 2):
        found = facula.norm_except_dim(v, 2, dim)
        assert tuple(found.shape) == tuple(n if d == dim else 1 for d, n in enumerate(v.shape))
    assert float(facula.norm_except_dim(v, 2, -1)) == pytest.approx(float(v.norm()))
    assert facula.ones(2).map2_(facula.tensor([1.0, 2.0]), facula.tensor(3.0), lambda a, x, y: a + x * y).tolist() == [
        4,
        7,
    ]
    try:
        facula.set_default_tensor_type("torch.DoubleTensor")
        assert facula.ones(1).dtype is facula.float64
    finally:
        facula.set_default_tensor_type(facula.FloatTensor)
    assert facula.ones(1).dtype is facula.float32
    with pytest.raises(TypeError, match="only floating-point types are supported as the default type, got LongTensor"):
        facula.set_default_tensor_type(facula.LongTensor)
    facula.set_anomaly_enabled(True)
    assert facula.is_anomaly_enabled()
    facula.set_anomaly_enabled(False)
    assert not facula.is_anomaly_enabled()


def test_copies_of_the_parts_of_sparse_tensors():
    s = facula.eye(2).to_sparse()
    copied = facula.indices_copy(s)
    copied[0, 0] = 9
    assert s.indices().tolist() == [[0, 1], [0, 1]]
    assert facula.values_copy(s).tolist() == [1, 1]
    assert facula.crow_indices_copy(s.to_sparse_csr()).tolist() == [0, 1, 2]
    assert facula.spmm(s, facula.ones(2, 1)).tolist() == [[1], [1]]
