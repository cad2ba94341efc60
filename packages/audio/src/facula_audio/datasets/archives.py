"""Archives of datasets, fetched whole and checked, unpacked without leaving their folder."""

from __future__ import annotations

import json
import lzma
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any

from facula import hub

__all__ = ["Source", "extract_archive", "fetch", "not_found", "published"]

Source = str | os.PathLike[str]
_EXPANSION = 100  # sound packs into a third or so; an archive that grows a hundredfold is a trap
_SPARE = 1 << 26


def published() -> dict[str, Any]:
    """What is known of published datasets: SHA-256 of archives by address, and the parts of GTZAN without damaged files."""
    found: dict[str, Any] = json.loads((Path(__file__).parent / "published.json").read_text(encoding="utf-8"))
    return found


def not_found(name: str, folder: Path) -> RuntimeError:
    """The error for a dataset that is not where it should be."""
    return RuntimeError(
        f"{name}: dataset not found, expected {folder}, got no such folder. Use download=True to download it."
    )


def fetch(url: str, folder: Path) -> Path:
    """The archive of this address in `folder`, downloaded unless it is there; its SHA-256 must be the published one."""
    archive = folder / url.rsplit("/", 1)[-1]
    if not archive.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        hub.download_url_to_file(url, archive, published()["checksums"].get(url))
    return archive


def extract_archive(archive: Source, folder: Source) -> None:
    """Unpack a tar or zip file into `folder`; files appear there only after all of it could be read.

    RuntimeError names the archive that is damaged, holds links, devices or names outside the folder, or grows more than a
    hundredfold.
    """
    path, target = Path(archive), Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    left = _EXPANSION * path.stat().st_size + _SPARE
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=target) as name:
        unpacked = Path(name)
        try:
            with _opened(path) as members:
                for member, size, file in members:
                    left -= size
                    if left < 0:
                        raise _refused(path, f"at most {_EXPANSION} times the archive's size", "more")
                    place = unpacked / _inside(path, member)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with place.open("wb") as copy:
                        shutil.copyfileobj(file, copy)
        except (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
            raise _refused(path, "a whole archive", f"{type(error).__name__}: {error}") from error
        for place in sorted(unpacked.rglob("*")):
            final = target / place.relative_to(unpacked)
            if place.is_dir():
                final.mkdir(parents=True, exist_ok=True)
            else:
                os.replace(place, final)


def _refused(path: Path, expected: str, got: str) -> RuntimeError:
    return RuntimeError(
        f"extract_archive: expected {expected}, got {got} in {path}. Fetch it again from a source that you trust."
    )


def _inside(path: Path, member: str) -> PurePosixPath:
    place = PurePosixPath(member.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts or ":" in member or not place.parts:
        raise _refused(path, "names inside the folder", repr(member[:80]))
    return place


@contextmanager
def _opened(path: Path) -> Iterator[Iterator[tuple[str, int, IO[bytes]]]]:
    """Name, size and content of the files of an archive, one after the other."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield _of_zip(path, archive)
    else:
        with tarfile.open(path) as archive:
            yield _of_tar(path, archive)


def _of_zip(path: Path, archive: zipfile.ZipFile) -> Iterator[tuple[str, int, IO[bytes]]]:
    for entry in archive.infolist():
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(path, "files and folders", f"something else, {entry.filename[:80]!r},")
        if not entry.is_dir():
            with archive.open(entry) as file:
                yield entry.filename, entry.file_size, file


def _of_tar(path: Path, archive: tarfile.TarFile) -> Iterator[tuple[str, int, IO[bytes]]]:
    for entry in archive:
        if not entry.isfile() and not entry.isdir():
            raise _refused(path, "files and folders", f"something else, {entry.name[:80]!r},")
        file = archive.extractfile(entry)
        if file is not None:
            yield entry.name, entry.size, file
