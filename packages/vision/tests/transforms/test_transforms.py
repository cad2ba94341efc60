"""Transforms of PIL images and tensors."""

import numpy as np
import pytest
from PIL import Image

import facula
from facula_vision import transforms as T
from facula_vision.transforms import functional as F
from facula_vision.transforms.interpolation import InterpolationMode, resampling_matrix


@pytest.fixture
def picture():
    """A smooth colour picture of 12 rows and 10 columns."""
    y, x = np.mgrid[0:12, 0:10]
    return Image.fromarray(np.stack([20 * y, 25 * x, 10 * (x + y)], axis=2).astype(np.uint8))


def test_to_tensor_modes(picture):
    tensor = T.ToTensor()(picture)
    assert (tensor.shape, tensor.dtype) == ((3, 12, 10), facula.float32)
    assert float(tensor[1, 3, 4]) == pytest.approx(100 / 255)
    assert T.ToTensor()(Image.new("1", (2, 2), 1)).tolist() == [[[1.0, 1.0], [1.0, 1.0]]]
    assert T.ToTensor()(Image.new("1", (2, 2), 1)).dtype == facula.float32
    assert T.ToTensor()(Image.new("I", (2, 1), 70000)).tolist() == [[[70000, 70000]]]
    assert T.ToTensor()(Image.new("F", (1, 1), 0.25)).item() == 0.25
    assert T.ToTensor()(np.ones((4, 5, 2), dtype=np.float64)).dtype == facula.float64
    assert T.PILToTensor()(picture).dtype == facula.uint8


def test_to_pil_image_and_back(picture):
    tensor = F.pil_to_tensor(picture)
    back = T.ToPILImage()(tensor)
    assert back.mode == "RGB"
    np.testing.assert_array_equal(np.asarray(back), np.asarray(picture))
    np.testing.assert_array_equal(np.asarray(T.ToPILImage()(F.to_tensor(picture))), np.asarray(picture))
    assert T.ToPILImage("HSV")(tensor).mode == "HSV"
    assert T.ToPILImage()(facula.zeros(4, 3)).mode == "L"
    assert T.ToPILImage()(np.zeros((4, 3, 4), dtype=np.uint8)).mode == "RGBA"
    assert T.ToPILImage()(facula.zeros(1, 2, 2, dtype=facula.int32)).mode == "I"


def test_convert_image_dtype():
    image = facula.tensor([0, 128, 255], dtype=facula.uint8).view(1, 1, 3)
    assert T.ConvertImageDtype(facula.float32)(image)[0, 0].tolist() == pytest.approx([0.0, 128 / 255, 1.0])
    half = facula.tensor([0.0, 0.5, 1.0]).view(1, 1, 3)
    assert F.convert_image_dtype(half, facula.uint8)[0, 0].tolist() == [0, 127, 255]
    assert F.convert_image_dtype(image, facula.int32)[0, 0].tolist() == [0, 128 << 23, 255 << 23]
    assert F.convert_image_dtype(F.convert_image_dtype(image, facula.int32), facula.uint8).tolist() == image.tolist()
    assert F.convert_image_dtype(half) is half
    with pytest.raises(RuntimeError, match="cannot be performed safely"):
        F.convert_image_dtype(half, facula.int64)


def test_normalize():
    image = facula.rand(2, 3, 4, 4)
    mean, std = [0.1, 0.2, 0.3], [0.5, 1.0, 2.0]
    out = T.Normalize(mean, std)(image)
    expected = (image.numpy() - np.reshape(mean, (3, 1, 1))) / np.reshape(std, (3, 1, 1))
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-5, atol=1e-6)
    kept = image.clone()
    assert F.normalize(kept, mean, std, inplace=True) is kept
    np.testing.assert_allclose(kept.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("size", "max_size", "expected"),
    [(6, None, (7, 6)), (30, 33, (33, 27)), ([9], None, (10, 9)), ((3, 8), None, (3, 8)), (10, None, (12, 10))],
)
def test_resize_sizes(picture, size, max_size, expected):
    out = T.Resize(size, max_size=max_size)(picture)
    assert (out.height, out.width) == expected
    assert F.resize(F.to_tensor(picture), size, max_size=max_size).shape[1:] == expected


