"""Finds, loads, checks and isolates plugins; everything here happens at the first look-up or later.

A plugin that raises, exits or lacks a dependency is skipped: it is named once in a warning with its distribution,
version, error and file, and listed by `facula plugins`. The host goes on.
"""

from __future__ import annotations

import importlib
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint, PackageNotFoundError, entry_points, version
from itertools import chain
from time import perf_counter

import pluggy

from facula import config
from facula.errors import PluginWarning, runtime_error, unknown, value_error
from facula.plugins import hookspecs
from facula.plugins.tables import TABLES
from facula.registry import LOCK, Entry, Registrar, canonical

__all__ = ["Plugin", "block", "fill", "plugins"]

_GROUP = "facula"
_MACHINERY = ("<frozen importlib", importlib.__path__[0])
_HOOKS = {f"facula_register_{kinds}" for kinds in TABLES}


@dataclass
class Plugin:
    """One entry point of the group: who brings it, what became of it, and how long it took."""

    name: str
    distribution: str
    version: str
    value: str
    status: str = "found"  # then loaded, blocked or skipped
    hooks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    file: str = ""
    error: str = ""

    @property
    def qualified(self) -> str:
        """`distribution:name`, which no other plugin has."""
        return f"{self.distribution}:{self.name}"

    def answers_to(self, name: str) -> bool:
        """Whether `name` is this plugin's name, its distribution's, or both with a colon between."""
        owner, colon, short = name.rpartition(":")
        if colon:
            return canonical(owner) == self.distribution and short == self.name
        return short == self.name or canonical(short) == self.distribution


def _scan() -> list[tuple[Plugin, EntryPoint]]:
    """The entry points of the group, core's own first, then by distribution and name."""
    found: dict[str, tuple[Plugin, EntryPoint]] = {}
    builtin = EntryPoint("builtin", "facula.plugins.builtin", _GROUP)  # there even where core was never installed
    for point in chain([builtin], sorted(entry_points(group=_GROUP), key=lambda point: (_owner(point), point.name))):
        plugin = Plugin(point.name, _owner(point), _version(point), point.value)
        found.setdefault(plugin.qualified, (plugin, point))
    return list(found.values())


def _owner(point: EntryPoint) -> str:
    return canonical(point.dist.name or "unknown") if point.dist else "facula"


def _version(point: EntryPoint) -> str:
    try:
        return (point.dist.version if point.dist else version("facula")) or "unknown"
    except PackageNotFoundError:
        return "unknown"


class _Host:
    """The plugins of this process."""

    def __init__(self) -> None:
        self.pluggy = pluggy.PluginManager(_GROUP)
        self.pluggy.add_hookspecs(hookspecs)
        self.plugins: list[Plugin] = []
        self.blocked: set[str] = set()
        self.named: set[str] = set()
        self.state = "new"

    def load(self) -> None:
        """Find and import every plugin, once."""
        if self.state == "loaded":
            return
        if self.state == "loading":
            raise runtime_error(
                "plugins: expected no look-up by a plugin that is being loaded, got one. "
                "Move it from the plugin's module into the function that needs it."
            )
        self.state = "loading"
        only, never = config.plugin_filter()
        for plugin, point in _scan():
            self.plugins.append(plugin)
            wanted = not only or any(map(plugin.answers_to, only))
            if plugin.value == "facula.plugins.builtin" or (
                wanted and not any(map(plugin.answers_to, never | self.blocked))
            ):
                self.load_one(plugin, point)
            else:
                plugin.status = "blocked"
        self.state = "loaded"
        for name in sorted(only | never):
            if not any(plugin.answers_to(name) for plugin in self.plugins):
                error = unknown("plugin", name, [plugin.name for plugin in self.plugins])
                warnings.warn(f"FACULA_PLUGINS: {error}", PluginWarning, stacklevel=2)
        self.warn()

    def load_one(self, plugin: Plugin, point: EntryPoint) -> None:
        with _isolated(plugin):
            module = point.load()
            plugin.file = getattr(module, "__file__", None) or ""
            required = getattr(module, "requires_api", "")
            if not api_matches(hookspecs.API_VERSION, required):
                raise runtime_error(
                    f"expected plugin API {required}, got {hookspecs.API_VERSION}. "
                    f"Install a version of {plugin.distribution} made for this Facula."
                )
            hooks = [name for name in dir(module) if self.pluggy.parse_hookimpl_opts(module, name) is not None]
            for hook in hooks:
                if hook not in _HOOKS:
                    raise unknown("hook", hook, _HOOKS)
            self.pluggy.register(module, plugin.qualified)
            plugin.hooks = hooks
            plugin.status = "loaded"

    def fill(self, kinds: str) -> list[Entry]:
        """The rows that the plugins register for one kind; core's come first."""
        self.load()
        caller = getattr(self.pluggy.hook, f"facula_register_{kinds}")
        hooks = {implementation.plugin_name: implementation for implementation in caller.get_hookimpls()}
        rows: list[Entry] = []
        for plugin in self.plugins:
            if plugin.status != "loaded" or plugin.qualified not in hooks:
                continue
            registrar = Registrar(TABLES[kinds].kind, plugin.distribution)
            with _isolated(plugin):
                hooks[plugin.qualified].function(registrar)
                rows += registrar.entries
            if plugin.status == "skipped":  # what it registered for other kinds goes too
                for table in TABLES.values():
                    table.reset()
        self.warn()
        return rows

    def warn(self) -> None:
        """Name every plugin that was skipped since the last time."""
        for plugin in self.plugins:
            if plugin.status == "skipped" and plugin.qualified not in self.named:
                self.named.add(plugin.qualified)
                where = f" ({plugin.file})" if plugin.file else ""
                warnings.warn(
                    f"plugin {plugin.name!r} of {plugin.distribution} {plugin.version} was skipped: "
                    f"{plugin.error}{where}. Mend or uninstall it, or set FACULA_PLUGINS=-{plugin.name}.",
                    PluginWarning,
                    stacklevel=2,
                )


