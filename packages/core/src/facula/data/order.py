"""The order of a pass over numbered samples, and how to take it up again at any batch."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from facula import random
from facula.data.lanes import stateful
from facula.data.seeds import draw_seed
from facula.devices.generator import Generator, default_generator
from facula.errors import value_error

if TYPE_CHECKING:
    from facula.data.loader import DataLoader

_NOTHING = object()


def own_generators(loader: DataLoader[Any]) -> dict[str, Generator]:
    """The generators of a loader and its samplers by name, but for the default one, which is every program's."""
    batches = loader.batch_sampler
    owners = {
        "loader": loader,
        "sampler": loader.sampler,
        "batch_sampler": batches,
        "inner": getattr(batches, "sampler", None),
    }
    found: dict[str, Generator] = {}
    for name, owner in owners.items():
        generator = getattr(owner, "generator", None)
        if (
            isinstance(generator, Generator)
            and generator is not default_generator()
            and generator not in found.values()
        ):
            found[name] = generator
    return found


def generator_states(loader: DataLoader[Any]) -> dict[str, Any]:
    """Where the loader's own generators are."""
    return {name: generator.get_state() for name, generator in own_generators(loader).items()}


def set_generators(loader: DataLoader[Any], states: dict[str, Any]) -> None:
    """Put the loader's own generators into saved states."""
    own = own_generators(loader)
    if own.keys() != states.keys():
        raise value_error(
            f"DataLoader.load_state_dict: expected a state with generators of {sorted(own)}, got {sorted(states)}. "
            "Make the loader and its samplers as they were when the state was taken."
        )
    for name, state in states.items():
        own[name].set_state(state)


def sampler_with_state(loader: DataLoader[Any]) -> Any:
    """Whichever of a loader's samplers has a state of its own."""
    batches = loader._index_sampler
    return next((s for s in (batches, getattr(batches, "sampler", None)) if stateful(s)), None)


def sampler_state(loader: DataLoader[Any]) -> Any:
    """The state of that sampler; None where there is none."""
    sampler = sampler_with_state(loader)
    return None if sampler is None else copy.deepcopy(sampler.state_dict())


def set_sampler(loader: DataLoader[Any], state: Any) -> None:
    """Put that sampler into a saved state."""
    sampler = sampler_with_state(loader)
    if sampler is not None and state is not None:
        sampler.load_state_dict(state)


@contextmanager
def _apart(saved: dict[str, Any]) -> Iterator[None]:
    """Draw as at the beginning of a saved pass; afterwards the default streams are as they were."""
    before = random.state_dict()
    random.load_state_dict(saved)
    try:
        yield
    finally:
        random.load_state_dict(before)


class Order:
    """The sample numbers of each batch of one pass, in turn.

    A pass is known by the random state in which it began, so that its samplers can be asked again from there. A sampler (or
    its iterator) that has a state of its own is asked for it after each batch instead. What a stateless sampler draws
    from the default streams, it must draw before it gives its first number: later draws are mixed with the program's.
    """

    def __init__(self, loader: DataLoader[Any], saved: dict[str, Any] | None = None) -> None:
        self._loader = loader
        self._stateful = sampler_with_state(loader)
        if saved is None:
            self.start: dict[str, Any] = {
                "random": random.state_dict(),
                "generators": generator_states(loader),
                "epoch": getattr(self._epoch_owner(), "epoch", None),
            }
            self.seed = draw_seed(loader.generator)
            self._open(None, 0)
            return
        self.start, self.seed = saved["start"], int(saved["seed"])
        with _apart(self.start["random"]):
            set_generators(loader, self.start["generators"])
            if self.start["epoch"] is not None:
                self._epoch_owner().set_epoch(self.start["epoch"])
            draw_seed(loader.generator)
            self._open(saved["sampler"], saved["batches"])

    def _open(self, state: Any, skipped: int) -> None:
        """Begin, and look at the first batch, so that all is drawn that will be drawn at the beginning."""
        if state is not None and self._stateful is not None:
            self._stateful.load_state_dict(state)
        self._numbers = iter(self._loader._index_sampler)
        if stateful(self._numbers):
            self._stateful = self._numbers
            if state is not None:
                self._numbers.load_state_dict(state)
        if self._stateful is None:
            for _ in range(skipped):
                next(self._numbers, None)
        self.state = state if state is not None else self._look()
        whole = self._loader._known_length()  # a sampler that is through may tell the state of its next turn
        self._ahead = (_NOTHING, self.state) if skipped and skipped == whole else self._draw()

    def _epoch_owner(self) -> Any:
        """Whichever sampler counts epochs."""
        batches = self._loader._index_sampler
        return next((s for s in (batches, getattr(batches, "sampler", None)) if hasattr(s, "set_epoch")), None)

    def _look(self) -> Any:
        return None if self._stateful is None else copy.deepcopy(self._stateful.state_dict())

    def _draw(self) -> tuple[Any, Any]:
        return next(self._numbers, _NOTHING), self._look()

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """(numbers, sampler's state behind them); when they end, `state` is the sampler's last."""
        while True:
            numbers, state = self._ahead or self._draw()
            self._ahead = None  # type: ignore[assignment]
            if numbers is _NOTHING:
                self.state = state
                return
            yield numbers, state
