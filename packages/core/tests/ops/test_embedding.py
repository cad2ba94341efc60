"""Embeddings, one-hot and dropout: writes, padding rows, statistics, errors."""

import numpy as np
import pytest

import facula
from facula.nn import functional as F

table, ids = facula.arange(12).float().reshape(4, 3), facula.tensor([0, 2])


@pytest.mark.parametrize("create_graph", [False, True])
@pytest.mark.parametrize(("padding", "by_freq"), [(None, False), (1, False), (-3, True), (None, True)])
def test_gradient_of_rows(create_graph, padding, by_freq):
    weight = facula.zeros(4, 2, requires_grad=True)
    out = F.embedding(facula.tensor([[1, 3], [1, 1]]), weight, padding, scale_grad_by_freq=by_freq)
    (grad,) = facula.autograd.grad(out.sum(), weight, create_graph=create_graph)
    assert grad.tolist() == [
        [0.0, 0.0],
        [0.0 if padding is not None else 1.0 if by_freq else 3.0] * 2,
        [0.0, 0.0],
        [1.0, 1.0],
    ]


def test_max_norm_shortens_the_rows_that_are_looked_up_in_place():
    weight = facula.tensor([[3.0, 4.0], [30.0, 40.0], [0.1, 0.0]])
    out = F.embedding(facula.tensor([0, 2, 0]), weight, max_norm=1.0)
    np.testing.assert_allclose(weight.numpy(), [[0.6, 0.8], [30, 40], [0.1, 0]], rtol=1e-6)
    np.testing.assert_allclose(out.numpy()[0], [0.6, 0.8], rtol=1e-6)


def test_torch_level_spelling_takes_the_weight_first():
    assert facula.equal(facula.embedding(table, ids), F.embedding(ids, table))


def test_empty_bags_are_zero():
    out = F.embedding_bag(ids, table, facula.tensor([0, 2, 2]), mode="max")
    assert out.tolist() == [[6.0, 7.0, 8.0], [0.0] * 3, [0.0] * 3]
    assert F.embedding_bag(ids, table, facula.tensor([0, 0, 2]), mode="mean", include_last_offset=True).shape == (2, 3)


@pytest.mark.parametrize("name", ["dropout", "alpha_dropout"])
def test_dropout_keeps_the_mean(name):
    facula.manual_seed(0)
    x = facula.randn(200, 200) + (name == "dropout")
    out = getattr(F, name)(x, 0.3, training=True).numpy()
    assert abs(out.mean() - x.numpy().mean()) < 0.02
    if name == "alpha_dropout":
        assert abs(out.std() - 1) < 0.02


@pytest.mark.parametrize(
    ("name", "shape"), [("dropout1d", (40, 30, 5)), ("dropout2d", (40, 30, 2, 3)), ("dropout3d", (40, 30, 2, 2, 2))]
)
def test_channels_fall_together(name, shape):
    facula.manual_seed(0)
    out = getattr(F, name)(facula.ones(shape), 0.5).numpy().reshape(1200, -1)
    assert ((out == out[:, :1]).all(axis=1)).all()
    assert 400 < (out[:, 0] == 0).sum() < 800


def test_dropout_in_place_and_out_of_training():
    x = facula.ones(100)
    assert F.dropout(x, training=False) is x
    assert F.dropout(x, 0.5, inplace=True) is x
    assert set(x.tolist()) == {0.0, 2.0}
    assert F.dropout(facula.ones(3), 1.0).tolist() == [0.0] * 3


def test_unusual_ranks_warn():
    with pytest.warns(UserWarning, match="dropout2d: Received a 2-D input"):
        F.dropout2d(facula.ones(2, 2))


ERRORS = [
    (
        lambda: F.embedding(facula.tensor([4]), table),
        IndexError,
        "index out of range in self, expected indices from 0 to 3, got 4",
    ),
    (lambda: F.embedding(facula.tensor([-1]), table), IndexError, "index out of range in self"),
    (lambda: F.embedding(facula.tensor([-1]), table, max_norm=1.0), IndexError, "index out of range in self"),
    (
        lambda: F.embedding(facula.ones(2), table),
        RuntimeError,
        "one of the following scalar types: Long, Int; but got float32",
    ),
    (lambda: F.embedding(ids, facula.ones(3)), RuntimeError, "'weight' must be 2-D"),
    (lambda: F.embedding(ids, table, padding_idx=4), AssertionError, "Padding_idx must be within num_embeddings"),
    (lambda: F.one_hot(facula.ones(2)), RuntimeError, "one_hot is only applicable to index tensor of type LongTensor"),
    (lambda: F.one_hot(facula.tensor([-1])), RuntimeError, "Class values must be non-negative"),
    (lambda: F.one_hot(ids, 2), RuntimeError, "Class values must be smaller than num_classes"),
    (
        lambda: F.one_hot(facula.zeros(0).long()),
        RuntimeError,
        "Can not infer total number of classes from empty tensor",
    ),
    (lambda: F.embedding_bag(ids, table), ValueError, "offsets has to be a 1D Tensor but got None"),
    (
        lambda: F.embedding_bag(ids, table, facula.zeros(1, 1).long()),
        ValueError,
        "offsets has to be a 1D Tensor, got 2D",
    ),
    (lambda: F.embedding_bag(ids, table, facula.tensor([1])), RuntimeError, r"offsets\[0\] has to be 0"),
    (
        lambda: F.embedding_bag(ids, table, facula.tensor([0, 3])),
        RuntimeError,
        "can not be greater than input's length 2",
    ),
    (lambda: F.embedding_bag(facula.zeros(1, 1, 1).long(), table), ValueError, "input has to be 1D or 2D Tensor"),
    (
        lambda: F.embedding_bag(facula.zeros(1, 1).long(), table, facula.tensor([0])),
        ValueError,
        "if input is 2D, then offsets has to be None",
    ),
    (
        lambda: F.embedding_bag(ids, table, facula.tensor([0]), mode="x"),
        ValueError,
        "mode has to be one of sum, mean or max",
    ),
    (
        lambda: F.embedding_bag(ids, table, facula.tensor([0]), per_sample_weights=ids.float()),
        NotImplementedError,
        "only supported for mode='sum'",
    ),
    (
        lambda: F.embedding_bag(ids, table, facula.tensor([0]), mode="sum", per_sample_weights=facula.ones(3)),
        ValueError,
        "must have the same shape as the input",
    ),
    (lambda: F.dropout(facula.ones(2), 1.5), ValueError, "dropout probability has to be between 0 and 1, but got 1.5"),
    (lambda: F.dropout(facula.ones(2).long()), RuntimeError, "result type Float can't be cast"),
    (lambda: F.dropout1d(facula.ones(2)), RuntimeError, "Expected 2D or 3D input, but received a 1D input"),
    (
        lambda: F.feature_alpha_dropout(facula.ones(2), training=True),
        RuntimeError,
        "at least 2 dimensions in the input",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_feature_dropout_of_a_vector():
    with pytest.warns(UserWarning, match="1-D input"), pytest.raises(RuntimeError, match="at least 2 dimensions"):
        F.dropout2d(facula.ones(2))
