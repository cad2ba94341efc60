"""An autoencoder in a few lines: 64 pixels of a digit through 6 numbers and back."""

from __future__ import annotations

import argparse
from pathlib import Path

import facula
import facula_lightning as lightning
from facula import nn
from facula.utils.data import DataLoader
from facula_vision.datasets import Digits


class Autoencoder(lightning.LightningModule):
    """The loss is the mean squared difference between what goes in and what comes out."""

    def __init__(self, code: int = 6) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.encoder = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, code))
        self.decoder = nn.Sequential(nn.Linear(code, 32), nn.ReLU(), nn.Linear(32, 64))

    def training_step(self, batch, batch_idx):
        loss = nn.functional.mse_loss(self.decoder(self.encoder(batch)), batch)
        self.log("train_loss", loss, prog_bar=True, on_step=True, on_epoch=True)
        return loss

    def configure_optimizers(self):
        return facula.optim.Adam(self.parameters(), lr=3e-3)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("autoencoder-output"))
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args(arguments)
    lightning.seed_everything(1)
    digits = Digits(train=True).data.float().flatten(1)
    loader = DataLoader(digits / digits.max(), batch_size=32, shuffle=True)
    trainer = lightning.Trainer(max_epochs=options.epochs, default_root_dir=options.output)
    model = Autoencoder()
    trainer.fit(model, loader)
    path = options.output / "autoencoder.ckpt.safetensors"
    trainer.save_checkpoint(path)
    again = Autoencoder.load_from_checkpoint(path).eval()
    with facula.no_grad():
        codes = again.encoder(digits[:4] / digits.max())
    print(f"four digits as {tuple(codes.shape)} numbers, loss {trainer.callback_metrics['train_loss_epoch']:.4f}")
    return trainer.callback_metrics["train_loss_epoch"].item()


if __name__ == "__main__":
    main()
