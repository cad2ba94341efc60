"""Linear algebra, part two: eigenvalues, singular values, LU, LDL.

The gradients follow Giles, "An extended collection of matrix derivative results" (2008), and Walter and Lehmann,
"Algorithmic differentiation of linear algebra functions" (2010).
"""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import arg, op, sample
from facula.autograd.state import lanewise, whole
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.create import eye
from facula.ops.join import cat
from facula.ops.linalg import LinAlgError, _each, _into, _lapack, _matrix, _solve, _solve_triangular, _square
from facula.ops.matmul import matmul
from facula.ops.outputs import takes_out
from facula.ops.results import result
from facula.tensors.tensor import wrap

_SYMMETRIC = [
    arg(values=[[2.0, 0.5, 0.1], [0.5, 1.0, 0.3], [0.1, 0.3, -1.0]]),
    arg(values=[[[2.0, 0.5], [0.5, 1.0]], [[1.0, 0.2], [0.2, 3.0]]]),
]
_WIDE, _TALL = arg(values=[[2.0, 0.5, 0.1], [0.3, 1.0, 0.7]]), arg(values=[[2.0, 0.3], [0.5, 1.0], [0.1, 0.7]])


def _as_diagonal(values):
    from facula.ops.strided import diag_embed

    return diag_embed(values)


def _off_diagonal(x):
    return x.tril(-1) + x.triu(1)


Eigh, Eig = result("linalg_eigh", "eigenvalues eigenvectors"), result("linalg_eig", "eigenvalues eigenvectors")


@op(
    lambda A: (Meta(A.shape[:-1], dtypes.real_of(A.dtype)), Meta(A.shape, A.dtype)),
    onnx=None,
    returns=Eigh,
    samples=[sample(a) for a in _SYMMETRIC],
)
def _eigh(xp, A, /):
    """Eigenvalues and eigenvectors of a Hermitian matrix, read from its lower triangle."""
    try:
        return tuple(xp.linalg.eigh(A))
    except np.linalg.LinAlgError as error:
        raise LinAlgError(
            f"linalg.eigh: The algorithm failed to converge ({error}). Check the input for nan."
        ) from None


@_eigh.vjp
def _eigh_back(g, out):
    values, vectors = out
    inner = _as_diagonal(g[0].to(vectors.dtype)) if g[0] is not None else None
    if g[1] is not None:
        gaps = (values.unsqueeze(-2) - values.unsqueeze(-1)).to(vectors.dtype)
        n = gaps.shape[-1]
        one = eye(n, dtype=gaps.dtype, device=gaps.device)
        turned = _off_diagonal(matmul(vectors.mH, g[1]) / (gaps + one))
        inner = turned if inner is None else inner + turned
    return (matmul(matmul(vectors, inner), vectors.mH),)


_eigh.prepare = lambda A: ((A + A.mH) / 2,)


def _one_triangle(A, UPLO):
    """A Hermitian matrix as LAPACK reads it: from one triangle only."""
    if UPLO.upper() not in ("L", "U"):
        raise runtime_error(f"linalg.eigh: Expected UPLO argument to be 'L' or 'U', but got {UPLO}. Choose one.")
    return A if UPLO.upper() == "L" else A.mH


def linalg_eigh(A, UPLO="L", *, out=None):
    """Eigenvalues (rising) and eigenvectors of a symmetric or Hermitian matrix: A = V @ diag(L) @ V.mH.

    The gradient of the eigenvectors is finite only where no two eigenvalues are equal.

    Shape: (*, n, n) -> (*, n), (*, n, n).

    >>> import facula
    >>> facula.linalg.eigh(facula.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([1., 2.])
    """
    _square("linalg.eigh", A)
    found = _eigh(_one_triangle(A, UPLO))
    return found if out is None else _into(out, found)


@takes_out
def linalg_eigvalsh(A, UPLO="L"):
    """The eigenvalues (rising) of a symmetric or Hermitian matrix.   Shape: (*, n, n) -> (*, n).

    >>> import facula
    >>> facula.linalg.eigvalsh(facula.tensor([[2., 0.], [0., 1.]]))
    tensor([1., 2.])
    """
    _square("linalg.eigvalsh", A)
    return _eigh(_one_triangle(A, UPLO))[0]


