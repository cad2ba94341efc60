"""Write the reference pages from what the packages really hold: `python tools/reference.py FOLDER`.

Every public name appears with its signature and docstring, every hook with its arguments, and every name that can be
looked up with what it takes.
"""

from __future__ import annotations

import importlib
import inspect
import re
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

MODULES = (
    "facula",
    "facula.nn",
    "facula.nn.functional",
    "facula.nn.init",
    "facula.autograd",
    "facula.autograd.forward_ad",
    "facula.autograd.graph",
    "facula.func",
    "facula.distributions",
    "facula.sparse",
    "facula.optim",
    "facula.optim.lr_scheduler",
    "facula.optim.swa_utils",
    "facula.nn.utils.parametrize",
    "facula.nn.utils.parametrizations",
    "facula.nn.utils.prune",
    "facula.amp",
    "facula.amp.policy",
    "facula.profiler",
    "facula.utils.flop_counter",
    "facula.serialization",
    "facula.utils.data",
    "facula.onnx",
    "facula.quantization",
    "facula.distributed",
    "facula.plugins",
    "facula.testing",
    "facula_vision",
    "facula_vision.datasets",
    "facula_vision.models",
    "facula_vision.transforms",
    "facula_text",
    "facula_audio",
    "facula_lightning",
)


def public_names(module: ModuleType) -> list[str]:
    """What a module lists, or else its own names that do not begin with an underscore."""
    listed = getattr(module, "__all__", None)
    names = listed if listed is not None else [name for name in dir(module) if is_own(module, name)]
    return sorted(set(names), key=str.lower)


def is_own(module: ModuleType, name: str) -> bool:
    """Whether a name of a module without `__all__` is public there, and not something it imported from elsewhere."""
    thing = getattr(module, name, module)
    home = getattr(thing, "__module__", None) or type(thing).__module__
    return not name.startswith("_") and not inspect.ismodule(thing) and home.startswith(("facula", "builtins"))


def signature(thing: Any) -> str:
    """The arguments as they are written, or "" where Python cannot tell them."""
    try:
        text = str(inspect.signature(thing))
    except (TypeError, ValueError):
        return ""
    return re.sub(r"<([\w.]+)[^<>]*? at 0x[0-9a-f]+>", r"\1", text)


def markdown(docstring: str) -> str:
    """A docstring as Markdown: examples and indented parts fenced, the rest as it reads."""
    parts = []
    for part in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        if part.lstrip().startswith(">>>"):
            parts.append(f"```pycon\n{inspect.cleandoc(part)}\n```")
        elif part.startswith(" "):
            parts.append(f"```text\n{part}\n```")
        else:
            parts.append(escape(part))
    return "\n\n".join(parts)


def escape(text: str) -> str:
    """Prose with the signs that Markdown would read as markup escaped, code in backticks left alone."""
    pieces = re.split(r"(`[^`]*`)", text)
    return "".join(piece if piece.startswith("`") else re.sub(r"([\\*_<>\[\]|#])", r"\\\1", piece) for piece in pieces)


def describe(name: str, thing: Any, level: int) -> list[str]:
    """The section of one public name; a class is followed by its own public methods."""
    kind = "class " if inspect.isclass(thing) else ""
    lines = [f"{'#' * level} {kind}`{name}`", ""]
    if callable(thing):
        lines += [f"```python\n{name}{signature(thing)}\n```", ""]
    docstring = inspect.getdoc(thing) if callable(thing) else None
    if docstring:
        lines += [markdown(docstring), ""]
    if inspect.isclass(thing):
        own = [
            member for member in vars(thing) if not member.startswith("_") and inspect.isfunction(vars(thing)[member])
        ]
        for member in own:
            first = (inspect.getdoc(getattr(thing, member)) or "").split("\n\n")[0].replace("\n", " ")
            lines.append(f"- `{member}{signature(getattr(thing, member))}` {escape(first)}".rstrip())
        lines.append("")
    return lines


def module_page(name: str) -> str:
    """The page of one module."""
    module = importlib.import_module(name)
    lines = [f"# {name}", "", markdown(module.__doc__ or ""), ""]
    for public in public_names(module):
        thing = getattr(module, public)
        if inspect.ismodule(thing):
            continue
        if callable(thing):
            lines += describe(public, thing, 2)
        else:
            lines += [f"## `{public}`", "", f"A `{type(thing).__name__}`.", ""]
    return "\n".join(lines)


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


def write(folder: Path, pages: Iterable[tuple[str, str]]) -> None:
    """Replace the folder by these (name, text) pages."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, text in pages:
        folder.joinpath(f"{name}.md").write_text(text, encoding="utf-8")


def main(folder: Path) -> int:
    """Write all pages into `folder`."""
    pages = [(name, module_page(name)) for name in MODULES]
    pages.append(("hooks", hooks_page()))
    links = [f"- [{name}]({name}.md)" for name in MODULES]
    index = "\n".join(["# Reference", "", *links, "- [Hooks and registered names](hooks.md)", ""])
    write(folder, [("index", index), *pages])
    print(f"reference: {len(pages)} pages in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
