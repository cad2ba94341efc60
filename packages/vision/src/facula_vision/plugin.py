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
    "googlenet": "googlenet",
    "inception": "inception_v3",
    "lenet": "lenet",
    "maxvit": "maxvit_t",
    "mnasnet": "mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3",
    "mobilenetv2": "mobilenet_v2",
    "mobilenetv3": "mobilenet_v3_large mobilenet_v3_small",
    "regnet": (
        "regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf regnet_x_8gf regnet_x_16gf regnet_x_32gf "
        "regnet_y_400mf regnet_y_800mf regnet_y_1_6gf regnet_y_3_2gf regnet_y_8gf regnet_y_16gf regnet_y_32gf regnet_y_128gf"
    ),
    "resnet": (
        "resnet18 resnet34 resnet50 resnet101 resnet152 resnext50_32x4d resnext101_32x8d "
        "resnext101_64x4d wide_resnet50_2 wide_resnet101_2"
    ),
    "shufflenetv2": "shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0",
    "squeezenet": "squeezenet1_0 squeezenet1_1",
    "swin_transformer": "swin_b swin_s swin_t swin_v2_b swin_v2_s swin_v2_t",
    "vgg": "vgg11 vgg11_bn vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn",
    "vision_transformer": "vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32",
    "detection.faster_rcnn": (
        "fasterrcnn_mobilenet_v3_large_320_fpn fasterrcnn_mobilenet_v3_large_fpn fasterrcnn_resnet50_fpn "
        "fasterrcnn_resnet50_fpn_v2"
    ),
    "detection.fcos": "fcos_resnet50_fpn",
    "detection.keypoint_rcnn": "keypointrcnn_resnet50_fpn",
    "detection.mask_rcnn": "maskrcnn_resnet50_fpn maskrcnn_resnet50_fpn_v2",
    "detection.retinanet": "retinanet_resnet50_fpn retinanet_resnet50_fpn_v2",
    "detection.ssd": "ssd300_vgg16",
    "detection.ssdlite": "ssdlite320_mobilenet_v3_large",
    "generative.dcgan": "dcgan_discriminator dcgan_generator",
    "generative.ddpm": "ddpm",
    "generative.unet": "unet",
    "generative.vae": "vae",
    "optical_flow.raft": "raft_large raft_small",
    "segmentation.deeplabv3": "deeplabv3_mobilenet_v3_large deeplabv3_resnet50 deeplabv3_resnet101",
    "segmentation.fcn": "fcn_resnet50 fcn_resnet101",
    "segmentation.lraspp": "lraspp_mobilenet_v3_large",
    "video.mvit": "mvit_v1_b mvit_v2_s",
    "video.resnet": "mc3_18 r2plus1d_18 r3d_18",
    "video.s3d": "s3d",
    "video.swin_transformer": "swin3d_b swin3d_s swin3d_t",
}
_ROOMS = {  # the tags of each room of models; those outside any classify images
    "": ("image", "classification"),
    "detection": ("image", "detection"),
    "generative": ("image", "generative"),
    "optical_flow": ("image", "optical_flow"),
    "segmentation": ("image", "segmentation"),
    "video": ("image", "video", "classification"),
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
        tags = _ROOMS[family.rpartition(".")[0]]
        for name in names.split():
            registry.add(name, f"facula_vision.models.{family}:{name}", tags=tags)


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
