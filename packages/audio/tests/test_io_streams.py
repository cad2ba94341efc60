"""Sound files in blocks, from pipes, in every container and width, and those that are broken or lie."""

import io
import struct
import tracemalloc

import numpy as np
import pytest
import soundfile

import facula
import facula_audio


@pytest.fixture
def noise():
    return facula.from_numpy(np.random.default_rng(0).uniform(-1, 1, (2, 5000)).astype(np.float32))


def encoded(noise, format, **options):
    file = io.BytesIO()
    facula_audio.save(file, noise, 16000, format=format, **options)
    return file.getvalue()


@pytest.mark.parametrize("format", ["wav", "wavex", "rf64", "w64", "aiff", "au", "caf", "flac", "nist"])
@pytest.mark.parametrize(
    ("encoding", "bits"),
    [("PCM_U", 8), ("PCM_S", 8), ("PCM_S", 16), ("PCM_S", 24), ("PCM_S", 32), ("PCM_F", 32), ("PCM_F", 64), ("ULAW", 8), ("ALAW", 8)],
)  # fmt: skip
def test_every_width_of_every_container(noise, format, encoding, bits):
    kind, subtype = format.upper(), {"ULAW": "ULAW", "ALAW": "ALAW"}.get(encoding)
    subtype = subtype or {"PCM_U": "PCM_U8", "PCM_F": {32: "FLOAT", 64: "DOUBLE"}.get(bits)}.get(encoding)
    subtype = subtype or f"PCM_{'S8' if bits == 8 else bits}"
    if subtype not in soundfile.available_subtypes(kind):
        with pytest.raises(ValueError, match=f"that {kind} has, got {encoding} and {bits}"):
            encoded(noise, format, encoding=encoding, bits_per_sample=bits)
        return
    data = encoded(noise, format, encoding=encoding, bits_per_sample=bits)
    found, rate = facula_audio.load(io.BytesIO(data))
    assert (rate, found.shape) == (16000, (2, 5000))
    tolerance = {"PCM_F": 0.0, "ULAW": 0.04, "ALAW": 0.04}.get(encoding, 2.0 ** (1 - min(bits, 23)))
    assert float((found - noise).abs().max()) <= tolerance
    described = facula_audio.info(io.BytesIO(data))
    assert (described.num_frames, described.num_channels, described.bits_per_sample) == (5000, 2, bits)
    assert described.encoding == ("FLAC" if format == "flac" else encoding)


@pytest.mark.parametrize("format", ["wav", "flac", "ogg", "mp3"])
@pytest.mark.parametrize("block_size", [1, 999, 1000, 5000, 100_000])
def test_blocks_join_to_the_whole(noise, format, block_size):
    noise = noise[:, :2000]
    data = encoded(noise, format)
    whole, _ = facula_audio.load(io.BytesIO(data))
    found = list(facula_audio.blocks(io.BytesIO(data), block_size))
    assert all(block.shape[1] == block_size for block in found[:-1])
    assert facula.equal(facula.cat(found, dim=1), whole)
    part, _ = facula_audio.load(io.BytesIO(data), frame_offset=777, num_frames=600)
    assert float((part - whole[:, 777:1377]).abs().max()) < 1e-6


def test_blocks_of_a_part_keep_memory_flat(tmp_path, noise):
    path = tmp_path / "long.wav"
    facula_audio.save(path, facula.cat([noise] * 400, dim=1), 16000)  # 16 MB
    tracemalloc.start()
    total = sum(block.shape[0] for block in facula_audio.blocks(path, 1000, 50, 1_900_000, channels_first=False))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 1_900_000
    assert peak < 1_000_000
    first = next(iter(facula_audio.blocks(path, 7, 3, normalize=False)))
    assert facula.equal(first, noise[:, 3:10])
    with pytest.raises(ValueError, match="blocks: expected a block_size of 1 or more, got 0"):
        facula_audio.blocks(path, 0)
    with pytest.raises(RuntimeError, match="blocks: expected a sound file, got no file absent.wav"):
        next(facula_audio.blocks("absent.wav", 10))


class Pipe:
    """An open file that can only be read forwards."""

    def __init__(self, data):
        self.file = io.BytesIO(data)

    def read(self, count=-1):
        return self.file.read(count)


def test_pipes_are_read(noise):
    data = encoded(noise, "wav")
    assert facula.equal(facula_audio.load(Pipe(data))[0], noise)
    assert facula_audio.info(Pipe(data)).num_frames == 5000