@op(
    lambda A: (Meta(A.shape[:-1], dtypes.complex_of(A.dtype)), Meta(A.shape, dtypes.complex_of(A.dtype))),
    onnx=None,
    returns=Eig,
    samples=[
        sample(arg(values=[[2.0, 0.5], [0.3, 1.0]])),
        sample(arg(values=[[3.0, 0.2, 0.1], [0.4, 1.0, 0.3], [0.1, 0.5, -1.0]])),
    ],
)
def _eig(xp, A, /):
    """Eigenvalues and eigenvectors of a square matrix."""
    if not xp.isfinite(A).all():
        raise runtime_error("linalg.eig: input tensor should not contain infs or NaNs. Check the input.")
    values, vectors = xp.linalg.eig(A)
    to = dtypes.complex_of(A.dtype)
    return values.astype(to), vectors.astype(to)


@_eig.vjp
def _eig_back(g, A, out):
    values, vectors = out
    adjoint = vectors.mH
    inner = _as_diagonal(g[0]) if g[0] is not None else None
    if g[1] is not None:
        turned = matmul(adjoint, g[1])
        along = turned.diagonal(0, -2, -1).real.to(turned.dtype)
        turned = turned - matmul(adjoint, vectors) * along.unsqueeze(-2)
        one = eye(values.shape[-1], dtype=values.dtype, device=values.device)
        gaps = values.unsqueeze(-2) - values.unsqueeze(-1) + one
        turned = _off_diagonal(turned / gaps.conj())
        inner = turned if inner is None else inner + turned
    whole = _solve(adjoint, matmul(inner, adjoint))
    return (whole if A.is_complex() else whole.real,)


def linalg_eig(A, *, out=None):
    """Eigenvalues and eigenvectors of a square matrix, always complex: A = V @ diag(L) @ inv(V).

    Shape: (*, n, n) -> (*, n), (*, n, n).

    >>> import facula
    >>> facula.linalg.eig(facula.tensor([[2., 0.], [0., 1.]])).eigenvalues
    tensor([2.+0.j, 1.+0.j])
    """
    _square("linalg.eig", A)
    found = _eig(A)
    return found if out is None else _into(out, found)


@takes_out
def linalg_eigvals(A):
    """The eigenvalues of a square matrix, always complex.   Shape: (*, n, n) -> (*, n).

    >>> import facula
    >>> facula.linalg.eigvals(facula.tensor([[2., 0.], [0., 1.]]))
    tensor([2.+0.j, 1.+0.j])
    """
    _square("linalg.eigvals", A)
    return _eig(A)[0]


LinalgSvd, Svd = result("linalg_svd", "U S Vh"), result("svd", "U S V")


def _svd_rule(A, full_matrices):
    m, n = A.shape[-2:]
    k, batch = min(m, n), A.shape[:-2]
    u, v = (m, n) if full_matrices else (k, k)
    return Meta((*batch, m, u), A.dtype), Meta((*batch, k), dtypes.real_of(A.dtype)), Meta((*batch, v, n), A.dtype)


@op(
    _svd_rule,
    onnx=None,
    returns=LinalgSvd,
    samples=[
        sample(_WIDE, full_matrices=False),
        sample(_TALL, full_matrices=False),
        sample(_SYMMETRIC[1], full_matrices=True),
    ],
)
def _svd(xp, A, /, full_matrices):
    """The singular value decomposition."""
    try:
        return tuple(xp.linalg.svd(A, full_matrices=full_matrices))
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"linalg.svd: The algorithm failed to converge ({error}). Check the input for nan.") from None


def _skew(x):
    return x - x.mH


