"""Linear algebra, part three: norms, rank, condition, pseudo-inverse, least squares, matrix functions, tensor equations."""

from __future__ import annotations

import builtins
import math

import numpy as np

from facula import dtypes
from facula.autograd.op import op, sample
from facula.autograd.primitives import cast
from facula.autograd.state import lanewise, whole
from facula.devices import base as devices
from facula.devices.generator import rng_of
from facula.devices.meta import Meta
from facula.errors import runtime_error, value_error
from facula.ops.create import ones_like
from facula.ops.linalg import _floating, _matrix, _square, linalg_inv, linalg_solve
from facula.ops.linalg_decompositions import _eigh, _svd, linalg_svd
from facula.ops.linalg_orthogonal import linalg_qr
from facula.ops.matmul import matmul
from facula.ops.outputs import takes_out
from facula.ops.reduce import dims as as_dims
from facula.ops.results import result
from facula.ops.rules import dims_of
from facula.ops.statistics import vector_norm_op
from facula.tensors.tensor import Tensor, wrap


def _typed(name, input, dtype):
    if dtype is not None:
        input = cast(input, dtypes.numpy_of(dtype))
    _floating(name, input)
    return input


@takes_out
def linalg_vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """(sum |x| ** ord) ** (1 / ord) over `dim`, or over all elements.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.linalg.vector_norm(facula.tensor([3., 4.]))
    tensor(5.)
    """
    x = _typed("linalg.vector_norm", x, dtype)
    over = None if dim is None else as_dims(dim) or None
    if not x.numel() and (ord < 0 or ord == math.inf):
        chosen = dims_of(over, x.ndim)
        if builtins.any(not x.shape[d] for d in chosen):
            raise runtime_error(
                f"linalg.vector_norm: cannot compute the {ord} norm on an empty tensor because the operation does not have an identity. "
                "Check the shape."
            )
    return vector_norm_op(x, float(ord), over, bool(keepdim))