def test_compression(noise):
    sizes = [len(encoded(noise, "ogg", compression=quality)) for quality in (-1, 3, 10)]
    assert sizes == sorted(sizes)
    assert len({*sizes}) == 3
    tone = facula.sin(facula.arange(20000) / 20)[None]
    assert len(encoded(tone, "flac", compression=8)) < len(encoded(tone, "flac", compression=0))


def test_no_frames(tmp_path):
    facula_audio.save(tmp_path / "a.wav", facula.zeros(2, 0), 8000)
    found, rate = facula_audio.load(tmp_path / "a.wav")
    assert (found.shape, rate) == ((2, 0), 8000)
    assert list(facula_audio.blocks(tmp_path / "a.wav", 5)) == []


@pytest.mark.parametrize("format", ["wav", "wavex", "rf64", "w64", "aiff", "au", "caf", "flac", "ogg"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_files(tmp_path, noise, format, share):
    path = tmp_path / f"cut.{format}"
    data = encoded(noise, format)
    share = 0.5 if format == "ogg" else share  # whose pages are whole sounds
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(RuntimeError, match=rf"load: expected .*cut\.{format}"):
        facula_audio.load(path)
    with pytest.raises(RuntimeError, match=rf"blocks: expected .*cut\.{format}"):
        list(facula_audio.blocks(path, 100))


@pytest.mark.parametrize(
    "content", [b"", b"RIFF", b"no sound at all", bytes(10_000), b"RIFF\xff\xff\xff\xffWAVEfmt " + bytes(40)]
)
def test_no_sound(tmp_path, content):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    for call in (facula_audio.load, facula_audio.info):
        with pytest.raises(RuntimeError, match=r"expected a sound file, got .*bad\.wav"):
            call(path)


def _lying(noise, format):
    """A file whose header tells of 2^60 frames, or as many as its field holds."""
    data = bytearray(encoded(noise, format))
    if format == "flac":
        data[21] |= 0x0F
        data[22:26] = b"\xff" * 4
    elif format == "wav":
        place = data.index(b"data") + 4
        data[place : place + 4] = struct.pack("<I", 0x7000_0000)
    elif format == "rf64":
        place = data.index(b"ds64") + 16
        data[place : place + 16] = struct.pack("<QQ", 1 << 61, 1 << 60)
    elif format == "w64":
        place = data.index(b"data") + 16
        data[place : place + 8] = struct.pack("<Q", 1 << 61)
    else:
        place = data.index(b"data") + 4
        data[place : place + 8] = struct.pack(">q", 1 << 61)
    return bytes(data)


@pytest.mark.parametrize("format", ["wav", "rf64", "w64", "caf", "flac"])
def test_headers_that_lie_cost_no_memory(tmp_path, noise, format):
    path = tmp_path / f"lies.{format}"
    path.write_bytes(_lying(noise, format))
    tracemalloc.start()
    with pytest.raises(RuntimeError, match=rf"load: expected .*lies\.{format}"):
        facula_audio.load(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100 << 20


def test_writers_to_pipes_do_not_know_the_length(noise):
    data = bytearray(encoded(noise, "wav"))
    place = data.index(b"data") + 4
    data[4:8] = data[place : place + 4] = b"\xff" * 4
    assert facula.equal(facula_audio.load(io.BytesIO(bytes(data)))[0], noise)


def test_a_header_that_counts_itself_is_forgiven(noise):
    data = bytearray(encoded(noise, "wav"))
    data[4:8] = struct.pack("<I", len(data))
    assert facula.equal(facula_audio.load(io.BytesIO(bytes(data)))[0], noise)
    data[4:8] = struct.pack("<I", len(data) + 1)
    with pytest.raises(RuntimeError, match="load: expected a whole file, got .* where its header tells of"):
        facula_audio.load(io.BytesIO(bytes(data)))


def test_a_stream_of_unknown_length(noise):
    """FLAC from a pipe says that it has 0 samples."""
    data = bytearray(encoded(noise, "flac"))
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    found, _ = facula_audio.load(io.BytesIO(bytes(data)))
    assert float((found - noise).abs().max()) < 1e-4


def test_a_broken_open_file_is_named(noise):
    file = io.BytesIO(encoded(noise, "flac")[:3000])
    with pytest.raises(RuntimeError, match="load: expected .*BytesIO"):
        facula_audio.load(file)
