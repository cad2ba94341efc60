"""The package registers what it has, imports alone and lazily."""

import subprocess
import sys

import pytest

import facula


def test_names_are_registered():
    assert {"gpt", "gpt2"} <= set(facula.models.names(tag="text"))
    assert {"characters", "tokens", "sonnets"} <= set(facula.datasets.names(tag="text"))


@pytest.mark.parametrize("table", ["models", "datasets"])
def test_each_name_stands_for_something(table):
    registry = getattr(facula, table)
    own = [name for name in registry.names() if registry.entry(name).owner == "facula-text"]
    assert own
    assert all(callable(registry.get(name)) for name in own)


def test_import_is_lazy():
    program = (
        "import sys, facula_text; facula_text.tokenizers, facula_text.datasets, facula_text.models; "
        "facula_text.datasets.Sonnets(); loaded = [m for m in ('tokenizers', 'torch', 'scipy') if m in sys.modules]; "
        "assert not loaded, loaded; assert callable(facula_text.generate)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_room_is_an_attribute_error():
    import facula_text

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facula_text.nothing
    assert {"datasets", "generate", "models", "tokenizers"} <= set(dir(facula_text))
