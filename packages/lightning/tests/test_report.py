import re

import numpy as np
import pytest

from facula_lightning.report import Report

plots = pytest.importorskip("facula_lightning.plots")
pytest.importorskip("matplotlib")

ROWS = [
    *[{"step": step, "epoch": step // 10, "loss": 1 / (step + 1)} for step in range(20)],
    *[{"step": step, "epoch": step // 10, "val_loss": 2 / (step + 1)} for step in (9, 19)],
]


@pytest.mark.parametrize("theme", [plots.LIGHT, plots.DARK])
def test_curves(theme):
    panels = {"Loss": {"training": "loss", "validation": "val_loss"}, "Rate": {"": "lr"}}
    figure = plots.draw_curves(ROWS, panels, 10, theme, log_scale=["Loss"], limits={"Rate": (0, 1)})
    loss, rate = figure.axes
    assert list(loss.lines[0].get_xdata()) == [(step + 1) / 10 for step in range(20)]
    assert loss.get_yscale() == "log"
    assert {text.get_text() for text in loss.texts} == {"training 0.050", "validation 0.100"}
    low, high = sorted(text.get_position()[1] for text in loss.texts)
    assert high - low > 0.08
    assert rate.get_ylim() == (0, 1)
    assert len(rate.texts) == 0


def test_confusion():
    figure = plots.draw_confusion(np.array([[8, 2], [0, 5]]), "ab")
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["8", "2", "5", "recall", "0.800", "1.000"]
    assert figure.axes[0].get_title(loc="left") == "13 of 15 right, 2 mistaken"


def test_predictions():
    figure = plots.draw_predictions(np.eye(4)[None].repeat(3, 0), [1, 2, 3], [1, 7, 3], [0.9, 0.5, 1.0], "t", columns=2)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["1", "90%", "2, is 7", "50%", "3", "100%", "t"]
    assert [patch.get_linewidth() > 1 for patch in axes.patches] == [False, True, False]


def test_page_holds_all_it_shows(tmp_path):
    figure = plots.draw_confusion(np.eye(2, dtype=int), "ab")
    report = Report("A <run>", "in & out")
    report.numbers([("0.99", "accuracy", "of 10")])
    report.picture("Picture", figure, figure, "caption", "alt text")
    report.table("Table", ["name", "n"], [["a<b", 3]], right=[1])
    report.beside()
    report.steps("Next", [("Do this.", "a < b"), ("Then that.", "")])
    path = report.write(tmp_path / "report.html", "footer")
    page = path.read_text(encoding="utf-8")
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r'(src|href|srcset)="(?!data:)', page)
    assert "A &lt;run&gt;" in page
    assert "a&lt;b" in page
    assert page.count('<div class="pair"><section><h2>Picture') == 1
    for tag in ("section", "table", "ol", "div", "picture"):
        assert len(re.findall(f"<{tag}[ >]", page)) == page.count(f"</{tag}>"), tag
