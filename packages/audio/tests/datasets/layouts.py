"""Small datasets in their published layouts, with noise for sounds, written by soundfile."""

import numpy as np
import soundfile


def write_sound(path, rate, seed=0, frames=80):
    """Noise in a file; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-9000, 9000, frames).astype(np.int16)
    soundfile.write(path, noise, rate)
    return noise.astype(np.float32) / 32768


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def speechcommands(root):
    base = root / "SpeechCommands" / "speech_commands_v0.02"
    for seed, name in enumerate(
        ("yes/0a_nohash_0", "yes/0b_nohash_1", "no/0a_nohash_0", "no/0c_nohash_2", "_background_noise_/rain_nohash_0")
    ):
        write_sound(base / f"{name}.wav", 16000, seed)
    write_sound(base / "_background_noise_" / "pink.wav", 16000)
    write_text(base / "validation_list.txt", "no/0c_nohash_2.wav\n")
    write_text(base / "testing_list.txt", "yes/0b_nohash_1.wav\n")


def librispeech(root):
    for speaker, chapter, count in ((84, 121123, 2), (1089, 5, 1)):
        folder = root / "LibriSpeech" / "dev-clean" / str(speaker) / str(chapter)
        names = [f"{speaker}-{chapter}-{number:04d}" for number in range(count)]
        for seed, name in enumerate(names):
            write_sound(folder / f"{name}.flac", 16000, seed)
        lines = "".join(f"{name} WORDS OF {number}\n" for number, name in enumerate(names))
        write_text(folder / f"{speaker}-{chapter}.trans.txt", lines)


def libritts(root):
    for speaker, chapter, name in ((84, 121123, "84_121123_000007_000001"), (84, 9, "84_9_000001_000000")):
        folder = root / "LibriTTS" / "dev-clean" / str(speaker) / str(chapter)
        write_sound(folder / f"{name}.wav", 24000)
        write_text(folder / f"{name}.original.txt", "Mr. Smith, 3 times.")
        write_text(folder / f"{name}.normalized.txt", "Mister Smith, three times.")


def ljspeech(root):
    base = root / "LJSpeech-1.1"
    rows = [("LJ001-0001", 'It said "1" | no', "one"), ("LJ001-0002", "in being", "in being")]
    for seed, (name, _, _) in enumerate(rows):
        write_sound(base / "wavs" / f"{name}.wav", 22050, seed)
    rows[0] = ("LJ001-0001", 'It said "1', "one")
    write_text(base / "metadata.csv", "".join("|".join(row) + "\n" for row in rows))


def yesno(root):
    for seed, name in enumerate(("0_1_0_1_0_1_1_0", "1_1_1_1_0_0_0_0", "0_0_0_0_1_1_1_1")):
        write_sound(root / "waves_yesno" / f"{name}.wav", 8000, seed)


def gtzan(root):
    for genre, number in (("blues", 29), ("blues", 0), ("blues", 12), ("rock", 10), ("country", 7)):
        write_sound(root / "genres" / genre / f"{genre}.{number:05d}.wav", 22050, number)
    write_sound(root / "genres" / "blues" / "cover.wav", 22050)


def vctk(root):
    base = root / "VCTK-Corpus-0.92"
    for speaker, number in (("p225", 1), ("p225", 2), ("p280", 1), ("p362", 3)):
        name = f"{speaker}_{number:03d}"
        write_text(base / "txt" / speaker / f"{name}.txt", f"Please call {name}.\n")
        for mic in ("mic1", "mic2"):
            if (speaker, mic) not in (("p280", "mic2"), ("p362", "mic2")):
                write_sound(base / "wav48_silence_trimmed" / speaker / f"{name}_{mic}.flac", 48000, number)


def commonvoice(root):
    header = "client_id\tpath\tsentence\tup_votes\n"
    rows = 'a\tone.mp3\tMit "Zeichen" darin\t2\nb\ttwo.mp3\tGrüße\t3\n'
    write_text(root / "train.tsv", header + rows)
    for seed, name in enumerate(("one", "two")):
        write_sound(root / "clips" / f"{name}.mp3", 48000, seed, 4800)


def cmuarctic(root):
    base = root / "ARCTIC" / "cmu_us_aew_arctic"
    write_text(
        base / "etc" / "txt.done.data", '( arctic_a0001 "Author of the trail." )\n( arctic_b0002 "Not at all." )\n'
    )
    for seed, name in enumerate(("arctic_a0001", "arctic_b0002")):
        write_sound(base / "wav" / f"{name}.wav", 16000, seed)


def cmudict(root):
    rows = (
        ";;; a comment",
        "!EXCLAMATION-POINT  EH2 K",
        "'BOUT  B AW1 T",
        "'END-INNER-QUOTE  EH1 N D",
        "--DASH  D AE1 SH",
        ";SEMI-COLON(1)  S EH1",
        "A  AH0",
        "A(1)  EY1",
        "A42128  EY1 F",
        "DÉJÀ  D EY2",
    )
    root.mkdir(parents=True, exist_ok=True)
    (root / "cmudict-0.7b").write_text("\n".join(rows) + "\n", encoding="latin-1")
    write_text(root / "cmudict-0.7b.symbols", "AA\nAA0\nB\n")


def fsdd(root):
    for name in ("3_jackson_0", "3_jackson_5", "9_theo_49"):
        write_sound(root / "recordings" / f"{name}.wav", 8000)


def folder(root):
    for seed, name in enumerate(("dog/a.wav", "dog/deep/b.flac", "cat/c.WAV")):
        write_sound(root / name, 8000, seed)
    write_text(root / "cat" / "notes.txt", "no sound")
