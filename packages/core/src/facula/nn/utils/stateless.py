"""`torch.nn.utils.stateless`: the older place of `functional_call`."""

from __future__ import annotations

from typing import Any

from facula.nn.module import Module


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """`facula.func.functional_call`, under its older name.

    >>> import facula
    >>> layer = facula.nn.Linear(2, 1, bias=False)
    >>> facula.nn.utils.stateless.functional_call(layer, {"weight": facula.ones(1, 2)}, facula.ones(2))
    tensor([2.])
    """
    from facula.func.stateless import functional_call as call

    return call(module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict)
