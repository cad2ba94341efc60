"""Pictures in files and in memory, of several formats."""

import io as memory

import numpy as np
import pytest
from PIL import Image

import facula
from facula_vision import io


@pytest.fixture
def picture():
    y, x = np.mgrid[0:20, 0:30]
    return Image.fromarray(np.stack([12 * y, 8 * x, 4 * (x + y)], 2).astype(np.uint8))


def encoded(picture, format, **options):
    file = memory.BytesIO()
    picture.save(file, format=format, **options)
    return facula.from_numpy(np.frombuffer(file.getvalue(), dtype=np.uint8).copy())


@pytest.mark.parametrize(
    ("format", "decode", "options"),
    [
        ("PNG", io.decode_png, {}),
        ("JPEG", io.decode_jpeg, dict(quality=95)),
        ("WEBP", io.decode_webp, dict(lossless=True)),
    ],
)
def test_formats(picture, format, decode, options):
    data = encoded(picture, format, **options)
    expected = np.asarray(picture).transpose(2, 0, 1).astype(int)
    for out in (decode(data), io.decode_image(data)):
        assert (out.shape, out.dtype) == ((3, 20, 30), facula.uint8)
        assert np.abs(out.numpy().astype(int) - expected).mean() < (4 if format == "JPEG" else 0.01)
    assert decode(data, io.ImageReadMode.GRAY).shape == (1, 20, 30)
    assert decode(data, "RGB").shape == (3, 20, 30)
    assert io.decode_image(data, "RGBA").shape == (4, 20, 30)


def test_gif(picture):
    assert io.decode_gif(encoded(picture, "GIF")).shape == (3, 20, 30)
    frames = encoded(picture, "GIF", save_all=True, append_images=[picture.rotate(90), picture.rotate(180)])
    assert io.decode_gif(frames).shape == io.decode_image(frames).shape == (3, 3, 20, 30)


def test_modes(picture, tmp_path):
    deep = Image.fromarray((np.arange(600, dtype=np.uint16) * 100).reshape(20, 30))
    assert io.decode_png(encoded(deep, "PNG")).dtype == facula.uint16
    assert io.decode_png(encoded(deep, "PNG"), "RGB_ALPHA").shape == (4, 20, 30)
    clear = picture.copy()
    clear.putalpha(7)
    assert int(io.decode_png(encoded(clear, "PNG"))[3, 0, 0]) == 7
    assert io.decode_png(encoded(picture.quantize(8), "PNG")).shape == (3, 20, 30)
    assert io.decode_png(encoded(picture.convert("1"), "PNG")).shape == (1, 20, 30)
    assert io.decode_png(encoded(picture.convert("LA"), "PNG"), io.ImageReadMode.GRAY_ALPHA).shape == (2, 20, 30)


def test_orientation(picture, tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # the camera was held upright
    picture.save(tmp_path / "a.jpg", exif=exif, quality=95)
    assert io.read_image(tmp_path / "a.jpg").shape == (3, 20, 30)
    turned = io.read_image(tmp_path / "a.jpg", apply_exif_orientation=True)
    assert facula.equal(turned, io.read_image(tmp_path / "a.jpg").rot90(-1, (1, 2)))
    assert facula.equal(io.decode_image(io.read_file(tmp_path / "a.jpg"), "RGB", True), turned)
    assert facula.equal(io.decode_image(tmp_path / "a.jpg", apply_exif_orientation=True), turned)


def test_encode_and_files(tmp_path):
    image = facula.arange(3 * 40).remainder(256).to(facula.uint8).view(3, 5, 8)
    data = io.encode_png(image)
    assert facula.equal(io.decode_png(data), image)
    io.write_file(tmp_path / "a.png", data)
    assert facula.equal(io.read_file(tmp_path / "a.png"), data)
    assert facula.equal(io.read_image(tmp_path / "a.png"), image)
    one, two = io.decode_jpeg(io.encode_jpeg([image, image[:1]], quality=90))
    assert (one.shape, two.shape) == ((3, 5, 8), (1, 5, 8))
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


BYTES = facula.tensor([1, 2, 3], dtype=facula.uint8)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: io.read_file("absent"), RuntimeError, "read_file: expected a file that can be read, got absent"),
        (lambda: io.write_file("x", facula.zeros(3)), RuntimeError, r"expected bytes \(N,\) of uint8"),
        (
            lambda: io.decode_image(BYTES),
            RuntimeError,
            "decode_image: expected a picture that can be read, got the given bytes",
        ),
        (lambda: io.decode_gif(BYTES), RuntimeError, "decode_gif: expected a GIF that can be read"),
        (lambda: io.decode_jpeg(BYTES), RuntimeError, "decode_jpeg: expected a picture"),
        (lambda: io.decode_png(BYTES[:0]), RuntimeError, "decode_png: expected a non empty 1-dimensional tensor"),
        (
            lambda: io.decode_webp(BYTES.float()),
            RuntimeError,
            "decode_webp: expected a non empty .* got facula.float32",
        ),
        (lambda: io.decode_avif(BYTES), RuntimeError, "decode_avif: expected a picture"),
        (lambda: io.encode_png(facula.zeros(3, 2, 2)), RuntimeError, "encode_png: input tensor dtype should be uint8"),
        (lambda: io.encode_jpeg(BYTES), RuntimeError, "encode_jpeg: the number of channels should be 1 or 3"),
        (lambda: io.encode_png(BYTES, 10), ValueError, "encode_png: compression level should be between 0 and 9"),
        (lambda: io.encode_jpeg(BYTES, 0), ValueError, "encode_jpeg: image quality should be a positive number"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_one_format_is_not_taken_for_another(picture):
    with pytest.raises(RuntimeError, match="decode_png: expected a picture that can be read"):
        io.decode_png(encoded(picture, "JPEG"))
