"""`torch.cpu.amp`'s names: autocast and GradScaler with the device given."""

from facula.amp.older import CPUGradScaler as GradScaler
from facula.amp.older import cpu_autocast as autocast

__all__ = ["GradScaler", "autocast"]
