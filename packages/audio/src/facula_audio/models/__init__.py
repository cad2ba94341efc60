"""Models of sound: one family in each file."""

from __future__ import annotations

from facula_audio.models.m5 import M5, m5

__all__ = ["M5", "m5"]
