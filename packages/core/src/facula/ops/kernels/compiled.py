"""Loops that run as machine code: `@kernel` over a plain Python function, compiled by numba once and kept on disk.

    @kernel
    def scale(x: F[::1], out: F[::1], factor: F, start: int, stop: int):
        x, out = x[start:stop], out[start:stop]
        for i in range(x.size):
            out[i] = x[i] * factor

    scale.share(x.size, 1, x, out, 2.0)      # ranges of start, stop, shared out to the threads

Annotations are numba's types, as text; `F` is float32 or float64, whichever the first argument holds, and each is compiled
when it is first needed. An inner loop counts from 0: an index that may be negative keeps it off the vector registers.
What was compiled is kept in `FACULA_HOME/kernels` under a name made of the code and the processor: the next process maps
it into memory and never imports numba. A kernel makes no array and raises nothing; its callers hand it all the memory,
checked. A helper that kernels call is marked `@inline`.
"""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from types import FunctionType
from typing import Any

import numpy as np

from facula.config import get_num_threads, kernels_allowed
from facula.devices.threads import share
from facula.ops.kernels import native, store

FLOATS = {np.dtype("float32"): "float32", np.dtype("float64"): "float64"}
LEAST = 1 << 12  # numbers from which on a kernel is worth its call
_WORTH = 1 << 15  # numbers that are worth waking a thread
_MATH = {"reassoc", "contract", "arcp", "nsz"}  # what may be reordered; nan and inf stay what they are
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "boundscheck": False}
_lock = threading.RLock()

# what annotations are made of, with `int`
F, float32, float64, int64 = "F", "float32", "float64", "int64"
Run = Callable[..., None]
kernels: list[Kernel] = []


