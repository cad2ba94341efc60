"""The training loop: epochs, batches, validation in between, and where to go on after a checkpoint."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import facula_lightning as pl
from facula import random
from facula.metrics import Metric
from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.loops import loaders
from facula_lightning.loops.loaders import Batches, set_state, state_of

_COUNTERS = ("epoch", "batch", "batches", "stepped", "global_step", "validated", "last")


class FitLoop:
    """Counts epochs, batches and optimizer steps, and runs them.

    Its state holds the ledger of random numbers and where every loader stands. For a loader that has no `state_dict`, and
    where the state is taken in the middle of a batch, it holds how the epoch began: a resumed run begins there and
    draws the batches that were done once more.
    """

    def __init__(self, trainer: pl.Trainer) -> None:
        self.trainer = trainer
        self.epoch = 0
        self.batch = 0  # batches done in this epoch
        self.batches = 0  # batches done in all epochs
        self.stepped = 0  # batches after which the optimizer stepped: what loggers count in
        self.global_step = 0  # steps of optimizers
        self.validated = -1  # the value of `batches` at the newest validation
        self.last = False  # whether the newest batch is its epoch's last
        self.accumulating = False  # whether gradients wait for a later batch
        self.finished = False  # whether the epoch is done, while its end is being told
        self.loader: Any = None
        self.count: float = 0
        self.validate_every: float = math.inf
        self._batches: Batches | None = None
        self._begin: dict[str, Any] = {}  # the random state, the loader's and the batches done where the epoch began
        self._resumed: dict[str, Any] | None = None

    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on from here."""
        metrics = self.trainer.metrics
        done, batches = self.finished, self._batches
        if done or batches is None:
            loader = state_of(self.loader)
        else:
            loader = batches.state() if batches.given == self.batch else None
        own = self._metrics()
        counters = {name: getattr(self, name) for name in _COUNTERS}
        return {
            **counters,
            **({"epoch": self.epoch + 1, "batch": 0, "last": False} if done else {}),
            "begin": {} if done or loader is not None else self._begin,
            "rng": self.trainer.strategy.gather(random.state_dict()),
            "weight": self.trainer.optimization.weight,
            "loader": loader,
            "val_loaders": [state_of(loader) for loader in self.trainer.validation_loop.loaders],
            "gradients": self._gradients() if self.accumulating else {},
            "logged": [] if done else metrics.training.state_dict(own),
            "metrics": {} if done else {name: metric.state_dict() for name, metric in own.items()},
            "finished": [dict(kept) for kept in metrics.finished],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a state of `state_dict`."""
        for name in _COUNTERS:
            setattr(self, name, state[name])
        metrics = self.trainer.metrics
        metrics.training.load_state_dict(state["logged"], self._metrics())
        for name, metric in self._metrics().items():
            if name in state["metrics"]:
                metric.load_state_dict(state["metrics"][name])
        metrics.finished = tuple(dict(kept) for kept in state["finished"])  # type: ignore[assignment]
        rank = self.trainer.global_rank
        own = state["rng"][rank if rank < len(state["rng"]) else 0]
        self._begin, self._resumed = state["begin"], {**state, "rng": own}
        self.trainer.optimization.weight = float(state["weight"])
        for name, parameter in self.trainer.module.named_parameters():
            gradient = state["gradients"].get(name)
            parameter.grad = None if gradient is None else gradient.to(parameter.device)

    def _metrics(self) -> dict[str, Metric]:
        return {name: value for name, value in vars(self.trainer.module).items() if isinstance(value, Metric)}

    def _gradients(self) -> dict[str, Any]:
        named = self.trainer.module.named_parameters()
        return {name: parameter.grad for name, parameter in named if parameter.grad is not None}

    def prepare(self) -> None:
        """Find the batches of the run and say how many there are."""
        trainer = self.trainer
        loader = loaders.find(trainer, trainer.given_loaders.get("train"), "train")
        if loader is None:
            raise MisconfigurationException(
                "Trainer.fit: expected batches to train on, got none. "
                "Pass train_dataloaders or a datamodule, or define train_dataloader in the module or datamodule."
            )
        if isinstance(loader, dict) or (
            isinstance(loader, list | tuple) and any(hasattr(p, "dataset") for p in loader)
        ):
            loader = loaders.CombinedLoader(loader, "max_size_cycle")
        if not hasattr(loader, "__iter__"):
            raise TypeError(
                f"Trainer.fit: expected an iterable of batches to train on, got {type(loader).__name__}. Pass a facula.utils.data.DataLoader."
            )
        if trainer.overfit_batches:
            loader = _in_order(loader)
        self.loader = loader = loaders.shared(trainer, loader)
        self.count = loaders.limited(loader, trainer.limit_train_batches, "limit_train_batches")
        if not self.count and trainer.limit_train_batches:
            warnings.warn(
                "Trainer.fit: expected batches to train on, got none in the loader. Nothing is trained.", stacklevel=2
            )
        self.validate_every = self._validation_interval()

    def _validation_interval(self) -> float:
        interval = self.trainer.val_check_interval
        if self.trainer.val_check_time is not None:
            return math.inf
        if isinstance(interval, int):
            if self.trainer.check_val_every_n_epoch is not None and interval > self.count:
                raise MisconfigurationException(
                    f"val_check_interval: expected at most the {self.count:.0f} batches of an epoch, got {interval}. "
                    "Set check_val_every_n_epoch=None to count across epochs."
                )
            return interval
        if math.isinf(self.count):
            if interval == 1.0:
                return math.inf
            raise MisconfigurationException(
                f"val_check_interval: expected a number of batches for a loader without length, got {interval}. Pass an int, e.g. 100."
            )
        return max(1, int(self.count * interval))

    @property
    def logs(self) -> bool:
        """Whether the newest batch belongs to a step that loggers hear of."""
        return not self.accumulating and self.stepped % self.trainer.log_every_n_steps == 0

    @property
    def done(self) -> bool:
        """Whether enough has been trained, or somebody asked to stop."""
        trainer = self.trainer
        if self.count == 0 or (trainer.max_steps != -1 and self.global_step >= trainer.max_steps):
            return True
        if trainer.max_epochs != -1 and self.epoch >= trainer.max_epochs:
            return True
        return trainer.should_stop and self._may_stop

    @property
    def _may_stop(self) -> bool:
        trainer = self.trainer
        return self.epoch >= (trainer.min_epochs or 0) and self.global_step >= (trainer.min_steps or 0)

    def run(self) -> None:
        """Train until done."""
        trainer = self.trainer
        trainer.stage = "train"
        trainer.module.train()
        trainer.hooks("on_train_start")
        self._validated_at = time.monotonic()
        self._resume()
        move = loaders.transfer(trainer)
        while not self.done:
            self._run_epoch(move)
        trainer.hooks("on_train_end")

    def _run_epoch(self, move: Any) -> None:
        trainer, metrics = self.trainer, self.trainer.metrics
        metrics.active, metrics.epoch_ended = metrics.training, False
        sampler: Any = getattr(self.loader, "sampler", None)
        if hasattr(sampler, "set_epoch"):
            sampler.set_epoch(self.epoch)
        if self.batch == 0:
            every = trainer.reload_dataloaders_every_n_epochs
            if every and self.epoch and self.epoch % every == 0:
                self.prepare()
                trainer.validation_loop.prepare(required=False)
            metrics.training.reset()
            trainer.hooks("on_train_epoch_start")
        batches = self._position()
        exhausted = self._catch_up()
        for batch, last in batches:
            if move is not None:
                batch = move(batch, 0)
            skip = self._run_batch(batch, last)
            if self._validation_due(last):
                trainer.validate_inside()
                self._validated_at = time.monotonic()
            if last or skip:
                exhausted = True
                break
            if (trainer.max_steps != -1 and self.global_step >= trainer.max_steps) or (
                trainer.should_stop and self._may_stop
            ):
                break
        else:
            exhausted = True
        self._end_epoch(exhausted)

    def _resume(self) -> None:
        """Put loaders and random numbers where the checkpoint had them."""
        state = self._resumed
        if state is None:
            return
        for loader, saved in zip(self.trainer.validation_loop.loaders, state["val_loaders"], strict=False):
            if saved is not None:
                set_state(loader, saved, through=True)
        whole = not self.batch and not self._begin  # the next epoch has not begun
        if state["loader"] is not None:
            set_state(self.loader, state["loader"], through=whole)
        random.load_state_dict(state["rng"])
        if whole:
            self._resumed = None

    def _position(self) -> Any:
        """The epoch's batches from the present one on, with the random state that belongs to it."""
        state, self._resumed = self._resumed, None
        self._batches = batches = Batches(self.loader, self.count)
        if state is None:
            self._begin = {"rng": random.state_dict(), "loader": state_of(self.loader), "done": 0}
            return batches.start(self.batch, draw=self.batch)
        if state["loader"] is not None:
            self._begin = {"rng": state["rng"], "loader": state["loader"], "done": self.batch}
        else:
            if self._begin["loader"] is not None:
                set_state(self.loader, self._begin["loader"], through=not self._begin["done"])
            random.load_state_dict(self._begin["rng"])
        rest = batches.start(self.batch, draw=self.batch - int(self._begin["done"]))
        random.load_state_dict(state["rng"])
        return rest

    def _catch_up(self) -> bool:
        """Run the validation that was due when the checkpoint was written; returns whether no batch is left."""
        if self.batch and self.validated != self.batches and self._validation_due(self.last):
            self.trainer.validate_inside()
        return self.last

    def _run_batch(self, batch: Any, last: bool) -> bool:
        """One batch with its hooks; returns whether the rest of the epoch is to be skipped."""
        trainer, hooks, index = self.trainer, self.trainer.hooks, self.batch
        metrics = trainer.metrics
        metrics.batch = batch
        if hooks("on_train_batch_start", batch, index) == -1:
            return True
        accumulating = self.accumulating = not last and (index + 1) % trainer.accumulate_grad_batches != 0
        outputs = trainer.optimization.run(batch, index, accumulating)
        self.last = last
        self.batch += 1
        self.batches += 1
        if not accumulating:
            self.stepped += 1
        if trainer.lr_scheduler_configs and trainer.optimization.automatic:
            if not accumulating:
                self._step_schedulers("step", self.stepped, plateau=False)
                self._step_schedulers("step", self.stepped, plateau=True)
            if last:
                self._step_schedulers("epoch", self.epoch + 1, plateau=False)
        hooks("on_train_batch_end", outputs, batch, index)
        if trainer.loggers and self.logs:
            trainer.log_metrics(metrics.training.newest(1), self.stepped - 1)
        hooks.judge("on_train_batch_end", outputs, batch, index)
        return False

    def _end_epoch(self, exhausted: bool) -> None:
        trainer, metrics = self.trainer, self.trainer.metrics
        metrics.active, metrics.epoch_ended = metrics.training, True
        trainer.hooks("on_train_epoch_end")
        trainer.log_metrics(metrics.finish(metrics.training), max(self.stepped - 1, 0))
        if trainer.optimization.automatic:
            self._step_schedulers("epoch", self.epoch + 1, plateau=True)
        self.finished = exhausted
        trainer.hooks.judge("on_train_epoch_end")
        self.finished = False
        if exhausted:
            self.epoch += 1
            self.batch, self.last = 0, False
            self._batches, self._begin = None, {}

    def _validation_due(self, last: bool) -> bool:
        trainer = self.trainer
        if trainer.validation_loop.empty:
            return False
        if trainer.val_check_time is not None:
            return time.monotonic() - self._validated_at >= trainer.val_check_time
        every_epoch = trainer.check_val_every_n_epoch
        if every_epoch is not None and (self.epoch + 1) % every_epoch:
            return False
        if math.isinf(self.validate_every):
            return last
        return (self.batches if every_epoch is None else self.batch) % int(self.validate_every) == 0

    def _step_schedulers(self, interval: str, count: int, plateau: bool) -> None:
        for config in self.trainer.lr_scheduler_configs:
            if config.interval != interval or config.reduce_on_plateau != plateau or count % config.frequency:
                continue
            metric = None
            if config.monitor is not None:
                metric = self.trainer.metrics.monitored("lr_scheduler", config.monitor, config.strict)
                if metric is None:
                    continue
            self.trainer.module.lr_scheduler_step(config.scheduler, metric)


def _in_order(loader: Any) -> Any:
    """The loader without shuffling, so that the same batches come every epoch."""
    from facula.utils.data import DataLoader, RandomSampler, SequentialSampler

    if not isinstance(loader, DataLoader) or not isinstance(loader.sampler, RandomSampler):
        return loader
    if math.isinf(loaders.length(loader)):
        return loader
    return loaders.remade(loader, SequentialSampler(loader.dataset))
