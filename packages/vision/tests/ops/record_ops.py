"""Write `ops.npz`: what torchvision's operators and their gradients give, for the tests beside this file.

Run where torchvision is installed: `python record_ops.py`. The tests read `cases` and `run` from here; those need neither.
"""

from pathlib import Path

import numpy as np

PLACE = Path(__file__).with_name("ops.npz")


def boxes_in(rng, count, size, least=0.5):
    """Boxes (x1, y1, x2, y2), some of which reach out of the picture."""
    corners = rng.uniform(-0.1 * size, 0.9 * size, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(least, 0.5 * size, (count, 2))], axis=1)


def regions(rng, count, pictures, size, least=0.5):
    return np.concatenate([rng.integers(0, pictures, (count, 1)), boxes_in(rng, count, size, least)], axis=1)


def of_regions(rng):
    """Cases of what reads regions."""
    maps, sensitive = rng.standard_normal((2, 3, 9, 8)), rng.standard_normal((2, 12, 9, 8))
    rois = regions(rng, 6, 2, 16.0)
    rois[0, 1:], rois[1, 1:] = [30.0, 30.0, 40.0, 44.0], [5.0, 5.0, 5.0, 5.0]  # outside; empty
    for name, options in {
        "plain": {"output_size": 2, "spatial_scale": 0.5, "sampling_ratio": 2},
        "aligned": {"output_size": (3, 2), "spatial_scale": 0.5, "sampling_ratio": 2, "aligned": True},
        "adaptive": {"output_size": (2, 3), "spatial_scale": 0.5},
        "adaptive aligned": {"output_size": 2, "spatial_scale": 0.4, "aligned": True},
    }.items():
        yield f"roi_align {name}", "roi_align", {"input": maps, "boxes": rois, **options}, ["input"]
    listed = [rois[:2, 1:], rois[2:, 1:]]
    yield "roi_align list", "roi_align", {"input": maps, "boxes": listed, "output_size": 2}, ["input"]
    yield "roi_pool", "roi_pool", {"input": maps, "boxes": rois, "output_size": (3, 2), "spatial_scale": 0.5}, ["input"]
    sized = {"input": sensitive, "boxes": rois[1:], "output_size": 2, "spatial_scale": 0.5}
    yield "ps_roi_pool", "ps_roi_pool", sized, []
    inner = {**sized, "boxes": np.concatenate([rois[:, :1], rois[:, 1:].clip(0, 12)], axis=1)[1:]}
    yield (
        "ps_roi_pool inside",
        "ps_roi_pool",
        inner,
        ["input"],
    )  # at the border torchvision's backward leaves its forward
    sized = {**sized, "boxes": rois[2:]}
    yield "ps_roi_align", "ps_roi_align", {**sized, "sampling_ratio": 2}, ["input"]
    yield "ps_roi_align adaptive", "ps_roi_align", sized, ["input"]


def of_convolution(rng):
    """Cases of deformable convolution: groups, groups of offsets, with and without mask and bias."""
    inputs, weight = rng.standard_normal((2, 4, 6, 5)), rng.standard_normal((4, 2, 3, 2))
    how = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    offset, mask = 1.7 * rng.standard_normal((2, 24, 3, 7)), rng.random((2, 12, 3, 7))
    full = {"input": inputs, "offset": offset, "weight": weight, "bias": rng.standard_normal(4), "mask": mask, **how}
    yield "deform_conv2d", "deform_conv2d", full, ["input", "offset", "weight", "bias", "mask"]
    bare = {"input": inputs, "offset": offset[:, :12], "weight": weight, **how}
    yield "deform_conv2d bare", "deform_conv2d", bare, ["input", "offset", "weight"]


