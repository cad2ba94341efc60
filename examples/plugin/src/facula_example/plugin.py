"""The hooks: names, and where to find what they stand for."""

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"


@hookimpl
def facula_register_devices(registry: Registrar) -> None:
    registry.add("shadow", "facula_example.shadow:ShadowDevice")


@hookimpl
def facula_register_ops(registry: Registrar) -> None:
    registry.add("squareplus", "facula_example.squareplus:squareplus", tags=("activation",))


@hookimpl
def facula_register_models(registry: Registrar) -> None:
    registry.add("tiny_net", "facula_example.tiny:tiny_net", tags=("points", "classification"))


@hookimpl
def facula_register_datasets(registry: Registrar) -> None:
    registry.add("spirals", "facula_example.spirals:Spirals", tags=("points", "classification"))


@hookimpl
def facula_register_transforms(registry: Registrar) -> None:
    registry.add("mirror", "facula_example.spirals:Mirror", tags=("points",))


@hookimpl
def facula_register_callbacks(registry: Registrar) -> None:
    registry.add("stop_when_not_finite", "facula_example.finite:StopWhenNotFinite")
