"""`Registry`: one table `name -> "package.module:attr"` for every kind of thing that can be looked up by name."""

from __future__ import annotations

import importlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from facula.errors import NameClashError, runtime_error, unknown, value_error

__all__ = ["Entry", "Registrar", "Registry"]

LOCK = threading.RLock()
"""One lock for all tables, since a plugin that registers one kind may look up another."""

_USER = "user"
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")


def canonical(distribution: str) -> str:
    """A distribution's name in the one spelling that is compared: lower case, runs of `-_.` as one hyphen."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@dataclass(frozen=True, slots=True)
class Entry:
    """One row: its short name, what it stands for, its tags and the distribution that owns it."""

    name: str
    target: Any  # "package.module:attr", or the object itself
    tags: tuple[str, ...]
    owner: str

    @property
    def qualified(self) -> str:
        """`owner:name`, which is never ambiguous."""
        return f"{self.owner}:{self.name}"


def make_entry(kind: str, name: str, target: Any, tags: Iterable[str], owner: str) -> Entry:
    """A checked row; ValueError for a name or a target that no look-up could use."""
    if not isinstance(name, str) or not name or ":" in name:
        raise value_error(f"add: expected a {kind} name without ':', got {name!r}. The owner is added by itself.")
    if isinstance(target, str) and not _TARGET.fullmatch(target):
        raise value_error(
            f"add: expected the target of {kind} {name!r} as 'package.module:attr', got {target!r}. "
            "Put a colon between module and attribute."
        )
    if isinstance(tags, str):
        raise value_error(f"add: expected tags of {kind} {name!r} as a tuple, got {tags!r}. Write ({tags!r},).")
    return Entry(name, target, tuple(tags), owner)


class Registrar:
    """What a hook receives: it collects one plugin's rows, which enter the table only if the hook returns."""

    def __init__(self, kind: str, owner: str) -> None:
        self.kind = kind
        self.owner = canonical(owner)
        self.entries: list[Entry] = []

    def add(self, name: str, target: Any, tags: Iterable[str] = ()) -> None:
        """Register `target` ("package.module:attr", imported at first use) under `name`."""
        if any(entry.name == name for entry in self.entries):
            raise value_error(
                f"add: expected each {self.kind} name once, got {name!r} twice from {self.owner}. Remove or rename one."
            )
        self.entries.append(make_entry(self.kind, name, target, tags, self.owner))


class Registry:
    """A table of one kind, filled by `fill` at the first look-up.

    A short name with two owners is an error at look-up that lists both; `owner:name` always works.

    >>> shapes = Registry("shape")
    >>> shapes.add("point", "fractions:Fraction", tags=("small",))
    >>> shapes.create("point", 1, 2)
    Fraction(1, 2)
    >>> shapes.names(tag="small")
    ['point']
    """

    def __init__(
        self, kind: str, *, public_name: str | None = None, fill: Callable[[], Iterable[Entry]] | None = None
    ) -> None:
        self.kind = kind
        self.public_name = public_name
        self._fill = fill
        self._entries: dict[str, list[Entry]] = {}
        self._resolved: dict[str, Any] = {}
        self._state = "empty" if fill else "filled"

    def add(self, name: str, target: Any, tags: Iterable[str] = ()) -> None:
        """Register `target`, an object or "package.module:attr", under `name` for this process.

        It replaces what was added under this name before; a plugin's entry of the same name is a clash.
        """
        entry = make_entry(self.kind, name, target, tags, _USER)
        with LOCK:
            rows = [row for row in self._entries.get(name, ()) if row.owner != _USER]
            self._entries[name] = [*rows, entry]
            self._resolved.clear()

    def names(self, tag: str | None = None) -> list[str]:
        """All names, sorted; with `tag`, those that carry it. A name with two owners appears as `owner:name`."""
        found = []
        for rows in self._rows().values():
            chosen = [row for row in rows if tag is None or tag in row.tags]
            found += [row.name if len(rows) == 1 else row.qualified for row in chosen]
        return sorted(found)

    def entry(self, name: str) -> Entry:
        """The row of `name` or `owner:name`: its target, tags and owner, with nothing imported."""
        table = self._rows()
        owner, colon, short = name.rpartition(":")
        rows = table.get(short, [])
        if colon:
            rows = [row for row in rows if row.owner == canonical(owner)]
        if len(rows) == 1:
            return rows[0]
        if rows:
            raise NameClashError(
                f"{self.kind} {name!r}: expected one owner, got {' and '.join(row.owner for row in rows)}. "
                f"Ask for {' or '.join(repr(row.qualified) for row in rows)}."
            )
        spellings = {row.qualified if colon else row.name for many in table.values() for row in many}
        raise unknown(self.kind, name, spellings, f"{self.public_name}.names()" if self.public_name else "")

    def get(self, name: str) -> Any:
        """What `name` stands for, imported at its first use."""
        try:
            return self._resolved[name]
        except KeyError:
            pass
        entry = self.entry(name)
        found = _resolve(entry, self.kind) if isinstance(entry.target, str) else entry.target
        self._resolved[name] = found
        return found

    def create(self, name: str, /, *args: Any, **kwargs: Any) -> Any:
        """`get(name)` called with the arguments."""
        return self.get(name)(*args, **kwargs)

    def reset(self) -> None:
        """Forget what plugins registered, so that the next look-up asks them again."""
        with LOCK:
            if self._fill is None or self._state != "filled":
                return
            own = {name: [row for row in rows if row.owner == _USER] for name, rows in self._entries.items()}
            self._entries = {name: rows for name, rows in own.items() if rows}
            self._resolved.clear()
            self._state = "empty"

    def _rows(self) -> dict[str, list[Entry]]:
        if self._state != "filled":
            self._ask_plugins()
        return self._entries

    def _ask_plugins(self) -> None:
        with LOCK:
            if self._state == "filling":
                raise runtime_error(
                    f"{self.kind}: expected no look-up by a plugin that is being loaded, got one. "
                    "Move it from the plugin's module or hook into the function that needs it."
                )
            if self._state == "filled" or self._fill is None:  # another thread was faster
                return
            self._state = "filling"
            try:
                for entry in self._fill():
                    self._entries.setdefault(entry.name, []).append(entry)
                self._resolved.clear()
            except BaseException:
                self._state = "empty"
                raise
            self._state = "filled"

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str):
            return False
        owner, colon, short = name.rpartition(":")
        rows = self._rows().get(short, [])
        return any(not colon or row.owner == canonical(owner) for row in rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __len__(self) -> int:
        return sum(map(len, self._rows().values()))

    def __repr__(self) -> str:
        size = f"{sum(map(len, self._entries.values()))} names" if self._state == "filled" else "not filled yet"
        return f"Registry({self.kind!r}, {size})"


def _resolve(entry: Entry, kind: str) -> Any:
    module, _, attribute = entry.target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ImportError(
            f"{kind} {entry.name!r} of {entry.owner}: expected {entry.target} to import, "
            f"got {type(error).__name__}: {error}. Reinstall {entry.owner}, or install what it says is missing."
        ) from error
    return found
