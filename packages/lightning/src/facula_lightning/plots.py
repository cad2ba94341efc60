"""Pictures of a run: learning curves, a confusion matrix, predictions. Drawn by matplotlib (extra `plots`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from facula_lightning.exceptions import optional

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Theme:
    """Colours for one kind of page."""

    paper: str
    ink: str
    faint: str
    line: str
    series: tuple[str, ...]
    good: str
    bad: str
    cell: str  # the strongest shade of a matrix


LIGHT = Theme(
    "#ffffff", "#1c2330", "#6b7587", "#d9dee7", ("#2563c9", "#d9730d", "#178a63"), "#2563c9", "#c8322b", "#2563c9"
)
DARK = Theme(
    "#161a21", "#e7ebf2", "#98a2b3", "#343b48", ("#7fb0ff", "#ffb067", "#5fd3a8"), "#7fb0ff", "#ff7a70", "#5b93f0"
)


def _figure(width: float, height: float, theme: Theme) -> Figure:
    make = optional("matplotlib.figure", "plots").Figure
    return make(figsize=(width, height), dpi=160, facecolor=theme.paper, layout="constrained")


def draw_curves(
    rows: Sequence[Mapping[str, float]],
    panels: Mapping[str, Mapping[str, str]],
    steps_per_epoch: int,
    theme: Theme = LIGHT,
    log_scale: Sequence[str] = (),
    limits: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """Logged numbers over epochs, side by side.

    `rows` are what a `CSVLogger` keeps; `panels` maps each title to {label: logged name}; `log_scale` names panels with
    a logarithmic axis, `limits` gives panels the range of theirs. Each line carries its name and its last value at its
    end, unless the name is empty. Panels stand three to a row at most.
    """
    columns = min(len(panels), 3)
    lines = -(-len(panels) // columns)
    figure: Any = _figure(3.7 * columns, 2.9 * lines, theme)
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.08)
    grid = figure.subplots(lines, columns, squeeze=False).flatten()
    for axes, (title, names) in zip(grid, panels.items(), strict=False):
        axes.set_facecolor(theme.paper)
        axes.spines[["top", "right", "left"]].set_visible(False)
        axes.spines["bottom"].set_color(theme.line)
        axes.tick_params(colors=theme.faint, labelsize=9, length=0, pad=6)
        axes.grid(axis="y", color=theme.line, linewidth=0.8)
        axes.set_axisbelow(True)
        if title in log_scale:
            axes.set_yscale("log")
            axes.minorticks_off()
            axes.yaxis.get_major_locator().set_params(subs=(1.0, 2.0, 5.0))
            axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        ends = []
        for colour, (label, name) in zip(theme.series, names.items(), strict=False):
            points = [((row["step"] + 1) / steps_per_epoch, row[name]) for row in rows if name in row]
            if not points:
                continue
            x, y = zip(*points, strict=True)
            often = len(points) > 3 * max(x)
            axes.plot(x, y, color=colour, linewidth=1.2 if often else 2.2, solid_capstyle="round")
            axes.plot(x[-1:], y[-1:], "o", color=colour, markersize=5, clip_on=False, zorder=5)
            if label:
                ends.append((y[-1], f"{label} {_value(y[-1])}", colour))
        axes.set_title(title, loc="left", color=theme.ink, fontsize=12, fontweight="bold", pad=12)
        axes.set_xlabel("epoch", color=theme.faint, fontsize=9.5)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_xlim(0, max((line.get_xdata()[-1] for line in axes.lines), default=1.0))
        if limits and title in limits:
            axes.set_ylim(*limits[title])
        _label_ends(axes, ends)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    return figure


def _value(value: float) -> str:
    return f"{value:.3f}" if 0.01 <= abs(value) < 10 else f"{value:.3g}"


def _label_ends(axes: Any, ends: list[tuple[float, str, str]], apart: float = 0.09) -> None:
    """Write each line's label right of its end, moved apart where two would touch."""
    to_display = axes.transScale.transform
    low, high = (to_display((1, y))[1] for y in axes.get_ylim())
    ends = sorted(ends)
    places = [(to_display((1, value))[1] - low) / ((high - low) or 1.0) for value, _, _ in ends]
    for _ in range(50):
        for i in range(len(places) - 1):
            overlap = apart - (places[i + 1] - places[i])
            if overlap > 0:
                places[i] -= overlap / 2
                places[i + 1] += overlap / 2
    for place, (_, text, colour) in zip(places, ends, strict=True):
        axes.text(
            1.03, place, text, transform=axes.transAxes, color=colour, fontsize=9.5, va="center", fontweight="bold"
        )


