"""Write the reference pages from what the packages really hold: `python -m tools.reference FOLDER`.

Every public name appears with its signature and docstring, every operator with its formula, shapes and an example that has just been
run, every hook with its arguments, and every name that can be looked up with what it takes.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from tools.reference import modules, operators


def write(folder: Path, pages: Iterable[tuple[str, str]]) -> int:
    """Replace the folder by these (name, text) pages; returns how many there are."""
    shutil.rmtree(folder, ignore_errors=True)
    count = 0
    for name, text in pages:
        path = folder / f"{name}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        count += 1
    return count


def main(folder: Path) -> int:
    """Write all pages into `folder`."""
    count = write(folder, [*modules.pages(), *operators.pages()])
    print(f"reference: {count} pages in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
