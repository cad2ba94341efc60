"""Sparse tensors come back from files as they were."""

import numpy as np
import pytest

import facula

PLACES, VALUES = [[0, 1, 1, 0], [2, 0, 2, 2]], [3.0, 4.0, 5.0, 1.0]


@pytest.mark.parametrize("name", ["x.safetensors", "x.pt"])
@pytest.mark.parametrize("layout", ["sparse_coo", "sparse_csr", "sparse_csc"])
@pytest.mark.parametrize("dtype", ["float32", "complex64", "int64"])
def test_sparse_tensors_in_files(tmp_path, name, layout, dtype):
    s = (
        facula.sparse_coo_tensor(PLACES, VALUES, (2, 4))
        .to(getattr(facula, dtype))
        .to_sparse(layout=getattr(facula, layout))
    )
    facula.save({"s": s, "more": [s.to_dense(), 1]}, tmp_path / name)
    found = facula.load(tmp_path / name)
    assert found["s"].layout is s.layout
    assert found["s"].dtype is s.dtype
    assert (found["s"]._nnz(), found["s"].shape) == (s._nnz(), s.shape)
    assert repr(found["s"]) == repr(s)
    np.testing.assert_array_equal(found["s"].to_dense().numpy(), found["more"][0].numpy())


def test_places_beyond_the_size_are_refused(tmp_path):
    s = facula.eye(2).to_sparse()
    s._places[0, 0] = 7
    facula.save({"s": s}, tmp_path / "x.safetensors")
    with pytest.raises(RuntimeError, match="sparse_coo_tensor: size is inconsistent with indices"):
        facula.load(tmp_path / "x.safetensors")
