"""Transforms of whole samples: what moves together, what passes through, what is refused."""

import copy
import pickle

import numpy as np
import pytest
from PIL import Image

import facula
from facula_vision import tv_tensors as tv
from facula_vision.transforms import v2
from facula_vision.transforms.v2 import functional as F

SIZE = (16, 20)


def sample():
    picture = Image.fromarray(np.arange(16 * 20 * 3, dtype=np.uint8).reshape(16, 20, 3))
    target = {
        "boxes": tv.BoundingBoxes([[2.0, 3, 9, 8], [10, 4, 19, 15]], format="xyxy", canvas_size=SIZE),
        "masks": tv.Mask(facula.zeros(2, *SIZE, dtype=facula.uint8)),
        "points": [tv.KeyPoints([[2.0, 3.0]], canvas_size=SIZE)],
        "labels": facula.tensor([4, 7]),
        "name": "a.png",
    }
    return picture, target


def test_a_nested_sample_moves_together():
    facula.manual_seed(0)
    chain = v2.Compose(
        [v2.RandomCrop((10, 12)), v2.RandomHorizontalFlip(p=1.0), v2.ToImage(), v2.ToDtype(facula.float32)]
    )
    image, target = chain(*sample())
    assert (type(image), image.shape, image.dtype) == (tv.Image, (3, 10, 12), facula.float32)
    assert target["boxes"].canvas_size == (10, 12)
    assert target["masks"].shape == (2, 10, 12)
    assert type(target["points"][0]) is tv.KeyPoints
    assert target["labels"].tolist() == [4, 7]
    assert target["name"] == "a.png"


def test_boxes_follow_the_pixels():
    """A bright rectangle in a dark picture is where its box says, after any geometry."""
    image = facula.zeros(1, 40, 60)
    image[:, 10:20, 15:35] = 1.0
    boxes = tv.BoundingBoxes([[15.0, 10, 35, 20]], format="xyxy", canvas_size=(40, 60))
    facula.manual_seed(1)
    for transform in (
        v2.RandomHorizontalFlip(1.0),
        v2.RandomVerticalFlip(1.0),
        v2.Resize((80, 90)),
        v2.Pad([3, 4, 5, 6]),
        v2.RandomZoomOut(p=1.0, side_range=(1.5, 2.0)),
        v2.RandomRotation((90, 90), expand=True),
        v2.RandomAffine(0, translate=(0.1, 0.1), interpolation="bilinear"),
        v2.CenterCrop((38, 58)),
    ):
        moved, box = transform(tv.Image(image), boxes)
        rows, columns = np.nonzero(moved[0].numpy() > 0.5)
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(box[0].numpy(), found, atol=1.0, err_msg=repr(transform))
        assert tuple(moved.shape[-2:]) == box.canvas_size


def test_only_the_first_plain_tensor_is_an_image():
    flip = v2.RandomHorizontalFlip(p=1.0)
    a, b = flip(facula.arange(4.0).view(1, 2, 2), facula.arange(4.0).view(1, 2, 2))
    assert (a.tolist(), b.tolist()) == ([[[1.0, 0.0], [3.0, 2.0]]], [[[0.0, 1.0], [2.0, 3.0]]])
    image, extra = flip(tv.Image(facula.arange(4.0).view(1, 2, 2)), facula.arange(2.0))
    assert (image.tolist(), extra.tolist()) == ([[[1.0, 0.0], [3.0, 2.0]]], [0.0, 1.0])


def test_a_transform_and_a_kernel_of_ones_own():
    class Depth(tv.TVTensor):
        pass

    class Twice(v2.Transform):
        def make_params(self, flat_inputs):
            return dict(size=[2 * side for side in v2.query_size(flat_inputs)])

        def transform(self, inpt, params):
            return self._call_kernel(F.resize, inpt, params["size"])

    depth = Depth(facula.zeros(4, 4))
    image, same = Twice()(tv.Image(facula.zeros(1, 4, 4)), depth)
    assert (image.shape, same is depth) == ((1, 8, 8), True)
    F.register_kernel(F.resize, Depth)(lambda inpt, size, **options: tv.wrap(facula.zeros(*size), like=inpt))
    _, resized = Twice()(tv.Image(facula.zeros(1, 4, 4)), depth)
    assert (type(resized), resized.shape) == (Depth, (8, 8))
    with pytest.raises(ValueError, match="got Depth, which has one. Register it once"):
        F.register_kernel("resize", Depth)
    for bad, message in ((tv.Image, "got the builtin Image"), (int, "expected a subclass of TVTensor")):
        with pytest.raises(ValueError, match=message):
            F.register_kernel(F.resize, bad)
    with pytest.raises(ValueError, match="Kernels can only be registered on those"):
        F.register_kernel(len, Depth)
    with pytest.raises(NotImplementedError, match="expected a method transform"):
        v2.Transform()(facula.zeros(1, 2, 2))


