"""Adapters to tracking services, against their real clients without a network, where these are installed."""

import sys

import pytest

from facula_lightning.loggers import MLFlowLogger, WandbLogger


class Recorder:
    """Notes each call of a client: (name, arguments)."""

    def __init__(self, calls, name=""):
        self._calls, self._name = calls, name

    def __getattr__(self, name):
        return Recorder(self._calls, f"{self._name}.{name}".lstrip("."))

    def __call__(self, *args, **kwargs):
        self._calls.append((self._name, args, kwargs))
        return Recorder(self._calls, self._name)

    def __str__(self):
        return self._name


@pytest.fixture
def calls(monkeypatch):
    found = []
    for name in ("mlflow", "wandb"):
        monkeypatch.setitem(sys.modules, name, Recorder(found))
    return found


def test_wandb_gets_what_its_api_wants(calls, tmp_path, line, data, make_trainer):
    logger = WandbLogger("first", tmp_path, project="digits", offline=True, prefix="a", tags=["t"])
    assert calls == []
    make_trainer(logger=logger, max_epochs=1, log_every_n_steps=2).fit(line, data)
    logger.log_hyperparams({"lr": 0.1, "act": max})
    names = [name for name, _, _ in calls]
    assert names[:3] == ["init", "init.define_metric", "init.define_metric"]
    assert calls[0][2] == {
        "name": "first",
        "project": "digits",
        "id": None,
        "dir": str(tmp_path),
        "mode": "offline",
        "tags": ["t"],
    }
    logged = next(args[0] for name, args, _ in calls if name == "init.log")
    assert logged.keys() >= {"a-epoch", "trainer/global_step"}
    assert calls[-1][:2] == ("init.config.update", ({"lr": 0.1, "act": str(max)},))


def test_mlflow_gets_what_its_api_wants(calls, tmp_path):
    logger = MLFlowLogger("digits", run_name="first", tracking_uri=f"file:{tmp_path}", tags={"a": "b"}, run_id="7")
    assert (logger.name, logger.save_dir, calls) == ("digits", None, [])
    logger.log_metrics({"loss": 0.5}, 3)
    logger.log_hyperparams({"text": "x" * 300})
    logger.finalize("failed")
    assert [name.rpartition(".")[2] for name, _, _ in calls] == [
        "MlflowClient",
        "log_metric",
        "log_param",
        "set_terminated",
    ]
    assert calls[1][1:] == (("7", "loss", 0.5), {"step": 3})
    assert calls[2][1] == ("7", "text", "x" * 250)
    assert calls[3][1] == ("7", "FAILED")
    assert logger.version == logger.run_id == "7"


def test_a_missing_client_names_the_extra(monkeypatch):
    for name, logger in (("wandb", WandbLogger()), ("mlflow", MLFlowLogger())):
        monkeypatch.setitem(sys.modules, name, None)
        with pytest.raises(ImportError, match=rf"Run: pip install facula-lightning\[{name}\]"):
            logger.log_metrics({"loss": 0.5})


def test_mlflow_reads_back_what_was_logged(tmp_path, line, data, make_trainer, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    logger = MLFlowLogger("digits", save_dir=tmp_path / "runs")
    make_trainer(logger=logger, max_epochs=2, log_every_n_steps=1).fit(line, data)
    run = mlflow.tracking.MlflowClient(logger.tracking_uri).get_run(logger.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.metrics["epoch"] == 1
    assert MLFlowLogger("digits", save_dir=tmp_path / "runs", run_id=logger.run_id).version == logger.run_id


def test_wandb_writes_a_run_to_sync_later(tmp_path, line, data, make_trainer):
    wandb = pytest.importorskip("wandb")
    logger = WandbLogger("first", tmp_path, project="digits", offline=True)
    make_trainer(logger=logger, max_epochs=1, log_every_n_steps=1).fit(line, data)
    logger.log_hyperparams({"lr": 0.1})
    summary = dict(logger.experiment.summary)
    wandb.finish()
    assert summary["epoch"] == 0
    assert summary["trainer/global_step"] == 5
    assert [path.suffix for path in tmp_path.glob("wandb/offline-run-*/*.wandb")] == [".wandb"]
