"""`facula.linalg`: linear algebra under PyTorch's names."""

from __future__ import annotations

from typing import Any

from facula import ops
from facula.ops.linalg import LinAlgError as LinAlgError

_NAMES = frozenset(
    """
    cholesky cholesky_ex cond cross det diagonal eig eigh eigvals eigvalsh householder_product inv
    inv_ex ldl_factor ldl_factor_ex ldl_solve lstsq lu lu_factor lu_factor_ex lu_solve matmul
    matrix_exp matrix_norm matrix_power matrix_rank multi_dot norm pinv qr slogdet solve solve_ex
    solve_triangular svd svdvals tensorinv tensorsolve vander vecdot vector_norm
    """.split()
)


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        found = globals()[name] = ops.function(f"linalg_{name}")
        return found
    raise AttributeError(f"module 'facula.linalg' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES})
