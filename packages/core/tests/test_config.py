from pathlib import Path

import pytest

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
