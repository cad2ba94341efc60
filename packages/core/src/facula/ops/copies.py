"""The `*_copy` twins of views: the same result in memory of its own."""

from __future__ import annotations

from facula.autograd.primitives import clone

VIEWS = (
    "as_strided diagonal expand permute select split split_with_sizes squeeze t transpose unbind unfold unsqueeze view "
    "view_as_complex view_as_real"
).split()


def _copied(result, out):
    if isinstance(result, (tuple, list)):
        copies = tuple(clone(t) for t in result)
        return copies if out is None else tuple(o.copy_(t) for o, t in zip(out, copies, strict=True))
    return clone(result) if out is None else out.copy_(result)


def _twin(view):
    def copy(input, *args, out=None, **kwargs):
        return _copied(getattr(input, view)(*args, **kwargs), out)

    copy.__name__ = copy.__qualname__ = f"{view}_copy"
    copy.__module__, copy.__doc__ = __name__, f"`{view}` of `input` as a copy instead of a view.   Shape: as `{view}`."
    return copy


globals().update({f"{view}_copy": _twin(view) for view in VIEWS})


def alias_copy(input, *, out=None):
    """A copy of `input`.   Shape: (*) -> (*)."""
    return _copied(input, out)


def detach_copy(input, *, out=None):
    """A copy of `input` without history.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.detach_copy(facula.ones(1, requires_grad=True)).requires_grad
    False
    """
    return _copied(input.detach(), out)


def slice_copy(input, dim=0, start=None, end=None, step=1, *, out=None):
    """A copy of the positions start, start + step, ... below end along `dim`.

    Shape: (*, n, *) -> (*, (end - start) / step rounded up, *).

    >>> import facula
    >>> facula.slice_copy(facula.arange(5), 0, 1, 4, 2)
    tensor([1, 3])
    """
    d = dim + input.ndim if dim < 0 else dim
    return _copied(input[(slice(None),) * d + (slice(start, end, step),)], out)
