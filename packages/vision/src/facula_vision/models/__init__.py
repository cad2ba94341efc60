"""Models for images: one family in each file; `facula.models.create(name)` builds one by name."""

from __future__ import annotations

from facula_vision.models.lenet import LeNet, lenet
from facula_vision.models.resnet import ResNet, resnet18, resnet34, resnet50, resnet101, resnet152

__all__ = ["LeNet", "ResNet", "lenet", "resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
