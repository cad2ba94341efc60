"""`GradScaler`: multiplies the loss so that float16 gradients do not vanish, and skips steps whose gradients overflow."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from facula import dtypes
from facula.devices import base as devices
from facula.errors import assertion_error, runtime_error, value_error
from facula.tensors.inplace import bump
from facula.tensors.tensor import Tensor, wrap

_READY, _UNSCALED, _STEPPED = "ready", "unscaled", "stepped"


def _is_available(device: str) -> bool:
    try:
        return devices.kind(devices.device(device).type).is_available()
    except RuntimeError:  # its package is not installed
        return False


class GradScaler:
    """Scale the loss, unscale the gradients, skip the step if one is inf or nan, and adapt the scale.

    The scale is multiplied by `backoff_factor` after a skipped step and by `growth_factor` after `growth_interval` steps in
    a row that were not skipped. Source: Micikevicius et al., Mixed Precision Training, 2018.

    >>> import facula
    >>> w = facula.nn.Parameter(facula.ones(2))
    >>> optimizer = facula.optim.SGD([w], lr=0.5)
    >>> scaler = facula.amp.GradScaler("cpu", init_scale=8.0)
    >>> scaler.scale(w.sum()).backward()
    >>> w.grad
    tensor([8., 8.])
    >>> scaler.step(optimizer)
    >>> scaler.update()
    >>> w.detach()
    tensor([0.5000, 0.5000])
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device, self._enabled = str(device), enabled
        if enabled and not _is_available(self._device):
            warnings.warn(
                f"GradScaler: expected {self._device} to be available, got none. Disabling the scaler.", stacklevel=2
            )
            self._enabled = False
        if self._enabled:
            if growth_factor <= 1.0:
                raise assertion_error(
                    f"GradScaler: The growth factor must be > 1.0, got {growth_factor}. Pass e.g. 2.0."
                )
            if backoff_factor >= 1.0:
                raise assertion_error(
                    f"GradScaler: The backoff factor must be < 1.0, got {backoff_factor}. Pass e.g. 0.5."
                )
        self._scale, self._growth_factor, self._backoff_factor = float(init_scale), growth_factor, backoff_factor
        self._growth_interval, self._growth_tracker = growth_interval, 0
        self._stages: dict[int, str] = {}
        self._overflowed: dict[int, bool] = {}

    def scale(self, outputs: Any) -> Any:
        """A tensor, or a list or tuple of tensors, times the scale."""
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            return outputs * wrap(np.asarray(self._scale, np.float32))
        if not isinstance(outputs, (list, tuple)):
            raise value_error(
                f"scale: outputs must be a Tensor or an iterable of Tensors, got {type(outputs).__name__}. Pass the loss."
            )
        scaled = [self.scale(item) for item in outputs]
        return type(outputs)(*scaled) if hasattr(outputs, "_fields") else type(outputs)(scaled)

    def unscale_(self, optimizer: Any) -> None:
        """Divide the gradients of an optimizer by the scale now, e.g. to clip them before `step`."""
        if not self._enabled:
            return
        stage = self._stages.get(id(optimizer), _READY)
        if stage is _UNSCALED:
            raise runtime_error(
                "unscale_() has already been called on this optimizer since the last update(). Call it once a step."
            )
        if stage is _STEPPED:
            raise runtime_error("unscale_() is being called after step(). Call it before step().")
        self._overflowed[id(optimizer)] = self._unscale_grads(optimizer)
        self._stages[id(optimizer)] = _UNSCALED

    def _unscale_grads(self, optimizer: Any) -> bool:
        inverse = np.float32(1.0 / self._scale)
        grads = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
        if not grads:
            raise assertion_error(
                "No inf checks were recorded for this optimizer, expected gradients, got none. Call backward() first."
            )
        overflowed = False
        for grad in grads:
            if grad.dtype is dtypes.float16:
                raise value_error(
                    "Attempting to unscale FP16 gradients, expected float32. Keep the weights in float32 and use autocast."
                )
            xp = devices.kind_of(grad.array).xp
            overflowed |= not bool(xp.isfinite(grad.array).all())
            with np.errstate(all="ignore"):
                xp.multiply(grad.array, inverse, out=grad.array, casting="unsafe")
            bump(grad, "unscale_")
        return overflowed

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """`optimizer.step()`, unless a gradient is inf or nan; unscales first if that has not been done."""
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise runtime_error("Closure use is not currently supported if GradScaler is enabled. Call it yourself.")
        stage = self._stages.get(id(optimizer), _READY)
        if stage is _STEPPED:
            raise runtime_error("step() has already been called since the last update(). Call update() once a step.")
        if stage is _READY:
            self.unscale_(optimizer)
        skipped = self._overflowed[id(optimizer)]
        result = None if skipped else optimizer.step(*args, **kwargs)
        optimizer._opt_called = True  # for schedulers a step that was skipped has been taken
        self._stages[id(optimizer)] = _STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Adapt the scale to what the steps since the last call found, or set it."""
        if not self._enabled:
            return
        if new_scale is not None:
            self._scale = float(new_scale)
        elif not self._overflowed:
            raise assertion_error("No inf checks were recorded prior to update. Call step() first.")
        elif any(self._overflowed.values()):
            self._scale *= self._backoff_factor
            self._growth_tracker = 0
        else:
            self._growth_tracker += 1
            if self._growth_tracker == self._growth_interval:
                grown = float(np.float32(self._scale * self._growth_factor))
                self._scale = grown if math.isfinite(grown) else self._scale
                self._growth_tracker = 0
        self._stages.clear()
        self._overflowed.clear()

    def get_scale(self) -> float:
        """The scale, or 1.0 if disabled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """What a calm interval multiplies the scale by."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Choose what a calm interval multiplies the scale by."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """What a skipped step multiplies the scale by."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Choose what a skipped step multiplies the scale by."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """How many steps without overflow let the scale grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Choose how many steps without overflow let the scale grow."""
        self._growth_interval = new_interval

    def is_enabled(self) -> bool:
        """Whether the scaler does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """The scale, the factors and the count of calm steps; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned."""
        if not self._enabled:
            return
        if not state_dict:
            raise runtime_error(
                "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler. "
                "Save it from an enabled one."
            )
        self._scale = float(state_dict["scale"])
        self._growth_factor, self._backoff_factor = state_dict["growth_factor"], state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = int(state_dict["_growth_tracker"])
