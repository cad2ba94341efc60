"""Memory handed from library to library without a copy, by DLPack."""

from facula import ops

__all__ = ["from_dlpack", "to_dlpack"]

from_dlpack, to_dlpack = ops.function("from_dlpack"), ops.function("to_dlpack")
