"""What a model computes on its way: the outputs of its layers, for heads that work on several of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from facula import Tensor, nn

__all__ = ["IntermediateLayerGetter"]


class IntermediateLayerGetter(nn.ModuleDict):
    """The children of a model one after another, up to the last that is asked for; a dict of the outputs asked for.

    `return_layers` maps names of direct children to names in the result. The children must run in the order in which they
    were assigned, each once. The parameters keep their names.
    Shape: that of the model's input -> {name: the output of the child}. ValueError for a child that is not there.

    >>> import facula
    >>> from facula_vision.models import resnet18
    >>> from facula_vision.models.feature_extraction import IntermediateLayerGetter
    >>> body = IntermediateLayerGetter(resnet18(), {"layer1": "fine", "layer3": "coarse"})
    >>> {name: tuple(value.shape) for name, value in body(facula.rand(1, 3, 64, 64)).items()}
    {'fine': (1, 64, 16, 16), 'coarse': (1, 256, 4, 4)}
    """

    def __init__(self, model: nn.Module, return_layers: Mapping[str, str]) -> None:
        children = dict(model.named_children())
        missing = sorted(set(return_layers) - set(children))
        if missing:
            raise ValueError(
                f"IntermediateLayerGetter: expected return_layers among {', '.join(children)}, got {', '.join(missing)}. "
                "Name direct children."
            )
        last = max(list(children).index(name) for name in return_layers)
        super().__init__(list(children.items())[: last + 1])
        self.return_layers = dict(return_layers)

    def forward(self, input: Tensor) -> OrderedDict[str, Tensor]:
        found: OrderedDict[str, Tensor] = OrderedDict()
        x = input
        for name, module in self.items():
            x = module(x)
            if name in self.return_layers:
                found[self.return_layers[name]] = x
        return found
