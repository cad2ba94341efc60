"""Networks' operators without data: shapes come out, nothing is computed."""

import pytest

import facula
from facula.nn import functional as F


def m(*shape, dtype=facula.float32):
    return facula.empty(*shape, dtype=dtype, device="meta")


x, ids = m(2, 4, 6, 6), m(2, dtype=facula.int64)
CASES = {
    "conv": (lambda: F.conv2d(x, m(8, 4, 3, 3), m(8)), (2, 8, 4, 4)),
    "same": (lambda: F.conv2d(x, m(8, 4, 3, 3), padding="same"), (2, 8, 6, 6)),
    "transposed": (lambda: F.conv_transpose2d(x, m(4, 8, 3, 3), m(8)), (2, 8, 8, 8)),
    "layer_norm": (lambda: F.layer_norm(x, (6,), m(6), m(6)), (2, 4, 6, 6)),
    "batch_norm": (lambda: F.batch_norm(x, m(4), m(4), m(4), m(4), True), (2, 4, 6, 6)),
    "batch_norm eval": (lambda: F.batch_norm(x, m(4), m(4)), (2, 4, 6, 6)),
    "instance_norm": (lambda: F.instance_norm(x, m(4), m(4)), (2, 4, 6, 6)),
    "group_norm": (lambda: F.group_norm(x, 2, m(4), m(4)), (2, 4, 6, 6)),
    "softmax": (lambda: F.softmax(x, dim=1), (2, 4, 6, 6)),
    "relu": (lambda: F.relu(x), (2, 4, 6, 6)),
    "rrelu": (lambda: F.rrelu(x, training=True), (2, 4, 6, 6)),
    "max_pool": (lambda: F.max_pool2d(x, 2), (2, 4, 3, 3)),
    "indices": (lambda: F.max_pool2d(x, 2, return_indices=True)[1], (2, 4, 3, 3)),
    "adaptive_avg": (lambda: F.adaptive_avg_pool2d(x, 4), (2, 4, 4, 4)),
    "adaptive_max": (lambda: F.adaptive_max_pool2d(x, 4), (2, 4, 4, 4)),
    "cross_entropy": (lambda: F.cross_entropy(x.flatten(1), ids), ()),
    "interpolate": (lambda: F.interpolate(x, scale_factor=2.0, mode="bilinear"), (2, 4, 12, 12)),
    "dropout": (lambda: F.dropout(x), (2, 4, 6, 6)),
    "dropout2d": (lambda: F.dropout2d(x), (2, 4, 6, 6)),
    "alpha_dropout": (lambda: F.alpha_dropout(x, 0.5, True), (2, 4, 6, 6)),
    "attention": (lambda: F.scaled_dot_product_attention(x, x, x), (2, 4, 6, 6)),
    "embedding": (lambda: F.embedding(ids, m(5, 3)), (2, 3)),
    "pad": (lambda: F.pad(x, (1, 1)), (2, 4, 6, 8)),
    "lstm": (
        lambda: facula.lstm(m(3, 2, 4), [m(1, 2, 5)] * 2, [m(20, 4), m(20, 5)], False, 1, 0.0, True, False)[0],
        (3, 2, 5),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_shapes(name):
    call, shape = CASES[name]
    out = call()
    assert out.is_meta
    assert tuple(out.shape) == shape
