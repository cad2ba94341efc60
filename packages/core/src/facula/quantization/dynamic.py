"""Dynamic quantization: int8 weights stored, activations quantized as they come."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd.state import no_grad
from facula.errors import value_error
from facula.nn.linear import Linear
from facula.nn.module import Module
from facula.tensors.tensor import Tensor, wrap

qint8 = dtypes.dtype("int8", dtypes.INTEGER, 1)
qint8.name = "qint8"


class DynamicQuantizedLinear(Module):
    """A linear layer with int8 weights: y = s_x s_w (q_x - z) @ q_w.T + bias, inference only.

    q_w is symmetric per output feature, q_x asymmetric over the whole input, chosen at each call:
    s_x = (max - min) / 255, z = round(-min / s_x). The integer products run through a float32 matrix product; they are exact while
    in_features < 1040, and rounded at the 24th bit above.

    Shape: (*, in_features) -> (*, out_features).
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.register_buffer("weight", wrap(np.zeros((out_features, in_features), np.int8)))
        self.register_buffer("scale", wrap(np.ones(out_features, np.float32)))
        self.register_buffer("bias", wrap(np.zeros(out_features, np.float32)) if bias else None)

    @classmethod
    def from_float(cls, linear: Any) -> DynamicQuantizedLinear:
        """The int8 layer of a trained `Linear`."""
        made = cls(linear.in_features, linear.out_features, linear.bias is not None)
        w = linear.weight.detach().numpy(force=True).astype(np.float32)
        largest = np.abs(w).max(axis=1, initial=0.0)
        scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
        made.weight = wrap(np.clip(np.rint(w / scale[:, None]), -127, 127).astype(np.int8))
        made.scale = wrap(scale)
        if linear.bias is not None:
            made.bias = wrap(linear.bias.detach().numpy(force=True).astype(np.float32))
        return made.train(linear.training)

    def forward(self, input: Tensor) -> Tensor:
        with no_grad():
            low, high = min(float(input.min()), 0.0), max(float(input.max()), 0.0)
            step = (high - low) / 255 or 1.0
            zero = round(-low / step)
            q = (input / step).round() + zero
            q = q.clamp(0, 255) - zero
            out: Tensor = (q @ self.weight.float().mT) * (self.scale * step)
            return out if self.bias is None else out + self.bias

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, dtype=facula.qint8"


def quantize_dynamic(
    model: Any,
    qconfig_spec: Iterable[type] | None = None,
    dtype: Any = qint8,
    mapping: Any = None,
    inplace: bool = False,
) -> Any:
    """A copy of `model` whose layers of the given classes (`Linear` by default) hold int8 weights.

    Errors: ValueError for another dtype than `facula.qint8` or a class that has no int8 form.

    >>> import facula
    >>> from facula import nn
    >>> facula.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 2)), {nn.Linear})
    Sequential(
      (0): DynamicQuantizedLinear(in_features=4, out_features=2, dtype=facula.qint8)
    )
    """
    if dtype is not qint8:
        raise value_error(
            f"quantize_dynamic: expected dtype facula.qint8, got {dtype!r}. Other types are not supported yet."
        )
    classes = tuple(qconfig_spec) if qconfig_spec is not None else (Linear,)
    for c in classes:
        if not (isinstance(c, type) and issubclass(c, Linear)):
            raise value_error(
                f"quantize_dynamic: expected the class Linear, got {c!r}. Only Linear layers have an int8 form."
            )
    model = model if inplace else copy.deepcopy(model)
    if isinstance(model, classes):
        return DynamicQuantizedLinear.from_float(model)
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, classes):
                setattr(parent, name, DynamicQuantizedLinear.from_float(child))
    return model
