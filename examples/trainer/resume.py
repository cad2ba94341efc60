"""Stop a run anywhere, start the same command again, and end with the same bits.

python resume.py --stop-after 25   # ends in the middle of an epoch, as a power cut would
python resume.py                   # goes on from there
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from image_classifier import DigitClassifier, DigitData

import facula
import facula_lightning as lightning
from facula_lightning import callbacks


class PowerCut(lightning.Callback):
    """Ends the process after a number of steps, without a word to anybody."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == self.steps:
            os._exit(9)


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("resume-output"))
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--stop-after", type=int, help="end the process after so many steps")
    options = parser.parse_args(arguments)
    lightning.seed_everything(1)
    keeper = callbacks.ModelCheckpoint(options.output, every_n_train_steps=10, save_last=True)
    watching = [keeper] if options.stop_after is None else [keeper, PowerCut(options.stop_after)]
    trainer = lightning.Trainer(max_epochs=options.epochs, default_root_dir=options.output, callbacks=watching)
    model = DigitClassifier()
    begun = any(options.output.glob("last*"))
    trainer.fit(model, datamodule=DigitData(), ckpt_path="last" if begun else None)
    total = facula.cat([p.detach().double().flatten() for p in model.parameters()]).sum().item()
    print(f"{trainer.global_step} steps, sum of weights {total!r}")
    return total


if __name__ == "__main__":
    main()
