"""What this package makes known by name; nothing is imported until it is asked for."""

from __future__ import annotations

import re

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"

_MODELS = {
    "alexnet": "alexnet",
    "convnext": "convnext_base convnext_large convnext_small convnext_tiny",
    "densenet": "densenet121 densenet161 densenet169 densenet201",
    "efficientnet": (
        "efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 "
        "efficientnet_b6 efficientnet_b7 efficientnet_v2_l efficientnet_v2_m efficientnet_v2_s"
    ),
    "efficientnet_lite": "efficientnet_lite0",
    "lenet": "lenet",
    "mobilenetv2": "mobilenet_v2",
    "mobilenetv3": "mobilenet_v3_large mobilenet_v3_small",
    "resnet": (
        "resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d "
        "resnext101_64x4d wide_resnet50_2 wide_resnet101_2"
    ),
    "squeezenet": "squeezenet1_0 squeezenet1_1",
    "vgg": "vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn",
    "vision_transformer": "vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32",
}
_TRANSFORMS = """
    AugMix AutoAugment CenterCrop ClampBoundingBoxes ClampKeyPoints ColorJitter Compose ConvertBoundingBoxFormat
    ConvertImageDtype CutMix ElasticTransform FiveCrop GaussianBlur GaussianNoise Grayscale Identity JPEG Lambda
    LinearTransformation MixUp Normalize PILToTensor Pad RGB RandAugment RandomAdjustSharpness RandomAffine RandomApply
    RandomAutocontrast RandomChannelPermutation RandomChoice RandomCrop RandomEqualize RandomErasing RandomGrayscale
    RandomHorizontalFlip RandomInvert RandomIoUCrop RandomOrder RandomPerspective RandomPhotometricDistort RandomPosterize
    RandomResize RandomResizedCrop RandomRotation RandomShortestSize RandomSolarize RandomVerticalFlip RandomZoomOut Resize
    SanitizeBoundingBoxes SanitizeKeyPoints ScaleJitter SetClampingMode TenCrop ToDtype ToImage ToPILImage ToPureTensor
    ToTensor TrivialAugmentWide UniformTemporalSubsample
"""
_WORD = re.compile(r"IoU|[A-Z]+(?![a-z])|[A-Z][a-z]+")


@hookimpl
def facula_register_models(registry: Registrar) -> None:
    for family, names in _MODELS.items():
        for name in names.split():
            registry.add(name, f"facula_vision.models.{family}:{name}", tags=("image", "classification"))


@hookimpl
def facula_register_datasets(registry: Registrar) -> None:
    registry.add("digits", "facula_vision.datasets.digits:Digits", tags=("image", "classification"))
    registry.add("mnist", "facula_vision.datasets.mnist:MNIST", tags=("image", "classification"))
    registry.add("fashion_mnist", "facula_vision.datasets.mnist:FashionMNIST", tags=("image", "classification"))
    registry.add("image_folder", "facula_vision.datasets.folder:ImageFolder", tags=("image", "classification"))


@hookimpl
def facula_register_transforms(registry: Registrar) -> None:
    for attribute in _TRANSFORMS.split():
        name = "_".join(_WORD.findall(attribute)).lower()  # RandomIoUCrop is random_iou_crop
        registry.add(name, f"facula_vision.transforms.v2:{attribute}", tags=("image",))
