"""Resampling of tensors beside PyTorch's."""

import numpy as np
import pytest

import facula
from facula_vision.transforms import functional as F
from facula_vision.transforms.interpolation import InterpolationMode

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("size", [(5, 4), (23, 31), (13, 17), (3, 40)])
@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_resize(size, antialias, mode):
    image = np.random.default_rng(0).random((2, 3, 13, 17), dtype=np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(image), size=size, mode=mode, align_corners=False, antialias=antialias
    )
    found = F.resize(facula.from_numpy(image), size, InterpolationMode(mode), antialias=antialias)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=2e-6)


@pytest.mark.parametrize("size", [(5, 4), (23, 31), (3, 40)])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest(size, mode):
    image = np.random.default_rng(0).random((1, 3, 13, 17), dtype=np.float32)
    expected = torch.nn.functional.interpolate(torch.from_numpy(image), size=size, mode=mode)
    found = F.resize(facula.from_numpy(image), size, InterpolationMode(mode))
    np.testing.assert_array_equal(found.numpy(), expected.numpy())
