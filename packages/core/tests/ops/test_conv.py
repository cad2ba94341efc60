"""Convolutions, windows and shuffles: against direct sums, and their errors."""

import itertools

import numpy as np
import pytest

import facula
from facula.nn import functional as F
from facula.ops import conv


def direct(x, w, stride, padding, dilation, groups):
    """The definition, one output at a time."""
    x = np.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in padding])
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, w.shape[2:], strict=True)]
    outs = [(n - s) // t + 1 for n, s, t in zip(x.shape[2:], spans, stride, strict=True)]
    out = np.zeros((x.shape[0], w.shape[0], *outs))
    per, og = w.shape[1], w.shape[0] // groups
    for at in itertools.product(*map(range, outs)):
        window = x[
            (
                slice(None),
                slice(None),
                *(slice(i * t, i * t + s, d) for i, t, s, d in zip(at, stride, spans, dilation, strict=True)),
            )
        ]
        for o in range(w.shape[0]):
            g = o // og
            out[(slice(None), o, *at)] = (window[:, g * per : (g + 1) * per] * w[o]).sum(axis=tuple(range(1, x.ndim)))
    return out


CASES = [
    ((2, 4, 9), (6, 2, 3), (2,), (1,), (2,), 2),
    ((3, 4, 6, 7), (4, 1, 3, 2), (1, 2), (1, 0), (1, 2), 4),
    ((2, 3, 5, 5), (4, 3, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 3, 5, 5), (4, 3, 1, 1), (2, 2), (0, 0), (1, 1), 1),
    ((1, 2, 4, 5, 3), (2, 2, 2, 2, 2), (1, 2, 1), (1, 0, 1), (1, 1, 1), 1),
]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("small", [False, True])
def test_against_the_definition(case, small, monkeypatch):
    if small:  # one image at a time
        monkeypatch.setattr(conv, "_BUFFER", 1)
        monkeypatch.setattr(conv, "_CACHED", 1)
    shape, kernel, stride, padding, dilation, groups = case
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal(shape), rng.standard_normal(kernel)
    f = (F.conv1d, F.conv2d, F.conv3d)[len(shape) - 3]
    tx, tw = facula.from_numpy(x).requires_grad_(), facula.from_numpy(w).requires_grad_()
    out = f(tx, tw, None, stride, padding, dilation, groups)
    np.testing.assert_allclose(out.detach().numpy(), direct(x, w, stride, padding, dilation, groups), atol=1e-12)
    g = facula.from_numpy(rng.standard_normal(out.shape))
    gx, gw = facula.autograd.grad(out, (tx, tw), g)
    dx, dw = (
        rng.standard_normal(shape),
        rng.standard_normal(kernel),
    )  # directional derivatives: the op is linear in each
    at = lambda x, w: (direct(x, w, stride, padding, dilation, groups) * g.numpy()).sum()
    assert abs((gx.numpy() * dx).sum() - at(dx, w)) < 1e-9
    assert abs((gw.numpy() * dw).sum() - at(x, dw)) < 1e-9


def test_same_padding_with_an_even_kernel_pads_more_at_the_end():
    out = F.conv1d(facula.tensor([[[1.0, 2.0, 3.0]]]), facula.tensor([[[1.0, 10.0]]]), padding="same")
    assert out.tolist() == [[[21.0, 32.0, 3.0]]]


def test_unbatched_and_integer_inputs():
    assert F.conv2d(facula.ones(1, 3, 3), facula.ones(2, 1, 2, 2)).shape == (2, 2, 2)
    assert F.conv1d(facula.ones(1, 1, 3).long(), facula.ones(1, 1, 2).long()).tolist() == [[[2, 2]]]


def test_transposed_undoes_the_shape():
    x = facula.randn(2, 3, 7, 8)
    y = F.conv2d(x, facula.randn(5, 3, 3, 2), stride=2, padding=1)
    assert F.conv_transpose2d(y, facula.randn(5, 3, 3, 2), stride=2, padding=1, output_padding=(0, 0)).shape == (
        2,
        3,
        7,
        8,
    )


def test_fold_adds_what_unfold_took():
    x = facula.randn(2, 3, 4, 5)
    columns = F.unfold(x, 2)
    back = F.fold(columns, (4, 5), 2)
    counts = F.fold(F.unfold(facula.ones(2, 3, 4, 5), 2), (4, 5), 2)
    np.testing.assert_allclose((back / counts).numpy(), x.numpy(), rtol=1e-5)


def test_pixel_unshuffle_undoes_pixel_shuffle():
    x = facula.randn(2, 8, 3, 4)
    assert facula.equal(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), x)


