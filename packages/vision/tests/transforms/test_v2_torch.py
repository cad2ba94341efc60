"""Every transform beside torchvision's on shared random parameters: what one draws, both apply."""

import importlib.util
import warnings
from pathlib import Path

import numpy as np
import pytest

import facula
from facula_vision import tv_tensors
from facula_vision.transforms import v2

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
spec = importlib.util.spec_from_file_location("cases", Path(__file__).with_name("cases.py"))
cases = importlib.util.module_from_spec(spec)
spec.loader.exec_module(cases)

UPRIGHT = f"{cases.IMAGES} {cases.PILLOW} mask points {cases.BOXES}"
COLOUR = cases.COLOUR
TRANSFORMS = [  # name, arguments, inputs
    ("RandomHorizontalFlip", dict(p=1.0), UPRIGHT),
    ("RandomVerticalFlip", dict(p=1.0), UPRIGHT),
    ("Resize", dict(size=[9, 7]), UPRIGHT),
    ("Resize", dict(size=9, max_size=11, interpolation="bicubic"), UPRIGHT),
    ("CenterCrop", dict(size=9), UPRIGHT),
    ("Pad", dict(padding=[1, 2], fill=3), UPRIGHT),
    ("Pad", dict(padding=3, padding_mode="reflect"), COLOUR),
    ("FiveCrop", dict(size=5), COLOUR),
    ("TenCrop", dict(size=(4, 5)), COLOUR),
    ("RandomCrop", dict(size=(14, 10), padding=2), UPRIGHT),
    ("RandomCrop", dict(size=(16, 10), pad_if_needed=True, fill=5), UPRIGHT),
    ("RandomResizedCrop", dict(size=(8, 9)), UPRIGHT),
    ("RandomZoomOut", dict(p=1.0, fill=4), UPRIGHT),
    ("RandomShortestSize", dict(min_size=[9, 11], max_size=13), UPRIGHT),
    ("ScaleJitter", dict(target_size=(20, 20), scale_range=(0.5, 2)), UPRIGHT),
    ("RandomResize", dict(min_size=8, max_size=14), UPRIGHT),
    ("RandomRotation", dict(degrees=40), UPRIGHT),
    ("RandomAffine", dict(degrees=20, translate=(0.1, 0.2), scale=(0.8, 1.2), shear=(-5, 5, -3, 3), fill=2), UPRIGHT),
    ("RandomPerspective", dict(p=1.0, distortion_scale=0.4), UPRIGHT),
    ("ElasticTransform", dict(alpha=8.0, sigma=0.5), UPRIGHT),
    ("ColorJitter", dict(brightness=0.4, contrast=0.3, saturation=0.5, hue=0.2), COLOUR),
    ("RandomPhotometricDistort", dict(p=1.0), "uint8 float image video pil"),
    ("RandomChannelPermutation", {}, "uint8 float image video pil"),
    ("Grayscale", dict(num_output_channels=3), "uint8 float image pil"),
    ("RandomGrayscale", dict(p=1.0), "uint8 float image pil"),
    ("RGB", {}, "grey pil_grey"),
    ("RandomInvert", dict(p=1.0), COLOUR),
    ("RandomPosterize", dict(p=1.0, bits=2), COLOUR),
    ("RandomSolarize", dict(p=1.0, threshold=0.5), "uint8 float image pil"),
    ("RandomAdjustSharpness", dict(p=1.0, sharpness_factor=2.0), COLOUR),
    ("RandomAutocontrast", dict(p=1.0), COLOUR),
    ("RandomEqualize", dict(p=1.0), COLOUR),
    ("GaussianBlur", dict(kernel_size=(3, 5)), COLOUR),
    ("JPEG", dict(quality=(20, 90)), "uint8 image pil"),
    ("RandomErasing", dict(p=1.0, value=(1.0, 2.0, 3.0)), "uint8 float image pil mask"),
    ("RandomErasing", dict(p=1.0, value="random"), "float"),
    ("Normalize", dict(mean=[0.1, 0.2, 0.3], std=[0.4, 0.5, 0.6]), "float"),
    ("ToImage", {}, COLOUR),
    ("PILToTensor", {}, "pil pil_grey"),
    ("ToTensor", {}, "pil pil_grey"),
    ("ToPILImage", {}, "uint8 float grey image"),
    ("ToPureTensor", {}, "image mask xyxy"),
    ("ConvertBoundingBoxFormat", dict(format="CXCYWH"), cases.BOXES),
    ("ClampBoundingBoxes", {}, cases.BOXES),
    ("ClampKeyPoints", {}, "points"),
    ("UniformTemporalSubsample", dict(num_samples=2), "video"),
    ("Identity", {}, UPRIGHT),
]  # fmt: skip


def ours(value):
    """Parameters of torchvision with Facula's tensors."""
    return facula.from_numpy(value.numpy()) if isinstance(value, torch.Tensor) else value