@_svd.vjp
def _svd_back(g, A, out):
    left, values, right = out
    k = values.shape[-1]
    m, n = A.shape[-2], A.shape[-1]
    left, right = left[..., :k], right[..., :k, :]
    g_left = None if g[0] is None else g[0][..., :k]
    g_right = None if g[2] is None else g[2][..., :k, :]
    scale = values.to(left.dtype)
    inner = None if g[1] is None else _as_diagonal(g[1].to(left.dtype))
    if g_left is None and g_right is None:
        return (matmul(matmul(left, inner), right),)
    rows, columns = scale.unsqueeze(-1), scale.unsqueeze(-2)
    one = eye(k, dtype=left.dtype, device=left.device)
    gaps = (columns - rows) * (columns + rows) + one
    turns = []
    if g_left is not None:
        turns.append(_skew(matmul(left.mH, g_left)))
        turned = _off_diagonal(turns[-1] / gaps) * columns
        inner = turned if inner is None else inner + turned
    if g_right is not None:
        turns.append(_skew(matmul(right, g_right.mH)))
        turned = rows * _off_diagonal(turns[-1] / gaps)
        inner = turned if inner is None else inner + turned
    if left.is_complex() and g_left is not None:
        inner = inner + _as_diagonal(turns[0].diagonal(0, -2, -1) / (2 * scale))
    whole = matmul(matmul(left, inner), right)
    if g_left is not None and m > k:
        whole = whole + matmul((g_left - matmul(left, matmul(left.mH, g_left))) / columns, right)
    if g_right is not None and n > k:
        whole = whole + matmul(left, (g_right - matmul(matmul(g_right, right.mH), right)) / rows)
    return (whole,)


def linalg_svd(A, full_matrices=True, *, driver=None, out=None):
    """The singular value decomposition A = U @ diag(S) @ Vh, with S falling.

    The gradient is finite only where no two singular values are equal, and where U and Vh are used up to phases only.

    Shape: (*, n, m) -> (*, n, n), (*, k), (*, m, m) with k = min(n, m); without full_matrices (*, n, k), (*, k), (*, k, m).

    >>> import facula
    >>> facula.linalg.svd(facula.tensor([[3., 0.], [0., 2.]])).S
    tensor([3., 2.])
    """
    _matrix("linalg.svd", A)
    found = _svd(A, bool(full_matrices))
    return found if out is None else _into(out, found)


@takes_out
def linalg_svdvals(A, *, driver=None):
    """The singular values of a matrix, falling.   Shape: (*, n, m) -> (*, min(n, m)).

    >>> import facula
    >>> facula.linalg.svdvals(facula.tensor([[3., 0.], [0., 4.]]))
    tensor([4., 3.])
    """
    _matrix("linalg.svdvals", A)
    return _svd(A, False)[1]


def svd(input, some=True, compute_uv=True, *, out=None):
    """The singular value decomposition input = U @ diag(S) @ V.mH.

    Shape: (*, n, m) -> (*, n, k), (*, k), (*, m, k) with k = min(n, m) if `some`.

    >>> import facula
    >>> facula.svd(facula.tensor([[3., 0.], [0., 4.]])).S
    tensor([4., 3.])
    """
    _matrix("svd", input)
    left, values, right = _svd(input, not some)
    if not compute_uv:
        m, n = input.shape[-2:]
        left, right = left.new_zeros((*input.shape[:-2], m, m)), right.new_zeros((*input.shape[:-2], n, n))
    found = Svd(left, values, right.mH)
    return found if out is None else _into(out, found)


LuFactor, LuFactorEx = result("linalg_lu_factor", "LU pivots"), result("linalg_lu_factor_ex", "LU pivots info")
LuWithInfo = result("_lu_with_info", "LU pivots info")
LinalgLu, LuUnpack = result("linalg_lu", "P L U"), result("lu_unpack", "P L U")


@op(
    lambda A: (Meta(A.shape, A.dtype), Meta((*A.shape[:-2], min(A.shape[-2:])), np.int32)),
    onnx=None,
    returns=LuFactor,
    samples=[sample(_WIDE), sample(_TALL), sample(_SYMMETRIC[1])],
)
def _lu_factor(xp, A, /):
    """The LU decomposition packed in one matrix, and its row exchanges."""
    batch, k = A.shape[:-2], min(A.shape[-2:])
    if not A.size:
        return A.copy(), np.zeros((*batch, k), np.int32)
    factor = _lapack("getrf", A)
    parts = [factor(A[i])[:2] for i in np.ndindex(*batch)]
    lu = np.stack([np.ascontiguousarray(p[0]) for p in parts]).reshape(A.shape)
    return lu, (np.stack([p[1] for p in parts]).reshape((*batch, k)) + 1).astype(np.int32)


