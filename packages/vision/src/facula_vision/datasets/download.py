"""`Resource`: a file to be fetched, known by its address and its SHA-256."""

from __future__ import annotations

import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Resource", "sha256_of"]

_CHUNK = 1 << 20


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class Resource:
    """A published file: where it is and what it must hash to."""

    url: str
    sha256: str

    @property
    def filename(self) -> str:
        """The last part of the address."""
        return self.url.rsplit("/", 1)[-1]

    def fetch(self, folder: str | os.PathLike[str]) -> Path:
        """The file in `folder`, fetched unless it is there and whole.

        It appears under its name in one step and only if its checksum is right; RuntimeError says what went wrong.
        """
        folder = Path(folder)
        target = folder / self.filename
        if target.is_file() and sha256_of(target) == self.sha256:
            return target
        folder.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=f".{self.filename}.", dir=folder)
        try:
            digest = hashlib.sha256()
            request = urllib.request.Request(self.url, headers={"User-Agent": "facula-vision"})
            with os.fdopen(handle, "wb") as file, urllib.request.urlopen(request, timeout=60) as response:
                while chunk := response.read(_CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
            if digest.hexdigest() != self.sha256:
                raise RuntimeError(
                    f"download: expected SHA-256 {self.sha256}, got {digest.hexdigest()} from {self.url}. "
                    "The file is damaged or was replaced; fetch it from a source that you trust."
                )
            os.chmod(partial, 0o644)
            os.replace(partial, target)
        except (urllib.error.URLError, OSError) as error:
            raise RuntimeError(
                f"download: expected to read {self.url}, got {error}. Put the file {self.filename} into {folder} "
                "yourself."
            ) from error
        finally:
            Path(partial).unlink(missing_ok=True)
        return target
