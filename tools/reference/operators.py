"""The pages of the operators: one for each family file, and an index with a line for each."""

from __future__ import annotations

import functools
import importlib
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from facula import ops
from facula.autograd.op import Op
from facula.ops import names
from facula.ops.methods import COMPARISONS, OPERATORS
from facula.tensors.tensor import Tensor
from tools.reference import kinds
from tools.reference.examples import Seen, from_sample, run
from tools.reference.text import escape, fenced, sections, signature, summary

ROOMS = (
    "facula",
    "facula.linalg",
    "facula.fft",
    "facula.special",
    "facula.sparse",
    "facula.masked",
    "facula.signal.windows",
    "facula.nn.functional",
)
SIGNS = {
    "add": "+", "sub": "-", "mul": "*", "truediv": "/", "floordiv": "//", "mod": "%", "pow": "**", "matmul": "@", "and": "&", "or": "|", "xor": "^",
    "eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">=",
}  # fmt: skip
OTHER_SIGNS = {
    "getitem": "x[key]", "setitem": "x[key] = value", "neg": "-x", "abs": "abs(x)", "bitwise_not": "~x",
    "bitwise_left_shift": "x << y", "bitwise_right_shift": "x >> y",
}  # fmt: skip
PROMOTIONS = {
    "common": "operands are cast to their common type, and Python numbers to the tensors'",
    "float": "operands are cast to their common type, integers to the default floating type",
}


GROUPS = {
    "Making tensors": "create share random windows conversion interop copies",
    "Shapes and places": "shape join layout strided storage index gather masks sort unique",
    "Functions of elements": "arithmetic unary exponential trigonometry compare clamp combine bitwise complex gamma bessel polynomial",
    "Reductions": "reduce extremes statistics quantile histogram scan difference masked",
    "Linear algebra": "matmul blas linalg linalg_decompositions linalg_orthogonal linalg_norms distance fft stft",
    "Networks": """
        activation activation_hard softmax norm dropout embedding conv pad pool pool_adaptive shuffle resample attention recurrent
        loss loss_class loss_pair loss_ctc
    """,
    "Sparse tensors": "sparse sparse_math",
}
TITLES = {
    "activation_hard": "Activations in straight pieces",
    "blas": "Products and sums of products",
    "fft": "Fourier transforms",
    "linalg": "Inverses, solutions, determinants",
    "linalg_decompositions": "Decompositions",
    "linalg_norms": "Norms, ranks, pseudo-inverses",
    "linalg_orthogonal": "Orthogonal factors",
    "loss_class": "Losses of classes",
    "loss_ctc": "Loss of sequences without alignment",
    "loss_pair": "Losses of pairs and margins",
    "pool_adaptive": "Adaptive pooling",
    "sparse_math": "Products and sums of sparse tensors",
    "storage": "Storages",
    "stft": "Short-time Fourier transforms",
    "unary": "Elementary functions",
}
SAME_AS = re.compile(r"\bas `(\w+)`")
NOTATION = """
Every operator by family. `(N, C, H, W)` names sizes, `(*)` stands for any shape, `()` for a single number, and "->" for what comes out.
**Types** says what comes out of the example where its floating-point numbers are of another type. Where an operator is made of others,
**Gradient** names the [records](../../design/engine.md) that carry it.
"""


@dataclass
class Entry:
    """One public operator: its name in `ops.PUBLIC`, its record or function, and every name it is reached by."""

    name: str
    thing: Any
    spellings: list[str] = field(default_factory=list)

    @property
    def family(self) -> str:
        """The file that holds it."""
        return str(self.thing.__module__).rpartition(".")[2].replace("primitives", "copies")

    @property
    def page(self) -> str:
        """Where it is described."""
        return f"ops/{self.family}.md#{self.name}"

    @property
    def title(self) -> str:
        """The first name, without the package."""
        return self.spellings[0].removeprefix("facula.")

    @property
    def doc(self) -> str:
        """Its docstring."""
        return inspect.getdoc(self.thing) or ""

    @property
    def summary(self) -> str:
        """The sentence or formula at the beginning of its docstring."""
        return summary(self.doc)

    @property
    def shape(self) -> str:
        """Its shapes: as the docstring says them, else as the family of its rule does."""
        said = sections(self.doc).shape
        return said or (self.thing.rule.text if isinstance(self.thing, Op) else "")