def _permutation(pivots, m, dtype):
    """The matrices P with A = P @ L @ U from LAPACK's row exchanges."""
    flat = pivots.reshape(-1, pivots.shape[-1]) if pivots.size else np.zeros((int(np.prod(pivots.shape[:-1])), 0), int)
    out = np.zeros((len(flat), m, m), dtype)
    for b, exchanges in enumerate(flat):
        rows = np.arange(m)
        for i, j in enumerate(exchanges - 1):
            rows[[i, j]] = rows[[j, i]]
        out[b, rows, np.arange(m)] = 1
    return out.reshape((*pivots.shape[:-1], m, m))


def _unit_lower(lu, k):
    """The unit lower triangular part of a packed factorization."""
    lower = lu[..., :k].tril(-1)
    return lower + eye(lower.shape[-2], k, dtype=lu.dtype, device=lu.device)


def _lu_square(lower, upper, g_lower, g_upper):
    """The gradient with respect to L @ U, from those of a square unit lower L and a square upper U."""
    inner = matmul(lower.mH, g_lower).tril(-1) + matmul(g_upper, upper.mH).triu()
    left = _solve_triangular(lower.mH, inner, True, True)
    return _solve_triangular(upper, left.mH, True, False).mH


@_lu_factor.vjp
def _lu_factor_back(g, A, out):
    packed, pivots = out
    g = g[0]
    m, n = A.shape[-2:]
    k = min(m, n)
    lower, upper = _unit_lower(packed, k), packed[..., :k, :].triu()
    g_lower, g_upper = g[..., :k].tril(-1), g[..., :k, :].triu()
    top, first = lower[..., :k, :], upper[..., :k]
    g_top, g_first = g_lower[..., :k, :], g_upper[..., :k]
    if m > n:
        bottom, g_bottom = lower[..., k:, :], g_lower[..., k:, :]
        g_rest = _solve_triangular(first, g_bottom.mH, True, False).mH
        g_first = g_first - matmul(bottom.mH, g_rest).triu()
        whole = cat([_lu_square(top, first, g_top, g_first), g_rest], -2)
    elif n > m:
        g_rest = _solve_triangular(top.mH, g_upper[..., k:], True, True)
        g_top = g_top - matmul(g_rest, upper[..., k:].mH).tril(-1)
        whole = cat([_lu_square(top, first, g_top, g_first), g_rest], -1)
    else:
        whole = _lu_square(top, first, g_top, g_first)
    order = wrap(_permutation(pivots.array, m, A.array.dtype))
    return (matmul(order, whole),)


def _pivoting(name, A, pivot):
    _matrix(name, A)
    if not pivot:
        raise runtime_error(
            f"{name}: LU without pivoting is not implemented on the CPU, expected pivot=True. Leave pivot away."
        )


def linalg_lu_factor(A, *, pivot=True, out=None):
    """The factors of A = P @ L @ U packed in one matrix, and the row exchanges (counted from 1).

    Shape: (*, n, m) -> (*, n, m), pivots (*, min(n, m)).

    >>> import facula
    >>> LU, pivots = facula.linalg.lu_factor(facula.tensor([[4., 2.], [2., 3.]]))
    >>> LU
    tensor([[4.0000, 2.0000],
            [0.5000, 2.0000]])
    >>> pivots
    tensor([1, 2], dtype=facula.int32)
    """
    _pivoting("linalg.lu_factor", A, pivot)
    found = _lu_factor(A)
    return found if out is None else _into(out, found)


