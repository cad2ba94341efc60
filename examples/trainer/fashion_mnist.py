"""Train a small convolutional network on all of Fashion-MNIST, test it, and write a report with pictures.

The 70,000 pictures come with Debian's package `dataset-fashion-mnist`, or from the folder given by --data.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import facula
import facula_lightning as lightning
from facula import nn
from facula.utils.data import DataLoader, TensorDataset
from facula_lightning import callbacks, loggers, metrics, plots
from facula_lightning.report import Report
from facula_vision.datasets import FashionMNIST


class FashionData(lightning.LightningDataModule):
    """The pictures as two tensors: a tenth of the training set is for validation."""

    def __init__(self, folder: str = "data", batch_size: int = 128, limit: int | None = None) -> None:
        super().__init__()
        self.save_hyperparameters()

    def setup(self, stage):
        train, test = (self.tensors(FashionMNIST(self.hparams.folder, train=part)) for part in (True, False))
        parts = facula.utils.data.random_split(train, [0.9, 0.1], generator=facula.Generator().manual_seed(0))
        self.train, self.val, self.test = *parts, test

    def tensors(self, pictures):
        count = self.hparams.limit or len(pictures.data)
        images = (pictures.data[:count].float() / 255 - 0.286) / 0.353
        return TensorDataset(images.unsqueeze(1), pictures.targets[:count])

    def train_dataloader(self):
        return DataLoader(self.train, self.hparams.batch_size, shuffle=True, drop_last=True)

    def val_dataloader(self):
        return DataLoader(self.val, 500)

    def test_dataloader(self):
        return DataLoader(self.test, 500)

    predict_dataloader = test_dataloader


class FashionNet(lightning.LightningModule):
    """Two convolutions and two linear layers under a one-cycle schedule."""

    def __init__(self, width: int = 16, learning_rate: float = 4e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.net = nn.Sequential(
            nn.Conv2d(1, width, 3, padding=1),  # (N, width, 28, 28)
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(width, 2 * width, 3, padding=1),  # (N, 2 width, 14, 14)
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Dropout(0.2),
            nn.Linear(2 * width * 49, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
        )
        self.accuracy = metrics.Accuracy("multiclass", num_classes=10)
        self.confusion = metrics.ConfusionMatrix("multiclass", num_classes=10)

    def forward(self, images):
        return self.net(images)

    def training_step(self, batch, batch_idx):
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch, batch_idx):
        scores = self(batch[0])
        self.accuracy(scores, batch[1])
        self.log("val_loss", nn.functional.cross_entropy(scores, batch[1]))
        self.log("val_accuracy", self.accuracy, prog_bar=True)

    def test_step(self, batch, batch_idx):
        scores = self(batch[0])
        self.accuracy(scores, batch[1])
        self.confusion.update(scores, batch[1])
        self.log("test_accuracy", self.accuracy)

    def predict_step(self, batch, batch_idx):
        return self(batch[0]).softmax(dim=1)

    def configure_optimizers(self):
        rate = self.hparams.learning_rate
        optimizer = facula.optim.Adam(self.parameters(), lr=rate)
        steps = self.trainer.estimated_stepping_batches
        schedule = facula.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def show(output: Path, model: FashionNet, data: FashionData, chances: facula.Tensor) -> None:
    """Draw what the network confuses and what it was least sure of, and write a second page with both."""
    images, truth = data.test.tensors
    sure, said = chances.max(dim=1)
    order = facula.argsort(sure + (said == truth))[:48]
    short = [name.split("/")[0].split()[-1].capitalize() for name in FashionMNIST.classes]
    page = Report(
        "Fashion-MNIST", f"{(said == truth).float().mean().item():.4f} of the test pictures are read rightly."
    )
    confusion, doubtful = [], []
    for theme in (plots.LIGHT, plots.DARK):
        confusion.append(plots.draw_confusion(model.confusion.compute().astype(int), short, theme))
        named = ([short[i] for i in classes[order].tolist()] for classes in (said, truth))
        picked = (images[order, 0].numpy(), *named, sure[order].tolist())
        doubtful.append(plots.draw_predictions(*picked, "The mistakes it was least sure of", theme=theme))
    page.picture("What it confuses", *confusion)
    page.picture("What it was unsure of", *doubtful)
    page.write(output / "predictions.html")
    confusion[0].savefig(output / "confusion.png")
    doubtful[0].savefig(output / "predictions.png")


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("fashion-output"))
    parser.add_argument("--data", default="data")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--limit", type=int, help="use only so many pictures")
    options = parser.parse_args(arguments)
    lightning.seed_everything(1)
    data, model = FashionData(options.data, limit=options.limit), FashionNet()
    trainer = lightning.Trainer(
        max_epochs=options.epochs,
        default_root_dir=options.output,
        logger=loggers.CSVLogger(options.output),
        log_every_n_steps=10,
        callbacks=[
            callbacks.ModelCheckpoint(options.output / "checkpoints", monitor="val_accuracy", mode="max"),
            callbacks.RunReport(options.output / "report.html", "Fashion-MNIST", "A small convolutional network."),
        ],
    )
    trainer.fit(model, datamodule=data)
    (found,) = trainer.test(model, datamodule=data)
    show(options.output, model, data, facula.cat(trainer.predict(model, datamodule=data)))
    print(f"test accuracy {found['test_accuracy']:.4f}, report in {options.output / 'report.html'}")
    return found["test_accuracy"]


if __name__ == "__main__":
    main()
