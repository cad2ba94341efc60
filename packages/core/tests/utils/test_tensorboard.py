"""What SummaryWriter writes, read back by a small reader of event files, and by TensorBoard where it is installed."""

import io
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest

import facula as torch
from facula.utils.tensorboard import SummaryWriter, summaries
from facula.utils.tensorboard.events import crc32c, varint


def parsed(data):
    """The fields of a message: number to the list of its values, messages and texts as bytes."""
    fields, place = {}, 0

    def read_varint():
        nonlocal place
        value = shift = 0
        while True:
            byte = data[place]
            place, value, shift = place + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while place < len(data):
        key = read_varint()
        if key & 7 == 0:
            value = read_varint()
        else:
            size = {1: 8, 5: 4}.get(key & 7) or read_varint()
            value, place = data[place : place + size], place + size
            value = struct.unpack({1: "<d", 5: "<f"}[key & 7], value)[0] if key & 7 in (1, 5) else value
        fields.setdefault(key >> 3, []).append(value)
    return fields


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def events_of(folder):
    """The messages of all records of a folder's event files, their checksums verified."""
    found = []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        stream = io.BytesIO(path.read_bytes())
        while head := stream.read(8):
            assert struct.unpack("<I", stream.read(4))[0] == masked(head)
            data = stream.read(struct.unpack("<Q", head)[0])
            assert struct.unpack("<I", stream.read(4))[0] == masked(data)
            found.append(parsed(data))
    return found


def values_of(folder):
    """(tag, step, fields) of every value."""
    return [
        (fields[1][0].decode(), event.get(2, [None])[0], fields)
        for event in events_of(folder)
        for summary in event.get(5, [])
        for fields in map(parsed, parsed(summary)[1])
    ]


