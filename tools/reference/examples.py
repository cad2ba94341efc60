"""Examples that run while the pages are written, and what ops a function is made of, heard while its example runs."""

from __future__ import annotations

import doctest
import inspect
import sys
from types import FrameType
from typing import Any

from facula.autograd.op import Op, Sample, arg
from facula.autograd.state import Interpreter

FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


class Seen(Interpreter):
    """What happens in one function while its example runs: the records it calls, each once, and its own calls and results."""

    def __init__(self, function: Any) -> None:
        self.code = getattr(inspect.unwrap(function), "__code__", None)
        self.records: dict[str, Op] = {}
        self.calls: list[tuple[dict[str, Any], Any]] = []
        self._frame: FrameType | None = None
        self._arguments: dict[str, Any] = {}

    def process(self, op: Op, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        if self._frame is not None:
            self.records[op.name] = op
        return op.bind(inputs, attrs)

    def __enter__(self) -> Any:
        sys.setprofile(self._watch)
        return super().__enter__()

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        sys.setprofile(None)

    def _watch(self, frame: FrameType, event: str, result: Any) -> None:
        if event == "call" and frame.f_code is self.code and self._frame is None:
            self._frame, self._arguments = frame, dict(frame.f_locals)
        elif event == "return" and frame is self._frame:
            self.calls.append((self._arguments, result))
            self._frame = None


def run(name: str, examples: list[str], function: Any) -> Seen:
    """Run a docstring's examples and tell what was seen in `function`. What they print must be what they say."""
    seen, said = Seen(function), []
    test = doctest.DocTestParser().get_doctest("\n\n".join(examples), {}, name, None, None)
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    with seen:
        runner.run(test, out=said.append)
    if runner.failures:
        raise AssertionError(f"{name}: its example fails.\n{''.join(said)}")
    return seen


def from_sample(call: str, op: Op, sample: Sample) -> str:
    """An example made of a record's sample: the call, and the shape of what comes out (or of each part)."""
    lines = ["import facula"]
    names = []
    for i, made in enumerate(sample.inputs):
        names.append(op.inputs[i] if i < len(op.inputs) else f"{op.variadic}{i}")
        lines.append(f"{names[-1]} = {tensor_source(made)}")
    attrs = [f"{name}={value!r}" for name, value in sample.attrs.items()]
    if call.startswith("facula.Tensor."):
        called = f"{names[0]}.{call.removeprefix('facula.Tensor.')}({', '.join([*names[1:], *attrs])})"
    else:
        called = f"{call}({', '.join([*names, *attrs])})"
    last = f"[part.shape for part in {called}]" if op.returns else f"{called}.shape"
    space: dict[str, Any] = {}
    for line in lines:
        exec(line, space)
    return "\n".join([*(f">>> {line}" for line in [*lines, last]), repr(eval(last, space))])


def tensor_source(made: Any) -> str:
    """The code that makes one input of a sample."""
    if isinstance(made, tuple | list):
        made = arg(tuple(made))
    if not isinstance(made, arg):
        return repr(made)
    if made.values is not None:
        return f"facula.tensor({made.values!r})"
    sizes = ", ".join(map(str, made.shape))
    if made.dtype == "complex":
        return f"facula.randn({sizes}, dtype=facula.complex64)"
    if made.dtype == "bool":
        return f"facula.rand({sizes}) < 0.5"
    if made.dtype != "float":
        return f"facula.randint({int(made.low)}, {int(made.high)}, {made.shape})"
    if (made.low, made.high) == (-2.0, 2.0):
        return f"facula.randn({sizes})"
    return f"facula.empty({sizes}).uniform_({made.low}, {made.high})"
