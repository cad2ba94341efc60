"""The error that tells of a mistake in how the Trainer is used, and what is checked in many places."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from facula.errors import missing


class MisconfigurationException(Exception):
    """A module, callback or argument of the Trainer does not fit the others; the message says what to write."""


def choice(owner: str, name: str, given: Any, *known: Any, error: type[Exception] = MisconfigurationException) -> Any:
    """`given`, which has to be one of `known`.

    >>> choice("EarlyStopping", "mode", "low", "min", "max")
    Traceback (most recent call last):
    facula_lightning.exceptions.MisconfigurationException: EarlyStopping: expected mode 'min' or 'max', got 'low'. Choose one.
    """
    if given in known:
        return given
    *most, last = map(repr, known)
    raise error(f"{owner}: expected {name} {', '.join(most)} or {last}, got {given!r}. Choose one.")


def optional(module: str, extra: str) -> Any:
    """A module that an extra of this package installs.

    Errors: ImportError, with the extra to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise missing(extra, module.partition(".")[0], "facula-lightning") from error
