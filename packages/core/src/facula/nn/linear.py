"""Linear layers: Identity, Linear, Bilinear and LazyLinear."""

from __future__ import annotations

import math
from typing import Any

from facula.errors import value_error
from facula.nn import functional as F
from facula.nn import init
from facula.nn.lazy import LazyModuleMixin
from facula.nn.module import Module
from facula.nn.uninitialized import UninitializedParameter, new_parameter
from facula.tensors.tensor import Tensor


class Identity(Module):
    """Return the input; any arguments are accepted and ignored.

    Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.Identity(54)(facula.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Linear(Module):
    """y = input @ weight.T + bias.

    Shape: (*, in_features) -> (*, out_features). weight (out_features, in_features) and bias (out_features) start from
    U(-1/sqrt(in_features), 1/sqrt(in_features)).

    >>> import facula
    >>> facula.nn.Linear(20, 30)(facula.ones(128, 20)).shape
    facula.Size([128, 30])
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.in_features = in_features
        self.out_features = out_features
        self.weight = new_parameter(out_features, in_features, device=device, dtype=dtype)
        self.register_parameter("bias", new_parameter(out_features, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        bound = 1 / math.sqrt(self.in_features) if self.in_features > 0 else 0.0
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class NonDynamicallyQuantizableLinear(Linear):
    """A Linear whose weights other code reads directly (attention's output projection), so it must stay a Linear."""


class Bilinear(Module):
    """y_k = input1 @ weight[k] @ input2 + bias_k.

    Shape: (*, in1_features), (*, in2_features) -> (*, out_features).

    >>> import facula
    >>> facula.nn.Bilinear(2, 3, 4)(facula.ones(8, 2), facula.ones(8, 3)).shape
    facula.Size([8, 4])
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise value_error(
                f"Bilinear: expected in1_features > 0, got {in1_features}. Pass the first input's last size."
            )
        self.in1_features = in1_features
        self.in2_features = in2_features
        self.out_features = out_features
        self.weight = new_parameter(out_features, in1_features, in2_features, device=device, dtype=dtype)
        self.register_parameter("bias", new_parameter(out_features, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw new weights."""
        bound = 1 / math.sqrt(self.in1_features)
        init.uniform_(self.weight, -bound, bound)
        if self.bias is not None:
            init.uniform_(self.bias, -bound, bound)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class LazyLinear(LazyModuleMixin, Linear):
    """A Linear that learns `in_features` from its first input.

    Shape: (*, in_features) -> (*, out_features).

    >>> import facula
    >>> layer = facula.nn.LazyLinear(3)
    >>> layer(facula.ones(2, 5)).shape, layer.in_features
    (facula.Size([2, 3]), 5)
    """

    cls_to_become = Linear

    def __init__(self, out_features: int, bias: bool = True, device: Any = None, dtype: Any = None) -> None:
        super().__init__(0, 0, False)
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_features = out_features
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new weights, once there are any."""
        if not self.has_uninitialized_params() and self.in_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input: Tensor) -> None:
        """Take `in_features` from the first input."""
        if self.has_uninitialized_params():
            self.in_features = input.shape[-1]
            self.weight.materialize((self.out_features, self.in_features))
            if self.bias is not None:
                self.bias.materialize((self.out_features,))
            self.reset_parameters()
        if self.in_features == 0:
            self.in_features = self.weight.shape[-1]
