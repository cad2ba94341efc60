"""The tables that plugins fill, one for each kind; each fills itself at its first look-up."""

from __future__ import annotations

from collections.abc import Iterable

from facula.registry import Entry, Registry

__all__ = [
    "TABLES",
    "callbacks",
    "datasets",
    "devices",
    "exporters",
    "kernels",
    "loggers",
    "models",
    "ops",
    "optimizers",
    "strategies",
    "transforms",
]


def _table(kinds: str, kind: str, room: str = "facula") -> Registry:
    def fill() -> Iterable[Entry]:
        from facula.plugins import manager  # pluggy and importlib.metadata load at the first look-up

        return manager.fill(kinds)

    return Registry(kind, public_name=f"{room}.{kinds}", fill=fill)


models = _table("models", "model")
datasets = _table("datasets", "dataset")
transforms = _table("transforms", "transform")
optimizers = _table("optimizers", "optimizer")
callbacks = _table("callbacks", "callback")
loggers = _table("loggers", "logger")
strategies = _table("strategies", "strategy")
exporters = _table("exporters", "exporter")
devices = _table(
    "devices", "device", "facula.plugins.tables"
)  # facula.devices, .ops and .kernels are rooms, not tables
ops = _table("ops", "op", "facula.plugins.tables")
kernels = _table("kernels", "kernel", "facula.plugins.tables")

TABLES: dict[str, Registry] = {
    "devices": devices,
    "kernels": kernels,
    "ops": ops,
    "models": models,
    "datasets": datasets,
    "transforms": transforms,
    "optimizers": optimizers,
    "callbacks": callbacks,
    "loggers": loggers,
    "strategies": strategies,
    "exporters": exporters,
}
