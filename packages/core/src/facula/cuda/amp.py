"""`torch.cuda.amp`'s names: autocast and GradScaler with the device given."""

from facula.amp.older import CUDAGradScaler as GradScaler
from facula.amp.older import cuda_autocast as autocast
from facula.amp.older import cuda_custom_bwd as custom_bwd
from facula.amp.older import cuda_custom_fwd as custom_fwd
from facula.devices.cuda import is_available


def amp_definitely_not_available() -> bool:
    """Whether there is no GPU."""
    return not is_available()


__all__ = ["GradScaler", "amp_definitely_not_available", "autocast", "custom_bwd", "custom_fwd"]
