"""Matrix products whose pieces the crew shares: BLAS is called by compiled code, without the interpreter's lock.

A product is cut along its rows, along its columns, or along a stack of matrices. Where there is a bias the results begin as
that, and BLAS adds to them: it would begin with zeros anyway.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from facula.config import get_num_threads
from facula.devices import products
from facula.ops.kernels import compiled, native
from facula.ops.kernels.compiled import F, kernel
from facula.ops.kernels.machine import multiply
from facula.ops.kernels.rows import fill

STACK, ROWS, COLUMNS = 0, 1, 2
_PAIRS = {np.dtype("float32"): "sgemm", np.dtype("float64"): "dgemm"}


@kernel
def product_pieces(
    gemm: int, a: int, move_a: int, turn_a: int, step_a: int, b: int, move_b: int, turn_b: int, step_b: int, out: F[:, ::1],
    bias: F[::1], rows: int, apart: int, inner: int, along: int, more: int, start: int, stop: int,
):  # fmt: skip
    """out = a b + bias, for some of the stack, of the rows or of the columns; `more`: added to what is there.

    The results of a stack lie `apart` rows from each other. The bias has a number for each column, or if that is what the stack is
    made of (`along` 0) for each row.
    """
    columns, beta = out.shape[1], out.dtype.type(bias.size > 0 or more > 0)
    if along == STACK:
        for i in range(start, stop):
            made = out[i * apart : i * apart + rows]
            for row in range(min(rows, bias.size)):
                fill(made[row], bias[row])
            multiply(
                gemm, turn_a, turn_b, rows, columns, inner, a + i * move_a, step_a, b + i * move_b, step_b, beta,
                made.ctypes.data, columns,
            )  # fmt: skip
    else:
        first, last = (0, rows) if along == COLUMNS else (start, stop)
        begin, end = (start, stop) if along == COLUMNS else (0, columns)
        if bias.size > 0:
            more = bias[begin:end]
            for row in range(first, last):
                line = out[row, begin:end]
                for j in range(line.size):
                    line[j] = more[j]
        multiply(
            gemm, turn_a, turn_b, last - first, end - begin, inner, a + first * move_a, step_a, b + begin * move_b, step_b, beta,
            out[first, begin:].ctypes.data, columns,
        )  # fmt: skip


@kernel
def rows_by_vector(matrix: F[:, ::1], vector: F[::1], bias: F[::1], out: F[::1], start: int, stop: int):
    """out = matrix vector + bias, for groups of four rows, which read the vector once."""
    none = vector.dtype.type(0)
    for i in range(4 * start, min(4 * stop, len(matrix) // 4 * 4), 4):
        a, b, c, d = matrix[i], matrix[i + 1], matrix[i + 2], matrix[i + 3]
        p, q, r, s = none, none, none, none
        for j in range(vector.size):
            p += a[j] * vector[j]
            q += b[j] * vector[j]
            r += c[j] * vector[j]
            s += d[j] * vector[j]
        out[i], out[i + 1], out[i + 2], out[i + 3] = p, q, r, s
    for i in range(max(4 * start, len(matrix) // 4 * 4), min(4 * stop, len(matrix))):
        a, p = matrix[i], none
        for j in range(vector.size):
            p += a[j] * vector[j]
        out[i] = p
    if bias.size > 0:
        for i in range(4 * start, min(4 * stop, len(matrix))):
            out[i] += bias[i]


@functools.cache
def gemm(dtype: Any) -> int:
    """The address of BLAS's product of matrices of this type; 0 if there is none that compiled code could call."""
    return native.blas(_PAIRS[dtype]) if native.SUPPORTED and dtype in _PAIRS else 0


def order(matrix: Any) -> tuple[int, int] | None:
    """How a matrix lies in memory: whether its columns are its rows there, and numbers from one to the next; None if neither."""
    (rows, columns), (down, across), item = matrix.shape[-2:], matrix.strides[-2:], matrix.itemsize
    if across == item and down >= columns * item and not down % item:
        return 0, down // item
    if down == item and across >= rows * item and not across % item:
        return 1, across // item
    return None


_none = {dtype: np.empty(0, dtype) for dtype in _PAIRS}


def _run(a: Any, b: Any, out: Any, bias: Any, moves: tuple[int, int], along: int, count: int, pieces: int) -> bool:
    dtype = out.dtype
    left, right = order(a), order(b)
    if left is None or right is None or not dtype == a.dtype == b.dtype or not out.flags.c_contiguous:
        return False
    if bias is None:
        bias = _none[dtype]
    elif bias.dtype != dtype or not bias.flags.c_contiguous:
        return False
    rows, inner = a.shape[-2:]
    arguments = (
        gemm(dtype), native.address(a), moves[0], *left, native.address(b), moves[1], *right,
        out.reshape(-1, out.shape[-1]), bias, rows, rows, inner, along, 0,
    )  # fmt: skip
    product_pieces.load(dtype).share(arguments, count, pieces)
    return True


def serves(dtype: Any) -> bool:
    """Whether compiled code may multiply matrices of this type."""
    return dtype in _PAIRS and compiled.allowed() and bool(gemm(dtype))


def matrices(a: Any, b: Any, out: Any, bias: Any, pieces: int) -> bool:
    """out = a b + bias, cut along whichever there are more of, rows or columns; False if it cannot be done here."""
    if not out.size or not serves(out.dtype) or (bias is not None and bias.shape != out.shape[1:]):
        return False
    rows, columns = out.shape
    along = ROWS if rows >= columns else COLUMNS
    return _run(a, b, out, bias, (a.strides[0], b.strides[1]), along, max(rows, columns), pieces)


def stack(a: Any, b: Any, out: Any, bias: Any, pieces: int) -> bool:
    """The same for matrices one by one; of a or b there may be one alone, and the bias has a number for each row."""
    if not out.size or not serves(out.dtype) or out.ndim != 3:
        return False
    moves = tuple(x.strides[0] if x.ndim > 2 else 0 for x in (a, b))
    return _run(a, b, out, bias, moves, STACK, len(out), pieces)


def by_vector(matrix: Any, vector: Any, bias: Any) -> Any:
    """matrix vector + bias; None if it cannot be done here."""
    dtype = matrix.dtype
    if (
        dtype not in _PAIRS
        or vector.dtype is not dtype
        or not (matrix.flags.c_contiguous and vector.flags.c_contiguous)
    ):
        return None
    if bias is None:
        bias = _none[dtype]
    elif bias.dtype is not dtype or not bias.flags.c_contiguous:
        return None
    if not compiled.allowed():
        return None
    out = np.empty(len(matrix), dtype)
    pieces = min(get_num_threads(), matrix.size >> 15)
    rows_by_vector.load(dtype).share((matrix, vector, bias, out), -(-len(matrix) // 4), max(pieces, 1))
    return out


products.compiled_matrices, products.compiled_stack, products.compiled_by_vector = matrices, stack, by_vector
