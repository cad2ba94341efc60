"""The examples of texts, at tiny settings."""

import importlib
import io
import json
import math
import pathlib
import random
import tarfile

import pytest

import facula

FOLDER = pathlib.Path(__file__).parents[3] / "examples" / "text"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the examples come with the repository")


@pytest.fixture
def example(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(FOLDER))
    threads = facula.get_num_threads()
    facula.set_num_threads(1)  # products this small only wait for each other
    yield lambda name: importlib.import_module(name)
    facula.set_num_threads(threads)


PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def picture(tmp_path):
    """The options that ask for a picture, and a check that it was made; none without matplotlib."""
    pytest.importorskip("matplotlib")
    path = tmp_path / "picture.png"
    yield ["--picture", str(path)]
    assert path.read_bytes().startswith(PNG)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """A small source archive in the form of vaderSentiment's, with made-up reviews."""
    draw = random.Random(0)
    things = "film plot cast scene story ending script music camera hero".split()
    words = {1: "lovely moving brilliant funny warm".split(), -1: "dull clumsy boring weak awful".split()}
    rows = []
    for place in range(400):
        side = draw.choice((1, -1))
        text = (
            f"a {draw.choice(words[side])} {draw.choice(things)} and a {draw.choice(words[side])} {draw.choice(things)}"
        )
        rows.append(f"{place}\t{side * draw.uniform(0.6, 3.5):.3f}\t{text}")
    rows += ["401\t0.1\tneither this nor that", "a line of another form"]
    folder = tmp_path_factory.mktemp("archive")
    content = pack({"hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt": "\n".join(rows).encode()})
    path = folder / "vaderSentiment-3.3.2.tar.gz"
    path.write_bytes(pack({"vaderSentiment-3.3.2/additional_resources/hutto_ICWSM_2014.tar.gz": content}))
    return str(path)


def pack(files):
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    """A small published folder: a BERT that has learnt nothing, and its tokenizer."""
    from facula_text.datasets import Sonnets
    from facula_text.models import Bert
    from facula_text.tokenizers import WordPieceTokenizer

    folder = tmp_path_factory.mktemp("encoder")
    sonnets = Sonnets()
    text = sonnets.tokenizer.decode(sonnets.ids[:20000].tolist())
    tokenizer = WordPieceTokenizer.train([*text.splitlines(), "lovely dull film plot cast clumsy brilliant"], 600)
    tokenizer.save(folder / "tokenizer.json")
    facula.manual_seed(0)
    model = Bert(tokenizer.vocab_size, 64, n_layer=1, n_head=2, n_embd=32, pooled=True)
    layer = {"query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value", "out": "attention.output.dense",
             "attention_norm": "attention.output.LayerNorm", "up": "intermediate.dense", "down": "output.dense", "norm": "output.LayerNorm"}  # fmt: skip
    top = {
        "word": "word_embeddings",
        "position": "position_embeddings",
        "token_type": "token_type_embeddings",
        "norm": "LayerNorm",
    }
    state = {}
    for name, value in model.state_dict().items():
        part = name.split(".")
        if part[0] == "layers":
            name = f"encoder.layer.{part[1]}.{layer[part[2]]}.{part[3]}"
        else:
            name = f"pooler.dense.{part[1]}" if part[0] == "pooler" else f"embeddings.{top[part[0]]}.{part[1]}"
        state[name] = value
    facula.serialization.save_file(state, folder / "model.safetensors")
    config = {
        "model_type": "bert", "vocab_size": tokenizer.vocab_size, "max_position_embeddings": 64, "num_hidden_layers": 1,
        "num_attention_heads": 2, "hidden_size": 32, "intermediate_size": 128,
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    return str(folder)


def test_sentiment(example, archive, capsys):
    found = example("sentiment").main([archive, "--epochs", "3", "--buckets", "500", "--learning-rate", "0.02"])
    assert found > 0.9  # the made-up reviews are simple
    printed = capsys.readouterr().out
    assert "320 sentences to learn from, 80 to measure on" in printed
    assert f"accuracy {found:.3f}" in printed


def test_translation(example, picture, capsys):
    options = "--steps 150 --batch-size 32 --highest 999 --width 32"
    score = example("translation").main([*options.split(), *picture])
    printed = capsys.readouterr().out
    assert f"BLEU {100 * score:.1f}" in printed
    assert score > 0.5
    words = example("translation")
    assert words.english(421) == "four hundred twenty one".split()
    assert words.german(94_321) == "vier und neunzig tausend drei hundert ein und zwanzig".split()


def test_search(example, encoder, tmp_path, capsys):
    text = tmp_path / "lines.txt"
    lines = [
        "From fairest creatures we desire increase",
        "",
        "  Shall I compare thee to a summer's day?",
        "Then let not winter",
    ]
    text.write_text("\n".join(lines), encoding="utf-8")
    options = [
        "--model",
        encoder,
        "--file",
        str(text),
        "--query",
        "Shall I compare thee to a summer's day?",
        "--count",
        "2",
    ]
    answers = example("search").main(options)
    assert answers[0] == (pytest.approx(1.0, abs=1e-5), "Shall I compare thee to a summer's day?")
    assert "3 passages in" in capsys.readouterr().out
    assert example("search").main(options) == answers  # from the vectors that were kept
    assert "passages in" not in capsys.readouterr().out


def test_lora(example, encoder, archive, capsys):
    options = ["--model", encoder, "--epochs", "6", "--sentences", "400", "--learning-rate", "0.02", "--rank", "4"]
    found = example("lora").main([archive, *options])
    assert found > 0.8
    printed = capsys.readouterr().out
    assert float(printed.rsplit("differs by ", 1)[1]) < 1e-5
    learns, _, whole = printed.split()[:3]
    assert int(learns) < int(whole) / 5


def test_char_gpt(example, capsys, picture):
    options = "--steps 100 --batch-size 16 --block-size 32 --layers 1 --width 32 --sample 20 --learning-rate 0.01"
    loss = example("char_gpt").main([*options.split(), *picture])
    printed = capsys.readouterr().out
    assert loss < 3.2 < math.log(61)  # chance is the logarithm of the number of characters
    assert f"validation loss {loss:.3f}\nShall I " in printed
    assert len(printed[printed.index("Shall I ") :]) == len("Shall I ") + 20 + 1
