"""Linear algebra, part one: inverses, solutions of linear systems, determinants, Cholesky and triangular systems."""

from __future__ import annotations

import functools

import numpy as np

from facula import dtypes
from facula.autograd.op import arg, op, sample
from facula.autograd.state import lanewise
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.create import eye
from facula.ops.matmul import matmul
from facula.ops.outputs import takes_out
from facula.ops.results import result
from facula.tensors.tensor import Tensor, wrap


class LinAlgError(RuntimeError):
    """A matrix has no inverse, no factorization, or no convergent decomposition."""

    facula = True


def _floating(name, *tensors):
    for t in tensors:
        if dtypes.category(t.array.dtype) < dtypes.FLOATING:
            title = {"int64": "Long", "int32": "Int", "bool": "Bool"}.get(t.dtype.name, t.dtype.name)
            raise runtime_error(
                f"{name}: Expected a floating point or complex tensor as input. Got {title}. Convert it with .float()."
            )


def _matrix(name, *tensors):
    """Ask for floating-point matrices or batches of them."""
    for t in tensors:
        if t.ndim < 2:
            raise runtime_error(
                f"{name}: The input tensor A must have at least 2 dimensions, got {t.ndim}. Add one with .unsqueeze()."
            )
    _floating(name, *tensors)


def _square(name, A):
    _matrix(name, A)
    if A.shape[-1] != A.shape[-2]:
        raise runtime_error(
            f"{name}: A must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} matrices. Pass square matrices."
        )


def _same_shape(input, *_, **__):
    return Meta(input.shape, input.dtype)


def _spd_like(n):
    return np.eye(n) * 3 + np.arange(n * n).reshape(n, n) / (n * n)


def _solve_rule(A, B, **_):
    return Meta(np.broadcast_shapes(A.shape[:-2], B.shape[:-2]) + B.shape[-2:], A.dtype)


def _regular(n, batch=()):
    return arg(values=np.broadcast_to(_spd_like(n), (*batch, n, n)).tolist())


@op(_solve_rule, onnx=None, samples=[sample(_regular(3), (3, 2)), sample(_regular(2, (2,)), (2, 2, 1))])
def _solve(xp, A, B, /):
    """inv(A) @ B."""
    try:
        return xp.linalg.solve(A, B)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            f"linalg.solve: {_singular(A)}The solver failed because the input matrix is singular. Use linalg.lstsq() or pinv()."
        ) from None


def _singular(A):
    bad = np.linalg.matrix_rank(A) < A.shape[-1] if A.size else np.zeros(())
    return f"(Batch element {int(np.flatnonzero(bad)[0])}): " if bad.ndim and bad.any() else ""


@_solve.vjp
def _solve_back(g, A, out):
    back = _solve(A.mH, g)
    return -matmul(back, out.mH), back


@op(_same_shape, onnx=None, samples=[sample(_regular(3)), sample(_regular(2, (2,)))])
def _inv(xp, A, /):
    """The inverse of A."""
    try:
        return xp.linalg.inv(A)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            f"linalg.inv: {_singular(A)}The diagonal element is zero, the inversion could not be completed because the input matrix is "
            "singular. Use linalg.pinv()."
        ) from None


_inv.vjp(A=lambda g, out: -matmul(matmul(out.mH, g), out.mH))


