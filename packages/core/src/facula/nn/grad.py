"""`torch.nn.grad`: the gradients of convolutions in their input and in their weight, as functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from facula.nn.sizes import ntuple
from facula.ops.conv import conv_input_op, conv_weight_op
from facula.tensors.tensor import Tensor

__all__ = ["conv1d_input", "conv1d_weight", "conv2d_input", "conv2d_weight", "conv3d_input", "conv3d_weight"]


def _settings(n: int, stride: Any, padding: Any, dilation: Any) -> tuple[Any, Any, Any]:
    """One number per dimension; of the padding one pair, for both ends."""
    return ntuple(stride, n), tuple((p, p) for p in ntuple(padding, n)), ntuple(dilation, n)


def _make(n: int, of_weight: bool) -> Callable[..., Tensor]:
    def input(
        input_size: Sequence[int],
        weight: Tensor,
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        size = tuple(input_size)[-n:]
        return conv_input_op(grad_output, weight, size, *_settings(n, stride, padding, dilation), groups)

    def weight(
        input: Tensor,
        weight_size: Sequence[int],
        grad_output: Tensor,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Tensor:
        kernel = tuple(weight_size)[-n:]
        return conv_weight_op(grad_output, input, kernel, *_settings(n, stride, padding, dilation), groups)

    made = weight if of_weight else input
    made.__name__ = made.__qualname__ = f"conv{n}d_{made.__name__}"
    made.__doc__ = (
        f"The gradient of `conv{n}d` in its {'weight' if of_weight else 'input'}, given the one in its output.\n\n"
        "    Shape: (N, C_out, *) -> " + ("weight_size" if of_weight else "input_size") + "."
    )
    return made


conv1d_input, conv2d_input, conv3d_input = (_make(n, False) for n in (1, 2, 3))
conv1d_weight, conv2d_weight, conv3d_weight = (_make(n, True) for n in (1, 2, 3))
