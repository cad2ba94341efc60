"""Fine-tuning by small additions to linear layers.

Source: E. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", https://arxiv.org/abs/2106.09685.
"""

from __future__ import annotations

import re
from typing import TypeVar

import facula
from facula import Tensor, nn
from facula.nn import functional as F

__all__ = ["LoRALinear", "add_lora", "lora_state_dict", "merge_lora"]

Model = TypeVar("Model", bound=nn.Module)


class LoRALinear(nn.Module):
    """y = x @ weight.T + bias + (alpha / rank) * x @ a.T @ b.T, of which only a and b learn.

    It stands in for a `Linear` and starts as the same function, since b is 0. Shape: (*, in_features) -> (*, out_features).

    >>> import facula
    >>> from facula_text.lora import LoRALinear
    >>> layer = LoRALinear(facula.nn.Linear(8, 4), rank=2)
    >>> [name for name, parameter in layer.named_parameters() if parameter.requires_grad]
    ['a', 'b']
    """

    def __init__(self, base: nn.Linear, rank: int, alpha: float | None = None, dropout: float = 0.0) -> None:
        super().__init__()
        if rank < 1:
            raise ValueError(f"LoRALinear: expected rank of at least 1, got {rank}. Use 4 to 64.")
        self.base = base.requires_grad_(False)
        self.scale = (rank if alpha is None else alpha) / rank
        options = {"dtype": base.weight.dtype, "device": base.weight.device}
        self.a = nn.Parameter(facula.empty(rank, base.in_features, **options))
        self.b = nn.Parameter(facula.zeros(base.out_features, rank, **options))
        self.dropout = nn.Dropout(dropout)
        nn.init.kaiming_uniform_(self.a, a=5**0.5)

    def forward(self, input: Tensor) -> Tensor:
        return self.base(input) + F.linear(F.linear(self.dropout(input), self.a), self.b) * self.scale

    def merged(self) -> nn.Linear:
        """A `Linear` that computes the same: weight + scale * b @ a."""
        with facula.no_grad():
            self.base.weight.add_(self.b @ self.a, alpha=self.scale)
        return self.base.requires_grad_(True)


def add_lora(
    model: Model, names: str = ".*", *, rank: int = 8, alpha: float | None = None, dropout: float = 0.0
) -> Model:
    """Put a `LoRALinear` in place of each `Linear` whose name matches a regular expression; nothing else learns after.

    The model itself changes and is returned. ValueError if no name matches.

    >>> import facula
    >>> from facula_text.lora import add_lora
    >>> model = add_lora(facula.nn.Sequential(facula.nn.Linear(8, 4), facula.nn.ReLU()), rank=2)
    >>> sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    24
    """
    linear = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    chosen = [name for name in linear if re.search(names, name)]
    if not chosen:
        raise ValueError(f"add_lora: expected the names of linear layers, got {names!r}. See model.named_modules().")
    model.requires_grad_(False)
    for name in chosen:
        _replace(model, name, LoRALinear(linear[name], rank, alpha, dropout))
    return model


def merge_lora(model: Model) -> Model:
    """Put a plain `Linear` in place of each `LoRALinear`: the same function, at its old speed; all of it learns again."""
    for name, module in [*model.named_modules()]:
        if isinstance(module, LoRALinear):
            _replace(model, name, module.merged())
    return model.requires_grad_(True)


def lora_state_dict(model: nn.Module) -> dict[str, Tensor]:
    """The additions alone, to be saved and loaded with `load_state_dict(..., strict=False)`."""
    names = [name for name, module in model.named_modules() if isinstance(module, LoRALinear)]
    state = model.state_dict()
    return {f"{name}.{part}": state[f"{name}.{part}"] for name in names for part in ("a", "b")}


def _replace(model: nn.Module, name: str, module: nn.Module) -> None:
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, module)
