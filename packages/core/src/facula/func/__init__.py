"""`torch.func`: transformations of functions. They compose: `vmap(grad(f))` is the gradient of each sample."""

from __future__ import annotations

from facula.func.lanes import debug_unwrap as debug_unwrap
from facula.func.mapping import vmap as vmap
from facula.func.rearranging import rearrange as rearrange
from facula.func.stateless import functional_call as functional_call
from facula.func.stateless import replace_all_batch_norm_modules_ as replace_all_batch_norm_modules_
from facula.func.stateless import stack_module_state as stack_module_state
from facula.func.transforms import functionalize as functionalize
from facula.func.transforms import grad as grad
from facula.func.transforms import grad_and_value as grad_and_value
from facula.func.transforms import hessian as hessian
from facula.func.transforms import jacfwd as jacfwd
from facula.func.transforms import jacrev as jacrev
from facula.func.transforms import jvp as jvp
from facula.func.transforms import linearize as linearize
from facula.func.transforms import vjp as vjp