image, kernel = facula.ones(1, 3, 4, 4), facula.ones(2, 3, 2, 2)
ERRORS = [
    (
        lambda: F.conv2d(facula.ones(1, 2, 4, 4), kernel),
        RuntimeError,
        r"expected input\[1, 2, 4, 4\] to have 3 channels, but got 2 channels instead",
    ),
    (
        lambda: F.conv2d(facula.ones(4, 4), kernel),
        RuntimeError,
        r"Expected 3D \(unbatched\) or 4D \(batched\) input to conv2d, but got input of size: \[4, 4\]",
    ),
    (lambda: F.conv2d(image, facula.ones(2, 3, 2)), RuntimeError, "Expected 4-dimensional weight"),
    (
        lambda: F.conv2d(image, facula.ones(2, 3, 5, 5)),
        RuntimeError,
        r"Kernel size: \(5 x 5\). Kernel size can't be greater than actual input size",
    ),
    (
        lambda: F.conv2d(image, kernel, facula.ones(3)),
        RuntimeError,
        "expected bias to be 1-dimensional with 2 elements",
    ),
    (lambda: F.conv2d(image, kernel.double()), RuntimeError, "should be the same"),
    (lambda: F.conv2d(image, kernel, stride=0), RuntimeError, "non-positive stride is not supported"),
    (lambda: F.conv2d(image, kernel, padding=-1), RuntimeError, "negative padding is not supported"),
    (lambda: F.conv2d(image, kernel, groups=0), RuntimeError, "non-positive groups is not supported"),
    (lambda: F.conv2d(image, facula.ones(2, 1, 2, 2), groups=3), RuntimeError, "to be at least 3 at dimension 0"),
    (
        lambda: F.conv2d(image, kernel, stride=2, padding="same"),
        RuntimeError,
        "padding='same' is not supported for strided convolutions",
    ),
    (lambda: F.conv2d(image, kernel, padding="x"), RuntimeError, "Invalid padding string"),
    (
        lambda: F.conv2d(image, kernel, stride=(1, 1, 1)),
        RuntimeError,
        "expected stride to be a single integer value or a list of 2 values",
    ),
    (lambda: F.conv_transpose2d(image, kernel), RuntimeError, "to have 2 channels, but got 3 channels instead"),
    (lambda: F.conv_transpose2d(facula.ones(4), kernel), RuntimeError, "input to conv_transpose2d"),
    (
        lambda: F.conv_transpose2d(image, facula.ones(3, 2, 2, 2), output_padding=1),
        RuntimeError,
        "output padding must be smaller than either stride or dilation",
    ),
    (
        lambda: F.conv_transpose2d(image, facula.ones(3, 2, 2, 2), facula.ones(3)),
        RuntimeError,
        "1-dimensional with 2 elements",
    ),
    (
        lambda: F.conv_transpose2d(image, facula.ones(3, 2, 2, 2), groups=2),
        RuntimeError,
        "divisible by it at dimension 0",
    ),
    (lambda: F.conv_transpose2d(image, facula.ones(3, 2, 1, 1), padding=2), RuntimeError, "Output size is too small"),
    (lambda: F.unfold(facula.ones(2, 3), 2), RuntimeError, "Expected 3D or 4D"),
    (lambda: F.unfold(image, 5), RuntimeError, "its components must be at least one"),
    (lambda: F.fold(facula.ones(4), 2, 2), RuntimeError, "Expected 2D or 3D"),
    (lambda: F.fold(facula.ones(1, 3, 9), 4, 2), RuntimeError, "divisible by the product of kernel_size"),
    (
        lambda: F.fold(facula.ones(1, 4, 8), 4, 2),
        RuntimeError,
        r"number of sliding blocks 3 \* 3 = 9, but got input.size\(2\)=8",
    ),
    (lambda: F.pixel_shuffle(facula.ones(3, 2, 2), 2), RuntimeError, "not divisible by 4"),
    (lambda: F.pixel_shuffle(facula.ones(2, 2), 2), RuntimeError, "at least 3 dimensions"),
    (lambda: F.pixel_shuffle(facula.ones(4, 2, 2), 0), RuntimeError, "positive upscale_factor"),
    (
        lambda: F.pixel_unshuffle(facula.ones(1, 3, 2), 2),
        RuntimeError,
        "expects height to be divisible by downscale_factor, but 3",
    ),
    (lambda: F.pixel_unshuffle(facula.ones(2, 2), 2), RuntimeError, "at least 3 dimensions"),
    (lambda: F.pixel_unshuffle(facula.ones(1, 2, 2), 0), RuntimeError, "positive downscale_factor"),
    (
        lambda: F.channel_shuffle(image, 2),
        RuntimeError,
        "Number of channels must be divisible by groups. Got 3 channels and 2 groups",
    ),
    (lambda: F.channel_shuffle(facula.ones(2, 2), 2), RuntimeError, "expects input with > 2 dims"),
    (lambda: F.channel_shuffle(image, 0), RuntimeError, "must be positive"),
]


@pytest.mark.parametrize(("call", "error", "match"), ERRORS)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


@pytest.mark.parametrize("kernel", [1, 3])
def test_no_images_have_gradients_too(kernel):
    x, weight = facula.zeros(0, 3, 4, 4, requires_grad=True), facula.rand(2, 3, kernel, kernel, requires_grad=True)
    F.conv2d(x, weight).sum().backward()
    assert x.grad.shape == (0, 3, 4, 4)
    assert facula.equal(weight.grad, facula.zeros_like(weight))
