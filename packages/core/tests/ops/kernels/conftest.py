"""Every kernel is held against the plain form of its record: forward and gradients, on any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

import facula
from facula.ops.kernels import compiled


@pytest.fixture(autouse=True)
def _small_arrays_count(request, monkeypatch):
    """Kernels run on the smallest arrays, and threads share them; without kernels there is nothing to try."""
    if not compiled.available():
        pytest.skip("needs numba, and FACULA_KERNELS not 0")
    if request.module.__name__.endswith("test_compiled"):
        return
    monkeypatch.setattr(compiled, "LEAST", 0)
    monkeypatch.setattr(compiled, "_WORTH", 1)


def _gradients(record, g, out, inputs, attrs):
    """What the array formula of a record gives."""
    known = {
        "g": g, "out": out, "xp": np, "needs": tuple(a is not None for a in inputs),
        "shapes": tuple(None if a is None else a.shape for a in inputs),
        **dict(zip(record.inputs, inputs, strict=True)), **attrs,
    }  # fmt: skip
    if record.array_joint:
        rule, asks = record.array_joint
        return list(rule(*[known[name] for name in asks]))
    return [rule(*[known[name] for name in asks]) for rule, asks in record.array_rules.values()]


def _run(record, inputs, attrs, with_kernels):
    rng = np.random.default_rng(1)
    with facula.use_kernels(with_kernels), np.errstate(all="ignore"):
        forward = record.kernels.get("cpu", record.forward) if with_kernels else record.forward
        inputs = (*inputs, *[None] * (len(record.inputs) - len(inputs)))
        named = {name: attrs[name] for name in record.keyword_only}
        out = forward(np, *inputs, *[attrs[name] for name in record.attrs if name not in named], **named)
        first = out[0] if isinstance(out, tuple) else out
        g = np.asarray(rng.standard_normal(first.shape), first.dtype)
        upper = (g, *[None] * (len(out) - 1)) if isinstance(out, tuple) else g
        slopes = _gradients(record, upper, out, inputs, attrs)
    return [a for a in (*(out if isinstance(out, tuple) else (out,)), *slopes) if a is not None]


@pytest.fixture
def agrees():
    """A check: agrees(record, *arrays, rtol=..., atol=..., **attrs)."""
    before = facula.get_num_threads()

    def check(record, *inputs, rtol=1e-5, atol=2e-6, **attrs):
        plain = _run(record, inputs, attrs, False)
        results = []
        for threads in (1, 2, 3):
            facula.set_num_threads(threads)
            results.append(_run(record, inputs, attrs, True))
        for name, got, want, *others in zip(range(9), results[0], plain, *results[1:], strict=False):
            np.testing.assert_allclose(got, want, rtol=rtol, atol=atol, err_msg=f"result {name} of {record.name}")
            assert got.dtype == want.dtype
            assert got.shape == want.shape
            for other in others:
                np.testing.assert_array_equal(got, other, err_msg=f"result {name} of {record.name} by threads")

    yield check
    facula.set_num_threads(before)


@pytest.fixture
def normal():
    """Arrays of normal numbers, float32."""
    rng = np.random.default_rng(0)
    return lambda *shape: rng.standard_normal(shape, dtype=np.float32)


@pytest.fixture
def special():
    """A matrix with nan, infinities, zeros and extreme numbers among usual ones."""
    rows = np.random.default_rng(2).standard_normal((12, 40)).astype(np.float32)
    values = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1e-30, -1e-30, 89.0, -104.0]
    for i, value in enumerate(values):
        rows[i, 3 * i] = value
    return rows
