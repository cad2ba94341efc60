"""New tensors: from data, filled, counted."""

from __future__ import annotations

import math

import numpy as np

from facula import dtypes
from facula.autograd.primitives import cast
from facula.devices import base as devices
from facula.devices.meta import Meta
from facula.errors import runtime_error, type_error, value_error
from facula.ops.maker import named
from facula.ops.rules import dims_of
from facula.ops.shape import size_of
from facula.tensors.layouts import strided
from facula.tensors.tensor import Tensor, wrap


def _place(array, device, requires_grad=False):
    """A finished host array as a tensor on the device that the user asked for."""
    to = devices.default() if device is None else devices.device(device)
    out = wrap(array if to.type == "cpu" else devices.move(array, to))
    return out.requires_grad_() if requires_grad else out


def _new(shape, dtype, device, requires_grad, fill):
    """A filled tensor; on the meta device no memory is touched."""
    to = devices.default() if device is None else devices.device(device)
    if any(n < 0 for n in shape):
        raise runtime_error(
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}. Sizes must be zero or more."
        )
    if to.type == "meta":
        out = wrap(Meta(shape, dtype))
    else:
        out = wrap(devices.move(fill(shape, dtype), to))
    return out.requires_grad_() if requires_grad else out


def _float(dtype):
    return dtypes.default().numpy if dtype is None else dtypes.numpy_of(dtype)


def _numpy_data(data):
    """Nested lists of numbers and tensors as a NumPy array."""
    if isinstance(data, (list, tuple)) and any(isinstance(x, (Tensor, list, tuple)) for x in data):
        return np.array([_numpy_data(x) for x in data]) if data else np.array([], dtype=float)
    return (
        devices.to_host(data.array)
        if isinstance(data, Tensor)
        else np.asarray(data)
        if not isinstance(data, np.ndarray)
        else data
    )


def _all_python(data):
    if isinstance(data, (list, tuple)):
        return all(_all_python(x) for x in data)
    return isinstance(data, (bool, int, float, complex)) and not isinstance(data, np.generic)


def _strange(data):
    """The type of the first element that is no number."""
    if isinstance(data, (list, tuple)):
        return next((kind for x in data if (kind := _strange(x))), "")
    return "" if isinstance(data, (bool, int, float, complex, np.number, np.bool_)) else type(data).__name__


def _from_data(data, dtype):
    try:
        array = _numpy_data(data)
    except ValueError:
        raise value_error(
            "tensor: expected sequences of equal length at every dimension, got ragged data. Pad the rows first."
        ) from None
    if array.dtype == object or array.dtype.kind in "SUmM":
        kind = _strange(data)
        refuse = {"str": value_error, "NoneType": runtime_error}.get(kind, type_error)  # as PyTorch does
        raise refuse(
            f"tensor: new(): data must be numbers or nested sequences of numbers, got {kind} (could not infer dtype, invalid data type). "
            "Convert it to numbers first."
        )
    if dtype is not None:
        with np.errstate(all="ignore"):
            return array.astype(dtypes.numpy_of(dtype))
    if _all_python(data):
        if array.dtype.kind == "f" or not array.size:
            return array.astype(dtypes.default().numpy)
        if array.dtype.kind == "c":
            return array.astype(dtypes.complex_of(dtypes.default().numpy))
    return array


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor that copies `data`: numbers, nested sequences, arrays.   Shape: the nesting of `data`.

    >>> import facula
    >>> facula.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if isinstance(data, Tensor):
        import warnings

        warnings.warn(
            "To copy construct from a tensor, it is recommended to use source.detach().clone().",
            UserWarning,
            stacklevel=2,
        )
        device = data.device if device is None else device
        array = data.array if dtype is None else cast(data.detach(), dtypes.numpy_of(dtype)).array
        out = wrap(devices.move(array.copy(), devices.device(device)))
        return out.requires_grad_() if requires_grad else out
    array = _from_data(data, dtype)
    array = array.copy() if isinstance(data, np.ndarray) and np.shares_memory(array, data) else array
    dtypes.of(array.dtype)
    return _place(np.ascontiguousarray(array).reshape(array.shape), device, requires_grad)


