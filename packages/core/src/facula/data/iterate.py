"""The iterators of a loader: they hand out the work of a pass, give the batches in order, and know how far they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from facula.data.fetch import Ended, MapFetcher, SampleError
from facula.data.lanes import Lanes
from facula.data.order import Order, generator_states, set_generators
from facula.data.seeds import draw_seed
from facula.data.workers import Failure

if TYPE_CHECKING:
    from facula.data.loader import DataLoader


class _Raised(Failure):
    """An exception of this very process."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def raise_again(self) -> None:
        raise self.error


class Here:
    """Batches made in the main process, when they are waited for; asked as `Pool` is, which has workers for it."""

    count = 1
    prefetch = 0  # batches asked for before they are wanted
    passes = 0

    def __init__(self, loader: DataLoader[Any]) -> None:
        recipe, progress = loader._recipe(), [0]
        self.stream = loader._is_stream
        self.lanes = Lanes(recipe, progress)
        self.fetcher = MapFetcher(recipe.dataset, loader._auto_collation, recipe.collate, progress)
        self.tasks: deque[tuple[int, Any]] = deque()

    def begin(self, base: int, epoch: int | None, lanes: int = 0, saved: Any = None) -> None:
        """Begin a pass with this seed and, of a stream, all its lanes."""
        self.base = base
        if self.stream:
            self.lanes.begin(base, list(range(max(lanes, 1))), lanes, saved)

    def ask(self, token: int, job: Any, worker: int | None = None) -> None:
        """Take a task on."""
        self.tasks.append((token, job))

    def receive(self) -> tuple[int, Any]:
        """Do the oldest task."""
        token, job = self.tasks.popleft()
        try:
            return token, self.lanes.fetch(job) if self.stream else self.fetcher.fetch_seeded(job, self.base, token)
        except SampleError as error:
            cause = error.__cause__ or error
            cause.add_note(f"raised by {type(self.fetcher.dataset).__name__} for sample {error.index}")
            return token, _Raised(cause)
        except Exception as error:
            return token, _Raised(error)

    def start(self) -> None:
        """Nothing is started."""

    def close(self) -> None:
        """Nothing is held."""


class Pass:
    """One pass through a dataset: what both kinds have in common.

    `position` is the state behind the batch that was given last. The loader keeps it, and it keeps nothing of the pass.
    """

    def __init__(self, loader: DataLoader[Any], source: Any) -> None:
        self.loader, self.source = loader, source
        self.position: dict[str, Any] = {}
        self.over = False
        source.passes += 1
        self._number = source.passes

    @property
    def processes(self) -> list[Any]:
        """The worker processes, if there are any."""
        return getattr(self.source, "processes", [])

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        if self.over or self._number != self.source.passes:
            raise StopIteration
        try:
            batch = self._next()
        except StopIteration:
            self._end(keep=self.loader.persistent_workers)
            raise
        except BaseException:
            self._end(keep=isinstance(self.source, Here))
            raise
        if isinstance(batch, Failure):
            del self  # the traceback must not keep the workers
            batch.raise_again()
        return batch

    def _end(self, keep: bool) -> None:
        if not keep:
            self.over = True
            self.source.close()

    def _finish(self) -> None:
        if self.loader._position is self.position:
            self.loader._position = None
        self.over = True
        raise StopIteration

    def _next(self) -> Any:
        raise NotImplementedError


def epoch_of(dataset: Any) -> int | None:
    """The epoch that a dataset was told, which its copies in workers must know too."""
    return getattr(dataset, "epoch", None) if hasattr(dataset, "set_epoch") else None


