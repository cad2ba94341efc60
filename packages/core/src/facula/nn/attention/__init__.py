"""`torch.nn.attention`'s names: which kernel of attention to use. There is one here, so the choice changes nothing."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator, Sequence

from facula.errors import runtime_error, type_error
from facula.nn.attention import bias, flex_attention
from facula.nn.multihead import MultiheadAttention

__all__ = ["MultiheadAttention", "SDPBackend", "bias", "flex_attention", "sdpa_kernel"]


class SDPBackend(enum.Enum):
    """PyTorch's kernels of `scaled_dot_product_attention`; all names mean the same computation here."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends: Sequence[SDPBackend] | SDPBackend, set_priority: bool = False) -> Iterator[None]:
    """Accepted for PyTorch's sake: inside, attention runs as it always does, whatever kernels are allowed.

    Errors: TypeError for anything but backends, RuntimeError for none.

    >>> import facula
    >>> with facula.nn.attention.sdpa_kernel(facula.nn.attention.SDPBackend.MATH):
    ...     facula.nn.functional.scaled_dot_product_attention(*[facula.ones(1, 2, 4)] * 3).shape
    facula.Size([1, 2, 4])
    """
    chosen = [backends] if isinstance(backends, SDPBackend) else list(backends)
    wrong = next((b for b in chosen if not isinstance(b, SDPBackend)), None)
    if wrong is not None:
        raise type_error(f"sdpa_kernel: expected SDPBackend or a list of them, got {wrong!r}. Pass SDPBackend.MATH.")
    if not chosen:
        raise runtime_error("sdpa_kernel: expected at least one backend, got none. Pass SDPBackend.MATH.")
    yield
