"""Reading, writing and drawing pictures beside torchvision's."""

import numpy as np
import pytest
from PIL import Image

import facula
from facula_vision import io, utils

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")


def image(channels=3, size=(60, 80)):
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    return np.stack([(3 * y + k * x) % 256 for k in range(channels)]).astype(np.uint8)


def both(name, *args, **options):
    """What torchvision and Facula make of the same arguments, arrays among them as tensors."""

    def call(room, tensor):
        given = [tensor(a) if isinstance(a, np.ndarray) else a for a in args]
        named = {key: tensor(a) if isinstance(a, np.ndarray) else a for key, a in options.items()}
        return getattr(room, name)(*given, **named).numpy()

    return call(torchvision.utils, torch.from_numpy), call(utils, facula.from_numpy)


def same(pair, most=0):
    expected, found = pair
    assert (expected.shape, expected.dtype) == (found.shape, found.dtype)
    assert np.abs(expected.astype(float) - found.astype(float)).max() <= most


BOXES = np.array([[4.0, 5, 40, 30], [20, 10, 70, 55], [1, 1, 9, 9]])
TURNED = np.array([[10.0, 5, 50, 12, 46, 40, 6, 33]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(colors="red", width=3),
        dict(colors=["red", (1, 2, 3), "#00ff00"], fill=True),
        dict(labels=["cat", "dog", None], colors="blue"),
        dict(labels=["cat", "dog", "x"], label_colors=["red", "green", "blue"], width=2),
        dict(labels=["cat", "dog", "x"], label_background_colors="yellow", label_colors="black"),
        dict(labels=["cat", "dog", "x"], fill_labels=True),
        dict(
            labels=["cat", "dog", "g"], fill_labels=True, label_background_colors="white", label_colors="red", width=3
        ),
    ],
)
def test_boxes(options):
    same(both("draw_bounding_boxes", image(), BOXES, **options))
    same(both("draw_bounding_boxes", image(1), BOXES, **options))
    same(both("draw_bounding_boxes", image().astype(np.float32) / 255, BOXES, **options), 1e-6)


def test_turned_boxes():
    """The same but for the ends of dashes."""
    for options in (dict(width=1), dict(width=2), dict(fill=True)):
        expected, found = both("draw_bounding_boxes", image(), TURNED, colors="white", **options)
        assert (expected != found).mean() < 0.001


def test_masks():
    masks = np.zeros((3, 60, 80), dtype=bool)
    masks[0, 10:40, 5:50], masks[1, 20:50, 30:70], masks[2, 55:, :] = True, True, True
    for options in ({}, dict(alpha=0.3, colors="red"), dict(colors=["red", "green", (9, 8, 7)])):
        same(both("draw_segmentation_masks", image(), masks, **options), 1)
        same(both("draw_segmentation_masks", image(), masks[0], **options), 1)


def test_keypoints():
    points = np.array([[[5.0, 6], [20, 30], [70, 10]], [[40, 40], [41, 55], [60, 50]]])
    same(both("draw_keypoints", image(), points))
    same(both("draw_keypoints", image(), points, colors="red", radius=4))
    same(both("draw_keypoints", image(), points, connectivity=[(0, 1), (1, 2)], colors=(9, 8, 7), width=2))
    visible = np.array([[True, False, True], [True, True, True]])
    same(both("draw_keypoints", image(), points, connectivity=[(0, 1), (0, 2)], colors="red", visibility=visible))


def test_flow():
    flow = np.random.default_rng(0).normal(size=(2, 2, 20, 30)).astype(np.float32)
    same(both("flow_to_image", flow), 1)
    same(both("flow_to_image", flow[0]), 1)


@pytest.mark.parametrize(
    "options",
    [
        {},
        dict(nrow=3, padding=1, pad_value=0.5),
        dict(normalize=True),
        dict(normalize=True, scale_each=True),
        dict(normalize=True, value_range=(0.2, 0.7)),
    ],
)
def test_grid(options):
    images = np.random.default_rng(1).random((7, 3, 8, 9)).astype(np.float32)
    same(both("make_grid", images, **options), 1e-6)
    same(both("make_grid", images[:, :1], **options), 1e-6)
    same(both("make_grid", images[:1], **options), 1e-6)
    same(both("make_grid", images[0, 0], **options), 1e-6)


@pytest.mark.filterwarnings("ignore:The image decoding and encoding capabilities")
def test_files(tmp_path):
    pixels = image()
    smooth = Image.fromarray(pixels.transpose(1, 2, 0).copy()).resize((70, 50), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[274] = 6
    smooth.save(tmp_path / "turned.jpg", exif=exif)
    smooth.save(tmp_path / "plain.png")
    smooth.save(tmp_path / "plain.webp", lossless=True)
    smooth.save(tmp_path / "plain.gif")
    smooth.convert("LA").save(tmp_path / "la.png")
    smooth.convert("CMYK").save(tmp_path / "inks.jpg")
    Image.fromarray(pixels[0].astype(np.uint16) * 250).save(tmp_path / "deep.png")
    Image.fromarray(pixels[0]).save(tmp_path / "grey.jpg")
    for path in sorted(tmp_path.iterdir()):
        for mode in ("UNCHANGED", "RGB", *(("GRAY",) if path.suffix in (".png", ".jpg") else ())):
            for turn in (False, True):
                expected = torchvision.io.read_image(str(path), torchvision.io.ImageReadMode[mode], turn).numpy()
                found = io.read_image(path, io.ImageReadMode[mode], turn).numpy()
                assert (expected.shape, expected.dtype) == (found.shape, found.dtype), (path, mode)
                assert np.abs(expected.astype(int) - found.astype(int)).max() <= 1, (path, mode)
    for name, options in (("png", {}), ("jpeg", dict(quality=60))):
        encoded = getattr(torchvision.io, f"encode_{name}")(torch.from_numpy(pixels), **options)
        decoded = getattr(io, f"decode_{name}")(facula.from_numpy(encoded.numpy())).numpy()
        assert (decoded == torchvision.io.decode_image(encoded).numpy()).all()
        own = getattr(io, f"encode_{name}")(facula.from_numpy(pixels), **options)
        assert (torchvision.io.decode_image(torch.from_numpy(own.numpy())).numpy() == decoded).all()
