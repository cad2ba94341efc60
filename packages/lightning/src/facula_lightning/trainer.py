"""Trainer: the arguments of a run, and the four things it can do with a module."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import facula
from facula_lightning import checkpoint as checkpoints
from facula_lightning import connect, profilers, storage
from facula_lightning.attributes import follows
from facula_lightning.callbacks.callback import Callback
from facula_lightning.callbacks.checkpoint import ModelCheckpoint
from facula_lightning.callbacks.progress import ProgressBar
from facula_lightning.callbacks.stopping import EarlyStopping
from facula_lightning.datamodule import LightningDataModule
from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.hooks import Hooks
from facula_lightning.logged import Metrics
from facula_lightning.loops.evaluation import EvaluationLoop
from facula_lightning.loops.fit import FitLoop
from facula_lightning.loops.optimization import Optimization
from facula_lightning.module import LightningModule
from facula_lightning.optimizers import SchedulerConfig, configure
from facula_lightning.precision import Precision
from facula_lightning.seed import isolate_rng
from facula_lightning.strategies import Processes
from facula_lightning.tables import print_metrics


def _is(stage: str, text: str) -> Any:
    """A property: whether the trainer is at a stage."""
    return property(lambda self: self.stage == stage, doc=text)


class Trainer(Processes):
    """Runs a `LightningModule`: `fit`, `validate`, `test` and `predict`.

    Limits of batches are counts (int) or parts of a loader (float). `fast_dev_run` tries everything on one batch (or
    the given number) without writing files. `accelerator` is "auto", "cpu" or "gpu"; `precision` "32-true", "64-true",
    "16-true", "bf16-true", "bf16-mixed" or "16-mixed"; `strategy="ddp"` trains with all processes of mpiexec; `profiler`
    is "simple" or "advanced"; `val_check_interval` may be a time; `barebones` switches off all that costs time.

    Errors: MisconfigurationException for arguments that do not fit each other, ValueError for unknown choices.

    >>> trainer = Trainer(max_epochs=1, logger=False, enable_checkpointing=False, enable_progress_bar=False)
    >>> trainer.current_epoch, trainer.global_step
    (0, 0)
    """

    @connect.checked
    def __init__(
        self,
        *,
        accelerator: str = "auto",
        strategy: Any = "auto",
        devices: list[int] | str | int = "auto",
        num_nodes: int = 1,
        precision: str | int | None = None,
        logger: Any = None,
        callbacks: list[Callback] | Callback | None = None,
        fast_dev_run: int | bool = False,
        max_epochs: int | None = None,
        min_epochs: int | None = None,
        max_steps: int = -1,
        min_steps: int | None = None,
        max_time: str | timedelta | dict[str, int] | None = None,
        limit_train_batches: int | float | None = None,
        limit_val_batches: int | float | None = None,
        limit_test_batches: int | float | None = None,
        limit_predict_batches: int | float | None = None,
        overfit_batches: int | float = 0.0,
        val_check_interval: int | float | str | timedelta | dict[str, int] | None = None,
        check_val_every_n_epoch: int | None = 1,
        num_sanity_val_steps: int | None = None,
        log_every_n_steps: int | None = None,
        enable_checkpointing: bool | None = None,
        enable_progress_bar: bool | None = None,
        enable_model_summary: bool | None = None,
        accumulate_grad_batches: int = 1,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
        deterministic: bool | str | None = None,
        benchmark: bool | None = None,
        inference_mode: bool = True,
        use_distributed_sampler: bool = True,
        profiler: Any = None,
        detect_anomaly: bool = False,
        barebones: bool = False,
        sync_batchnorm: bool = False,
        reload_dataloaders_every_n_epochs: int = 0,
        default_root_dir: str | Path | None = None,
    ) -> None:
        if barebones:  # the bare loop: nothing watches it
            logger = enable_checkpointing = enable_progress_bar = enable_model_summary = False
            num_sanity_val_steps = 0
        self.fast_dev_run = quick = int(fast_dev_run)
        self.default_root_dir = os.fspath(default_root_dir) if default_root_dir is not None else os.getcwd()
        self.max_epochs = 1 if quick else connect.max_epochs(max_epochs, max_steps, max_time)
        self.min_epochs, self.min_steps, self.max_steps = min_epochs, min_steps, quick or max_steps
        if min_epochs is not None and -1 < self.max_epochs < min_epochs:
            raise MisconfigurationException(
                f"min_epochs: expected at most max_epochs={self.max_epochs}, got {min_epochs}. Raise max_epochs."
            )
        self.overfit_batches, over = overfit_batches, overfit_batches or None
        limits = (over or limit_train_batches, over or limit_val_batches, limit_test_batches, limit_predict_batches)
        self.limit_train_batches, self.limit_val_batches, self.limit_test_batches, self.limit_predict_batches = (
            quick or (1.0 if limit is None else limit) for limit in limits
        )
        self.val_check_interval, self.val_check_time = connect.interval(val_check_interval)
        self.check_val_every_n_epoch = check_val_every_n_epoch
        self.num_sanity_val_steps: float = 2 if num_sanity_val_steps is None else num_sanity_val_steps
        if quick or overfit_batches:
            self.num_sanity_val_steps = 0
        elif self.num_sanity_val_steps == -1:
            self.num_sanity_val_steps = math.inf
        self.log_every_n_steps = 50 if log_every_n_steps is None else log_every_n_steps
        self.accumulate_grad_batches = accumulate_grad_batches
        self.gradient_clip_val, self.gradient_clip_algorithm = gradient_clip_val, gradient_clip_algorithm
        self.inference_mode = inference_mode
        if deterministic:
            facula.use_deterministic_algorithms(True, warn_only=deterministic == "warn")
        self.strategy = connect.strategy(strategy, accelerator, devices, num_nodes)
        self.precision = Precision(precision, self.strategy.root_device.type)
        self.profiler = profilers.profiler(profiler)
        self.benchmark, self.detect_anomaly, self.sync_batchnorm = benchmark, detect_anomaly, sync_batchnorm
        self.use_distributed_sampler = use_distributed_sampler
        self.reload_dataloaders_every_n_epochs = reload_dataloaders_every_n_epochs
        self.loggers: list[Any] = connect.loggers(False if quick else logger, self.default_root_dir)
        enabled = (enable_checkpointing, enable_progress_bar, enable_model_summary)
        self.callbacks = connect.callbacks(callbacks, enabled, max_time, quick, self.is_global_zero)
        if enable_checkpointing is False and self.checkpoint_callback is not None:
            raise MisconfigurationException(
                "Trainer: expected no ModelCheckpoint with enable_checkpointing=False, got one. Remove either."
            )
        self.metrics = Metrics(self)
        self.fit_loop = FitLoop(self)
        self.validation_loop = EvaluationLoop(self, "validation")
        self.test_loop = EvaluationLoop(self, "test")
        self.prediction_loop = EvaluationLoop(self, "predict")
        self.module: Any = None
        self.datamodule: Any = None
        self.given_loaders: dict[str, Any] = {}
        self.optimizers: list[Any] = []
        self.lr_scheduler_configs: list[SchedulerConfig] = []
        self.hooks: Hooks
        self.optimization: Optimization
        self.should_stop = self.interrupted = False
        self.stage: str | None = None
        self.ckpt_path: str | None = None

    def fit(
        self,
        model: LightningModule,
        train_dataloaders: Any = None,
        val_dataloaders: Any = None,
        datamodule: Any = None,
        ckpt_path: str | Path | None = None,
    ) -> None:
        """Train; with `ckpt_path` ("last", "best" or a file) go on from a checkpoint, exactly where it was written."""
        loaders = {"train": train_dataloaders, "val": val_dataloaders}
        self._run("fit", model, loaders, datamodule, ckpt_path, self._fit)

    def validate(
        self,
        model: LightningModule | None = None,
        dataloaders: Any = None,
        ckpt_path: str | Path | None = None,
        verbose: bool = True,
        datamodule: Any = None,
    ) -> list[dict[str, float]]:
        """Run `validation_step` over the batches; returns each loader's metrics, and prints them if `verbose`."""
        return self._evaluate(self.validation_loop, model, dataloaders, datamodule, ckpt_path, verbose)

    def test(
        self,
        model: LightningModule | None = None,
        dataloaders: Any = None,
        ckpt_path: str | Path | None = None,
        verbose: bool = True,
        datamodule: Any = None,
    ) -> list[dict[str, float]]:
        """Run `test_step` over the batches; returns each loader's metrics, and prints them if `verbose`."""
        return self._evaluate(self.test_loop, model, dataloaders, datamodule, ckpt_path, verbose)

    def predict(
        self,
        model: LightningModule | None = None,
        dataloaders: Any = None,
        datamodule: Any = None,
        return_predictions: bool | None = None,
        ckpt_path: str | Path | None = None,
    ) -> list[Any] | None:
        """What `predict_step` returns for every batch; a list of such lists with several loaders."""
        found = self._evaluate(self.prediction_loop, model, dataloaders, datamodule, ckpt_path)
        return None if return_predictions is False else found

    def _evaluate(
        self, loop: EvaluationLoop, model: Any, dataloaders: Any, data: Any, ckpt_path: Any, verbose: bool = False
    ) -> list[Any]:
        """Run a loop; without a model, with the best weights of the run before, as far as there are any."""
        stage, best = loop.caller, getattr(self.checkpoint_callback, "best_model_path", "")

        def run(checkpoint: dict[str, Any] | None) -> list[Any]:
            self.stage = stage
            loop.prepare()
            return loop.run()

        path = "best" if model is None and ckpt_path is None and best else ckpt_path
        found: list[Any] = self._run(stage, model, {loop.short: dataloaders}, data, path, run)
        if verbose and self.is_global_zero:
            print_metrics(stage, found)
        return found

    def _run(
        self, stage: str, model: Any, loaders: dict[str, Any], data: Any, ckpt_path: Any, body: Callable[..., Any]
    ) -> Any:
        """Set a run up, restore its checkpoint, do it, and take it down again, whatever happens."""
        first = next(iter(loaders))
        if isinstance(loaders[first], LightningDataModule):
            data, loaders = loaders[first], {**loaders, first: None}
        self.module = module = connect.module(model if model is not None else self.module, stage)
        connect.check_data(loaders, data, stage)
        if data is not None or model is not None:
            self.datamodule = data
        self.given_loaders, data = loaders, self.datamodule
        owners = [module] if data is None else [data, module]
        for owner in owners:
            owner.trainer = self
        connect.module_callbacks(self)
        self.hooks = Hooks(self, module)
        for callback in self.callbacks:
            callback.log, callback.log_dict = module.log, module.log_dict
        self.should_stop = self.interrupted = False
        try:
            for owner in owners:
                if self.local_rank == 0:
                    owner.prepare_data()
            self.strategy.barrier()
            if data is not None:
                data.setup(stage)
            self.hooks("setup", stage)
            module.configure_model()
            for logger in self.loggers if self.is_global_zero else ():
                connect.log_hyperparameters(logger, module, data)
            checkpoint = None
            self.ckpt_path = None if ckpt_path is None else checkpoints.find(self, ckpt_path)
            if self.ckpt_path is not None:
                checkpoint = checkpoints.read(self.ckpt_path)
                checkpoints.restore_weights(self, checkpoint)
            self.precision.convert_module(module)
            self.strategy.setup(module)
            with facula.autograd.set_detect_anomaly(self.detect_anomaly) if self.detect_anomaly else nullcontext():
                result = body(checkpoint)
            self.hooks("teardown", stage)
            if self.profiler is not None and self.is_global_zero:
                self.profiler.describe()
            if data is not None:
                data.teardown(stage)
            for logger in self.loggers:
                logger.finalize("success")
        except BaseException as error:
            self.interrupted = isinstance(error, KeyboardInterrupt)
            if data is not None:
                data.on_exception(error)
            self.hooks("on_exception", error)
            for logger in self.loggers:
                logger.finalize("failed")
            raise
        finally:
            self.stage = None
            self.metrics.hook = None
        return result

    def _fit(self, checkpoint: dict[str, Any] | None) -> None:
        module = self.module
        connect.check_fit(self, module)
        if self.sync_batchnorm and self.world_size > 1:
            facula.nn.SyncBatchNorm.convert_sync_batchnorm(module)
        self.strategy.begin_training(module)
        self.optimizers, self.lr_scheduler_configs = configure(module)
        self.optimization = Optimization(self, module)
        if checkpoint is not None:
            checkpoints.restore_callbacks(self, checkpoint)
        self.hooks("on_fit_start")
        self.stage = "sanity"
        self.validation_loop.prepare(required=False)
        if checkpoint is None:
            with isolate_rng():
                self._sanity_check()
        else:
            checkpoints.restore_training(self, checkpoint)
        self.fit_loop.prepare()
        self.fit_loop.run()
        self.hooks("on_fit_end")

    def _sanity_check(self) -> None:
        """Try validation on a few batches before training, so that its mistakes show at once; nothing is kept."""
        if self.validation_loop.empty or not self.num_sanity_val_steps or self.limit_val_batches == 0:
            return
        self.hooks("on_sanity_check_start")
        self.validation_loop.run(self.num_sanity_val_steps)
        self.validation_loop.total = 0
        for kept in self.metrics.finished:
            kept.clear()
        self.hooks("on_sanity_check_end")

    def validate_inside(self) -> None:
        """The validation that belongs to training."""
        self.fit_loop.validated = self.fit_loop.batches
        self.stage = "validate"
        try:
            self.validation_loop.run()
        finally:
            self.stage = "train"
            self.metrics.active, self.metrics.epoch_ended = self.metrics.training, False

    def log_metrics(self, values: dict[str, float], step: int) -> None:
        """Give values to all loggers, with the epoch added."""
        if values and self.loggers and self.stage != "sanity" and self.is_global_zero:
            for logger in self.loggers:
                logger.log_metrics({**values, "epoch": self.current_epoch}, step)

    def save_checkpoint(self, filepath: str | Path, weights_only: bool = False) -> None:
        """Write the state of the run, or the weights alone."""
        if self.module is None:
            raise AttributeError(
                "save_checkpoint: expected a trainer that has run a module, got a new one. Call fit first."
            )
        state = checkpoints.dump(self, weights_only)
        if self.is_global_zero:
            storage.write(state, filepath)
        self.strategy.barrier()

    current_epoch = follows("fit_loop.epoch", "The epoch that is running; after `fit`, how many were run.")
    global_step = follows("fit_loop.global_step", "How many optimizer steps have been taken.")
    is_last_batch = follows("fit_loop.last", "Whether the newest batch is its epoch's last.")
    train_dataloader = follows("fit_loop.loader", "What is trained on.")
    val_dataloaders = follows("validation_loop.loaders", "What is validated on.")
    test_dataloaders = follows("test_loop.loaders", "What is tested on.")
    predict_dataloaders = follows("prediction_loop.loaders", "What is predicted.")
    num_training_batches = follows("fit_loop.count", "How many batches an epoch has.")
    num_val_batches = follows("validation_loop.counts", "How many batches each validation loader gives.")
    num_test_batches = follows("test_loop.counts", "How many batches each test loader gives.")
    num_predict_batches = follows("prediction_loop.counts", "How many batches each loader to predict gives.")
    lightning_module = model = follows("module", "The module of the newest run.")
    print = follows("module.print", "`print(...)` above the progress bar, in the first process only.")

    training = _is("train", "Whether the training loop is running.")
    validating = _is("validate", "Whether validation is running, inside `fit` or alone.")
    testing = _is("test", "Whether `test` is running.")
    predicting = _is("predict", "Whether `predict` is running.")
    sanity_checking = _is("sanity", "Whether validation is only being tried before training.")

    @property
    def callback_metrics(self) -> dict[str, Any]:
        """The newest value of every logged name, as tensors."""
        return {name: facula.tensor(value) for name, value in self.metrics.seen_by(2).items()}

    @property
    def logged_metrics(self) -> dict[str, Any]:
        """The newest values that went to loggers, as tensors."""
        return {name: facula.tensor(value) for name, value in self.metrics.seen_by(1).items()}

    @property
    def progress_bar_metrics(self) -> dict[str, float]:
        """The newest values for the progress bar."""
        return self.metrics.seen_by(0)

    @property
    def logger(self) -> Any | None:
        """The first logger."""
        return self.loggers[0] if self.loggers else None

    @property
    def log_dir(self) -> str | None:
        """Where the first logger writes."""
        return self.default_root_dir if self.logger is None else getattr(self.logger, "log_dir", None)

    def _first(self, cls: type[Callback]) -> Any | None:
        return next((callback for callback in self.callbacks if isinstance(callback, cls)), None)

    checkpoint_callback = property(lambda self: self._first(ModelCheckpoint), doc="The first ModelCheckpoint.")
    early_stopping_callback = property(lambda self: self._first(EarlyStopping), doc="The first EarlyStopping.")
    progress_bar_callback = property(lambda self: self._first(ProgressBar), doc="The progress bar.")

    @property
    def checkpoint_callbacks(self) -> list[Any]:
        """All ModelCheckpoint callbacks."""
        return [callback for callback in self.callbacks if isinstance(callback, ModelCheckpoint)]

    @property
    def estimated_stepping_batches(self) -> float:
        """How many optimizer steps the run will take, for schedulers that want to know."""
        if self.max_epochs == -1:
            return math.inf if self.max_steps == -1 else self.max_steps
        if not self.fit_loop.count:
            self.fit_loop.prepare()
        steps = math.ceil(self.fit_loop.count / self.accumulate_grad_batches) * self.max_epochs
        return steps if self.max_steps == -1 else min(steps, self.max_steps)
