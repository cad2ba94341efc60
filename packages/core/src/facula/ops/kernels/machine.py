"""What a compiled loop can do and Python cannot: words that other threads see change, a call to an address, a BLAS product.

A primitive is a function that writes the instructions; numba puts them where a loop calls it. Addresses are plain integers.

Sources: LLVM language reference, memory model for concurrent operations; System V ABI, AMD64 supplement, section 3.2.3; NumPy C
API, PyArrayObject.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

INTEGERS, NUMBERS = 96, 8  # words of arguments that `call` passes: as integers and addresses, and in floating point
OBJECT = (
    object.__basicsize__
)  # bytes of every object's head; NumPy's arrays keep address, dimensions, shape, strides behind it
_PLAIN, _ROW_MAJOR, _TRANSPOSED = 111, 101, 112  # of CBLAS


def inline(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a helper that kernels call: it becomes a part of each of them."""
    function.inlined = True  # type: ignore[attr-defined]
    return function


def primitive(signature: str) -> Callable[[Callable[..., Any]], Any]:
    """Mark a function of (LLVM builder, arguments) as one whose instructions stand where a loop calls it."""

    def mark(emit: Callable[..., Any]) -> Any:
        emit.primitive = signature  # type: ignore[attr-defined]
        return emit

    return mark


def _types() -> Any:
    from llvmlite import ir  # comes with numba, and is needed only to compile

    return ir


def _at(builder: Any, address: Any, bits: int = 64) -> Any:
    return builder.inttoptr(address, _types().IntType(bits).as_pointer())


@primitive("int64(int64)")
def load(builder, address):
    """The word at an address, and after it all that was written before whoever stored it."""
    return builder.load_atomic(_at(builder, address), "acquire", 8)


@primitive("void(int64, int64)")
def store(builder, address, value):
    """Write a word, for others to see after all that this thread wrote before."""
    builder.store_atomic(value, _at(builder, address), "seq_cst", 8)


@primitive("int64(int64, int64)")
def add(builder, address, value):
    """Add to a word; the value before."""
    return builder.atomic_rmw("add", _at(builder, address), value, "seq_cst")


@primitive("int64(int64, int64, int64)")
def swap(builder, address, expected, value):
    """Write a word if it is as expected; the value found."""
    pair = builder.cmpxchg(_at(builder, address), expected, value, "seq_cst", "seq_cst")
    return builder.extract_value(pair, 0)


@primitive("void()")
def pause(builder):
    """Let the other half of the core work for a moment."""
    ir = _types()
    builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), ir.FunctionType(ir.VoidType(), [])), [])


@primitive("void()")
def give_way(builder):
    """Let another thread have the processor."""
    ir = _types()
    kind = ir.FunctionType(ir.IntType(32), [])
    builder.call(builder.module.globals.get("sched_yield") or ir.Function(builder.module, kind, "sched_yield"), [])


@primitive("int64()")
def cycles(builder):
    """The processor's clock."""
    ir = _types()
    kind = ir.FunctionType(ir.IntType(64), [])
    return builder.call(builder.module.declare_intrinsic("llvm.readcyclecounter", (), kind), [])


@primitive("void(int64, int64)")
def put(builder, address, value):
    """Write a word that only this thread sees."""
    builder.store(value, _at(builder, address))


@primitive("int64()")
def room(builder):
    """Memory on the stack for the integers that `call` passes."""
    with builder.goto_entry_block():
        own = builder.alloca(_types().IntType(64), INTEGERS)
    return builder.ptrtoint(own, _types().IntType(64))


@primitive("void(int64, int64, int64)")
def call(builder, function, integers, numbers):
    """Call a compiled function with the arguments that lie at two addresses.

    More arguments are passed than it takes: integers go to registers, then to the stack, floating point to registers of its
    own, and a function reads no more of them than it has.
    """
    ir = _types()
    word, number = ir.IntType(64), ir.DoubleType()
    places, others = _at(builder, integers), builder.inttoptr(numbers, number.as_pointer())
    arguments = [builder.load(builder.gep(places, [word(i)])) for i in range(INTEGERS)]
    arguments += [builder.load(builder.gep(others, [word(i)])) for i in range(NUMBERS)]
    kind = ir.FunctionType(ir.IntType(32), [argument.type for argument in arguments])
    builder.call(builder.inttoptr(function, kind.as_pointer()), arguments)


@inline
def perform(function, words, layout, start, stop):
    """Call a kernel on a range: of its arguments, arrays are objects of NumPy here, and a list of words for it.

    `layout` (see `native.Code`): how many there are, then for each -1, or the dimensions and the item size of an array. An object
    of NumPy holds the address of its numbers, and those of its shape and its strides.
    """
    own = room()
    count, at = load(layout), own
    for i in range(count):
        kind, value = load(layout + 8 + 8 * i), load(words + 8 * i)
        if kind < 0:
            put(at, value)
            at += 8
        else:
            dimensions, item, size = kind >> 8, kind & 255, 1
            shape, strides = load(value + OBJECT + 16), load(value + OBJECT + 24)
            for k in range(dimensions):
                n = load(shape + 8 * k)
                size *= n
                put(at + 40 + 8 * k, n)
                put(at + 40 + 8 * (dimensions + k), load(strides + 8 * k))
            put(at, 0)  # who owns the memory, and what it is a part of: nobody asks
            put(at + 8, 0)
            put(at + 16, size)
            put(at + 24, item)
            put(at + 32, load(value + OBJECT))
            at += 40 + 16 * dimensions
    put(at, start)
    put(at + 8, stop)
    call(function, own, words + 8 * count)


@primitive("void(int64, int64, int64, int64, int64, int64, int64, int64, int64, int64, F, int64, int64)")
def multiply(builder, function, turn_a, turn_b, rows, columns, inner, a, step_a, b, step_b, beta, out, step_out):
    """out = a b + beta out by BLAS, whose function of that type is at an address; `turn` says that columns lie in rows.

    Addresses of the first numbers, and steps in numbers from a row in memory to the next.
    """
    ir = _types()
    flag, number = ir.IntType(32), beta.type

    def order(turn: Any) -> Any:
        return builder.select(builder.trunc(turn, ir.IntType(1)), flag(_TRANSPOSED), flag(_PLAIN))

    arguments = [
        flag(_ROW_MAJOR), order(turn_a), order(turn_b), rows, columns, inner, number(1.0), a, step_a, b, step_b, beta, out, step_out,
    ]  # fmt: skip
    kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
    builder.call(builder.inttoptr(function, kind.as_pointer()), arguments)
