"""Loggers that hand numbers to the client of a tracking service, which is imported at the first number."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from facula_lightning.exceptions import optional
from facula_lightning.hparams import plain
from facula_lightning.loggers.logger import Logger


class WandbLogger(Logger):
    """Logs to Weights & Biases (extra `wandb`); `offline=True` only writes below `save_dir`, for `wandb sync` later.

    `experiment` is the run, for all else that the client can do; further keywords go to `wandb.init`.
    """

    def __init__(
        self,
        name: str | None = None,
        save_dir: str | Path = ".",
        version: str | None = None,
        offline: bool = False,
        project: str | None = None,
        experiment: Any = None,
        prefix: str = "",
        **kwargs: Any,
    ) -> None:
        self.save_dir, self.prefix, self._run = os.fspath(save_dir), prefix, experiment
        self.name, self.version = project or "lightning_logs", kwargs.pop("id", version)
        mode = {"mode": "offline"} if offline else {}
        self._options = {"name": name, "project": self.name, "id": self.version, "dir": self.save_dir, **mode, **kwargs}

    @property
    def experiment(self) -> Any:
        """The run of the client."""
        if self._run is None:
            Path(self.save_dir).mkdir(parents=True, exist_ok=True)
            self._run = optional("wandb", "wandb").init(**self._options)
            self._run.define_metric("trainer/global_step")
            self._run.define_metric("*", step_metric="trainer/global_step")
            self.version = self._run.id
        return self._run

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        at = {} if step is None else {"trainer/global_step": step}
        self.experiment.log({**self.named(metrics), **at})

    def log_hyperparams(self, params: dict[str, Any]) -> None:
        values = {name: value if plain(value) else str(value) for name, value in params.items()}
        self.experiment.config.update(values, allow_val_change=True)

    def finalize(self, status: str) -> None:
        """Leave the run open, for what is logged afterwards; the client ends it with the program."""


class MLFlowLogger(Logger):
    """Logs to MLflow (extra `mlflow`): to `tracking_uri`, else to files below `save_dir`, else where MLflow does by itself.

    `experiment` is the client, `run_id` its run, which is begun at the first number, or taken up where it is given.
    """

    def __init__(
        self,
        experiment_name: str = "lightning_logs",
        run_name: str | None = None,
        tracking_uri: str | None = None,
        tags: dict[str, Any] | None = None,
        save_dir: str | Path | None = None,
        prefix: str = "",
        artifact_location: str | None = None,
        run_id: str | None = None,
    ) -> None:
        self.name, self.run_name, self.tags, self.prefix = experiment_name, run_name, tags or {}, prefix
        self.tracking_uri = tracking_uri or (None if save_dir is None else f"file:{os.fspath(save_dir)}")
        self.save_dir = None if save_dir is None else os.fspath(save_dir)
        self.artifact_location, self._run_id = artifact_location, run_id
        self._experiment: Any = None

    @property
    def experiment(self) -> Any:
        """The client."""
        if self._experiment is None:
            client = self._experiment = optional("mlflow", "mlflow").tracking.MlflowClient(self.tracking_uri)
            if self._run_id is None:
                known = client.get_experiment_by_name(self.name)
                place = known.experiment_id if known else client.create_experiment(self.name, self.artifact_location)
                self._run_id = client.create_run(place, tags=self.tags, run_name=self.run_name).info.run_id
        return self._experiment

    @property
    def run_id(self) -> str:
        """The run."""
        _ = self.experiment
        return str(self._run_id)

    version = run_id

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        for name, value in self.named(metrics).items():
            self.experiment.log_metric(self.run_id, name, value, step=step or 0)

    def log_hyperparams(self, params: dict[str, Any]) -> None:
        for name, value in params.items():
            self.experiment.log_param(self.run_id, name, str(value)[:250])

    def finalize(self, status: str) -> None:
        """End the run as finished or failed, if anything was logged."""
        if self._experiment is not None:
            self._experiment.set_terminated(self.run_id, "FINISHED" if status == "success" else "FAILED")