def test_containers():
    add, double = (lambda x: x + 1), (lambda x: x * 2)
    facula.manual_seed(2)
    assert {int(v2.RandomOrder([add, double])(3)) for _ in range(40)} == {7, 8}
    assert {int(v2.RandomChoice([add, double], p=[0.0, 1.0])(3)) for _ in range(9)} == {6}
    assert sum(v2.RandomApply([add], p=0.3)(0) for _ in range(1000)) == pytest.approx(300, abs=60)
    assert v2.Compose([lambda a, b: (b, a)])(1, 2) == (2, 1)


def test_transforms_go_to_other_processes():
    chain = v2.Compose(
        [
            v2.RandAugment(),
            v2.AugMix(),
            v2.ColorJitter(0.1),
            v2.SanitizeBoundingBoxes(),
            v2.MixUp(num_classes=3),
            v2.ToImage(),
        ]
    )
    assert repr(pickle.loads(pickle.dumps(chain))) == repr(chain)
    assert pickle.loads(pickle.dumps(F.resize)) is F.resize is copy.deepcopy(F.resize)


def test_fill_by_kind():
    pad = v2.Pad(1, fill={tv.Image: 5, tv.Mask: 1, "others": 0})
    image, mask = pad(tv.Image(facula.zeros(1, 2, 2)), tv.Mask(facula.zeros(2, 2)))
    assert (float(image[0, 0, 0]), float(mask[0, 0])) == (5.0, 1.0)
    with pytest.raises(ValueError, match="expected a colour for Mask, got"):
        v2.Pad(1, fill={tv.Image: 5})(tv.Mask(facula.zeros(2, 2)))


def test_sanitize_keeps_boxes_labels_and_masks_in_step():
    boxes = tv.BoundingBoxes([[0.0, 0, 5, 5], [3, 3, 3.5, 9], [1, 1, 4, 4]], format="xyxy", canvas_size=(8, 8))
    masks = tv.Mask(facula.arange(3).view(3, 1, 1).expand(3, 8, 8))
    out = v2.SanitizeBoundingBoxes()({"boxes": boxes, "labels": facula.tensor([1, 2, 3]), "masks": masks, "id": 5})
    assert (out["boxes"].shape, out["labels"].tolist(), out["id"]) == ((2, 4), [1, 3], 5)
    assert out["masks"][:, 0, 0].tolist() == [0, 2]
    _image, target = v2.SanitizeBoundingBoxes(min_size=4, labels_getter=None)(facula.zeros(1, 8, 8), {"boxes": boxes})
    assert target["boxes"].shape == (1, 4)
    points = tv.KeyPoints([[1.0, 1], [9, 1]], canvas_size=(8, 8))
    kept, labels = v2.SanitizeKeyPoints(labels_getter="default")(points, facula.tensor([0, 1]))
    assert (kept.tolist(), labels.tolist()) == ([[1.0, 1.0]], [0])


def test_iou_crop_overlaps_the_boxes():
    facula.manual_seed(3)
    for _ in range(20):
        image, target = v2.Compose([v2.RandomIoUCrop(), v2.SanitizeBoundingBoxes()])(*sample())
        assert len(target["boxes"]) == len(target["labels"]) == len(target["masks"]) >= 1
        assert target["boxes"].canvas_size == (image.height, image.width)


def test_to_dtype_by_kind():
    image, mask = (
        tv.Image(facula.full((1, 2, 2), 255, dtype=facula.uint8)),
        tv.Mask(facula.zeros(2, 2, dtype=facula.uint8)),
    )
    kinds = {tv.Image: facula.float32, tv.Mask: facula.int64, "others": None}
    a, b, box = v2.ToDtype(kinds, scale=True)(image, mask, sample()[1]["boxes"])
    assert (a.dtype, float(a.max()), b.dtype, box.dtype) == (facula.float32, 1.0, facula.int64, facula.float32)
    assert type(b) is tv.Mask
    assert v2.ToDtype(facula.float32)(image, mask)[1].dtype == facula.uint8


