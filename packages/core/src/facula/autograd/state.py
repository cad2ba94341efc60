"""What the door asks on every call: is a gradient recorded, and is an interpreter active? One answer per thread."""

from __future__ import annotations

import functools
import inspect
import itertools
import threading
from collections.abc import Callable
from typing import Any

births = itertools.count()  # nodes are numbered as they are born; falling birth is a topological order


class _State(threading.local):
    """`mode` is what the fast doors read: 0 an interpreter is active, 1 eager without gradients, 2 eager with them."""

    def __init__(self) -> None:
        self.grad = True
        self.inference = False
        self.interpreters: list[Any] = []
        self.watch: Any = None  # anomaly mode, when it is on
        self.running: Any = None  # of the backward that is running: its nodes, and those that it wants (None: all)
        self.after_backward: list[Any] = []  # called once when the backward that is running has ended
        self.mode = 2

    def set_grad(self, enabled: bool) -> None:
        self.grad = enabled
        self.mode = 0 if self.interpreters else 1 + enabled


state = _State()


class Interpreter:
    """Sees every op call between `with self:`; `process` gets the record, its inputs and attributes.

    A subclass calls `op.bind(...)` inside `process` to go on; it is not asked about what happens meanwhile.
    """

    batches = False  # whether its tensors stand for batches, and have no array of their own
    calls = False  # whether it wants to be asked about functions that are `whole`

    def __enter__(self) -> Any:
        state.interpreters.append(self)
        state.mode = 0
        return self

    def __exit__(self, *exc: object) -> None:
        state.interpreters.pop()
        state.set_grad(state.grad)

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        """Answer an op call."""
        raise NotImplementedError

    def called(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer the call of a function that is `whole`; asked only if `calls` says so."""
        return function(*args, **kwargs)

    def wrote(self, target: Any, value: Any, writer: str) -> Any:
        """Hear of an in-place write of `value` into `target`; True says that it is done."""

    def draws(self, make: Callable[..., Any], shape: tuple[int, ...]) -> Any:
        """Answer a draw of random numbers by `make(shape)`, perhaps with another shape; None leaves it to others."""

    def applied(self, function: Any, args: tuple[Any, ...]) -> Any:
        """Answer a call of a custom autograd Function."""
        return NotImplemented

    def recorded(self, node: Any) -> None:
        """Hear of a node that a custom autograd Function has put on the tape."""

    def around_backward(self, step: Callable[..., Any], sink: Callable[..., None]) -> tuple[Any, Any]:
        """What backward is to use in place of `step(node, gradient, create_graph)` and `sink(leaf, gradient, owned)`."""
        return step, sink


def whole(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function made of ops of which an interpreter may have its own idea: it is asked (`called`) before they run."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        for interpreter in reversed(state.interpreters):
            if interpreter.calls:
                return interpreter.called(function, args, kwargs)
        return function(*args, **kwargs)

    return wrapped


def lanewise(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function that reads numbers of its tensors: inside of vmap it runs lane by lane."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        if state.interpreters and state.interpreters[-1].batches:
            return state.interpreters[-1].lanewise(wrapped, args, kwargs)
        return function(*args, **kwargs)

    return wrapped


def drawn(make: Callable[..., Any], shape: tuple[int, ...]) -> Any:
    """What the innermost interpreter that cares makes of a draw; None if there is none."""
    for i in range(len(state.interpreters) - 1, -1, -1):
        found = state.interpreters[i].draws(make, shape)
        if found is not None:
            return found
    return None


class _Mode:
    """A grad mode: a context manager, and a decorator with or without parentheses."""

    enabled = False

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        self = super().__new__(cls)
        return self(function) if callable(function) else self

    def __init__(self, function: Callable[..., Any] | None = None) -> None:
        self._before: list[tuple[bool, bool]] = []

    def __enter__(self) -> None:
        self._before.append((state.grad, state.inference))
        state.set_grad(self.enabled)

    def __exit__(self, *exc: object) -> None:
        grad, state.inference = self._before.pop()
        state.set_grad(grad)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            with self._again():
                return function(*args, **kwargs)

        @functools.wraps(function)
        def stepped(*args: Any, **kwargs: Any) -> Any:
            """A generator works in the mode, and whoever takes its values does not."""
            generator, step, value = function(*args, **kwargs), "send", None
            while True:
                try:
                    with self._again():
                        item = getattr(generator, step)(value)
                except StopIteration as stop:
                    return stop.value
                try:
                    step, value = "send", (yield item)
                except GeneratorExit:
                    generator.close()
                    raise
                except BaseException as error:
                    step, value = "throw", error

        return stepped if inspect.isgeneratorfunction(function) else wrapped

    def _again(self) -> _Mode:
        return type(self)()


class no_grad(_Mode):
    """Do not record operations for gradients, in this thread, inside `with no_grad():` or a function decorated with it.

    >>> import facula
    >>> x = facula.ones(2, requires_grad=True)
    >>> with facula.no_grad():
    ...     (x * 2).requires_grad
    False
    """


class enable_grad(_Mode):
    """Record operations for gradients again inside a `no_grad` region.

    >>> import facula
    >>> x = facula.ones(2, requires_grad=True)
    >>> with facula.no_grad(), facula.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    enabled = True


class set_grad_enabled(_Mode):
    """Switch recording on or off at once; as a context manager, until its end.

    >>> import facula
    >>> with facula.set_grad_enabled(False):
    ...     facula.is_grad_enabled()
    False
    """

    def __new__(cls, mode: bool) -> Any:
        return object.__new__(cls)

    def __init__(self, mode: bool) -> None:
        self.enabled = bool(mode)
        self._before = [(state.grad, state.inference)]
        state.set_grad(self.enabled)

    def __enter__(self) -> None:
        state.set_grad(self.enabled)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.__exit__()
        return super().__call__(function)

    def _again(self) -> _Mode:
        return set_grad_enabled(self.enabled)


class inference_mode(_Mode):
    """`no_grad` for code that will never be differentiated; `inference_mode(False)` switches recording on.

    >>> import facula
    >>> with facula.inference_mode():
    ...     facula.is_inference_mode_enabled()
    True
    """

    def __new__(cls, mode: bool | Callable[..., Any] = True) -> Any:
        self = object.__new__(cls)
        if callable(mode):
            self.__init__(True)  # type: ignore[misc]
            return self(mode)
        return self

    def __init__(self, mode: bool = True) -> None:
        self.inference, self._before = bool(mode), []
        self.enabled = not self.inference

    def __enter__(self) -> None:
        super().__enter__()
        state.inference = self.inference

    def _again(self) -> _Mode:
        return inference_mode(self.inference)


def is_grad_enabled() -> bool:
    """Whether operations are recorded for gradients in this thread."""
    return state.grad


def is_inference_mode_enabled() -> bool:
    """Whether this thread is inside `inference_mode`."""
    return state.inference


class set_multithreading_enabled:
    """Accepted for PyTorch's sake, as a call and as a context manager: backward runs in the thread that called it.

    >>> import facula
    >>> with facula.autograd.set_multithreading_enabled(False):
    ...     pass
    """

    def __init__(self, mode: bool) -> None:
        self.mode = mode

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exc: object) -> None:
        pass
