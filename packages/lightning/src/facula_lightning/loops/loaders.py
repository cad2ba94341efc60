"""Where batches come from: which loaders a run uses, how many batches of each, and how they reach the device."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import facula_lightning as pl
from facula_lightning.attributes import overridden
from facula_lightning.datamodule import LightningDataModule
from facula_lightning.exceptions import MisconfigurationException, choice
from facula_lightning.module import LightningModule


def find(trainer: pl.Trainer, given: Any, stage: str) -> Any | None:
    """The loaders of a stage (train, val, test, predict): those given, else the data module's, else the module's."""
    if given is not None:
        return given
    name = f"{stage}_dataloader"
    owners: list[tuple[Any, type]] = [(trainer.datamodule, LightningDataModule), (trainer.module, LightningModule)]
    for owner, base in owners:
        if owner is not None and (overridden(owner, name, base) or not isinstance(owner, base)):
            return getattr(owner, name)()
    return None


def remade(loader: Any, sampler: Any) -> Any:
    """The same DataLoader with another sampler."""
    names = (
        "batch_size", "num_workers", "collate_fn", "pin_memory", "drop_last", "timeout", "worker_init_fn",
        "multiprocessing_context", "generator", "prefetch_factor", "persistent_workers",
    )  # fmt: skip
    return type(loader)(loader.dataset, sampler=sampler, **{name: getattr(loader, name) for name in names})


def shared(trainer: pl.Trainer, loader: Any) -> Any:
    """The loader of this process's share; one with a sampler of the user's own stays as it is."""
    from facula.utils.data import DataLoader, DistributedSampler, RandomSampler, SequentialSampler

    world = trainer.strategy.world_size
    if world == 1 or not trainer.use_distributed_sampler or not isinstance(loader, DataLoader):
        return loader
    if type(loader.sampler) not in (RandomSampler, SequentialSampler) or loader.batch_size is None:
        return loader
    shuffle = isinstance(loader.sampler, RandomSampler)
    seed = int(os.environ.get("PL_GLOBAL_SEED", "0"))
    rank = trainer.strategy.global_rank
    return remade(loader, DistributedSampler(loader.dataset, world, rank, shuffle=shuffle, seed=seed))


def length(loader: Any) -> float:
    """How many batches a loader gives; infinity where it does not say."""
    try:
        return len(loader)
    except (TypeError, NotImplementedError):
        return math.inf


def limited(loader: Any, limit: float, name: str) -> float:
    """How many batches to take when `limit` is a count (int) or a part (float) of the loader."""
    available = length(loader)
    if isinstance(limit, int):
        return min(available, limit)
    if math.isinf(available):
        if limit in (0.0, 1.0):
            return available if limit else 0
        raise MisconfigurationException(
            f"{name}: expected a number of batches for a loader without length, got {limit}. Pass an int, e.g. 100."
        )
    count = int(available * limit)
    if count == 0 and limit > 0 and available:
        raise MisconfigurationException(
            f"{name}: expected at least one batch, got {limit} of {available:.0f}. Use at least {1 / available:.3g}, or an int."
        )
    return count


def transfer(trainer: pl.Trainer) -> Callable[[Any, int], Any] | None:
    """How batches reach the device; None where they are there already and nobody wants to change them."""
    module = trainer.module
    assert module is not None
    names = ("on_before_batch_transfer", "transfer_batch_to_device", "on_after_batch_transfer")
    data = trainer.datamodule
    calls = []
    changed = trainer.strategy.root_device.type != "cpu" or trainer.precision.converts
    for name in names:
        owner: Any = module
        if data is not None and overridden(data, name, LightningDataModule):
            owner, changed = data, True
        elif overridden(module, name, LightningModule):
            changed = True
        calls.append(getattr(owner, name))
    if not changed:
        return None
    before, move, after = calls
    device, convert = trainer.strategy.root_device, trainer.precision.convert

    def run(batch: Any, dataloader_idx: int) -> Any:
        batch = move(convert(before(batch, dataloader_idx)), device, dataloader_idx)
        return after(batch, dataloader_idx)

    return run


def state_of(loader: Any) -> Any:
    """Where a loader stands; None for one that does not say."""
    return loader.state_dict() if hasattr(loader, "state_dict") and hasattr(loader, "load_state_dict") else None


def set_state(loader: Any, state: Any, through: bool) -> None:
    """Let the loader's next pass be the rest of the one in `state`, or, with `through`, the pass after it."""
    if not hasattr(loader, "load_state_dict"):
        raise ValueError(
            f"Trainer.fit: expected a loader with load_state_dict as in the checkpoint, got {type(loader).__name__}. Pass a loader of the same class."
        )
    if hasattr(loader, "go_on"):  # several loaders, each with its own rest
        loader.go_on(state, through)
        return
    loader.load_state_dict(state)
    if through and state.get("pass", state) is not None:
        iter(loader)  # opens what was left of the old pass, which puts the loader's own generators where they were


