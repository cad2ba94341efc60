"""Transforms whose results are matrices: Cholesky factors, positive definite matrices, correlations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from facula import dtypes, ops
from facula.distributions import constraints
from facula.distributions.transform import Transform
from facula.distributions.utils import tril_matrix_to_vec, vec_to_tril_matrix
from facula.errors import value_error
from facula.tensors.tensor import Size, Tensor


class LowerCholeskyTransform(Transform):
    """Square matrices as lower triangular ones with a positive diagonal."""

    domain = constraints.independent(constraints.real, 2)
    codomain: Any = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return ops.tril(x, -1) + ops.diag_embed(ops.exp(ops.diagonal(x, 0, -2, -1)))

    def _inverse(self, y: Tensor) -> Tensor:
        return ops.tril(y, -1) + ops.diag_embed(ops.log(ops.diagonal(y, 0, -2, -1)))


class PositiveDefiniteTransform(LowerCholeskyTransform):
    """Square matrices as positive definite ones: L L^T, for the factor L of `LowerCholeskyTransform`."""

    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = super()._call(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return super()._inverse(ops.linalg_cholesky(y))


def _left(y: Tensor) -> Tensor:
    """What is left of the unit length of each row before each of its elements."""
    rest = 1 - ops.cumsum(y * y, -1)
    return ops.cat([ops.ones_like(rest[..., :1]), rest[..., :-1]], -1)


class CorrCholeskyTransform(Transform):
    """n (n - 1) / 2 numbers as the Cholesky factor of a correlation matrix: tanh of each takes a part of what is left of its row.

    Source: Lewandowski, Kurowicka and Joe, 2009, in the form of the Stan Reference Manual, section on correlation matrices.

    >>> import facula
    >>> facula.distributions.CorrCholeskyTransform()(facula.zeros(1))
    tensor([[1., 0.],
            [0., 1.]])
    """

    bijective = True
    domain = constraints.real_vector
    codomain = constraints.corr_cholesky

    def _call(self, x: Tensor) -> Tensor:
        eps = dtypes.finfo(x.dtype).eps
        parts = vec_to_tril_matrix(ops.clamp(ops.tanh(x), min=-1 + eps, max=1 - eps), -1)
        left = ops.cumprod(ops.sqrt(1 - parts**2), -1)
        left = ops.cat([ops.ones_like(left[..., :1]), left[..., :-1]], -1)
        return (parts + ops.eye(parts.shape[-1], dtype=x.dtype, device=x.device)) * left

    def _inverse(self, y: Tensor) -> Tensor:
        return ops.atanh(tril_matrix_to_vec(y, -1) / ops.sqrt(tril_matrix_to_vec(_left(y), -1)))

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        rest = tril_matrix_to_vec(1 - ops.cumsum(y * y, -1), -2)
        slopes = -2 * (x + ops.softplus(-2 * x) - math.log(2.0)).sum(-1)
        return 0.5 * ops.log(rest).sum(-1) + slopes

    def forward_shape(self, shape: Sequence[int]) -> Size:
        n = len(shape) and shape[-1]
        side = round((0.25 + 2 * n) ** 0.5 + 0.5)
        if not shape or side * (side - 1) // 2 != n:
            raise value_error(
                f"CorrCholeskyTransform: Input is not a flattened lower-diagonal number, expected n (n - 1) / 2 elements, got shape "
                f"{tuple(shape)}. Reshape it."
            )
        return Size((*shape[:-1], side, side))

    def inverse_shape(self, shape: Sequence[int]) -> Size:
        if len(shape) < 2 or shape[-1] != shape[-2]:
            raise value_error(
                f"CorrCholeskyTransform: Input is not square, expected (*, n, n), got shape {tuple(shape)}. Reshape it."
            )
        return Size((*shape[:-2], shape[-1] * (shape[-1] - 1) // 2))
