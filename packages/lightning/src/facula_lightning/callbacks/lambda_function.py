"""LambdaCallback: a callback from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from facula.errors import unknown
from facula_lightning.callbacks.callback import Callback

__all__ = ["LambdaCallback"]

_HOOKS = [name for name in vars(Callback) if name.startswith("on_") or name in ("setup", "teardown")]


class LambdaCallback(Callback):
    """Calls the given functions as hooks; each takes what the hook of its name takes.

    Errors: UnknownNameError (a ValueError) for a name that is no hook, with the nearest one.

    >>> callback = LambdaCallback(on_train_end=lambda trainer, pl_module: print("done"))
    >>> callback.on_train_end(None, None)
    done
    """

    def __init__(self, **hooks: Callable[..., Any] | None) -> None:
        for name, function in hooks.items():
            if name not in _HOOKS:
                raise unknown("hook", name, _HOOKS, "facula_lightning.Callback")
            if function is not None:
                setattr(self, name, function)
