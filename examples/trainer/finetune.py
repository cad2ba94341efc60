"""Finetune: a backbone that was trained on the digits 0 to 4 learns 5 to 9, its own layers frozen at first."""

from __future__ import annotations

import argparse
from pathlib import Path

import facula
import facula_lightning as lightning
from facula import nn
from facula.utils.data import DataLoader, TensorDataset
from facula_lightning import callbacks
from facula_vision.datasets import Digits


class Classifier(lightning.LightningModule):
    """A convolutional backbone and a linear head for five classes."""

    def __init__(self, backbone: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone or nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(32, 5)

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.head(self.backbone(batch[0])), batch[1])

    def validation_step(self, batch, batch_idx):
        found = self.head(self.backbone(batch[0])).argmax(dim=1)
        self.log("val_accuracy", (found == batch[1]).float().mean(), prog_bar=True)

    def configure_optimizers(self):
        learning = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return facula.optim.Adam(learning, lr=1e-2)


def digits(first: int, train: bool) -> TensorDataset:
    """The scans of five digits, numbered from 0."""
    scans = Digits(train=train)
    chosen = (scans.targets >= first) & (scans.targets < first + 5)
    return TensorDataset(scans.data[chosen].float().unsqueeze(1) / 16, scans.targets[chosen] - first)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("finetune-output"))
    parser.add_argument("--epochs", type=int, default=6)
    options = parser.parse_args(arguments)
    lightning.seed_everything(1)

    def fit(model: Classifier, first: int, *watching: lightning.Callback) -> float:
        trainer = lightning.Trainer(
            max_epochs=options.epochs, default_root_dir=options.output, callbacks=list(watching), logger=False
        )
        loader = DataLoader(digits(first, train=True), 32, shuffle=True)
        trainer.fit(model, loader, DataLoader(digits(first, train=False), 512))
        return trainer.callback_metrics["val_accuracy"].item()

    first = Classifier()
    print(f"0 to 4: {fit(first, 0):.3f}")
    finetuning = callbacks.BackboneFinetuning(unfreeze_backbone_at_epoch=options.epochs // 2)
    accuracy = fit(Classifier(first.backbone), 5, finetuning)
    print(f"5 to 9: {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