@lanewise
def linalg_lu_factor_ex(A, *, pivot=True, check_errors=False, out=None):
    """`lu_factor` with `info`: the position of the first zero on the diagonal of U (0: none).

    Shape: (*, n, m) -> (*, n, m), pivots (*, min(n, m)), info (*).
    """
    _pivoting("linalg.lu_factor_ex", A, pivot)
    packed, pivots = _lu_factor(A)
    zeros = np.diagonal(packed.detach().array, axis1=-2, axis2=-1) == 0
    info = np.where(zeros.any(-1), zeros.argmax(-1) + 1, 0) if zeros.shape[-1] else np.zeros(zeros.shape[:-1])
    if check_errors and info.any():
        raise LinAlgError(
            "linalg.lu_factor_ex: the diagonal element of U is zero, the matrix is singular. Use lstsq()."
        )
    found = LuFactorEx(packed, pivots, wrap(np.asarray(info, np.int32)))
    return found if out is None else _into(out, found)


def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True, *, out=None):
    """P, L and U from a packed factorization.

    Shape: (*, n, m), pivots (*, k) -> (*, n, n), (*, n, k), (*, k, m) with k = min(n, m).

    >>> import facula
    >>> P, L, U = facula.lu_unpack(*facula.linalg.lu_factor(facula.tensor([[4., 2.], [2., 3.]])))
    >>> L @ U
    tensor([[4., 2.],
            [2., 3.]])
    """
    if LU_pivots.dtype.name != "int32":
        raise runtime_error(
            f"lu_unpack: torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 dtype, got {LU_pivots.dtype}."
        )
    m, n = LU_data.shape[-2:]
    k, none = min(m, n), LU_data.new_empty((0,))
    order = wrap(_permutation(LU_pivots.array, m, LU_data.array.dtype)) if unpack_pivots else none
    found = LuUnpack(order, *((_unit_lower(LU_data, k), LU_data[..., :k, :].triu()) if unpack_data else (none, none)))
    return found if out is None else _into(out, found)


@lanewise
def linalg_lu(A, *, pivot=True, out=None):
    """A = P @ L @ U with a permutation P, a unit lower triangular L and an upper triangular U.

    Shape: (*, n, m) -> (*, n, n), (*, n, k), (*, k, m) with k = min(n, m).

    >>> import facula
    >>> facula.linalg.lu(facula.tensor([[0., 1.], [2., 0.]])).U
    tensor([[2., 0.],
            [0., 1.]])
    """
    _pivoting("linalg.lu", A, pivot)
    found = LinalgLu(*lu_unpack(*_lu_factor(A)))
    return found if out is None else _into(out, found)


@lanewise
def lu(A, pivot=True, get_infos=False, out=None):
    """The packed LU factorization and its row exchanges (and, if asked, infos).

    Shape: (*, n, m) -> (*, n, m), pivots (*, min(n, m)), and info (*) if asked.
    """
    packed, pivots, info = linalg_lu_factor_ex(A, pivot=pivot)
    return LuWithInfo(packed, pivots, info) if get_infos else (packed, pivots)


@whole
@takes_out
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """X with A @ X = B (X @ A = B if not `left`, A.mH for A if `adjoint`) from the packed factors of A.

    Shape: (*, n, n), pivots (*, n), B (*, n, k) -> (*, n, k).

    >>> import facula
    >>> LU, pivots = facula.linalg.lu_factor(facula.tensor([[2., 0.], [0., 4.]]))
    >>> facula.linalg.lu_solve(LU, pivots, facula.tensor([[2.], [2.]]))
    tensor([[1.0000],
            [0.5000]])
    """
    _square("linalg.lu_solve", LU)
    order, lower, upper = lu_unpack(LU, pivots)
    if not left:
        return linalg_lu_solve(LU, pivots, B.mH, adjoint=not adjoint).mH
    if adjoint:
        first = _solve_triangular(upper.mH, B, False, False)
        return matmul(order, _solve_triangular(lower.mH, first, True, True))
    first = _solve_triangular(lower, matmul(order.mT, B), False, True)
    return _solve_triangular(upper, first, True, False)


@whole
@takes_out
def lu_solve(b, LU_data, LU_pivots):
    """X with A @ X = b from the packed factors of A.   Shape: b (*, n, k), (*, n, n), pivots (*, n) -> (*, n, k)."""
    return linalg_lu_solve(LU_data, LU_pivots, b)


LdlFactor, LdlFactorEx = result("linalg_ldl_factor", "LD pivots"), result("linalg_ldl_factor_ex", "LD pivots info")


