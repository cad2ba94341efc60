"""LightningModule: a network that knows how it is trained."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import facula
import facula_lightning as pl
from facula.nn import Module
from facula_lightning.datamodule import DataHooks, undefined
from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.hparams import HyperparametersMixin, accepted
from facula_lightning.optimizers import parameters_of


@contextmanager
def evaluated(
    module: Module, enter: Callable[[], Any] | None = None, leave: Callable[[], Any] | None = None
) -> Iterator[None]:
    """The module in evaluation mode, each layer's own mode put back after; `enter` and `leave` do it otherwise."""
    modes = [(part, part.training) for part in module.modules()]
    (enter or module.eval)()
    try:
        yield
    finally:
        if leave is not None:
            leave()
        else:
            for part, training in modes:
                part.training = training


def _of_trainer(name: str, alone: Any, text: str) -> Any:
    """A property that is the trainer's, or `alone` without a trainer."""
    return property(lambda self: alone if self._trainer is None else getattr(self._trainer, name), doc=text)


class LightningModule(HyperparametersMixin, DataHooks, Module):
    """A `facula.nn.Module` with its training written down: steps, optimizers and hooks.

    A subclass defines `training_step` (returning the loss) and `configure_optimizers`, and, where it wants them,
    `validation_step`, `test_step`, `predict_step` and any hook. `self.log` records numbers in steps and hooks.

    >>> import facula
    >>> class Line(LightningModule):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.layer = facula.nn.Linear(1, 1)
    ...     def training_step(self, batch, batch_idx):
    ...         x, y = batch
    ...         return facula.nn.functional.mse_loss(self.layer(x), y)
    ...     def configure_optimizers(self):
    ...         return facula.optim.SGD(self.parameters(), lr=0.1)
    >>> Line().automatic_optimization
    True
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._trainer: pl.Trainer | None = None
        self.automatic_optimization = True
        self.strict_loading = True
        self.example_input_array: Any = None
        self._toggled: dict[Any, dict[Any, bool]] = {}

    @property
    def trainer(self) -> pl.Trainer:
        """The trainer that runs this module."""
        if self._trainer is None:
            raise RuntimeError(
                f"{type(self).__name__}: expected to be attached to a Trainer, got none. Pass the module to Trainer.fit, validate, test or predict first."
            )
        return self._trainer

    @trainer.setter
    def trainer(self, trainer: pl.Trainer | None) -> None:
        self._trainer = trainer

    global_step = _of_trainer("global_step", 0, "How many optimizer steps have been taken; 0 without a trainer.")
    current_epoch = _of_trainer("current_epoch", 0, "The epoch that is running, from 0; 0 without a trainer.")
    global_rank = _of_trainer("global_rank", 0, "The number of this process among all; 0 without a trainer.")
    local_rank = _of_trainer("local_rank", 0, "The number of this process on its machine; 0 without a trainer.")
    logger = _of_trainer("logger", None, "The trainer's first logger.")
    loggers = _of_trainer("loggers", [], "All loggers of the trainer.")

    @property
    def device(self) -> Any:
        """Where the parameters are."""
        return next((p.device for p in self.parameters()), facula.device("cpu"))

    @property
    def dtype(self) -> Any:
        """The type of the parameters."""
        if "_trainer" not in vars(self):  # not yet: an error asks for it that tells of a missing super().__init__()
            raise AttributeError("dtype")
        return next((p.dtype for p in self.parameters()), facula.get_default_dtype())

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """The loss of one batch: a tensor, a dict with the key `loss`, or None to skip the batch.

        With a `weight` in the dict (say, the number of tokens that `loss` is the mean of) accumulated batches and several
        processes have exactly the gradient of one big batch.
        """
        raise undefined(self, "training_step", "Trainer.fit")

    def validation_step(self, *args: Any, **kwargs: Any) -> Any:
        """Measure one validation batch, with `self.log`."""
        raise undefined(self, "validation_step", "Trainer.validate")

    def test_step(self, *args: Any, **kwargs: Any) -> Any:
        """Measure one test batch, with `self.log`."""
        raise undefined(self, "test_step", "Trainer.test")

    def predict_step(self, *args: Any, **kwargs: Any) -> Any:
        """What `Trainer.predict` returns for a batch: `self(batch)` unless defined otherwise."""
        return self(args[0])

    def configure_optimizers(self) -> Any:
        """The optimizer, or one of these: a list of optimizers; lists of optimizers and of schedulers; a dict with
        `optimizer` and `lr_scheduler` (a scheduler, or a dict with `scheduler`, `interval`, `frequency`, `monitor`);
        a list of such dicts; None to train nothing.
        """
        raise undefined(self, "configure_optimizers", "Trainer.fit")

    def configure_callbacks(self) -> Any:
        """Callbacks that this module brings along; one of the same class in the Trainer gives way."""
        return []

    def configure_model(self) -> None:
        """Build layers late, once the trainer is known."""

    def log(
        self,
        name: str,
        value: Any,
        prog_bar: bool = False,
        logger: bool | None = None,
        on_step: bool | None = None,
        on_epoch: bool | None = None,
        reduce_fx: str | Callable[..., Any] = "mean",
        enable_graph: bool = False,
        sync_dist: bool = False,
        sync_dist_group: Any = None,
        add_dataloader_idx: bool = True,
        batch_size: int | None = None,
        metric_attribute: str | None = None,
        rank_zero_only: bool = False,
    ) -> None:
        """Record a number under a name, for the progress bar, loggers and callbacks.

        In a training step it is recorded at every step, elsewhere once an epoch, unless `on_step` and `on_epoch` say
        otherwise; with both, the names are `<name>_step` and `<name>_epoch`. Over an epoch values are reduced by
        `reduce_fx` (mean, sum, min or max); a mean weighs by `batch_size`, by default the batch's first dimension. `sync_dist` reduces over all processes too.
        A metric of `facula.metrics` is computed over all that it saw in the epoch.

        Errors: ValueError for a value of several elements; MisconfigurationException where no epoch is running.
        """
        if self._trainer is None:
            warnings.warn(
                f"log: expected a module in a running Trainer, got {name!r} without one. It is not recorded.",
                stacklevel=2,
            )
            return
        self._trainer.metrics.log(
            name, value, prog_bar, logger, on_step, on_epoch, reduce_fx, batch_size, add_dataloader_idx, sync_dist
        )

    def log_dict(self, dictionary: Mapping[str, Any], **kwargs: Any) -> None:
        """`log` every name and value of a dict, with the same options."""
        for name, value in dictionary.items():
            self.log(name, value, **kwargs)

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print above the progress bar, in the first process only."""
        bar = None if self._trainer is None else self._trainer.progress_bar_callback
        if bar is None:
            print(*args, **kwargs)  # noqa: T201
        elif self.global_rank == 0:
            bar.print(*args, **kwargs)

    def all_gather(self, thing: Any) -> list[Any]:
        """What each process gave, in the order of ranks."""
        found: list[Any] = self.trainer.strategy.gather(thing)
        return found

    def optimizers(self, use_pl_optimizer: bool = True) -> Any:
        """The optimizer, or the list of them; with `use_pl_optimizer` each step counts and calls hooks."""
        known = self.trainer.optimization.wrapped if use_pl_optimizer else self.trainer.optimizers
        return known[0] if len(known) == 1 else list(known)

    def lr_schedulers(self) -> Any:
        """The learning-rate scheduler, the list of them, or None."""
        known = [config.scheduler for config in self.trainer.lr_scheduler_configs]
        return (known or [None])[0] if len(known) <= 1 else known

    def manual_backward(self, loss: Any, *args: Any, **kwargs: Any) -> None:
        """`loss.backward()` for manual optimization, with hooks and precision taken care of."""
        if self.automatic_optimization:
            raise MisconfigurationException(
                f"manual_backward: expected manual optimization, got automatic in {type(self).__name__}. Set self.automatic_optimization = False in __init__."
            )
        self.trainer.optimization.backward(loss, *args, **kwargs)

    def toggle_optimizer(self, optimizer: Any) -> None:
        """Let only this optimizer's parameters require gradients, until `untoggle_optimizer`."""
        optimizer = getattr(optimizer, "optimizer", optimizer)
        own = set(map(id, parameters_of(optimizer)))
        before = {p: p.requires_grad for other in self.trainer.optimizers for p in parameters_of(other)}
        for parameter, required in before.items():
            parameter.requires_grad = required and id(parameter) in own
        self._toggled[id(optimizer)] = before

    def untoggle_optimizer(self, optimizer: Any) -> None:
        """Undo `toggle_optimizer`."""
        optimizer = getattr(optimizer, "optimizer", optimizer)
        for parameter, required in self._toggled.pop(id(optimizer), {}).items():
            parameter.requires_grad = required

    @contextmanager
    def toggled_optimizer(self, optimizer: Any) -> Iterator[None]:
        """`toggle_optimizer` for a `with` block."""
        self.toggle_optimizer(optimizer)
        try:
            yield
        finally:
            self.untoggle_optimizer(optimizer)

    def backward(self, loss: Any, *args: Any, **kwargs: Any) -> None:
        """How gradients are computed."""
        loss.backward(*args, **kwargs)

    def optimizer_step(
        self, epoch: int, batch_idx: int, optimizer: Any, optimizer_closure: Callable[[], Any] | None = None
    ) -> None:
        """One step of the optimizer; the closure runs `training_step`, clears gradients and goes backward."""
        optimizer.step(closure=optimizer_closure)

    def optimizer_zero_grad(self, epoch: int, batch_idx: int, optimizer: Any) -> None:
        """How gradients are cleared."""
        optimizer.zero_grad()

    def lr_scheduler_step(self, scheduler: Any, metric: Any | None) -> None:
        """One step of a scheduler; `metric` is the value it monitors, or None."""
        if metric is None:
            scheduler.step()
        else:
            scheduler.step(metric)

    def configure_gradient_clipping(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """How gradients are clipped before a step."""
        self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def clip_gradients(
        self, optimizer: Any, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip the gradients of an optimizer's parameters by their common "norm", or each "value"."""
        if gradient_clip_val is None:
            return
        parameters = parameters_of(optimizer)
        if gradient_clip_algorithm == "value":
            facula.nn.utils.clip_grad_value_(parameters, gradient_clip_val)
        else:
            facula.nn.utils.clip_grad_norm_(parameters, gradient_clip_val)

    def freeze(self) -> None:
        """Stop all gradients and switch to evaluation."""
        self.requires_grad_(False).eval()

    def unfreeze(self) -> None:
        """Let all parameters learn and switch to training."""
        self.requires_grad_(True).train()

    def to_onnx(self, file_path: str | Path, input_sample: Any = None, **kwargs: Any) -> None:
        """Write the network as ONNX, traced with `input_sample` or `example_input_array`."""
        sample = self.example_input_array if input_sample is None else input_sample
        if sample is None:
            raise ValueError(
                f"to_onnx: expected an input to trace {type(self).__name__} with, got none. Pass input_sample, or set self.example_input_array."
            )
        with evaluated(self):
            facula.onnx.export(self, sample if isinstance(sample, tuple) else (sample,), file_path, **kwargs)

    @classmethod
    def load_from_checkpoint(
        cls,
        checkpoint_path: str | Path,
        map_location: Any = None,
        hparams_file: Any = None,
        strict: bool | None = None,
        **kwargs: Any,
    ) -> Self:
        """Build the module from a checkpoint: the arguments that `save_hyperparameters` kept, then its weights.

        `kwargs` replace or add arguments of `__init__`.
        """
        from facula_lightning.checkpoint import read

        checkpoint = read(checkpoint_path, map_location)
        known = {**checkpoint.get("hyper_parameters", {}), **kwargs}
        try:
            module = cls(**accepted(cls, known))
        except TypeError as error:
            raise TypeError(
                f"load_from_checkpoint: expected the arguments of {cls.__name__} in {checkpoint_path} or as keywords, "
                f"got {error}. Call self.save_hyperparameters() in __init__, or pass them here."
            ) from error
        module.on_load_checkpoint(checkpoint)
        module.load_state_dict(checkpoint["state_dict"], strict=module.strict_loading if strict is None else strict)
        return module

    # fmt: off
    def on_fit_start(self) -> None: """When fitting begins, before the sanity check."""
    def on_fit_end(self) -> None: """When fitting has ended."""
    def on_train_start(self) -> None: """Before the first epoch."""
    def on_train_end(self) -> None: """After the last epoch."""
    def on_train_epoch_start(self) -> None: """Before an epoch's first batch."""
    def on_train_epoch_end(self) -> None: """After an epoch's last batch and its validation."""
    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        """Before a training batch; returning -1 ends the epoch."""
    def on_train_batch_end(self, outputs: Any, batch: Any, batch_idx: int) -> None: """After a training batch."""
    def on_before_zero_grad(self, optimizer: Any) -> None: """Before gradients are cleared."""
    def on_before_backward(self, loss: Any) -> None: """Before `loss.backward()`."""
    def on_after_backward(self) -> None: """After `loss.backward()`."""
    def on_before_optimizer_step(self, optimizer: Any) -> None:
        """Before the gradients are clipped and the optimizer steps."""
    def on_validation_model_eval(self) -> None:
        """Switch to evaluation before validation; likewise of test and predict."""
        self.eval()
    def on_validation_model_train(self) -> None:
        """Switch back after validation; replaces the trainer's own way of restoring each layer's mode."""
    def on_validation_start(self) -> None: """Before validation; likewise `on_test_start` and `on_predict_start`."""
    def on_validation_end(self) -> None: """After validation; likewise `on_test_end` and `on_predict_end`."""
    def on_validation_epoch_start(self) -> None: """Before the first validation batch; likewise of test and predict."""
    def on_validation_epoch_end(self) -> None: """After the last validation batch; likewise of test and predict."""
    def on_validation_batch_start(self, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """Before a validation batch; likewise of test and predict."""
    def on_validation_batch_end(self, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0) -> None:
        """After a validation batch; likewise of test and predict."""
    on_test_model_eval = on_predict_model_eval = on_validation_model_eval
    on_test_model_train = on_predict_model_train = on_validation_model_train
    on_test_start = on_predict_start = on_validation_start
    on_test_end = on_predict_end = on_validation_end
    on_test_epoch_start = on_predict_epoch_start = on_validation_epoch_start
    on_test_epoch_end = on_predict_epoch_end = on_validation_epoch_end
    on_test_batch_start = on_predict_batch_start = on_validation_batch_start
    on_test_batch_end = on_predict_batch_end = on_validation_batch_end
    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """When a checkpoint is written; add to it what should be kept."""
    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """When a checkpoint has been read, before weights are restored."""
    # fmt: on
