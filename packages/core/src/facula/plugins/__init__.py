"""How Facula is extended: a plugin is a small module of hooks that fill tables of names.

`hookspecs` holds the whole surface, `tables` the tables, `manager` the loading. Importing this package scans nothing
and leaves pluggy alone; the first look-up in a table does both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from facula.plugins.tables import TABLES

if TYPE_CHECKING:
    from facula.plugins.hookspecs import API_VERSION, hookimpl
    from facula.plugins.manager import Plugin, block, plugins
    from facula.registry import Registrar

__all__ = ["API_VERSION", "TABLES", "Plugin", "Registrar", "block", "hookimpl", "plugins"]

_HOMES = {
    "API_VERSION": "facula.plugins.hookspecs",
    "hookimpl": "facula.plugins.hookspecs",
    "Plugin": "facula.plugins.manager",
    "Registrar": "facula.registry",
    "block": "facula.plugins.manager",
    "plugins": "facula.plugins.manager",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