class MapPass(Pass):
    """A pass through numbered samples, in the order of the sampler (or, not `in_order`, as they come)."""

    def __init__(self, loader: DataLoader[Any], source: Any, saved: dict[str, Any] | None) -> None:
        super().__init__(loader, source)
        self.order = Order(loader, saved)
        self.position.update(
            seed=self.order.seed, start=self.order.start, sampler=self.order.state,
            batches=saved["batches"] if saved else 0, ahead=saved["ahead"] if saved else [],
        )  # fmt: skip
        self.tasks = iter(self.order)
        self.next_task = self.position["batches"]
        self.states: dict[int, Any] = {}  # of tasks that are handed out: the sampler's state behind each
        self.ready: dict[int, Any] = {}
        source.begin(self.order.seed, epoch_of(loader.dataset))
        loader._position = self.position
        self._hand_out(source.prefetch * source.count)
        source.start()

    def _hand_out(self, limit: int) -> None:
        """Give out tasks until this many are under way or wait to be given."""
        while len(self.states) < limit:
            task = next(self.tasks, None)
            if task is None:
                return
            numbers, state = task
            if self.next_task not in self.position["ahead"]:
                self.states[self.next_task] = state
                self.source.ask(self.next_task, numbers)
            self.next_task += 1

    def _next(self) -> Any:
        limit = max(1, self.source.prefetch * self.source.count)
        self._hand_out(limit)
        if not self.states:
            self._finish()
        place = min(self.states)
        while place not in self.ready and (self.loader.in_order or not self.ready):
            token, batch = self.source.receive()
            self.ready[token] = batch
        if place not in self.ready:
            place = min(self.ready)
        batch, state = self.ready.pop(place), self.states.pop(place)
        if self.source.prefetch:
            self._hand_out(limit)
        self._given(place, state)
        return batch

    def _given(self, place: int, state: Any) -> None:
        position = self.position
        if place != position["batches"]:
            position["ahead"] = sorted([*position["ahead"], place])
            return
        position["batches"] += 1
        position["sampler"] = state
        while position["batches"] in position["ahead"]:
            position["ahead"].remove(position["batches"])
            position["batches"] += 1


class StreamPass(Pass):
    """A pass through a stream: its lanes give their batches in turn, until each has ended."""

    def __init__(self, loader: DataLoader[Any], source: Any, saved: dict[str, Any] | None) -> None:
        super().__init__(loader, source)
        if saved is None:
            count = loader.num_workers
            self.position.update(
                seed=draw_seed(loader.generator), epoch=epoch_of(loader.dataset), generators=generator_states(loader),
                turn=0, count=count, lanes=[{"batches": 0, "ended": False, "snapshot": None} for _ in range(count or 1)],
            )  # fmt: skip
        else:
            self.position.update(saved)
            set_generators(loader, saved["generators"])
            if saved["epoch"] is not None:
                loader.dataset.set_epoch(saved["epoch"])
        self.lanes: list[dict[str, Any]] = self.position["lanes"]
        self.ready: list[deque[Any]] = [deque() for _ in self.lanes]
        self.asked = [0] * len(self.lanes)
        self.yielded = 0
        position = self.position
        source.begin(position["seed"], position["epoch"], position["count"], saved and self.lanes)
        loader._position = self.position
        for _ in range(source.prefetch):
            for lane in range(len(self.lanes)):
                self._ask(lane)
        source.start()

    def _ask(self, lane: int) -> None:
        if not self.lanes[lane]["ended"]:
            self.asked[lane] += 1
            self.source.ask(lane, lane, lane % self.source.count)

    def _next(self) -> Any:
        while True:
            lane = self._turn()
            if not self.asked[lane]:
                self._ask(lane)
            while not self.ready[lane]:
                token, answer = self.source.receive()
                self.ready[token].append(answer)
            answer = self.ready[lane].popleft()
            self.asked[lane] -= 1
            self.position["turn"] = lane + 1
            if isinstance(answer, Failure):
                self._refill(lane)
                return answer
            batch, self.lanes[lane] = answer
            if isinstance(batch, Ended):
                continue
            self._refill(lane)
            self.yielded += 1
            self.loader._check_length(self.yielded)
            return batch

    def _refill(self, lane: int) -> None:
        if self.asked[lane] < self.source.prefetch:
            self._ask(lane)

    def _turn(self) -> int:
        """The lane that gives the next batch."""
        count = len(self.lanes)
        for step in range(count):
            lane = (self.position["turn"] + step) % count
            if not self.lanes[lane]["ended"]:
                return lane
        self._finish()
        raise AssertionError
