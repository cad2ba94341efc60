"""Every case beside torchaudio itself, number for number."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import facula
import facula_audio

torch = pytest.importorskip("torch")
torchaudio = pytest.importorskip("torchaudio")
pytest.importorskip("torchaudio.compliance.kaldi")

calls = runpy.run_path(str(Path(__file__).parent / "oracle" / "calls.py"))
CALLS = dict(calls["every"]())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_beside_torchaudio(name):
    expected, found = CALLS[name](torch, torchaudio), CALLS[name](facula, facula_audio)
    for one, other in zip(expected, found, strict=True):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4 * calls["scale"](one))


@pytest.mark.filterwarnings("ignore")
def test_states_have_the_same_names():
    given = {
        "Loudness": (16000,), "PitchShift": (16000, 2), "InverseMelScale": (201,), "SpectralCentroid": (16000,),
        "FrequencyMasking": (3,), "TimeMasking": (3,), "SpecAugment": (1, 2, 3, 4), "Speed": (16000, 1.1),
        "SpeedPerturbation": (16000, [1.1, 0.9]), "Vad": (16000,), "Vol": (1.0,), "Resample": (16000, 8000),
    }  # fmt: skip
    for name in facula_audio.transforms.__all__:
        ours, theirs = (getattr(a.transforms, name)(*given.get(name, ())) for a in (facula_audio, torchaudio))
        lazy = {"kernel"} if name == "PitchShift" else set()  # theirs is empty until it is first called
        assert set(ours.state_dict()) == set(theirs.state_dict()) - lazy
