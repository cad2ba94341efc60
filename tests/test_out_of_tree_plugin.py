"""The package in `examples/plugin`, installed in a clean environment; then broken in three ways."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "plugin"
BREAKS = {
    "raises at import": ("raise LookupError('broken on purpose')", "LookupError: broken on purpose"),
    "exits": ("import sys; sys.exit('goodbye')", "SystemExit: goodbye"),
    "lacks a dependency": ("import a_module_nobody_has", "ModuleNotFoundError: No module named 'a_module_nobody_has'"),
}
HOST = """
import facula
names = facula.models.names()
x = facula.ones(2, requires_grad=True)
(x * 3).sum().backward()
print("tiny_net" in names, "spirals" in facula.datasets, x.grad.tolist())
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("out_of_tree"), pytest.mark.timeout(600)]


class Environment:
    """A virtual environment that holds core, lightning, the example and pytest, none of them editable."""

    def __init__(self, folder):
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        self.python = str(folder / ("Scripts" if os.name == "nt" else "bin") / "python")
        ours = [str(ROOT / "packages" / name) for name in ("core", "lightning")]
        pins = ["--constraint", str(ROOT / "requirements" / "constraints.txt")]
        command = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            *pins,
            *ours,
            str(EXAMPLE),
            "pytest",
            "hypothesis",
        ]
        self.run(*command)

    def run(self, *arguments):
        """Run Python there, out of this tree; the result is checked and returned."""
        environment = {
            name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "FACULA_PLUGINS")
        }
        done = subprocess.run(
            [self.python, *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, timeout=500
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def plugin_file(self):
        """The installed module of hooks."""
        return Path(self.run("-c", "import facula_example as e; print(e.__path__[0])").stdout.strip()) / "plugin.py"


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return Environment(tmp_path_factory.mktemp("clean"))


def test_it_is_listed(clean):
    report = json.loads(clean.run("-m", "facula.cli", "plugins", "--json").stdout)
    (example,) = [plugin for plugin in report["plugins"] if plugin["distribution"] == "facula-example"]
    assert (example["status"], example["error"], len(example["hooks"])) == ("loaded", "", 6)
    assert "shadow" in report["names"]["devices"]


def test_it_passes_the_public_suites(clean):
    done = clean.run("-m", "pytest", "-q", "-p", "no:cacheprovider", str(EXAMPLE / "tests"))
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize("how", BREAKS)
def test_broken_on_purpose_it_is_named_once_and_the_host_works(clean, how):
    line, error = BREAKS[how]
    plugin = clean.plugin_file()
    whole = plugin.read_text(encoding="utf-8")
    assert clean.run("-c", HOST).stdout.strip() == "True True [3.0, 3.0]"
    try:
        plugin.write_text(f"{line}\n{whole}", encoding="utf-8")
        done = clean.run("-W", "always", "-c", HOST)
    finally:
        plugin.write_text(whole, encoding="utf-8")
    assert done.stdout.strip() == "False False [3.0, 3.0]"
    named = [text for text in done.stderr.splitlines() if "facula-example" in text]
    assert len(named) == 1
    assert f"plugin 'example' of facula-example 0.1.0 was skipped: {error} ({plugin}:1)" in named[0]
