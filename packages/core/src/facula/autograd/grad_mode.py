"""`torch.autograd.grad_mode`'s names: switching the tape on and off."""

from __future__ import annotations

from facula.autograd.state import enable_grad as enable_grad
from facula.autograd.state import inference_mode as inference_mode
from facula.autograd.state import no_grad as no_grad
from facula.autograd.state import set_grad_enabled as set_grad_enabled
from facula.autograd.state import set_multithreading_enabled as set_multithreading_enabled
