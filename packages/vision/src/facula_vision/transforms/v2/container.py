"""Transforms made of transforms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import facula
from facula import nn
from facula_vision.transforms.v2.base import Transform, chance

__all__ = ["Compose", "RandomApply", "RandomChoice", "RandomOrder"]

Step = Callable[..., Any]


def _checked(name: str, transforms: Any) -> None:
    if not isinstance(transforms, (Sequence, nn.ModuleList)):
        raise TypeError(
            f"{name}: argument transforms should be a sequence of callables, got {type(transforms)}. List them."
        )


class _Container(Transform):
    transforms: Any

    def _run(self, steps: Any, inputs: tuple[Any, ...]) -> Any:
        many = len(inputs) > 1
        out: Any = inputs if many else inputs[0]
        for step in steps:
            out = step(*out) if many else step(out)
        return out

    def __repr__(self) -> str:
        return "\n".join([f"{type(self).__name__}(", *(f"    {step}" for step in self.transforms), ")"])


class Compose(_Container):
    """One transform after the other. Steps may be any functions.

    >>> from facula_vision.transforms import v2
    >>> v2.Compose([v2.CenterCrop(8), v2.ToImage()])
    Compose(
        CenterCrop(size=(8, 8))
        ToImage()
    )
    """

    def __init__(self, transforms: Sequence[Step]) -> None:
        super().__init__()
        _checked("Compose", transforms)
        self.transforms = transforms

    def forward(self, *inputs: Any) -> Any:
        return self._run(self.transforms, inputs)


class RandomApply(_Container):
    """All the transforms in order, with probability `p`, or none of them; ValueError outside 0..1."""

    def __init__(self, transforms: Sequence[Step] | nn.ModuleList, p: float = 0.5) -> None:
        super().__init__()
        _checked("RandomApply", transforms)
        if not 0.0 <= p <= 1.0:
            raise ValueError(
                f"RandomApply: `p` should be a floating point value in the interval [0.0, 1.0], got {p}. Choose it there."
            )
        self.transforms = transforms
        self.p = p

    def forward(self, *inputs: Any) -> Any:
        if chance() >= self.p:
            return inputs if len(inputs) > 1 else inputs[0]
        return self._run(self.transforms, inputs)


class RandomChoice(_Container):
    """One of the transforms, drawn with the probabilities `p` (all the same by default); ValueError for another count."""

    def __init__(self, transforms: Sequence[Step], p: Sequence[float] | None = None) -> None:
        super().__init__()
        _checked("RandomChoice", transforms)
        shares = [1.0] * len(transforms) if p is None else list(p)
        if len(shares) != len(transforms):
            raise ValueError(
                f"RandomChoice: length of p doesn't match the number of transforms: {len(shares)} != {len(transforms)}. "
                "Give one probability for each."
            )
        self.transforms = transforms
        self.p = [share / sum(shares) for share in shares]

    def forward(self, *inputs: Any) -> Any:
        chosen = int(facula.multinomial(facula.tensor(self.p), 1).item())
        return self._run([self.transforms[chosen]], inputs)


class RandomOrder(_Container):
    """All the transforms, in an order drawn anew for each call."""

    def __init__(self, transforms: Sequence[Step]) -> None:
        super().__init__()
        _checked("RandomOrder", transforms)
        self.transforms = transforms

    def forward(self, *inputs: Any) -> Any:
        order = facula.randperm(len(self.transforms)).tolist()
        return self._run([self.transforms[number] for number in order], inputs)