def draw_confusion(matrix: Any, classes: Sequence[str], theme: Theme = LIGHT) -> Figure:
    """How often each class (a row) was taken for each (a column); right answers in one colour, mistakes in another.

    Beside each row stands its recall: the part of the class that was found.
    """
    from matplotlib.colors import to_rgb

    counts, n = np.asarray(matrix), len(classes)
    figure = _figure(6.4, 5.9, theme)
    axes = figure.subplots()
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    share = counts / totals
    paper, good, bad = (np.array(to_rgb(colour)) for colour in (theme.paper, theme.cell, theme.bad))
    right = np.eye(n, dtype=bool)[..., None]
    strength = np.where(right[..., 0], share**2 * 0.9, np.minimum(0.35 + 3 * share, 1.0) * (counts > 0))
    picture = paper + (np.where(right, good, bad) - paper) * strength[..., None]
    axes.imshow(picture)
    for i, j in np.argwhere(counts > 0):
        dark = picture[i, j] @ (0.299, 0.587, 0.114) < 0.55
        ink = "#ffffff" if dark else "#1c2330"
        axes.text(j, i, str(counts[i, j]), ha="center", va="center", fontsize=10, color=ink)
    axes.set_xticks(range(n), classes, rotation=30 if max(map(len, classes)) > 5 else 0)
    axes.set_yticks(range(n), classes)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(np.arange(n + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=theme.line, linewidth=0.8)
    axes.tick_params(which="both", length=0, colors=theme.ink, labelsize=10)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted", color=theme.faint, fontsize=10, labelpad=8)
    axes.set_ylabel("true", color=theme.faint, fontsize=10, labelpad=8)
    hits, bold = int(np.trace(counts)), {"color": theme.ink, "fontsize": 11, "fontweight": "bold"}
    axes.set_title(f"{hits} of {counts.sum()} right, {counts.sum() - hits} mistaken", bold, loc="left", pad=24)
    axes.text(n - 0.2, -0.85, "recall", color=theme.faint, fontsize=9, va="center")
    for i in range(n):
        whole = counts[i, i] == totals[i, 0]
        axes.text(n - 0.2, i, f"{share[i, i]:.3f}", color=theme.faint if whole else theme.bad, fontsize=9, va="center")
    return figure


def draw_predictions(
    images: Any,
    predicted: Sequence[int | str],
    truth: Sequence[int | str],
    confidence: Sequence[float],
    title: str = "",
    columns: int = 12,
    theme: Theme = LIGHT,
) -> Figure:
    """Pictures (N, H, W) in a grid, each with what was predicted and how surely; mistakes are framed and show the truth."""
    from matplotlib.patches import Rectangle

    images = np.asarray(images, dtype=float)
    rows = -(-len(images) // columns)
    wide, tall = 1.16, 1.62  # a picture is 1 by 1, the rest is room for text
    top = 0.5 if title else 0.0
    figure = _figure(0.95 * columns, 0.95 * (rows * tall + top) / wide, theme)
    axes = figure.subplots()
    axes.set_axis_off()
    for number, (image, said, right, sure) in enumerate(zip(images, predicted, truth, confidence, strict=True)):
        x, y = number % columns * wide, number // columns * tall
        wrong = said != right
        peak = max(float(image.max()), 1e-9)
        axes.imshow(image, cmap="gray_r", vmin=0, vmax=peak, interpolation="nearest", extent=(x, x + 1, y + 1, y))
        frame, width = (theme.bad, 2.6) if wrong else (theme.line, 0.8)
        axes.add_patch(Rectangle((x, y), 1, 1, fill=False, edgecolor=frame, linewidth=width))
        text, colour, weight = (f"{said}, is {right}", theme.bad, "bold") if wrong else (f"{said}", theme.ink, "normal")
        size = 10 if len(text) < 11 else 6.5  # names stand closer than digits
        axes.text(x + 0.5, y - 0.07, text, ha="center", va="bottom", fontsize=size, color=colour, fontweight=weight)
        axes.text(x + 0.5, y + 1.06, f"{sure:.0%}", ha="center", va="top", fontsize=8, color=theme.faint)
    if title:
        axes.text(0, -0.45, title, ha="left", va="bottom", fontsize=12, color=theme.ink, fontweight="bold")
    axes.set_xlim(-0.06, columns * wide - (wide - 1) + 0.06)
    axes.set_ylim(rows * tall - 0.3, -0.38 - top)
    return figure
