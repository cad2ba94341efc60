"""Ready-made parametrizations: weight_norm, spectral_norm and orthogonal."""

from __future__ import annotations

from typing import Any

from facula.autograd.state import no_grad
from facula.errors import index_error, not_implemented_error, value_error
from facula.nn import functional as F
from facula.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from facula.nn.module import Module
from facula.nn.utils import parametrize
from facula.ops import PUBLIC
from facula.tensors.tensor import Tensor

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


def _tensor_of(module: Module, name: str) -> Tensor:
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise value_error(
            f"Module '{module}' has no parameter or buffer with name '{name}', expected one. Check the name."
        )
    return weight


def norm_except(v: Tensor, dim: int) -> Tensor:
    """The Euclidean norm over all dimensions but one (over all of them for -1)."""
    others = None if dim == -1 else [d for d in range(v.ndim) if d != dim % v.ndim]
    if others == []:
        return v.abs()
    norm: Tensor = PUBLIC["linalg_vector_norm"](v, 2, others, keepdim=dim != -1)
    return norm


class _WeightNorm(Module):
    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Tensor, weight_v: Tensor) -> Tensor:
        return weight_v * (weight_g / norm_except(weight_v, self.dim))

    def right_inverse(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        return norm_except(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn length and direction of a weight apart: w = g * v / norm(v), the norm over all dimensions but `dim`.

    g is `parametrizations.<name>.original0`, v is `original1`; `dim=None` takes one norm for all. Files with the older names
    `<name>_g` and `<name>_v` are read. Source: Salimans and Kingma, Weight Normalization, 2016.

    >>> import facula
    >>> layer = facula.nn.utils.parametrizations.weight_norm(facula.nn.Linear(2, 3))
    >>> layer.parametrizations.weight.original0.shape
    facula.Size([3, 1])
    """
    _tensor_of(module, name)
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename(state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        if f"{prefix}{name}_g" in state_dict and f"{prefix}{name}_v" in state_dict:
            for i, letter in enumerate("gv"):
                state_dict[f"{prefix}parametrizations.{name}.original{i}"] = state_dict.pop(f"{prefix}{name}_{letter}")

    module._register_load_state_dict_pre_hook(rename)
    return module


class _SpectralNorm(Module):
    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12) -> None:
        super().__init__()
        if not -weight.ndim <= dim < weight.ndim:
            raise index_error(
                f"spectral_norm: Dimension out of range, expected dim in [-{weight.ndim}, {weight.ndim - 1}], got {dim}. Use 0."
            )
        if n_power_iterations <= 0:
            raise value_error(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}. Use 1."
            )
        self.dim = dim % weight.ndim
        self.eps, self.n_power_iterations = eps, n_power_iterations
        if weight.ndim > 1:
            matrix = self._matrix(weight.detach())
            for name, size in zip(("_u", "_v"), matrix.shape, strict=True):
                start = matrix.new_empty(size).normal_(0, 1)
                self.register_buffer(name, F.normalize(start, dim=0, eps=eps))
            self._iterate(matrix, 15)

    def _matrix(self, weight: Tensor) -> Tensor:
        if self.dim:
            weight = weight.permute(self.dim, *[d for d in range(weight.ndim) if d != self.dim])
        flat: Tensor = weight.flatten(1)
        return flat

    @no_grad()
    def _iterate(self, matrix: Tensor, times: int) -> None:
        """Turn u and v towards the first singular vectors."""
        for _ in range(times):
            self._u.copy_(F.normalize(matrix @ self._v, dim=0, eps=self.eps))
            self._v.copy_(F.normalize(matrix.t() @ self._u, dim=0, eps=self.eps))

    def forward(self, weight: Tensor) -> Tensor:
        if weight.ndim == 1:
            normalized: Tensor = F.normalize(weight, dim=0, eps=self.eps)
            return normalized
        matrix = self._matrix(weight)
        if self.training:
            self._iterate(matrix.detach(), self.n_power_iterations)
        u, v = self._u.clone(), self._v.clone()  # backward needs them as they are now
        return weight / (u * (matrix @ v)).sum()

    def right_inverse(self, value: Tensor) -> Tensor:
        return value


def spectral_norm(
    module: Module, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Module:
    """Divide a weight by its largest singular value, which each forward in training estimates by power iterations.

    Source: Miyato et al., Spectral Normalization for Generative Adversarial Networks, 2018.

    >>> import facula
    >>> layer = facula.nn.utils.parametrizations.spectral_norm(facula.nn.Linear(4, 3), n_power_iterations=20)
    >>> round(facula.linalg.matrix_norm(layer.weight, 2).item(), 3)
    1.0
    """
    weight = _tensor_of(module, name)
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    made = _SpectralNorm(weight, n_power_iterations, dim, eps)
    return parametrize.register_parametrization(module, name, made)


def _householder(a: Tensor, tau: Tensor) -> Tensor:
    product: Tensor = PUBLIC["linalg_householder_product"](a, tau)
    return product


def _is_orthogonal(q: Tensor) -> bool:
    """Whether the columns are orthonormal up to rounding."""
    from facula import dtypes

    eye = PUBLIC["eye"](q.shape[-1], dtype=q.dtype, device=q.device)
    tolerance = 10 * q.shape[-2] * dtypes.finfo(q.dtype).eps
    return bool(((q.mH @ q - eye).abs() < tolerance).all())


def _make_orthogonal(a: Tensor) -> Tensor:
    """The orthonormal factor of `a` whose triangular partner has a positive diagonal."""
    x, tau = PUBLIC["geqrf"](a)
    return _householder(x, tau) * x.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


class _Orthogonal(Module):
    base: Tensor | None

    def __init__(self, weight: Tensor, orthogonal_map: str, *, use_trivialization: bool = True) -> None:
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise value_error(
                "The householder parametrization does not support complex tensors, expected a real one. Use 'matrix_exp'."
            )
        self.shape, self.orthogonal_map, self.use_trivialization = weight.shape, orthogonal_map, use_trivialization
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Tensor) -> Tensor:
        wide = X.shape[-2] < X.shape[-1]
        x = X.mT if wide else X
        q = self._reflections(x) if self.orthogonal_map == "householder" else self._rotation(x)
        if self.use_trivialization and self.base is not None:
            q = self.base @ q
        return q.mT if wide else q

    def _rotation(self, x: Tensor) -> Tensor:
        """A function of the skew-symmetric matrix below the diagonal of `x`; its first columns."""
        n, k = x.shape[-2:]
        x = x.tril()
        if n != k:
            x = PUBLIC["cat"]([x, x.new_zeros(*x.shape[:-2], n, n - k)], -1)
        skew = x - x.mH
        if self.orthogonal_map == "matrix_exp":
            q = PUBLIC["matrix_exp"](skew)
        else:
            eye = PUBLIC["eye"](n, dtype=x.dtype, device=x.device)
            q = PUBLIC["linalg_solve"](eye - 0.5 * skew, eye + 0.5 * skew)
        return q[..., :k]

    def _reflections(self, x: Tensor) -> Tensor:
        """A product of Householder reflections along the columns below the diagonal, with the diagonal's signs."""
        below = x.tril(-1)
        tau = 2.0 / (1.0 + (below * below).sum(-2))
        return _householder(below, tau) * x.detach().diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)

    @no_grad()
    def right_inverse(self, Q: Tensor) -> Tensor:
        if Q.shape != self.shape:
            raise value_error(
                f"Expected a matrix or batch of matrices of shape {self.shape}, got a tensor of shape {Q.shape}. Reshape it."
            )
        n, k = Q.shape[-2:]
        wide = n < k
        q = Q.mT if wide else Q
        n, k = q.shape[-2:]
        if not self.use_trivialization:
            return self._reflectors(q, wide)
        if n == k:
            q = q.clone() if _is_orthogonal(q) else _make_orthogonal(q)
        else:
            rest = q.new_empty(*q.shape[:-2], n, n - k).normal_(0, 1)
            q = _make_orthogonal(PUBLIC["cat"]([q, rest], -1))
        self.base = q
        start = Q.new_zeros(*Q.shape)
        start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
        return start

    def _reflectors(self, q: Tensor, wide: bool) -> Tensor:
        if self.orthogonal_map != "householder":
            raise not_implemented_error(
                "It is not possible to assign to the matrix exponential or the Cayley parametrizations when "
                "use_trivialization=False. Use the trivialization."
            )
        a, tau = PUBLIC["geqrf"](q)
        diagonal = a.diagonal(dim1=-2, dim2=-1)
        diagonal.sign_()
        diagonal.mul_(1.0 - 2.0 * (tau == 0).to(a.dtype))
        return a.mT if wide else a


def orthogonal(
    module: Module, name: str = "weight", orthogonal_map: str | None = None, *, use_trivialization: bool = True
) -> Module:
    """Keep a weight orthogonal: its columns (or rows, if it is wide) are orthonormal at every step.

    `orthogonal_map` is "matrix_exp", "cayley" or "householder"; with `use_trivialization` the map begins at the present
    weight. Source: Lezcano-Casado, Trivializations for Gradient-Based Optimization on Manifolds, 2019.

    >>> import facula
    >>> layer = facula.nn.utils.parametrizations.orthogonal(facula.nn.Linear(4, 3))
    >>> facula.allclose(layer.weight @ layer.weight.t(), facula.eye(3), atol=1e-6)
    True
    """
    weight = _tensor_of(module, name)
    if weight.ndim < 2:
        raise value_error(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions. Reshape the weight."
        )
    if orthogonal_map is None:
        square = weight.shape[-2] == weight.shape[-1] or weight.is_complex()
        orthogonal_map = "matrix_exp" if square else "householder"
    if orthogonal_map not in ("matrix_exp", "cayley", "householder"):
        raise value_error(
            f'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: {orthogonal_map}. Use one of these.'
        )
    made = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return parametrize.register_parametrization(module, name, made, unsafe=True)
