"""What core itself brings, registered through the hooks that third parties use."""

from __future__ import annotations

from facula.plugins.hookspecs import hookimpl
from facula.registry import Registrar

requires_api = ">=1.0,<2"


@hookimpl
def facula_register_devices(registry: Registrar) -> None:
    registry.add("cpu", "facula.devices.cpu:CPU")
    registry.add("cuda", "facula.devices.cuda:CUDA")
    registry.add("meta", "facula.devices.meta:MetaDevice")


@hookimpl
def facula_register_optimizers(registry: Registrar) -> None:
    registry.add("sgd", "facula.optim:SGD")
    registry.add("adam", "facula.optim:Adam")
    registry.add("adamw", "facula.optim:AdamW")


@hookimpl
def facula_register_exporters(registry: Registrar) -> None:
    registry.add("onnx", "facula.onnx:export")
