"""Report: one HTML page that holds everything it shows, readable offline, in light and in dark."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from string import Template
from typing import Any


class Report:
    """A page built from the top down; `write` puts it into one file without links to others.

    >>> report = Report("A run", "Two numbers.")
    >>> report.numbers([("0.99", "accuracy", "of 599 pictures")])
    >>> report.table("Files", ["name", "bytes"], [["model.onnx", 12]])
    >>> "model.onnx" in report.html()
    True
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title, self.subtitle = title, subtitle
        self._parts: list[str] = []

    def numbers(self, tiles: Sequence[tuple[str, str, str]]) -> None:
        """The few numbers that matter, large: (number, name, remark)."""
        cells = "".join(
            f"<div><span>{_safe(name)}</span><b>{_safe(number)}</b><small>{_safe(remark)}</small></div>"
            for number, name, remark in tiles
        )
        self._parts.append(f'<section class="numbers">{cells}</section>')

    def section(self, title: str, caption: str, body: str) -> None:
        """A part of the page; `body` is HTML."""
        text = f"<p>{_safe(caption)}</p>" if caption else ""
        self._parts.append(f"<section><h2>{_safe(title)}</h2>{text}{body}</section>")

    def picture(self, title: str, light: Any, dark: Any = None, caption: str = "", alt: str = "") -> None:
        """A matplotlib figure; `dark` is shown instead where the reader's system is dark."""
        source = "" if dark is None else f'<source media="(prefers-color-scheme: dark)" srcset="{_data(dark)}">'
        image = f'<img src="{_data(light)}" alt="{_safe(alt or title)}">'
        self.section(title, caption, f"<picture>{source}{image}</picture>")

    def table(
        self,
        title: str,
        header: Sequence[str],
        rows: Sequence[Sequence[Any]],
        caption: str = "",
        right: Sequence[int] = (),
    ) -> None:
        """A table; the columns in `right` are set flush right."""

        def line(tag: str, cells: Sequence[Any]) -> str:
            begins = [f'<{tag} class="right">' if i in right else f"<{tag}>" for i in range(len(cells))]
            return f"<tr>{''.join(f'{b}{_safe(cell)}</{tag}>' for b, cell in zip(begins, cells, strict=True))}</tr>"

        head = f"<thead>{line('th', header)}</thead>" if any(header) else ""
        body = "".join(line("td", row) for row in rows)
        self.section(title, caption, f'<div class="scroll"><table>{head}<tbody>{body}</tbody></table></div>')

    def steps(self, title: str, items: Sequence[tuple[str, str]], caption: str = "") -> None:
        """A numbered list of (sentence, code); code may be empty."""
        lines = [f"<li>{_safe(text)}{f'<pre>{_safe(code)}</pre>' if code else ''}</li>" for text, code in items]
        self.section(title, caption, f"<ol>{''.join(lines)}</ol>")

    def beside(self, count: int = 2) -> None:
        """Put the newest `count` parts side by side where the window is wide enough."""
        parts = self._parts[-count:]
        self._parts[-count:] = [f'<div class="pair">{"".join(parts)}</div>']

    def html(self, footer: str = "") -> str:
        """The page as text."""
        page = Template((Path(__file__).parent / "report.html").read_text(encoding="utf-8"))
        words = {"title": self.title, "subtitle": self.subtitle, "footer": footer}
        parts = "\n".join(self._parts)
        return page.substitute({name: _safe(text) for name, text in words.items()}, parts=parts)

    def write(self, path: str | Path, footer: str = "") -> Path:
        """Write the page; the file appears whole or not at all."""
        path = Path(path)
        partial = path.with_suffix(".part")
        partial.write_text(self.html(footer), encoding="utf-8")
        os.replace(partial, path)
        return path


def _safe(value: Any) -> str:
    return html.escape(str(value))


def _data(figure: Any) -> str:
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
