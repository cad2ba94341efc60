"""Every record gives under vmap what a loop over the lanes gives, whichever inputs are batched; and so does its backward."""

import itertools

import numpy as np
import pytest

import facula
import facula.ops
from facula.autograd.op import ALL
from facula.func import jacrev, vmap
from facula.testing.ops import make_inputs

RECORDS = sorted(ALL.values(), key=lambda op: op.name)
# Two lanes may not be ties of one problem (the sign of an eigenvector), and as_strided reads memory, not a tensor.
UNSTABLE = {"as_strided"}


def results(found):
    return list(found) if isinstance(found, tuple) else [found]


def lanes(op, sample, count=2):
    """Inputs of a sample, `count` times with other numbers: one list for each input."""
    rows = []
    for seed in range(count):
        inputs = make_inputs(sample, seed=seed)
        found = op.prepare(*inputs) if op.prepare else inputs
        rows.append(found if isinstance(found, (tuple, list)) else (found,))
    return list(zip(*rows, strict=True))


def same(a, b, what):
    assert a.shape == b.shape, what
    assert a.dtype == b.dtype, what
    np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-7, atol=1e-9, err_msg=what)


@pytest.mark.parametrize("op", [op for op in RECORDS if op.name not in UNSTABLE], ids=lambda op: op.name)
def test_batch_equals_loop(op):
    for sample in op.samples:
        columns = lanes(op, sample)
        tensors = [i for i, column in enumerate(columns) if isinstance(column[0], facula.Tensor)]
        for chosen in itertools.chain([tensors], ([i] for i in tensors if len(tensors) > 1)):
            given = [facula.stack(list(c)) if i in chosen else c[0] for i, c in enumerate(columns)]
            dims = tuple(0 if i in chosen else None for i in range(len(columns)))
            call = lambda *inputs, attrs=sample.attrs: op(*inputs, **attrs)
            loops = []
            for lane in range(2):
                loops.append(results(call(*[x[lane] if d == 0 else x for x, d in zip(given, dims, strict=True)])))
            found = results(vmap(call, dims)(*given))
            for k, column in enumerate(zip(*loops, strict=True)):
                same(found[k], facula.stack(list(column)), f"{op.name} result {k}, batched {dims}")


@pytest.mark.parametrize("op", [op for op in RECORDS if op.rules or op.joint], ids=lambda op: op.name)
def test_backward_of_a_batch(op):
    """The Jacobian by one batched backward is the one by a backward for each row."""
    sample = op.samples[0]
    inputs = [column[0] for column in lanes(op, sample, 1)]
    floats = [k for k, x in enumerate(inputs) if isinstance(x, facula.Tensor) and x.is_floating_point()]
    if not floats:
        pytest.skip("complex input")
    i = floats[0]

    def call(x):
        found = results(op(*inputs[:i], x, *inputs[i + 1 :], **sample.attrs))
        return next(t for t in found if t.is_floating_point())

    if not any(t.is_floating_point() for t in results(op(*inputs, **sample.attrs))):
        pytest.skip("complex result")
    same(jacrev(call)(inputs[i]), facula.autograd.functional.jacobian(call, inputs[i]), op.name)
