"""The loader; see `facula.data.loader`."""

from facula.data.collate import default_collate, default_convert
from facula.data.loader import DataLoader
from facula.data.workers import get_worker_info

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]
