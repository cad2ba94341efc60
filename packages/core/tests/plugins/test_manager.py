"""Plugins of made-up distributions, each host in a process of its own: import state is what is tested."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import facula.plugins
from facula.plugins.manager import api_matches

SOURCE = str(Path(facula.plugins.__file__).parents[2])
GOOD = """
from facula.plugins import hookimpl

@hookimpl
def facula_register_models(registry):
    registry.add("tiny", "fractions:Fraction", tags=("small",))
"""
DATASETS_TOO = """
@hookimpl
def facula_register_datasets(registry):
    registry.add("rows", "fractions:Fraction")
    {raises}
"""
SHOW = "from facula.plugins.tables import models, datasets, devices\n"


@pytest.fixture
def distribution(tmp_path):
    """A function that puts a distribution with one plugin module on the path of the hosts below."""

    def make(name, source=None, version="1.2", point="plug", module=None):
        module = module or name.replace("-", "_") + "_plugin"
        info = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        info.joinpath("entry_points.txt").write_text(f"[facula]\n{point} = {module}\n")
        if source is not None:
            tmp_path.joinpath(f"{module}.py").write_text(source)

    return make


@pytest.fixture
def host(tmp_path):
    """A function that runs a program beside those distributions; it returns (standard output, warnings)."""

    def run(program, *options, plugins=""):
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), SOURCE]), "FACULA_PLUGINS": plugins}
        command = [sys.executable, "-W", "always", *options, "-c", program]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=tmp_path, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip(), done.stderr

    return run


def test_a_plugin_fills_the_tables(distribution, host):
    distribution("my-dist", GOOD)
    out, _ = host(
        SHOW + "print(models.create('tiny', 1, 2), models.create('my_dist:tiny', 3), models.entry('tiny').owner)"
    )
    assert out == "1/2 3 my-dist"


def test_importing_scans_nothing_and_loads_no_pluggy(distribution, host):
    distribution("my-dist", "print('loaded')\n" + GOOD)
    program = (
        "import sys, facula.plugins.tables as t\nprint('pluggy' in sys.modules, 'importlib.metadata' in sys.modules)\n"
    )
    out, _ = host(program + "'tiny' in t.models; print('pluggy' in sys.modules)")
    assert out.splitlines() == ["False False", "loaded", "True"]


def test_only_the_hook_of_the_kind_that_is_looked_up_runs(distribution, host):
    distribution("my-dist", GOOD + DATASETS_TOO.format(raises="print('asked for datasets')"))
    out, _ = host(SHOW + "'tiny' in models; print('models known'); 'rows' in datasets; 'rows' in datasets")
    assert out.splitlines() == ["models known", "asked for datasets"]


BROKEN = {
    "raises": ("1 / 0", "ZeroDivisionError: division by zero", "bad_dist_plugin.py:1"),
    "exits": ("import sys\nsys.exit(3)", "SystemExit: 3", "bad_dist_plugin.py:2"),
    "lacks a dependency": (
        "\n\nimport a_module_nobody_has",
        "ModuleNotFoundError: No module named 'a_module_nobody_has'",
        "bad_dist_plugin.py:3",
    ),
    "does not parse": ("def :", "SyntaxError", "bad_dist_plugin.py:1"),
    "names an unknown hook": (
        "from facula.plugins import hookimpl\n@hookimpl\ndef facula_register_model(registry): pass",
        "unknown hook 'facula_register_model'. Did you mean 'facula_register_models'?",
        "",
    ),
    "takes another argument": (
        "from facula.plugins import hookimpl\n@hookimpl\ndef facula_register_models(table): pass",
        "PluginValidationError",
        "",
    ),
    "fails in its hook": (GOOD + "    raise KeyError('later')", "KeyError: 'later'", "bad_dist_plugin.py:7"),
    "registers a name twice": (
        GOOD + "    registry.add('tiny', int)",
        "expected each model name once, got 'tiny' twice",
        "",
    ),
    "needs another API": (
        "requires_api = '>=2'\n" + GOOD,
        "expected plugin API >=2, got 1.0. Install a version of bad",
        "",
    ),
    "states no API that can be read": (
        "requires_api = 'new'\n" + GOOD,
        "expected clauses such as '>=1.0,<2', got 'new'",
        "",
    ),
    "looks up another kind while it is imported": (
        "from facula.plugins.tables import loggers\nloggers.names()\n" + GOOD,
        "plugins: expected no look-up by a plugin that is being loaded",
        "bad_dist_plugin.py:2",
    ),
    "looks up while it is imported": (
        "from facula.plugins.tables import models\nmodels.names()\n" + GOOD,
        "model: expected no look-up by a plugin that is being loaded",
        "bad_dist_plugin.py:2",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_is_named_once_and_the_host_goes_on(distribution, host, how):
    source, error, place = BROKEN[how]
    distribution("bad-dist", source, version="0.7")
    distribution("good-dist", GOOD.replace("tiny", "fine"))
    program = SHOW + "print(models.create('fine', 1, 2), 'tiny' in models, 'bad-dist:tiny' in models, 'cpu' in devices)"
    out, warned = host(program + "\nmodels.reset(); 'fine' in models; 'rows' in datasets")
    assert out == "1/2 False False True"
    lines = [line for line in warned.splitlines() if "PluginWarning" in line and "bad-dist" in line]
    assert len(lines) == 1
    assert "plugin 'plug' of bad-dist 0.7 was skipped: " in lines[0]
    assert error in lines[0]
    assert place in lines[0]
    assert "FACULA_PLUGINS=-plug" in lines[0]


def test_an_entry_point_without_a_module_is_skipped(distribution, host):
    distribution("bad-dist", None, module="never_written")
    out, warned = host(SHOW + "print('cpu' in devices)")
    assert out == "True"
    assert "plugin 'plug' of bad-dist 1.2 was skipped: ModuleNotFoundError: No module named 'never_written'" in warned


def test_a_plugin_that_fails_later_loses_what_it_registered_before(distribution, host):
    distribution("bad-dist", GOOD + DATASETS_TOO.format(raises="1 / 0"))
    out, warned = host(SHOW + "print('tiny' in models, 'rows' in datasets, 'tiny' in models, 'cpu' in devices)")
    assert out == "True False False True"
    assert warned.count("plugin 'plug' of bad-dist") == 1


def test_the_host_works_where_warnings_are_errors(distribution, host):
    distribution("bad-dist", "1 / 0")
    program = """
