"""Small tables as text, for summaries and results."""

from __future__ import annotations

from collections.abc import Sequence


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Columns of equal width under a header and a line; the columns in `right` are set flush right.

    >>> print(text_table(["name", "n"], [["a", "1"], ["bb", "20"]], right=[1]))
    name |  n
    ---------
    a    |  1
    bb   | 20
    """
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]

    def line(row: Sequence[str]) -> str:
        cells = enumerate(zip(row, widths, strict=True))
        return " | ".join(cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in cells).rstrip()

    return "\n".join([line(header), "-" * (sum(widths) + 3 * (len(widths) - 1)), *map(line, rows)])


def human(count: float) -> str:
    """A large number in three digits.

    >>> human(950), human(12_345), human(3_100_000)
    ('950', '12.3 K', '3.1 M')
    """
    power = next((n for n in range(4) if count < 1000 ** (n + 1)), 4)
    scaled = count / 1000**power
    return f"{scaled:.{int(power > 0 and scaled < 100)}f}{('', ' K', ' M', ' B', ' T')[power]}"


def metrics_table(stage: str, results: Sequence[dict[str, float]]) -> str:
    """The metrics of each loader as a table."""
    header = [f"{stage} metric", *[f"loader {i}" if len(results) > 1 else "value" for i in range(len(results))]]
    rows: dict[str, list[str]] = {}
    for column, found in enumerate(results):
        for name, value in found.items():
            short = name.partition("/dataloader_idx_")[0]
            rows.setdefault(short, [short, *[""] * len(results)])[column + 1] = f"{value:.6g}"
    return text_table(header, list(rows.values()), right=range(1, len(header)))


def print_metrics(stage: str, results: Sequence[dict[str, float]]) -> None:
    """Print the metrics of each loader, if there are any."""
    if any(results):
        print(metrics_table(stage, results))  # noqa: T201
