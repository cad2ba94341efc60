"""One pass per row gives what the plain layer_norm gives."""

import numpy as np
import pytest

from facula.ops.norm import layer_norm_op


@pytest.mark.parametrize(
    ("shape", "normalized"),
    [((3, 4), (4,)), ((2, 3, 5), (3, 5)), ((130, 192), (192,)), ((3, 9001), (9001,)), ((1, 1, 192), (192,))],
)
def test_rows(agrees, normal, shape, normalized):
    x = normal(*shape) * 3 + 10
    agrees(layer_norm_op, x, normal(*normalized), normal(*normalized), normalized_shape=normalized, eps=1e-5, atol=2e-4)
    agrees(layer_norm_op, x, normal(*normalized), normalized_shape=normalized, eps=1e-5, atol=2e-4)
    agrees(layer_norm_op, x, normalized_shape=normalized, eps=1e-5, atol=2e-4)


def test_special_values(agrees, special):
    special[np.abs(special) == 1e30] = 0  # whose squares are infinite: what is left of them is a matter of order
    agrees(layer_norm_op, special, normalized_shape=(40,), eps=1e-5, atol=1e-5)


def test_a_wrong_shape_is_refused(normal):
    with pytest.raises(RuntimeError, match="expected input with shape"):
        layer_norm_op.kernels["cpu"](np, normal(3, 4), None, None, (5,), 1e-5)