def as_scalar_tensor(value, dtype, like):
    """A 0-dim constant beside `like`."""
    return wrap(Meta((), dtype) if like.is_meta else devices.move(np.asarray(value, dtype), like.device))


def scalar_tensor(s, *, dtype=None, layout=None, device=None, pin_memory=None, requires_grad=False):
    """A 0-dim tensor of a number.   Shape: ().

    >>> import facula
    >>> facula.scalar_tensor(3.)
    tensor(3.)
    """
    return _place(np.asarray(s, _float(dtype)), device, requires_grad)


def _factory(name, fill, doc):
    def make(
        *size,
        out=None,
        dtype=None,
        layout=None,
        device=None,
        pin_memory=False,
        requires_grad=False,
        memory_format=None,
        **kwargs,
    ):
        size = size_of(size or (kwargs.pop("size"),), name)
        if layout is not None and layout is not strided:
            return _sparse(name, layout, size, dtype, device, requires_grad)
        if kwargs:
            raise type_error(
                f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'. Use dtype=, device=, requires_grad=."
            )
        made = _new(
            size, _float(dtype) if out is None or dtype is not None else out.array.dtype, device, requires_grad, fill
        )
        if out is None:
            return made
        from facula.tensors.inplace import write_out

        return write_out(out, made)

    named(make, name, __name__)
    make.__doc__ = f"""{doc}   Shape: (*size).

    >>> import facula
    >>> facula.{name}(2, 3).shape
    facula.Size([2, 3])
    """
    return make


zeros = _factory("zeros", np.zeros, "A tensor of zeros with the shape `size`.")
ones = _factory("ones", np.ones, "A tensor of ones with the shape `size`.")
empty = _factory("empty", np.empty, "A tensor with the shape `size` whose elements are whatever the memory held.")


def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """A tensor with the shape `size` filled with `fill_value`.   Shape: (*size).

    >>> import facula
    >>> facula.full((2,), 7)
    tensor([7, 7])
    """
    value = fill_value.item() if isinstance(fill_value, Tensor) else fill_value
    d = dtypes.scalar_dtype(value) if dtype is None else dtypes.numpy_of(dtype)
    made = _new(size_of((size,), "full"), d, device, requires_grad, lambda shape, d: np.full(shape, value, d))
    if out is None:
        return made
    from facula.tensors.inplace import write_out

    return write_out(out, made)


def _sparse(name, layout, size, dtype, device, requires_grad):
    """Nothing but zeros in a sparse layout."""
    if not name.startswith(("zeros", "empty")):
        raise runtime_error(f"{name}: expected layout facula.strided, got {layout}. Call .to_sparse() afterwards.")
    from facula.ops.sparse import empty_sparse

    return empty_sparse(name, layout, size, dtype, device, requires_grad)


def _like(name, fill, doc):
    def make(input, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, memory_format=None):
        d = input.array.dtype if dtype is None else dtypes.numpy_of(dtype)
        chosen = input.layout if layout is None else layout
        if chosen is not strided:
            return _sparse(
                name, chosen, input.shape, dtypes.of(d), input.device if device is None else device, requires_grad
            )
        return _new(input.array.shape, d, input.device if device is None else device, requires_grad, fill)

    named(make, name, __name__)
    make.__doc__ = f"""{doc}   Shape: (*) -> (*).

    >>> import facula
    >>> facula.{name}(facula.ones(2, 3)).shape
    facula.Size([2, 3])
    """
    return make


zeros_like = _like("zeros_like", np.zeros, "Zeros with the shape, type and device of `input`.")
ones_like = _like("ones_like", np.ones, "Ones with the shape, type and device of `input`.")
empty_like = _like("empty_like", np.empty, "Uninitialised memory with the shape, type and device of `input`.")


