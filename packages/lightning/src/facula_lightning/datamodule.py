"""LightningDataModule: data and its loaders in one place."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import facula_lightning as pl
from facula_lightning.batches import to_device
from facula_lightning.exceptions import MisconfigurationException
from facula_lightning.hparams import HyperparametersMixin

_GIVEN = {"training_step": "the loss", "configure_optimizers": "e.g. facula.optim.Adam(self.parameters())"}


def undefined(owner: Any, method: str, caller: str = "") -> MisconfigurationException:
    """The error of a method that a class should have defined."""
    name, returns = type(owner).__name__, f" and return {_GIVEN[method]}" if method in _GIVEN else ""
    taken = "self, batch, batch_idx" if method.endswith("_step") else "self"
    return MisconfigurationException(
        f"{caller or f'{name}.{method}'}: expected {name} to define {method}, got none. Write def {method}({taken}) in {name}{returns}."
    )


class DataHooks:
    """What modules and data modules can both define: loaders, what comes before and after, and the way to the device."""

    # fmt: off
    def prepare_data(self) -> None:
        """Fetch data once, before anything else, in one process; assign nothing here."""
    def setup(self, stage: str) -> None:
        """Before a run, e.g. to build datasets; `stage` is fit, validate, test or predict."""
    def teardown(self, stage: str) -> None: """After a run."""
    # fmt: on

    def train_dataloader(self) -> Any:
        """The batches to train on."""
        raise undefined(self, "train_dataloader")

    def val_dataloader(self) -> Any:
        """The batches to validate on, or several such loaders."""
        raise undefined(self, "val_dataloader")

    def test_dataloader(self) -> Any:
        """The batches to test on, or several such loaders."""
        raise undefined(self, "test_dataloader")

    def predict_dataloader(self) -> Any:
        """The batches to predict, or several such loaders."""
        raise undefined(self, "predict_dataloader")

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Change a batch before it is brought to the device."""
        return batch

    def transfer_batch_to_device(self, batch: Any, device: Any, dataloader_idx: int) -> Any:
        """The batch with its tensors on `device`."""
        return to_device(batch, device)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Change a batch once it is on the device."""
        return batch


class LightningDataModule(HyperparametersMixin, DataHooks):
    """What `Trainer.fit(model, datamodule=...)` takes its loaders from.

    A subclass defines `setup(stage)`, which builds datasets, and `train_dataloader`, `val_dataloader`,
    `test_dataloader` or `predict_dataloader`. `prepare_data` runs once before that, in one process.

    >>> class Numbers(LightningDataModule):
    ...     def train_dataloader(self):
    ...         return [1, 2, 3]
    >>> Numbers().train_dataloader()
    [1, 2, 3]
    """

    def __init__(self) -> None:
        self.trainer: pl.Trainer | None = None

    @classmethod
    def from_datasets(
        cls,
        train_dataset: Any = None,
        val_dataset: Any = None,
        test_dataset: Any = None,
        predict_dataset: Any = None,
        batch_size: int = 1,
        num_workers: int = 0,
        **kwargs: Any,
    ) -> Self:
        """A data module over given datasets, the training set shuffled; further keywords are for its `__init__`."""
        from facula.utils.data import DataLoader

        module = cls(**kwargs)
        given = {"train": train_dataset, "val": val_dataset, "test": test_dataset, "predict": predict_dataset}
        options: dict[str, Any] = {"batch_size": batch_size, "num_workers": num_workers}
        for stage, dataset in given.items():
            if dataset is not None:
                loader = partial(DataLoader, dataset, shuffle=stage == "train", **options)
                setattr(module, f"{stage}_dataloader", loader)
        return module

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint should hold of this data module."""
        return {}

    # fmt: off
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None: """Take back what `state_dict` returned."""
    def on_exception(self, exception: BaseException) -> None: """When the run is ended by an exception."""
    # fmt: on
