"""Operators and their gradients beside torchvision's on larger arrays, where torchvision is installed."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import facula
from facula_vision import ops

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

RECORDED = runpy.run_path(str(Path(__file__).with_name("record_ops.py")))
run, regions = RECORDED["run"], RECORDED["regions"]


def both(*case, dtype=np.float32):
    return run(facula, ops, *case, dtype), run(torch, torchvision.ops, *case, dtype)


def agree(found, expected, tolerance=1e-4):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * max(1.0, float(np.abs(b).max(initial=0))))


@pytest.mark.parametrize("kernels", [True, False])
@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [2, 0])
def test_roi_align(ratio, aligned, kernels):
    rng = np.random.default_rng(0)
    maps, rois = rng.standard_normal((2, 16, 32, 40)), regions(rng, 50, 2, 300.0)
    options = {"output_size": (7, 5), "spatial_scale": 0.125, "sampling_ratio": ratio, "aligned": aligned}
    with facula.use_kernels(kernels):
        agree(*both("roi_align", {"input": maps, "boxes": rois, **options}, ["input"]))


@pytest.mark.parametrize("kernels", [True, False])
def test_roi_pool_and_the_kinds_by_place(kernels):
    rng = np.random.default_rng(1)
    maps, rois = rng.standard_normal((2, 18, 32, 40)), regions(rng, 50, 2, 300.0)
    sized = {"input": maps, "boxes": rois, "output_size": 3, "spatial_scale": 0.125}
    with facula.use_kernels(kernels):
        agree(*both("roi_pool", sized, ["input"]))
        agree(*both("ps_roi_align", {**sized, "sampling_ratio": 2}, ["input"]))
        agree(*both("ps_roi_pool", sized, []))


@pytest.mark.parametrize("kernels", [True, False])
def test_deform_conv(kernels):
    rng = np.random.default_rng(2)
    arguments = {
        "input": rng.standard_normal((2, 16, 20, 24)),
        "offset": 2 * rng.standard_normal((2, 36, 20, 24)),
        "weight": rng.standard_normal((12, 8, 3, 3)),
        "bias": rng.standard_normal(12),
        "mask": rng.random((2, 18, 20, 24)),
    }
    with facula.use_kernels(kernels):
        agree(*both("deform_conv2d", {**arguments, "padding": (1, 1)}, list(arguments)), tolerance=2e-4)


@pytest.mark.parametrize("kernels", [True, False])
def test_suppression_keeps_the_same_boxes(kernels):
    rng = np.random.default_rng(3)
    for count in (300, 1500):
        boxes, scores = regions(rng, count, 1, 200.0)[:, 1:], rng.permutation(count) / count
        labels = rng.integers(0, 5, count)
        for threshold in (0.2, 0.5, 0.8):
            arguments = {"boxes": boxes, "scores": scores, "iou_threshold": threshold}
            with facula.use_kernels(kernels):
                for name, more in (("nms", {}), ("batched_nms", {"idxs": labels})):
                    (found,), (expected,) = both(name, {**arguments, **more}, [])
                    np.testing.assert_array_equal(found, expected)


def test_rotated_overlaps():
    rng = np.random.default_rng(4)
    boxes = [
        np.concatenate([rng.uniform(0, 20, (n, 2)), rng.uniform(1, 15, (n, 2)), rng.uniform(-200, 200, (n, 1))], 1)
        for n in (40, 30)
    ]
    for form in ("cxcywhr", "xywhr"):
        agree(*both("box_iou", {"boxes1": boxes[0], "boxes2": boxes[1], "fmt": form}, []))


def test_pyramid_pooling():
    rng = np.random.default_rng(5)
    maps = {
        name: rng.standard_normal((2, 4, side, side), dtype=np.float32)
        for name, side in (("0", 64), ("1", 32), ("2", 16))
    }
    boxes = [part[:, 1:].astype(np.float32) for part in (regions(rng, 30, 1, 256.0), regions(rng, 20, 1, 256.0))]
    shapes = [(256, 256), (230, 250)]
    found = [
        kind.MultiScaleRoIAlign(["0", "1", "2"], 7, 2)(
            {name: library.tensor(array) for name, array in maps.items()},
            [library.tensor(part) for part in boxes],
            shapes,
        ).numpy()
        for library, kind in ((facula, ops), (torch, torchvision.ops))
    ]
    np.testing.assert_allclose(*found, atol=1e-5)


def test_drop_block_with_the_same_seeds(monkeypatch):
    seeds = (np.random.default_rng(6).random((2, 3, 8, 8)) < 0.05).astype(np.float32)
    x = np.random.default_rng(7).standard_normal((2, 3, 10, 10), dtype=np.float32)
    found = []
    for library, kind in ((facula, ops), (torch, torchvision.ops)):
        drawn = library.tensor(seeds)
        with monkeypatch.context() as patch:
            patch.setattr(library.Tensor, "bernoulli_", lambda self, p, drawn=drawn: self.copy_(drawn))
            found.append(kind.drop_block2d(library.tensor(x), 0.1, 3).numpy())
    np.testing.assert_allclose(*found, rtol=1e-5)
