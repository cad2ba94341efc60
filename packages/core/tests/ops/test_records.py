"""Every record of the framework goes through the public suite, and keeps to the form of a record."""

import pytest

import facula.ops
from facula.autograd.op import ALL, Op
from facula.testing import check_op

RECORDS = sorted(ALL.values(), key=lambda op: op.name)


@pytest.mark.parametrize("op", RECORDS, ids=lambda op: op.name)
def test_keeps_its_promises(op):
    check_op(op)


@pytest.mark.parametrize("op", RECORDS, ids=lambda op: op.name)
def test_form(op):
    assert callable(op.rule.shape)
    assert op.__doc__
    assert op.__doc__.strip().endswith((".", ")", "`")) or "\n" in op.__doc__
    assert op.rules or op.joint or op.nondiff, "a record has a vjp, or says nondiff=True"
    assert not ((op.rules or op.joint) and op.nondiff), "a record has a vjp or is nondiff, not both"
    assert op.onnx is None or isinstance(op.onnx, str) or callable(op.onnx)
    assert len(op.samples) >= 2


def test_all_records_are_found():
    assert isinstance(ALL["add"], Op)
    assert facula.ops.PUBLIC["add"] is ALL["add"]
    assert len(RECORDS) > 70