@pytest.mark.parametrize("size", [(5, 4), (24, 20), (7, 19)])
@pytest.mark.parametrize("mode", [InterpolationMode.BILINEAR, InterpolationMode.BICUBIC])
def test_resize_of_tensors_is_pillows(picture, size, mode):
    from_pil = np.asarray(F.resize(picture, size, mode)).astype(int)
    from_tensor = F.resize(F.pil_to_tensor(picture), size, mode).permute(1, 2, 0).numpy().astype(int)
    assert np.abs(from_pil - from_tensor).max() <= 1


def test_resize_keeps_constants_and_has_gradients():
    image = facula.full((1, 9, 7), 0.5, requires_grad=True)
    out = F.resize(image, (4, 5))
    np.testing.assert_allclose(out.detach().numpy(), 0.5, rtol=1e-6)
    out.sum().backward()
    assert float(image.grad.sum()) == pytest.approx(20.0, rel=1e-5)


def test_resampling_rows_add_up():
    for mode in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        for antialias in (False, True):
            rows = resampling_matrix(11, 4, mode, antialias).sum(1)
            np.testing.assert_allclose(rows.numpy(), 1.0, rtol=1e-5)


def test_crops(picture):
    tensor = F.pil_to_tensor(picture)
    for size in (4, (12, 10), (5, 20), (20, 3)):
        from_pil = F.pil_to_tensor(T.CenterCrop(size)(picture))
        assert facula.equal(from_pil, T.CenterCrop(size)(tensor)), size
    assert facula.equal(F.crop(tensor, 2, 3, 4, 5), tensor[:, 2:6, 3:8])
    assert facula.equal(F.pil_to_tensor(F.crop(picture, -2, -1, 20, 9)), F.crop(tensor, -2, -1, 20, 9))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "symmetric"])
@pytest.mark.parametrize("padding", [2, (1, 3), (1, 2, 3, 4)])
def test_pad(picture, mode, padding):
    tensor = F.pil_to_tensor(picture)
    out = T.Pad(padding, fill=7, padding_mode=mode)(tensor)
    assert facula.equal(out, F.pil_to_tensor(F.pad(picture, padding, 7, mode)))
    left, top = (padding, padding) if isinstance(padding, int) else padding[:2]
    assert facula.equal(out[:, top : top + 12, left : left + 10], tensor)
    if mode == "constant":
        assert int(out[0, 0, 0]) == 7


def test_flips(picture):
    tensor = F.pil_to_tensor(picture)
    assert facula.equal(F.pil_to_tensor(F.hflip(picture)), tensor.flip(-1))
    assert facula.equal(F.vflip(tensor), tensor.flip(-2))
    assert facula.equal(T.RandomHorizontalFlip(1.0)(tensor), tensor.flip(-1))
    assert T.RandomVerticalFlip(0.0)(picture) is picture
    facula.manual_seed(0)
    flip, pixel = T.RandomHorizontalFlip(0.25), facula.tensor([[[0.0, 1.0]]])
    share = sum(int(flip(pixel)[0, 0, 0]) for _ in range(2000)) / 2000
    assert 0.21 < share < 0.29


def test_random_crop(picture):
    facula.manual_seed(3)
    tensor = facula.arange(20.0).view(1, 4, 5)
    places = set()
    for _ in range(200):
        out = T.RandomCrop((2, 3))(tensor)
        assert out.shape == (1, 2, 3)
        places.add(float(out[0, 0, 0]))
    assert places == {0.0, 1.0, 2.0, 5.0, 6.0, 7.0, 10.0, 11.0, 12.0}
    assert T.RandomCrop(14, padding=2)(picture).size == (14, 14)
    assert T.RandomCrop(30, pad_if_needed=True)(picture).size == (30, 30)
    with pytest.raises(ValueError, match=r"crop size \(30, 30\) is larger than input image size \(12, 10\)"):
        T.RandomCrop(30)(picture)


