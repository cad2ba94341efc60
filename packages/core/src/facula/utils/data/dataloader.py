"""The loader; see `facula.data.loader`."""

from facula.data.collate import default_collate, default_convert
from facula.data.info import get_worker_info
from facula.data.loader import DataLoader

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]