@pytest.mark.parametrize(
    ("name", "options", "inputs"), TRANSFORMS, ids=[f"{n}-{i}" for i, (n, *_) in enumerate(TRANSFORMS)]
)
def test_transform(name, options, inputs):
    from torchvision.transforms import v2 as theirs

    torch.manual_seed(4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference, transform = getattr(theirs, name)(**options), getattr(v2, name)(**options)
        for kind in inputs.split():
            expected = cases.inputs(torch, torchvision.tv_tensors, (24, 30), 5)[kind]
            sample = cases.inputs(facula, tv_tensors, (24, 30), 5)[kind]
            beside = "uint8" if name in ("RandomErasing",) and kind == "mask" else kind
            drawn = reference.make_params([cases.inputs(torch, torchvision.tv_tensors, (24, 30), 5)[beside]])
            params = {key: ours(value) for key, value in drawn.items()}
            again = transform.make_params([cases.inputs(facula, tv_tensors, (24, 30), 5)[beside]])
            assert set(again) == set(params), (name, kind)
            out = reference.transform(expected, drawn)
            cases.compare(
                f"{name}-{kind}", cases.arrays(torch, out), cases.arrays(facula, transform.transform(sample, params))
            )


@pytest.mark.parametrize("kind", ["uint8", "image", "pil", "video"])
@pytest.mark.parametrize("name", ["AutoAugment", "RandAugment", "TrivialAugmentWide", "AugMix"])
def test_policies(name, kind):
    """The same operations with the same magnitudes, each with the same result."""
    from torchvision.transforms import v2 as theirs

    from facula_vision.transforms.v2.auto import augment

    reference = getattr(theirs, name)
    for space in ("_AUGMENTATION_SPACE", "_PARTIAL_AUGMENTATION_SPACE"):
        expected, found = getattr(reference, space, {}), getattr(getattr(v2, name), space, {})
        assert list(expected) == list(found)
        for operation, (magnitudes, signed) in expected.items():
            bins, own = magnitudes(10, 24, 30), found[operation][0](10, 24, 30)
            assert signed == found[operation][1]
            assert (bins is None) == (own is None)
            if bins is not None:
                np.testing.assert_allclose(own, np.asarray(bins), rtol=1e-5)
            for magnitude in [0.0] if bins is None else [float(bins[4]), -float(bins[7])][: 1 + signed]:
                image = cases.inputs(torch, torchvision.tv_tensors, (24, 30), 6)[kind]
                sample = cases.inputs(facula, tv_tensors, (24, 30), 6)[kind]
                mode = torchvision.transforms.InterpolationMode.BILINEAR
                out = reference()._apply_image_or_video_transform(
                    image, operation, magnitude, mode, dict.fromkeys([type(image)], 3)
                )
                got = augment(sample, operation, magnitude, v2.InterpolationMode.BILINEAR, 3)
                cases.compare(f"{name}-{operation}-{kind}", cases.arrays(torch, out), cases.arrays(facula, got))
    if name == "AutoAugment":
        for policy in theirs.AutoAugmentPolicy:
            policies = [[tuple(step) for step in pair] for pair in reference(policy)._policies]
            assert v2.AutoAugment(v2.AutoAugmentPolicy(policy.value))._policies == policies


@pytest.mark.parametrize("name", ["MixUp", "CutMix"])
@pytest.mark.parametrize("kind", ["batch", "video"])
def test_mixes(name, kind):
    from torchvision.transforms import v2 as theirs

    options = dict(num_classes=5)
    images = cases.pixels(1, *((3, 3, 8, 9) if kind == "batch" else (3, 2, 3, 8, 9))).astype(np.float32)
    labels = np.array([0, 3, 1])
    batch, own = torch.from_numpy(images), facula.from_numpy(images)
    if kind == "video":
        batch, own = torchvision.tv_tensors.Video(batch), tv_tensors.Video(own)
    torch.manual_seed(3)
    reference, transform = getattr(theirs, name)(**options), getattr(v2, name)(**options)
    drawn = reference.make_params([batch])
    assert set(transform.make_params([own])) == set(drawn)
    theirs_labels, own_labels = torch.from_numpy(labels), facula.from_numpy(labels)
    for inpt, sample in ((batch, own), (theirs_labels, own_labels)):
        out = reference.transform(inpt, dict(labels=theirs_labels, batch_size=3, **drawn))
        got = transform.transform(sample, dict(labels=own_labels, batch_size=3, **drawn))
        cases.compare(name, cases.arrays(torch, out), cases.arrays(facula, got))


def test_signatures():
    """The same arguments in the same order with the same defaults, by the names of v2 and by those of v1."""
    import inspect

    from torchvision.transforms import v2 as theirs

    def told(function):
        default = lambda v: getattr(v, "value", v) if v is not None else v
        return [
            (p.name, default(p.default))
            for p in inspect.signature(function).parameters.values()
            if p.kind != p.VAR_POSITIONAL
        ]

    for name in dir(theirs):
        kind = getattr(theirs, name)
        if inspect.isclass(kind) and issubclass(kind, theirs.Transform):
            assert [n for n, _ in told(getattr(v2, name).__init__)] == [n for n, _ in told(kind.__init__)], name
            expected = [(n, d) for n, d in told(kind.__init__) if not callable(d)]
            found = [(n, d) for n, d in told(getattr(v2, name).__init__) if not callable(d)]
            plain = lambda pairs: [
                (n, d if not isinstance(d, tuple) else tuple(np.round(d, 4))) for n, d in pairs if "dtype" not in n
            ]
            assert plain(found) == plain(expected), name
