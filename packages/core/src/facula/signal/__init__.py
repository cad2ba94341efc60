"""`facula.signal`: tools for signals."""

from __future__ import annotations

from facula.signal import windows
