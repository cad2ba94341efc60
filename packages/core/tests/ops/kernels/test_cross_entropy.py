"""The loops over rows give what the plain cross_entropy gives."""

import numpy as np
import pytest

from facula.ops.loss_class import cross_entropy_op

CASES = [(reduction, ignore) for reduction in ("mean", "sum", "none") for ignore in (-100, 2)]


@pytest.mark.parametrize(("reduction", "ignore_index"), CASES)
@pytest.mark.parametrize("shape", [(3, 4), (65, 10), (7, 9001)])
def test_rows(agrees, normal, shape, reduction, ignore_index):
    target = np.arange(shape[0]) * 7 % shape[1]
    target[0] = 2
    agrees(cross_entropy_op, 5 * normal(*shape), target, ignore_index=ignore_index, reduction=reduction)


def test_special_values(agrees, special):
    target = np.arange(12) % 5
    agrees(cross_entropy_op, special, target, ignore_index=-100, reduction="none")
    agrees(cross_entropy_op, special, target, ignore_index=-100, reduction="mean")


def test_other_types_run_in_numpy(agrees, normal):
    target = np.arange(4)
    agrees(cross_entropy_op, normal(4, 5), target.astype(np.int32), ignore_index=-100, reduction="mean")
    agrees(cross_entropy_op, normal(4, 5).astype("float64"), target, ignore_index=-100, reduction="mean")


def test_a_class_out_of_range_is_refused(normal):
    rest = normal(2, 5), np.array([0, 5]), -100, "mean"
    with pytest.raises(IndexError, match="Target 5 is out of bounds"):
        cross_entropy_op.array_rules["input"][0](np.float32(1), *rest, np)
    with pytest.raises(IndexError, match="Target 5 is out of bounds"):
        cross_entropy_op.kernels["cpu"](np, *rest)
