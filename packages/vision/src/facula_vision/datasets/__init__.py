"""Datasets of images, read from the files in which they are published."""

from __future__ import annotations

from facula_vision.datasets.caltech import Caltech101, Caltech256
from facula_vision.datasets.cifar import CIFAR10, CIFAR100
from facula_vision.datasets.coco import CocoCaptions, CocoDetection
from facula_vision.datasets.digit_texts import SEMEION, USPS
from facula_vision.datasets.digits import Digits
from facula_vision.datasets.faces import CelebA, LFWPairs, LFWPeople
from facula_vision.datasets.fake import FakeData
from facula_vision.datasets.folder import DatasetFolder, ImageFolder
from facula_vision.datasets.imagenet import ImageNet
from facula_vision.datasets.kinetics import Kinetics
from facula_vision.datasets.listed import (
    DTD,
    GTSRB,
    SUN397,
    CLEVRClassification,
    Country211,
    EuroSAT,
    FGVCAircraft,
    Food101,
    Imagenette,
    RenderedSST2,
)
from facula_vision.datasets.matlab import SVHN, Flowers102
from facula_vision.datasets.mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from facula_vision.datasets.omniglot import Omniglot
from facula_vision.datasets.pets import OxfordIIITPet
from facula_vision.datasets.stl10 import STL10
from facula_vision.datasets.vision import VisionDataset
from facula_vision.datasets.voc import VOCDetection, VOCSegmentation
from facula_vision.datasets.wrapping import wrap_dataset_for_transforms_v2

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "DTD",
    "EMNIST",
    "GTSRB",
    "KMNIST",
    "MNIST",
    "QMNIST",
    "SEMEION",
    "STL10",
    "SUN397",
    "SVHN",
    "USPS",
    "CLEVRClassification",
    "Caltech101",
    "Caltech256",
    "CelebA",
    "CocoCaptions",
    "CocoDetection",
    "Country211",
    "DatasetFolder",
    "Digits",
    "EuroSAT",
    "FGVCAircraft",
    "FakeData",
    "FashionMNIST",
    "Flowers102",
    "Food101",
    "ImageFolder",
    "ImageNet",
    "Imagenette",
    "Kinetics",
    "LFWPairs",
    "LFWPeople",
    "Omniglot",
    "OxfordIIITPet",
    "RenderedSST2",
    "VOCDetection",
    "VOCSegmentation",
    "VisionDataset",
    "wrap_dataset_for_transforms_v2",
]