def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
):
    """`fill_value` everywhere, with the shape, type and device of `input`.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.full_like(facula.ones(2), 7)
    tensor([7., 7.])
    """
    d = input.dtype if dtype is None else dtype
    return full(
        input.shape, fill_value, dtype=d, device=input.device if device is None else device, requires_grad=requires_grad
    )


def _new_method(name, fill):
    def make(self, *size, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False, **kwargs):
        size = size_of(size or (kwargs.pop("size"),), name)
        d = self.array.dtype if dtype is None else dtypes.numpy_of(dtype)
        return _new(size, d, self.device if device is None else device, requires_grad, fill)

    named(make, name, __name__)
    make.__doc__ = f"`{name.removeprefix('new_')}` with the type and device of this tensor.   Shape: (*size)."
    return make


new_zeros, new_ones, new_empty = (
    _new_method("new_zeros", np.zeros),
    _new_method("new_ones", np.ones),
    _new_method("new_empty", np.empty),
)


def empty_strided(size, stride, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """Uninitialised memory seen with the given sizes and strides (in elements).   Shape: (*size)."""
    from facula.ops.strided import as_strided

    count = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if math.prod(size) else 0
    made = as_strided(empty(count, dtype=dtype, device=device), size, stride).detach()
    return made.requires_grad_() if requires_grad else made


def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """Uninitialised memory of shape `size` whose dimensions lie in memory in the order `physical_layout`.

    Shape: (*size).
    """
    if len(size) != len(physical_layout):
        raise runtime_error(
            "empty_permuted: Number of dimensions in size does not match the length of the physical_layout, "
            f"expected {len(size)}, got {len(physical_layout)}. Name each dimension once."
        )
    physical_layout = dims_of(physical_layout, len(size)) if len(size) else ()
    strides, step = [0] * len(size), 1
    for d in reversed(list(physical_layout)):
        strides[d] = step
        step *= max(size[d], 1)
    return empty_strided(size, strides, dtype=dtype, device=device, requires_grad=requires_grad)


def new_empty_strided(
    self, size, stride, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """`empty_strided` with the type and device of this tensor.   Shape: (*size)."""
    dtype, device = self.dtype if dtype is None else dtype, self.device if device is None else device
    return empty_strided(size, stride, dtype=dtype, device=device, requires_grad=requires_grad)


def range(
    start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """start, start + step, ... up to and including `end`.   Shape: ((end - start) / step + 1)."""
    start, end = (0, start) if end is None else (start, end)
    count = math.floor((end - start) / step) + 1
    made = _place((start + np.arange(count) * step).astype(_float(dtype)), device, requires_grad)
    if out is None:
        return made
    from facula.tensors.inplace import write_out

    return write_out(out, made)


def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """`full` with the type and device of this tensor.   Shape: (*size).

    >>> import facula
    >>> facula.ones(2).new_full((2,), 7)
    tensor([7., 7.])
    """
    return full(
        size,
        fill_value,
        dtype=self.dtype if dtype is None else dtype,
        device=self.device if device is None else device,
        requires_grad=requires_grad,
    )


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """`tensor` with the type and device of this tensor.   Shape: the nesting of `data`.

    >>> import facula
    >>> facula.ones(2).new_tensor([1, 2])
    tensor([1., 2.])
    """
    data = data.detach().array if isinstance(data, Tensor) else data
    return tensor(
        data,
        dtype=self.dtype if dtype is None else dtype,
        device=self.device if device is None else device,
        requires_grad=requires_grad,
    )


def _number(x):
    return x.item() if isinstance(x, Tensor) else x


def arange(
    start, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """start, start + step, ... below `end`.   Shape: ((end - start) / step), rounded up.

    >>> import facula
    >>> facula.arange(1, 4)
    tensor([1, 2, 3])
    """
    start, end, step = _number(start), _number(end), _number(step)
    if end is None:
        start, end = 0, start
    if not all(math.isfinite(x) for x in (start, end, step)):
        raise runtime_error(
            f"arange: unsupported range: {start} -> {end}, expected finite numbers, got step={step}. Bound the range."
        )
    if step == 0:
        raise runtime_error("arange: step must be nonzero, got 0. Pass a positive or negative step.")
    if (step > 0) != (end >= start) and end != start:
        raise runtime_error(
            f"arange: upper bound and lower bound inconsistent with step sign, got start={start}, end={end}, step={step}. Change the sign of step."
        )
    if out is not None and dtype is None:
        d = out.array.dtype
    elif dtype is None:
        d = dtypes.default().numpy if any(isinstance(x, float) for x in (start, end, step)) else np.dtype(np.int64)
    else:
        d = dtypes.numpy_of(dtype)
    if d.kind in "iu":
        start, end, step = int(start), int(end), int(step)
        if not step:
            raise runtime_error(
                f"arange: step must be nonzero, got one that is 0 as {d.name}. Pass dtype=facula.float32."
            )
        array = np.arange(start, end, step).astype(d)
    else:
        count = math.ceil((end - start) / step)
        array = (start + np.arange(count, dtype=np.float64) * step).astype(d)
    made = _place(array, device, requires_grad)
    if out is None:
        return made
    from facula.tensors.inplace import write_out

    return write_out(out, made)


def _spaced(start, end, steps, dtype):
    """Evenly spaced numbers, counted from both ends; for integer types from whole ends by a float32 step, as PyTorch does."""
    if dtype.kind not in "iu":
        return np.linspace(start, end, steps)
    start, end = int(start), int(end)
    step, p = np.float32((end - start) / max(steps - 1, 1)), np.arange(steps, dtype=np.float32)
    return np.trunc(
        np.where(p < steps // 2, start + step * p, end - step * (steps - 1 - p)) if steps > 1 else np.full(steps, start)
    )


def _steps(name, steps):
    if not hasattr(steps, "__index__"):
        raise type_error(
            f"{name}(): argument 'steps' must be int, not {type(steps).__name__}. Pass the count of numbers."
        )
    if steps < 0:
        raise runtime_error(f"{name}: number of steps must be non-negative, got {steps}. Pass the count of numbers.")
    return int(steps)


def linspace(
    start, end, steps, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """`steps` numbers from `start` to `end`, evenly spaced, both included.   Shape: (steps).

    >>> import facula
    >>> facula.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    start, end, steps = _number(start), _number(end), _steps("linspace", steps)
    d = _float(dtype)
    if dtype is None and (isinstance(start, complex) or isinstance(end, complex)):
        d = dtypes.complex_of(d)
    out_ = _place(_spaced(start, end, steps, d).astype(d), device, requires_grad)
    if out is None:
        return out_
    from facula.tensors.inplace import write_out

    return write_out(out, out_)


def logspace(
    start,
    end,
    steps,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """base ** linspace(start, end, steps).   Shape: (steps).

    >>> import facula
    >>> facula.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    d = _float(dtype)
    start, end, steps = _number(start), _number(end), _steps("logspace", steps)
    if d.kind in "iu":
        start, end = int(start), int(end)
    exponents = np.linspace(start, end, steps)
    made = _place(np.power(float(base), exponents).astype(d), device, requires_grad)
    if out is None:
        return made
    from facula.tensors.inplace import write_out

    return write_out(out, made)


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """The n x m matrix with ones on its diagonal.   Shape: (n, m), m = n unless given.

    >>> import facula
    >>> facula.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    made = _new(
        (n, n if m is None else m), _float(dtype), device, requires_grad, lambda shape, d: np.eye(*shape, dtype=d)
    )
    if out is None:
        return made
    from facula.tensors.inplace import write_out

    return write_out(out, made)
