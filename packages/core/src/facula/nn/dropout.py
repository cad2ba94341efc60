"""Dropout: numbers, channels or features put to zero at random while training."""

from __future__ import annotations

from facula.errors import value_error
from facula.nn import functional as F
from facula.nn.module import Module
from facula.tensors.tensor import Tensor


class _DropoutNd(Module):
    """The probability of a zero, and whether the input itself is written."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0 <= p <= 1:
            raise value_error(
                f"{type(self).__name__}: dropout probability has to be between 0 and 1, but got {p}. Use e.g. p=0.5."
            )
        self.p = p
        self.inplace = inplace

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """0 with probability p, else x / (1 - p); the input unchanged in evaluation mode (Hinton et al., 2012).

    Shape: (*) -> same shape.

    >>> import facula
    >>> x = facula.ones(2, 3)
    >>> facula.equal(facula.nn.Dropout(0.2).eval()(x), x)
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """Whole channels are 0 with probability p, else x / (1 - p) (Tompson et al., 2015).

    Shape: (N, C, L) or (C, L) -> same shape.

    >>> import facula
    >>> x = facula.ones(2, 3, 4)
    >>> facula.equal(facula.nn.Dropout1d(0.2).eval()(x), x)
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """Whole channels are 0 with probability p, else x / (1 - p) (Tompson et al., 2015).

    Shape: (N, C, H, W) or (C, H, W) -> same shape.

    >>> import facula
    >>> x = facula.ones(2, 3, 4, 4)
    >>> facula.equal(facula.nn.Dropout2d(0.2).eval()(x), x)
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """Whole channels are 0 with probability p, else x / (1 - p) (Tompson et al., 2015).

    Shape: (N, C, D, H, W) or (C, D, H, W) -> same shape.

    >>> import facula
    >>> x = facula.ones(2, 3, 2, 2, 2)
    >>> facula.equal(facula.nn.Dropout3d(0.2).eval()(x), x)
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean and variance of SELU networks: dropped numbers become their negative saturation value.

    Source: Klambauer et al., 2017.

    Shape: (*) -> same shape.

    >>> import facula
    >>> x = facula.ones(2, 3)
    >>> facula.equal(facula.nn.AlphaDropout(0.2).eval()(x), x)
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """AlphaDropout of whole channels.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> same shape.

    >>> import facula
    >>> x = facula.ones(2, 3, 2, 2, 2)
    >>> facula.equal(facula.nn.FeatureAlphaDropout(0.2).eval()(x), x)
    True
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.feature_alpha_dropout(input, self.p, self.training)
