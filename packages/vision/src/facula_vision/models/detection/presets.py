"""What the builders of all detectors share: weights of the whole or of the backbone alone, and which parts are trained."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from facula import nn
from facula_vision.models.presets import preset
from facula_vision.ops import FrozenBatchNorm2d

__all__ = ["Start", "detector"]

Model = TypeVar("Model", bound=nn.Module)


class Start(NamedTuple):
    """What a detector is built around."""

    num_classes: int
    weights_backbone: Any
    trainable_layers: int | None  # what the caller said
    trained: bool  # some weights are loaded, of the whole or of the backbone

    @property
    def norm_layer(self) -> Callable[..., nn.Module]:
        """Statistics of trained weights stay as they are, since batches of pictures are small."""
        return FrozenBatchNorm2d if self.trained else nn.BatchNorm2d


def detector(
    enum: Any,
    weights_backbone: Any,
    num_classes: int = 91,
    needs: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None = None,
    exact: bool = False,
) -> Callable[[Callable[..., Model]], Callable[..., Model]]:
    """Give a builder torchvision's keywords: `weights`, `progress`, `num_classes`, `weights_backbone`,
    `trainable_backbone_layers`, and what its class takes.

    `weights` (of the whole) and `weights_backbone` are members of the enums, their names, addresses or files; None starts
    at random. The builder gets a `Start`. `exact`: the published weights divide by deviations without an epsilon.
    """
    given = weights_backbone

    def decorate(build: Callable[..., Model]) -> Callable[..., Model]:
        @wraps(build)
        def builder(
            *,
            weights: Any = None,
            progress: bool = True,
            num_classes: int | None = None,
            weights_backbone: Any = given,
            trainable_backbone_layers: int | None = None,
            **kwargs: Any,
        ) -> Model:
            whole = weights is not None
            backbone = None if whole else weights_backbone

            def construct(*, num_classes: int | None = None, **more: Any) -> Model:
                count = default if num_classes is None else num_classes
                trained = whole or backbone is not None
                return build(Start(count, backbone, trainable_backbone_layers, trained), **more)

            model = preset(enum, needs)(construct)(
                weights=weights, progress=progress, num_classes=num_classes, **kwargs
            )
            if whole and exact:
                for module in model.modules():
                    if isinstance(module, FrozenBatchNorm2d):
                        module.eps = 0.0
            return model

        builder.weights = enum  # type: ignore[attr-defined]
        builder.__signature__ = inspect.signature(builder, follow_wrapped=False)  # type: ignore[attr-defined]
        return builder

    default = num_classes
    return decorate
