"""The whole extension surface of Facula, on this page.

A plugin is a module that implements some of these hooks and imports nothing heavy:

    # my_package/plugin.py
    from facula.plugins import hookimpl

    requires_api = ">=1.0,<2"  # the plugin API it needs, checked before any hook runs

    @hookimpl
    def facula_register_models(registry):
        registry.add("my_model", "my_package.models:my_model", tags=("image",))

and one line of packaging makes it known:

    # pyproject.toml
    [project.entry-points.facula]
    my_package = "my_package.plugin"

A hook only fills a table: `registry.add(name, "package.module:attr", tags=())`. It runs once, at the first look-up of
its kind, and what it names is imported when somebody asks for it. A hook that raises costs its plugin, never the host.
"""

from __future__ import annotations

import pluggy

from facula.registry import Registrar

__all__ = ["API_VERSION", "hookimpl", "hookspec"]

API_VERSION = "1.0"
"""Raised in its first part when a hook changes or goes, in its second when one comes."""

hookspec = pluggy.HookspecMarker("facula")
hookimpl = pluggy.HookimplMarker("facula")


@hookspec
def facula_register_devices(registry: Registrar) -> None:
    """Kinds of hardware: subclasses of `facula.devices.base.Device`. The name is what `tensor.to(name)` takes.

    Example: `registry.add("npu", "my_package.npu:NPU")`
    """


@hookspec
def facula_register_kernels(registry: Registrar) -> None:
    """Faster forwards of an op on a device, called as the op's reference is. The name is `<op>.<device>`.

    Example: `registry.add("softmax.npu", "my_package.kernels:softmax")`
    """


@hookspec
def facula_register_ops(registry: Registrar) -> None:
    """New ops: the records that `facula.autograd.op` makes, with rule, vjp and samples.

    Example: `registry.add("swish_glu", "my_package.ops:swish_glu", tags=("activation",))`
    """


@hookspec
def facula_register_models(registry: Registrar) -> None:
    """Builders of models: `facula.models.create(name, num_classes=10)` returns a `facula.nn.Module`.

    Example: `registry.add("resnet18", "my_package.resnet:resnet18", tags=("image", "classification"))`
    """


@hookspec
def facula_register_datasets(registry: Registrar) -> None:
    """Datasets: `facula.datasets.create(name, root, train=True)` returns a `facula.utils.data.Dataset`.

    Example: `registry.add("mnist", "my_package.mnist:MNIST", tags=("image", "classification"))`
    """


@hookspec
def facula_register_transforms(registry: Registrar) -> None:
    """Transforms of one sample: `facula.transforms.create(name, ...)` returns a callable.

    Example: `registry.add("resize", "my_package.transforms:Resize", tags=("image",))`
    """


@hookspec
def facula_register_optimizers(registry: Registrar) -> None:
    """Optimizers: `facula.optimizers.create(name, params, lr=...)` returns a `facula.optim.Optimizer`.

    Example: `registry.add("lion", "my_package.lion:Lion")`
    """


@hookspec
def facula_register_callbacks(registry: Registrar) -> None:
    """Callbacks of the Trainer: `facula.callbacks.create(name, ...)` returns a `facula_lightning.Callback`.

    Example: `registry.add("early_stopping", "my_package.stop:EarlyStopping")`
    """


@hookspec
def facula_register_loggers(registry: Registrar) -> None:
    """Loggers of the Trainer: `facula.loggers.create(name, ...)` returns a `facula_lightning.loggers.Logger`.

    Example: `registry.add("csv", "my_package.loggers:CSVLogger")`
    """


@hookspec
def facula_register_strategies(registry: Registrar) -> None:
    """Strategies of the Trainer, which place a model on devices and processes: `Trainer(strategy=name)`.

    Example: `registry.add("ring", "my_package.ring:RingStrategy")`
    """


@hookspec
def facula_register_exporters(registry: Registrar) -> None:
    """Writers of a model into another format, called as `exporter(model, args, file)`.

    Example: `registry.add("onnx", "my_package.export:export")`
    """
