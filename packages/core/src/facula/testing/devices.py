"""`check_device`: what a device owes to tensors, tried on every op that has samples."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula import dtypes
from facula.autograd.op import ALL, Op
from facula.devices import base as devices
from facula.tensors.tensor import Tensor, wrap
from facula.testing.ops import make_inputs


def _moved(inputs: list[Any], place: devices.device) -> list[Any]:
    return [wrap(devices.move(x.array, place)) if isinstance(x, Tensor) else x for x in inputs]


def _check_round_trip(place: devices.device) -> None:
    for dtype in dtypes.ALL:
        for shape in ((), (3,), (2, 0), (2, 3)):
            array = np.ones(shape, dtype.numpy)
            there = wrap(array).to(place)
            assert there.device.type == place.type, f"{place}: a tensor moved there says that it is on {there.device}"
            assert there.dtype is dtype, f"{place}: {dtype} became {there.dtype} on the way"
            assert tuple(there.shape) == shape, f"{place}: shape {shape} became {tuple(there.shape)} on the way"
            if place.type != "meta":
                back = there.cpu().array
                assert back.tobytes() == array.tobytes(), f"{place}: {dtype} of shape {shape} came back changed"


def _check_errors(place: devices.device) -> None:
    if place.type == "cpu":
        return
    here, there = wrap(np.ones(3)), wrap(np.ones(3)).to(place)
    said = None
    try:
        here + there
    except RuntimeError as error:
        said = str(error)
    assert said is not None, f"{place}: expected RuntimeError for tensors on two devices, got a result"
    assert "Expected all tensors to be on the same device" in said, f"{place}: unclear error for a mixture: {said}"
    try:
        there.numpy()
    except TypeError:
        pass
    else:
        raise AssertionError(
            f"{place}: expected TypeError from .numpy() of a tensor that is not on the CPU, got an array"
        )


def _check_op(op: Op, place: devices.device) -> None:
    for n, sample in enumerate(op.samples):
        inputs = make_inputs(sample, np.float32, seed=n)
        where = f"{place}: {op.name}, sample {n}"
        expected = op(*inputs, **sample.attrs)
        try:
            found = op(*_moved(inputs, place), **sample.attrs)
        except NotImplementedError:
            if place.type == "meta":
                continue
            raise
        except Exception as error:
            raise AssertionError(f"{where}: raised {type(error).__name__}: {error}") from error
        pairs = zip(found, expected, strict=True) if isinstance(expected, tuple) else ((found, expected),)
        for f, e in pairs:
            assert f.device.type == place.type, f"{where}: the result is on {f.device}"
            assert f.shape == e.shape, f"{where}: expected shape {tuple(e.shape)}, got {tuple(f.shape)}"
            assert f.dtype is e.dtype, f"{where}: expected {e.dtype}, got {f.dtype}"
            if place.type != "meta":
                same = np.allclose(f.cpu().array, e.array, rtol=1e-4, atol=1e-5, equal_nan=True)
                assert same, f"{where}: values differ from the CPU's"


def _check_backward(place: devices.device) -> None:
    x = wrap(np.arange(6.0).reshape(2, 3)).to(place).requires_grad_()
    (x * x).sum().backward()
    assert x.grad is not None, f"{place}: backward left no gradient"
    assert x.grad.device == x.device, f"{place}: the gradient is on {x.grad.device}"
    if place.type != "meta":
        assert np.allclose(x.grad.cpu().array, 2 * np.arange(6.0).reshape(2, 3)), f"{place}: wrong gradient of x * x"


def check_device(name: str, ops: Any = None) -> None:
    """Check a device: tensors of all types go there and back, errors are clear, every op with samples agrees with the CPU.

    `ops`: the records to try (all of them if None).
    Errors: AssertionError that says what disagrees; RuntimeError if the device is not there.

    >>> import facula
    >>> from facula.autograd.op import ALL
    >>> facula.testing.check_device("cpu", [ALL["add"], ALL["exp"]])
    """
    place = devices.device(name)
    kind = devices.kind(place.type)
    assert kind.name == place.type, f"{name}: the device calls itself {kind.name!r}"
    assert kind.is_available(), f"{name}: the device is not available on this machine"
    assert kind.count >= 1, f"{name}: expected a count of at least 1, got {kind.count}"
    _check_round_trip(place)
    _check_errors(place)
    _check_backward(place)
    for op in list(ALL.values()) if ops is None else ops:
        _check_op(op, place)
    kind.synchronize()
