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
import gc
import inspect
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from types import FunctionType
from typing import Any

import numpy as np

from facula.config import get_num_threads, kernels_allowed
from facula.devices.threads import share
from facula.ops.kernels import crew, native, store
from facula.ops.kernels.machine import inline as inline

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
        self.ranged = list(function.__annotations__)[-2:] == ["start", "stop"]
        self.loaded: dict[Any, Loop] = {}  # machine code in memory, for each type
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
        loop = self.load(args[0].dtype)
        if self.ranged:
            loop.prepare(args[:-2])(*args[-2:])
        else:
            loop.prepare(args)(0, 1)

    def prepare(self, *args: Any) -> Run:
        """A function of `start, stop` that runs it on these arrays as often as it is called."""
        return self.load(args[0].dtype).prepare(args)

    def share(self, count: int, size: int, *args: Any) -> None:
        """Run it over `count` items of about `size` numbers each, on as many threads as pay."""
        pieces = min(2 * get_num_threads(), count, count * size // _WORTH)  # two each, since threads are late at times
        self.load(args[0].dtype).share(args, count, max(pieces, 1))

    def load(self, dtype: Any) -> Loop:
        """The machine code for arrays of a floating type, from disk or compiled now."""
        found = self.loaded.get(dtype)
        if found is None:
            with _lock:
                found = self.loaded.get(dtype) or _load(self, FLOATS[dtype])
                self.loaded[dtype] = found
        return found


class Loop:
    """A kernel for one type, as machine code of ours."""

    def __init__(self, code: native.Code) -> None:
        self.code, self.crew = code, _crew()

    def prepare(self, args: tuple[Any, ...]) -> Run:
        """A function of a range."""
        code, words, run = self.code, self.code.words(args), self.crew.run

        def call(start: int, stop: int) -> None:
            run(code.address, words, code.layout, start, stop, 1, 0)

        call.arrays = args  # type: ignore[attr-defined]  # the addresses in it hold as long as it lives
        return call

    def share(self, args: tuple[Any, ...], count: int, pieces: int) -> None:
        """Run all of a range in pieces."""
        self.crew.share(self.code, self.code.words(args), count, pieces)


class Dispatched(Loop):
    """A kernel for one type, where machine code is numba's own."""

    def __init__(self, dispatcher: Run, signature: Sequence[str], ranged: bool) -> None:
        self.dispatcher, self.signature, self.ranged = dispatcher, signature, ranged

    def prepare(self, args: tuple[Any, ...]) -> Run:
        typed = [
            np.dtype(t).type(a) if t in ("float32", "float64") else a
            for a, t in zip(args, self.signature, strict=False)
        ]
        call = functools.partial(self.dispatcher, *typed)
        return call if self.ranged else lambda start, stop: call()

    def share(self, args: tuple[Any, ...], count: int, pieces: int) -> None:
        run = self.prepare(args)
        if pieces < 2:
            run(0, count)
        else:
            share(run, [(count * i // pieces, count * (i + 1) // pieces) for i in range(pieces)], blas=False)


def kernel(function: Run | None = None, *, exact: bool = False) -> Any:
    """Make a function over arrays and numbers a compiled loop; the module says in which form.

    `exact`: every operation rounds as it is written, none is rearranged or joined with another.
    """
    return functools.partial(kernel, exact=exact) if function is None else Kernel(function, exact)


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
    _crew()  # all need it
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


def _load(kernel: Kernel, floating: str) -> Loop:
    signature = _signature(kernel, floating)
    if native.SUPPORTED:
        try:
            inner = signature[:-2] if kernel.ranged else signature
            return Loop(native.Code(_object(kernel.function, floating, signature, kernel.exact), inner))
        except native.UnsupportedObjectError:
            pass  # numba can still run its own code
    dispatcher = _jit(kernel.function, signature, fastmath=not kernel.exact and _MATH)
    return Dispatched(dispatcher, signature, kernel.ranged)


@functools.cache
def _crew() -> crew.Crew:
    """Who runs compiled loops."""
    return crew.Crew(
        *(
            native.Code(_object(f, "int64", ("int64",) * len(f.__annotations__), True), ())
            for f in (crew.run, crew.stay)
        )
    )


def _object(function: Any, floating: str, signature: Sequence[str], exact: bool) -> bytes:
    """The object of a function, kept or compiled now."""
    name = store.name_of(function.__name__, floating, signature, (exact, _parts(function)))
    content = store.read(name)
    if content is None:
        content = native.pack(*_compile(function, signature, exact))
        store.write(name, content)
    return content


def _parts(function: Any) -> list[Any]:
    """All that decides what a function compiles to: its code, the constants and the helpers that it names."""
    code = function.__code__
    constants = code.co_consts[1:] if function.__doc__ else code.co_consts
    parts = [code.co_code, [getattr(c, "co_code", c) for c in constants], code.co_names, code.co_varnames]
    for name in code.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, FunctionType) and not hasattr(function, "primitive"):  # whose names are of builders
            parts.append(_parts(value))
        elif isinstance(value, (int, float, tuple, np.generic)):
            parts.append((name, value))
    return parts


def _jit(function: Any, signature: Sequence[str] | None = None, **options: Any) -> Any:
    """numba's compiled form of a function, with the helpers it calls compiled too."""
    import numba

    names = function.__code__.co_names
    used = {n: function.__globals__.get(n) for n in names}
    scope = {**function.__globals__, **{n: _jit(f) for n, f in used.items() if hasattr(f, "inlined")}}
    scope.update({n: _intrinsic(f) for n, f in used.items() if hasattr(f, "primitive")})
    bare = FunctionType(function.__code__, scope, function.__name__, function.__defaults__)
    if signature is None:
        return numba.njit(inline="always", error_model="numpy", fastmath=_MATH)(bare)
    return numba.njit(f"void({', '.join(signature)})", **_OPTIONS, **options)(bare)


def _intrinsic(function: Any) -> Any:
    """numba's form of a primitive; F in its signature is whichever type it is called with."""
    import numba
    from numba.core.sigutils import normalize_signature

    def typed(context: Any, *types: Any) -> Any:
        floating = next((str(t) for t in types if t in (numba.float32, numba.float64)), "float32")
        arguments, result = normalize_signature(function.primitive.replace("F", floating))

        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            made = function(builder, *arguments)
            return context.get_dummy_value() if result == numba.void else made

        return result(*arguments), emit

    names = ["context", *list(inspect.signature(function).parameters)[1:]]
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    typed.__signature__ = inspect.Signature([inspect.Parameter(name, kind) for name in names])  # type: ignore[attr-defined]
    return numba.extending.intrinsic(typed)


def _compile(function: Any, signature: Sequence[str], exact: bool) -> tuple[bytes, str]:
    """The object code of a function and its name inside; collecting garbage on the way would take a seventh of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        options = {"fastmath": not exact and _MATH, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        (result,) = _jit(function, signature, **options).overloads.values()
        return result.library._get_compiled_object(), result.fndesc.llvm_func_name
    except (AttributeError, ValueError, RuntimeError) as error:
        raise native.UnsupportedObjectError(
            f"kernel: numba {sys.modules['numba'].__version__} keeps no object"
        ) from error
    finally:
        if collects:
            gc.enable()