def test_policies_and_mixes_draw():
    facula.manual_seed(4)
    picture = sample()[0]
    for policy in (v2.AutoAugment(), v2.RandAugment(), v2.TrivialAugmentWide(), v2.AugMix()):
        outs = [policy(picture) for _ in range(12)]
        assert all(out.size == picture.size for out in outs)
        assert len({out.tobytes() for out in outs}) > 3, policy
        assert policy(tv.Image(F.pil_to_tensor(picture))).dtype == facula.uint8
    images, labels = facula.rand(6, 3, 8, 8), facula.arange(6)
    for mix in (v2.MixUp(num_classes=6), v2.CutMix(num_classes=6)):
        mixed, shares = mix(images, labels)
        np.testing.assert_allclose(shares.sum(1).numpy(), 1.0, rtol=1e-5)
        assert mixed.shape == images.shape
    out = v2.MixUp(num_classes=6)({"images": images, "labels": labels})
    assert out["labels"].shape == (6, 6)


def test_augmix_mixes_by_its_shares():
    pixels = facula.full((1, 2, 2), 100, dtype=facula.uint8)
    chains = [facula.full((1, 2, 2), 200, dtype=facula.uint8), facula.full((1, 2, 2), 40, dtype=facula.uint8)]
    assert int(v2.AugMix()._mixed(pixels, pixels, chains, 0.5, [0.25, 0.25])[0, 0, 0]) == 110


def test_distributions():
    """What is drawn is spread over its whole range."""
    facula.manual_seed(5)
    image = facula.zeros(3, 100, 80)
    crops = [v2.RandomResizedCrop(8).make_params([image]) for _ in range(400)]
    area = np.array([crop["height"] * crop["width"] / 8000 for crop in crops])
    assert area.min() < 0.15
    assert area.max() > 0.9
    assert np.mean(area) == pytest.approx(0.5, abs=0.06)
    angles = np.array([v2.RandomRotation(30).make_params([image])["angle"] for _ in range(400)])
    assert (np.abs(angles) <= 30).all()
    assert abs(angles.mean()) < 3
    erased = v2.RandomErasing(p=1.0, scale=(0.1, 0.2)).make_params([image])
    assert 0.08 < erased["h"] * erased["w"] / 8000 < 0.22
    jitter = [v2.ColorJitter(brightness=0.5).make_params([image])["brightness_factor"] for _ in range(400)]
    assert (min(jitter), max(jitter)) == (pytest.approx(0.5, abs=0.02), pytest.approx(1.5, abs=0.02))
    noisy = v2.GaussianNoise(sigma=0.2, clip=False)(facula.zeros(3, 100, 100))
    assert float(noisy.std()) == pytest.approx(0.2, abs=0.01)
    levels = v2.GaussianNoise(sigma=0.1)(facula.full((3, 100, 100), 128, dtype=facula.uint8)).to(facula.float32)
    assert float(levels.std()) == pytest.approx(25.5, abs=1)


def test_linear_transformation_and_lambda():
    image = facula.arange(12.0).view(3, 2, 2)
    whiten = v2.LinearTransformation(2 * facula.eye(12), facula.ones(12))
    assert facula.equal(whiten(image), (image - 1) * 2)
    only = v2.Lambda(lambda x: x + 1, int)
    assert only({"a": 1, "b": 2.5}) == {"a": 2, "b": 2.5}
    assert v2.Identity()(5) == 5


