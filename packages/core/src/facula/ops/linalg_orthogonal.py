"""Linear algebra, part four: QR and Householder reflections.

The gradient follows Walter and Lehmann, "Algorithmic differentiation of linear algebra functions" (2010).
"""

from __future__ import annotations

import numpy as np

from facula.autograd.op import op, sample
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.create import eye
from facula.ops.interop import fill
from facula.ops.join import cat
from facula.ops.linalg import _into, _lapack, _matrix, _solve_triangular
from facula.ops.linalg_decompositions import _SYMMETRIC, _TALL, _WIDE, _as_diagonal
from facula.ops.matmul import matmul
from facula.ops.outputs import takes_out
from facula.ops.results import result

LinalgQr, Qr, Geqrf = result("linalg_qr", "Q R"), result("qr", "Q R"), result("geqrf", "a tau")


def _qr_rule(A, complete):
    m, n = A.shape[-2:]
    k = m if complete else min(m, n)
    return Meta((*A.shape[:-2], m, k), A.dtype), Meta((*A.shape[:-2], k, n), A.dtype)


@op(
    _qr_rule,
    onnx=None,
    returns=LinalgQr,
    samples=[sample(_WIDE, complete=False), sample(_TALL, complete=False), sample(_SYMMETRIC[1], complete=True)],
)
def _qr(xp, A, /, complete):
    """The QR decomposition."""
    return tuple(xp.linalg.qr(A, mode="complete" if complete else "reduced"))


def _qr_tall(q, r, g_q, g_r):
    """The gradient through A = q @ r with a square r."""
    inner = None if g_r is None else matmul(g_r, r.mH)
    if g_q is not None:
        inner = -matmul(q.mH, g_q) if inner is None else inner - matmul(q.mH, g_q)
    upper = inner.triu()
    both = upper + upper.mH
    along = upper.diagonal(0, -2, -1)
    along = along.real.to(along.dtype) if along.is_complex() else along
    both = both - _as_diagonal(along)
    whole = matmul(q, both)
    whole = whole if g_q is None else whole + g_q
    return _solve_triangular(r, whole.mH, True, False).mH


@_qr.vjp
def _qr_back(g, A, out, complete):
    q, r = out
    g_q, g_r = g
    m, n = A.shape[-2:]
    if complete and m > n:
        raise runtime_error(
            "linalg_qr: The QR decomposition is not differentiable when mode='complete' and nrows > ncols. Use mode='reduced'."
        )
    if m >= n:
        return (_qr_tall(q, r, g_q, g_r),)
    if g_r is None:
        first = _qr_tall(q, r[..., :m], g_q, None)
        return (cat([first, A[..., m:] * 0], -1),)
    rest, g_rest = A[..., m:], g_r[..., m:]
    g_q = matmul(rest, g_rest.mH) if g_q is None else g_q + matmul(rest, g_rest.mH)
    return (cat([_qr_tall(q, r[..., :m], g_q, g_r[..., :m]), matmul(q, g_rest)], -1),)


def linalg_qr(A, mode="reduced", *, out=None):
    """A = Q @ R with orthonormal columns in Q and an upper triangular R; `mode` "reduced", "complete" or "r".

    Shape: (*, n, m) -> (*, n, k), (*, k, m) with k = min(n, m), or k = n if complete.

    >>> import facula
    >>> Q, R = facula.linalg.qr(facula.ones(3, 2))
    >>> Q.shape, R.shape
    (facula.Size([3, 2]), facula.Size([2, 2]))
    """
    _matrix("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise runtime_error(
            f"linalg.qr: qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or 'complete'"
        )
    found = _qr(A, mode == "complete")
    if mode == "r":
        found = LinalgQr(A.new_empty((0,)), found[1])
    return found if out is None else _into(out, found)


def qr(input, some=True, *, out=None):
    """input = Q @ R with orthonormal columns in Q (the older form of `linalg.qr`).

    Shape: (*, n, m) -> (*, n, k), (*, k, m) with k = min(n, m) if `some`, else n.

    >>> import facula
    >>> Q, R = facula.qr(facula.ones(3, 2))
    >>> Q.shape, R.shape
    (facula.Size([3, 2]), facula.Size([2, 2]))
    """
    found = Qr(*linalg_qr(input, "reduced" if some else "complete"))
    return found if out is None else _into(out, found)