def room_names() -> Iterator[tuple[str, Any]]:
    """Every public name below the modules and of `Tensor`, with what it holds."""
    for room in ROOMS:
        module = importlib.import_module(room)
        for name in sorted(names.FUNCTIONS if room == "facula" else dir(module)):
            if not name.startswith("_") and hasattr(module, name):
                yield f"{room}.{name}", getattr(module, name)
    for name, value in sorted(vars(Tensor).items()):
        if not name.startswith("_"):
            yield f"facula.Tensor.{name}", value


@functools.cache
def entries() -> dict[str, Entry]:
    """All public operators by name; an alias is a spelling, and so is an in-place form without shapes of its own."""
    functions = {name: ops.function(name) for name in ops.PUBLIC}  # doors come into being, so that names share them
    owner: dict[int, str] = {}
    for name, function in functions.items():
        owner.setdefault(id(function), name)
    found = {name: Entry(name, ops.PUBLIC[name]) for name in owner.values()}
    for spelling, value in room_names():
        name = owner.get(id(value)) or owner.get(id(functions.get(base_of(spelling))))
        if name and spelling not in found[name].spellings:
            found[name].spellings.append(spelling)
    for name in ("getitem", "setitem"):
        found[name].spellings.append(f"facula.Tensor.__{name}__")
    for name, entry in list(found.items()):
        base = owner.get(id(functions.get(name.removesuffix("_"))))
        if name.endswith("_") and base and not sections(entry.doc).shape:
            found[base].spellings += found.pop(name).spellings
    return {name: entry for name, entry in found.items() if entry.spellings}


def base_of(spelling: str) -> str:
    """The op whose in-place form a spelling such as `facula.Tensor.exp_` names, "" if it is none."""
    name = spelling.rpartition(".")[2]
    return name[:-1] if name in names.IN_PLACE else ""


@functools.cache
def by_spelling() -> dict[str, Entry]:
    """The operator that each public name stands for."""
    return {spelling: entry for entry in entries().values() for spelling in entry.spellings}


@functools.cache
def by_function() -> dict[int, Entry]:
    """The operator behind a function's identity, for modules that show operators under names of their own."""
    return {id(ops.function(name)): entry for name, entry in entries().items()}


def entry_of(spelling: str, thing: Any) -> Entry | None:
    """The operator that a public name stands for, if it is one."""
    return by_spelling().get(spelling) or by_function().get(id(thing))


def signs(entry: Entry) -> list[str]:
    """Python's operators for it, e.g. `x + y`."""
    tables = {**OPERATORS, **COMPARISONS}
    found = [f"x {SIGNS[dunder]} y" for dunder, thing in tables.items() if thing is entry.thing]
    return found + ([OTHER_SIGNS[entry.name]] if entry.name in OTHER_SIGNS else [])


def call_of(entry: Entry) -> str:
    """How it is called: the first spelling with its arguments."""
    function = ops.function(entry.name)
    arguments = signature(function)
    if entry.title.startswith("Tensor."):
        arguments = (
            arguments.replace("(input, ", "(").replace("(self, ", "(").replace("(input)", "()").replace("(self)", "()")
        )
    return f"{entry.spellings[0]}{arguments}"


def differentiable(op: Op) -> bool:
    """Whether a record has a gradient."""
    return not op.nondiff and bool(op.rules or op.joint)


def gradient(entry: Entry, made_of: list[Op]) -> str:
    """What is known of its gradient."""
    if isinstance(entry.thing, Op):
        return "of any order" if differentiable(entry.thing) else "none"
    if not made_of:
        return ""
    through = [op.name for op in made_of if differentiable(op)]
    return (
        f"of any order, through {listed(through)}"
        if through
        else f"none (made of {listed([op.name for op in made_of])})"
    )