def unpacked(png):
    """The pixels of an unfiltered PNG file (H, W, C), the checksums of its chunks verified."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(png):
        size = struct.unpack(">I", png[place : place + 4])[0]
        body = png[place + 4 : place + 8 + size]
        assert struct.unpack(">I", png[place + 8 + size : place + 12 + size])[0] == zlib.crc32(body)
        chunks[body[:4]], place = body[4:], place + 12 + size
    width, height, _, kind = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, {0: 1, 2: 3, 6: 4}[kind])


def test_crc32c_of_known_and_of_long_data():
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720
    assert crc32c(bytes(32)) == 0x8A9136AA
    long = np.random.default_rng(0).bytes(100_003)
    crc = 0xFFFFFFFF
    for byte in long:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    assert crc32c(long) == crc ^ 0xFFFFFFFF


def test_negative_integers_are_64_bits():
    assert varint(-1) == b"\xff" * 9 + b"\x01"


def test_scalars(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", torch.tensor([0.5]), 3, walltime=12.5)
        writer.add_scalar("loss", 1e39, 4)
        writer.add_scalar("new", 0.25, 5, new_style=True)
        writer.add_scalar("exact", 0.1, 6, double_precision=True)
        writer.add_scalar("stepless", 2)
    assert writer.get_logdir() == str(tmp_path)
    assert events_of(tmp_path)[0][3] == [b"brain.Event:2"]
    assert events_of(tmp_path)[1][1] == [12.5]
    values = values_of(tmp_path)
    assert [(tag, step) for tag, step, _ in values] == [
        ("loss", 3),
        ("loss", 4),
        ("new", 5),
        ("exact", 6),
        ("stepless", None),
    ]
    assert values[0][2][2] == [0.5]
    assert values[1][2][2] == [float("inf")]
    assert parsed(values[2][2][8][0])[5] == [struct.pack("<f", 0.25)]
    assert parsed(values[3][2][8][0])[6] == [struct.pack("<d", 0.1)]


def test_values_of_one_event(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_summary([summaries.scalar("a", 1.0), summaries.scalar("b", -1e39), summaries.text("c", "d")], 2)
    assert len(events_of(tmp_path)) == 2
    values = values_of(tmp_path)
    assert [(tag, step) for tag, step, _ in values] == [("a", 2), ("b", 2), ("c", 2)]
    assert [fields[2][0] for _, _, fields in values[:2]] == [1.0, float("-inf")]


def test_several_scalars_are_runs_of_their_own(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        for step in range(2):
            writer.add_scalars("parts/loss", {"train": step, "val": 2 * step}, step)
    for name, factor in (("train", 1), ("val", 2)):
        values = values_of(tmp_path / f"parts_loss_{name}")
        assert [(tag, step, fields[2][0]) for tag, step, fields in values] == [
            ("parts/loss", 0, 0.0),
            ("parts/loss", 1, factor),
        ]


@pytest.mark.parametrize("bins", ["tensorflow", "auto", 7, [-4.0, 0.0, 4.0]])
def test_histograms(tmp_path, bins):
    values = torch.tensor([-1.0, 0.5, 0.5, 2.0])
    with SummaryWriter(tmp_path) as writer:
        writer.add_histogram("weights", values, 1, bins=bins)
        writer.add_histogram("weights", values, 2, bins=bins, max_bins=1)
    for _, _, fields in values_of(tmp_path):
        found = parsed(fields[5][0])
        assert [found[i][0] for i in range(1, 6)] == [-1.0, 2.0, 4.0, 2.0, 5.5]
        limits, counts = (np.frombuffer(found[i][0], "<f8") for i in (6, 7))
        assert len(limits) == len(counts)
        assert counts.sum() == 4
        assert (np.diff(limits) > 0).all()
        assert limits[0] <= -1.0
        assert limits[-1] >= 2.0
    assert counts.tolist() == [0, 4]


def test_pictures(tmp_path):
    red = torch.zeros(3, 2, 5)
    red[0] = 1.0
    batch = torch.arange(10, dtype=torch.uint8).reshape(10, 1, 1, 1).expand(10, 1, 2, 2)
    with SummaryWriter(tmp_path) as writer:
        writer.add_image("red", red, 1)
        writer.add_image("grey", np.array([[0, 9]], np.uint8), 2, dataformats="HW")
        writer.add_images("batch", batch, 3)
    red, grey, grid = (parsed(fields[4][0]) for _, _, fields in values_of(tmp_path))
    assert [red[i][0] for i in (1, 2, 3)] == [2, 5, 3]
    assert (unpacked(red[4][0]) == [255, 0, 0]).all()
    assert unpacked(grey[4][0])[..., 0].tolist() == [[0, 9]]
    pixels = unpacked(grid[4][0])[..., 0]
    assert pixels.shape == (4, 16)
    assert pixels[0, ::2].tolist() == list(range(8))
    assert pixels[2, ::2].tolist() == [8, 9, 0, 0, 0, 0, 0, 0]


def test_figures(tmp_path):
    pytest.importorskip("matplotlib")
    from matplotlib.figure import Figure

    figures = [Figure(figsize=(1, 2), dpi=10, facecolor=colour) for colour in ("#ff0000", "#0000ff")]
    with SummaryWriter(tmp_path) as writer:
        writer.add_figure("one", figures[0], 1)
        writer.add_figure("two", figures, 2)
    one, two = (unpacked(parsed(fields[4][0])[4][0]) for _, _, fields in values_of(tmp_path))
    assert one.shape == (20, 10, 4)
    assert two.shape == (20, 20, 4)
    assert one[0, 0].tolist() == two[0, 0].tolist() == [255, 0, 0, 255]
    assert two[0, 19].tolist() == [0, 0, 255, 255]


def test_texts(tmp_path):
    with SummaryWriter(tmp_path) as writer:
        writer.add_text("note", "**bold** \u00fc", 7)
    ((tag, step, fields),) = values_of(tmp_path)
    assert (tag, step) == ("note/text_summary", 7)
    assert parsed(fields[8][0])[8] == ["**bold** \u00fc".encode()]
    assert b"text" in fields[9][0]


def test_hyperparameters(tmp_path):
    params = {"lr": 0.1, "layers": torch.tensor(3), "bias": True, "act": "relu"}
    with SummaryWriter(tmp_path) as writer:
        writer.add_hparams(params, {"accuracy": 0.9}, {"act": ["relu", "tanh"]}, run_name="first", global_step=4)
    values = values_of(tmp_path / "first")
    assert [tag for tag, _, _ in values] == [
        "_hparams_/experiment", "_hparams_/session_start_info", "_hparams_/session_end_info", "accuracy",
    ]  # fmt: skip
    assert values[-1][1:] == (4, {1: [b"accuracy"], 2: [pytest.approx(0.9)]})
    start = parsed(parsed(parsed(values[1][2][9][0])[1][0])[2][0])[3][0]
    found = {parsed(pair)[1][0].decode(): parsed(parsed(pair)[2][0]) for pair in parsed(start)[1]}
    assert found == {"lr": {2: [0.1]}, "layers": {2: [3.0]}, "bias": {4: [1]}, "act": {3: [b"relu"]}}


def test_what_waits_is_written_at_the_end(tmp_path):
    program = (
        f"from facula.utils.tensorboard import SummaryWriter\nSummaryWriter({str(tmp_path)!r}).add_scalar('a', 1)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    writer = SummaryWriter(tmp_path, max_queue=3, purge_step=5, filename_suffix=".late")
    assert len(events_of(tmp_path)) == 4
    assert [event[2] for event in events_of(tmp_path) if 7 in event] == [[5]]
    writer.add_scalar("b", 1)
    writer.add_scalar("b", 2)
    assert len(values_of(tmp_path)) == 1
    writer.add_scalar("b", 3)
    assert len(values_of(tmp_path)) == 4
    writer.add_scalar("b", 4)
    del writer
    assert len(values_of(tmp_path)) == 5
    assert len(list(tmp_path.glob("*.late"))) == 1


def test_default_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    writer = SummaryWriter(comment="_try")
    (folder,) = (tmp_path / "runs").iterdir()
    assert folder.name.endswith("_try")
    assert writer.get_logdir() == f"runs/{folder.name}"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda w: w.add_scalar("a", [1, 2]), ValueError, "add_scalar: expected a number or a tensor of one element, got shape"),
        (lambda w: w.add_scalar("a", "b"), ValueError, "got 'b'. Reduce it first"),
        (lambda w: w.add_histogram("a", []), ValueError, "add_histogram: expected values, got none"),
        (lambda w: w.add_image("a", np.zeros((2, 2))), ValueError, "add_image: expected a picture of 3 dimensions 'CHW', got shape"),
        (lambda w: w.add_image("a", np.zeros((2, 2, 2))), ValueError, "add_image: expected 1, 3 or 4 channels, got 2"),
        (lambda w: w.add_hparams({"a": [1]}, {}), TypeError, "add_hparams: expected numbers, texts and truth values, got"),
    ],
)  # fmt: skip
def test_mistakes(tmp_path, call, error, message):
    with pytest.raises(error, match=message):
        call(SummaryWriter(tmp_path))


def test_tensorboard_reads_it(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    with SummaryWriter(tmp_path) as writer:
        writer.add_scalar("loss", 0.5, 3)
        writer.add_scalar("new", 0.25, 4, new_style=True)
        writer.add_histogram("weights", torch.linspace(-1, 1, 100), 1)
        writer.add_image("red", torch.ones(3, 4, 4), 1)
        writer.add_text("note", "hello", 1)
        writer.add_hparams(
            {"lr": 0.1, "bias": True, "act": "relu"}, {"accuracy": 0.9}, {"lr": [0.1, 1.0]}, run_name="run"
        )
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    (loss,) = found.Scalars("loss")
    assert (loss.step, loss.value) == (3, 0.5)
    assert found.Tensors("new")[0].tensor_proto.float_val == [0.25]
    histogram = found.Histograms("weights")[0].histogram_value
    assert histogram.num == sum(histogram.bucket) == 100
    assert len(histogram.bucket) == len(histogram.bucket_limit)
    (picture,) = found.Images("red")
    assert (picture.width, picture.height) == (4, 4)
    assert found.Tensors("note/text_summary")[0].tensor_proto.string_val == [b"hello"]
    run = EventAccumulator(str(tmp_path / "run"))
    run.Reload()
    parts = run.PluginTagToContent(metadata.PLUGIN_NAME)
    read = {tag: plugin_data_pb2.HParamsPluginData.FromString(content) for tag, content in parts.items()}
    experiment = read["_hparams_/experiment"].experiment
    assert [info.name for info in experiment.hparam_infos] == ["lr", "bias", "act"]
    assert [value.number_value for value in experiment.hparam_infos[0].domain_discrete.values] == [0.1, 1.0]
    assert [info.name.tag for info in experiment.metric_infos] == ["accuracy"]
    start = read["_hparams_/session_start_info"].session_start_info
    assert start.hparams["act"].string_value == "relu"
    assert start.hparams["bias"].bool_value
    assert read["_hparams_/session_end_info"].session_end_info.status == 1
