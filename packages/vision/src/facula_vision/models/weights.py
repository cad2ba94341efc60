"""Published weights: where they lie, what they expect of their input and what is known of them.

The facts are torchvision's and stand in `weights.json`, one line for each set of weights.
"""

from __future__ import annotations

import json
import os
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache, partial
from importlib import resources
from pathlib import Path
from typing import Any

import facula
from facula import nn
from facula_vision.models import preprocessing
from facula_vision.transforms import InterpolationMode

__all__ = ["Weights", "WeightsEnum", "get_weight", "published", "read_state_dict", "weight_names"]

_NAMED_HASH = re.compile(r"-[a-f0-9]{8,64}\.")


@dataclass
class Weights:
    """One set of weights: its address, a maker of its transforms, what is known of it and, if published, its SHA-256.

    Where `sha256` is empty, the address must hold the beginning of it, as `resnet18-f37072fd.pth` does.
    """

    url: str
    transforms: Callable[..., Any]
    meta: dict[str, Any] = field(default_factory=dict, repr=False)
    sha256: str = ""

    def get_state_dict(self, progress: bool = True, check_hash: bool = True) -> Any:
        """What the file holds; it is fetched once and kept in `facula.hub.get_dir()`.

        RuntimeError where it is not there and cannot be fetched, or is not what it should be.
        """
        name = os.path.basename(urllib.parse.urlparse(self.url).path)
        folder = Path(facula.hub.get_dir()) / "checkpoints"
        path = folder / name
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            named = _NAMED_HASH.search(name)
            prefix = self.sha256 or (named[0][1:-1] if named else None)
            try:
                facula.hub.download_url_to_file(self.url, path, prefix if check_hash else None, progress)
            except RuntimeError as error:
                raise RuntimeError(
                    f"{name}: expected it in {str(folder)!r} or at its address, got neither. Without a network, put the file there "
                    f"or pass weights=PATH. What was tried: {error}"
                ) from error
        return facula.load(path)


class WeightsEnum(Enum):
    """The sets of weights of one model; `DEFAULT` is the best of them.

    >>> from facula_vision.models import ResNet50_Weights
    >>> ResNet50_Weights.DEFAULT
    ResNet50_Weights.IMAGENET1K_V2
    >>> ResNet50_Weights.IMAGENET1K_V1.meta["num_params"]
    25557032
    """

    value: Weights

    @classmethod
    def verify(cls, obj: Any) -> WeightsEnum | None:
        """The member that `obj` is or names; TypeError for a member of another model, KeyError for an unknown name."""
        if obj is None or isinstance(obj, cls):
            return obj
        if isinstance(obj, str):
            return cls[obj.replace(f"{cls.__name__}.", "")]
        raise TypeError(
            f"{cls.__name__}: Invalid Weight class provided; expected {cls.__name__} but received "
            f"{type(obj).__name__}. Name one of {', '.join(cls.__members__)}."
        )

    @property
    def url(self) -> str:
        """Where the file lies."""
        return self.value.url

    @property
    def transforms(self) -> Callable[..., Any]:
        """Makes what turns a picture into the model's input."""
        return self.value.transforms

    @property
    def meta(self) -> dict[str, Any]:
        """`num_params`, `categories`, `min_size` and more."""
        return self.value.meta

    def get_state_dict(self, progress: bool = True, check_hash: bool = True) -> Any:
        """What the file holds, fetched if need be."""
        return self.value.get_state_dict(progress, check_hash)

    def __reduce_ex__(self, proto: Any) -> Any:  # by name: transforms are made anew in each process
        return getattr, (type(self), self.name)

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    __str__ = __repr__


@cache
def _facts() -> dict[str, Any]:
    return json.loads(resources.files(__package__).joinpath("weights.json").read_text(encoding="utf-8"))


@cache
def published(name: str) -> Any:
    """The enum of this name, made from the facts; KeyError for an unknown one."""
    facts = _facts()
    rows = dict(facts["weights"][name])
    default = rows.pop("DEFAULT", None)
    members = {key: _weights(row, facts) for key, row in rows.items()}
    if default is not None:
        members["DEFAULT"] = members[default]
    make: Any = WeightsEnum  # mypy knows only the form with one argument
    return make(name, list(members.items()), module="facula_vision.models")


def _weights(row: Mapping[str, Any], facts: Mapping[str, Any]) -> Weights:
    kind, options = row["transforms"]
    if "interpolation" in options:
        options = {**options, "interpolation": InterpolationMode(options["interpolation"])}
    meta = {key: tuple(value) if isinstance(value, list) else value for key, value in row["meta"].items()}
    for key in ("categories", "keypoint_names"):
        if isinstance(meta.get(key), str):
            meta[key] = facts["lists"][meta[key]]
    url = row["url"] if "://" in row["url"] else facts["host"] + row["url"]
    return Weights(url, partial(getattr(preprocessing, kind), **options), meta)


def weight_names() -> list[str]:
    """The names of all enums, sorted."""
    return sorted(_facts()["weights"])


def get_weight(name: str) -> WeightsEnum:
    """The weights of this full name; ValueError for an unknown model, KeyError for unknown weights of a known one.

    >>> from facula_vision.models import get_weight
    >>> get_weight("ResNet18_Weights.DEFAULT").url.rsplit("/", 1)[1]
    'resnet18-f37072fd.pth'
    """
    enum, _, member = name.partition(".")
    if not member or enum not in _facts()["weights"]:
        raise ValueError(
            f"get_weight: expected a name such as 'ResNet50_Weights.DEFAULT', got {name!r}. "
            "get_model_weights(model) lists the weights of a model."
        )
    return published(enum)[member]


def read_state_dict(source: Any, enum: Any, progress: bool) -> Mapping[str, Any]:
    """The state_dict that `source` means: weights of an enum, a member's name, an address with its SHA-256, or a file."""
    if isinstance(source, (Weights, WeightsEnum)):
        return source.get_state_dict(progress=progress)
    text = os.fspath(source)
    if "://" not in text:
        if not os.path.exists(text):
            known = f"one of {', '.join(enum.__members__)} or " if enum is not None else ""
            raise FileNotFoundError(f"weights: expected {known}a file, got {text!r}. Check the name.")
        return facula.load(text)
    url, _, digest = text.partition("#sha256=")
    if not digest and _NAMED_HASH.search(url) is None:
        raise ValueError(
            f"weights: expected an address that tells its SHA-256, got {text!r}. Append #sha256=..., or fetch the file "
            "and pass its path."
        )
    return Weights(url, nn.Identity, sha256=digest).get_state_dict(progress)