def listed(words: list[str]) -> str:
    """Names in backticks, with commas."""
    return ", ".join(f"`{word}`" for word in words)


def example_of(entry: Entry) -> tuple[str, Seen | None]:
    """Its example as a block, run just now, and what was seen meanwhile. Without a docstring's, a record's sample serves."""
    examples = sections(entry.doc).examples
    if examples:
        seen = run(entry.name, examples, entry.thing.forward if isinstance(entry.thing, Op) else entry.thing)
        return "\n\n".join(fenced(part) for part in examples), seen
    if isinstance(entry.thing, Op):
        return fenced(from_sample(entry.spellings[0], entry.thing, entry.thing.samples[0])), None
    return "", None


def types(entry: Entry, seen: Seen | None) -> str:
    """What becomes of types: what the record says of its operands, and what comes out for each."""
    if isinstance(entry.thing, Op):
        parts = [PROMOTIONS.get(entry.thing.promote or "", ""), kinds.of_record(entry.thing)]
        return "; ".join(part for part in parts if part)
    return kinds.of_function(entry.thing, seen) if seen else ""


def link(found: re.Match[str]) -> str:
    """The name of an operator whose shapes another one has, as a link."""
    entry = entries().get(found[1])
    return f"as [`{entry.title}`](../{entry.page})" if entry else found[0]


def describe(entry: Entry) -> list[str]:
    """The section of one operator."""
    example, seen = example_of(entry)
    prose = sections(entry.doc).prose
    record = entry.thing if isinstance(entry.thing, Op) else None
    others = [spelling.removeprefix("facula.") for spelling in entry.spellings[1:]]
    facts = {
        "Shape": SAME_AS.sub(link, escape(entry.shape)),
        "Types": escape(types(entry, seen)),
        "Gradient": gradient(entry, list(seen.records.values()) if seen else []),
        "View": "shares memory with its input" if record and record.view else "",
        "Also": listed([*signs(entry), *others]),
        "ONNX": f"`{record.onnx}`" if record and record.onnx else "",
    }
    lines = [f"## `{entry.title}` {{ #{entry.name} }}", "", f"```python\n{call_of(entry)}\n```", ""]
    for part in prose:
        lines += [escape(part), ""]
    lines += [f"- **{key}:** {value}" for key, value in facts.items() if value]
    return [*lines, "", example, ""]


def families() -> dict[str, list[Entry]]:
    """The operators of each family file, in the order of the groups."""
    order = [family for group in GROUPS.values() for family in group.split()]
    found: dict[str, list[Entry]] = {family: [] for family in order}
    for entry in entries().values():
        found.setdefault(entry.family, []).append(entry)
    return {family: members for family, members in found.items() if members}


def page(family: str, members: list[Entry]) -> str:
    """The page of one family."""
    about = importlib.import_module(f"facula.ops.{family}").__doc__ or ""
    lines = [f"# {title_of(family)}", "", escape(about), ""]
    lines += [f"- [`{entry.title}`](#{entry.name}): {escape(entry.summary)}" for entry in members]
    for entry in members:
        lines += ["", *describe(entry)]
    return "\n".join(lines)


def title_of(family: str) -> str:
    """The name of a family as a heading."""
    return TITLES.get(family) or family.replace("_", " ").capitalize()


def index() -> str:
    """All operators by family, one line each."""
    lines, found = ["# Operators", NOTATION], families()
    groups = {group: members.split() for group, members in GROUPS.items()}
    groups["Others"] = [family for family in found if not any(family in members for members in groups.values())]
    for group, members in groups.items():
        lines += ["", f"## {group}"] if members else []
        for family in members:
            lines += ["", f"### [{title_of(family)}](ops/{family}.md)", ""]
            lines += [f"- [`{entry.title}`]({entry.page}): {escape(entry.summary)}" for entry in found[family]]
    return "\n".join([*lines, ""])


def pages() -> Iterator[tuple[str, str]]:
    """The index and the page of each family, as (name, text)."""
    yield "operators", index()
    for family, members in families().items():
        yield f"ops/{family}", page(family, members)
