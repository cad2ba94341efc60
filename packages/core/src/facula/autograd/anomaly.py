"""Anomaly mode: backward stops at the first NaN, and says which call of the forward made the node that gave it."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from facula.autograd.state import Interpreter, state
from facula.autograd.tape import Pick
from facula.errors import runtime_error
from facula.tensors.tensor import Tensor


def _caller() -> str:
    """File and line of the innermost frame that is not ours."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "facula":
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _has_nan(x: Any) -> bool:
    array = x.array if isinstance(x, Tensor) else x
    if not hasattr(array, "astype"):
        return False
    if array.dtype.kind not in "fc":
        array = array.astype(np.float32)
    return bool((array != array).any())


class _Watch(Interpreter):
    """Remembers where each node was made, and looks at what each step of backward gives."""

    def __init__(self, check_nan: bool) -> None:
        self.check_nan = check_nan
        self.places: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        found = op.bind(inputs, attrs)
        for t in found if isinstance(found, tuple) else (found,):
            if t.node is not None:
                self.recorded(t.node.parent if type(t.node) is Pick else t.node)
                break
        return found

    def recorded(self, node: Any) -> None:
        self.places[node] = _caller()

    def around_backward(self, step: Callable[..., Any], sink: Callable[..., None]) -> tuple[Any, Any]:
        """Each step of backward, with a look at its results."""

        def watched(node: Any, g: Any, create_graph: bool) -> Any:
            results = step(node, g, create_graph)
            for i, r in enumerate(results if self.check_nan else ()):
                if r is not None and node.edges[i] is not None and _has_nan(r):
                    place = self.places.get(node, "a place unknown, since the forward ran outside of detect_anomaly")
                    raise runtime_error(
                        f"Function '{node.name()}' returned nan values in its {i}th output. The forward called "
                        f"`{node.op.name.removesuffix('_op')}` at {place}. Look at its inputs there: 0 / 0, the root of 0, or the log of 0?"
                    )
            return results

        return watched, sink


class set_detect_anomaly:
    """Switch anomaly mode on or off at once; as a context manager, until its end.

    >>> import facula
    >>> with facula.autograd.set_detect_anomaly(True):
    ...     facula.is_anomaly_enabled()
    True
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self.before = state.watch
        self._become(_Watch(check_nan) if mode else None)

    def _become(self, watch: Any) -> None:
        old = state.watch
        if old is not None and old in state.interpreters:
            state.interpreters.remove(old)
        state.watch = watch
        if watch is not None:
            state.interpreters.insert(0, watch)
        state.set_grad(state.grad)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        self._become(self.before)


class detect_anomaly(set_detect_anomaly):
    """Within it, a backward that makes a NaN raises and names the forward's call with file and line.

    Run the forward within it too: places are recorded only then. It costs time, so it is for the search of an error.
    `check_nan=False` only records.

    >>> import facula
    >>> x = facula.zeros(1, requires_grad=True)
    >>> with facula.autograd.detect_anomaly():
    ...     (x.sqrt() * 0).sum().backward()
    Traceback (most recent call last):
    ...
    RuntimeError: backward: Function 'SqrtBackward0' returned nan values in its 0th output. The forward called `sqrt` at ...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self.check_nan = check_nan

    def __enter__(self) -> None:
        super().__init__(True, self.check_nan)


def is_anomaly_enabled() -> bool:
    """Whether anomaly mode is on in this thread."""
    return state.watch is not None


def is_anomaly_check_nan_enabled() -> bool:
    """Whether anomaly mode looks for NaNs."""
    return state.watch is not None and bool(state.watch.check_nan)
