"""The pages of the modules: every public name with its signature and docstring; operators link to their own pages."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from facula.tensors.tensor import Tensor
from tools.reference.operators import Entry, by_spelling, entry_of
from tools.reference.text import escape, markdown, signature, summary

CORE = """
    facula facula.linalg facula.fft facula.special facula.signal.windows facula.masked facula.sparse facula.random facula.return_types
    facula.nn facula.nn.functional facula.nn.init facula.nn.utils facula.nn.utils.rnn facula.nn.utils.parametrize
    facula.nn.utils.parametrizations facula.nn.utils.prune facula.nn.attention facula.nn.attention.bias
    facula.nn.attention.flex_attention facula.nn.grad facula.nn.parallel
    facula.autograd facula.autograd.functional facula.autograd.forward_ad facula.autograd.graph facula.func facula.distributions
    facula.optim facula.optim.lr_scheduler facula.optim.swa_utils
    facula.utils.data facula.metrics facula.multiprocessing facula.hub facula.library
    facula.utils.dlpack facula.utils.checkpoint facula.utils.hooks facula.utils.flop_counter facula.utils.tensorboard
    facula.serialization facula.array_api
    facula.amp facula.amp.policy facula.cpu facula.cuda facula.distributed facula.onnx facula.profiler facula.quantization
    facula.plugins facula.testing facula.errors facula.config facula.registry facula.tree
""".split()
PACKAGES = """
    facula_vision facula_vision.datasets facula_vision.models facula_vision.models.detection facula_vision.ops
    facula_vision.transforms facula_vision.transforms.v2 facula_vision.transforms.v2.functional facula_vision.tv_tensors
    facula_vision.io facula_vision.utils
    facula_text facula_text.datasets facula_text.models facula_text.tokenizers facula_text.generation facula_text.sampling
    facula_text.lora facula_text.metrics facula_text.vocab facula_text.transforms facula_text.samplers
    facula_audio facula_audio.functional facula_audio.transforms facula_audio.compliance.kaldi facula_audio.models
    facula_audio.models.decoder facula_audio.datasets facula_audio.io
    facula_lightning facula_lightning.callbacks facula_lightning.loggers facula_lightning.strategies
""".split()
MODULES = (*CORE, *PACKAGES)


def public_names(module: ModuleType) -> list[str]:
    """What a module lists, or else its own names that do not begin with an underscore; none that Python itself documents."""
    listed = getattr(module, "__all__", None)
    names = listed if listed is not None else [name for name in dir(module) if is_own(module, name)]
    return sorted({name for name in names if not is_of_python(getattr(module, name))}, key=str.lower)


def is_of_python(thing: Any) -> bool:
    """Whether a class or function is of the standard library, handed on under our name."""
    home = str(getattr(thing, "__module__", None)).partition(".")[0]
    return home in sys.stdlib_module_names and home != "builtins"


def is_own(module: ModuleType, name: str) -> bool:
    """Whether a name of a module without `__all__` is public there, and not something it imported from elsewhere."""
    thing = getattr(module, name, module)
    home = getattr(thing, "__module__", None) or type(thing).__module__
    return not name.startswith("_") and not inspect.ismodule(thing) and home.startswith(("facula", "builtins"))


def members(thing: type) -> list[str]:
    """The public functions and properties that a class defines itself; what a tensor can do is told on the page of Tensor."""
    kinds = (property, classmethod, staticmethod)
    told = vars(Tensor) if issubclass(thing, Tensor) and thing is not Tensor else {}
    return [
        name
        for name, value in vars(thing).items()
        if not name.startswith("_") and name not in told and (inspect.isfunction(value) or isinstance(value, kinds))
    ]


def member_line(thing: type, name: str) -> str:
    """One line for a method or property of a class."""
    value = inspect.getattr_static(thing, name)
    arguments = "" if isinstance(value, property) else without_self(signature(getattr(thing, name)))
    return f"- `{name}{arguments}` {escape(summary(own_doc(value)))}".rstrip()


def without_self(arguments: str) -> str:
    """The arguments of a method as a call has them."""
    return re.sub(r"^\(self(: \w+)?(, )?", "(", arguments)


def own_doc(value: Any) -> str:
    """The docstring of a method or property itself; what overrides a described one needs none."""
    return (inspect.getdoc(value) if inspect.ismemberdescriptor(value) else getattr(value, "__doc__", None)) or ""


def describe(name: str, thing: Any, level: int) -> list[str]:
    """The section of one public name; a class is followed by its own public methods."""
    kind = "class " if inspect.isclass(thing) else ""
    lines = [f"{'#' * level} {kind}`{name}`", ""]
    if callable(thing):
        lines += [f"```python\n{name}{without_self(signature(thing))}\n```", ""]
    docstring = inspect.getdoc(thing) if callable(thing) else None
    if docstring:
        lines += [markdown(docstring), ""]
    if inspect.isclass(thing) and thing is not Tensor:
        lines += [*(member_line(thing, member) for member in members(thing)), ""]
    return lines


def operator_line(name: str, entry: Entry) -> str:
    """One line for a name that an operator's page describes."""
    return f"- [`{name}`]({entry.page}): {escape(entry.summary)}"