@op(lambda A, hermitian: (Meta(A.shape, A.dtype), Meta(A.shape[:-1], np.int32), Meta(A.shape[:-2], np.int32)), onnx=None, nondiff=True,
    returns=LdlFactorEx, samples=[sample(a, hermitian=False) for a in _SYMMETRIC])  # fmt: skip
def _ldl_factor(xp, A, /, hermitian):
    """The LDL decomposition of a symmetric or Hermitian matrix, packed."""
    batch = A.shape[:-2]
    if not A.size:
        return A.copy(), np.zeros(A.shape[:-1], np.int32), np.zeros(batch, np.int32)
    factor = _lapack("hetrf" if hermitian and A.dtype.kind == "c" else "sytrf", A)
    parts = [factor(A[i], lower=1) for i in np.ndindex(*batch)]
    packed = np.stack([np.tril(p[0]) for p in parts]).reshape(A.shape)
    pivots = np.stack([p[1] for p in parts]).reshape(A.shape[:-1]).astype(np.int32)
    return packed, pivots, np.array([p[2] for p in parts], np.int32).reshape(batch)


def linalg_ldl_factor_ex(A, *, hermitian=False, check_errors=False, out=None):
    """`ldl_factor` with `info` (0: fine).   Shape: (*, n, n) -> (*, n, n), pivots (*, n), info (*)."""
    _square("linalg.ldl_factor_ex", A)
    found = _ldl_factor(A, bool(hermitian))
    if check_errors and found.info.any():
        raise LinAlgError(
            "linalg.ldl_factor_ex: the factorization was not completed, a diagonal block of D is singular. Use lu_factor()."
        )
    return found if out is None else _into(out, found)


def linalg_ldl_factor(A, *, hermitian=False, out=None):
    """LAPACK's A = L @ D @ L.mT of a symmetric (or Hermitian) matrix, packed, and its pivots.

    Shape: (*, n, n) -> (*, n, n), pivots (*, n).

    >>> import facula
    >>> facula.linalg.ldl_factor(facula.tensor([[4., 2.], [2., 3.]])).LD
    tensor([[4.0000, 0.0000],
            [0.5000, 2.0000]])
    """
    _square("linalg.ldl_factor", A)
    found = LdlFactor(*_ldl_factor(A, bool(hermitian))[:2])
    return found if out is None else _into(out, found)


@op(lambda LD, B, pivots, hermitian: Meta(np.broadcast_shapes(LD.shape[:-2], B.shape[:-2]) + B.shape[-2:], B.dtype), onnx=None, samples=[
    sample(arg(values=[[2.0, 0.0], [0.25, 1.0]]), (2, 2), arg(values=[1, 2]), hermitian=False),
    sample(arg(values=[[3.0, 0.0], [0.5, 2.0]]), (2, 1), arg(values=[1, 2]), hermitian=False),
])  # fmt: skip
def _ldl_solve(xp, LD, B, pivots, /, hermitian):
    """The solution of a linear system from the packed LDL decomposition."""
    batch = np.broadcast_shapes(LD.shape[:-2], B.shape[:-2])
    if not LD.size or not B.size:
        return np.zeros(batch + B.shape[-2:], B.dtype)
    solve = _lapack("hetrs" if hermitian and LD.dtype.kind == "c" else "sytrs", LD, B)
    swaps = pivots[..., None].astype(np.int32)
    return np.ascontiguousarray(_each(lambda a, b, p: solve(a, p[:, 0], b, lower=1)[0], LD, B, swaps))


_ldl_solve.vjp(
    B=lambda g, LD, pivots, hermitian: (
        _ldl_solve(LD, g, pivots, hermitian) if hermitian else _ldl_solve(LD.conj(), g, pivots, hermitian)
    )
)


@takes_out
def linalg_ldl_solve(LD, pivots, B, *, hermitian=False):
    """X with A @ X = B from the packed factors that `ldl_factor` gives.

    Shape: (*, n, n), pivots (*, n), B (*, n, k) -> (*, n, k).
    """
    _square("linalg.ldl_solve", LD)
    return _ldl_solve(LD, B, pivots, bool(hermitian))
