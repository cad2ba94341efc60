"""How elements lie in memory: `strided` (dense), `sparse_coo`, `sparse_csr` or `sparse_csc`; and the order of dimensions."""

from __future__ import annotations


class layout:
    """A way to store a tensor, e.g. `facula.strided`."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"facula.{self.name}"


class memory_format(layout):
    """The order of dimensions in memory."""


strided, sparse_coo = layout("strided"), layout("sparse_coo")
sparse_csr, sparse_csc = layout("sparse_csr"), layout("sparse_csc")
sparse_bsr, sparse_bsc = layout("sparse_bsr"), layout("sparse_bsc")  # named so that their absence can be told
contiguous_format, preserve_format = memory_format("contiguous_format"), memory_format("preserve_format")
channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
