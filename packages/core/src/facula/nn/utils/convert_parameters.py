"""Parameters as one vector."""

from __future__ import annotations

from collections.abc import Iterable

from facula.autograd import no_grad
from facula.errors import type_error
from facula.ops import cat
from facula.tensors.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """All numbers of all parameters, one after the other.

    >>> import facula
    >>> facula.nn.utils.parameters_to_vector([facula.ones(2), facula.zeros(1, 2)])
    tensor([1., 1., 0., 0.])
    """
    return cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Write the numbers of a vector back into the parameters.

    >>> import facula
    >>> layer = facula.nn.Linear(2, 1)
    >>> facula.nn.utils.vector_to_parameters(facula.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.bias.item()
    3.0
    """
    if not isinstance(vec, Tensor):
        raise type_error(f"vector_to_parameters: expected a Tensor, got {type(vec).__name__}. Pass one vector.")
    start = 0
    with no_grad():
        for parameter in parameters:
            end = start + parameter.numel()
            parameter.copy_(vec[start:end].reshape(parameter.shape))
            start = end