from facula.errors import PluginWarning
try:
    models.names()
except PluginWarning as warning:
    print(str(warning).split(":")[0])
print(devices.names())
"""
    out, _ = host(SHOW + program, "-W", "error", plugins="plug")
    assert out.splitlines() == ["plugin 'plug' of bad-dist 1.2 was skipped", "['cpu', 'cuda', 'meta']"]


def test_a_keyboard_interrupt_is_the_users(distribution, host):
    distribution("bad-dist", "raise KeyboardInterrupt")
    out, _ = host(SHOW + "try: models.names()\nexcept KeyboardInterrupt: print('stopped')")
    assert out == "stopped"


@pytest.mark.parametrize(
    ("plugins", "there"),
    [
        ("", "True True"),
        ("plug", "True False"),
        ("my-dist", "True False"),
        ("my-dist:plug", "True False"),
        ("plug,second", "True True"),
        ("-plug", "False True"),
        ("-my_dist", "False True"),
        ("builtin", "False False"),
        ("-builtin", "True True"),
    ],
)
def test_the_environment_chooses_plugins(distribution, host, plugins, there):
    distribution("my-dist", GOOD)
    distribution("your-dist", GOOD.replace("tiny", "other"), point="second")
    out, _ = host(SHOW + "print('tiny' in models, 'other' in models, 'cpu' in devices)", plugins=plugins)
    assert out == there + " True"


def test_the_environment_names_what_it_does_not_know(distribution, host):
    distribution("my-dist", GOOD, point="nearly")
    _, warned = host(SHOW + "models.names()", plugins="-nearyl")
    assert "FACULA_PLUGINS: unknown plugin 'nearyl'. Did you mean 'nearly'?" in warned


def test_a_plugin_can_be_blocked_before_and_after_it_is_loaded(distribution, host):
    distribution("my-dist", "print('loaded')\n" + GOOD)
    out, _ = host(SHOW + "from facula.plugins import block\nblock('plug'); print('tiny' in models)")
    assert out == "False"
    out, _ = host(
        SHOW + "from facula.plugins import block\n'tiny' in models; block('my-dist'); print('tiny' in models)"
    )
    assert out.splitlines() == ["loaded", "False"]


def test_core_cannot_be_blocked(host):
    out, _ = host(
        SHOW + "from facula.plugins import block\n'cpu' in devices; block('builtin'); print('cpu' in devices)"
    )
    assert out == "True"


def test_a_clash_is_an_error_only_for_the_short_name(distribution, host):
    distribution("my-dist", GOOD)
    distribution("your-dist", GOOD, point="second")
    program = """
