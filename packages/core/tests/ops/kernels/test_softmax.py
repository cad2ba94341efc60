"""Loops over rows give what the plain softmax and log_softmax give."""

import numpy as np
import pytest

from facula.ops.softmax import log_softmax_op, softmax_op

BOTH = pytest.mark.parametrize("record", [softmax_op, log_softmax_op], ids=lambda record: record.name)


@BOTH
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 5), (65, 1), (7, 1000), (3, 9001), (40,)])
def test_rows(agrees, record, normal, shape):
    agrees(record, 5 * normal(*shape), dim=-1)


@BOTH
def test_special_values(agrees, record, special):
    agrees(record, special, dim=1)
    agrees(record, np.full((2, 5), -np.inf, np.float32), dim=1)


@BOTH
def test_other_dimensions_types_and_layouts_run_in_numpy(agrees, record, normal):
    agrees(record, normal(4, 5, 6), dim=1)
    agrees(record, normal(6, 4).T, dim=1)
    agrees(record, normal(6, 4).astype("float64"), dim=1, rtol=1e-12)
