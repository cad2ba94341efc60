"""The Trainer stays small, and its cost a step can be measured."""

import importlib.util
import pathlib
import re

import pytest

import facula
import facula_lightning

SOURCE = pathlib.Path(facula_lightning.__file__).parent
LINES = 6000
BENCHMARK = pathlib.Path(__file__).parents[3] / "benchmarks" / "trainer.py"


def test_the_package_grows_no_further():
    """All lines count, blank ones and docstrings too."""
    lines = [line for path in SOURCE.rglob("*.py") for line in path.read_text(encoding="utf-8").splitlines()]
    assert len(lines) < LINES


@pytest.mark.skipif(not BENCHMARK.is_file(), reason="the benchmarks come with the repository")
def test_the_benchmark_tells_what_fit_costs(capsys):
    spec = importlib.util.spec_from_file_location("trainer_benchmark", BENCHMARK)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    threads = facula.get_num_threads()
    try:
        module.main(["--rounds", "1", "--steps", "20"])
    finally:
        facula.set_num_threads(threads)
    assert re.match(r"by hand [\d.]+ us, fit [\d.]+ us, fit costs -?[\d.]+ us a step", capsys.readouterr().out)
