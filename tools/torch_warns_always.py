"""A pytest plugin for the tests that ask torch: what torch warns of once in a process it warns of in every test.

Otherwise a warning, which is an error here, comes up in whichever test asks first, and so at some orders of them only.
"""

import torch

torch.set_warn_always(True)
