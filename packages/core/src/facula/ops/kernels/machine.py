"""What a compiled loop can do and Python cannot: words that other threads see change, a call to an address, a BLAS product.

A primitive is a function that writes the instructions; numba puts them where a loop calls it. Addresses are plain integers.

Sources: LLVM language reference, memory model for concurrent operations; System V ABI, AMD64 supplement, section 3.2.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

INTEGERS, NUMBERS = 96, 8  # words of arguments that `call` passes: as integers and addresses, and in floating point
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


@primitive("void(int64, int64, int64, int64, int64)")
def call(builder, function, words, at, start, stop):
    """Call a compiled function with the arguments in memory, of which the integers numbered `at` and on are start, stop.

    More arguments are passed than it takes: integers go to registers, then to the stack, floating point to registers of its
    own, and a function reads no more of them than it has.
    """
    ir = _types()
    word, number = ir.IntType(64), ir.DoubleType()
    with builder.goto_entry_block():
        own = builder.alloca(word, INTEGERS)
    source = _at(builder, words)
    for i in range(INTEGERS):
        builder.store(builder.load(builder.gep(source, [word(i)])), builder.gep(own, [word(i)]))
    builder.store(start, builder.gep(own, [at]))
    builder.store(stop, builder.gep(own, [builder.add(at, word(1))]))
    integers = [builder.load(builder.gep(own, [word(i)])) for i in range(INTEGERS)]
    numbers = [builder.bitcast(builder.load(builder.gep(source, [word(INTEGERS + i)])), number) for i in range(NUMBERS)]
    kind = ir.FunctionType(ir.IntType(32), [word] * INTEGERS + [number] * NUMBERS)
    builder.call(builder.inttoptr(function, kind.as_pointer()), integers + numbers)


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