@op(lambda A: (Meta(A.shape, A.dtype), Meta((*A.shape[:-2], min(A.shape[-2:])), A.dtype)), onnx=None, returns=Geqrf, nondiff=True, samples=[
    sample((3, 2)), sample((2, 2, 3)),
])  # fmt: skip
def _geqrf(xp, A, /):
    """Householder vectors and factors of the QR decomposition."""
    if not A.size:
        return A.copy(), np.zeros((*A.shape[:-2], min(A.shape[-2:])), A.dtype)
    factor = _lapack("geqrf", A)
    batch = A.shape[:-2]
    parts = [factor(A[i])[:2] for i in np.ndindex(*batch)]
    pick = lambda k: np.stack([np.ascontiguousarray(p[k]) for p in parts]).reshape(batch + parts[0][k].shape)
    return pick(0), pick(1)


def geqrf(input, *, out=None):
    """LAPACK's QR factorization: R above the diagonal, Householder vectors below it, and their factors tau.

    Shape: (*, n, m) -> (*, n, m), tau (*, min(n, m)).

    >>> import facula
    >>> facula.geqrf(facula.ones(3, 2)).tau.shape
    facula.Size([2])
    """
    _matrix("geqrf", input)
    found = _geqrf(input)
    return found if out is None else _into(out, found)


def _reflector(A, i):
    """The i-th Householder vector stored below the diagonal, with its leading 1, as a column."""
    m = A.shape[-2]
    below = A[..., i + 1 :, i : i + 1]
    head = A.new_zeros((*A.shape[:-2], i, 1))
    return cat([head, A.new_ones((*A.shape[:-2], 1, 1)), below], -2) if m > i else None


def _reflect(A, tau, other, order, adjoint=False):
    """Apply the reflections (1 - tau v v^H) one after the other from the left."""
    for i in order:
        v = _reflector(A, i)
        factor = tau[..., i : i + 1].unsqueeze(-1)
        other = other - matmul((factor.conj() if adjoint else factor) * v, matmul(v.mH, other))
    return other


@takes_out
def linalg_householder_product(A, tau):
    """The first columns of the product of the Householder reflections that `geqrf` stores.

    Shape: (*, n, m), tau (*, k) -> (*, n, m).
    """
    _matrix("linalg.householder_product", A)
    m, n = A.shape[-2:]
    if m < n:
        raise runtime_error(
            f"linalg.householder_product: input.shape[-2] must be greater than or equal to input.shape[-1], got {m} and {n}."
        )
    if tau.shape[-1] > n:
        raise runtime_error(
            f"linalg.householder_product: input.shape[-1] must be greater than or equal to tau.shape[-1], got {n} and {tau.shape[-1]}."
        )
    start = fill(A, 0) + eye(m, n, dtype=A.dtype, device=A.device)
    return _reflect(A, tau, start, reversed(range(tau.shape[-1])))


@takes_out
def orgqr(input, tau):
    """`linalg.householder_product`.   Shape: (*, n, m), tau (*, k) -> (*, n, m)."""
    return linalg_householder_product(input, tau)


@takes_out
def ormqr(input, tau, other, left=True, transpose=False):
    """The product of `other` and the orthogonal matrix whose reflections `geqrf` stores.

    Shape: (*, n, k), tau (*, k), other (*, n, m) -> (*, n, m); (*, m, n) if not `left`.
    """
    _matrix("ormqr", input, other)
    if input.shape[-2] != other.shape[-2 if left else -1]:
        raise runtime_error(
            f"ormqr: other.shape[{-2 if left else -1}] must be equal to input.shape[-2], expected {input.shape[-2]}, got {list(other.shape)}."
        )
    k = range(tau.shape[-1])
    if left:
        return _reflect(input, tau, other, k if transpose else reversed(k), transpose)
    return _reflect(input, tau, other.mH, reversed(k) if transpose else k, not transpose).mH
