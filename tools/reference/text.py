"""Docstrings as Markdown."""

from __future__ import annotations

import inspect
import re
from typing import Any, NamedTuple


class Sections(NamedTuple):
    """A docstring taken apart: its paragraphs, what stands after "Shape:", and its examples."""

    prose: list[str]
    shape: str
    examples: list[str]


def sections(docstring: str) -> Sections:
    """Take a docstring apart; a shape ends with its paragraph, or before three spaces or a label such as "Errors:"."""
    text = inspect.cleandoc(docstring)
    found = re.search(r"\s*\bShape: (.*?)(?=\n\s*\n|   |\n[A-Z]\w+: |\Z)", text, flags=re.DOTALL)
    shape = " ".join(found[1].split()) if found else ""
    rest = text[: found.start()] + text[found.end() :] if found else text
    parts = [part.rstrip() for part in re.split(r"\n\s*\n", rest) if part.strip()]
    examples = [part for part in parts if part.lstrip().startswith(">>>")]
    return Sections([part for part in parts if part not in examples], shape, examples)


def summary(docstring: str) -> str:
    """The first paragraph in one line, without its shape."""
    prose = sections(docstring).prose
    return " ".join(prose[0].split()) if prose else ""


def markdown(docstring: str) -> str:
    """A docstring as Markdown: the shape on a line of its own, examples and indented parts fenced, the rest as it reads."""
    prose, shape, examples = sections(docstring)
    lines = [f"```text\n{part}\n```" if part.startswith(" ") else escape(part) for part in prose]
    lines += [f"**Shape:** {escape(shape)}"] if shape else []
    return "\n\n".join([*lines, *(fenced(part) for part in examples)])


def fenced(example: str) -> str:
    """An example as a block that can be copied."""
    return f"```pycon\n{inspect.cleandoc(example)}\n```"


def escape(text: str) -> str:
    """Prose with the signs that Markdown would read as markup escaped, code in backticks left alone."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else re.sub(r"([\\*_<>\[\]|#])", r"\\\1", piece) for piece in pieces)


def signature(thing: Any) -> str:
    """The arguments as they are written, or "" where Python cannot tell them."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return ""
    text = re.sub(r"(: |-> )'([^']*)'", r"\1\2", text)  # annotations that Python keeps as text
    return re.sub(r"<([\w.]+)[^<>]*? at 0x[0-9a-f]+>", r"\1", text)
