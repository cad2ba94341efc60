"""The two records of filters that feed back: the suite of ops, and the equations they solve."""

import numpy as np
import pytest

import facula
from facula.testing import check_op
from facula_audio import functional as F
from facula_audio.functional.recursion import delays_op, iir_op


@pytest.mark.parametrize("record", [iir_op, delays_op], ids=lambda r: r.name)
def test_public_suite(record):
    check_op(record)


def test_iir_is_the_difference_equation():
    rng = np.random.default_rng(0)
    x, b, a = rng.standard_normal((2, 1, 40)), rng.standard_normal((1, 3)), np.array([[2.0, -0.6, 0.5]])
    y = iir_op(*(facula.from_numpy(t) for t in (x, b, a))).numpy()
    for n in range(40):
        late = lambda s, taps, first: sum(taps[0, k] * s[:, 0, n - k] for k in range(first, taps.shape[1]) if n >= k)
        np.testing.assert_allclose(2.0 * y[:, 0, n] + late(y, a, 1), late(x, b, 0), atol=1e-9)


@pytest.mark.parametrize("adjoint", [False, True])
def test_delays_are_the_equations(adjoint):
    rng = np.random.default_rng(0)
    count = 60
    x, gains = rng.standard_normal((3, count)), 0.5 * rng.standard_normal((2, count))
    lags = rng.integers(1, 9, (2, count))
    matrix = np.eye(count)
    for n in range(count):
        for gain, lag in zip(gains[:, n], lags[:, n], strict=True):
            if n >= lag:
                matrix[n, n - lag] -= gain
    y = delays_op(*(facula.from_numpy(t) for t in (x, gains, lags)), adjoint).numpy()
    np.testing.assert_allclose((matrix.T if adjoint else matrix) @ y.T, x.T, atol=1e-9)


@pytest.mark.parametrize(
    "call",
    [
        lambda x: F.lowpass_biquad(x, 8000, facula.tensor(900.0, dtype=facula.float64)),
        lambda x: F.phaser(x, 400, delay_ms=20.0),
        lambda x: F.flanger(x, 400, regen=40.0, delay=2.0, depth=10.0, speed=5.0),
        lambda x: F.flanger(x, 400, regen=-30.0, interpolation="quadratic", modulation="triangular", depth=8.0),
        lambda x: F.overdrive(x, 2.0, 5.0),
        lambda x: F.dcshift(x, 0.3, 0.05),
        lambda x: F.resample(x, 1009, 1117),
        lambda x: F.phase_vocoder(facula.complex(x, x + 1).reshape(2, 4, 15), 1.3, facula.ones(4, 1)).abs(),
    ],
)
def test_gradients(call):
    x = facula.from_numpy(0.3 * np.random.default_rng(1).standard_normal((1, 2, 60))).requires_grad_()
    assert facula.autograd.gradcheck(call, (x,))


def test_gradients_at_coefficients_twice():
    rng = np.random.default_rng(0)
    x, b = (facula.from_numpy(rng.standard_normal(s)).requires_grad_() for s in ((2, 12), (3,)))
    a = facula.tensor([1.2, -0.5, 0.3], dtype=facula.float64).requires_grad_()
    call = lambda x, a, b: F.lfilter(x, a, b, clamp=False)
    assert facula.autograd.gradcheck(call, (x, a, b))
    assert facula.autograd.gradgradcheck(call, (x, a, b))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.lfilter(x, facula.ones(2), facula.ones(3)), "Expected coeffs to be the same size"),
        (
            lambda x: F.lfilter(x, facula.ones(1, 1, 2), facula.ones(1, 1, 2)),
            "Expected coeffs of 1 or 2 dimensions, got 3",
        ),
        (
            lambda x: F.lfilter(x, facula.ones(3, 2), facula.ones(3, 2)),
            "Expected number of batches in waveform and coeffs",
        ),
        (lambda x: F.deemph_biquad(x, 16000), "Sample rate must be 44100 .* or 48000 .*got 16000"),
        (lambda x: F.riaa_biquad(x, 16000), "Sample rate must be 44.1k, 48k, 88.2k, or 96k"),
        (lambda x: F.flanger(x, 16000, modulation="square"), 'Only "sinusoidal" or "triangular" modulation allowed'),
        (lambda x: F.flanger(x, 16000, interpolation="cubic"), 'Only "linear" or "quadratic" interpolation allowed'),
        (lambda x: F.flanger(facula.zeros(5, 9), 16000), r"Max 4 channels allowed, .*got \(5, 9\)"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(facula.zeros(2, 9))


def test_long_filters_keep_their_precision():
    """A low cut-off has poles near one, where float32 sums would drift."""
    x = facula.from_numpy(np.random.default_rng(0).uniform(-0.1, 0.1, (1, 40_000)).astype(np.float32))
    narrow, wide = (F.highpass_biquad(t, 16000, 20.0).to(facula.float64) for t in (x, x.to(facula.float64)))
    assert float((narrow - wide).abs().max()) < 1e-6
