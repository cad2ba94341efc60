"""Naming the module in which a forward failed: `encoder.layers.3.linear1 (Linear): linear: expected ...`."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from facula.errors import located, plain_message

if TYPE_CHECKING:
    from facula.nn.module import Module

_RECORD = "_facula_failure"


class _Failure:
    """Where an exception came from, as far as it has travelled."""

    __slots__ = ("innermost", "message", "module", "path")

    def __init__(self, module: Module, message: str | None) -> None:
        self.module, self.path, self.innermost, self.message = module, "", type(module).__name__, message


def name_failure(error: Exception, module: Module) -> None:
    """Called by each module that `error` leaves, from the inside out: put the path so far before the message."""
    record: _Failure | None = getattr(error, _RECORD, None)
    if record is None:
        _explain_arguments(error, module)
        setattr(error, _RECORD, _Failure(module, plain_message(located(error))))
        return
    if record.module is module:
        return
    name = _path_between(module, record.module)
    if name is None:
        return
    record.path = f"{name}.{record.path}" if record.path else name
    record.module = module
    where = f"{record.path} ({record.innermost})"
    if record.message is not None:
        error.args = (f"{where}: {record.message}", *error.args[1:])
        return
    notes = [note for note in getattr(error, "__notes__", ()) if not note.startswith("raised in module ")]
    error.__notes__ = [*notes, f"raised in module {where}"]


def _explain_arguments(error: Exception, module: Module) -> None:
    """Say how the module is called where Python has refused the arguments of its `forward`."""
    trace = error.__traceback__
    if isinstance(error, TypeError) and trace is not None and trace.tb_next is None and plain_message(error):
        asked = inspect.signature(module.forward).parameters.values()
        names = ", ".join(str(p.replace(annotation=p.empty)) for p in asked)
        error.args = (f"{error.args[0]}. Call it with ({names}).",)


def _path_between(outer: Module, inner: Module) -> str | None:
    for name, child in outer._modules.items():
        if child is inner:
            return name
    for name, child in outer.named_modules():
        if child is inner and name:
            return name
    return None
