"""Products that threads share: the same bits for any number of them, and BLAS left as it was."""

import threading

import numpy as np
import pytest

import facula
from facula.devices import threads
from facula.devices.products import product

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _threads_as_before():
    before = facula.get_num_threads()
    facula.set_num_threads(2)
    yield
    facula.set_num_threads(before)


def _numbers(*shape, dtype=np.float32):
    return RNG.standard_normal(shape).astype(dtype)


def _for_each_number(make):
    results = []
    for count in (1, 2, 3, 5):
        facula.set_num_threads(count)
        results.append(make())
    assert all(np.array_equal(results[0], other) for other in results[1:])
    return results[0]


SHAPES = [
    ((1100, 70), (70, 90)),
    ((90, 70), (70, 1100)),
    ((257, 301), (301, 259)),
    ((6, 200, 60), (6, 60, 120)),
    ((1, 600, 60), (1, 60, 300)),
    ((5, 200, 60), (60, 300)),
    ((700, 900), (900,)),
    ((900,), (900, 700)),
    ((20000,), (20000,)),
    ((1, 900), (900, 700)),
    ((2, 3, 4), (2, 4, 5)),
    ((90, 200), (1, 200, 700)),
    ((90, 200), (5, 200, 300)),
    ((2, 1, 300, 90), (3, 90, 80)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64])
@pytest.mark.parametrize(("left", "right"), SHAPES)
def test_equal_for_any_number_of_threads_and_near_numpy(left, right, dtype):
    a, b = _numbers(*left, dtype=dtype), _numbers(*right, dtype=dtype)
    made = _for_each_number(lambda: product(a, b))
    exact = np.matmul(a.astype(np.complex128), b.astype(np.complex128))
    assert made.shape == exact.shape
    assert made.dtype == dtype
    np.testing.assert_allclose(made, exact, rtol=0, atol=2e-5 * left[-1] ** 0.5 * 10)


@pytest.mark.parametrize("turned", [False, True])
def test_transposed_operands_and_a_bias(turned):
    a, weight, bias = _numbers(640, 200), _numbers(300, 200), _numbers(300)
    if turned:
        a = np.asfortranarray(a)
    made = _for_each_number(lambda: product(a, weight.T, bias=bias))
    np.testing.assert_allclose(made, a @ weight.T + bias, rtol=1e-4, atol=1e-4)


def test_out_is_written():
    a, b, out = _numbers(500, 100), _numbers(100, 200), np.empty((500, 200), np.float32)
    assert product(a, b, out) is out
    stack = np.empty((1, 500, 200), np.float32)
    product(a[None], b[None], stack)
    assert np.array_equal(out, stack[0])


def test_other_types_are_what_the_operator_gives():
    whole = np.arange(6).reshape(2, 3)
    assert np.array_equal(product(whole, whole.T), whole @ whole.T)
    assert product(facula.eye(2), facula.ones(2)).tolist() == [1.0, 1.0]


def test_blas_uses_one_thread_during_a_product_of_any_python_thread(monkeypatch):
    get = threads._libraries()[0][0]
    before, seen = get(), []
    multiply = np.matmul

    def watched(*args, **kwargs):
        seen.append(get())
        return multiply(*args, **kwargs)

    monkeypatch.setattr(np, "matmul", watched)
    a, b = _numbers(600, 80), _numbers(80, 90)
    with facula.use_kernels(False):  # compiled code would not call what is watched
        for run in (lambda: product(a, b), lambda: product(a[:100], b)):
            other = threading.Thread(target=run)
            other.start()
            other.join()
            run()
    assert set(seen) == {1}
    assert get() == before


@pytest.mark.parametrize("program", ["linear", "conv2d", "conv3d", "lstm", "gru"])
def test_gradients_of_layers_have_the_same_bits_for_any_number_of_threads(program):
    nn = facula.nn
    x = facula.from_numpy(_numbers(9, 12, 24, 24))
    layer, inputs = {
        "linear": (nn.Linear(576, 300), x.reshape(108, 576)),
        "conv2d": (nn.Conv2d(12, 24, 5), x),
        "conv3d": (nn.Conv3d(3, 8, 3), x.reshape(9, 3, 4, 24, 24)),
        "lstm": (nn.LSTM(64, 96), x.reshape(81, 12, 64)),
        "gru": (nn.GRU(64, 96), x.reshape(81, 12, 64)),
    }[program]
    parameters = list(layer.parameters())

    def make():
        out = layer(inputs)
        out = out[0] if isinstance(out, tuple) else out
        slopes = facula.autograd.grad(out.square().sum(), parameters)
        return np.concatenate([g.numpy().reshape(-1) for g in slopes])

    _for_each_number(make)
