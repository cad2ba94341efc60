"""In which floating-point type a run computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import facula
from facula_lightning.batches import map_tensors

_ALIASES = {"32": "32-true", "64": "64-true", "bf16": "bf16-mixed", "16": "16-mixed"}
PRECISIONS: dict[str, Any] = {
    "32-true": None, "64-true": facula.float64, "bf16-true": facula.bfloat16, "16-true": facula.float16,
    "bf16-mixed": facula.bfloat16, "16-mixed": facula.float16,
}  # fmt: skip


class Precision:
    """ "32-true" leaves everything as it is, "64-true", "16-true" and "bf16-true" convert the module and the floating-point
    tensors of batches, "bf16-mixed" and "16-mixed" keep weights in float32 and let autocast choose operators that compute
    in bfloat16 or float16; with float16 losses are scaled, so that small gradients do not vanish.
    """

    def __init__(self, precision: str | int | None = None, device: str = "cpu") -> None:
        name = "32-true" if precision is None else _ALIASES.get(str(precision), str(precision))
        if name not in PRECISIONS:
            raise ValueError(
                f"Trainer: expected precision to be one of {', '.join(PRECISIONS)}, got {precision!r}. Use '32-true'."
            )
        self.name, self.device, mixed = name, device, name.endswith("mixed")
        self._plain: AbstractContextManager[None] = nullcontext()
        self._autocast: Any = PRECISIONS[name] if mixed else None
        self.dtype: Any = None if mixed else PRECISIONS[name]
        self.scaler: Any = facula.amp.GradScaler(device) if name == "16-mixed" else None

    @property
    def converts(self) -> bool:
        """Whether batches change their type."""
        return self.dtype is not None

    def convert_module(self, module: Any) -> None:
        """Give the module's floating-point parameters and buffers the type of the run."""
        if self.dtype is not None:
            module.to(dtype=self.dtype)

    def convert(self, batch: Any) -> Any:
        """The batch with its floating-point tensors in the type of the run."""
        if self.dtype is None:
            return batch

        def one(value: Any) -> Any:
            floating = isinstance(value, facula.Tensor) and value.is_floating_point()
            return value.to(self.dtype) if floating else value

        return map_tensors(one, batch)

    def scaled(self, loss: Any) -> Any:
        """The loss as it is to be differentiated."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    def unscale(self, optimizer: Any) -> None:
        """Bring gradients back to their size before anybody looks at them."""
        if self.scaler is not None:
            self.scaler.unscale_(getattr(optimizer, "optimizer", optimizer))

    def stepper(self, optimizer: Any) -> Any:
        """What steps the optimizer: itself, or a guard that skips steps whose gradients overflowed."""
        return optimizer if self.scaler is None else _Guarded(optimizer, self.scaler)

    def forward(self) -> AbstractContextManager[Any]:
        """The block in which steps run."""
        if self._autocast is not None:
            return facula.autocast(self.device, dtype=self._autocast)
        return self._plain if self.dtype is None else self._default_dtype()

    @contextmanager
    def _default_dtype(self) -> Iterator[None]:
        before = facula.get_default_dtype()
        facula.set_default_dtype(self.dtype)
        try:
            yield
        finally:
            facula.set_default_dtype(before)


class _Guarded:
    """An optimizer that steps through a GradScaler."""

    def __init__(self, optimizer: Any, scaler: Any) -> None:
        self.optimizer, self._scaler = optimizer, scaler

    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        self._scaler.step(self.optimizer)
        self._scaler.update()
        return loss

    def __getattr__(self, name: str) -> Any:
        return getattr(self.optimizer, name)