def of_boxes(rng):
    """Cases of boxes: forms, overlaps, losses, suppression."""
    first, second = boxes_in(rng, 5, 10.0), boxes_in(rng, 4, 10.0)
    pair = {"boxes1": first, "boxes2": second}
    for name in ("box_iou", "generalized_box_iou", "distance_box_iou", "complete_box_iou"):
        yield name, name, pair, ["boxes1", "boxes2"]
    for form in ("xywh", "cxcywh"):
        sized = {name: np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1) for name, boxes in pair.items()}
        yield f"box_iou {form}", "box_iou", {**sized, "fmt": form}, ["boxes1"]
        yield f"box_area {form}", "box_area", {"boxes": sized["boxes1"], "fmt": form}, ["boxes"]
    near = {"boxes1": first, "boxes2": first + rng.uniform(-0.7, 0.7, first.shape)}
    for name in ("generalized", "distance", "complete"):
        for reduction in ("none", "mean", "sum"):
            case = f"{name}_box_iou_loss"
            yield f"{case} {reduction}", case, {**near, "reduction": reduction}, ["boxes1", "boxes2"]
    turned = [
        np.concatenate([5 + 3 * rng.random((n, 2)), 1 + 4 * rng.random((n, 2)), rng.uniform(-180, 180, (n, 1))], 1)
        for n in (5, 4)
    ]
    yield "box_iou cxcywhr", "box_iou", {"boxes1": turned[0], "boxes2": turned[1], "fmt": "cxcywhr"}, []
    yield "box_iou same", "box_iou", {"boxes1": turned[0][:2], "boxes2": turned[0][:2], "fmt": "cxcywhr"}, []
    yield "box_iou xywhr", "box_iou", {"boxes1": turned[0], "boxes2": turned[1], "fmt": "xywhr"}, []
    for out in ("xywhr", "xyxyxyxy"):
        yield f"cxcywhr to {out}", "box_convert", {"boxes": turned[0], "in_fmt": "cxcywhr", "out_fmt": out}, []
    for out in ("cxcywhr", "xyxyxyxy"):
        yield f"xywhr to {out}", "box_convert", {"boxes": turned[0], "in_fmt": "xywhr", "out_fmt": out}, []
    corners = rng.uniform(0, 9, (3, 8))
    for out in ("xywhr", "cxcywhr"):
        yield f"xyxyxyxy to {out}", "box_convert", {"boxes": corners, "in_fmt": "xyxyxyxy", "out_fmt": out}, []
    many, scores = boxes_in(rng, 60, 8.0), rng.permutation(60) / 60
    yield "nms", "nms", {"boxes": many, "scores": scores, "iou_threshold": 0.3}, []
    labels = rng.integers(0, 3, 60)
    yield "batched_nms", "batched_nms", {"boxes": many, "scores": scores, "idxs": labels, "iou_threshold": 0.3}, []
    yield (
        "masks_to_boxes",
        "masks_to_boxes",
        {"masks": rng.random((4, 6, 7)) > np.array([0.9, 0.5, 0.97, 1])[:, None, None]},
        [],
    )
    yield "clip", "clip_boxes_to_image", {"boxes": first, "size": (6, 7)}, ["boxes"]
    yield "small", "remove_small_boxes", {"boxes": first, "min_size": 2.5}, []
    logits, targets = 3 * rng.standard_normal((4, 3)), (rng.random((4, 3)) > 0.5).astype(float)
    for name, options in {
        "mean": {"reduction": "mean"},
        "no alpha": {"alpha": -1, "gamma": 1.5},
        "sum": {"reduction": "sum"},
    }.items():
        yield f"focal {name}", "sigmoid_focal_loss", {"inputs": logits, "targets": targets, **options}, ["inputs"]


def cases():
    """(name, operator, arguments, those that get a gradient), the same at every call."""
    for k, family in enumerate((of_regions, of_convolution, of_boxes)):
        yield from family(np.random.default_rng(k))


def run(library, ops, operator, arguments, wanted, dtype):
    """The result and the gradients as arrays; the upper gradient is a cosine, which no symmetry hides from."""

    def made(value):
        if isinstance(value, list):
            return [made(part) for part in value]
        if not isinstance(value, np.ndarray):
            return value
        return library.tensor(value.astype(dtype) if value.dtype.kind == "f" else value)

    values = {name: made(value) for name, value in arguments.items()}
    for name in wanted:
        values[name].requires_grad_()
    out = getattr(ops, operator)(**values)
    if wanted:
        upper = library.cos(library.arange(out.numel(), dtype=out.dtype)).reshape(out.shape)
        (out * upper).sum().backward()
    return [out.detach().numpy(), *(values[name].grad.numpy() for name in wanted)]


def main():
    import torch
    from torchvision import ops

    found = {}
    for name, *case in cases():
        for k, array in enumerate(run(torch, ops, *case, np.float64)):
            found[f"{name}/{k}"] = array.astype(np.float32) if array.dtype == np.float64 else array
    np.savez_compressed(PLACE, **found)


if __name__ == "__main__":
    main()
