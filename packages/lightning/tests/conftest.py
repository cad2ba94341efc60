"""A small module, its data and a quiet trainer, for all tests of the package."""

from __future__ import annotations

import pytest

import facula
import facula_lightning as lightning
from facula.nn import functional as F


class Line(lightning.LightningModule):
    """Fits four weights; dropout makes it depend on the random state."""

    def __init__(self, lr: float = 0.05, dropout: float = 0.0) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.dropout = facula.nn.Dropout(dropout)
        self.layer = facula.nn.Linear(4, 1)
        self.losses: list[float] = []

    def forward(self, x):
        return self.layer(self.dropout(x))

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.mse_loss(self(x), y)
        self.losses.append(loss.item())
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", F.mse_loss(self(x), y), prog_bar=True)

    def test_step(self, batch, batch_idx):
        x, y = batch
        self.log("test_loss", F.mse_loss(self(x), y))

    def predict_step(self, batch, batch_idx):
        return self(batch[0])

    def configure_optimizers(self):
        return facula.optim.Adam(self.parameters(), lr=self.hparams.lr)


@pytest.fixture
def line_class():
    return Line


@pytest.fixture
def line():
    lightning.seed_everything(3, verbose=False)
    return Line()


@pytest.fixture
def data():
    generator = facula.Generator().manual_seed(0)
    x = facula.randn(48, 4, generator=generator)
    y = x @ facula.tensor([[1.0], [-2.0], [0.5], [3.0]])
    return [(x[i : i + 8], y[i : i + 8]) for i in range(0, 48, 8)]


@pytest.fixture
def make_trainer(tmp_path):
    def make(**options):
        quiet = {
            "logger": False,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
            "default_root_dir": tmp_path,
            "max_epochs": 2,
        }
        return lightning.Trainer(**{**quiet, **options})

    return make