def module_page(name: str) -> str:
    """The page of one module."""
    module = importlib.import_module(name)
    lines, constants, operators = [f"# {name}", "", markdown(module.__doc__ or ""), ""], [], []
    for public in public_names(module):
        thing = getattr(module, public)
        entry = entry_of(f"{name}.{public}", thing)
        if inspect.ismodule(thing):
            continue
        if entry:
            operators.append(operator_line(public, entry))
        elif thing is Tensor:
            lines += [f"## class `{public}`", "", "[`Tensor`](facula.Tensor.md) has a page of its own.", ""]
        elif callable(thing):
            lines += describe(public, thing, 2)
        else:
            constants.append(f"- `{public}` of type `{type(thing).__name__}`")
    if constants:
        lines += ["## Constants", "", *constants, ""]
    if operators:
        lines += ["## Operators", "", *operators, ""]
    return "\n".join(lines)


def tensor_page() -> str:
    """The page of `Tensor`: its properties, its own methods, and a line for each operator."""
    properties, methods, operators = [], [], []
    for name in sorted(dir(Tensor)):
        entry = by_spelling().get(f"facula.Tensor.{name}")
        value = inspect.getattr_static(Tensor, name)
        if entry and not name.startswith("__"):
            operators.append(operator_line(name, entry))
        elif name.startswith("_"):
            continue
        elif inspect.isfunction(value):
            methods += describe(name, value, 3)
        elif inspect.isdatadescriptor(value):
            properties += [f"- `{name}` {escape(summary(own_doc(value)))}"] if own_doc(value) else []
        else:
            properties.append(f"- `{name}` {value}")
    lines = [*describe("facula.Tensor", Tensor, 1), "## Properties", "", *properties, ""]
    return "\n".join([*lines, "## Methods", "", *methods, "## Operators", "", *operators, ""])


def hooks_page() -> str:
    """The page of hooks, and of every name they register, with the arguments each takes."""
    from facula.plugins import TABLES, hookspecs

    lines = ["# Hooks and registered names", "", markdown(hookspecs.__doc__ or ""), "", "## Hooks", ""]
    for hook, thing in vars(hookspecs).items():
        if hook.startswith("facula_register_"):
            lines += describe(hook, thing, 3)
    lines += ["## Registered names", ""]
    for kinds, table in TABLES.items():
        lines += [f"### {kinds}", ""]
        lines += [named_entry(table, name) for name in table.names()] or ["None are registered."]
        lines.append("")
    return "\n".join(lines)


def named_entry(table: Any, name: str) -> str:
    """One line of the table of names: name, arguments, owner, tags."""
    entry = table.entry(name)
    tags = f", {', '.join(entry.tags)}" if entry.tags else ""
    return f"- `{name}{signature(table.get(name))}` from `{entry.owner}`{tags}"


def index() -> str:
    """The list of all pages."""
    lines = ["# Reference", "", "- [Operators](operators.md): formula, shapes, types and gradient of each"]
    lines += ["- [`Tensor`](facula.Tensor.md)", "- [Hooks and registered names](hooks.md)", "", "## Modules", ""]
    for name in MODULES:
        about = summary(importlib.import_module(name).__doc__ or "").removeprefix(f"`{name}`: ")
        lines.append(f"- [{name}]({name}.md): {escape(about)}")
    return "\n".join([*lines, ""])


def pages() -> Iterator[tuple[str, str]]:
    """All pages but the operators', as (name, text)."""
    yield "index", index()
    yield "facula.Tensor", tensor_page()
    yield "hooks", hooks_page()
    for name in MODULES:
        yield name, module_page(name)
