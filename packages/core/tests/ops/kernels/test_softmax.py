"""Loops over rows give what the plain softmax gives."""

import numpy as np
import pytest

from facula.ops.softmax import softmax_op


@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 5), (65, 1), (7, 1000), (3, 9001), (40,)])
def test_rows(agrees, normal, shape):
    agrees(softmax_op, 5 * normal(*shape), dim=-1)


def test_special_values(agrees, special):
    agrees(softmax_op, special, dim=1)
    agrees(softmax_op, np.full((2, 5), -np.inf, np.float32), dim=1)


def test_other_dimensions_types_and_layouts_run_in_numpy(agrees, normal):
    agrees(softmax_op, normal(4, 5, 6), dim=1)
    agrees(softmax_op, normal(6, 4).T, dim=1)
    agrees(softmax_op, normal(6, 4).astype("float64"), dim=1, rtol=1e-12)
