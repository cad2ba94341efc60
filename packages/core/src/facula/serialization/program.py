"""An interpreter of the stack programs inside `.pt` files. It builds plain values and asks its host about everything else.

The language is the one that Python's own object files use (protocols 0 to 5, described in the standard library's
documentation). Nothing is ever imported or looked up here: a name goes to `host.find`, a call to `host.call`, attributes
to `host.build`, a storage to `host.storage`, and the host knows a closed list.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import IO, Any, Protocol

from facula import dtypes
from facula.devices.base import device as Device

MAX_LINE = 4096  # bytes of a name or a number written as text
MAX_INTEGER = 1024  # bytes of one whole number
_KEY_ITEMS, _KEY_DEPTH = 64, 4  # a tuple's hash is computed anew each time, so keys are kept small
_SET_PRICE, _MEMO_PRICE = 40, 20  # elements' worth of memory, for instructions of one byte
_MAX_CLASHES = 200


class Fault(Exception):
    """What was expected of a file, what it holds instead, and what helps."""

    def __init__(self, expected: str, found: str, hint: str = "") -> None:
        super().__init__(expected, found)
        self.expected, self.found, self.hint = expected, found, hint


def shown(value: Any, depth: int = 0) -> str:
    """A value in few words; a file may hold values whose `repr` never ends."""
    if type(value) is tuple and not depth:
        return f"({', '.join(shown(item, 1) for item in value[:7])})"
    if isinstance(value, (str, bytes)):
        return repr(value[:100])
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and abs(value) < 2**128):
        return repr(value)
    return value.__qualname__ if isinstance(value, type) else type(value).__name__


class Keys:
    """Looks at what becomes a key: cheap to hash, and not chosen so that all hashes are equal.

    Python's hashes of text are random in each process; those of large numbers can be foreseen, and a dict of keys with one hash takes
    quadratic time.
    """

    def __init__(self, spend: Callable[[int], None]) -> None:
        self.spend = spend
        self._first: dict[int, Any] = {}
        self._clashes = 0

    def check(self, value: Any, depth: int = 0) -> Any:
        """The value, if it may be hashed: plain ones, and small tuples of them."""
        if isinstance(value, (int, complex)):
            foreseen = isinstance(value, complex) or abs(value) >= 2**60
            if foreseen and self._first.setdefault(hash(value), value) != value:
                self._clashes += 1
                if self._clashes > _MAX_CLASHES:
                    raise Fault("keys of different hashes", f"more than {_MAX_CLASHES} numbers of the same")
        elif isinstance(value, (tuple, frozenset)) and len(value) <= _KEY_ITEMS and depth <= _KEY_DEPTH:
            self.spend(len(value) + 1)
            for item in value:
                self.check(item, depth + 1)
        elif value is not None and not isinstance(value, (str, float, bytes, dtypes.dtype, Device, Unknown)):
            raise Fault("a number, text or small tuple as a key", type(value).__name__)
        return value


class Unknown:
    """Stands for whatever a name or a call would have given, where a program is only looked over."""

    def take(self, *values: Any) -> None:
        """Whatever is put in is gone."""

    append = extend = update = __setitem__ = take


class Host(Protocol):
    """What the interpreter does not do itself."""

    def find(self, name: str) -> Any: ...
    def call(self, function: Any, args: tuple[Any, ...]) -> Any: ...
    def make(self, cls: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any: ...
    def build(self, instance: Any, state: Any) -> None: ...
    def storage(self, key: Any) -> Any: ...
    def grows(self, value: Any) -> bool: ...


class Mark:
    """Where on the stack a group begins."""


_MARK = Mark()


class Program:
    """One run over one stream; `budget` bounds the elements that calls may copy, so that small files make small values."""

    def __init__(self, stream: IO[bytes], size: int, host: Host) -> None:
        self.stream, self.size, self.host = stream, size, host
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.budget = 100_000 + 16 * size
        self.key = Keys(self.spend).check

    def run(self) -> Any:
        """The value that the program leaves."""
        read, steps = self.stream.read, STEPS
        while True:
            code = read(1)
            step = steps.get(code)
            if step is None:
                if code == b".":
                    break
                raise Fault("an instruction", "the end of the file" if not code else f"the byte {code!r}")
            step(self)
        if len(self.stack) != 1 or self.stack[0] is _MARK:
            raise Fault("one value at the end of the program", f"{len(self.stack)}")
        return self.stack[0]

    def take(self, length: int) -> bytes:
        """The next `length` bytes; a length that the file cannot hold is never read."""
        if not 0 <= length <= self.size:
            raise Fault(f"at most {self.size} bytes", f"a length of {length}")
        data = self.stream.read(length)
        if len(data) != length:
            raise Fault(f"{length} bytes", f"{len(data)} and the end of the file")
        return data

    def number(self, form: str) -> Any:
        """A number in the packed form of `struct`."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """Text up to the end of the line."""
        data = self.stream.readline(MAX_LINE)
        if not data.endswith(b"\n"):
            raise Fault(f"a line of at most {MAX_LINE} bytes", f"{len(data)} bytes without an end")
        return data[:-1].decode()

    def pop(self) -> Any:
        """The top of the stack."""
        value = self.stack.pop() if self.stack else _MARK
        if value is _MARK:
            raise Fault("a value on the stack", "none")
        return value

    def top(self, kind: Any) -> Any:
        """The top of the stack, which must be of a type, or of a class that the host lets grow."""
        value = self.stack[-1] if self.stack else _MARK
        if isinstance(value, kind) or self.host.grows(value):
            return value
        raise Fault("a container that can grow", type(value).__name__ if self.stack else "an empty stack")

    def group(self) -> list[Any]:
        """All that was pushed since the last mark."""
        stack = self.stack
        place = len(stack) - 1
        while place >= 0 and stack[place] is not _MARK:
            place -= 1
        if place < 0:
            raise Fault("a mark on the stack", "none")
        items = stack[place + 1 :]
        del stack[place:]
        return items

    def spend(self, count: int) -> None:
        """Pay for `count` elements that are copied or looked at."""
        self.budget -= count
        if self.budget < 0:
            raise Fault("a program whose values are no larger than its file", "one that copies far more")

    def put_pairs(self, target: Any, items: list[Any]) -> None:
        """Keys and values in turn into a dict."""
        if len(items) % 2:
            raise Fault("a value for each key", f"{len(items)} items")
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[self.key(key)] = value

    def integer(self, length: int) -> int:
        """A signed whole number of `length` bytes."""
        if not 0 <= length <= MAX_INTEGER:
            raise Fault(f"a whole number of at most {MAX_INTEGER} bytes", f"one of {length}")
        return int.from_bytes(self.take(length), "little", signed=True)

    def arguments(self) -> tuple[Any, ...]:
        """A tuple from the stack, paid for."""
        args = self.pop()
        if type(args) is not tuple:
            raise Fault("a tuple of arguments", type(args).__name__)
        for arg in args:
            if isinstance(arg, (str, bytes, bytearray, list, tuple, dict, set, frozenset)):
                self.spend(len(arg))
        return args


def _push(read: Callable[[Program], Any]) -> Callable[[Program], None]:
    return lambda p: p.stack.append(read(p))


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogatepass")


def _old_text(data: bytes) -> str | bytes:
    """What Python 2 called `str`: text where it can be read as such, else bytes."""
    try:
        return _text(data)
    except UnicodeDecodeError:
        return data


def _quoted(p: Program) -> str:
    text = p.line()
    if len(text) < 2 or text[0] != text[-1] or text[0] not in "'\"":
        raise Fault("text in quotes", repr(text[:40]))
    return text[1:-1].encode().decode("unicode_escape")


def _decimal(p: Program) -> Any:
    text = p.line()
    if text in ("00", "01"):  # the truth values of protocol 0
        return text == "01"
    return int(text.removesuffix("L"))


def _tuple(count: int) -> Callable[[Program], None]:
    def step(p: Program) -> None:
        items = [p.pop() for _ in range(count)]
        p.stack.append(tuple(reversed(items)))

    return step


def _group_into(make: Callable[[list[Any]], Any]) -> Callable[[Program], None]:
    return lambda p: p.stack.append(make(p.group()))


def _dict(p: Program) -> None:
    items, made = p.group(), dict[Any, Any]()
    p.put_pairs(made, items)
    p.stack.append(made)


def _drop(p: Program) -> None:
    p.top(object)
    del p.stack[-1]


def _drop_group(p: Program) -> None:
    p.group()


def _append(p: Program) -> None:
    item = p.pop()
    p.top(list).append(item)


def _appends(p: Program) -> None:
    items = p.group()
    p.top(list).extend(items)


def _set_item(p: Program) -> None:
    value, key = p.pop(), p.pop()
    p.put_pairs(p.top(dict), [key, value])


def _set_items(p: Program) -> None:
    items = p.group()
    p.put_pairs(p.top(dict), items)


def _add_items(p: Program) -> None:
    items = p.group()
    p.top(set).update(map(p.key, items))


def _empty_set(p: Program) -> set[Any]:
    p.spend(_SET_PRICE)
    return set()


def _memoize(p: Program) -> int:
    p.spend(_MEMO_PRICE)
    return len(p.memo)


def _frozenset(p: Program) -> None:
    p.stack.append(frozenset(map(p.key, p.group())))


def _get(index: Callable[[Program], int]) -> Callable[[Program], None]:
    def step(p: Program) -> None:
        place = index(p)
        if place not in p.memo:
            raise Fault("a value that was remembered", f"the number {place}")
        p.stack.append(p.memo[place])

    return step


def _put(index: Callable[[Program], int]) -> Callable[[Program], None]:
    def step(p: Program) -> None:
        p.memo[index(p)] = p.top(object)

    return step


def _global(p: Program) -> None:
    module = p.line()
    p.stack.append(p.host.find(f"{module}.{p.line()}"))


def _stack_global(p: Program) -> None:
    name, module = p.pop(), p.pop()
    if type(name) is not str or type(module) is not str or len(name) + len(module) > MAX_LINE:
        raise Fault("a name as text", f"{type(module).__name__} and {type(name).__name__}")
    p.stack.append(p.host.find(f"{module}.{name}"))


def _reduce(p: Program) -> None:
    args = p.arguments()
    function = p.pop()
    p.stack.append(p.host.call(function, args))


def _new(p: Program) -> None:
    args = p.arguments()
    cls = p.pop()
    p.stack.append(p.host.make(cls, args, {}))


def _new_named(p: Program) -> None:
    named = p.pop()
    args = p.arguments()
    cls = p.pop()
    if type(named) is not dict or not all(type(name) is str for name in named):
        raise Fault("arguments by name", type(named).__name__)
    p.spend(len(named))
    p.stack.append(p.host.make(cls, args, named))


def _build(p: Program) -> None:
    state = p.pop()
    if isinstance(state, dict):
        p.spend(len(state))
    p.host.build(p.top(object), state)


def _storage(p: Program) -> None:
    p.stack.append(p.host.storage(p.pop()))


STEPS: dict[bytes, Callable[[Program], None]] = {
    b"\x80": lambda p: _check_protocol(p.number("<B")),
    b"\x95": lambda p: p.number("<Q") and None,
    b"(": lambda p: p.stack.append(_MARK),
    b"0": _drop,
    b"1": _drop_group,
    b"2": lambda p: p.stack.append(p.top(object)),
    b"N": _push(lambda p: None),
    b"\x88": _push(lambda p: True),
    b"\x89": _push(lambda p: False),
    b"I": _push(_decimal),
    b"L": _push(_decimal),
    b"J": _push(lambda p: p.number("<i")),
    b"K": _push(lambda p: p.number("<B")),
    b"M": _push(lambda p: p.number("<H")),
    b"\x8a": _push(lambda p: p.integer(p.number("<B"))),
    b"\x8b": _push(lambda p: p.integer(p.number("<i"))),
    b"F": _push(lambda p: float(p.line())),
    b"G": _push(lambda p: p.number(">d")),
    b"S": _push(_quoted),
    b"T": _push(lambda p: _old_text(p.take(p.number("<i")))),
    b"U": _push(lambda p: _old_text(p.take(p.number("<B")))),
    b"B": _push(lambda p: p.take(p.number("<I"))),
    b"C": _push(lambda p: p.take(p.number("<B"))),
    b"\x8e": _push(lambda p: p.take(p.number("<Q"))),
    b"\x96": _push(lambda p: bytearray(p.take(p.number("<Q")))),
    b"V": _push(lambda p: p.line().encode("latin1", "backslashreplace").decode("raw-unicode-escape")),
    b"X": _push(lambda p: _text(p.take(p.number("<I")))),
    b"\x8c": _push(lambda p: _text(p.take(p.number("<B")))),
    b"\x8d": _push(lambda p: _text(p.take(p.number("<Q")))),
    b"]": _push(lambda p: []),
    b"}": _push(lambda p: {}),
    b")": _push(lambda p: ()),
    b"\x8f": _push(_empty_set),
    b"l": _group_into(list),
    b"t": _group_into(tuple),
    b"d": _dict,
    b"\x91": _frozenset,
    b"\x85": _tuple(1),
    b"\x86": _tuple(2),
    b"\x87": _tuple(3),
    b"a": _append,
    b"e": _appends,
    b"s": _set_item,
    b"u": _set_items,
    b"\x90": _add_items,
    b"g": _get(lambda p: int(p.line())),
    b"h": _get(lambda p: p.number("<B")),
    b"j": _get(lambda p: p.number("<I")),
    b"p": _put(lambda p: int(p.line())),
    b"q": _put(lambda p: p.number("<B")),
    b"r": _put(lambda p: p.number("<I")),
    b"\x94": _put(_memoize),
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"\x81": _new,
    b"\x92": _new_named,
    b"b": _build,
    b"Q": _storage,
}


def _check_protocol(version: int) -> None:
    if version > 5:
        raise Fault("a protocol of at most 5", str(version))