from facula.errors import NameClashError
try:
    models.get("tiny")
except NameClashError as error:
    print(error)
print(models.create("your-dist:tiny", 1, 2))
"""
    out, _ = host(SHOW + program)
    assert out.splitlines() == [
        "model 'tiny': expected one owner, got my-dist and your-dist. Ask for 'my-dist:tiny' or 'your-dist:tiny'.",
        "1/2",
    ]


def test_a_hook_may_look_up_another_kind(distribution, host):
    asks = (
        "from facula.plugins.tables import devices\n"
        + GOOD
        + "    registry.add(devices.names()[0], 'fractions:Fraction')"
    )
    distribution("my-dist", asks)
    out, _ = host(SHOW + "print('cpu' in models)")
    assert out == "True"


def test_plugins_tells_version_hooks_time_and_error(distribution, host):
    distribution("my-dist", "import time\ntime.sleep(0.02)\n" + GOOD)
    distribution("bad-dist", "1 / 0", version="0.7", point="second")
    program = """
import json
from dataclasses import asdict
from facula.plugins import plugins
print(json.dumps([asdict(plugin) for plugin in plugins()]))
"""
    found = {row["distribution"]: row for row in json.loads(host(program)[0])}
    mine, bad, core = found["my-dist"], found["bad-dist"], found["facula"]
    assert (mine["version"], mine["hooks"], mine["status"]) == ("1.2", ["facula_register_models"], "loaded")
    assert 0.02 <= mine["seconds"] < 10
    assert mine["file"].endswith("my_dist_plugin.py")
    assert (bad["status"], bad["error"]) == ("skipped", "ZeroDivisionError: division by zero")
    assert core["hooks"] == ["facula_register_devices", "facula_register_exporters", "facula_register_optimizers"]


def test_core_is_there_where_it_was_never_installed(tmp_path):
    program = "from facula.plugins.tables import devices; print(devices.names())"
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-S",
        "-c",
        f"import sys; sys.path[:0] = {[SOURCE, *sys.path]}\n{program}",
    ]
    hide = "import importlib.metadata as m\nm.entry_points = lambda **k: ()\n"
    command[-1] = command[-1].replace("\n", f"\n{hide}", 1)
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=True, timeout=60)
    assert done.stdout.strip() == "['cpu', 'cuda', 'meta']"


@pytest.mark.parametrize(
    ("required", "fits"),
    [
        ("", True),
        (">=1.0,<2", True),
        ("==1.0", True),
        ("==1", True),
        ("!=1.0", False),
        (">1", False),
        ("<=1.0.0", True),
        (">=1.1", False),
        (" >= 1.0 , < 2 ", True),
    ],
)
def test_api_versions_are_compared_part_by_part(required, fits):
    assert api_matches("1.0", required) is fits


def test_api_versions_are_numbers():
    assert api_matches("1.10", ">=1.9")


@pytest.mark.parametrize("required", ["1.0", ">=one", "~=1.0", ">="])
def test_a_requirement_that_cannot_be_read_is_an_error(required):
    with pytest.raises(ValueError, match=r"requires_api: expected clauses such as '>=1.0,<2'"):
        api_matches("1.0", required)
