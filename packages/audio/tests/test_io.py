"""Sound files: what is written is read back, in every format and width."""

import io

import numpy as np
import pytest

import facula
import facula_audio

soundfile = pytest.importorskip("soundfile")


@pytest.fixture
def tone():
    """Two channels, a tenth of a second at 16 kHz."""
    t = np.arange(1600) / 16000
    return facula.from_numpy(
        np.stack([np.sin(2 * np.pi * 440 * t), 0.5 * np.cos(2 * np.pi * 220 * t)]).astype(np.float32)
    )


@pytest.mark.parametrize(
    ("options", "tolerance", "bits", "encoding"),
    [
        ({}, 0.0, 32, "PCM_F"),
        ({"encoding": "PCM_S"}, 1 / 32767, 16, "PCM_S"),
        ({"bits_per_sample": 24}, 1 / (1 << 22), 24, "PCM_S"),
        ({"bits_per_sample": 32}, 1 / (1 << 22), 32, "PCM_S"),
        ({"bits_per_sample": 8}, 1 / 64, 8, "PCM_U"),
        ({"encoding": "PCM_F", "bits_per_sample": 64}, 0.0, 64, "PCM_F"),
        ({"encoding": "ULAW"}, 0.04, 8, "ULAW"),
        ({"encoding": "ALAW"}, 0.04, 8, "ALAW"),
    ],
)
def test_wav_round_trip(tmp_path, tone, options, tolerance, bits, encoding):
    path = tmp_path / "tone.wav"
    facula_audio.save(path, tone, 16000, **options)
    found, rate = facula_audio.load(path)
    assert (rate, found.dtype, found.shape) == (16000, facula.float32, (2, 1600))
    assert float((found - tone).abs().max()) <= tolerance
    assert facula_audio.info(path) == facula_audio.AudioMetaData(16000, 1600, 2, bits, encoding)
    assert [entry.name for entry in tmp_path.iterdir()] == ["tone.wav"]


@pytest.mark.parametrize(("format", "tolerance"), [("flac", 1e-4), ("ogg", 0.1), ("mp3", 0.1)])
def test_other_formats(tmp_path, tone, format, tolerance):
    path = tmp_path / f"tone.{format}"
    facula_audio.save(path, tone, 16000)
    found, rate = facula_audio.load(path)
    assert rate == 16000
    assert float((found[:, :1500] - tone[:, :1500]).abs().mean()) <= tolerance
    assert facula_audio.info(path).num_channels == 2


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "float32", "float64"])
def test_samples_as_stored(tmp_path, dtype):
    values = np.array([[0, 1, 100, 255]]) if dtype == "uint8" else np.array([[-3, 0, 1, 100]])
    source = facula.from_numpy(values.astype(dtype) / (1 if "int" in dtype else 128)).to(getattr(facula, dtype))
    facula_audio.save(tmp_path / "a.wav", source, 8000)
    found, _ = facula_audio.load(tmp_path / "a.wav", normalize=False)
    assert found.dtype == source.dtype
    assert found.tolist() == source.tolist()


def test_parts_and_layout(tmp_path, tone):
    path = tmp_path / "tone.wav"
    facula_audio.save(path, tone.mT, 16000, channels_first=False)
    part, _ = facula_audio.load(path, frame_offset=100, num_frames=50)
    assert facula.equal(part, tone[:, 100:150])
    assert facula.equal(facula_audio.load(path, frame_offset=1590, num_frames=50)[0], tone[:, 1590:])
    assert facula.equal(facula_audio.load(path, channels_first=False)[0], tone.mT)


def test_open_files(tone):
    stream = io.BytesIO()
    facula_audio.save(stream, tone, 16000, format="wav")
    stream.seek(0)
    assert facula.equal(facula_audio.load(stream)[0], tone)
    stream.seek(0)
    assert facula_audio.info(stream).num_frames == 1600


def test_bad_files(tmp_path, tone):
    with pytest.raises(RuntimeError, match=r"load: expected a sound file, got no file .*absent.wav"):
        facula_audio.load(tmp_path / "absent.wav")
    (tmp_path / "text.wav").write_text("no sound")
    with pytest.raises(RuntimeError, match=r"info: expected a sound file, got .*text.wav"):
        facula_audio.info(tmp_path / "text.wav")
    facula_audio.save(tmp_path / "a.wav", tone, 16000)
    for options, message in (
        ({"frame_offset": -1}, "expected frame_offset to be non-negative, got -1"),
        ({"num_frames": 0}, "expected num_frames to be -1 or greater than 0, got 0"),
        ({"frame_offset": 1601}, "expected frame_offset of at most the 1600 frames of the file, got 1601"),
    ):
        with pytest.raises(RuntimeError, match=message):
            facula_audio.load(tmp_path / "a.wav", **options)


def test_bad_saves_leave_what_was_there(tmp_path, tone):
    path = tmp_path / "a.wav"
    path.write_text("before")
    for source, options, message in (
        (tone[0], {}, r"save: expected 2D Tensor \(channels, time\), got 1D"),
        (tone.to(facula.float16), {}, "expected uint8, int16, int32, float32 or float64, got float16"),
        (tone, {"encoding": "PCM_S", "bits_per_sample": 7}, "that WAV has, got PCM_S and 7"),
        (tone, {"format": "flac", "encoding": "ULAW"}, "that FLAC has, got ULAW and None"),
        (tone, {"format": "ogg", "bits_per_sample": 16}, "that OGG has, got PCM_S and 16"),
        (tone, {"format": "docx"}, "expected a known format, got 'DOCX'"),
    ):
        with pytest.raises(ValueError, match=message):
            facula_audio.save(path, source, 16000, **options)
    with pytest.raises(ValueError, match="expected a known format, got 'none'"):
        facula_audio.save(tmp_path / "name", tone, 16000)
    for bad in ({"format": "mp3", "compression": 128}, {"format": "flac", "compression": 9}):
        with pytest.raises(ValueError, match="expected a compression of 0 to 8 for FLAC or -1 to 10 for OGG, got"):
            facula_audio.save(path, tone, 16000, **bad)
    with pytest.raises(
        RuntimeError, match=r"save: expected a sound that MP3 can hold, got 2 channels at 123 Hz for .*a.wav"
    ):
        facula_audio.save(path, tone, 123, format="mp3")
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]
