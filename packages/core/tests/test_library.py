"""The public door for operators of other packages: a record with a compiled loop, made of its names alone."""

from __future__ import annotations

import numpy as np
import pytest

import facula
from facula.library import F, Meta, arg, inline, kernel, op, sample
from facula.testing import check_op

pytest.importorskip("numba")


@inline
def doubled(x):
    return x + x


@kernel
def double_all(x: F[::1], out: F[::1], start: int, stop: int):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = doubled(x[i])


@op(lambda input: Meta(input.shape, input.dtype), samples=[sample((3, 4)), sample(arg((2,), low=1.0))])
def twice_of_a_package(xp, input, /):
    """x + x."""
    return input + input


def fast(xp, input):
    if not double_all.serves(input):
        return twice_of_a_package.forward(xp, input)
    out = np.empty_like(input)
    double_all.share(input.size, 1, input.reshape(-1), out.reshape(-1))
    return out


twice_of_a_package.vjp(input=lambda g: g + g)
twice_of_a_package.kernel("cpu", fast)


def test_a_record_from_outside_keeps_what_records_promise():
    check_op(twice_of_a_package)
    assert twice_of_a_package(facula.empty(2, device="meta")).is_meta


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_compiled_loop_runs_and_plain_numpy_agrees(dtype):
    x = facula.arange(10_000, dtype=getattr(facula, dtype))
    expected = (2 * x).tolist()
    assert twice_of_a_package(x).tolist() == expected
    with facula.use_kernels(False):
        assert not double_all.serves(x.numpy())
        assert twice_of_a_package(x).tolist() == expected


def test_what_visits_few_numbers_often_is_worth_a_call_too():
    few = facula.ones(100).numpy()
    assert not double_all.serves(few)
    assert double_all.serves(few, work=100 * 100)
    with facula.use_kernels(False):
        assert not double_all.serves(few, work=100 * 100)


def test_the_room_is_reached_from_the_top():
    assert facula.library.op is op
    assert set(facula.library.__all__) <= set(dir(facula.library))
