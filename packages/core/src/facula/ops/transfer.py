"""Copies between devices, recorded so that gradients travel back."""

from __future__ import annotations

from facula.autograd.op import op, sample
from facula.devices import base as devices
from facula.devices.meta import Meta

_CPU = devices.device("cpu")


@op(lambda input, home, device: Meta(input.shape, input.dtype), onnx="Identity", half=False, moves=True, samples=[
    sample((3, 4), home=_CPU, device=_CPU), sample((2,), home=_CPU, device=_CPU),
])  # fmt: skip
def transfer_op(xp, input, /, home, device):
    """`input` copied from device `home` to `device`; the gradient is copied back."""
    moved = devices.move(input, device)
    return moved.copy() if moved is input else moved


transfer_op.vjp(input=lambda g, home, device: transfer_op(g, device, home))


def transfer(input, device):
    """A recorded copy of `input` on `device`."""
    return transfer_op(input, input.device, device)
