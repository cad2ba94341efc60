"""Rates without a common factor, the library soxr, speed."""

import sys

import numpy as np
import pytest

import facula
from facula_audio import functional as F
from facula_audio import transforms as T
from facula_audio.functional import resampling


def noise(*shape):
    return facula.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(np.float32))


@pytest.mark.parametrize("rates", [(3, 2), (147, 160), (441, 160), (5, 8)])
@pytest.mark.parametrize("method", ["sinc_interp_hann", "sinc_interp_kaiser"])
def test_both_ways_to_add_up_are_the_same(monkeypatch, rates, method):
    x = noise(2, 1, 700)
    by_kernel = F.resample(x, *rates, 8, 0.9, method)
    monkeypatch.setattr(resampling, "_LARGEST", 0)
    by_taps = F.resample(x, *rates, 8, 0.9, method)
    facula.testing.assert_close(by_taps, by_kernel, rtol=1e-4, atol=1e-5)
    facula.testing.assert_close(T.Resample(*rates, method, 8, 0.9)(x), by_kernel, rtol=1e-4, atol=1e-5)


def test_rates_without_a_common_factor_need_little_memory():
    x = facula.sin(facula.arange(4000) * 0.05)
    out = F.resample(x, 44100, 44101)
    assert out.shape == (4001,)
    assert float((out[100:3900] - x[100:3900]).abs().max()) < 0.01
    assert T.Resample(44100, 44101).state_dict() == {}


def test_old_names_of_methods():
    x = noise(300)
    assert facula.equal(F.resample(x, 3, 2, resampling_method="sinc_interpolation"), F.resample(x, 3, 2))
    kaiser = F.resample(x, 3, 2, resampling_method="sinc_interp_kaiser")
    assert facula.equal(F.resample(x, 3, 2, resampling_method="kaiser_window"), kaiser)


@pytest.mark.parametrize("rates", [(48000, 16000), (8000, 44100)])
def test_soxr(rates):
    pytest.importorskip("soxr")
    time = np.arange(int(rates[0] * 0.2)) / rates[0]
    x = facula.from_numpy(np.stack([np.sin(2 * np.pi * f * time) for f in (300, 1000)]).astype(np.float32))
    found = F.resample(x, *rates, resampling_method="soxr")
    assert (found.dtype, found.shape) == (facula.float32, F.resample(x, *rates).shape)
    expected = np.sin(2 * np.pi * 1000 * np.arange(found.shape[1]) / rates[1])
    np.testing.assert_allclose(found[1, 300:-300].numpy(), expected[300:-300], atol=2e-3)
    assert facula.equal(T.Resample(*rates, "soxr")(x[:, None]), found[:, None])
    with pytest.raises(RuntimeError, match="expected a waveform without gradients for resampling_method='soxr'"):
        F.resample(x.requires_grad_(), *rates, resampling_method="soxr")


def test_soxr_is_named_where_it_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(ImportError, match=r"soxr: expected the extra 'soxr' .* pip install facula-audio\[soxr\]"):
        F.resample(noise(100), 3, 2, resampling_method="soxr")


def test_speed_perturbation_draws_a_factor():
    facula.manual_seed(0)
    transform = T.SpeedPerturbation(16000, [0.9, 1.0, 1.1])
    found = {transform(noise(1, 990))[0].shape[1] for _ in range(30)}
    assert found == {900, 990, 1100}
    with pytest.raises(ValueError, match="desired frequency should be positive"):
        F.speed(noise(1, 100), 16000, -1.0)