def test_random_is_repeated_by_the_seed(picture):
    chain = T.Compose([T.RandomCrop(8), T.RandomHorizontalFlip(), T.RandomRotation(30), T.ToTensor()])
    facula.manual_seed(5)
    first = [chain(picture) for _ in range(3)]
    facula.manual_seed(5)
    again = [chain(picture) for _ in range(3)]
    assert all(facula.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not facula.equal(first[0], first[1])


@pytest.mark.parametrize("angle", [90, 180, 270])
def test_quarter_turns(picture, angle):
    tensor = F.pil_to_tensor(picture)
    turned = facula.rot90(tensor, angle // 90, dims=(1, 2))
    assert facula.equal(F.rotate(tensor, angle, expand=True), turned)
    assert facula.equal(F.pil_to_tensor(F.rotate(picture, angle, expand=True)), turned)


@pytest.mark.parametrize("mode", [InterpolationMode.NEAREST, InterpolationMode.BILINEAR])
def test_rotation_of_tensors_is_near_pillows(picture, mode):
    tensor = F.pil_to_tensor(picture)
    a = F.pil_to_tensor(F.rotate(picture, 20, mode)).to(facula.float32)[:, 3:9, 2:8]
    b = F.rotate(tensor, 20, mode).to(facula.float32)[:, 3:9, 2:8]
    assert float((a - b).abs().mean()) < 2
    corner = F.rotate(tensor, 45, mode, fill=[9, 8, 7])[:, 0, 0].tolist()
    assert corner == [9, 8, 7]
    assert F.rotate(tensor, 20, mode, center=(0, 0)).shape == tensor.shape


def test_random_rotation_range():
    facula.manual_seed(0)
    angles = [T.RandomRotation.get_params(T.RandomRotation((10, 20)).degrees) for _ in range(200)]
    assert 10 <= min(angles) < 11
    assert 19 < max(angles) <= 20


@pytest.mark.parametrize(
    ("transform", "text"),
    [
        (T.Compose([T.ToTensor(), T.PILToTensor()]), "Compose(\n    ToTensor()\n    PILToTensor()\n)"),
        (T.Normalize([0.5], [0.25]), "Normalize(mean=[0.5], std=[0.25], inplace=False)"),
        (T.Resize(8), "Resize(size=[8], interpolation=bilinear, antialias=True)"),
        (T.CenterCrop(8), "CenterCrop(size=(8, 8))"),
        (T.Pad(2), "Pad(padding=2, fill=0, padding_mode=constant)"),
        (
            T.RandomCrop((8, 9), padding=1),
            "RandomCrop(size=(8, 9), padding=[1, 1, 1, 1], pad_if_needed=False, fill=0, padding_mode=constant)",
        ),
        (T.RandomHorizontalFlip(), "RandomHorizontalFlip(p=0.5)"),
        (
            T.RandomRotation(10),
            "RandomRotation(degrees=[-10.0, 10.0], interpolation=nearest, expand=False, fill=0)",
        ),
        (T.ToPILImage(), "ToPILImage()"),
        (T.ToPILImage("RGB"), "ToPILImage(mode=RGB)"),
        (T.Lambda(len), "Lambda()"),
        (T.ConvertImageDtype(facula.float32), "ConvertImageDtype()"),
    ],
)
def test_repr(transform, text):
    assert repr(transform) == text


@pytest.mark.parametrize(
    ("name", "arguments", "kind"),
    [
        ("compose", ([],), T.Compose),
        ("lambda", (len,), T.Lambda),
        ("to_tensor", (), T.ToTensor),
        ("pil_to_tensor", (), T.PILToTensor),
        ("to_pil_image", (), T.ToPILImage),
        ("convert_image_dtype", (facula.float32,), T.ConvertImageDtype),
        ("normalize", ([0.5], [0.5]), T.Normalize),
        ("resize", (8,), T.Resize),
        ("center_crop", (8,), T.CenterCrop),
        ("pad", (2,), T.Pad),
        ("random_crop", (8,), T.RandomCrop),
        ("random_horizontal_flip", (), T.RandomHorizontalFlip),
        ("random_vertical_flip", (), T.RandomVerticalFlip),
        ("random_rotation", (10,), T.RandomRotation),
    ],
)
def test_each_by_name(name, arguments, kind):
    assert type(facula.transforms.create(name, *arguments)) is kind


def test_by_name(picture):
    chain = facula.transforms.create(
        "compose",
        [
            facula.transforms.create("resize", 6),
            facula.transforms.create("to_tensor"),
            facula.transforms.create("lambda", lambda image: image * 2),
            facula.transforms.create("normalize", [0.5] * 3, [0.5] * 3),
        ],
    )
    assert chain(picture).shape == (3, 7, 6)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: F.to_tensor("x"), TypeError, "pic should be PIL Image or ndarray"),
        (lambda: F.to_tensor(np.zeros(3)), ValueError, "pic should be 2/3 dimensional"),
        (lambda: F.pil_to_tensor(np.zeros(3)), TypeError, "pic should be PIL Image"),
        (lambda: F.to_pil_image("x"), TypeError, "pic should be Tensor or ndarray"),
        (lambda: F.to_pil_image(facula.zeros(2)), ValueError, "pic should be 2/3 dimensional"),
        (lambda: F.to_pil_image(facula.zeros(5, 2, 2)), ValueError, "pic should not have > 4 channels"),
        (lambda: F.to_pil_image(facula.zeros(3, 2, 2), "L"), ValueError, "incorrect mode, expected one of RGB"),
        (lambda: F.to_pil_image(np.zeros((2, 2), np.int64)), ValueError, "got input type int64"),
        (lambda: F.to_pil_image(np.zeros((2, 2, 3), np.int32)), ValueError, "expected uint8 for 3 channels, got int32"),
        (
            lambda: F.normalize("x", [0.0], [1.0]),
            TypeError,
            "normalize: expected a Tensor, Image, Video, got <class 'str'>",
        ),
        (lambda: F.normalize(facula.zeros(1, 2, 2, dtype=facula.uint8), [0.0], [1.0]), TypeError, "should be a float"),
        (lambda: F.normalize(facula.zeros(2, 2), [0.0], [1.0]), ValueError, r"image of size \(..., C, H, W\)"),
        (lambda: F.normalize(facula.zeros(1, 2, 2), [0.0], [0.0]), ValueError, "leading to division by zero"),
        (
            lambda: F.resize("x", 3),
            TypeError,
            "resize: expected a Tensor, a PIL Image, Image, Video, Mask, .*got <class 'str'>",
        ),
        (lambda: F.hflip(facula.zeros(3)), TypeError, r"horizontal_flip: expected a tensor \(..., H, W\), got \(3,\)"),
        (lambda: F.resize(facula.zeros(1, 4, 4), (1, 2, 3)), ValueError, "it should have 1 or 2 values"),
        (lambda: F.resize(facula.zeros(1, 4, 4), (1, 2), max_size=3), ValueError, "max_size should only be passed"),
        (lambda: F.resize(facula.zeros(1, 4, 4), 3, max_size=2), ValueError, "must be strictly greater"),
        (lambda: F.resize(facula.zeros(1, 4, 4), 3, InterpolationMode.BOX), ValueError, "got box.*Resize a PIL image"),
        (lambda: T.Resize("x" * 3), ValueError, "it should have 1 or 2 values"),
        (lambda: T.Resize(1.5), TypeError, "size should be int or sequence"),
        (lambda: T.CenterCrop((1, 2, 3)), ValueError, "Please provide only two dimensions"),
        (lambda: F.pad(facula.zeros(1, 4, 4), (1, 2, 3)), ValueError, "padding must be an int or a 1, 2, or 4"),
        (lambda: F.pad(facula.zeros(1, 4, 4), 1, padding_mode="wrap"), ValueError, "padding mode should be either"),
        (lambda: F.rotate(facula.zeros(1, 4, 4), "x"), TypeError, "argument angle should be int or float"),
        (lambda: F.rotate(facula.zeros(1, 4, 4), 3, center=[1]), ValueError, r"expected center as \(x, y\)"),
        (
            lambda: F.rotate(facula.zeros(1, 4, 4), 3, InterpolationMode.BICUBIC),
            ValueError,
            "unsupported with Tensor input",
        ),
        (lambda: T.RandomRotation(-1), ValueError, "it must be positive"),
        (lambda: T.RandomRotation((1, 2, 3)), ValueError, "sequence of length 2"),
        (lambda: T.Lambda(3), TypeError, "argument lambd should be callable"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
