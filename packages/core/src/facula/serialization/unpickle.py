"""The one door to unpickling, `load(weights_only=False)`: it runs what the file says, so it must be asked for by name.

Names of torch in the file lead to what facula has under them, so that whole modules which torch saved become ours.
"""

from __future__ import annotations

import importlib
import pickle
import warnings
from typing import IO, Any

from facula.serialization import known
from facula.serialization.program import Fault

_WARNING = (
    "load(weights_only=False) runs code that the file holds: it can do anything that you can do. Go on only if you trust who made "
    "the file; otherwise allow the classes you expect with facula.serialization.add_safe_globals and leave weights_only alone."
)
_warned = False


class LoadError(RuntimeError, pickle.UnpicklingError):
    """A file that is damaged, or wants more than it may; torch's readers raise UnpicklingError in the same places.

    >>> import facula, io
    >>> try:
    ...     facula.load(io.BytesIO(b"no checkpoint"))
    ... except facula.serialization.LoadError as error:
    ...     print("refused")
    refused
    """


def warn() -> None:
    """Say once what unpickling means."""
    global _warned
    if not _warned:
        _warned = True
        warnings.warn(_WARNING, UserWarning, stacklevel=4)


class _Bound(known.Maker):
    """A function of torch's that the reader does the work of, as something that can be called."""

    def __init__(self, maker: known.Maker, reader: Any) -> None:
        super().__init__(maker.name)
        self._reader = reader

    def __call__(self, *args: Any) -> Any:
        return self._reader.call(self, args)


def counterpart(name: str) -> Any:
    """What facula has under a name of torch: at the same place, or at one nearer to the top."""
    rooms, title = name.split(".")[1:-1], name.rpartition(".")[2]
    while True:
        try:
            found = getattr(importlib.import_module(".".join(["facula", *rooms])), title, None)
        except ImportError:
            found = None
        if found is not None:
            return found
        if not rooms:
            hint = "Save the state_dict() of the model with torch instead."
            raise Fault("names of torch that facula has too", f"{name!r}", hint)
        rooms.pop()


def unpickle(stream: IO[bytes], reader: Any, pickle_module: Any, options: dict[str, Any]) -> Any:
    """The value of a program, run by Python (`pickle` where no module is given); storages come from `reader`."""

    class Unpickler((pickle_module or pickle).Unpickler):  # type: ignore[misc]
        def find_class(self, module: str, name: str) -> Any:
            full = f"{module}.{name}"
            if module != "torch" and not module.startswith("torch."):
                return super().find_class(module, name)
            found = known.NAMES.get(full)
            if isinstance(found, known.Maker):
                return _Bound(found, reader)
            return counterpart(full) if found is None else found

        def persistent_load(self, pid: Any) -> Any:
            return reader.storage(pid)

    return Unpickler(stream, **options).load()
