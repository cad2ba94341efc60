"""TensorBoardLogger: event files that TensorBoard reads, written without TensorBoard.

A record is its length (8 bytes), the masked CRC-32C of those, the data, and the masked CRC-32C of the data; the data is a
protocol buffer `Event` with wall time (field 1), step (2), and file version (3) or summary (5).
"""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import IO, Any

from facula_lightning.loggers.logger import CSVLogger, written

_CRC = list(range(256))
for _ in range(8):
    _CRC = [row >> 1 ^ (0x82F63B78 if row & 1 else 0) for row in _CRC]


def _checksum(data: bytes) -> bytes:
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 255] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _field(number: int, data: bytes | str) -> bytes:
    """A field of bytes or text, with its length."""
    data = data.encode() if isinstance(data, str) else data
    return _varint(number << 3 | 2) + _varint(len(data)) + data


class TensorBoardLogger(CSVLogger):
    """Writes `<save_dir>/<name>/version_<n>/events.out.tfevents...`; hyperparameters become a text and `hparams.yaml`.

    `log_graph` and `default_hp_metric` are accepted for programs that pass them.
    """

    def __init__(
        self,
        save_dir: str | Path,
        name: str | None = "lightning_logs",
        version: int | str | None = None,
        log_graph: bool = False,
        default_hp_metric: bool = True,
        prefix: str = "",
    ) -> None:
        super().__init__(save_dir, name, version, prefix)
        self._file: IO[bytes] | None = None
        self._events = ""

    def _event(self, step: int, content: bytes) -> None:
        if self._file is None:
            folder = Path(self.log_dir)
            folder.mkdir(parents=True, exist_ok=True)
            new = not self._events
            if new:
                self._events = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
            self._file = (folder / self._events).open("ab")
            if new:
                self._event(0, _field(3, "brain.Event:2"))
        data = b"\x09" + struct.pack("<d", time.time()) + b"\x10" + _varint(step) + content
        head = struct.pack("<Q", len(data))
        self._file.write(head + _checksum(head) + data + _checksum(data))

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        values = [_field(1, name) + b"\x15" + struct.pack("<f", value) for name, value in self.named(metrics).items()]
        self._event(step or 0, _field(5, b"".join(_field(1, value) for value in values)))

    def log_hyperparams(self, params: dict[str, Any]) -> None:
        super().log_hyperparams(params)
        rows = "".join(f"\n|{k}|{written(v)}|" for k, v in self.hparams.items())
        tensor = b"\x08\x07" + _field(8, f"|name|value|\n|-|-|{rows}")  # a DT_STRING scalar
        plugin = _field(1, _field(1, "text"))
        self._event(0, _field(5, _field(1, _field(1, "hyperparameters") + _field(8, tensor) + _field(9, plugin))))

    def save(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
