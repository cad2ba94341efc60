"""What `import facula` costs, and what it leaves alone."""

import statistics
import subprocess
import sys
import time

import pytest

import facula

HEAVY = [
    "cupy",
    "numba",
    "scipy",
    "onnx",
    "onnxruntime",
    "PIL",
    "mpi4py",
    "pluggy",
    "safetensors",
    "matplotlib",
    "rich",
]
SATELLITES = ["facula_vision", "facula_text", "facula_audio", "facula_lightning"]


def run(program):
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout.split()


def seconds(program):
    started = time.perf_counter()
    run(program)
    return time.perf_counter() - started


def test_importing_facula_loads_nothing_heavy():
    later = [*HEAVY, *SATELLITES, "facula.ops", "facula.metrics"]
    assert run(f"import sys, facula; print(*[name for name in {later} if name in sys.modules])") == []


@pytest.mark.parametrize("module", SATELLITES)
def test_importing_a_package_loads_no_compiler_and_no_gpu(module):
    heavy = ["cupy", "numba", "onnx", "onnxruntime", "mpi4py", "matplotlib", "torch"]
    assert run(f"import sys, {module}; print(*[name for name in {heavy} if name in sys.modules])") == []


def test_plugin_modules_load_nothing_heavy():
    looks = "from facula.plugins import plugins; plugins()"
    assert (
        run(f"import sys; {looks}; print(*[name for name in {HEAVY} if name in sys.modules and name != 'pluggy'])")
        == []
    )


def test_every_plugin_of_ours_is_healthy():
    assert {plugin.qualified: plugin.error for plugin in facula.plugins.plugins() if plugin.status == "skipped"} == {}


def test_what_facula_lists_is_there():
    assert [name for name in dir(facula) if not hasattr(facula, name)] == []


def test_importing_facula_costs_little_more_than_numpy():
    """Whole processes, asked in turn; a busy machine gets three tries."""
    for _ in range(3):
        pairs = [(seconds("import numpy"), seconds("import facula")) for _ in range(11)]
        numpy, facula_too = (statistics.median(column) for column in zip(*pairs, strict=True))
        if facula_too <= 1.6 * numpy:
            return
    pytest.fail(f"import facula: expected at most 1.6 times import numpy, got {facula_too / numpy:.2f} times")
