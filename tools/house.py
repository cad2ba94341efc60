"""The house rules that no other tool checks; `python tools/house.py` lists each break as `file:line: rule`."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_LINES = 600
MAX_STATEMENTS = 60
BANNER = re.compile(r"^\s*#\s*([-=*#~_+])\1{3,}")
LEFTOVER = re.compile(r"#.*\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
UNSAFE = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
MAY_PICKLE = {
    "packages/core/src/facula/data/channel.py",  # pipes between a loader and its own workers, never a file
    "packages/core/src/facula/serialization/unpickle.py",  # `load(weights_only=False)`, asked for by name
}


def tracked(root: Path) -> list[Path]:
    """The Python files that git knows of or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"]
    names = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.split("\n")
    return [root / name for name in sorted(set(names)) if name and (root / name).is_file()]


def count_statements(function: ast.AST) -> int:
    """The statements in a function, nested functions included, its docstring not."""
    return sum(isinstance(node, ast.stmt) and not _is_text(node) for node in ast.walk(function)) - 1


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return {node.module.split(".")[0]}
    return set()


def check(text: str, shipped: bool) -> Iterator[tuple[int, str]]:
    """The breaks in one file as (line, rule); `shipped` files may not touch formats that run code."""
    lines = text.splitlines()
    if len(lines) > MAX_LINES:
        yield MAX_LINES + 1, f"file has {len(lines)} lines, at most {MAX_LINES}"
    for number, line in enumerate(lines, 1):
        if BANNER.match(line):
            yield number, "banner comment; a blank line and a docstring separate better"
        if LEFTOVER.search(line):
            yield number, "leftover mark; do it or file it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            size = count_statements(node)
            if size > MAX_STATEMENTS:
                yield node.lineno, f"function {node.name} has {size} statements, at most {MAX_STATEMENTS}"
        unsafe = _imported(node) & UNSAFE
        if shipped and unsafe:
            yield node.lineno, f"imports {', '.join(sorted(unsafe))}; files of that kind can run code"  # type: ignore[attr-defined]


def main(root: Path) -> int:
    """Check every file below `root`; returns the exit status."""
    files = tracked(root)
    broken = 0
    for path in files:
        name = path.relative_to(root)
        shipped = len(name.parts) > 2 and name.parts[0] == "packages" and name.parts[2] == "src"
        shipped = shipped and str(name) not in MAY_PICKLE
        for line, rule in check(path.read_text(encoding="utf-8"), shipped):
            print(f"{name}:{line}: {rule}")
            broken += 1
    print(f"house: {len(files)} files, {broken} broken rules")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parents[1]))
