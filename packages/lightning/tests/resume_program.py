"""Run by test_kill.py: trains in child processes that kill themselves at given moments and go on, and compares the ends.

`python resume_program.py FOLDER COUNT` tries COUNT kill points spread over three kinds of runs; it prints a line for each.
"""

import os
import random
import signal
import sys
import warnings
from pathlib import Path

import facula
import facula_lightning as lightning
from facula.nn import functional as F
from facula.utils.data import DataLoader, Dataset, IterableDataset
from facula_lightning.callbacks import EarlyStopping, EMAWeightAveraging, LearningRateMonitor, ModelCheckpoint

KINDS = ("map", "accumulated", "stream")


class Noisy(Dataset):
    """Samples that depend on random numbers."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index] + 0.01 * facula.randn(4), self.y[index]


class Stream(Noisy, IterableDataset):
    """The same samples as a stream."""

    def __iter__(self):
        return (self[index] for index in range(len(self.x)))


class Everything(lightning.LightningModule):
    """Dropout, batch norm, momentum, a scheduler and a metric."""

    def __init__(self, clock):
        super().__init__()
        self.clock = clock
        self.error = lightning.metrics.MeanAbsoluteError()
        layers = [facula.nn.Linear(4, 8), facula.nn.BatchNorm1d(8), facula.nn.Dropout(0.3), facula.nn.Linear(8, 1)]
        self.net = facula.nn.Sequential(*layers)

    def training_step(self, batch, batch_idx):
        self.clock()
        loss = F.mse_loss(self.net(batch[0]), batch[1])
        self.log("loss", loss, on_step=True, on_epoch=True)
        self.error(self.net[0](batch[0]).sum(1), batch[1][:, 0])
        self.log("error", self.error, on_step=False, on_epoch=True)
        self.clock.note(self.trainer.fit_loop.batches, loss.item())
        return loss

    def validation_step(self, batch, batch_idx):
        self.clock()
        self.log("val_loss", F.mse_loss(self.net(batch[0]), batch[1]))

    def on_after_backward(self):
        self.clock()

    def on_before_optimizer_step(self, optimizer):
        self.clock()

    def on_train_epoch_end(self):
        self.clock()
        for name in ("loss_epoch", "error"):
            self.clock.note(f"epoch {self.current_epoch} {name}", self.trainer.callback_metrics[name].item())

    def configure_optimizers(self):
        optimizer = facula.optim.Adam(self.parameters(), lr=0.02)
        schedule = facula.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, threshold=0.9, factor=0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val_loss"}}


class Clock:
    """Counts the moments of a run and kills the process at one of them."""

    def __init__(self, folder, deadline=None):
        self.folder, self.deadline, self.time = folder, deadline, 0
        self.notes = (folder / "notes.txt").open("a", encoding="utf-8")

    def __call__(self, *ignored):
        self.time += 1
        if self.time == self.deadline:
            os.kill(os.getpid(), signal.SIGKILL)

    def note(self, where, value):
        self.notes.write(f"{where} {value.hex()}\n")
        self.notes.flush()


def train(folder, kind, deadline=None):
    """One process's life: begin, or go on from the newest checkpoint, and train to the end."""
    warnings.simplefilter("ignore")
    clock = Clock(folder, deadline)
    replace = os.replace

    def killable_replace(source, target):
        clock()
        replace(source, target)
        clock()

    os.replace = killable_replace
    lightning.seed_everything(99 if list(folder.glob("*.safetensors")) else 7, verbose=False)
    generator = facula.Generator().manual_seed(0)
    x = facula.randn(40, 4, generator=generator)
    y = x.sum(1, keepdim=True)
    if kind == "stream":
        training = DataLoader(Stream(x, y), batch_size=8)
    else:
        own = facula.Generator().manual_seed(5) if kind == "map" else None
        training = DataLoader(Noisy(x, y), batch_size=8, shuffle=True, generator=own)
    validation = DataLoader(Noisy(x, y), batch_size=20, shuffle=True, generator=facula.Generator().manual_seed(6))
    keeper = ModelCheckpoint(folder, every_n_train_steps=1, save_last=True)
    callbacks = [keeper, EarlyStopping("val_loss", patience=9), LearningRateMonitor(), EMAWeightAveraging(0.9)]
    trainer = lightning.Trainer(
        max_epochs=3,
        accumulate_grad_batches=2 if kind == "accumulated" else 1,
        val_check_interval=2 if kind == "map" else None,
        default_root_dir=folder,
        callbacks=callbacks,
        logger=lightning.loggers.CSVLogger(folder / "logs"),
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Everything(clock), training, validation, ckpt_path="last")
    trainer.save_checkpoint(folder / "end" / "end.ckpt.safetensors")
    (folder / "moments.txt").write_text(str(clock.time))


def in_child(*args):
    """Run `train` in a forked process; returns its exit status."""
    pid = os.fork()
    if pid == 0:
        try:
            train(*args)
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def differences(one, other, path=""):
    """Where two nested states differ."""
    if isinstance(one, facula.Tensor) and isinstance(other, facula.Tensor):
        return [] if one.shape == other.shape and one.numpy().tobytes() == other.numpy().tobytes() else [path]
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return [found for key in one for found in differences(one[key], other[key], f"{path}/{key}")]
    if isinstance(one, list | tuple) and isinstance(other, list | tuple) and len(one) == len(other):
        return [
            found for i, pair in enumerate(zip(one, other, strict=True)) for found in differences(*pair, f"{path}/{i}")
        ]
    return [] if type(one) is type(other) and (one == other or one != one) else [f"{path}: {one!r} is not {other!r}"]


def ended(folder):
    """The last state of a run, without the names of files, and all losses it met."""
    state = facula.load(folder / "end" / "end.ckpt.safetensors")
    state["callbacks"] = {key: value for key, value in state["callbacks"].items() if "ModelCheckpoint" not in key}
    notes = sorted(set((folder / "notes.txt").read_text().splitlines()))
    return state, notes


def main(folder, count):
    whole = {}
    for kind in KINDS[: max(1, min(count, len(KINDS)))]:
        place = folder / kind
        place.mkdir(parents=True)
        assert in_child(place, kind) == 0
        whole[kind] = (*ended(place), int((place / "moments.txt").read_text()))
    draw = random.Random(3)
    for number in range(count):
        kind = list(whole)[number % len(whole)]
        state, notes, moments = whole[kind]
        place = folder / f"kill-{number}"
        place.mkdir()
        first, second = draw.randrange(1, moments + 1), draw.randrange(1, moments + 1)
        deaths = 0
        for deadline in (first, second, None):
            status = in_child(place, kind, deadline)
            deaths += status == signal.SIGKILL
            assert status in (0, signal.SIGKILL), f"{kind} failed after kill at {first}, {second}"
            if status == 0:
                break
        assert deaths >= 1
        found = ended(place)
        assert not differences(state, found[0]), (kind, first, second, differences(state, found[0])[:5])
        assert found[1] == notes, f"{kind}: losses differ after kills at {first} and {second} of {moments}"
        print(f"ok {number} {kind}: killed {deaths} times, first at {first} of {moments} moments", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
