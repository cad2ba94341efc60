import json

import pytest

from facula import cli
from facula.plugins import TABLES, manager


def test_version(capsys):
    with pytest.raises(SystemExit) as info:
        cli.main(["--version"])
    assert info.value.code == 0
    assert capsys.readouterr().out == f"facula {cli.installed('facula')}\n"


def test_plugins_lists_core_first(capsys):
    cli.main(["plugins"])
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith("facula:builtin ")
    assert "loaded" in first
    assert first.endswith("devices, exporters, optimizers")


def test_plugins_as_json_lists_every_name(capsys):
    cli.main(["plugins", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["plugins"][0]["name"] == "builtin"
    assert report["names"] == {kinds: table.names() for kinds, table in TABLES.items()}


def test_plugins_tells_of_one_that_was_skipped(capsys, monkeypatch):
    broken = manager.Plugin("plug", "bad-dist", "0.7", "x", status="skipped", file="plug.py:1", error="OSError: no")
    monkeypatch.setattr(manager, "plugins", lambda: [broken])
    assert cli.main(["plugins"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "bad-dist:plug 0.7  skipped  0.0 ms",
        "    OSError: no (plug.py:1)",
    ]


def test_env_names_libraries_extras_and_settings(capsys, monkeypatch):
    monkeypatch.setenv("FACULA_PLUGINS", "-nobody")
    monkeypatch.setattr(cli, "installed", lambda distribution: None)
    assert cli.main(["env"]) == 0
    out = capsys.readouterr().out
    assert "numba not installed  (pip install facula[fast])" in out
    assert "FACULA_PLUGINS=-nobody" in out
    assert out.startswith("python 3.")


def test_a_command_is_required(capsys):
    with pytest.raises(SystemExit) as info:
        cli.main([])
    assert info.value.code == 2
    assert "COMMAND" in capsys.readouterr().err
