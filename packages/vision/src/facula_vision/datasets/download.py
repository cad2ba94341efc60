"""`Resource`: a published file, known by its address and its checksum; and archives, unpacked without leaving their folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from facula import hub

__all__ = ["Resource", "checksum_of", "extract"]

_NAMES = {32: "MD5", 64: "SHA-256"}


def checksum_of(path: str | os.PathLike[str], kind: str = "SHA-256") -> str:
    """The MD5 or SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, kind.replace("-", "").lower()).hexdigest()


@dataclass(frozen=True, slots=True)
class Resource:
    """A published file: where it is, the MD5 or SHA-256 it must have, and its name here (the end of the address by default)."""

    url: str
    checksum: str
    name: str = ""

    @property
    def filename(self) -> str:
        """What the file is called here."""
        return self.name or self.url.rsplit("/", 1)[-1]

    def is_whole(self, path: Path) -> bool:
        """Whether the file is there with the right checksum."""
        return path.is_file() and checksum_of(path, _NAMES[len(self.checksum)]) == self.checksum

    def fetch(self, folder: str | os.PathLike[str]) -> Path:
        """The file in `folder`, fetched unless it is there and whole.

        It appears under its name in one step and only if its checksum is right; RuntimeError says what went wrong.
        """
        target = Path(folder) / self.filename
        if self.is_whole(target):
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        if len(self.checksum) == 64:
            hub.download_url_to_file(self.url, target, hash_prefix=self.checksum)
            return target
        unchecked = target.with_name(f".{target.name}.unchecked")
        try:
            hub.download_url_to_file(self.url, unchecked)
            if not self.is_whole(unchecked):
                raise RuntimeError(
                    f"download: expected MD5 {self.checksum}, got {checksum_of(unchecked, 'MD5')} from {self.url}. "
                    "The file is damaged or was replaced; fetch it from a source that you trust."
                )
            os.replace(unchecked, target)
        finally:
            unchecked.unlink(missing_ok=True)
        return target


def extract(archive: str | os.PathLike[str], folder: str | os.PathLike[str]) -> None:
    """Unpack a tar or zip archive into `folder`, whose entries appear when all are unpacked.

    RuntimeError, naming the archive, for one that is damaged or whose entries would leave the folder.
    """
    archive, folder = Path(archive), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    unpacked = Path(tempfile.mkdtemp(prefix=f".{archive.name}.", dir=folder))
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as entries:
                for name in entries.namelist():
                    if os.path.isabs(name) or ".." in Path(name).parts:
                        raise RuntimeError(
                            f"extract: expected entries inside the folder, got {name!r} in {archive}. Do not trust it."
                        )
                entries.extractall(unpacked)
        else:
            with tarfile.open(archive) as members:
                members.extractall(unpacked, filter="data")
        _move(unpacked, folder)
    except (tarfile.TarError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise RuntimeError(
            f"extract: expected a whole archive whose entries stay inside the folder, got {archive} ({error}). "
            "Fetch it again from a source that you trust."
        ) from error
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)


def _move(source: Path, target: Path) -> None:
    """What is in `source` into `target`, folders joined."""
    for entry in source.iterdir():
        place = target / entry.name
        if entry.is_dir() and place.is_dir():
            _move(entry, place)
        else:
            os.replace(entry, place)
