"""What every room says when a name is unknown or an extra is missing, in one form."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["NameClashError", "PluginWarning", "UnknownNameError", "missing", "unknown"]


class UnknownNameError(ValueError):
    """A look-up by name found nothing."""


class NameClashError(ValueError):
    """A short name has more than one owner."""


class PluginWarning(UserWarning):
    """A plugin was skipped; the host goes on without it."""


def unknown(kind: str, name: str, names: Iterable[str], listing: str = "") -> UnknownNameError:
    """The error for a `name` that is not among `names`, with the nearest one proposed.

    `listing` is the call that lists them all; without it, a short list of names is written out.

    >>> print(unknown("mode", "bilinaer", ["nearest", "bilinear"]))
    unknown mode 'bilinaer'. Did you mean 'bilinear'? Known: bilinear, nearest.
    """
    known = sorted(names)
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    guess = f" Did you mean {nearest[0]!r}?" if nearest else ""
    if listing:
        everything = f"{listing} lists all {len(known)}."
    else:
        everything = f"Known: {', '.join(known)}." if known else "None is known."
    return UnknownNameError(f"unknown {kind} {name!r}.{guess} {everything}")


def missing(extra: str, module: str | None = None, package: str = "facula") -> ImportError:
    """The error for an optional dependency that is not installed; raise it `from` the ImportError that was met.

    >>> print(missing("onnx"))
    onnx: expected the extra 'onnx' to be installed, got no module 'onnx'. Run: pip install facula[onnx]
    """
    module = module or extra
    return ImportError(
        f"{module}: expected the extra {extra!r} to be installed, got no module {module!r}. "
        f"Run: pip install {package}[{extra}]",
        name=module,
    )
