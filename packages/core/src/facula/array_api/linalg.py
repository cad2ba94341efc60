"""Linear algebra, with the standard's names, arguments and results."""

from __future__ import annotations

from typing import Any, NamedTuple

from facula import dtypes, ops
from facula.errors import value_error
from facula.tensors.tensor import Tensor

matmul, outer_op = ops.function("matmul"), ops.function("outer")


class Eigen(NamedTuple):
    eigenvalues: Tensor
    eigenvectors: Tensor


class QR(NamedTuple):
    Q: Tensor
    R: Tensor


class Slogdet(NamedTuple):
    sign: Tensor
    logabsdet: Tensor


class SVD(NamedTuple):
    U: Tensor
    S: Tensor
    Vh: Tensor


def cholesky(x: Tensor, /, *, upper: bool = False) -> Tensor:
    """The triangular L with L @ L^H = x.   Shape: (*, n, n) -> (*, n, n)."""
    return ops.function("linalg_cholesky")(x, upper=upper)


def cross(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The cross product of vectors of three numbers along an axis."""
    return ops.function("linalg_cross")(x1, x2, dim=axis)


def det(x: Tensor, /) -> Tensor:
    """The determinant.   Shape: (*, n, n) -> (*)."""
    return ops.function("linalg_det")(x)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """The diagonal of the last two axes.   Shape: (*, n, m) -> (*, min(n, m))."""
    return ops.function("diagonal")(x, offset, -2, -1)


def eigh(x: Tensor, /) -> Eigen:
    """Eigenvalues in rising order and eigenvectors of a Hermitian matrix."""
    return Eigen(*ops.function("linalg_eigh")(x))


def eigvalsh(x: Tensor, /) -> Tensor:
    """Eigenvalues of a Hermitian matrix in rising order."""
    return ops.function("linalg_eigvalsh")(x)


def inv(x: Tensor, /) -> Tensor:
    """The inverse.   Shape: (*, n, n) -> (*, n, n)."""
    return ops.function("linalg_inv")(x)


def matrix_norm(x: Tensor, /, *, keepdims: bool = False, ord: Any = "fro") -> Tensor:
    """A norm of matrices in the last two axes."""
    return ops.function("linalg_matrix_norm")(x, ord, (-2, -1), keepdims)


def matrix_power(x: Tensor, n: int, /) -> Tensor:
    """`x` multiplied `n` times with itself."""
    return ops.function("linalg_matrix_power")(x, n)


def matrix_rank(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """How many singular values are above `rtol` times the largest."""
    return ops.function("linalg_matrix_rank")(x, rtol=rtol)


def matrix_transpose(x: Tensor, /) -> Tensor:
    """A view with the last two axes exchanged."""
    return x.transpose(-2, -1)


def outer(x1: Tensor, x2: Tensor, /) -> Tensor:
    """All products of two vectors.   Shape: (n,), (m,) -> (n, m)."""
    return outer_op(x1, x2)


def pinv(x: Tensor, /, *, rtol: Any = None) -> Tensor:
    """The pseudo-inverse."""
    return ops.function("linalg_pinv")(x, rtol=rtol)


def qr(x: Tensor, /, *, mode: str = "reduced") -> QR:
    """x = Q @ R with orthogonal Q and upper triangular R."""
    return QR(*ops.function("linalg_qr")(x, mode))


def slogdet(x: Tensor, /) -> Slogdet:
    """The sign of the determinant and the logarithm of its absolute value."""
    return Slogdet(*ops.function("linalg_slogdet")(x))


def solve(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The x with x1 @ x = x2; `x2` is a vector only if it has one axis."""
    if x2.ndim == 1:
        return ops.function("linalg_solve")(x1, x2.unsqueeze(-1).expand(*x1.shape[:-1], 1)).squeeze(-1)
    lead = _batch(x1.shape[:-2], x2.shape[:-2])
    return ops.function("linalg_solve")(x1.expand(*lead, *x1.shape[-2:]), x2.expand(*lead, *x2.shape[-2:]))


def _batch(a: Any, b: Any) -> tuple[int, ...]:
    import numpy as np

    return np.broadcast_shapes(tuple(a), tuple(b))


def svd(x: Tensor, /, *, full_matrices: bool = True) -> SVD:
    """x = U @ diag(S) @ Vh, with singular values in falling order."""
    return SVD(*ops.function("linalg_svd")(x, full_matrices))


def svdvals(x: Tensor, /) -> Tensor:
    """Singular values in falling order."""
    return ops.function("linalg_svdvals")(x)


def tensordot(x1: Tensor, x2: Tensor, /, *, axes: Any = 2) -> Tensor:
    """Products added up over several axes of both."""
    return ops.function("tensordot")(x1, x2, axes)


def trace(x: Tensor, /, *, offset: int = 0, dtype: Any = None) -> Tensor:
    """The sum of the diagonal of the last two axes."""
    wide = dtypes.int64 if x.dtype.category <= dtypes.INTEGER else x.dtype
    return diagonal(x, offset=offset).sum(-1, dtype=dtype or wide)


def vecdot(x1: Tensor, x2: Tensor, /, *, axis: int = -1) -> Tensor:
    """The sum of conj(x1) * x2 along an axis."""
    if not -min(x1.ndim, x2.ndim) <= axis < 0:
        raise value_error(f"vecdot: expected a negative axis that both tensors have, got {axis}. Use axis=-1.")
    return (x1.conj() * x2).sum(axis)


def vector_norm(x: Tensor, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Tensor:
    """A norm of vectors along axes (all by default)."""
    return ops.function("linalg_vector_norm")(x, ord, axis, keepdims)