IMAGE = facula.zeros(3, 6, 6)
BOXES = tv.BoundingBoxes([1, 2, 3, 4], format="xyxy", canvas_size=(8, 9))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: v2.RandomHorizontalFlip(3.0), ValueError, r"`p` should be a floating point value in the interval"),
        (lambda: v2.RandomApply([], p=2), ValueError, r"`p` should be a floating point value in the interval"),
        (lambda: v2.Compose(3), TypeError, "argument transforms should be a sequence of callables"),
        (lambda: v2.RandomChoice([len], p=[1, 2]), ValueError, "length of p doesn't match the number of transforms: 2 != 1"),
        (lambda: v2.Resize(None), ValueError, "max_size must be an integer when size is None"),
        (lambda: v2.RandomZoomOut(side_range=(0.5, 1)), ValueError, r"invalid side range provided \(0.5, 1\)"),
        (lambda: v2.RandomCrop(8)(IMAGE), ValueError, r"crop size \(8, 8\) is larger than input image size \(6, 6\)"),
        (lambda: v2.RandomResizedCrop(1, scale=3), TypeError, "scale should be a sequence of two floats"),
        (lambda: v2.FiveCrop(2)(IMAGE, BOXES), TypeError, r"not supported by FiveCrop\(\)"),
        (lambda: F.five_crop(IMAGE, 9), ValueError, r"requested crop size \(9, 9\) is bigger than input size \(6, 6\)"),
        (lambda: v2.RandomIoUCrop()(IMAGE), TypeError, "requires input sample to contain"),
        (lambda: v2.RandomAffine(3, translate=(2, 2)), ValueError, "translation values should be between 0 and 1"),
        (lambda: v2.RandomAffine(3, scale=(0, 1)), ValueError, "scale values should be positive"),
        (lambda: v2.RandomPerspective(2.0), ValueError, "distortion_scale value should be between 0 and 1"),
        (lambda: v2.ElasticTransform(alpha="x"), TypeError, "alpha should be a number or a sequence"),
        (lambda: v2.ElasticTransform(sigma=[1, 2, 3]), ValueError, "sigma should be a sequence of one or two"),
        (lambda: F.affine(IMAGE, "x", [0, 0], 1, [0, 0]), TypeError, "angle should be int or float"),
        (lambda: F.affine(IMAGE, 0, [1], 1, [0, 0]), ValueError, "translate should be a sequence of length 2"),
        (lambda: F.affine(IMAGE, 0, [1, 1], -1, [0, 0]), ValueError, "scale should be positive"),
        (lambda: F.affine(IMAGE, 0, [1, 1], 1, [0, 0, 0]), ValueError, "shear should be a sequence containing two values"),
        (lambda: F.perspective(IMAGE, None, None), ValueError, "must have non `None` values"),
        (lambda: F.perspective(IMAGE, [], [], coefficients=[1]), ValueError, "shouldn't be defined concurrently"),
        (lambda: F.perspective(IMAGE, None, None, coefficients=[1]), ValueError, "coefficients should have 8 float values"),
        (lambda: F.perspective(IMAGE, [[0, 0]], [[0, 0]]), ValueError, "expected exactly four"),
        (lambda: F.elastic(IMAGE, 3), TypeError, "displacement should be a Tensor"),
        (lambda: F.elastic(IMAGE, facula.zeros(1, 3, 2, 2)), ValueError, r"displacement shape should be \(1, 6, 6, 2\)"),
        (lambda: v2.ColorJitter(-1), ValueError, "brightness is a single number, it must be non negative"),
        (lambda: v2.ColorJitter(hue=0.7), ValueError, "hue values should be between"),
        (lambda: v2.ColorJitter("x"), TypeError, "brightness should be a single number or a sequence"),
        (lambda: F.adjust_hue(IMAGE, 0.7), ValueError, r"hue_factor \(0.7\) is not in \[-0.5, 0.5\]"),
        (lambda: F.adjust_brightness(IMAGE, -1), ValueError, "adjust_brightness: expected a factor"),
        (lambda: F.adjust_gamma(IMAGE, -1), ValueError, "gamma should be a non-negative real number"),
        (lambda: F.solarize(IMAGE, 5), TypeError, "threshold should be less or equal the maximum value"),
        (lambda: F.autocontrast(facula.zeros(2, 3, 3)), TypeError, "permitted channel values are 1 or 3, got 2"),
        (lambda: F.permute_channels(IMAGE, [0, 1]), ValueError, "does not match number of channels: 2 != 3"),
        (lambda: F.rgb_to_grayscale(IMAGE, 2), ValueError, "num_output_channels must be 1 or 3, got 2"),
        (lambda: v2.GaussianBlur(2), ValueError, "kernel size value should be an odd and positive number"),
        (lambda: v2.GaussianBlur(3, 0), ValueError, r"sigma values should be positive and of the form \(min, max\)"),
        (lambda: F.gaussian_blur(IMAGE, [2, 2]), ValueError, "kernel_size should have odd and positive integers"),
        (lambda: F.gaussian_blur(IMAGE, 3, -1.0), ValueError, "sigma should have positive values"),
        (lambda: F.gaussian_noise(IMAGE, 0, -1), ValueError, "sigma shouldn't be negative"),
        (lambda: F.gaussian_noise(IMAGE.to(facula.int32)), ValueError, "expected to be float or uint8"),
        (lambda: v2.JPEG(0), ValueError, "quality must be an integer from 1 to 100"),
        (lambda: F.jpeg(IMAGE, 50), RuntimeError, "input tensor dtype should be uint8"),
        (lambda: F.jpeg(facula.zeros(2, 4, 4, dtype=facula.uint8), 50), RuntimeError, "number of channels should be 1 or 3"),
        (lambda: v2.RandomErasing(value="x"), ValueError, "it should be 'random'"),
        (lambda: v2.RandomErasing(value=None), TypeError, "value should be either a number or str or a sequence"),
        (lambda: v2.RandomErasing(scale=(0, 2)), ValueError, "scale should be between 0 and 1"),
        (lambda: v2.RandomErasing(ratio=2), TypeError, "ratio should be a sequence"),
        (lambda: v2.RandomErasing(1.0, value=(1, 2))(IMAGE), ValueError, "either a single value or 3"),
        (lambda: v2.Normalize([0.5], [0.5])(Image.new("L", (2, 2))), TypeError, r"Normalize\(\) does not support PIL images"),
        (lambda: v2.LinearTransformation(facula.zeros(2, 3), facula.zeros(2)), ValueError, "should be square"),
        (lambda: v2.LinearTransformation(facula.eye(3), facula.zeros(2)), ValueError, "should have the same length 3"),
        (lambda: v2.LinearTransformation(facula.eye(3), facula.zeros(3))(IMAGE), ValueError, "incompatible shape"),
        (lambda: v2.ToDtype(3), ValueError, "dtype must be a dict or a dtype"),
        (lambda: v2.ToDtype({tv.Mask: facula.int64}, scale=True)(IMAGE), ValueError, "expected a type of numbers for Tensor"),
        (lambda: v2.SetClampingMode("x"), ValueError, "clamping_mode must be soft, hard or None"),
        (lambda: v2.SanitizeBoundingBoxes(min_size=0), ValueError, "min_size must be >= 1"),
        (lambda: v2.SanitizeBoundingBoxes(min_area=0), ValueError, "min_area must be >= 1"),
        (lambda: v2.SanitizeBoundingBoxes()({"x": 1}), ValueError, "Could not infer where the labels are"),
        (lambda: v2.SanitizeBoundingBoxes()(BOXES, facula.zeros(3)), ValueError, "as many rows as boxes, 1"),
        (lambda: v2.SanitizeBoundingBoxes(labels_getter=3), ValueError, "a callable or None, got 3"),
        (lambda: v2.SanitizeBoundingBoxes(labels_getter=None)(IMAGE), ValueError, "No bounding boxes were found"),
        (lambda: v2.SanitizeKeyPoints()(IMAGE), ValueError, "No keypoints were found"),
        (lambda: v2.query_size([3]), TypeError, "No image, video, mask, bounding box or keypoint was found"),
        (lambda: v2.query_chw([]), TypeError, "No image or video was found"),
        (lambda: v2.query_size([IMAGE, tv.Image(facula.zeros(1, 2, 2))]), ValueError, "Found multiple HxW dimensions"),
        (lambda: v2.MixUp(num_classes=2)(facula.zeros(1, 2, 2), facula.tensor([1])), ValueError, "batched input with 4 dims"),
        (lambda: v2.MixUp()(facula.zeros(1, 1, 2, 2), facula.tensor([1])), ValueError, "num_classes must be passed"),
        (lambda: v2.MixUp(num_classes=3)(facula.zeros(1, 1, 2, 2), facula.zeros(1, 2)), ValueError, "expected num_classes 2"),
        (lambda: v2.MixUp(num_classes=3)(facula.zeros(2, 1, 2, 2), facula.tensor([1])), ValueError, "does not match the batch"),
        (lambda: v2.CutMix(num_classes=3)(Image.new("L", (2, 2)), 1), ValueError, "does not support PIL images"),
        (lambda: v2.CutMix(labels_getter=len)([IMAGE]), ValueError, "the labels must be a tensor"),
        (lambda: v2.CutMix()(facula.zeros(1, 1, 2, 2)), ValueError, r"labels should be index based"),
        (lambda: v2.AutoAugment()(BOXES), TypeError, r"Inputs of type BoundingBoxes are not supported by AutoAugment\(\)"),
        (lambda: v2.AutoAugment()(tv.Image(IMAGE), tv.Image(IMAGE)), TypeError, "a single image or video"),
        (lambda: v2.AutoAugment("x"), ValueError, "policy x is not recognized"),
        (lambda: v2.RandAugment()(3), TypeError, "found no image in the sample"),
        (lambda: v2.AugMix(severity=11), ValueError, r"the severity must be between \[1, 10\]"),
        (lambda: F.resize(IMAGE, 3, interpolation="foo"), ValueError, "Invalid interpolation mode: expected one of nearest"),
        (lambda: F.convert_bounding_box_format(IMAGE[0], new_format="xyxy"), ValueError, "`old_format` has to be passed"),
        (lambda: F.convert_bounding_box_format(BOXES, "xyxy", "xywh"), ValueError, "`old_format` must not be passed"),
        (lambda: F.convert_bounding_box_format(BOXES), TypeError, "expected new_format, got None"),
        (lambda: F.convert_bounding_box_format(BOXES, new_format="xywhr"), ValueError, "cannot convert between upright"),
        (lambda: F.convert_bounding_box_format(3, new_format="xyxy"), TypeError, "expected a Tensor or BoundingBoxes"),
        (lambda: F.clamp_bounding_boxes(IMAGE[0]), ValueError, "have to be passed"),
        (lambda: F.clamp_bounding_boxes(BOXES, canvas_size=(1, 1)), ValueError, "must not be passed"),
        (lambda: F.clamp_bounding_boxes(3), TypeError, "expected a Tensor or BoundingBoxes"),
        (lambda: F.clamp_keypoints(IMAGE[0]), ValueError, "`canvas_size` has to be passed"),
        (lambda: F.clamp_keypoints(BOXES), TypeError, "expected a Tensor or KeyPoints"),
        (lambda: F.sanitize_bounding_boxes(IMAGE[0]), ValueError, "have to be passed"),
        (lambda: F.sanitize_keypoints(IMAGE[0]), ValueError, "`canvas_size` has to be passed"),
        (lambda: F.pad(BOXES, 1, padding_mode="edge"), ValueError, "not supported with bounding boxes"),
        (lambda: F.pad(tv.Mask(IMAGE), 1, fill=[1, 2]), ValueError, "non-scalar fill value is not supported"),
        (lambda: F.pad(Image.new("RGB", (3, 3)), 1, fill=[1, 2]), ValueError, "should match the image's 3 bands, got 2"),
        (lambda: F.to_image("x"), TypeError, "a pure Tensor, a numpy array, or a PIL image"),
        (lambda: F.get_dimensions(facula.zeros(3)), TypeError, r"get_dimensions: expected a tensor \(..., H, W\)"),
    ],
)  # fmt: skip
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("fill", [None, 0, [0.1, 0.2, 0.3]])
def test_warps_are_the_same_where_gradients_are_recorded(mode, fill):
    pixels = facula.rand(2, 3, 12, 9)
    watched = pixels.clone().requires_grad_()
    moves = facula.rand(1, 12, 9, 2) * 0.2 - 0.1
    for warp in (
        lambda x: F.rotate(x, 20.0, mode, expand=True, fill=fill),
        lambda x: F.affine(x, 10, [1, 2], 1.1, [3.0, 4.0], mode, fill),
        lambda x: F.perspective(x, None, None, mode, fill, [1.1, 0.1, -1, 0.05, 0.9, 1, 0.002, 0.003]),
        lambda x: F.elastic(x, moves, mode, fill),
    ):
        out = warp(watched)
        np.testing.assert_allclose(warp(pixels).numpy(), out.detach().numpy(), atol=1e-5)
        watched.grad = None
        out.sum().backward()
        assert float(watched.grad.abs().sum()) > 0
    for adjust in (
        lambda x: F.adjust_brightness(x, 1.3),
        lambda x: F.adjust_contrast(x, 0.6),
        lambda x: F.normalize(x, [0.5], [2]),
    ):
        np.testing.assert_allclose(adjust(pixels).numpy(), adjust(watched).detach().numpy(), atol=1e-6)
    assert facula.equal(pixels, watched.detach())  # what came is left alone
