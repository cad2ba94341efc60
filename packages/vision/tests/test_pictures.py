"""Grids, saving, reading and writing."""

import io as memory

import numpy as np
import pytest
from PIL import Image

import facula
from facula_vision import io, utils


def test_grid_places_images():
    images = facula.arange(1.0, 6.0).view(5, 1, 1, 1).expand(5, 3, 2, 2)
    grid = utils.make_grid(images, nrow=3, padding=1, pad_value=-1.0)
    expected = [
        [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1],
        [-1, 1, 1, -1, 2, 2, -1, 3, 3, -1],
        [-1, 1, 1, -1, 2, 2, -1, 3, 3, -1],
        [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1],
        [-1, 4, 4, -1, 5, 5, -1, -1, -1, -1],
        [-1, 4, 4, -1, 5, 5, -1, -1, -1, -1],
        [-1, -1, -1, -1, -1, -1, -1, -1, -1, -1],
    ]
    assert grid.shape == (3, 7, 10)
    assert all(grid[channel].tolist() == expected for channel in range(3))


def test_grid_of_lists_and_single_images():
    assert utils.make_grid([facula.zeros(1, 4, 4)] * 3, nrow=2).shape == (3, 14, 14)
    assert utils.make_grid(facula.zeros(4, 6)).shape == (3, 4, 6)
    assert utils.make_grid(facula.zeros(1, 3, 4, 6)).shape == (3, 4, 6)
    with pytest.raises(TypeError, match="tensor or list of tensors expected"):
        utils.make_grid("x")
    with pytest.raises(ValueError, match=r"make_grid: expected \(N, C, H, W\)"):
        utils.make_grid(facula.zeros(3))


def test_grid_normalizes():
    images = facula.stack([facula.tensor([0.0, 2.0]), facula.tensor([4.0, 8.0])]).view(2, 1, 1, 2)
    together = utils.make_grid(images, padding=0, normalize=True)
    assert together[0, 0].tolist() == [0.0, 0.25, 0.5, 1.0]
    each = utils.make_grid(images, padding=0, normalize=True, scale_each=True)
    assert each[0, 0].tolist() == [0.0, 1.0, 0.0, 1.0]
    ranged = utils.make_grid(images, padding=0, normalize=True, value_range=(2, 6))
    assert ranged[0, 0].tolist() == [0.0, 0.0, 0.5, 1.0]
    assert images.view(-1).tolist() == [0.0, 2.0, 4.0, 8.0]
    with pytest.raises(TypeError, match=r"value_range has to be a tuple"):
        utils.make_grid(images, normalize=True, value_range=[0, 1])


def test_save_image(tmp_path):
    image = facula.tensor([[0.0, 0.5, 1.0], [2.0, -1.0, 0.25]]).expand(3, 2, 3)
    utils.save_image(image, tmp_path / "a.png")
    assert np.asarray(Image.open(tmp_path / "a.png"))[:, :, 0].tolist() == [[0, 128, 255], [255, 0, 64]]
    stream = memory.BytesIO()
    utils.save_image(image, stream, format="png")
    assert stream.getvalue()[:4] == b"\x89PNG"
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_failed_write_leaves_what_was_there(tmp_path):
    path = tmp_path / "a.unknown"
    path.write_text("before")
    with pytest.raises(ValueError, match="unknown file extension"):
        utils.save_image(facula.zeros(3, 2, 2), path)
    assert path.read_text() == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["a.unknown"]


@pytest.mark.parametrize("channels", [1, 3])
def test_png_round_trip(tmp_path, channels):
    image = facula.arange(channels * 20).remainder(256).to(facula.uint8).view(channels, 4, 5)
    io.write_png(image, tmp_path / "a.png", compression_level=9)
    assert facula.equal(io.read_image(tmp_path / "a.png"), image)


def test_read_modes(tmp_path):
    io.write_png(facula.full((3, 4, 5), 77, dtype=facula.uint8), tmp_path / "a.png")
    grey = io.read_image(tmp_path / "a.png", io.ImageReadMode.GRAY)
    assert (grey.shape, int(grey[0, 0, 0])) == ((1, 4, 5), 77)
    assert io.read_image(tmp_path / "a.png", io.ImageReadMode.RGB_ALPHA).shape == (4, 4, 5)
    io.write_jpeg(facula.full((3, 16, 16), 200, dtype=facula.uint8), tmp_path / "a.jpg", quality=95)
    assert abs(int(io.read_image(tmp_path / "a.jpg")[0, 5, 5]) - 200) <= 2


def test_bad_pictures(tmp_path):
    (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    with pytest.raises(RuntimeError, match=r"read_image: expected a picture that can be read, got .*x.png"):
        io.read_image(tmp_path / "x.png")
    io.write_png(facula.arange(12288).remainder(255).to(facula.uint8).view(3, 64, 64), tmp_path / "y.png", 0)
    (tmp_path / "y.png").write_bytes((tmp_path / "y.png").read_bytes()[:5000])
    with pytest.raises(RuntimeError, match=r"read_image: .*y.png \(.*truncated"):
        io.read_image(tmp_path / "y.png")
    with pytest.raises(RuntimeError, match="read_image: .*No such file"):
        io.read_image(tmp_path / "absent.png")
    with pytest.raises(RuntimeError, match="input tensor dtype should be uint8"):
        io.write_png(facula.zeros(3, 2, 2), tmp_path / "z.png")
    with pytest.raises(RuntimeError, match="number of channels should be 1 or 3"):
        io.write_png(facula.zeros(2, 2, 2, dtype=facula.uint8), tmp_path / "z.png")
    with pytest.raises(ValueError, match="compression level should be between 0 and 9"):
        io.write_png(facula.zeros(3, 2, 2, dtype=facula.uint8), tmp_path / "z.png", 10)
    with pytest.raises(ValueError, match="image quality should be"):
        io.write_jpeg(facula.zeros(3, 2, 2, dtype=facula.uint8), tmp_path / "z.png", 0)
    assert not (tmp_path / "z.png").exists()