class Kernel:
    """A compiled loop: call it on a whole range, or `share` the range among threads."""

    def __init__(self, function: Run, exact: bool = False) -> None:
        functools.update_wrapper(self, function)
        self.function: Any = function
        self.exact = exact
        self.types: tuple[str, ...] = tuple(t.replace(" ", "") for t in function.__annotations__.values())
        generic = any("F" in t for t in self.types)
        self.floats = set(FLOATS) if generic else {np.dtype("float32")}
        self._loaded: dict[Any, Callable[[tuple[Any, ...]], Run]] = {}
        kernels.append(self)

    def serves(self, *arrays: Any, work: int | None = None) -> bool:
        """Whether it can run on these: contiguous NumPy arrays of one of its types, large enough to be worth it.

        `work` is the count of numbers that it visits, where that is not the size of the first array.
        """
        first = arrays[0]
        return (
            (first.size if work is None else work) >= LEAST
            and first.dtype in self.floats
            and all(type(a) is np.ndarray and a.dtype == first.dtype and a.flags.c_contiguous for a in arrays)
            and allowed()
        )

    def __call__(self, *args: Any) -> None:
        """Run it in this thread, with the range `start, stop` as the last two arguments if it has one."""
        self.load(args[0].dtype)(args)()

    def prepare(self, *args: Any) -> Run:
        """A function of `start, stop` that runs it on these arrays as often as it is called."""
        return native.settled(self.load(args[0].dtype)(args))

    def share(self, count: int, size: int, *args: Any) -> None:
        """Run it over `count` items of about `size` numbers each, on as many threads as pay."""
        run = self.load(args[0].dtype)(args)
        pieces = min(2 * get_num_threads(), count, count * size // _WORTH)  # two each, since threads are late at times
        if pieces < 2:
            run(0, count)
        else:
            share(run, [(count * i // pieces, count * (i + 1) // pieces) for i in range(pieces)], blas=False)

    def load(self, dtype: Any) -> Callable[[tuple[Any, ...]], Run]:
        """The machine code for arrays of a floating type, from disk or compiled now: arguments -> a call."""
        found = self._loaded.get(dtype)
        if found is None:
            with _lock:
                found = self._loaded.get(dtype) or _load(self, FLOATS[dtype])
                self._loaded[dtype] = found
        return found


def kernel(function: Run | None = None, *, exact: bool = False) -> Any:
    """Make a function over arrays and numbers a compiled loop; the module says in which form.

    `exact`: every operation rounds as it is written, none is rearranged or joined with another.
    """
    return functools.partial(kernel, exact=exact) if function is None else Kernel(function, exact)


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a helper that kernels call: it becomes a part of each of them."""
    function.inlined = True  # type: ignore[attr-defined]
    return function


@functools.cache
def available() -> bool:
    """Whether numba is installed, and the setting FACULA_KERNELS does not forbid kernels."""
    return kernels_allowed() and find_spec("numba") is not None


def wanted() -> bool:
    """Whether the program and FACULA_KERNELS ask for faster forms, numba or not."""
    return _state.on and kernels_allowed()


def allowed() -> bool:
    """Whether kernels may run now."""
    return _state.on and available()


class _State:
    on = True


_state = _State()


class use_kernels:
    """Let ops run as compiled loops (the default), or with `use_kernels(False)` everything in plain NumPy.

    It acts at once, and as a context manager for the duration of the block.

    >>> import facula
    >>> with facula.use_kernels(False):
    ...     facula.softmax(facula.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """

    def __init__(self, mode: bool = True) -> None:
        self.before, _state.on = _state.on, bool(mode)

    def __enter__(self) -> None:
        pass

    def __exit__(self, *exception: object) -> None:
        _state.on = self.before


def warm_up(floats: Sequence[str] = ("float32",)) -> Iterator[tuple[str, str]]:
    """Load every kernel, compiling those that are not kept yet; yields (name, type) as each is ready.

    Where code can be kept, one process for each thread compiles.
    """
    wanted = [
        (k, floating) for k in range(len(kernels)) for floating in floats if np.dtype(floating) in kernels[k].floats
    ]
    processes = get_num_threads() if native.SUPPORTED and store.folder() is not None else 1
    if processes < 2:
        yield from map(_ready, wanted)
        return
    from multiprocessing import get_context  # no other program needs it

    with get_context("fork").Pool(processes) as pool:
        yield from pool.imap_unordered(_ready, wanted)


def _ready(wanted: tuple[int, str]) -> tuple[str, str]:
    k, floating = wanted
    kernels[k].load(np.dtype(floating))
    return kernels[k].function.__name__, floating


def _signature(kernel: Kernel, floating: str) -> tuple[str, ...]:
    """The types of the arguments in numba's names."""
    names = {"int": "int64", "F": floating}
    return tuple(names.get(t, t.replace("F[", floating + "[")) for t in kernel.types)


def _load(kernel: Kernel, floating: str) -> Callable[..., Callable[..., None]]:
    signature = _signature(kernel, floating)
    if native.SUPPORTED:
        name = store.name_of(kernel.function.__name__, floating, signature, (kernel.exact, _parts(kernel.function)))
        content = store.read(name)
        try:
            if content is None:
                content = native.pack(*_compile(kernel, signature))
                store.write(name, content)
            return native.Code(content, signature).prepare
        except native.UnsupportedObjectError:
            pass  # numba can still run its own code
    dispatcher = _jit(kernel.function, signature, fastmath=not kernel.exact and _MATH)
    return lambda args: functools.partial(dispatcher, *_typed(args, signature))


def _typed(args: tuple[Any, ...], signature: tuple[str, ...]) -> list[Any]:
    return [np.dtype(t).type(a) if t in ("float32", "float64") else a for a, t in zip(args, signature, strict=False)]


def _parts(function: Any) -> list[Any]:
    """All that decides what a function compiles to: its code, the constants and the helpers that it names."""
    code = function.__code__
    parts = [code.co_code, code.co_consts[1:] if function.__doc__ else code.co_consts, code.co_names, code.co_varnames]
    for name in code.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, FunctionType):
            parts.append(_parts(value))
        elif isinstance(value, (int, float, tuple, np.generic)):
            parts.append((name, value))
    return parts


def _jit(function: Any, signature: tuple[str, ...] | None = None, **options: Any) -> Any:
    """numba's compiled form of a function, with the helpers it calls compiled too."""
    import numba

    names = function.__code__.co_names
    helpers = {n: f for n in names if getattr(f := function.__globals__.get(n), "inlined", False)}
    scope = {**function.__globals__, **{n: _jit(f) for n, f in helpers.items()}}
    bare = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    if signature is None:
        return numba.njit(inline="always", error_model="numpy", fastmath=_MATH)(bare)
    return numba.njit(f"void({', '.join(signature)})", **_OPTIONS, **options)(bare)


def _compile(kernel: Kernel, signature: tuple[str, ...]) -> tuple[bytes, str]:
    """The object code of a kernel and its name inside."""
    try:
        options = {"fastmath": not kernel.exact and _MATH, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        (result,) = _jit(kernel.function, signature, **options).overloads.values()
        return result.library._get_compiled_object(), result.fndesc.llvm_func_name
    except (AttributeError, ValueError, RuntimeError) as error:
        raise native.UnsupportedObjectError(
            f"kernel: numba {sys.modules['numba'].__version__} keeps no object"
        ) from error
