"""Tables of vectors looked up by number: Embedding and EmbeddingBag."""

from __future__ import annotations

from typing import Any, Self

from facula.autograd import no_grad
from facula.errors import assertion_error
from facula.nn import functional as F
from facula.nn import init
from facula.nn.module import Module
from facula.nn.uninitialized import new_parameter
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor


class _Table(Module):
    """The table and the settings that look-ups share."""

    def __init__(
        self, num_embeddings: int, embedding_dim: int, padding_idx: int | None, max_norm: float | None,
        norm_type: float, scale_grad_by_freq: bool, sparse: bool,
    ) -> None:  # fmt: skip
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise assertion_error(
                    f"{type(self).__name__}: Padding_idx must be within num_embeddings ({num_embeddings}), "
                    f"got {padding_idx}. Use a row number."
                )
            padding_idx %= num_embeddings
        self.padding_idx = padding_idx
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse

    def _take_weight(self, weight: Tensor | None, requires_grad: bool, device: Any, dtype: Any) -> None:
        if weight is None:
            self.weight = new_parameter(self.num_embeddings, self.embedding_dim, device=device, dtype=dtype)
            self.weight.requires_grad_(requires_grad)
            self.reset_parameters()
            return
        if tuple(weight.shape) != (self.num_embeddings, self.embedding_dim):
            raise assertion_error(
                f"{type(self).__name__}: Shape of weight does not match num_embeddings and embedding_dim, expected "
                f"{(self.num_embeddings, self.embedding_dim)}, got {tuple(weight.shape)}. Use from_pretrained."
            )
        self.weight = Parameter(weight, requires_grad=requires_grad)

    def reset_parameters(self) -> None:
        """Draw the table from N(0, 1); the padding row is zero."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx].fill_(0)


class Embedding(_Table):
    """out[...] = weight[input[...]]: a vector for each number.

    Shape: (*) of integers -> (*, embedding_dim). The gradient of row `padding_idx` is zero.

    `max_norm` scales rows that are looked up and whose `norm_type`-norm is larger; `scale_grad_by_freq` divides a row's gradient by
    how often it occurs in the batch; `sparse` gives the weight a sparse gradient of the rows that occur.

    >>> import facula
    >>> facula.nn.Embedding(10, 3)(facula.tensor([[1, 2, 4, 5]])).shape
    facula.Size([1, 4, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        self._take_weight(_weight, not _freeze, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(
            input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.sparse
        )

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        if self.sparse:
            text += ", sparse=True"
        return text

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Self:
        """An Embedding around a given table, which is not trained with `freeze`."""
        _check_matrix(embeddings)
        rows, columns = embeddings.shape
        return cls(
            rows, columns, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, _weight=embeddings,
            _freeze=freeze,
        )  # fmt: skip


class EmbeddingBag(_Table):
    """The sum, mean or maximum of the rows of each bag, without their vectors in between.

    Shape: (B, N), or (N) with offsets (B) -> (B, embedding_dim).

    `mode` is "sum", "mean" or "max"; bag i of a flat input begins at offsets[i], and `include_last_offset` says that the last one
    is its end; `per_sample_weights` in the call multiply the rows of a sum. Rows `padding_idx` do not count.

    >>> import facula
    >>> bag = facula.nn.EmbeddingBag(10, 3, mode="sum")
    >>> bag(facula.tensor([1, 2, 4, 5, 4, 3, 2, 9]), facula.tensor([0, 4])).shape
    facula.Size([2, 3])
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(num_embeddings, embedding_dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse)
        self.mode = mode
        self.include_last_offset = include_last_offset
        self._take_weight(_weight, True, device, dtype)

    def forward(self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None) -> Tensor:
        return F.embedding_bag(
            input, self.weight, offsets, self.max_norm, self.norm_type, self.scale_grad_by_freq, self.mode,
            self.sparse, per_sample_weights, self.include_last_offset, self.padding_idx,
        )  # fmt: skip

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        if self.max_norm is not None:
            text += f", max_norm={self.max_norm}"
        if self.norm_type != 2:
            text += f", norm_type={self.norm_type}"
        if self.scale_grad_by_freq:
            text += f", scale_grad_by_freq={self.scale_grad_by_freq}"
        text += f", mode={self.mode!r}"
        if self.padding_idx is not None:
            text += f", padding_idx={self.padding_idx}"
        return text

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
    ) -> Self:
        """An EmbeddingBag around a given table, which is not trained with `freeze`."""
        _check_matrix(embeddings)
        rows, columns = embeddings.shape
        bag = cls(
            rows, columns, max_norm, norm_type, scale_grad_by_freq, mode, sparse, embeddings, include_last_offset,
            padding_idx,
        )  # fmt: skip
        bag.weight.requires_grad_(not freeze)
        return bag


def _check_matrix(embeddings: Tensor) -> None:
    if embeddings.ndim != 2:
        raise assertion_error(
            f"from_pretrained: Embeddings parameter is expected to be 2-dimensional, got {tuple(embeddings.shape)}. "
            "Give one row per number."
        )
