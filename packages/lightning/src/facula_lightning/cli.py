"""LightningCLI: a Trainer, a module and data from the command line and typed config files (extra `cli`: jsonargparse)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from facula_lightning.callbacks.callback import Callback
from facula_lightning.connect import listed
from facula_lightning.datamodule import LightningDataModule
from facula_lightning.exceptions import optional
from facula_lightning.module import LightningModule
from facula_lightning.seed import seed_everything
from facula_lightning.trainer import Trainer

_STAGES = ("fit", "validate", "test", "predict")


class SaveConfigCallback(Callback):
    """Writes the config of the run to `config.yaml` beside its logs, from where it can be run again."""

    def __init__(self, parser: Any, config: Any, overwrite: bool = True) -> None:
        self.parser, self.config, self.overwrite = parser, config, overwrite

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if trainer.is_global_zero and not trainer.fast_dev_run:
            folder = Path(trainer.log_dir or trainer.default_root_dir)
            folder.mkdir(parents=True, exist_ok=True)
            self.parser.save(self.config, folder / "config.yaml", overwrite=self.overwrite)


class LightningCLI:
    """`python train.py fit --config run.yaml --trainer.max_epochs 3 --model.lr 0.1`, or with `--print_config`.

    The types of the arguments of `Trainer`, the module's and the data module's `__init__` are what config files and options
    are checked against. Override `add_arguments_to_parser(parser)` for options of your own, `before_<stage>` and
    `after_<stage>` for code around. With `run=False` it only builds `trainer`, `model` and `datamodule`.
    """

    def __init__(
        self,
        model_class: type[LightningModule],
        datamodule_class: type[LightningDataModule] | None = None,
        save_config_callback: type[SaveConfigCallback] | None = SaveConfigCallback,
        trainer_class: type[Trainer] = Trainer,
        trainer_defaults: dict[str, Any] | None = None,
        seed_everything_default: int | bool = True,
        args: list[str] | None = None,
        run: bool = True,
    ) -> None:
        parser_class = optional("jsonargparse", "cli").ArgumentParser
        given = list(sys.argv[1:] if args is None else args)
        self.stage = given.pop(0) if run and given and given[0] in _STAGES else None
        if run and self.stage is None and not {"-h", "--help"} & set(given):
            raise SystemExit(f"expected one of {', '.join(_STAGES)} as first argument. Write e.g. fit --print_config.")
        self.parser = parser_class()
        self.parser.add_argument("--config", action="config", help="a file with these options")
        self.parser.add_argument("--seed_everything", type=bool | int, default=seed_everything_default)
        self.parser.add_argument("--ckpt_path", type=str | None, default=None)
        self.parser.add_class_arguments(trainer_class, "trainer", skip={"logger"}, instantiate=False)
        self.parser.add_class_arguments(model_class, "model", instantiate=False)
        if datamodule_class is not None:
            self.parser.add_class_arguments(datamodule_class, "data", instantiate=False)
        defaults = dict(trainer_defaults or {})
        logger, callbacks = defaults.pop("logger", None), defaults.pop("callbacks", None)
        self.parser.set_defaults({f"trainer.{name}": value for name, value in defaults.items()})
        self.add_arguments_to_parser(self.parser)
        self.config = self.parser.parse_args(given)
        self._made = self.parser.instantiate(self.config)
        seed = self.config.seed_everything
        if seed is not False:
            seed_everything(None if seed is True else seed, verbose=False)
        self.model = model_class(**self._given("model"))
        self.datamodule = None if datamodule_class is None else datamodule_class(**self._given("data"))
        made = self._given("trainer")
        callbacks = listed(callbacks) + listed(made.pop("callbacks", None))
        if save_config_callback is not None:
            callbacks.append(save_config_callback(self.parser, self.config))
        self.trainer = trainer_class(**made, callbacks=callbacks, logger=logger)
        if self.stage is not None:
            self._run(self.stage)

    def _given(self, group: str) -> dict[str, Any]:
        return dict(vars(self._made[group])) if group in self._made else {}

    def add_arguments_to_parser(self, parser: Any) -> None:
        """Add options, or link them: `parser.link_arguments("data.size", "model.size")`."""

    def _run(self, stage: str) -> None:
        getattr(self, f"before_{stage}", lambda: None)()
        run = getattr(self.trainer, stage)
        self.result = run(self.model, datamodule=self.datamodule, ckpt_path=self.config.ckpt_path)
        getattr(self, f"after_{stage}", lambda: None)()
