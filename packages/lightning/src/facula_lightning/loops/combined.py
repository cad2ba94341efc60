"""CombinedLoader: several loaders as one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from facula_lightning.loops.loaders import length, set_state, state_of

_MODES = ("max_size_cycle", "min_size", "max_size")


class CombinedLoader:
    """Batches of several loaders at a time, in a list or dict like that of the loaders.

    A pass ends with the longest loader, shorter ones beginning again ("max_size_cycle") or giving None ("max_size"), or with
    the shortest ("min_size"). A list or dict of loaders to train on is combined by "max_size_cycle".

    >>> list(CombinedLoader({"a": [1, 2, 3], "b": [4, 5]}, mode="max_size_cycle"))
    [{'a': 1, 'b': 4}, {'a': 2, 'b': 5}, {'a': 3, 'b': 4}]
    """

    def __init__(self, iterables: Any, mode: str = "min_size") -> None:
        if mode not in _MODES:
            raise ValueError(
                f"CombinedLoader: expected mode to be one of {', '.join(_MODES)}, got {mode!r}. Choose one."
            )
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
