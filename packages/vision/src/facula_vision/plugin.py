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
_DATASETS = {  # what a dataset is for: its names
    "classification": {
        "caltech101": "caltech:Caltech101",
        "caltech256": "caltech:Caltech256",
        "cifar10": "cifar:CIFAR10",
        "cifar100": "cifar:CIFAR100",
        "clevr_classification": "listed:CLEVRClassification",
        "country211": "listed:Country211",
        "dataset_folder": "folder:DatasetFolder",
        "digits": "digits:Digits",
        "dtd": "listed:DTD",
        "emnist": "mnist:EMNIST",
        "eurosat": "listed:EuroSAT",
        "fake_data": "fake:FakeData",
        "fashion_mnist": "mnist:FashionMNIST",
        "fgvc_aircraft": "listed:FGVCAircraft",
        "flowers102": "matlab:Flowers102",
        "food101": "listed:Food101",
        "gtsrb": "listed:GTSRB",
        "image_folder": "folder:ImageFolder",
        "imagenet": "imagenet:ImageNet",
        "imagenette": "listed:Imagenette",
        "kmnist": "mnist:KMNIST",
        "mnist": "mnist:MNIST",
        "omniglot": "omniglot:Omniglot",
        "oxford_iiit_pet": "pets:OxfordIIITPet",
        "qmnist": "mnist:QMNIST",
        "rendered_sst2": "listed:RenderedSST2",
        "semeion": "digit_texts:SEMEION",
        "stl10": "stl10:STL10",
        "sun397": "listed:SUN397",
        "svhn": "matlab:SVHN",
        "usps": "digit_texts:USPS",
    },
    "faces": {"celeba": "faces:CelebA", "lfw_pairs": "faces:LFWPairs", "lfw_people": "faces:LFWPeople"},
    "detection": {"coco_detection": "coco:CocoDetection", "voc_detection": "voc:VOCDetection"},
    "segmentation": {"voc_segmentation": "voc:VOCSegmentation"},
    "captions": {"coco_captions": "coco:CocoCaptions"},
    "video": {"kinetics": "kinetics:Kinetics"},
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
    for tag, names in _DATASETS.items():
        for name, address in names.items():
            registry.add(name, f"facula_vision.datasets.{address}", tags=("image", tag))


@hookimpl
def facula_register_transforms(registry: Registrar) -> None:
    for attribute in _TRANSFORMS.split():
        name = "_".join(_WORD.findall(attribute)).lower()  # RandomIoUCrop is random_iou_crop
        registry.add(name, f"facula_vision.transforms.v2:{attribute}", tags=("image",))
