"""Each dataset on a small copy of its published layout."""

import importlib.util
from pathlib import Path

import pytest

import facula
from facula.testing import check_dataset
from facula_audio import datasets


@pytest.fixture(scope="module")
def layouts():
    spec = importlib.util.spec_from_file_location("layouts", Path(__file__).with_name("layouts.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CASES = {  # dataset: (layout, arguments, everything but the sound of the first and of the last sample, how many)
    "speechcommands": ({}, (16000, "no", "0a", 0), (16000, "yes", "0b", 1), 4),
    "librispeech": (
        {"url": "dev-clean"},
        (16000, "WORDS OF 0", 1089, 5, 0),
        (16000, "WORDS OF 1", 84, 121123, 1),
        3,
    ),
    "libritts": (
        {"url": "dev-clean"},
        (24000, "Mr. Smith, 3 times.", "Mister Smith, three times.", 84, 121123, "84_121123_000007_000001"),
        (24000, "Mr. Smith, 3 times.", "Mister Smith, three times.", 84, 9, "84_9_000001_000000"),
        2,
    ),
    "ljspeech": ({}, (22050, 'It said "1', "one"), (22050, "in being", "in being"), 2),
    "yesno": ({}, (8000, [0, 0, 0, 0, 1, 1, 1, 1]), (8000, [1, 1, 1, 1, 0, 0, 0, 0]), 3),
    "gtzan": ({}, (22050, "blues"), (22050, "rock"), 5),
    "vctk_092": (
        {"mic_id": "mic1"},
        (48000, "Please call p225_001.", "p225", "001"),
        (48000, "Please call p362_003.", "p362", "003"),
        4,
    ),
    "commonvoice": (
        {},
        (48000, {"client_id": "a", "path": "one.mp3", "sentence": 'Mit "Zeichen" darin', "up_votes": "2"}),
        (48000, {"client_id": "b", "path": "two.mp3", "sentence": "Grüße", "up_votes": "3"}),
        2,
    ),
    "cmuarctic": ({}, (16000, "Author of the trail.", "a0001"), (16000, "Not at all.", "b0002"), 2),
    "fsdd": ({"train": None}, (8000, 3, "jackson", 0), (8000, 9, "theo", 49), 3),
    "audio_folder": ({}, (8000, 0), (8000, 1), 3),
}


def made(layouts, name, root):
    getattr(layouts, {"vctk_092": "vctk", "audio_folder": "folder"}.get(name, name))(root)
    return root


@pytest.mark.parametrize("name", CASES)
def test_samples(name, tmp_path, layouts):
    arguments, first, last, count = CASES[name]
    dataset = facula.datasets.create(name, made(layouts, name, tmp_path), **arguments)
    assert len(dataset) == count
    for index, expected in ((0, first), (count - 1, last)):
        waveform, *rest = dataset[index]
        assert tuple(rest) == expected
        assert waveform.dtype == facula.float32
        assert waveform.shape[0] == 1
        assert waveform.shape[1] >= 80
    check_dataset(dataset)


def test_sounds_are_those_of_the_files(tmp_path, layouts):
    expected = layouts.write_sound(tmp_path / "waves_yesno" / "0_0_0_0_0_0_0_1.wav", 8000, 5)
    waveform = datasets.YESNO(tmp_path)[0][0]
    assert waveform[0].tolist() == pytest.approx(expected.tolist())


@pytest.mark.parametrize("name", [name for name in CASES if name not in ("fsdd", "audio_folder", "commonvoice")])
def test_missing(name, tmp_path):
    with pytest.raises(RuntimeError, match="dataset not found.* Use download=True to download it"):
        facula.datasets.create(name, tmp_path)


def test_speechcommands_parts(tmp_path, layouts):
    layouts.speechcommands(tmp_path)
    parts = {part: datasets.SPEECHCOMMANDS(tmp_path, subset=part) for part in ("training", "validation", "testing")}
    found = {part: [dataset.get_metadata(n)[0] for n in range(len(dataset))] for part, dataset in parts.items()}
    base = "speech_commands_v0.02/"
    assert found == {
        "training": [base + "no/0a_nohash_0.wav", base + "yes/0a_nohash_0.wav"],
        "validation": [base + "no/0c_nohash_2.wav"],
        "testing": [base + "yes/0b_nohash_1.wav"],
    }
    assert parts["testing"].get_metadata(0)[1:] == (16000, "yes", "0b", 1)
    with pytest.raises(ValueError, match="when `subset` is not None, it must be one of 'training'.*got 'train'"):
        datasets.SPEECHCOMMANDS(tmp_path, subset="train")


def test_librispeech_metadata_and_errors(tmp_path, layouts):
    layouts.librispeech(tmp_path)
    dataset = datasets.LIBRISPEECH(tmp_path, "dev-clean")
    path = "dev-clean/1089/5/1089-5-0000.flac"
    assert dataset.get_metadata(0) == (path, 16000, "WORDS OF 0", 1089, 5, 0)
    texts = tmp_path / "LibriSpeech" / "dev-clean" / "1089" / "5" / "1089-5.trans.txt"
    texts.write_text("other WORDS\n")
    with pytest.raises(RuntimeError, match="translation not found for 1089-5-0000"):
        dataset[0]
    with pytest.raises(ValueError, match="invalid url 'dev' given, expected one of dev-clean"):
        datasets.LIBRISPEECH(tmp_path, "dev")
    with pytest.raises(ValueError, match="LIBRITTS: invalid url 'dev' given"):
        datasets.LIBRITTS(tmp_path, "dev")


def test_gtzan_parts(tmp_path, layouts):
    layouts.gtzan(tmp_path)
    sizes = [len(datasets.GTZAN(tmp_path, subset=part)) for part in ("training", "validation", "testing")]
    assert sizes == [443, 197, 290]
    assert datasets.GTZAN(tmp_path, subset="training")[0][2] == "blues"
    with pytest.raises(ValueError, match="GTZAN: when `subset` is not None"):
        datasets.GTZAN(tmp_path, subset="train")


def test_vctk_second_microphone(tmp_path, layouts):
    layouts.vctk(tmp_path)
    dataset = datasets.VCTK_092(tmp_path)
    assert [dataset[n][3:] for n in range(len(dataset))] == [("p225", "001"), ("p225", "002")]
    with pytest.raises(RuntimeError, match="`mic_id` has to be either 'mic1' or 'mic2'"):
        datasets.VCTK_092(tmp_path, "mic3")


def test_damaged_tables(tmp_path, layouts):
    with pytest.raises(RuntimeError, match=r"COMMONVOICE: dataset not found, expected .*train\.tsv"):
        datasets.COMMONVOICE(tmp_path)
    layouts.write_text(tmp_path / "train.tsv", "path\tsentence\none.mp3\n")
    with pytest.raises(RuntimeError, match="COMMONVOICE: expected 2 fields, got 1 in line 2"):
        datasets.COMMONVOICE(tmp_path)
    layouts.write_text(tmp_path / "train.tsv", "file\tsentence\n")
    with pytest.raises(RuntimeError, match="COMMONVOICE: expected a column 'path'"):
        datasets.COMMONVOICE(tmp_path)
    layouts.write_text(tmp_path / "LJSpeech-1.1" / "metadata.csv", "LJ001|text\n")
    with pytest.raises(RuntimeError, match="LJSPEECH: expected a name and two transcripts, got 2 fields in line 1"):
        datasets.LJSPEECH(tmp_path)
    layouts.write_text(tmp_path / "ARCTIC" / "cmu_us_slt_arctic" / "etc" / "txt.done.data", "arctic_a0001\n")
    with pytest.raises(RuntimeError, match=r"CMUARCTIC: expected \( name \"text\" \), got 'arctic_a0001' in line 1"):
        datasets.CMUARCTIC(tmp_path, "slt")
    with pytest.raises(ValueError, match="CMUARCTIC: invalid url 'me' given"):
        datasets.CMUARCTIC(tmp_path, "me")


def test_arctic_sentences_with_commas(tmp_path, layouts):
    layouts.cmuarctic(tmp_path)
    table = tmp_path / "ARCTIC" / "cmu_us_aew_arctic" / "etc" / "txt.done.data"
    table.write_text('( arctic_a0001 "Author of the trail, Philip, etc." )\n')
    assert datasets.CMUARCTIC(tmp_path)[0][2] == "Author of the trail, Philip, etc."


def test_pronunciations(tmp_path, layouts):
    layouts.cmudict(tmp_path)
    words = facula.datasets.create("cmudict", tmp_path)
    assert [words[n][0] for n in range(len(words))] == ["'BOUT", "A", "A", "A42128", "DÉJÀ"]
    assert words[0][1] == ["B", "AW1", "T"]
    assert words.symbols == ["AA", "AA0", "B"]
    marks = datasets.CMUDict(tmp_path, exclude_punctuations=False)
    assert [marks[n][0] for n in range(5)] == ["!", "'BOUT", "'", "--", ";"]
    (tmp_path / "cmudict-0.7b").write_text("WORD\n")
    with pytest.raises(RuntimeError, match="CMUDict: expected a word and phonemes, got 'WORD' in line 1"):
        datasets.CMUDict(tmp_path)
    with pytest.raises(RuntimeError, match="CMUDict: the dictionary file is not found"):
        datasets.CMUDict(tmp_path / "other")


def test_folders(tmp_path, layouts):
    layouts.fsdd(tmp_path / "digits")
    assert [len(datasets.FSDD(tmp_path / "digits", train=part)) for part in (True, False, None)] == [2, 1, 3]
    assert len(datasets.FSDD(tmp_path / "digits" / "recordings", train=None)) == 3
    with pytest.raises(RuntimeError, match="FSDD: dataset not found"):
        datasets.FSDD(tmp_path)
    layouts.folder(tmp_path / "pets")
    dataset = datasets.AudioFolder(
        tmp_path / "pets", lambda wave: wave.mean(dim=0), target_transform=lambda index: ["cat", "dog"][index]
    )
    assert dataset.classes == ["cat", "dog"]
    assert dataset.targets == [0, 1, 1]
    assert [(path.name, index) for path, index in dataset.samples] == [("c.WAV", 0), ("a.wav", 1), ("b.flac", 1)]
    assert dataset[0][0].shape == (80,)
    assert dataset[0][2] == "cat"
    (tmp_path / "pets" / "bird").mkdir()
    with pytest.raises(FileNotFoundError, match=r"AudioFolder: expected sounds .*bird, got none"):
        datasets.AudioFolder(tmp_path / "pets")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="AudioFolder: expected one folder for each class"):
        datasets.AudioFolder(tmp_path / "empty")
