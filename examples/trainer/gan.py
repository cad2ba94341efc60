"""A generative adversarial network: two optimizers, stepped by hand in `training_step`.

Goodfellow et al., "Generative Adversarial Nets", 2014.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import facula
import facula_lightning as lightning
from facula import nn
from facula.utils.data import DataLoader
from facula_vision.datasets import Digits


class GAN(lightning.LightningModule):
    """The generator draws digits of 64 pixels, the discriminator tells them from real ones."""

    def __init__(self, latent: int = 16, width: int = 128, learning_rate: float = 1e-3) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.automatic_optimization = False
        self.generator = nn.Sequential(
            nn.Linear(latent, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 64), nn.Sigmoid()
        )
        self.discriminator = nn.Sequential(
            nn.Linear(64, width), nn.LeakyReLU(0.2), nn.Dropout(0.3), nn.Linear(width, 1)
        )

    def forward(self, noise):
        return self.generator(noise)

    def training_step(self, batch, batch_idx):
        for_generator, for_discriminator = self.optimizers()
        real, fake = facula.ones(len(batch), 1), facula.zeros(len(batch), 1)
        drawn = self(facula.randn(len(batch), self.hparams.latent))

        with self.toggled_optimizer(for_generator):
            loss = nn.functional.binary_cross_entropy_with_logits(self.discriminator(drawn), real)
            self.manual_backward(loss)
            for_generator.step()
            for_generator.zero_grad()
        self.log("generator_loss", loss, prog_bar=True)

        with self.toggled_optimizer(for_discriminator):
            on_real = nn.functional.binary_cross_entropy_with_logits(self.discriminator(batch), real)
            on_fake = nn.functional.binary_cross_entropy_with_logits(self.discriminator(drawn.detach()), fake)
            loss = (on_real + on_fake) / 2
            self.manual_backward(loss)
            for_discriminator.step()
            for_discriminator.zero_grad()
        self.log("discriminator_loss", loss, prog_bar=True)

    def configure_optimizers(self):
        options = {"lr": self.hparams.learning_rate, "betas": (0.5, 0.999)}
        parts = (self.generator, self.discriminator)
        return [facula.optim.Adam(part.parameters(), **options) for part in parts]


def main(arguments: list[str] | None = None) -> GAN:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("gan-output"))
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args(arguments)
    lightning.seed_everything(1)
    digits = Digits(train=True).data.float().flatten(1)
    loader = DataLoader(digits / digits.max(), batch_size=64, shuffle=True, drop_last=True)
    model = GAN()
    trainer = lightning.Trainer(max_epochs=options.epochs, default_root_dir=options.output, log_every_n_steps=10)
    trainer.fit(model, loader)
    model.eval()
    with facula.no_grad():
        pictures = model(facula.randn(64, model.hparams.latent)).reshape(-1, 1, 8, 8)
    from facula_vision.utils import save_image

    save_image(pictures, options.output / "drawn.png", nrow=16, padding=1)
    return model


if __name__ == "__main__":
    main()
