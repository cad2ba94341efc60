"""Modules without their initialisation."""

from __future__ import annotations

import inspect
from typing import Any

from facula.errors import runtime_error
from facula.nn.module import Module


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Module:
    """Build a module without filling its parameters: on the meta device first, then empty where it is wanted.

    >>> import facula
    >>> facula.nn.utils.skip_init(facula.nn.Linear, 2, 3).weight.shape
    facula.Size([3, 2])
    """
    if not (isinstance(module_cls, type) and issubclass(module_cls, Module)):
        raise runtime_error(f"skip_init: Expected a Module; got {module_cls}. Pass the class.")
    if "device" not in inspect.signature(module_cls).parameters:
        raise runtime_error("skip_init: Module must support a 'device' arg to skip initialization. Build it as usual.")
    device = kwargs.pop("device", None) or "cpu"
    build: Any = module_cls
    module: Module = build(*args, **kwargs, device="meta")
    return module.to_empty(device=device)
