import os
from pathlib import Path

import pytest
import threadpoolctl

from facula import config


def test_home_is_what_the_user_says(monkeypatch, tmp_path):
    monkeypatch.setenv("FACULA_HOME", str(tmp_path))
    assert config.home() == tmp_path


def test_home_is_in_the_cache_folder_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("FACULA_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert config.home() == tmp_path / "facula"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert config.home() == Path.home() / ".cache" / "facula"


@pytest.mark.parametrize(
    ("text", "only", "never"),
    [
        ("", set(), set()),
        ("vision", {"vision"}, set()),
        ("-vision", set(), {"vision"}),
        (" vision , -text,", {"vision"}, {"text"}),
    ],
)
def test_plugin_filter(monkeypatch, text, only, never):
    monkeypatch.setenv("FACULA_PLUGINS", text)
    assert config.plugin_filter() == (only, never)


def test_every_setting_is_read_somewhere():
    source = Path(config.__file__).read_text()
    reads = source.split("def home", 1)[1]
    assert all(f'"{name}"' in reads for name in config.SETTINGS)


@pytest.fixture
def threads(monkeypatch):
    """The number of threads is put back afterwards."""
    before = config.get_num_threads()
    yield
    config.set_num_threads(before)
    monkeypatch.setattr(config, "_threads", None)


def test_threads_default_to_the_processors_of_this_process():
    assert 1 <= config.get_num_threads() <= os.cpu_count()


@pytest.mark.usefixtures("threads")
def test_threads_bind_blas_too():
    config.set_num_threads(1)
    assert config.get_num_threads() == 1
    assert {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"} == {1}


@pytest.mark.parametrize("count", [1.0, "2", None, True])
def test_the_number_of_threads_is_an_int(count):
    with pytest.raises(TypeError, match="set_num_threads: expected an int, got"):
        config.set_num_threads(count)


@pytest.mark.parametrize("count", [0, -1])
def test_the_number_of_threads_is_positive(count):
    with pytest.raises(RuntimeError, match="set_num_threads: expected a positive integer, got"):
        config.set_num_threads(count)
