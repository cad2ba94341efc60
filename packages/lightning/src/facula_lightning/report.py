"""Report: one HTML page that holds everything it shows, readable offline, in light and in dark."""

from __future__ import annotations

import base64
import html
import os
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

_STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --page: #f4f6f9; --ink: #1c2330; --faint: #5d6779;
  --line: #dfe4ec; --strong: #2563c9; }
@media (prefers-color-scheme: dark) { :root { --paper: #161a21; --page: #0e1116; --ink: #e7ebf2; --faint: #98a2b3;
  --line: #2a303b; --strong: #7fb0ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 40px 20px 64px; }
header { margin-bottom: 28px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 8px; letter-spacing: -0.01em; }
header p { color: var(--faint); margin: 0; max-width: 90ch; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 22px 24px 24px;
  margin: 0 0 20px; }
h2 { font-size: 18px; margin: 0 0 4px; }
section > p { color: var(--faint); margin: 0 0 14px; max-width: 75ch; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); gap: 14px; padding: 0; border: 0;
  background: none; }
.numbers div { background: var(--paper); border: 1px solid var(--line); border-radius: 12px; padding: 14px 16px; }
.numbers b { display: block; font-size: 26px; line-height: 1.25; font-weight: 650; font-variant-numeric: tabular-nums; }
.numbers div:first-child b { color: var(--strong); }
.numbers span { color: var(--faint); font-size: 14px; }
.numbers small { display: block; color: var(--faint); font-size: 13px; line-height: 1.35; margin-top: 3px; }
img { display: block; max-width: 100%; height: auto; margin: 0 auto; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(380px, 1fr)); gap: 20px; margin: 0 0 20px; }
.pair section { margin: 0; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 15px; font-variant-numeric: tabular-nums; }
th { text-align: left; color: var(--faint); font-weight: 500; font-size: 14px; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.right { text-align: right; }
code, pre { font: 14px/1.5 ui-monospace, "Cascadia Code", Menlo, "DejaVu Sans Mono", monospace; }
pre { background: var(--page); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; overflow-x: auto;
  margin: 6px 0 14px; }
ol { margin: 6px 0 0; padding-left: 20px; }
li { margin: 0 0 10px; }
footer { color: var(--faint); font-size: 14px; }
@media print { body { background: none; } section { break-inside: avoid; } }
"""


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
        closing = f"<footer>{_safe(footer)}</footer>" if footer else ""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{_safe(self.title)}</title><style>{_STYLE}</style></head>\n<body><main>"
            f"<header><h1>{_safe(self.title)}</h1><p>{_safe(self.subtitle)}</p></header>\n"
            + "\n".join(self._parts)
            + f"\n{closing}</main></body></html>\n"
        )

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
