"""Classify handwritten digits: data in a data module, early stopping, the best weights for the test."""

from __future__ import annotations

import argparse
from pathlib import Path

import facula
import facula_lightning as lightning
from facula import nn
from facula.utils.data import DataLoader, TensorDataset
from facula_lightning import callbacks, metrics
from facula_vision.datasets import Digits


class DigitData(lightning.LightningDataModule):
    """1,797 scans of 8 by 8 pixels; a third is for the test, a tenth of the rest for validation."""

    def __init__(self, batch_size: int = 32) -> None:
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage):
        train, test = (Digits(train=part) for part in (True, False))
        whole = TensorDataset(train.data.float().unsqueeze(1) / train.data.max().item(), train.targets)
        self.train, self.val = facula.utils.data.random_split(
            whole, [0.9, 0.1], generator=facula.Generator().manual_seed(0)
        )
        self.test = TensorDataset(test.data.float().unsqueeze(1) / train.data.max().item(), test.targets)

    def train_dataloader(self):
        return DataLoader(self.train, self.hparams.batch_size, shuffle=True)

    def val_dataloader(self):
        return DataLoader(self.val, 256)

    def test_dataloader(self):
        return DataLoader(self.test, 256)


class DigitClassifier(lightning.LightningModule):
    """A network of two layers."""

    def __init__(self, width: int = 64, learning_rate: float = 3e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))
        self.accuracy = metrics.Accuracy("multiclass", num_classes=10)

    def forward(self, images):
        return self.net(images)

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.measure("val", batch)

    def test_step(self, batch, batch_idx):
        self.measure("test", batch)

    def measure(self, stage, batch):
        scores = self(batch[0])
        self.accuracy(scores, batch[1])
        self.log(f"{stage}_loss", nn.functional.cross_entropy(scores, batch[1]), prog_bar=True)
        self.log(f"{stage}_accuracy", self.accuracy, prog_bar=True)

    def configure_optimizers(self):
        return facula.optim.AdamW(self.parameters(), lr=self.hparams.learning_rate)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("digits-output"))
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args(arguments)
    lightning.seed_everything(1)
    trainer = lightning.Trainer(
        max_epochs=options.epochs,
        default_root_dir=options.output,
        log_every_n_steps=10,
        callbacks=[
            callbacks.EarlyStopping("val_loss", patience=3),
            callbacks.ModelCheckpoint(options.output / "checkpoints", monitor="val_loss"),
        ],
    )
    trainer.fit(DigitClassifier(), datamodule=DigitData())
    (found,) = trainer.test(datamodule=DigitData(), ckpt_path="best")
    return found["test_accuracy"]


if __name__ == "__main__":
    main()
