"""Programs written for Lightning's own paths."""

import importlib

import pytest

import facula_lightning as lightning


def test_the_long_paths_lead_to_the_same_names():
    import facula_lightning.pytorch as pl
    from facula_lightning.fabric import Fabric, seed_everything
    from facula_lightning.pytorch import LightningModule, Trainer
    from facula_lightning.pytorch.loggers import CSVLogger

    assert (LightningModule, Trainer, CSVLogger) == (
        lightning.LightningModule,
        lightning.Trainer,
        lightning.loggers.CSVLogger,
    )
    assert (Fabric, seed_everything) == (lightning.Fabric, pl.seed_everything)
    assert pl.callbacks.EarlyStopping is lightning.callbacks.EarlyStopping


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("callbacks", "TQDMProgressBar"),
        ("callbacks.early_stopping", "EarlyStopping"),
        ("callbacks.model_checkpoint", "ModelCheckpoint"),
        ("callbacks.progress", "RichProgressBar"),
        ("cli", "LightningCLI"),
        ("loggers.wandb", "WandbLogger"),
        ("profilers", "SimpleProfiler"),
        ("strategies", "DDPStrategy"),
        ("utilities.combined_loader", "CombinedLoader"),
        ("utilities.exceptions", "MisconfigurationException"),
        ("utilities.seed", "isolate_rng"),
    ],
)
def test_rooms_that_have_another_name_here(path, name):
    assert hasattr(importlib.import_module(f"facula_lightning.pytorch.{path}"), name)
