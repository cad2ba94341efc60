"""The package registers what it has, imports alone and lazily."""

import subprocess
import sys

import pytest

import facula
import facula_audio
from facula.plugins import tables
from facula_audio.functional import recursion


def test_names_are_registered():
    assert {"m5", "conformer", "wav2vec2_base", "crepe", "tacotron2"} <= set(facula.models.names(tag="audio"))
    assert {"speechcommands", "librispeech", "audio_folder"} <= set(facula.datasets.names(tag="audio"))
    assert {"spectrogram", "mel_spectrogram", "resample", "mfcc"} <= set(facula.transforms.names(tag="audio"))


@pytest.mark.parametrize("table", ["datasets", "models", "transforms"])
def test_each_name_stands_for_something(table):
    registry = getattr(facula, table)
    own = [name for name in registry.names() if registry.entry(name).owner == "facula-audio"]
    assert own
    assert all(callable(registry.get(name)) for name in own)


def test_every_transform_has_a_name():
    found = {facula.transforms.get(name) for name in facula.transforms.names(tag="audio")}
    assert found == {getattr(facula_audio.transforms, name) for name in facula_audio.transforms.__all__}


def test_ops_are_registered():
    assert {tables.ops.get("iir"), tables.ops.get("delays")} == {recursion.iir_op, recursion.delays_op}


def test_import_is_lazy():
    program = (
        "import sys, facula_audio; facula_audio.transforms, facula_audio.models, facula_audio.datasets, facula_audio.load; "
        "loaded = [m for m in ('soundfile', 'soxr', 'torch', 'scipy') if m in sys.modules]; assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facula_audio.nothing
    assert {"datasets", "functional", "info", "load", "models", "save", "transforms"} <= set(dir(facula_audio))
