"""Faster forms of operators for the CPU: each file hangs compiled loops on the records of one family.

`compiled.py` says how a loop is written and where its machine code is kept, `vector.py` holds the functions that loops
call. A record's own forward stays the readable reference; with `use_kernels(False)`, without numba, for small arrays and
for those that are not contiguous it is what runs.
"""

from facula.ops.kernels.compiled import use_kernels, warm_up

__all__ = ["use_kernels", "warm_up"]
