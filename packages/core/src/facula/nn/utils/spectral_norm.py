"""The older `spectral_norm`, which computes the weight before each forward; see `parametrizations.spectral_norm`."""

from __future__ import annotations

from typing import Any

from facula.autograd.state import no_grad
from facula.errors import runtime_error, value_error
from facula.nn import functional as F
from facula.nn.conv import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from facula.nn.module import Module
from facula.nn.utils.weight_norm import hook_of, remove_hook
from facula.tensors.parameter import Parameter
from facula.tensors.tensor import Tensor


class SpectralNorm:
    """The hook that sets `<name>` to `<name>_orig` over its largest singular value, estimated by `<name>_u` and `<name>_v`."""

    def __init__(self, name: str, n_power_iterations: int, dim: int, eps: float) -> None:
        if n_power_iterations <= 0:
            raise value_error(
                f"spectral_norm: Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}. Use 1."
            )
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def matrix(self, weight: Tensor) -> Tensor:
        """The weight as a matrix whose rows are along `dim`."""
        return weight.movedim(self.dim, 0).flatten(1)

    def compute_weight(self, module: Module, do_power_iteration: bool) -> Tensor:
        weight, u, v = (getattr(module, f"{self.name}_{part}") for part in ("orig", "u", "v"))
        matrix = self.matrix(weight)
        if do_power_iteration:
            with no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(F.normalize(matrix.t() @ u, dim=0, eps=self.eps))
                    u.copy_(F.normalize(matrix @ v, dim=0, eps=self.eps))
            u, v = u.clone(), v.clone()  # backward needs them as they are now
        return weight / (u * (matrix @ v)).sum()

    @staticmethod
    def apply(module: Module, name: str, n_power_iterations: int, dim: int, eps: float) -> SpectralNorm:
        if hook_of(module, SpectralNorm, name) is not None:
            raise runtime_error(
                f"spectral_norm: Cannot register two spectral_norm hooks on the same parameter {name}, "
                "expected none there. Remove the first."
            )
        hook = SpectralNorm(name, n_power_iterations, dim, eps)
        weight = module._parameters.pop(name)
        rows, columns = hook.matrix(weight.detach()).shape
        module.register_parameter(f"{name}_orig", weight)
        setattr(module, name, weight.detach())
        for letter, size in (("u", rows), ("v", columns)):
            start = weight.new_empty(size).normal_(0, 1).detach()
            module.register_buffer(f"{name}_{letter}", F.normalize(start, dim=0, eps=eps))
        module.register_forward_pre_hook(hook)
        module._register_state_dict_hook(hook.mark)
        return hook

    def mark(self, module: Module, state_dict: Any, prefix: str, local_metadata: dict[str, Any]) -> None:
        """Say in the file which form of the state it is, as PyTorch asks when it loads."""
        local_metadata.setdefault("spectral_norm", {})[f"{self.name}.version"] = 1

    def remove(self, module: Module) -> None:
        with no_grad():
            weight = self.compute_weight(module, False)
        for part in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + part)
        module.register_parameter(self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module, module.training))


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divide a weight by its largest singular value, which each forward in training estimates by power iterations.

    `parametrizations.spectral_norm` does it without hooks. Source: Miyato et al., Spectral Normalization for Generative
    Adversarial Networks, 2018.

    >>> import facula
    >>> layer = facula.nn.utils.spectral_norm(facula.nn.Linear(4, 3))
    >>> list(layer.state_dict())
    ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    if dim is None:
        dim = 1 if isinstance(module, (ConvTranspose1d, ConvTranspose2d, ConvTranspose3d)) else 0
    SpectralNorm.apply(module, name, n_power_iterations, dim, eps)
    return module


def remove_spectral_norm(module: Any, name: str = "weight") -> Any:
    """Make a weight of `spectral_norm` an ordinary parameter again.

    Errors: ValueError where there is none.

    >>> import facula
    >>> layer = facula.nn.utils.spectral_norm(facula.nn.Linear(4, 3))
    >>> list(facula.nn.utils.remove_spectral_norm(layer).state_dict())
    ['bias', 'weight']
    """
    remove_hook(module, SpectralNorm, "spectral_norm", name)
    for number, (hook, _) in list(module._state_dict_hooks.items()):
        if isinstance(getattr(hook, "__self__", None), SpectralNorm) and hook.__self__.name == name:
            del module._state_dict_hooks[number]
    return module
