import struct

import pytest

import facula
from facula_lightning.loggers import TensorBoardLogger


def test_events_are_written_when_a_run_ends(line, data, make_trainer, tmp_path):
    logger = TensorBoardLogger(tmp_path, name="runs")
    make_trainer(max_epochs=2, logger=logger, log_every_n_steps=1).fit(line, data)
    assert logger.log_dir == str(tmp_path / "runs" / "version_0")
    (file,) = (tmp_path / "runs" / "version_0").glob("events.out.tfevents.*")
    content = file.read_bytes()
    assert content.count(b"loss_step") == 12
    for loss in line.losses:
        assert struct.pack("<f", loss) in content
    assert b"|lr|0.05|" in content
    logger.experiment.add_histogram("weights", facula.ones(3), 12)
    assert b"weights" not in file.read_bytes()
    logger.save()
    assert b"weights" in file.read_bytes()
    assert TensorBoardLogger(tmp_path, name="runs").version == 1
    TensorBoardLogger(tmp_path, name="idle").save()
    assert not (tmp_path / "idle").exists()


def test_tensorboard_reads_what_a_run_wrote(line, data, make_trainer, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path, name="runs")
    make_trainer(max_epochs=2, logger=logger, log_every_n_steps=1).fit(line, data)
    found = EventAccumulator(logger.log_dir)
    found.Reload()
    assert set(found.Tags()["scalars"]) == {"loss_step", "loss_epoch", "epoch"}
    steps = found.Scalars("loss_step")
    assert [event.step for event in steps] == list(range(12))
    assert [event.value for event in steps] == pytest.approx(line.losses, rel=1e-6)
    text = found.Tensors("hyperparameters/text_summary")
    assert b"|lr|0.05|" in text[0].tensor_proto.string_val[0]
