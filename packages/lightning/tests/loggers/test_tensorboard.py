import struct

import pytest

from facula_lightning.loggers import TensorBoardLogger
from facula_lightning.loggers.tensorboard import _checksum


def test_checksum_is_masked_crc32c():
    crc = 0xE3069283  # CRC-32C of "123456789", RFC 3720
    assert _checksum(b"123456789") == struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def test_tensorboard_reads_what_a_run_wrote(line, data, make_trainer, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path, name="runs")
    make_trainer(max_epochs=2, logger=logger, log_every_n_steps=1).fit(line, data)
    assert logger.log_dir == str(tmp_path / "runs" / "version_0")
    found = EventAccumulator(logger.log_dir)
    found.Reload()
    assert set(found.Tags()["scalars"]) == {"loss_step", "loss_epoch", "epoch"}
    steps = found.Scalars("loss_step")
    assert [event.step for event in steps] == list(range(12))
    assert [event.value for event in steps] == pytest.approx(line.losses, rel=1e-6)
    text = found.Tensors(
        "hyperparameters/text_summary"
        if "hyperparameters/text_summary" in found.Tags()["tensors"]
        else "hyperparameters"
    )
    assert b"|lr|0.05|" in text[0].tensor_proto.string_val[0]
    assert TensorBoardLogger(tmp_path, name="runs").version == 1
