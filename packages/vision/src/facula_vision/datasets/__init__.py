"""Datasets of images, read from the files in which they are published."""

from __future__ import annotations

from facula_vision.datasets.digits import Digits
from facula_vision.datasets.folder import DatasetFolder, ImageFolder
from facula_vision.datasets.mnist import MNIST, FashionMNIST
from facula_vision.datasets.vision import VisionDataset

__all__ = ["MNIST", "DatasetFolder", "Digits", "FashionMNIST", "ImageFolder", "VisionDataset"]
