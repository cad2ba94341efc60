"""What this package makes known by name; nothing is imported until it is asked for."""

from __future__ import annotations

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"

_RESNETS = ("resnet18", "resnet34", "resnet50", "resnet101", "resnet152")
_TRANSFORMS = {
    "compose": "Compose",
    "lambda": "Lambda",
    "to_tensor": "ToTensor",
    "pil_to_tensor": "PILToTensor",
    "to_pil_image": "ToPILImage",
    "convert_image_dtype": "ConvertImageDtype",
    "normalize": "Normalize",
    "resize": "Resize",
    "center_crop": "CenterCrop",
    "pad": "Pad",
    "random_crop": "RandomCrop",
    "random_horizontal_flip": "RandomHorizontalFlip",
    "random_vertical_flip": "RandomVerticalFlip",
    "random_rotation": "RandomRotation",
}


@hookimpl
def facula_register_models(registry: Registrar) -> None:
    registry.add("lenet", "facula_vision.models.lenet:lenet", tags=("image", "classification"))
    for name in _RESNETS:
        registry.add(name, f"facula_vision.models.resnet:{name}", tags=("image", "classification"))


@hookimpl
def facula_register_datasets(registry: Registrar) -> None:
    registry.add("digits", "facula_vision.datasets.digits:Digits", tags=("image", "classification"))
    registry.add("mnist", "facula_vision.datasets.mnist:MNIST", tags=("image", "classification"))
    registry.add("fashion_mnist", "facula_vision.datasets.mnist:FashionMNIST", tags=("image", "classification"))
    registry.add("image_folder", "facula_vision.datasets.folder:ImageFolder", tags=("image", "classification"))


@hookimpl
def facula_register_transforms(registry: Registrar) -> None:
    for name, attribute in _TRANSFORMS.items():
        registry.add(name, f"facula_vision.transforms:{attribute}", tags=("image",))
