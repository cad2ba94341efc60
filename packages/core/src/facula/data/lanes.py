"""The shares of a stream: one for each worker that a pass began with, whichever process holds them now."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from facula.data.fetch import Collate, Ended, SampleError, StreamFetcher
from facula.data.info import WorkerInfo, set_worker_info
from facula.data.seeds import SeededBatch, batch_seed


def stateful(thing: Any) -> bool:
    """Whether something can tell its state and go on from one."""
    return callable(getattr(thing, "state_dict", None)) and callable(getattr(thing, "load_state_dict", None))


@dataclass
class Recipe:
    """How a loader makes batches of a stream."""

    dataset: Any
    batch_size: int | None
    collate: Collate
    drop_last: bool
    init: Callable[[int], None] | None
    every: int  # batches between two looks at the dataset's state


class Lane:
    """One share of a stream: its iterator, and how far it has come.

    The random numbers of each of its batches start from the pass's seed, the lane's number and the batch's number, so a
    lane can go on anywhere. `saved` is what `state` told: a stateful dataset (or iterator of one) is put into the state
    that it had, and only what came after is drawn again and thrown away; any other stream is drawn again from its start.
    `count` is how many lanes share the stream; 0 means that there is one, which is no worker's.
    """

    def __init__(
        self, recipe: Recipe, number: int, count: int, base: int, saved: Any, begins: bool, progress: Any
    ) -> None:
        self.recipe, self.seed = recipe, base + number
        self.info = WorkerInfo(number, count, base + number, recipe.dataset, recipe.batch_size) if count else None
        self.batches = 0  # drawn so far
        self.snapshot: dict[str, Any] | None = None
        before = set_worker_info(self.info)
        try:
            with SeededBatch(self.seed):
                if begins and self.info and recipe.init is not None:
                    recipe.init(number)
                self._open(saved or {}, progress)
        finally:
            set_worker_info(before)

    def _open(self, saved: dict[str, Any], progress: Any) -> None:
        recipe, snapshot = self.recipe, saved.get("snapshot")
        if snapshot and snapshot["dataset"] is not None:
            recipe.dataset.load_state_dict(snapshot["dataset"])
        iterator = iter(recipe.dataset)
        if snapshot and snapshot["iterator"] is not None:
            iterator.load_state_dict(snapshot["iterator"])
        self.fetcher = StreamFetcher(iterator, recipe.batch_size, recipe.collate, recipe.drop_last, progress)
        self.batches = snapshot["batches"] if snapshot else 0
        self.snapshot = snapshot or self._look()
        self.fetcher.ended = saved.get("ended", False)
        while self.batches < saved.get("batches", 0) and not self.fetcher.ended:
            self._draw(self.fetcher.samples)

    def fetch(self) -> tuple[Any, dict[str, Any]]:
        """The next batch (or `Ended`) and the state behind it."""
        before = set_worker_info(self.info)
        try:
            batch = self._draw(self.fetcher.fetch)
        except Exception as error:
            number = self.batches * (self.recipe.batch_size or 1) + self.fetcher.progress[0]
            raise SampleError(f"{number} of its stream") from error
        finally:
            set_worker_info(before)
        return batch, {"batches": self.batches, "ended": self.fetcher.ended, "snapshot": self.snapshot}

    def _draw(self, draw: Callable[[], Any]) -> Any:
        with SeededBatch(batch_seed(self.seed, self.batches)):
            batch = draw()
        if not isinstance(batch, Ended):
            self.batches += 1
            if self.snapshot is not None and self.batches % self.recipe.every == 0:
                self.snapshot = self._look()
        return batch

    def _look(self) -> dict[str, Any] | None:
        """The state of the iterator, or else of the dataset, where either has one."""
        iterator, dataset = self.fetcher.iterator, self.recipe.dataset
        state = {"batches": self.batches, "dataset": None, "iterator": None}
        if stateful(iterator):
            state["iterator"] = copy.deepcopy(iterator.state_dict())  # type: ignore[attr-defined]
        elif stateful(dataset):
            state["dataset"] = copy.deepcopy(dataset.state_dict())
        else:
            return None
        return state


class Lanes:
    """The lanes that one process holds."""

    def __init__(self, recipe: Recipe, progress: Any) -> None:
        self.recipe, self.progress = recipe, progress
        self.lanes: dict[int, Lane] = {}
        self._begun: set[int] = set()

    def begin(self, base: int, numbers: list[int], count: int, saved: Any) -> None:
        """A new pass with these lanes; where there are several, each has a copy of the dataset."""
        self.lanes = {}
        several = len(numbers) > 1
        for number in numbers:
            dataset = copy.deepcopy(self.recipe.dataset) if several else self.recipe.dataset
            recipe = Recipe(**{**vars(self.recipe), "dataset": dataset})
            begins = several or number not in self._begun
            self._begun.add(number)
            self.lanes[number] = Lane(recipe, number, count, base, saved and saved[number], begins, self.progress)

    def fetch(self, number: int) -> tuple[Any, dict[str, Any]]:
        """The next batch of one lane."""
        return self.lanes[number].fetch()
