"""What `save` and `load` do where the caller says nothing: checks, byte order, mapping, devices of others."""

from __future__ import annotations

import contextlib
import enum
import sys
from collections.abc import Callable, Iterator
from typing import Any

from facula.devices.base import device as Device
from facula.errors import type_error, value_error

MAP_SHARED, MAP_PRIVATE = 1, 2


class LoadEndianness(enum.Enum):
    """The order of bytes in files that do not state it.

    >>> from facula import serialization
    >>> serialization.LoadEndianness.BIG.name
    'BIG'
    """

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Settings:
    checksums: bool = True
    mapping: int = MAP_PRIVATE
    order: LoadEndianness | None = None
    skipping: bool = False


settings = _Settings()


def get_crc32_options() -> bool:
    """Whether `load` compares the checksums that a `.pt` file holds.

    >>> from facula import serialization
    >>> serialization.get_crc32_options()
    True
    """
    return settings.checksums


def set_crc32_options(compute_crc32: bool) -> None:
    """Compare the checksums of `.pt` files while reading, or trust them; torch can write files whose checksums are wrong.

    Files that are written here always have right ones.

    >>> from facula import serialization
    >>> serialization.set_crc32_options(False)
    >>> serialization.get_crc32_options()
    False
    >>> serialization.set_crc32_options(True)
    """
    settings.checksums = bool(compute_crc32)


def get_default_load_endianness() -> LoadEndianness | None:
    """The order of bytes that is assumed where a file does not state it; None means the low byte first.

    >>> from facula import serialization
    >>> serialization.get_default_load_endianness() is None
    True
    """
    return settings.order


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Say in which order the bytes of files lie that do not state it. TypeError for what is no LoadEndianness.

    >>> from facula import serialization
    >>> serialization.set_default_load_endianness(serialization.LoadEndianness.LITTLE)
    >>> serialization.set_default_load_endianness(None)
    """
    if endianness is not None and not isinstance(endianness, LoadEndianness):
        raise type_error(
            f"set_default_load_endianness: expected a LoadEndianness or None, got {type(endianness).__name__}. "
            "Pass serialization.LoadEndianness.LITTLE."
        )
    settings.order = endianness


def default_order() -> bytes:
    """The byte order of a file that does not state it, as files state it."""
    order = settings.order or LoadEndianness.LITTLE
    return (sys.byteorder if order is LoadEndianness.NATIVE else order.name.lower()).encode()


def get_default_mmap_options() -> int:
    """How `load(mmap=True)` maps files: `mmap.MAP_PRIVATE` (writes stay in memory) or `mmap.MAP_SHARED`.

    >>> import mmap
    >>> from facula import serialization
    >>> serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    True
    """
    return settings.mapping


class set_default_mmap_options:
    """Map files privately (`mmap.MAP_PRIVATE`, as at first) or so that writes to tensors go to the file (`mmap.MAP_SHARED`).

    Takes effect at once, or inside a `with` only. ValueError for other flags.

    >>> import mmap
    >>> from facula import serialization
    >>> with serialization.set_default_mmap_options(mmap.MAP_SHARED):
    ...     serialization.get_default_mmap_options() == mmap.MAP_SHARED
    True
    """

    def __init__(self, flags: int) -> None:
        if flags not in (MAP_SHARED, MAP_PRIVATE):
            raise value_error(
                f"set_default_mmap_options: expected mmap.MAP_PRIVATE or mmap.MAP_SHARED, got {flags}. Pass one of them."
            )
        self._before = settings.mapping
        settings.mapping = flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        settings.mapping = self._before


def mapping_mode() -> Any:
    """NumPy's letter for how files are mapped."""
    return "r+" if settings.mapping == MAP_SHARED else "c"


@contextlib.contextmanager
def skip_data(materialize_fake_tensors: bool = False) -> Iterator[None]:
    """Inside, `save` reserves the room of tensors in a `.pt` file without writing them, and `load` gives zeros without reading.

    Lay out a file first and let many processes fill it, or measure what a checkpoint takes. `materialize_fake_tensors` is
    accepted for PyTorch's sake: tensors of the meta device stay what they are.

    >>> import facula, io
    >>> stream = io.BytesIO()
    >>> with facula.serialization.skip_data():
    ...     facula.save({"w": facula.ones(2)}, stream)
    >>> _ = stream.seek(0)
    >>> facula.load(stream)
    {'w': tensor([0., 0.])}
    """
    before, settings.skipping = settings.skipping, True
    try:
        yield
    finally:
        settings.skipping = before


_packages: list[tuple[int, Callable[[Any], Any], Callable[[Any, str], Any]]] = []


def register_package(
    priority: int, tagger: Callable[[Any], str | None], deserializer: Callable[[Any, str], Any]
) -> None:
    """Let a device of a third party name its storages in files and take them back.

    `tagger(storage)` gives the text that a file records for a storage, or None for what is not its own;
    `deserializer(storage, text)` gives the storage on its device, or None. Low priorities are asked first, and all before the devices that are
    known here.

    >>> from facula import serialization
    >>> serialization.register_package(50, lambda storage: None, lambda storage, location: None)
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def location_tag(storage: Any) -> str:
    """The text by which a file records where a storage lies, such as 'cpu' or 'cuda:0'.

    >>> import facula
    >>> from facula import serialization
    >>> seen = []
    >>> def see(storage, location):
    ...     seen.append(serialization.location_tag(storage))
    >>> import io
    >>> stream = io.BytesIO()
    >>> facula.save(facula.ones(1), stream)
    >>> _ = stream.seek(0)
    >>> _ = facula.load(stream, map_location=see)
    >>> seen
    ['cpu']
    """
    for _, tagger, _ in _packages:
        tag = tagger(storage)
        if tag:
            return tag
    place: Device = storage.device
    return place.type if place.type in ("cpu", "meta") else f"{place.type}:{place.index or 0}"


def default_restore_location(storage: Any, location: str) -> Any:
    """The storage at the place that a file recorded for it; RuntimeError where no device knows that place.

    >>> import facula, io
    >>> from facula import serialization
    >>> stream = io.BytesIO()
    >>> facula.save(facula.ones(1), stream)
    >>> _ = stream.seek(0)
    >>> facula.load(stream, map_location=serialization.default_restore_location)
    tensor([1.])
    """
    for _, _, deserializer in _packages:
        restored = deserializer(storage, location)
        if restored is not None:
            return restored
    return storage.at(location)
