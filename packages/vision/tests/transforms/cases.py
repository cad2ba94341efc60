"""Calls of every functional, told so that torchvision and Facula can both make them: `outputs(torch, torchvision, ...)`."""

import numpy as np
from PIL import Image


def pixels(seed, *shape):
    """Smooth planes and some noise, so that neither edges nor ties decide."""
    rng = np.random.default_rng(seed)
    rows, columns = shape[-2:]
    y, x = np.mgrid[0:rows, 0:columns]
    waves = np.stack([np.sin(x / (3 + k % 5) + k) * np.cos(y / (5 - k % 3)) for k in range(int(np.prod(shape[:-2])))])
    noisy = (waves.reshape(shape) + 1) * 110 + rng.uniform(-12, 12, shape)
    return noisy.clip(0, 255).astype(np.uint8)


def inputs(torch, tv_tensors, size=(12, 15), seed=0):
    """One of each kind, by name."""
    height, width = size
    colour, grey = pixels(seed, 3, *size), pixels(seed + 1, 1, *size)
    rng = np.random.default_rng(seed + 2)
    corner = rng.integers(0, (width // 2, height // 2), (5, 2))
    corners = np.concatenate([corner, corner + rng.integers(1, (width // 2, height // 2), (5, 2))], 1)
    sides = np.concatenate([corner, corners[:, 2:] - corner], 1)
    turned = np.concatenate([sides + 0.25, rng.uniform(-80, 80, (5, 1))], 1).astype(np.float32)
    tensor = torch.from_numpy

    def boxes(numbers, form):
        mode = None if form.endswith("R") else "soft"
        return tv_tensors.BoundingBoxes(tensor(numbers), format=form, canvas_size=size, clamping_mode=mode)

    return {
        "uint8": tensor(colour),
        "float": tensor(colour.astype(np.float32) / 255),
        "grey": tensor(grey),
        "batch": tensor(pixels(seed + 3, 2, 3, *size)),
        "image": tv_tensors.Image(tensor(colour)),
        "video": tv_tensors.Video(tensor(pixels(seed + 4, 4, 3, *size))),
        "mask": tv_tensors.Mask(tensor((pixels(seed + 5, *size) // 64).astype(np.uint8))),
        "masks": tv_tensors.Mask(tensor(pixels(seed + 6, 2, *size) > 90)),
        "points": tv_tensors.KeyPoints(tensor(corners.reshape(5, 2, 2).astype(np.float32) + 0.3), canvas_size=size),
        "xyxy": boxes(corners.astype(np.float32) + 0.25, "XYXY"),
        "xyxy_int": boxes(corners, "XYXY"),
        "xywh": boxes(sides.astype(np.float32) + 0.25, "XYWH"),
        "xywh_int": boxes(sides, "XYWH"),
        "cxcywh": boxes(sides.astype(np.float32) + 0.5, "CXCYWH"),
        "cxcywh_int": boxes(sides, "CXCYWH"),
        "xywhr": boxes(turned, "XYWHR"),
        "cxcywhr": boxes(turned, "CXCYWHR"),
        "pil": Image.fromarray(colour.transpose(1, 2, 0).copy()),
        "pil_grey": Image.fromarray(grey[0].copy()),
    }


SMALL = (12, 15)
RECORDED = "uint8 float pil mask masks points xyxy xywh cxcywh xyxy_int video xywhr grey".split()
IMAGES = "uint8 float grey batch image video"
PILLOW = "pil pil_grey"
BOXES = "xyxy xyxy_int xywh xywh_int cxcywh cxcywh_int"
ALL = f"{IMAGES} {PILLOW} mask masks points {BOXES}"
EXPANDED = f"points {BOXES} xywhr".split()
MIRRORED = f"{ALL} xywhr cxcywhr"
COLOUR = f"{IMAGES} {PILLOW}"
CORNERS = [[[0, 0], [14, 0], [14, 11], [0, 11]], [[2, 1], [13, 2], [12, 10], [1, 9]]]

CASES = [  # function, inputs, arguments
    ("horizontal_flip", MIRRORED, {}),
    ("vertical_flip", MIRRORED, {}),
    ("resize", ALL, dict(size=[7, 9])),
    ("resize", f"{ALL} xywhr", dict(size=[20, 24])),
    ("resize", ALL, dict(size=8, max_size=9)),
    ("resize", ALL, dict(size=None, max_size=10)),
    ("resize", f"{IMAGES} {PILLOW}", dict(size=[9, 7], interpolation="bicubic")),
    ("resize", f"{IMAGES} mask", dict(size=[9, 7], interpolation="nearest")),
    ("resize", f"{IMAGES}", dict(size=[9, 7], interpolation="nearest-exact")),
    ("resize", "uint8 float", dict(size=[9, 7], antialias=False)),
    ("resize", PILLOW, dict(size=[9, 7], interpolation="lanczos")),
    ("crop", ALL, dict(top=2, left=3, height=6, width=7)),
    ("crop", f"{ALL} xywhr", dict(top=-2, left=-1, height=10, width=20)),
    ("pad", f"{ALL} xywhr", dict(padding=[1, 2, 3, 4])),
    ("pad", COLOUR, dict(padding=[2], fill=7)),
    ("pad", "uint8 float image pil", dict(padding=[2, 1], fill=[1, 2, 3])),
    ("pad", "mask", dict(padding=[2, 1], fill=5)),
    ("pad", f"{COLOUR} mask", dict(padding=[2, 1], padding_mode="edge")),
    ("pad", f"{COLOUR} mask", dict(padding=[2, 1], padding_mode="reflect")),
    ("pad", f"{COLOUR} mask", dict(padding=[2, 1], padding_mode="symmetric")),
    ("center_crop", ALL, dict(output_size=[7, 6])),
    ("center_crop", ALL, dict(output_size=[18, 5])),
    ("resized_crop", ALL, dict(top=1, left=2, height=9, width=8, size=[6, 12])),
    ("five_crop", f"{IMAGES} {PILLOW}", dict(size=[5, 6])),
    ("ten_crop", f"{IMAGES} {PILLOW}", dict(size=[5, 6])),
    ("ten_crop", "uint8 pil", dict(size=5, vertical_flip=True)),
    ("affine", ALL, dict(angle=20, translate=[1, 2], scale=1.1, shear=[5.0, 3.0])),
    ("affine", ALL, dict(angle=-33.0, translate=[0, -1], scale=0.8, shear=[0.0, 7.0], interpolation="bilinear", fill=9)),
    ("affine", "uint8 float pil points xyxy", dict(angle=15, translate=[0, 0], scale=1.0, shear=[0, 0], center=[2, 3])),
    ("affine", "xywhr cxcywhr", dict(angle=20, translate=[1, 2], scale=1.0, shear=[0.0, 0.0])),
    ("rotate", ALL, dict(angle=25.0)),
    ("rotate", f"{ALL} xywhr", dict(angle=-70.0, interpolation="bilinear", expand=True, fill=[3])),
    ("rotate", ALL, dict(angle=90, expand=True)),
    ("rotate", "uint8 float pil mask xyxy points", dict(angle=10.0, center=[1, 2], fill=[1.0])),
    ("perspective", ALL, dict(startpoints=CORNERS[0], endpoints=CORNERS[1])),
    ("perspective", COLOUR, dict(startpoints=CORNERS[0], endpoints=CORNERS[1], interpolation="nearest", fill=[5])),
    ("perspective", "uint8 pil xyxy", dict(startpoints=None, endpoints=None, coefficients=[1.1, 0.1, -1, 0.05, 0.9, 1, 0.002, 0.003])),
    ("elastic", f"{IMAGES} {PILLOW} mask points {BOXES}", dict(displacement="displacement")),
    ("elastic", f"{IMAGES} {PILLOW}", dict(displacement="displacement", interpolation="nearest", fill=4)),
    *(("adjust_brightness", COLOUR, dict(brightness_factor=f)) for f in (0.0, 0.4, 1.7)),
    *(("adjust_contrast", COLOUR, dict(contrast_factor=f)) for f in (0.0, 0.4, 1.7)),
    *(("adjust_saturation", COLOUR, dict(saturation_factor=f)) for f in (0.0, 0.4, 1.7)),
    *(("adjust_hue", COLOUR, dict(hue_factor=f)) for f in (-0.5, -0.13, 0.3)),
    *(("adjust_sharpness", COLOUR, dict(sharpness_factor=f)) for f in (0.0, 0.4, 1.7)),
    *(("adjust_gamma", COLOUR, dict(gamma=f, gain=1.2)) for f in (0.4, 1.7)),
    ("posterize", COLOUR, dict(bits=3)),
    ("solarize", "uint8 grey batch image video pil pil_grey", dict(threshold=100)),
    ("solarize", "float", dict(threshold=0.4)),
    ("autocontrast", COLOUR, {}),
    ("equalize", COLOUR, {}),
    ("invert", COLOUR, {}),
    ("permute_channels", "uint8 float batch image video pil", dict(permutation=[2, 0, 1])),
    ("rgb_to_grayscale", "uint8 float grey batch image pil pil_grey", {}),
    ("rgb_to_grayscale", "uint8 float grey batch image pil pil_grey", dict(num_output_channels=3)),
    ("grayscale_to_rgb", "uint8 grey image pil pil_grey", {}),
    ("normalize", "float", dict(mean=[0.4, 0.5, 0.6], std=[0.2, 0.3, 0.4])),
    ("gaussian_blur", COLOUR, dict(kernel_size=[3, 5])),
    ("gaussian_blur", COLOUR, dict(kernel_size=5, sigma=[0.7, 1.9])),
    ("erase", "uint8 float image video pil", dict(i=2, j=3, h=4, w=5, v="patch")),
    ("jpeg", "uint8 grey image video pil", dict(quality=30)),
    ("jpeg", "uint8 grey image video pil", dict(quality=95)),
    *(("to_dtype", f"{IMAGES} mask xyxy_int points", dict(dtype=d, scale=s)) for d in ("float32", "uint8", "int16") for s in (False, True)),
    ("to_image", COLOUR, {}),
    ("pil_to_tensor", PILLOW, {}),
    ("to_tensor", PILLOW, {}),
    ("to_pil_image", "uint8 float grey", {}),
    ("convert_image_dtype", "uint8 grey", dict(dtype="int32")),
    ("convert_image_dtype", "uint8 float grey", dict(dtype="float64")),
    ("uniform_temporal_subsample", "batch video", dict(num_samples=3)),
    ("get_size", f"{ALL} xywhr", {}),
    ("get_dimensions", f"{COLOUR}", {}),
    ("get_image_size", f"{COLOUR}", {}),
    ("get_num_channels", f"{COLOUR}", {}),
    ("get_num_frames", "video batch", {}),
    *(("convert_bounding_box_format", BOXES, dict(new_format=f)) for f in ("XYXY", "XYWH", "CXCYWH")),
    *(("convert_bounding_box_format", "xywhr cxcywhr", dict(new_format=f)) for f in ("XYWHR", "CXCYWHR", "XYXYXYXY")),
    ("clamp_bounding_boxes", BOXES, {}),
    ("clamp_keypoints", "points", {}),
    ("sanitize_bounding_boxes", "xyxy xyxy_int xywh cxcywh", dict(min_size=4)),
    ("sanitize_bounding_boxes", "xyxy xywh", dict(min_area=12)),
    ("sanitize_keypoints", "points", {}),
]  # fmt: skip


def arguments(torch, given, size):
    """Arguments in which words stand for tensors and types."""
    rng = np.random.default_rng(9)
    named = {
        "displacement": lambda: torch.from_numpy((rng.random((1, *size, 2)).astype(np.float32) - 0.5) * 0.3),
        "patch": lambda: torch.tensor([[[7.0]], [[8.0]], [[9.0]]]),
        **{
            name: (lambda name=name: getattr(torch, name)) for name in ("float32", "float64", "uint8", "int16", "int32")
        },
    }
    return {name: named[v]() if isinstance(v, str) and v in named else v for name, v in given.items()}


def arrays(torch, out):
    """Whatever comes out, as a list of arrays; what boxes know beside their numbers is appended."""
    if isinstance(out, (tuple, list)) and any(not isinstance(part, (int, float)) for part in out):
        return [array for part in out for array in arrays(torch, part)]
    if isinstance(out, (int, float, tuple, list)):
        return [np.array(out)]
    if isinstance(out, torch.Tensor):
        facts = [np.array(out.canvas_size)] if hasattr(out, "canvas_size") else []
        return [out.detach().numpy(), *facts]
    return [np.array(out)]


def outputs(torch, tv_tensors, functional, size=(12, 15), seed=0):
    """(name, arrays) for each call."""
    for number, (function, names, given) in enumerate(CASES):
        for name in names.split():
            # torchvision's canvas of boxes is not always as large as the image that it expands; Facula's is
            if given.get("expand") and given["angle"] % 90 and name in EXPANDED and size != SMALL:
                continue
            call = getattr(functional, function)
            yield (
                f"{number}-{function}-{name}",
                lambda call=call, name=name, given=given: arrays(
                    torch, call(inputs(torch, tv_tensors, size, seed)[name], **arguments(torch, given, size))
                ),
            )


def compare(name, expected, found):
    """The same shapes and types; whole numbers within 1 (of 255, where there are more), real ones within 1e-5."""
    assert len(expected) == len(found), name
    for want, got in zip(expected, found, strict=True):
        assert (want.shape, want.dtype) == (got.shape, got.dtype), name
        if not want.size:
            continue
        if want.dtype.kind in "ui":
            most = 1 << 24 if want.dtype == np.int32 else 1
            assert np.abs(want.astype(np.int64) - got.astype(np.int64)).max() <= most, name
        elif want.dtype.kind == "b":
            assert (want == got).all(), name
        else:
            np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(want).max()), err_msg=name)