@contextmanager
def _isolated(plugin: Plugin) -> Iterator[None]:
    """Run one step of a plugin; whatever it raises marks it as skipped and goes no further."""
    started = perf_counter()
    try:
        yield
    except (Exception, SystemExit) as error:
        plugin.status = "skipped"
        plugin.file = _place(error) or plugin.file
        plugin.error = ": ".join(filter(None, [type(error).__name__, " ".join(str(error).split())]))
    finally:
        plugin.seconds += perf_counter() - started


def _place(error: BaseException) -> str:
    """`file:line` of the plugin's own code where `error` came through, as far as it got there."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{error.filename}:{error.lineno}"
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename != __file__ and not frame.filename.startswith(_MACHINERY):
            return f"{frame.filename}:{frame.lineno}"
    return ""


def api_matches(api: str, required: str) -> bool:
    """Whether the version `api` satisfies `required`, clauses such as `>=1.0,<2` that all must hold.

    >>> api_matches("1.2", ">=1.0,<2"), api_matches("2.0", ">=1.0,<2"), api_matches("1.0", "")
    (True, False, True)
    """
    have = _parts(api)
    for clause in filter(None, (word.strip() for word in required.split(","))):
        operator = next((symbol for symbol in (">=", "<=", "==", "!=", ">", "<") if clause.startswith(symbol)), "")
        want = _parts(clause[len(operator) :]) if operator else ()
        if not want:
            raise value_error(
                f"requires_api: expected clauses such as '>=1.0,<2', got {required!r}. Correct {clause!r}."
            )
        width = max(len(have), len(want))
        left, right = (side + (0,) * (width - len(side)) for side in (have, want))
        holds = {
            ">=": left >= right,
            "<=": left <= right,
            "==": left == right,
            "!=": left != right,
            ">": left > right,
            "<": left < right,
        }
        if not holds[operator]:
            return False
    return True


def _parts(text: str) -> tuple[int, ...]:
    words = text.strip().split(".")
    return tuple(map(int, words)) if all(word.isdecimal() for word in words) else ()


_host = _Host()


def fill(kinds: str) -> list[Entry]:
    """The rows of one table, from every plugin that is loaded and healthy."""
    with LOCK:
        return _host.fill(kinds)


def plugins() -> list[Plugin]:
    """Every plugin that was found, after asking each for all it has; core's own is the first."""
    with LOCK:
        for table in TABLES.values():
            len(table)
        return list(_host.plugins)


def block(*names: str) -> None:
    """Leave plugins out for the rest of this process, by name or by distribution; core's own stays.

    What they registered is gone from the tables at once; what was already handed out lives on.

    >>> import facula
    >>> facula.plugins.block("a_plugin_that_crashes")
    """
    with LOCK:
        _host.blocked.update(names)
        gone = [plugin for plugin in _host.plugins if any(map(plugin.answers_to, names)) and plugin.status == "loaded"]
        for plugin in gone:
            if plugin.value != "facula.plugins.builtin":
                plugin.status = "blocked"
        for table in TABLES.values():
            table.reset()
