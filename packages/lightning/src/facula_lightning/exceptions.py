"""The error that tells of a mistake in how the Trainer is used."""

from __future__ import annotations

__all__ = ["MisconfigurationException"]


class MisconfigurationException(Exception):
    """A module, callback or argument of the Trainer does not fit the others; the message says what to write."""
