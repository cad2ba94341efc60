"""`torch.autograd.forward_ad`: tensors that carry a tangent. Tangents come from the tape: a jvp is the vjp of a vjp.

A dual tensor is one of the tape's inputs (it requires grad); `unpack_dual` pulls a vector back from a result to the duals of
the level, and pulls the duals' tangents back through that.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import NamedTuple

from facula import dtypes
from facula.autograd.engine import _below, grad
from facula.autograd.state import enable_grad, state
from facula.autograd.tape import Leaf, current
from facula.errors import runtime_error, value_error
from facula.tensors.tensor import Tensor

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns: the tensor, and its tangent or None."""

    primal: Tensor
    tangent: Tensor | None


class _Levels(threading.local):
    def __init__(self) -> None:
        self.duals: list[tuple[Tensor, Tensor]] | None = None  # (dual, tangent) of the level that is open


_levels = _Levels()


def enter_dual_level() -> int:
    """Open a level for duals; returns its number. `with dual_level():` does it for you."""
    if _levels.duals is not None:
        raise runtime_error(
            "Nested forward mode AD is not supported at the moment: expected one dual_level, got a second inside. Use func.jvp, which nests."
        )
    _levels.duals = []
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """Close the level; its tangents are forgotten."""
    if _levels.duals is None:
        raise runtime_error(
            "exit_dual_level: expected an open level, got none (Trying to exit a forward AD level but none exists). Enter one first."
        )
    _levels.duals = None


class dual_level:
    """The region in which tensors carry tangents.

    >>> import facula
    >>> import facula.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(facula.tensor([1., 2.]), facula.tensor([1., 0.]))
    ...     fwAD.unpack_dual(x * x).tangent
    tensor([2., 0.])
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        exit_dual_level()


def make_dual(tensor: Tensor, tangent: Tensor, *, level: int | None = None) -> Tensor:
    """`tensor` with a tangent, for the level that is open. Both are of one shape and type.

    >>> import facula
    >>> import facula.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     fwAD.unpack_dual(fwAD.make_dual(facula.tensor(2.), facula.tensor(1.)).exp().log()).tangent
    tensor(1.)
    """
    if _levels.duals is None:
        raise runtime_error(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    if not (dtypes.is_differentiable(tensor.array.dtype) and dtypes.is_differentiable(tangent.array.dtype)):
        raise value_error(
            f"Expected primal and tangent to be floating point or complex, but got: {tensor.dtype} and {tangent.dtype}. Convert them."
        )
    if tensor.shape != tangent.shape:
        raise runtime_error(
            f"make_dual: Expected a tangent of the shape of its tensor, got {tuple(tangent.shape)} for {tuple(tensor.shape)}. Reshape it."
        )
    if not state.grad:
        raise runtime_error(
            "make_dual: expected gradients to be recorded, got a call inside of no_grad (tangents come from the tape here). Leave no_grad away."
        )
    dual: Tensor = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
    _levels.duals.append((dual, tangent))
    return dual


def unpack_dual(tensor: Tensor, *, level: int | None = None) -> UnpackedDualTensor:
    """The tensor without its tangent, and the tangent: None if it does not depend on a dual."""
    duals = _levels.duals
    node = current(tensor).node
    if not duals or node is None:
        return UnpackedDualTensor(tensor, None)
    below = set(_below([node]))
    used = [(dual, tangent) for dual, tangent in duals if current(dual).node in below]
    if not used:
        return UnpackedDualTensor(tensor, None)
    inputs = [dual for dual, _ in used]
    own = {dual.node for dual in inputs}
    outer = any(type(n) is Leaf and n not in own for n in below) or any(t.requires_grad for _, t in used)
    with enable_grad():
        seed = tensor.new_zeros(tensor.shape).requires_grad_()
        pulled = grad([tensor], inputs, [seed], create_graph=True, materialize_grads=True)
        pairs = [
            (p, tangent) for p, (_, tangent) in zip(pulled, used, strict=True) if p is not None and p.requires_grad
        ]
        tangents = grad(
            [p for p, _ in pairs], [seed], [t for _, t in pairs],
            retain_graph=True, create_graph=outer, allow_unused=True, materialize_grads=True,
        )  # fmt: skip
    return UnpackedDualTensor(tensor if outer else tensor.detach(), tangents[0])
