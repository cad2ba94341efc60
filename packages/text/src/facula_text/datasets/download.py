"""`Resource`: a published file, fetched if it is wanted, checked, and unpacked by the names that are known."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from facula import hub
from facula.serialization import atomic_write

__all__ = ["Resource"]


@dataclass(frozen=True, slots=True)
class Resource:
    """Where a file is published, what it hashes to (MD5 or SHA-256), and which members of an archive are wanted.

    `name`: what the file is called here, the last part of the address unless given. `members`: a regular expression for
    the names in an archive that are unpacked into the folder `folder`; without one, a file ending in .gz is decompressed.
    """

    url: str
    digest: str
    name: str = ""
    folder: str = ""
    members: str = ""

    @property
    def filename(self) -> str:
        """The name of the file."""
        return self.name or self.url.rsplit("/", 1)[-1]

    def provide(self, owner: str, base: Path, wanted: str, download: bool) -> Path:
        """The path of `wanted` in `base`: as it is there, unpacked from the published file, or fetched first.

        RuntimeError if it is not there and is not to be fetched, or if the published file is damaged.
        """
        path = base / wanted
        if path.exists():
            return path
        packed = base / self.filename
        if not packed.is_file():
            if not download:
                raise RuntimeError(
                    f"{owner}: dataset not found, expected {wanted} or {self.filename} in {base}, got neither. "
                    "You can use download=True to download it."
                )
            base.mkdir(parents=True, exist_ok=True)
            self._fetch(packed)
        elif path != packed:
            self._check(packed)
        if self.members:
            _unpack(packed, base / self.folder, self.members)
        elif path != packed:
            _decompress(packed, path)
        if not path.exists():
            raise RuntimeError(f"{owner}: expected {wanted} in {packed}, got none. Fetch the file again.")
        return path

    def _fetch(self, target: Path) -> None:
        if len(self.digest) == 64:
            hub.download_url_to_file(self.url, target, self.digest)
            return
        partial = target.with_name(f".{target.name}.unchecked")
        hub.download_url_to_file(self.url, partial, "")  # an empty beginning: taken up again where a call broke off
        try:
            self._check(partial)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)

    def _check(self, path: Path) -> None:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256" if len(self.digest) == 64 else "md5").hexdigest()
        if found != self.digest:
            raise RuntimeError(
                f"download: expected the checksum {self.digest}, got {found} from {self.url} in {path}. The file is damaged or "
                "was replaced; fetch it from a source that you trust."
            )


def _decompress(packed: Path, target: Path) -> None:
    with gzip.open(packed) as source, atomic_write(target) as file:
        shutil.copyfileobj(source, file)


def _unpack(packed: Path, folder: Path, members: str) -> None:
    """Copy the files whose whole names match into a folder that appears once all of them are there."""
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for name, source in _members(packed):
            if re.fullmatch(members, name):
                target = partial / name.removeprefix(f"{folder.name}/")
                target.parent.mkdir(parents=True, exist_ok=True)
                with closing(source), target.open("wb") as file:
                    shutil.copyfileobj(source, file)
        os.chmod(partial, 0o755)
        if not folder.exists():
            os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _members(packed: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """The names and contents of the plain files in a tar or zip archive."""
    if zipfile.is_zipfile(packed):
        with zipfile.ZipFile(packed) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    yield info.filename, archive.open(info)
        return
    with tarfile.open(packed) as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None:
                yield member.name.removeprefix("./"), content
