"""Hyperparameters: the arguments of `__init__`, kept for loggers and checkpoints."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any


class AttributeDict(dict[str, Any]):
    """A dict whose keys are attributes too.

    >>> AttributeDict(lr=0.1).lr
    0.1
    """

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"hparams: expected one of {sorted(self)}, got {name!r}. Save it first.") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value


class HyperparametersMixin:
    """`save_hyperparameters` and `hparams`, for modules and data modules."""

    def save_hyperparameters(
        self,
        *args: Any,
        ignore: str | Iterable[str] | None = None,
        frame: types.FrameType | None = None,
        logger: bool = True,
    ) -> None:
        """Keep the arguments of `__init__` (or the named ones, or a dict) in `self.hparams`.

        Call it in `__init__`. `ignore` names arguments to leave out; with `logger=False` loggers do not get them.
        """
        if len(args) == 1 and isinstance(args[0], Mapping):
            chosen = dict(args[0])
        else:
            found = _arguments(self, frame or sys._getframe(1))
            names = args or tuple(found)
            absent = [name for name in names if name not in found]
            if absent:
                raise ValueError(
                    f"save_hyperparameters: expected arguments of {type(self).__name__}.__init__ "
                    f"({', '.join(found)}), got {', '.join(map(repr, absent))}. Correct the name."
                )
            chosen = {name: found[name] for name in names}
        ignored = {ignore} if isinstance(ignore, str) else set(ignore or ())
        self.hparams.update({name: value for name, value in chosen.items() if name not in ignored})
        self.__dict__["_log_hyperparams"] = logger

    @property
    def hparams(self) -> AttributeDict:
        """The hyperparameters that were saved."""
        found: AttributeDict = self.__dict__.setdefault("_hparams", AttributeDict())
        return found

    @property
    def hparams_initial(self) -> AttributeDict:
        """A copy of the hyperparameters that later changes do not reach."""
        return AttributeDict(self.hparams)


def _arguments(owner: Any, frame: types.FrameType | None) -> dict[str, Any]:
    """The arguments of every `__init__` of `owner` that is running, the outermost class's winning."""
    found: dict[str, Any] = {}
    while frame is not None and frame.f_code.co_name == "__init__":
        code, local = frame.f_code, frame.f_locals
        if not code.co_varnames or local.get(code.co_varnames[0]) is not owner:
            break
        count = code.co_argcount + code.co_kwonlyargcount
        own = {name: local[name] for name in code.co_varnames[1:count] if name in local}
        if code.co_flags & inspect.CO_VARKEYWORDS:
            keywords = code.co_varnames[count + bool(code.co_flags & inspect.CO_VARARGS)]
            own.update(local.get(keywords, {}))
        found.update(own)
        frame = frame.f_back
    return found


def accepted(cls: type, known: dict[str, Any]) -> dict[str, Any]:
    """Those of `known` that the class's `__init__` takes."""
    parameters = inspect.signature(cls).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return dict(known)
    return {name: value for name, value in known.items() if name in parameters}


def plain(value: Any) -> bool:
    """Whether a value can be written without running code when it is read: numbers, text, None and containers of them."""
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(plain, value))
    return value is None or isinstance(value, bool | int | float | str)
