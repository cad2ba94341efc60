"""A language model of characters: a recurrent network that learns a text and goes on with it.

Lines have different lengths: each batch weighs by its characters, so that accumulated batches count as one big one.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import facula
import facula_lightning as lightning
from facula import nn
from facula.nn.utils.rnn import pad_sequence
from facula.utils.data import DataLoader
from facula_lightning import metrics

TEXT = """the torch is small and the night is long
a little light will find the door
the night is dark and the road is long
a small torch lights the road and the door
the light is long and the dark is small
find the road and find the light
"""
PAD = 0


class CharacterModel(lightning.LightningModule):
    """Embedding, GRU and a linear layer over the characters."""

    def __init__(self, alphabet: str, width: int = 48) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.embedding = nn.Embedding(len(alphabet) + 1, width, padding_idx=PAD)
        self.recurrent = nn.GRU(width, width, batch_first=True)
        self.output = nn.Linear(width, len(alphabet) + 1)
        self.perplexity = metrics.Perplexity(ignore_index=PAD)

    def forward(self, tokens, state=None):
        hidden, state = self.recurrent(self.embedding(tokens), state)  # (N, T, width)
        return self.output(hidden), state

    def training_step(self, batch, batch_idx):
        scores, _ = self(batch[:, :-1])
        target = batch[:, 1:]
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), target.flatten(), ignore_index=PAD)
        self.perplexity(scores, target)
        self.log("perplexity", self.perplexity, prog_bar=True, on_step=False, on_epoch=True)
        return {"loss": loss, "weight": (target != PAD).sum().item()}

    def configure_optimizers(self):
        return facula.optim.Adam(self.parameters(), lr=1e-2)

    def go_on(self, start: str, count: int) -> str:
        """The likeliest characters after `start`."""
        alphabet = self.hparams.alphabet
        with facula.no_grad():
            scores, state = self(facula.tensor([[alphabet.index(c) + 1 for c in start]]))
            for _ in range(count):
                token = scores[:, -1:, 1:].argmax(dim=-1) + 1
                start += alphabet[token.item() - 1]
                scores, state = self(token, state)
        return start


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("text-output"))
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args(arguments)
    lightning.seed_everything(1)
    alphabet = "".join(sorted(set(TEXT)))
    lines = [facula.tensor([alphabet.index(c) + 1 for c in line]) for line in TEXT.splitlines(keepends=True)]

    def collate(rows):
        return pad_sequence(rows, batch_first=True, padding_value=PAD)

    loader = DataLoader(lines, batch_size=2, shuffle=True, collate_fn=collate)
    model = CharacterModel(alphabet)
    trainer = lightning.Trainer(
        max_epochs=options.epochs, accumulate_grad_batches=3, default_root_dir=options.output, gradient_clip_val=1.0
    )
    trainer.fit(model, loader)
    print(model.eval().go_on("the ", 40))
    return trainer.callback_metrics["perplexity"].item()


if __name__ == "__main__":
    main()
