"""The error that tells of a mistake in how the Trainer is used."""

from __future__ import annotations

from typing import Any


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
