"""Place a compiled object in memory: the part of a linker that the code of our kernels needs.

numba writes ELF objects of the large code model, in which every reference is an absolute address, so loading one is:
copy its sections, look up the names it lacks, write the addresses in. Objects for other machines are refused.

Source: System V ABI, AMD64 supplement, chapter 4 (object files).
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass

_PROGBITS, _RELA, _NOBITS = 1, 4, 8
_ALLOCATED, _COMMON = 2, 0xFFF2
_X86_64, _RELOCATABLE = 62, 1
_ABS64, _PC32, _PLT32, _PC64 = 1, 2, 4, 24
_NEVER_CALLED = frozenset({"NRT_MemInfo_call_dtor"})  # frees arrays that compiled code owns: ours own none


class UnsupportedObjectError(RuntimeError):
    """The object needs more of a linker than this one does."""


@dataclass(frozen=True)
class _Section:
    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    align: int


@dataclass
class Image:
    """Code in memory: the addresses of its names; it lives as long as this object does."""

    code: mmap.mmap
    common: ctypes.Array[ctypes.c_char]
    symbols: dict[str, int]


def load(content: bytes, outside: Callable[[str], int | None]) -> Image:
    """Place an ELF object; `outside(name)` gives the address of what it does not define.

    Errors: UnsupportedObjectError for another machine, an unknown relocation or a name that nobody defines.
    """
    if content[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<HH", content, 16) != (_RELOCATABLE, _X86_64):
        raise UnsupportedObjectError("kernel: expected a 64-bit ELF object for x86-64. Compile it on this machine.")
    sections = _sections(content)
    places, size = {}, 0
    for i, section in enumerate(sections):
        if section.flags & _ALLOCATED and section.type in (_PROGBITS, _NOBITS):
            size += -size % max(section.align, 16)
            places[i] = size
            size += section.size
    code = mmap.mmap(-1, max(size, 1))
    for i, place in places.items():
        section = sections[i]
        if section.type == _PROGBITS:
            code[place : place + section.size] = content[section.offset : section.offset + section.size]
    base = ctypes.addressof(ctypes.c_char.from_buffer(code))
    addresses, symbols, common = _symbols(content, sections, {i: base + p for i, p in places.items()}, outside)
    for section in sections:
        if section.type == _RELA and section.info in places:
            _relocate(content, section, code, base, places[section.info], addresses)
    _make_executable(base, len(code))
    return Image(code, common, symbols)


def _sections(content: bytes) -> list[_Section]:
    (table,) = struct.unpack_from("<Q", content, 40)
    size, count, names = struct.unpack_from("<HHH", content, 58)
    raw = [struct.unpack_from("<IIQQQQIIQQ", content, table + i * size) for i in range(count)]
    text = raw[names][4]
    return [_Section(_text(content, text + r[0]), r[1], r[2], r[4], r[5], r[6], r[7], r[8]) for r in raw]


def _text(content: bytes, start: int) -> str:
    return content[start : content.index(b"\0", start)].decode()


def _symbols(
    content: bytes, sections: list[_Section], places: dict[int, int], outside: Callable[[str], int | None]
) -> tuple[list[int | None], dict[str, int], ctypes.Array[ctypes.c_char]]:
    """Every symbol's address by number (None where it is not to be had), those defined here by name, and shared data."""
    table = next(s for s in sections if s.name == ".symtab")
    text = sections[table.link].offset
    entries = [struct.unpack_from("<IBBHQQ", content, table.offset + i) for i in range(0, table.size, 24)]
    common = ctypes.create_string_buffer(sum(size + 16 for *_, section, _, size in entries if section == _COMMON) + 1)
    free = ctypes.addressof(common)
    addresses: list[int | None] = []
    defined = {}
    for name_at, _, _, section, value, size in entries:
        name = _text(content, text + name_at)
        address: int | None
        if section == _COMMON:
            address = free = free + -free % 16
            free += size
        elif section:
            address = places[section] + value if section in places else None
        else:
            address = 0 if name in _NEVER_CALLED or not name else outside(name)
            if address is None:
                raise UnsupportedObjectError(f"kernel: expected a known name, got {name!r}. Avoid what needs it.")
        addresses.append(address)
        if name and section and address is not None:
            defined[name] = address
    return addresses, defined, common


def _relocate(
    content: bytes, section: _Section, code: mmap.mmap, base: int, place: int, addresses: list[int | None]
) -> None:
    for offset, info, addend in struct.iter_unpack("<QQq", content[section.offset : section.offset + section.size]):
        kind, address = info & 0xFFFFFFFF, addresses[info >> 32]
        if address is None:
            continue
        at = place + offset
        if kind == _ABS64:
            struct.pack_into("<Q", code, at, address + addend)
        elif kind == _PC64:
            struct.pack_into("<q", code, at, address + addend - (base + at))
        elif kind in (_PC32, _PLT32) and -(2**31) <= address + addend - (base + at) < 2**31:
            struct.pack_into("<i", code, at, address + addend - (base + at))
        else:
            raise UnsupportedObjectError(f"kernel: expected an absolute address, got relocation {kind}. Recompile it.")


def _make_executable(base: int, size: int) -> None:
    """Memory that runs can no longer be written."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mprotect(ctypes.c_void_p(base), ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC):
        raise UnsupportedObjectError(f"kernel: the system refuses to run code made here (error {ctypes.get_errno()}).")
