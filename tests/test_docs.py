"""The programs on the pages run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    "README.md",
    "docs/index.md",
    "docs/tutorial.md",
    "docs/how-to/add-a-layer.md",
    "docs/how-to/add-a-model.md",
    "docs/how-to/checkpoints.md",
    "docs/how-to/per-sample-gradients.md",
    "docs/how-to/profile-a-program.md",
    "docs/how-to/share-memory.md",
    "docs/how-to/train.md",
]
LIMITS = {"A training loop": 15, "The Trainer": 10, "A plugin": 10}


def programs(page):
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)


@pytest.mark.parametrize("page", PAGES)
def test_programs_run_in_order(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "page"}
    exec("from facula.plugins import hookimpl", namespace)
    for program in programs(page):
        exec(compile(program, page, "exec"), namespace)


@pytest.mark.parametrize("title", LIMITS)
def test_the_first_screen_keeps_its_programs_short(title):
    section = (ROOT / "README.md").read_text(encoding="utf-8").split(f"## {title}\n", 1)[1].split("\n## ", 1)[0]
    (program,) = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    lines = [line for line in program.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= LIMITS[title]


@pytest.mark.parametrize(
    "page", [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/**/*.md"))] + ["README.md"]
)
def test_links_between_pages_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [link for link in links if "://" not in link and "reference/generated" not in link]
    assert [link for link in local if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_every_nox_session_is_told_in_the_contributing_page():
    sessions = re.findall(r"@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(encoding="utf-8"))
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [name for name in sessions if f"| `{name}` |" not in text] == []


def test_pre_commit_runs_the_pinned_ruff():
    (pinned,) = re.findall(r"^ruff==(.+)$", (ROOT / "requirements/constraints.txt").read_text(), flags=re.MULTILINE)
    used = re.findall(r"ruff==([\d.]+)", (ROOT / ".pre-commit-config.yaml").read_text())
    assert set(used) == {pinned}
