"""Padding, resampling, grids: exactness and errors."""

import numpy as np
import pytest

import facula
from facula.nn import functional as F

image = facula.arange(16).float().reshape(1, 1, 4, 4)


def test_pad_modes_against_numpy():
    x = np.arange(12.0).reshape(1, 3, 4)
    t = facula.from_numpy(x)
    for mode, name in (("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")):
        np.testing.assert_array_equal(F.pad(t, (2, 1), mode).numpy(), np.pad(x, [(0, 0), (0, 0), (2, 1)], name))
    np.testing.assert_array_equal(
        F.pad(t, (1, 0, 2, 0), value=7.0).numpy(), np.pad(x, [(0, 0), (2, 0), (1, 0)], constant_values=7)
    )
    assert F.pad(t, (-1, -1)).shape == (1, 3, 2)


@pytest.mark.parametrize(("mode", "name"), [("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")])
@pytest.mark.parametrize("pads", [(3, 2), (0, 5), (5, 0)])
def test_long_dimensions_are_copied_with_edges(mode, name, pads):
    x = np.random.default_rng(0).standard_normal((2, 3, 50))
    t = facula.from_numpy(x).requires_grad_()
    out = F.pad(t, pads, mode)
    expected = np.pad(x, [(0, 0), (0, 0), pads], name)
    np.testing.assert_array_equal(out.detach().numpy(), expected)
    weights = np.arange(expected.size, dtype=np.float64).reshape(expected.shape)
    (out * facula.from_numpy(weights)).sum().backward()
    slope = np.zeros(50)
    np.add.at(slope, np.pad(np.arange(50), pads, name), weights[1, 2])
    np.testing.assert_allclose(t.grad[1, 2].numpy(), slope)


def test_pad_copies():
    t = facula.ones(1, 2)
    assert F.pad(t, (0, 0), "replicate") is not t


def test_integers_beyond_the_reach_of_floats_are_padded_exactly():
    assert F.pad(facula.tensor([2**62 + 1]), (1, 0)).tolist() == [0, 2**62 + 1]


def test_linear_resampling_is_local():
    x = facula.tensor([[[1.0, 2.0, float("inf"), 4.0]]])
    out = F.interpolate(x, size=8, mode="linear")
    assert out.tolist()[0][0][:3] == [1.0, 1.25, 1.75]


def test_bytes_are_rounded():
    x = facula.tensor([[[[0, 255]]]], dtype=facula.uint8)
    assert F.interpolate(x, size=(1, 4), mode="bilinear").tolist() == [[[[0, 64, 191, 255]]]]


def test_identity_grid():
    for align in (False, True):
        grid = F.affine_grid(facula.eye(2, 3).unsqueeze(0), (1, 1, 4, 4), align_corners=align)
        for mode in ("bilinear", "nearest", "bicubic"):
            np.testing.assert_allclose(
                F.grid_sample(image, grid, mode, align_corners=align).numpy(), image.numpy(), atol=1e-4
            )


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_grid_gradients(mode, padding):
    rng = np.random.default_rng(0)
    x = facula.from_numpy(rng.standard_normal((1, 2, 4, 3))).requires_grad_()
    grid = facula.from_numpy(rng.uniform(-1.2, 1.2, (1, 2, 3, 2))).requires_grad_()
    assert facula.autograd.gradcheck(
        lambda x, grid: F.grid_sample(x, grid, mode, padding, align_corners=False), (x, grid)
    )


def test_old_names_warn():
    with pytest.warns(UserWarning, match="deprecated. Use `nn.functional.interpolate` instead"):
        assert F.upsample(image, scale_factor=2).shape == (1, 1, 8, 8)


ERRORS = [
    (lambda: F.pad(facula.ones(2), (1,)), RuntimeError, "Padding length must be divisible by 2"),
    (lambda: F.pad(facula.ones(2), (1, 1, 1, 1)), RuntimeError, "less than or equal to two times the input dimension"),
    (lambda: F.pad(facula.ones(2), (-2, -1)), RuntimeError, "resulted in a negative output size"),
    (lambda: F.pad(facula.ones(2), (1, 1), "x"), NotImplementedError, "Unrecognised padding mode x"),
    (
        lambda: F.pad(facula.ones(1, 2), (1, 1), "reflect", 2),
        ValueError,
        'Padding mode "reflect" doesn\'t take in value argument',
    ),
    (
        lambda: F.pad(facula.ones(2), (1, 1), "reflect"),
        NotImplementedError,
        "Only 2D, 3D, 4D, 5D padding with non-constant padding",
    ),
    (
        lambda: F.pad(facula.ones(1, 2), (2, 0), "reflect"),
        RuntimeError,
        "Padding size should be less than the corresponding input dimension",
    ),
    (lambda: F.pad(facula.ones(1, 2), (3, 0), "circular"), RuntimeError, "wrapping around more than once"),
    (lambda: F.pad(facula.ones(1, 2), (-1, -1), "replicate"), RuntimeError, "input is too small"),
    (lambda: F.interpolate(image), ValueError, "either size or scale_factor should be defined"),
    (lambda: F.interpolate(image, 2, 2.0), ValueError, "only one of size or scale_factor should be defined"),
    (lambda: F.interpolate(image, (2, 2, 2)), ValueError, "same number of spatial dimensions"),
    (lambda: F.interpolate(image, 2, mode="linear"), NotImplementedError, r"\(got 4D\) for the modes"),
    (
        lambda: F.interpolate(image, 2, align_corners=True),
        ValueError,
        "align_corners option can only be set with the interpolating modes",
    ),
    (
        lambda: F.interpolate(image, 2, antialias=True),
        ValueError,
        "Anti-alias option is restricted to bilinear and bicubic",
    ),
    (lambda: F.interpolate(image, 0), RuntimeError, "Input and output sizes should be greater than 0"),
    (
        lambda: F.affine_grid(facula.eye(2, 3), (1, 1, 2, 2)),
        ValueError,
        "Expected a batch of 2D affine matrices of shape Nx2x3",
    ),
    (
        lambda: F.affine_grid(facula.ones(1, 2, 3).long(), (1, 1, 2, 2)),
        ValueError,
        "Expected theta to have floating point type",
    ),
    (lambda: F.affine_grid(facula.ones(1, 2, 3), (1, 1, 0, 2)), ValueError, "Expected non-zero, positive output size"),
    (
        lambda: F.grid_sample(image, facula.zeros(1, 2, 2, 2), "x"),
        ValueError,
        "expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: 'x'",
    ),
    (
        lambda: F.grid_sample(image, facula.zeros(1, 2, 2, 2), padding_mode="x"),
        ValueError,
        "expected padding_mode to be",
    ),
    (
        lambda: F.grid_sample(image, facula.zeros(2, 2, 2, 2)),
        RuntimeError,
        "expected grid and input to have same batch size",
    ),
    (
        lambda: F.grid_sample(facula.ones(1, 1, 2, 2, 2), facula.zeros(1, 2, 2, 2, 3), "bicubic"),
        RuntimeError,
        "bicubic interpolation only supports 4D input",
    ),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()
