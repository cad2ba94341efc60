"""The settings that come from the environment, all in one place; each is read when it is asked for."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["SETTINGS", "home", "plugin_filter"]

SETTINGS = {
    "FACULA_HOME": "folder of downloaded datasets and weights (default: facula in the user's cache folder)",
    "FACULA_PLUGINS": "plugins to load: 'a,b' loads only these, '-a' loads all but this one (default: all)",
}


def home() -> Path:
    """The folder where datasets and weights are kept: `FACULA_HOME`, or `facula` in the user's cache folder."""
    chosen = os.environ.get("FACULA_HOME")
    if chosen:
        return Path(chosen).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "facula"


def plugin_filter() -> tuple[frozenset[str], frozenset[str]]:
    """`FACULA_PLUGINS` as (only these, none of these); an empty first set means no restriction."""
    words = [word.strip() for word in os.environ.get("FACULA_PLUGINS", "").split(",")]
    only = frozenset(word for word in words if word and not word.startswith("-"))
    never = frozenset(word[1:].strip() for word in words if word.startswith("-"))
    return only, never
