"""Which module is running: hooks on all modules, while somebody asks."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from facula.nn.hooks import register_module_forward_hook, register_module_forward_pre_hook
from facula.nn.module import Module


class ModuleTracker:
    """Knows the path of the module whose `forward` runs, e.g. "Net.encoder.0"; the outermost is called by its class.

    `entered(path, module)` and `left(path, module, output)` are called on the way, if given.
    """

    def __init__(
        self,
        entered: Callable[[str, Module], None] | None = None,
        left: Callable[[str, Module, Any], None] | None = None,
    ) -> None:
        self.entered, self.left = entered, left
        self.running: list[tuple[str, Module]] = []
        self._names: weakref.WeakKeyDictionary[Module, dict[int, str]] = weakref.WeakKeyDictionary()
        self._handles: list[Any] = []

    @property
    def path(self) -> str:
        """The path of the innermost module; "" outside of all."""
        return self.running[-1][0] if self.running else ""

    def start(self) -> None:
        self._handles = [
            register_module_forward_pre_hook(self._enter),
            register_module_forward_hook(self._leave, always_call=True),
        ]

    def stop(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles, self.running = [], []

    def name(self, module: Module) -> str:
        """The path from the outermost module that runs; a module that is nobody's child stands under its caller by class."""
        for path, parent in reversed(self.running):
            names = self._names.get(parent)
            if names is None or id(module) not in names:
                names = self._names[parent] = {id(m): n for n, m in parent.named_modules()}
            if names.get(id(module)):
                return f"{path}.{names[id(module)]}"
        return f"{self.path}.{type(module).__name__}" if self.running else type(module).__name__

    def _enter(self, module: Module, args: Any) -> None:
        path = self.name(module)
        self.running.append((path, module))
        if self.entered is not None:
            self.entered(path, module)

    def _leave(self, module: Module, args: Any, output: Any) -> None:
        if self.running and self.running[-1][1] is module:
            path = self.running.pop()[0]
            if self.left is not None:
                self.left(path, module, output)
