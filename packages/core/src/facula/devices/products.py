"""Matrix products of NumPy arrays, cut into pieces that our own threads share; BLAS does each piece on one thread.

The threads of OpenBLAS wait in a busy loop for milliseconds after a product, and take the processor from whatever comes next.
How it cuts a product depends on how many they are, and with that the last bits of the result. Here the cuts depend on the
shapes, and on how many cores the machine has, so that results are the same for any number of threads.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from facula.devices.threads import ranges, share, single_blas

__all__ = ["ALONE", "product", "product_by_vector"]

ALONE = 1 << 13  # multiplications that BLAS does on one thread by itself, for a matrix and a vector ...
ALONE_BY_MATRIX = 1 << 18  # ... and for two matrices
WORTH = 1 << 22  # multiplications that are worth waking another thread for ...
WORTH_COMPILED = 1 << 19  # ... and that are worth handing over in compiled code
WORTH_BY_VECTOR = 1 << 20  # the same two by a vector: every number is read from memory for one of them
WORTH_COMPILED_BY_VECTOR = 1 << 16
LEAST = 256  # rows or columns of a piece: each packs the whole other matrix again
MOST = min(max(2, os.cpu_count() or 2), 16)  # pieces, whatever number of threads is set


def _refused(*arguments: Any) -> bool:
    return False


# Forms that need no interpreter's lock, where there are any (`facula.ops.kernels.cpu.products`); they say whether they did it:
# one product cut into pieces, and products one by one.
compiled_matrices: Callable[..., bool] = _refused
compiled_stack: Callable[..., bool] = _refused
compiled_by_vector: Callable[..., Any] = lambda *arguments: None  # the product, or None


def product(a: Any, b: Any, out: Any = None, bias: Any = None) -> Any:
    """a @ b + bias: shared out if both are NumPy arrays of floating-point numbers, else whatever `@` is; `out` is for arrays alone."""
    if type(a) is not np.ndarray or type(b) is not np.ndarray or a.dtype.kind not in "fc" or not a.ndim or not b.ndim:
        return a @ b if bias is None else a @ b + bias
    count = a.size * b.shape[-1] if b.ndim > 1 else a.size
    flat = out is None or out.flags.c_contiguous
    if flat and a.ndim > 2 and b.ndim == 2 and a.flags.c_contiguous and count > ALONE_BY_MATRIX:  # one, not a stack
        rows = None if out is None else out.reshape(-1, out.shape[-1])
        return product(a.reshape(-1, a.shape[-1]), b, rows, bias).reshape(*a.shape[:-1], b.shape[-1])
    by_vector = a.ndim == 1 or b.ndim == 1 or a.shape[-2] == 1 or b.shape[-1] == 1
    if count <= (ALONE if by_vector else ALONE_BY_MATRIX):
        out = np.matmul(a, b, out=out)
    else:
        with single_blas():
            if a.ndim == b.ndim == 2:
                if count >= WORTH_COMPILED:
                    return _matrices(a, b, np.empty((len(a), b.shape[1]), a.dtype) if out is None else out, bias, count)
                out = np.matmul(a, b, out=out)
            elif a.ndim > 1 and b.ndim > 1 and (a.ndim == 2 or b.ndim == 2 or a.shape[:-2] == b.shape[:-2]):
                if out is None:
                    stack = b.shape[:-2] if a.ndim == 2 else a.shape[:-2]
                    out = np.empty((*stack, a.shape[-2], b.shape[-1]), a.dtype)
                _stacks(a, b, out, None)
            else:
                out = np.matmul(a, b, out=out)
    if bias is not None:
        out += bias
    return out


def product_with_each(matrix: Any, stack: Any, out: Any, bias: Any = None) -> None:
    """out[i] = matrix @ stack[i] + bias, whose numbers are those of the rows."""
    with single_blas():
        _stacks(matrix, stack, out, bias)


def product_by_vector(matrix: Any, vector: Any, bias: Any = None) -> Any:
    """matrix @ vector + bias for arrays, in as few steps as can be: a text is written by thousands of them."""
    out: Any
    if matrix.size > ALONE and type(matrix) is np.ndarray:
        out = compiled_by_vector(matrix, vector, bias) if matrix.size >= WORTH_COMPILED_BY_VECTOR else None
        if out is not None:
            return out
        with single_blas():
            if matrix.size < WORTH_BY_VECTOR:
                out = matrix.dot(vector)
            else:
                out = np.empty(len(matrix), matrix.dtype)
                cuts = ranges(len(matrix), len(vector), WORTH_BY_VECTOR // 2)
                share(lambda i, j: np.matmul(matrix[i:j], vector, out=out[i:j]), cuts)
    else:
        out = matrix.dot(vector)
    if bias is not None:
        out += bias
    return out


def _matrices(a: Any, b: Any, out: Any, bias: Any, count: int) -> Any:
    """Pieces of rows or of columns, of whichever there are more; each adds the bias while its results are in the cache."""
    rows, columns = out.shape
    longer = max(rows, columns)
    if compiled_matrices(a, b, out, bias, pieces(longer)):
        return out
    if bias is not None and bias.size != columns:
        bias = np.broadcast_to(bias, columns)

    def by_rows(start: int, stop: int) -> None:
        part = np.matmul(a[start:stop], b, out=out[start:stop])
        if bias is not None:
            part += bias

    def by_columns(start: int, stop: int) -> None:
        part = np.matmul(a, b[:, start:stop], out=out[:, start:stop])
        if bias is not None:
            part += bias[start:stop]

    cuts = pieces(longer) if count >= WORTH else 1
    share(by_rows if rows >= columns else by_columns, ranges(longer, 1, -(-longer // cuts)))
    return out


def pieces(n: int) -> int:
    """How many pieces to cut so many rows or columns into: at least two."""
    return max(2, min(MOST, n // LEAST))


def _stacks(a: Any, b: Any, out: Any, bias: Any) -> None:
    """Matrices one by one, or one with each of the others: a product is the same wherever it is done."""
    whole = out.size * a.shape[-1]
    if len(out) == 1:
        product(a if a.ndim == 2 else a[0], b if b.ndim == 2 else b[0], out[0])
        if bias is not None:
            out += bias[:, None]
    elif whole < WORTH_COMPILED or not compiled_stack(a, b, out, bias, min(len(out), 16, 2 * whole // WORTH_COMPILED)):
        each = a.ndim > 2, b.ndim > 2

        def work(start: int, stop: int) -> None:
            left, right = a[start:stop] if each[0] else a, b[start:stop] if each[1] else b
            part = np.matmul(left, right, out=out[start:stop])
            if bias is not None:
                part += bias[:, None]

        share(work, ranges(len(out), whole // len(out), WORTH // 2))