@takes_out
def linalg_inv(A):
    """The inverse of a matrix or of each of a batch.

    Shape: (*, n, n) -> (*, n, n).   Raises: facula.linalg.LinAlgError if a matrix is singular.

    >>> import facula
    >>> facula.linalg.inv(facula.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    _square("linalg.inv", A)
    return _inv(A)


@takes_out
def inverse(input):
    """The inverse of a matrix: `linalg.inv`.   Shape: (*, n, n) -> (*, n, n).

    >>> import facula
    >>> facula.inverse(facula.tensor([[2., 0.], [0., 4.]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    return linalg_inv(input)


InvEx = result("linalg_inv_ex", "inverse info")
SolveEx = result("linalg_solve_ex", "result info")
CholeskyEx = result("linalg_cholesky_ex", "L info")


def _flags(batch, bad=None):
    return wrap(np.zeros(batch, np.int32) if bad is None else np.asarray(bad, np.int32))


def _checked(run, A):
    """Run a factorization; where matrices fail, put the identity in their place and say which failed."""
    try:
        return run(A), _flags(A.shape[:-2])
    except LinAlgError:
        fine = np.isfinite(np.linalg.cond(A.detach().array))
        from facula.ops.compare import where

        one = eye(A.shape[-1], dtype=A.dtype, device=A.device)
        mask = wrap(np.asarray(fine)[..., None, None])
        return run(where(mask, A, one)), _flags(A.shape[:-2], np.where(fine, 0, A.shape[-1]))


def linalg_inv_ex(A, *, check_errors=False, out=None):
    """`inv` that reports failures in `info` (0: fine) instead of raising.   Shape: (*, n, n) -> (*, n, n), info (*).

    >>> import facula
    >>> facula.linalg.inv_ex(facula.zeros(1, 1)).info
    tensor(1, dtype=facula.int32)
    """
    _square("linalg.inv", A)
    found = InvEx(_inv(A), _flags(A.shape[:-2])) if check_errors else InvEx(*_checked(_inv, A))
    return found if out is None else _into(out, found)


def _into(out, found):
    from facula.tensors.inplace import write_out

    return write_out(out, found)


def _is_vector(A, B):
    """Whether B is one right-hand side per matrix of A, not a matrix of them."""
    return B.ndim == 1 or (A.ndim - 1 == B.ndim and B.shape == A.shape[:-1])


@takes_out
def linalg_solve(A, B, *, left=True):
    """X with A @ X = B (or X @ A = B if not `left`).

    Shape: A (*, n, n), B (*, n) or (*, n, k) -> the same as B.   Raises: facula.linalg.LinAlgError if a matrix is singular.

    >>> import facula
    >>> facula.linalg.solve(facula.tensor([[2., 0.], [0., 4.]]), facula.tensor([2., 2.]))
    tensor([1.0000, 0.5000])
    """
    _square("linalg.solve", A)
    if A.dtype != B.dtype:
        raise runtime_error(
            f"linalg.solve: Expected A and B to have the same dtype, but found A of type {A.dtype} and B of type {B.dtype} instead"
        )
    vector = _is_vector(A, B)
    if vector and not left:
        raise runtime_error(
            "linalg.solve: Vector broadcasting of the left hand side is not supported for left=False, expected a matrix."
        )
    right = B.unsqueeze(-1) if vector else B
    if right.shape[-2 if left else -1] != A.shape[-1]:
        raise runtime_error(
            f"linalg.solve: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {right.shape[-2]}x{right.shape[-1]}). Check B."
        )
    found = _solve(A, right) if left else _solve(A.mT, right.mT).mT
    return found.squeeze(-1) if vector else found


def linalg_solve_ex(A, B, *, left=True, check_errors=False, out=None):
    """`solve` that reports failures in `info` (0: fine) instead of raising.   Shape: as `linalg.solve`, and info (*).

    >>> import facula
    >>> facula.linalg.solve_ex(facula.eye(2), facula.tensor([3., 4.])).result
    tensor([3., 4.])
    """
    _square("linalg.solve", A)
    if check_errors:
        found = SolveEx(linalg_solve(A, B, left=left), _flags(A.shape[:-2]))
    else:
        found = SolveEx(*_checked(lambda a: linalg_solve(a, B, left=left), A))
    return found if out is None else _into(out, found)


def _each(function, *arrays):
    """Apply a function of matrices over broadcast batches; it returns an array."""
    batch = np.broadcast_shapes(*[a.shape[:-2] for a in arrays])
    if not batch:
        return function(*arrays)
    wide = [np.broadcast_to(a, batch + a.shape[-2:]) for a in arrays]
    parts = [function(*[w[i] for w in wide]) for i in np.ndindex(*batch)]
    return np.stack(parts).reshape(batch + parts[0].shape)


def _lapack(name, *arrays):
    from scipy.linalg import get_lapack_funcs

    return get_lapack_funcs((name,), arrays)[0]


@op(_solve_rule, onnx=None, samples=[
    sample(_regular(3), (3, 2), upper=True, unitriangular=False), sample(_regular(3), (3, 1), upper=False, unitriangular=True),
    sample(_regular(2, (2,)), (2, 2, 2), upper=False, unitriangular=False),
])  # fmt: skip
def _solve_triangular(xp, A, B, /, upper, unitriangular):
    """inv(A) @ B for a triangular A."""
    if xp is not np:
        A = (xp.triu if upper else xp.tril)(A)
        n = A.shape[-1]
        return xp.linalg.solve(A * (1 - xp.eye(n, dtype=A.dtype)) + xp.eye(n, dtype=A.dtype) if unitriangular else A, B)
    batch = np.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    if not A.size or not B.size or 0 in batch:
        return np.zeros(batch + B.shape[-2:], A.dtype)
    solve = _lapack("trtrs", A, B)
    one = lambda a, b: solve(a, b, lower=not upper, unitdiag=unitriangular)[0]
    return np.ascontiguousarray(_each(one, A, B))


@_solve_triangular.vjp
def _solve_triangular_back(g, A, out, upper, unitriangular):
    back = _solve_triangular(A.mH, g, not upper, unitriangular)
    whole = -matmul(back, out.mH)
    shift = int(unitriangular)
    return (whole.triu(shift) if upper else whole.tril(-shift)), back


@takes_out
def linalg_solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """X with A @ X = B (or X @ A = B) for a triangular A, of which only that triangle is read.

    Shape: A (*, n, n), B (*, n, k) -> (*, n, k); (*, k, n) if not `left`.

    >>> import facula
    >>> facula.linalg.solve_triangular(facula.tensor([[2., 0.], [1., 1.]]), facula.tensor([[2.], [3.]]), upper=False)
    tensor([[1.],
            [2.]])
    """
    _square("linalg.solve_triangular", A)
    _matrix("linalg.solve_triangular", B)
    if B.shape[-2 if left else -1] != A.shape[-1]:
        raise runtime_error(
            f"linalg.solve_triangular: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
            f"({A.shape[-2]}x{A.shape[-1]} and {B.shape[-2]}x{B.shape[-1]}). Check B."
        )
    if left:
        return _solve_triangular(A, B, bool(upper), bool(unitriangular))
    return _solve_triangular(A.mT, B.mT, not upper, bool(unitriangular)).mT


TriangularSolve = result("triangular_solve", "solution cloned_coefficient")


def triangular_solve(b, A, upper=True, transpose=False, unitriangular=False, *, out=None):
    """X with A @ X = b for a triangular A, and a copy of A (the older form of `linalg.solve_triangular`).

    Shape: b (*, n, k), A (*, n, n) -> (*, n, k), (*, n, n).

    >>> import facula
    >>> facula.triangular_solve(facula.tensor([[4.]]), facula.tensor([[2.]])).solution
    tensor([[2.]])
    """
    _square("triangular_solve", A)
    solved = linalg_solve_triangular(A.mT if transpose else A, b, upper=upper != transpose, unitriangular=unitriangular)
    found = TriangularSolve(solved, A.expand((*solved.shape[:-2], *A.shape[-2:])).clone())
    return found if out is None else _into(out, found)


def _definite(n, batch=()):
    return arg(values=np.broadcast_to(np.eye(n) * 2 + 0.5, (*batch, n, n)).tolist())


@op(_same_shape, onnx=None, samples=[sample(_definite(3)), sample(_definite(2, (2,)))])
def _cholesky(xp, A, /):
    """The lower Cholesky factor of a positive-definite matrix."""
    try:
        return xp.linalg.cholesky(A)
    except np.linalg.LinAlgError:
        orders = _cholesky_orders(A)
        which = f"(Batch element {int(np.flatnonzero(orders)[0])}): " if orders.ndim else ""
        raise LinAlgError(
            f"linalg.cholesky: {which}The factorization could not be completed because the input is not positive-definite (the leading "
            f"minor of order {int(orders.max())} is not positive-definite). Add a small multiple of the identity."
        ) from None


def _cholesky_orders(A):
    """For each matrix the order of its first leading minor that is not positive, or 0."""
    factor = _lapack("potrf", A)
    return np.asarray(_each(lambda a: np.asarray(factor(a, lower=1)[1]), A), np.int32)


def _half_triangle(x):
    """The lower triangle with half its diagonal."""
    return (x.tril() + x.tril(-1)) / 2


@_cholesky.vjp
def _cholesky_back(g, out):
    middle = _half_triangle(matmul(out.mH, g))
    left = _solve_triangular(out.mH, middle, True, False)
    whole = _solve_triangular(out.mH, left.mH, True, False).mH
    return ((whole + whole.mH) / 2,)


_cholesky.prepare = lambda A: ((A + A.mH) / 2,)


@takes_out
def linalg_cholesky(A, *, upper=False):
    """The lower triangular L with A = L @ L.mH (or the upper U with A = U.mH @ U) of a positive-definite matrix.

    Raises: facula.linalg.LinAlgError if a matrix is not positive-definite.

    Shape: (*, n, n) -> (*, n, n).

    >>> import facula
    >>> facula.linalg.cholesky(facula.tensor([[4., 0.], [0., 9.]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    _square("linalg.cholesky", A)
    return _cholesky(A.mH).mH if upper else _cholesky(A)


@takes_out
def cholesky(input, upper=False):
    """The Cholesky factor of a positive-definite matrix (the older form of `linalg.cholesky`).

    Shape: (*, n, n) -> (*, n, n).

    >>> import facula
    >>> facula.cholesky(facula.tensor([[4., 0.], [0., 9.]]))
    tensor([[2., 0.],
            [0., 3.]])
    """
    return linalg_cholesky(input, upper=upper)


@lanewise
def linalg_cholesky_ex(A, *, upper=False, check_errors=False, out=None):
    """`cholesky` that reports in `info` the order of the first minor that is not positive (0: fine) instead of raising.

    Shape: (*, n, n) -> (*, n, n), info (*).

    >>> import facula
    >>> facula.linalg.cholesky_ex(facula.tensor([[-1.]])).info
    tensor(1, dtype=facula.int32)
    """
    _square("linalg.cholesky", A)
    try:
        found = CholeskyEx(linalg_cholesky(A, upper=upper), _flags(A.shape[:-2]))
    except LinAlgError:
        if check_errors:
            raise
        from facula.ops.compare import where

        orders = _cholesky_orders(A.detach().array)
        one = eye(A.shape[-1], dtype=A.dtype, device=A.device)
        safe = where(wrap(np.asarray(orders == 0)[..., None, None]), A, one)
        found = CholeskyEx(linalg_cholesky(safe, upper=upper), _flags(A.shape[:-2], orders))
    return found if out is None else _into(out, found)


@op(lambda B, L, upper: Meta(np.broadcast_shapes(L.shape[:-2], B.shape[:-2]) + B.shape[-2:], B.dtype), onnx=None, samples=[
    sample((3, 2), arg(values=[[2.0, 0.0, 0.0], [0.5, 1.0, 0.0], [0.2, 0.1, 3.0]]), upper=False),
    sample((2, 1), arg(values=[[2.0, 0.0], [0.3, 1.5]]), upper=False),
])  # fmt: skip
def _cholesky_solve(xp, B, L, /, upper):
    """inv(L @ L.mH) @ B, or inv(L.mH @ L) @ B for an upper factor."""
    adjoint = L.conj().swapaxes(-1, -2)
    solve = _solve_triangular.forward
    first = solve(xp, adjoint if upper else L, B, False, False)
    return solve(xp, L if upper else adjoint, first, True, False)


@_cholesky_solve.vjp
def _cholesky_solve_back(g, L, out, upper):
    """The gradient of inv(L @ L.mH) @ B, where L may be any matrix."""
    back = _cholesky_solve(g, L, upper)
    half = matmul(back, out.mH)
    both = half + half.mH
    return back, -matmul(L, both) if upper else -matmul(both, L)


_cholesky_solve.prepare = lambda B, L: (B, L.tril())


@takes_out
def cholesky_solve(B, L, upper=False):
    """X with A @ X = B, where L is the Cholesky factor of A.   Shape: B (*, n, k), L (*, n, n) -> (*, n, k).

    >>> import facula
    >>> facula.cholesky_solve(facula.tensor([[4.], [9.]]), facula.tensor([[2., 0.], [0., 3.]]))
    tensor([[1.],
            [1.]])
    """
    _matrix("cholesky_solve", B, L)
    if L.shape[-1] != L.shape[-2] or B.shape[-2] != L.shape[-1]:
        raise runtime_error(
            f"cholesky_solve: Incompatible matrix sizes for cholesky_solve: each A matrix is {L.shape[-2]} by {L.shape[-1]} but each b matrix is "
            f"{B.shape[-2]} by {B.shape[-1]}. Give b as many rows as A."
        )
    return _cholesky_solve(B, L, bool(upper))


@takes_out
def cholesky_inverse(L, upper=False):
    """The inverse of A, where L is the Cholesky factor of A.   Shape: (*, n, n) -> (*, n, n).

    >>> import facula
    >>> facula.cholesky_inverse(facula.tensor([[2., 0.], [0., 1.]]))
    tensor([[0.2500, 0.0000],
            [0.0000, 1.0000]])
    """
    _square("cholesky_inverse", L)
    return cholesky_solve(eye(L.shape[-1], dtype=L.dtype, device=L.device).expand(L.shape), L, upper)


@op(lambda A: Meta(A.shape[:-2], A.dtype), onnx="Det", samples=[sample(_regular(3)), sample(_regular(2, (2,)))])
def _det(xp, A, /):
    """The determinant."""
    return xp.linalg.det(A)


def _cofactors(A):
    """The conjugated cofactor matrices, from the singular values: right for singular matrices too."""
    from facula.ops.join import stack
    from facula.ops.linalg_decompositions import linalg_svd

    U, S, Vh = linalg_svd(A)
    n = A.shape[-1]
    others = stack(
        [
            functools.reduce(lambda a, b: a * b, [S[..., j] for j in range(n) if j != i], S[..., i] * 0 + 1)
            for i in range(n)
        ],
        -1,
    )
    phase = (_det(U) * _det(Vh)).conj()
    return matmul(U * others.unsqueeze(-2).to(U.dtype), Vh) * phase[..., None, None]


@_det.vjp
def _det_back(g, A, out):
    if not A.array.size:
        return (A * 0,)
    if type(A.array) is np.ndarray and (np.linalg.cond(A.array) > 1e4).any():
        return (g[..., None, None] * _cofactors(A),)
    return ((g * out.conj())[..., None, None] * _inv(A).mH,)


@takes_out
def linalg_det(A):
    """The determinant of a square matrix or of each of a batch.   Shape: (*, n, n) -> (*).

    >>> import facula
    >>> facula.linalg.det(facula.tensor([[2., 0.], [0., 4.]]))
    tensor(8.)
    """
    _square("linalg.det", A)
    return _det(A)


def det(input):
    """The determinant: `linalg.det`.   Shape: (*, n, n) -> (*).

    >>> import facula
    >>> facula.det(facula.tensor([[1., 2.], [3., 4.]]))
    tensor(-2.)
    """
    return linalg_det(input)


Slogdet = result("slogdet", "sign logabsdet")
LinalgSlogdet = result("linalg_slogdet", "sign logabsdet")


@op(lambda A: (Meta(A.shape[:-2], A.dtype), Meta(A.shape[:-2], dtypes.real_of(A.dtype))), onnx=None, returns=LinalgSlogdet, samples=[
    sample(_regular(3)), sample(_regular(2, (2,))),
])  # fmt: skip
def _slogdet(xp, A, /):
    """The sign of the determinant and the logarithm of its absolute value."""
    return tuple(xp.linalg.slogdet(A))


@_slogdet.vjp
def _slogdet_back(g, A, out):
    sign_grad, log_grad = g
    total = None if log_grad is None else log_grad.to(A.dtype)
    if sign_grad is not None and A.is_complex():
        turn = (sign_grad * out[0].conj()).imag * 1j
        total = turn if total is None else total + turn
    if total is None:
        return (A * 0,)
    return (total[..., None, None] * _inv(A).mH,)


def linalg_slogdet(A, *, out=None):
    """The sign of the determinant and the logarithm of its absolute value.   Shape: (*, n, n) -> (*), (*).

    >>> import facula
    >>> facula.linalg.slogdet(facula.tensor([[-1., 0.], [0., 1.]]))
    facula.return_types.linalg_slogdet(
    sign=tensor(-1.),
    logabsdet=tensor(0.))
    """
    _square("linalg.slogdet", A)
    found = _slogdet(A)
    return found if out is None else _into(out, found)


def slogdet(input, *, out=None):
    """The sign of the determinant and the logarithm of its absolute value.   Shape: (*, n, n) -> (*), (*).

    >>> import facula
    >>> facula.slogdet(facula.eye(2)).logabsdet
    tensor(0.)
    """
    found = Slogdet(*linalg_slogdet(input))
    return found if out is None else _into(out, found)


def logdet(input):
    """The logarithm of the determinant (nan where it is negative).   Shape: (*, n, n) -> (*).

    >>> import facula
    >>> facula.logdet(facula.eye(3))
    tensor(0.)
    """
    _square("logdet", input)
    sign, log = _slogdet(input)
    if input.is_complex():
        return sign.log() + log
    return log.masked_fill(sign < 0, float("nan")) if isinstance(sign, Tensor) else log