class Batches:
    """The first `count` batches of a loader, each with whether it is the last; looks ahead only where it must."""

    def __init__(self, loader: Iterable[Any], count: float) -> None:
        self.count = count
        self.loader = loader
        self.given = 0  # how many of the epoch's batches are done or being done
        self._behind: Any = None

    def state(self) -> Any:
        """The loader's state behind the batch that was given last."""
        return state_of(self.loader) if self._behind is None else self._behind

    def start(self, done: int, draw: int) -> Iterator[tuple[Any, bool]]:
        """The batches behind the first `done`, of which `draw` are to be drawn and thrown away."""
        source = iter(self.loader)
        for _ in range(draw):
            if next(source, self) is self:
                return iter(())
        self.given = done
        return self._known(source, done) if math.isfinite(self.count) else self._unknown(source, next(source, self))

    def __iter__(self) -> Iterator[tuple[Any, bool]]:
        return self.start(0, 0)

    def _known(self, source: Iterator[Any], done: int) -> Iterator[tuple[Any, bool]]:
        last = self.count - 1
        for index in range(done, int(self.count)):
            batch = next(source, self)
            if batch is self:
                return
            self.given = index + 1
            yield batch, index == last

    def _unknown(self, source: Iterator[Any], batch: Any) -> Iterator[tuple[Any, bool]]:
        while batch is not self:
            self._behind = state_of(self.loader)
            following = next(source, self)
            self.given += 1
            yield batch, following is self
            batch = following


class CombinedLoader:
    """Batches of several loaders at a time, in a list or dict like that of the loaders.

    A pass ends with the longest loader, shorter ones beginning again ("max_size_cycle") or giving None ("max_size"), or with
    the shortest ("min_size"). A list or dict of loaders to train on is combined by "max_size_cycle".

    >>> list(CombinedLoader({"a": [1, 2, 3], "b": [4, 5]}, mode="max_size_cycle"))
    [{'a': 1, 'b': 4}, {'a': 2, 'b': 5}, {'a': 3, 'b': 4}]
    """

    def __init__(self, iterables: Any, mode: str = "min_size") -> None:
        choice("CombinedLoader", "mode", mode, "max_size_cycle", "min_size", "max_size", error=ValueError)
        self.iterables, self.mode = iterables, mode
        self.loaders = list(iterables.values() if isinstance(iterables, dict) else iterables)
        self._ended = [False] * len(self.loaders)
        self._resumed = False

    def __len__(self) -> int:
        counts = [length(loader) for loader in self.loaders]
        return int(min(counts) if self.mode == "min_size" else max(counts))

    def __iter__(self) -> Iterator[Any]:
        if not self._resumed:
            self._ended = [False] * len(self.loaders)
        past = [ended and self.mode == "max_size" for ended in self._ended]
        self._resumed = False
        return self._together([iter(()) if p else iter(one) for p, one in zip(past, self.loaders, strict=True)])

    def _together(self, opened: list[Iterator[Any]]) -> Iterator[Any]:
        while True:
            batches = [next(source, self) for source in opened]
            for index, batch in enumerate(batches):
                self._ended[index] |= batch is self
            if all(self._ended) or (self.mode == "min_size" and any(self._ended)):
                return
            for index, batch in enumerate(batches):
                if batch is self and self.mode == "max_size_cycle":
                    opened[index] = iter(self.loaders[index])
                    batches[index] = next(opened[index], None)
            found = [None if batch is self else batch for batch in batches]
            yield dict(zip(self.iterables, found, strict=True)) if isinstance(self.iterables, dict) else found

    def state_dict(self) -> dict[str, Any] | None:
        """Where each loader stands; None where one does not say."""
        states = [state_of(loader) for loader in self.loaders]
        return None if None in states else {"loaders": states, "ended": list(self._ended)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass be the rest of the one that `state_dict` was taken in."""
        self.go_on(state, through=False)

    def go_on(self, state: dict[str, Any], through: bool) -> None:
        """Let the next pass be the rest of that one, or, with `through`, the pass after it."""
        for loader, saved in zip(self.loaders, state["loaders"], strict=True):
            set_state(loader, saved, through)
        self._ended, self._resumed = list(state["ended"]), not through
