"""Published checkpoints: a folder with `config.json` and safetensors, whose names a family's table translates."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import facula
from facula import Tensor, nn
from facula.serialization import open_checkpoint
from facula_text.files import read_text

__all__ = ["Family", "load_folder", "read_config"]

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class Family:
    """How published files of one family are read.

    `names`: pairs of a regular expression for a published name and what it becomes, None for what the model has no use
    for; the first that matches the whole name counts. `transposed`: own names whose matrices are published (in, out).
    """

    names: tuple[tuple[str, str | None], ...]
    transposed: str = r"(?!)"

    def own_name(self, published: str) -> str | None:
        """The model's name for a published one; None if it has no use for it."""
        for pattern, own in self.names:
            if match := re.fullmatch(pattern, published):
                return None if own is None else match.expand(own)
        return published


def read_config(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """The values of `config.json`; FileNotFoundError if it is missing, ValueError if it is no JSON object."""
    path = Path(folder) / "config.json"
    try:
        config = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise ValueError(f"read_config: expected JSON, got {path} ({error}). Check the file.") from error
    if not isinstance(config, dict):
        raise ValueError(f"read_config: expected a JSON object, got {type(config).__name__} in {path}. Check the file.")
    return config


def load_folder(folder: str | os.PathLike[str], build: Callable[[], Model], family: Family) -> Model:
    """The model that `build` makes, with the weights in `folder`, in evaluation mode.

    The model is built without memory and takes the tensors as they are read, so that only one copy of them ever exists.
    RuntimeError names what is missing or has another shape.
    """
    with facula.device("meta"):
        model = build()
    model.load_state_dict(_translated(open_checkpoint(folder), family, model), assign=True)
    return model.eval()


def _translated(published: Mapping[str, Any], family: Family, model: nn.Module) -> dict[str, Tensor]:
    trained = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    state = {}
    for name in published:
        own = family.own_name(name)
        if own is not None:
            tensor = published[name]
            if re.fullmatch(family.transposed, own):
                tensor = tensor.t().contiguous()
            state[own] = tensor.requires_grad_(trained.get(own, False))
    return state
