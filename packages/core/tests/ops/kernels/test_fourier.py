"""SciPy's transforms of many rows are NumPy's."""

import numpy as np
import pytest

import facula
from facula.ops.fft import _half_to_real, _real_to_half, _transform
from facula.ops.kernels.cpu import fourier


@pytest.fixture(autouse=True)
def _short_transforms_count(monkeypatch):
    monkeypatch.setattr(fourier, "_MANY", 0)


@pytest.mark.parametrize("norm", ["backward", "ortho", "forward"])
@pytest.mark.parametrize(("shape", "dims"), [((7, 12), (1,)), ((37, 5, 6), (0, 2)), ((3, 50), (0,)), ((1, 401), (1,))])
def test_transforms(agrees, normal, shape, dims, norm):
    x = normal(*shape)
    agrees(_real_to_half, x, dims=dims, norm=norm, rtol=1e-5, atol=2e-5)
    z = (x + 1j * normal(*shape)).astype(np.complex64)
    for inverse in (False, True):
        agrees(_transform, z, dims=dims, norm=norm, inverse=inverse, rtol=1e-5, atol=2e-5)
    half = z.take(range(shape[dims[-1]] // 2 + 1), axis=dims[-1])
    agrees(_half_to_real, half, dims=dims, size=shape[dims[-1]], norm=norm, rtol=1e-5, atol=2e-5)


def test_double_and_views(normal):
    x = facula.from_numpy(normal(20, 64)).to(facula.float64)[::2, ::2]
    with facula.use_kernels(False):
        plain = facula.fft.rfft(x)
    found = facula.fft.rfft(x)
    assert found.dtype == facula.complex128
    facula.testing.assert_close(found, plain)


def test_what_it_serves(monkeypatch, normal):
    monkeypatch.setattr(fourier, "get_num_threads", None)
    x = facula.from_numpy(normal(4, 8))
    with pytest.raises(TypeError, match="not callable"):
        facula.fft.rfft(x)
    with facula.use_kernels(False):
        assert facula.fft.rfft(x).shape == (4, 5)
    monkeypatch.setattr(fourier, "_MANY", 33)
    assert facula.fft.rfft(x).shape == (4, 5)


@pytest.mark.parametrize("shape", [(700, 300), (3, 200, 300)])
def test_windows_equal_the_product(shape, normal):
    frames, window = normal(*shape), normal(300)
    assert np.array_equal(fourier.windowed(np, frames, window), frames * window)
    overlapping = np.lib.stride_tricks.sliding_window_view(normal(90000), 300)[::100]
    assert np.array_equal(fourier.windowed(np, overlapping, window), overlapping * window)
    wide = window.astype(np.float64)
    assert fourier.windowed(np, frames, wide).dtype == np.float64
