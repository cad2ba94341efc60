"""The compiled loops give the bits of the NumPy kernels, and everything works without numba."""

import numpy as np
import pytest

import facula
from facula.ops.kernels import compiled
from facula.ops.kernels.cpu.optimizers import adam_loop
from facula.optim.compiled import run_compiled

CASES = [
    ("Adam", {}), ("Adam", {"weight_decay": 0.1, "maximize": True}), ("AdamW", {"lr": 0.1}), ("Adam", {"maximize": True}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}), ("SGD", {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"momentum": 0.9, "dampening": 0.3, "maximize": True}), ("SGD", {"weight_decay": 0.1}),
    ("Adam", {"amsgrad": True}), ("NAdam", {}), ("NAdam", {"weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("SGD", {"lr": 0.1}), ("Adadelta", {}), ("Adadelta", {"lr": 0.5, "weight_decay": 0.1, "maximize": True}),
    ("RMSprop", {}), ("RMSprop", {"weight_decay": 0.1}), ("RMSprop", {"momentum": 0.9}), ("RMSprop", {"centered": True}),
    ("Adagrad", {}), ("Adagrad", {"lr_decay": 0.1, "weight_decay": 0.1}),
]  # fmt: skip


def steps(name, kwargs, dtype):
    draw = np.random.default_rng(0)
    p = facula.nn.Parameter(facula.tensor(draw.standard_normal((70, 1001)).astype(dtype)))
    optimizer = getattr(facula.optim, name)([p], **kwargs)
    for _ in range(4):
        p.grad = facula.tensor(draw.standard_normal((70, 1001)).astype(dtype))
        optimizer.step()
    return p.detach().numpy()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("name", "kwargs"), CASES, ids=str)
def test_equal_bits(name, kwargs, dtype):
    pytest.importorskip("numba")
    with facula.use_kernels(False):
        plain = steps(name, kwargs, dtype)
    np.testing.assert_array_equal(steps(name, kwargs, dtype), plain)


@pytest.mark.skipif(not compiled.available(), reason="needs numba, and FACULA_KERNELS not 0")
def test_what_cannot_be_written_is_not():
    arrays = [np.ones(compiled.LEAST, np.float32) for _ in range(2)]
    assert run_compiled("_sgd", arrays, (0.5, 0, 0, 0, False, False))
    np.testing.assert_array_equal(arrays[0], 0.5)
    arrays[0].flags.writeable = False
    assert not run_compiled("_sgd", arrays, (0.5, 0, 0, 0, False, False))


def test_unknown_updates_have_no_loop_and_few_numbers_none_of_their_own(monkeypatch):
    assert not run_compiled("_rprop", [np.ones(compiled.LEAST)], ())
    monkeypatch.setattr(adam_loop, "loaded", {})  # they are not worth the compiler, but use what is there
    few, constants = [np.full(3, n, np.float32) for n in (1, 2, 0, 0)], (0, 0, 0.5, 0, 1, 0, False)
    assert not run_compiled("_adam", few, constants)
    assert run_compiled("_adam", [np.zeros(compiled.LEAST, np.float32) for _ in range(4)], constants)
    assert run_compiled("_adam", few, constants)
    assert few[0].tolist() == [0.5] * 3
    assert not run_compiled("_sgd", few[:2], (0.5, 0, 0, 0, False, False))  # two steps of NumPy