@takes_out
def linalg_matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """A norm of matrices: "fro", "nuc", inf, -inf, 1, -1, 2 or -2.

    Shape: (*, n, m) -> (*), or (*, 1, 1) with keepdim.

    >>> import facula
    >>> facula.linalg.matrix_norm(facula.tensor([[3., 0.], [0., 4.]]))
    tensor(5.)
    """
    A = _typed("linalg.matrix_norm", A, dtype)
    if A.ndim < 2:
        raise runtime_error(f"linalg.matrix_norm: The input tensor A must have at least 2 dimensions, got {A.ndim}.")
    if len(dim) != 2:
        raise runtime_error(f"linalg.matrix_norm: dim must be a 2-tuple, got {tuple(dim)}. Pass (row, column).")
    row, column = (dims_of(d, A.ndim)[0] for d in dim)
    if row == column:
        raise runtime_error(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    if ord == "fro":
        return vector_norm_op(A, 2.0, (row, column), bool(keepdim))
    if ord in ("nuc", 2, -2):
        values = _svd(A.movedim((row, column), (-2, -1)), False)[1]
        out = (
            values.sum(-1) if ord == "nuc" or not values.shape[-1] else values.amax(-1) if ord == 2 else values.amin(-1)
        )
        if keepdim:
            for d in sorted((row, column)):
                out = out.unsqueeze(d)
        return out
    if ord not in (1, -1, math.inf, -math.inf):
        raise runtime_error(
            f"linalg.matrix_norm: Order {ord} not supported. Use 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2."
        )
    first, second = (row, column) if abs(ord) == 1 else (column, row)
    sums = vector_norm_op(A, 1.0, (first,), True)
    if not A.shape[second] and ord > 0:
        out = sums.sum(second, keepdim=True)
    else:
        out = sums.amax(second, keepdim=True) if ord > 0 else sums.amin(second, keepdim=True)
    return out if keepdim else out.squeeze((row, column))


@takes_out
def linalg_norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """A vector or matrix norm, by the number of dims; without `ord` and `dim`, the 2-norm of all elements.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.linalg.norm(facula.tensor([3., 4.]))
    tensor(5.)
    """
    if dim is not None:
        dim = (dim,) if isinstance(dim, int) else tuple(dim)
    if ord is None:
        return linalg_vector_norm(A, 2, dim, keepdim, dtype=dtype)
    if dim is None and A.ndim not in (1, 2):
        raise runtime_error("linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Pass dim=.")
    if (dim is None and A.ndim == 2) or (dim is not None and len(dim) == 2):
        return linalg_matrix_norm(A, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    return linalg_vector_norm(A, ord, dim, keepdim, dtype=dtype)


def frobenius_norm(input, dim=(), keepdim=False):
    """The square root of the sum of squares over `dim`.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).
    """
    return linalg_vector_norm(input, 2, dim or None, keepdim)


def nuclear_norm(input, dim=(-2, -1), keepdim=False):
    """The sum of the singular values.   Shape: (*, n, m) -> (*), or (*, 1, 1) with keepdim.

    >>> import facula
    >>> facula.nuclear_norm(facula.tensor([[3., 0.], [0., 4.]]))
    tensor(7.)
    """
    return linalg_matrix_norm(input, "nuc", dim, keepdim)


@takes_out
def linalg_cond(A, p=None):
    """The condition number: the norm of A times the norm of its inverse (p=None: the ratio of singular values).

    Shape: (*, n, n) -> (*); (*, n, m) for p None, 2 and -2.

    >>> import facula
    >>> facula.linalg.cond(facula.tensor([[4., 0.], [0., 1.]]))
    tensor(4.)
    """
    _matrix("linalg.cond", A)
    if p in (None, 2, -2):
        values = _svd(A, False)[1]
        if not A.numel():
            return values.new_zeros(A.shape[:-2])
        return values[..., 0] / values[..., -1] if p != -2 else values[..., -1] / values[..., 0]
    _square("linalg.cond", A)
    from facula.ops.linalg import LinAlgError

    try:
        return linalg_matrix_norm(A, p) * linalg_matrix_norm(linalg_inv(A), p)
    except LinAlgError:
        return linalg_matrix_norm(A, p) * math.inf


def _threshold(A, largest, atol, rtol):
    """max(atol, rtol * largest), where rtol is max(m, n) * eps unless a tolerance was given."""
    if rtol is None:
        none_given = atol is None or (isinstance(atol, (int, float)) and atol == 0)
        if isinstance(atol, Tensor):
            eps = dtypes.real_of(A.array.dtype)
            standard = builtins.max(A.shape[-2:]) * float(np.finfo(eps).eps)
            rtol = wrap(np.where(devices.to_host(atol.array) > 0, 0.0, standard).astype(eps))
        else:
            rtol = (
                builtins.max(A.shape[-2:]) * float(np.finfo(dtypes.real_of(A.array.dtype)).eps) if none_given else 0.0
            )
    atol = 0.0 if atol is None else atol
    host = lambda x: devices.to_host(x.array) if isinstance(x, Tensor) else x
    return np.maximum(host(atol), host(rtol) * largest)


@lanewise
@takes_out
def linalg_matrix_rank(A, tol=None, *, atol=None, rtol=None, hermitian=False):
    """How many singular values are larger than max(atol, rtol * the largest).   Shape: (*, n, m) -> (*), int64.

    >>> import facula
    >>> facula.linalg.matrix_rank(facula.ones(3, 3))
    tensor(1)
    """
    _matrix("linalg.matrix_rank", A)
    A = A.detach()
    if tol is not None:
        atol, rtol = tol, 0.0
    values = _eigh(A)[0].abs() if hermitian else _svd(A, False)[1]
    sizes = devices.to_host(values.array)
    if not sizes.shape[-1]:
        return wrap(np.zeros(A.shape[:-2], np.int64))
    limit = np.asarray(_threshold(A, sizes.max(-1), atol, rtol))
    return wrap(np.asarray((sizes > limit[..., None]).sum(-1), np.int64))


def _pinv_back(g, A, out):
    """Golub and Pereyra, "The differentiation of pseudo-inverses" (1973)."""
    back, adjoint = g.mH, out.mH
    if A.shape[-2] <= A.shape[-1]:
        k = matmul(back, out)
        spread = matmul(k, adjoint)
        return (
            -matmul(out, k).mH
            + spread
            - matmul(matmul(A, out), spread)
            + matmul(matmul(adjoint, out), back - matmul(k, A))
        )
    k = matmul(out, back)
    spread = matmul(adjoint, k)
    return (
        -matmul(k, out).mH + matmul(matmul(back - matmul(A, k), out), adjoint) + spread - matmul(matmul(spread, out), A)
    )


def _swapped(A, limits, hermitian):
    return Meta((*A.shape[:-2], A.shape[-1], A.shape[-2]), A.dtype)


@op(
    _swapped,
    onnx=None,
    samples=[sample((3, 2), limits=None, hermitian=False), sample((2, 2, 4), limits=None, hermitian=False)],
)
def _pinv(xp, A, /, limits, hermitian):
    """The pseudo-inverse."""
    if not A.size:
        return xp.zeros((*A.shape[:-2], A.shape[-1], A.shape[-2]), A.dtype)
    u, s, vh = xp.linalg.svd(A, full_matrices=False)
    limit = max(A.shape[-2:]) * np.finfo(s.dtype).eps * s.max(-1) if limits is None else limits(A, s.max(-1))
    keep = s > xp.asarray(limit)[..., None]
    inverse = xp.where(keep, 1 / xp.where(keep, s, 1), 0).astype(s.dtype)
    return xp.matmul(vh.conj().swapaxes(-1, -2) * inverse[..., None, :], u.conj().swapaxes(-1, -2))


_pinv.vjp(A=_pinv_back)


@lanewise
@takes_out
def linalg_pinv(A, rcond=None, hermitian=False, *, atol=None, rtol=None):
    """The Moore-Penrose pseudo-inverse; singular values up to max(atol, rtol * the largest) count as zero.

    Shape: (*, n, m) -> (*, m, n).

    >>> import facula
    >>> facula.linalg.pinv(facula.tensor([[2., 0.], [0., 0.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.0000]])
    """
    _matrix("linalg.pinv", A)
    rtol = rcond if rtol is None else rtol
    limits = None if atol is None and rtol is None else lambda a, largest: _threshold(A, largest, atol, rtol)
    if hermitian:
        lower = A.tril()
        A = lower + lower.tril(-1).mH
    return _pinv(A, limits, bool(hermitian))


def pinverse(input, rcond=1e-15):
    """The Moore-Penrose pseudo-inverse: `linalg.pinv`.   Shape: (*, n, m) -> (*, m, n).

    >>> import facula
    >>> facula.pinverse(facula.tensor([[2.], [0.]]))
    tensor([[0.5000, 0.0000]])
    """
    return linalg_pinv(input, rcond)


Lstsq = result("linalg_lstsq", "solution residuals rank singular_values")


@op(lambda A, B, rcond: Meta((*B.shape[:-2], A.shape[-1], B.shape[-1]), A.dtype), onnx=None, samples=[
    sample((4, 2), (4, 3), rcond=1e-6), sample((2, 3, 2), (2, 3, 1), rcond=1e-6),
])  # fmt: skip
def _least(xp, A, B, /, rcond):
    """The solution of least squares."""
    batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    a, b = np.broadcast_to(A, batch + A.shape[-2:]), np.broadcast_to(B, batch + B.shape[-2:])
    out = np.zeros((*batch, A.shape[-1], B.shape[-1]), A.dtype)
    for i in np.ndindex(*batch) if A.size else ():
        out[i] = xp.linalg.lstsq(a[i], b[i], rcond=rcond)[0]
    return out


@_least.vjp
def _least_back(g, A, B):
    inverse = _pinv(A, None, False)
    return _pinv_back(matmul(g, B.mH), A, inverse), matmul(inverse.mH, g)


@lanewise
def linalg_lstsq(A, B, rcond=None, *, driver=None):
    """The X that makes the Frobenius norm of A @ X - B least.

    Shape: A (*, m, n), B (*, m, k) or (*, m); the solution is (*, n, k) or (*, n).

    >>> import facula
    >>> facula.linalg.lstsq(facula.tensor([[1.], [1.]]), facula.tensor([[2.], [4.]])).solution
    tensor([[3.]])
    """
    _matrix("linalg.lstsq", A)
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise runtime_error(
            f"linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss), got {driver}."
        )
    vector = B.ndim == A.ndim - 1 and B.shape == A.shape[:-1]
    right = B.unsqueeze(-1) if vector else B
    if right.shape[-2] != A.shape[-2]:
        raise runtime_error(
            f"linalg.lstsq: input.size(-2) should match other.size(-2), got {A.shape[-2]} and {right.shape[-2]}."
        )
    m, n = A.shape[-2:]
    limit = builtins.max(m, n) * float(np.finfo(A.array.dtype).eps) if rcond is None else float(rcond)
    solution = _least(A, right, limit)
    singular = _svd(A.detach(), False)[1]
    none, empty = singular.new_empty((0,)), solution.reshape(-1)[:0].abs()
    rank = wrap(np.zeros(0, np.int64)) if driver == "gels" else linalg_matrix_rank(A, rtol=limit)
    full = m > n and bool((linalg_matrix_rank(A, rtol=limit) == n).all())
    residuals = (matmul(A, solution) - right).abs().square().sum(-2) if full and driver != "gelsy" else empty
    solution = solution.squeeze(-1) if vector else solution
    return Lstsq(solution, residuals, rank, singular if driver in ("gelsd", "gelss") else none)


@op(lambda A: Meta(A.shape, A.dtype), onnx=None, samples=[sample((3, 3)), sample((2, 2, 2))])
def _matrix_exp(xp, A, /):
    """The matrix exponential."""
    import scipy.linalg

    if not A.size:
        return A.copy()
    flat = A.reshape(-1, *A.shape[-2:])
    return np.stack([scipy.linalg.expm(a) for a in flat]).reshape(A.shape).astype(A.dtype)


def _matrix_exp_back(g, A):
    """The upper right block of exp([[A^H, g], [0, A^H]]) is the adjoint of the derivative of exp at A, applied to g."""
    from facula.ops.join import cat

    n, adjoint = A.shape[-1], A.mH
    block = cat([cat([adjoint, g], -1), cat([adjoint * 0, adjoint], -1)], -2)
    return _matrix_exp(block)[..., :n, n:]


_matrix_exp.vjp(A=_matrix_exp_back)


def linalg_matrix_exp(A):
    """The matrix exponential: the sum of A^k / k!.   Shape: (*, n, n) -> (*, n, n).

    >>> import facula
    >>> facula.linalg.matrix_exp(facula.tensor([[0., 1.], [0., 0.]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    _square("linalg.matrix_exp", A)
    return _matrix_exp(A)


def matrix_exp(A):
    """The matrix exponential: `linalg.matrix_exp`.   Shape: (*, n, n) -> (*, n, n).

    >>> import facula
    >>> facula.matrix_exp(facula.zeros(2, 2))
    tensor([[1., 0.],
            [0., 1.]])
    """
    return linalg_matrix_exp(A)


@takes_out
def linalg_tensorinv(A, ind=2):
    """The inverse of `tensordot(A, X, ind)` as a map on tensors.

    Shape: (*a, *b), the products of both being equal -> (*b, *a).

    >>> import facula
    >>> facula.linalg.tensorinv(facula.eye(6).reshape(2, 3, 6), ind=2).shape
    facula.Size([6, 2, 3])
    """
    if ind <= 0:
        raise runtime_error(f"linalg.tensorinv: Expected a strictly positive integer for 'ind', got {ind}.")
    front, back = A.shape[:ind], A.shape[ind:]
    if math.prod(front) != math.prod(back):
        raise runtime_error(
            f"linalg.tensorinv: Expected self to satisfy the requirement prod(self.shape[ind:]) == prod(self.shape[:ind]), but got "
            f"{math.prod(back)} != {math.prod(front)}"
        )
    return linalg_inv(A.reshape(math.prod(front), -1)).reshape((*back, *front))


@takes_out
def linalg_tensorsolve(A, B, dims=None):
    """X with tensordot(A, X, X.ndim) = B; `dims` of A are moved to its end first.   Shape: A (*b, *x), B (*b) -> (*x).

    >>> import facula
    >>> facula.linalg.tensorsolve(facula.eye(6).reshape(2, 3, 6), facula.ones(2, 3)).shape
    facula.Size([6])
    """
    if dims is not None:
        A = A.movedim(tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = A.shape[B.ndim :]
    if math.prod(shape) != math.prod(A.shape[: B.ndim]):
        raise runtime_error(
            f"linalg.tensorsolve: Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == prod(self.shape[:other.ndim]), "
            f"but got {math.prod(shape)} != {math.prod(A.shape[: B.ndim])}"
        )
    n = math.prod(shape)
    return linalg_solve(A.reshape(n, n), B.reshape(n)).reshape(shape)


def linalg_vander(x, N=None):
    """The Vandermonde matrix: the powers 0 to N-1 of x as a new last dimension.   Shape: (*, n) -> (*, n, N).

    >>> import facula
    >>> facula.linalg.vander(facula.tensor([1., 2., 3.]))
    tensor([[1., 1., 1.],
            [1., 2., 4.],
            [1., 3., 9.]])
    """
    n = x.shape[-1] if N is None else N
    if n < 0 or (N is not None and N <= 1):
        raise runtime_error(f"linalg.vander: N must be greater than 1, got {N}.")
    from facula.ops.join import cat

    wide = (x if x.ndim else x.reshape(1)).unsqueeze(-1)
    if wide.array.dtype.kind == "b":
        wide = wide.long()
    powers = [ones_like(wide)]
    while len(powers) < n:
        powers.append(powers[-1] * wide)
    return cat(powers, -1)


def vander(x, N=None, increasing=False):
    """The Vandermonde matrix of a vector, powers falling unless `increasing`.   Shape: (n) -> (n, N).

    >>> import facula
    >>> facula.vander(facula.tensor([1, 2, 3]))
    tensor([[1, 1, 1],
            [4, 2, 1],
            [9, 3, 1]])
    """
    if x.ndim != 1:
        raise runtime_error(f"vander: x must be a one-dimensional tensor, got {x.ndim} dimensions.")
    n = x.shape[0] if N is None else N
    if n < 2:
        return ones_like(x).unsqueeze(-1)[:, :n]
    out = linalg_vander(x, n)
    return out if increasing else out.flip(-1)


@whole
@takes_out
def linalg_vecdot(x, y, *, dim=-1):
    """The sum of conj(x) * y along `dim`.   Shape: (*, n), (*, n) that broadcast together -> (*).

    >>> import facula
    >>> facula.linalg.vecdot(facula.tensor([1., 2.]), facula.tensor([3., 4.]))
    tensor(11.)
    """
    return (x.conj() * y).sum(dim)


@takes_out
def linalg_matmul(input, other):
    """The matrix product: `matmul`.   Shape: as `matmul`."""
    return matmul(input, other)


def _normal(shape, dtype):
    return wrap(rng_of(None).standard_normal(shape).astype(dtype))


def _low_range(A, q, niter):
    """An orthonormal basis of about the range of A: Halko, Martinsson and Tropp (2009), algorithm 4.4."""
    basis = linalg_qr(matmul(A, _normal((A.shape[-1], q), A.array.dtype)))[0]
    for _ in range(niter):
        basis = linalg_qr(matmul(A.mH, basis))[0]
        basis = linalg_qr(matmul(A, basis))[0]
    return basis


def svd_lowrank(A, q=6, niter=2, M=None):
    """U, S and V of a matrix that is about of rank `q`, by random projection (A - M if M is given).

    Shape: (*, n, m) -> (*, n, q), (*, q), (*, m, q).

    >>> import facula
    >>> [t.shape for t in facula.svd_lowrank(facula.ones(5, 4), q=2)]
    [facula.Size([5, 2]), facula.Size([2]), facula.Size([4, 2])]
    """
    A = A if M is None else A - M
    q = builtins.min(6 if q is None else q, *A.shape[-2:])
    turned = A.shape[-2] < A.shape[-1]
    A = A.mH if turned else A
    basis = _low_range(A, q, niter)
    left, values, right = linalg_svd(matmul(basis.mH, A), full_matrices=False)
    left, right = matmul(basis, left), right.mH
    return (right, values, left) if turned else (left, values, right)


def pca_lowrank(A, q=None, center=True, niter=2):
    """The principal directions of the rows of A: U, S and V of A with its column means taken off.

    Shape: (*, n, m) -> (*, n, q), (*, q), (*, m, q).
    """
    m, n = A.shape[-2:]
    q = builtins.min(6, m, n) if q is None else q
    if not 0 <= q <= builtins.min(m, n):
        raise value_error(
            f"pca_lowrank: q(={q}) must be non-negative integer and not greater than min(m, n)={builtins.min(m, n)}"
        )
    return svd_lowrank(A - A.mean(-2, keepdim=True) if center else A, q, niter)
