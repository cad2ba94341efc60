"""Datasets beside torchaudio's on the same files: arguments, order, samples."""

import importlib.util
import inspect
from pathlib import Path

import numpy as np
import pytest

from facula_audio import datasets

torch = pytest.importorskip("torch")
torchaudio = pytest.importorskip("torchaudio")

CASES = {
    "SPEECHCOMMANDS": ("speechcommands", [{}, {"subset": "training"}, {"subset": "testing"}]),
    "LIBRISPEECH": ("librispeech", [{"url": "dev-clean"}]),
    "LIBRITTS": ("libritts", [{"url": "dev-clean"}]),
    "LJSPEECH": ("ljspeech", [{}]),
    "YESNO": ("yesno", [{}]),
    "GTZAN": ("gtzan", [{}]),
    "VCTK_092": ("vctk", [{}, {"mic_id": "mic1"}]),
    "COMMONVOICE": ("commonvoice", [{}]),
    "CMUARCTIC": ("cmuarctic", [{}]),
}


@pytest.mark.parametrize("name", [*CASES, "CMUDict"])
def test_same_arguments(name):
    ours, theirs = (
        [(entry.name, entry.default) for entry in inspect.signature(getattr(library, name)).parameters.values()]
        for library in (datasets, torchaudio.datasets)
    )
    assert ours == theirs


@pytest.fixture(scope="module")
def layouts():
    spec = importlib.util.spec_from_file_location("layouts", Path(__file__).with_name("layouts.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("exclude", [True, False])
def test_same_pronunciations(exclude, tmp_path, layouts):
    layouts.cmudict(tmp_path)
    ours, theirs = (library.CMUDict(tmp_path, exclude) for library in (datasets, torchaudio.datasets))
    assert [ours[n] for n in range(len(ours))] == [theirs[n] for n in range(len(theirs))]
    assert ours.symbols == theirs.symbols


@pytest.mark.parametrize("name", CASES)
def test_same_samples(name, tmp_path, monkeypatch, layouts):
    import soundfile

    def load(path, *arguments, **options):  # torchaudio's own needs torchcodec
        frames, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return torch.from_numpy(frames.T.copy()), rate

    monkeypatch.setattr(torchaudio, "load", load)
    layout, configurations = CASES[name]
    getattr(layouts, layout)(tmp_path)
    for options in configurations:
        ours = getattr(datasets, name)(tmp_path, **options)
        theirs = getattr(torchaudio.datasets, name)(str(tmp_path), **options)
        assert len(ours) == len(theirs)
        for n in range(len(ours)):
            (found, *rest), (expected, *wanted) = ours[n], theirs[n]
            if name == "VCTK_092":
                wanted[1] = wanted[1].rstrip("\n")  # which theirs keeps
            assert rest == wanted
            np.testing.assert_array_equal(found.numpy(), expected.numpy())
            if hasattr(theirs, "get_metadata"):
                assert ours.get_metadata(n) == tuple(theirs.get_metadata(n))
