import csv
import json

import pytest

from facula_lightning.loggers import CSVLogger, Logger


def read(logger):
    with open(logger.metrics_file, newline="") as file:
        return list(csv.DictReader(file))


def test_rows_columns_and_versions(tmp_path):
    logger = CSVLogger(tmp_path, name="run", prefix="a", flush_logs_every_n_steps=2)
    logger.log_metrics({"loss": 0.5}, 0)
    assert not logger.metrics_file.exists()
    logger.log_metrics({"loss": 0.25}, 1)
    assert [row["a-loss"] for row in read(logger)] == ["0.5", "0.25"]
    logger.log_metrics({"accuracy": 1.0})
    logger.finalize("success")
    rows = read(logger)
    assert rows[0] == {"step": "0", "a-loss": "0.5", "a-accuracy": ""}
    assert rows[2] == {"step": "2", "a-loss": "", "a-accuracy": "1.0"}
    assert CSVLogger(tmp_path, name="run").version == 1
    assert list(logger.metrics_file.parent.glob("*.part")) == []


def test_hyperparameters(tmp_path):
    logger = CSVLogger(tmp_path, version="first")
    logger.log_hyperparams({"lr": 0.1, "layers": [1, 2], "kind": "a: b", "thing": object})
    lines = (tmp_path / "lightning_logs" / "first" / "hparams.yaml").read_text().splitlines()
    found = {key: json.loads(value) for key, _, value in (line.partition(": ") for line in lines)}
    assert found == {"lr": 0.1, "layers": [1, 2], "kind": "a: b", "thing": "<class 'object'>"}


def test_steps_and_epochs_of_a_run(line, data, make_trainer, tmp_path):
    logger = CSVLogger(tmp_path)
    make_trainer(logger=logger, log_every_n_steps=2).fit(line, data, data)
    rows = read(logger)
    assert [row["step"] for row in rows if row["loss_step"]] == ["1", "3", "5", "7", "9", "11"]
    assert [(row["epoch"], row["step"]) for row in rows if row["loss_epoch"]] == [("0", "5"), ("1", "11")]
    assert [(row["epoch"], row["step"]) for row in rows if row["val_loss"]] == [("0", "5"), ("1", "11")]
    assert (logger.metrics_file.parent / "hparams.yaml").read_text() == "dropout: 0.0\nlr: 0.05\n"


def test_a_logger_has_to_log():
    with pytest.raises(NotImplementedError, match="Logger.log_metrics: expected the class to define it, got none"):
        Logger().log_metrics({}, 0)
