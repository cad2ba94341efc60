"""`out=` for functions that are composed of ops: compute, then write where the user says."""

from __future__ import annotations

import functools

from facula.tensors.inplace import write_out


def takes_out(function):
    """Give a composed function PyTorch's keyword `out=`."""

    @functools.wraps(function)
    def with_out(*args, out=None, **kwargs):
        result = function(*args, **kwargs)
        return result if out is None else write_out(out, result)

    return with_out
