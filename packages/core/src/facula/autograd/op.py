"""The op record: everything the framework knows about one operator, in one value.

Autograd, meta tensors, tracing, ONNX, docs and tests are readers of this record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from facula.autograd import bind as _bind
from facula.errors import type_error, value_error


class Rule:
    """What comes out for what goes in: `shape(*metas, **attrs) -> Meta` (or a tuple), and how inputs are promoted.

    promote: None (inputs as they are), "common" (PyTorch's result type; Python numbers allowed) or "float" (the same, and integers become
    the default floating type).
    text: the shapes in words, for the reference.
    """

    __slots__ = ("promote", "shape", "text")

    def __init__(self, shape: Callable[..., Any], promote: str | None = None, text: str = "") -> None:
        self.shape, self.promote, self.text = shape, promote, text


class Sample:
    """One example call of an op: what to make for each input (a shape, an `arg`, a constant) and its attributes."""

    __slots__ = ("attrs", "inputs")

    def __init__(self, inputs: tuple[Any, ...], attrs: dict[str, Any]) -> None:
        self.inputs, self.attrs = inputs, attrs


class arg:
    """A tensor to make for a sample: its shape, dtype and range of values; `values` gives them literally."""

    __slots__ = ("dtype", "high", "low", "shape", "values")

    def __init__(
        self,
        shape: tuple[int, ...] = (),
        dtype: str = "float",
        low: float = -2.0,
        high: float = 2.0,
        values: Any = None,
    ) -> None:
        self.shape, self.dtype, self.low, self.high, self.values = shape, dtype, low, high, values


def sample(*inputs: Any, **attrs: Any) -> Sample:
    """A sample for a record, e.g. `sample((3, 4), dim=-1)`."""
    return Sample(inputs, attrs)


class Op:
    """One operator. Call it as a function; its door is generated when it is first called."""

    def __init__(
        self,
        forward: Callable[..., Any],
        rule: Rule | Callable[..., Any],
        *,
        view: bool = False,
        onnx: Any = None,
        samples: Sequence[Sample] = (),
        nondiff: bool = False,
        returns: Any = None,
        keeps: tuple[int, ...] | None = None,
        promote: str | None = None,
        name: str = "",
        half: bool = True,
        ufunc: str = "",
        moves: bool = False,
    ) -> None:
        self.forward, self.name = forward, name or forward.__name__.strip("_")
        self.rule = rule if isinstance(rule, Rule) else Rule(rule, promote)
        self.promote = promote or self.rule.promote
        self.view, self.onnx, self.samples, self.nondiff, self.half = view, onnx, list(samples), nondiff, half
        self.ufunc = ufunc  # NumPy's function that the forward is nothing but, when all attributes have their defaults
        self.moves = moves  # the result is meant to lie on another device than the inputs
        self.returns = returns  # None: one result; a named-tuple class or an int: several
        self.keeps = keeps  # of several results, those that the gradient needs: `out` holds None for the others
        self.kernels: dict[str, Callable[..., Any]] = {}
        self.rules: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {}
        self.array_rules: dict[str, tuple[Callable[..., Any], tuple[str, ...]]] = {}
        self.joint: tuple[Callable[..., Any], tuple[str, ...]] | None = None
        self.array_joint: tuple[Callable[..., Any], tuple[str, ...]] | None = None
        self.prepare: Callable[..., Any] | None = None  # maps a sample into the domain where finite differences hold
        self.places: list[tuple[Any, str]] = []
        self.__doc__, self.__name__ = forward.__doc__, self.name
        self.__module__ = forward.__module__
        self._parse(forward)

    def _parse(self, forward: Callable[..., Any]) -> None:
        """Read the forward's signature: inputs before `/`, then attributes; `*name` is a variable number of inputs."""
        code = forward.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        defaults = forward.__defaults__ or ()
        values = dict(zip(names[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True))
        values.update(forward.__kwdefaults__ or {})
        self.inputs = names[1 : code.co_posonlyargcount]
        self.optional = {n for n in self.inputs if n in values}
        self.variadic = code.co_varnames[len(names)] if code.co_flags & 0x04 else None
        self.attrs = names[max(code.co_posonlyargcount, 1) :]
        self.keyword_only = set(names[code.co_argcount :])
        self.defaults = {n: values[n] for n in self.attrs if n in values}

    @property
    def saved(self) -> tuple[str, ...]:
        """What the tape keeps, in a fixed order: the names that some gradient asks for."""
        rules = [*self.rules.values(), *self.array_rules.values()]
        rules += [r for r in (self.joint, self.array_joint) if r]
        asked = {name for _, asks in rules for name in asks}
        return tuple(n for n in ("out", *self.inputs, self.variadic) if n in asked)

    def vjp(self, joint: Callable[..., Any] | None = None, /, **rules: Callable[..., Any]) -> Any:
        """Give the gradient of each input as a function of what it names: `g`, `out`, `shapes`, inputs, attributes.

        As a decorator: one function that returns a tuple with all gradients (when they share work).
        """
        if joint is not None:
            self.joint = joint, self._asks(joint)
        for name, rule in rules.items():
            self.rules[name] = rule, self._asks(rule)
        self._forget()
        return joint

    def array_vjp(self, joint: Callable[..., Any] | None = None, /, **rules: Callable[..., Any]) -> Any:
        """Gradients on raw arrays, used when no graph of the backward is wanted; `xp` may be asked for too.

        Without arguments: the formulas given to `vjp` use nothing but operators, so they run on arrays as they are.
        A formula returns `g`, a view of it, or a new array; never an array that was kept.
        """
        if joint is not None:
            self.array_joint = joint, self._asks(joint)
        elif not rules:
            self.array_rules, self.array_joint = dict(self.rules), self.joint
        for name, rule in rules.items():
            self.array_rules[name] = rule, self._asks(rule)
        self._forget()
        return joint

    def _asks(self, rule: Callable[..., Any]) -> tuple[str, ...]:
        code = rule.__code__
        asks = getattr(rule, "asks", code.co_varnames[: code.co_argcount + code.co_kwonlyargcount])
        known = {"g", "out", "shapes", "xp", "needs", *self.inputs, *self.attrs, self.variadic}
        if unknown := set(asks) - known:
            raise type_error(
                f"{self.name}.vjp: expected names from {sorted(known - {None}, key=str)}, got {sorted(unknown)}. Rename the parameter."
            )
        return asks

    def kernel(self, device: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """Use `function` instead of the forward on one kind of device; it takes the same arguments."""
        self.kernels[device] = function
        self._forget()
        return function

    def forward_on(self, device: str) -> Callable[..., Any]:
        """What computes this op on a kind of device: a kernel given here or by a plugin, else the forward."""
        if device not in self.kernels and device not in ("cpu", "cuda", "meta"):
            from facula.plugins import tables

            name = f"{self.name}.{device}"
            self.kernels[device] = tables.kernels.get(name) if name in tables.kernels.names() else self.forward
        return self.kernels.get(device, self.forward)

    def _forget(self) -> None:
        self.__dict__.pop("door", None)
        self.__dict__.pop("backward", None)
        self.__dict__.pop("array_backward", None)

    def __getattr__(self, name: str) -> Any:
        """The generated functions come into being when they are first asked for."""
        if name in ("door", "backward", "array_backward"):
            _bind.generate(self)
            for owner, attribute in self.places:
                setattr(owner, attribute, self.door)
            return self.__dict__[name]
        raise AttributeError(f"Op {self.__dict__.get('name')!r} has no attribute {name!r}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.door(*args, **kwargs)

    def bind(self, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        """The slow door: what an interpreter calls to go on."""
        return _bind.bind(self, inputs, attrs)

    def install(self, owner: Any, attribute: str) -> None:
        """Put the door at `owner.attribute`: a stub first, the generated function from the first call on."""

        def stub(*args: Any, **kwargs: Any) -> Any:
            return self.door(*args, **kwargs)

        stub.__name__, stub.__doc__ = attribute, self.__doc__
        self.places.append((owner, attribute))
        setattr(owner, attribute, self.__dict__.get("door", stub))

    def __repr__(self) -> str:
        return f"<op {self.name}>"


ALL: dict[str, Op] = {}


def op(rule: Any, **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """Make the decorated forward an op record: `@op(rule=same, onnx="Relu", samples=[...])`."""

    def make(forward: Callable[..., Any]) -> Op:
        record = Op(forward, rule, **options)
        if record.name in ALL and ALL[record.name].__module__ != record.__module__:
            raise value_error(
                f"op: {record.name!r} is defined in {ALL[record.name].__module__} already. Choose another name."
            )
        ALL[record.name] = record
        return record

    return make
