"""Mistakes that are often made, and what each says to write instead."""

import re

import pytest

import facula
import facula.nn.functional as F
import facula_lightning as lightning
from facula_lightning import MisconfigurationException, callbacks

BATCHES = [(facula.ones(3, 4), facula.ones(3, 1))] * 3


class Line(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = facula.nn.Linear(4, 1)

    def forward(self, x):
        return self.layer(x)

    def training_step(self, batch, batch_idx):
        return F.mse_loss(self(batch[0]), batch[1])

    def configure_optimizers(self):
        return facula.optim.SGD(self.parameters(), lr=0.1)


def loss_of(module, batch):
    return F.mse_loss(module(batch[0]), batch[1])


def module(**methods):
    return type("Mine", (Line,), methods)()


def steps(step):
    return module(training_step=step)


def logs(value, **options):
    return steps(lambda self, batch, batch_idx: self.log("x", value, **options))


def optimizes(given):
    return module(configure_optimizers=lambda self: given(self))


def unborn():
    return type("Unborn", (Line,), {"__init__": lambda self: None})()


MISTAKES_IN_FIT = {
    "no optimizer": (
        lambda: type("Bare", (lightning.LightningModule,), {"training_step": lambda self, batch, batch_idx: 0})(),
        MisconfigurationException,
        "Trainer.fit: expected Bare to define configure_optimizers, got none. "
        "Write def configure_optimizers(self) in Bare and return e.g. facula.optim.Adam(self.parameters()).",
    ),
    "no training_step": (
        lambda: lightning.LightningModule(),
        MisconfigurationException,
        "Write def training_step(self, batch, batch_idx) in LightningModule and return the loss.",
    ),
    "a loss as a number": (
        lambda: steps(lambda self, batch, batch_idx: loss_of(self, batch).item()),
        MisconfigurationException,
        "training_step: expected a loss tensor, a dict with 'loss', or None, got float. Return the loss without .item().",
    ),
    "a tuple": (
        lambda: steps(lambda self, batch, batch_idx: (loss_of(self, batch), 1)),
        MisconfigurationException,
        "or None, got tuple. Return the loss, or {'loss': loss, ...}.",
    ),
    "a dict without loss": (
        lambda: steps(lambda self, batch, batch_idx: {"los": loss_of(self, batch)}),
        MisconfigurationException,
        "training_step: expected a dict with the key 'loss', got keys 'los'. Return {'loss': loss, ...}.",
    ),
    "a loss a sample": (
        lambda: steps(lambda self, batch, batch_idx: self(batch[0])),
        MisconfigurationException,
        "training_step: expected a loss of one element, got shape (3, 1). Return loss.mean().",
    ),
    "a loss cut off": (
        lambda: steps(lambda self, batch, batch_idx: loss_of(self, batch).detach()),
        RuntimeError,
        "training_step: expected a loss that requires grad, got one that no parameter leads to. Leave out .detach()",
    ),
    "all frozen": (
        lambda: steps(lambda self, batch, batch_idx: (self.freeze(), loss_of(self, batch))[1]),
        RuntimeError,
        "and let some parameters learn.",
    ),
    "a step without a batch": (
        lambda: steps(lambda self: 0),
        TypeError,
        "training_step: expected it to take batch and batch_idx, got (). Write def training_step(self, batch, batch_idx).",
    ),
    "a step with optimizer_idx": (
        lambda: steps(lambda self, batch, batch_idx, optimizer_idx: 0),
        TypeError,
        "got (batch, batch_idx, optimizer_idx). Write def training_step(self, batch, batch_idx).",
    ),
    "a class": (
        lambda: Line,
        TypeError,
        "Trainer.fit: expected a LightningModule, got the class Line. Pass Line(...).",
    ),
    "a plain layer": (
        lambda: facula.nn.Linear(1, 1),
        TypeError,
        "expected a LightningModule, got Linear. Let your class inherit from LightningModule.",
    ),
    "no super().__init__": (
        unborn,
        AttributeError,
        "Trainer.fit: expected Unborn.__init__ to call super().__init__(), got none. Call it first.",
    ),
    "a text logged": (
        lambda: logs("high"),
        ValueError,
        "tensor of one element for 'x', got str. Convert it with float().",
    ),
    "many values logged": (
        lambda: logs(facula.ones(2)),
        ValueError,
        "log: expected a number or a tensor of one element for 'x', got shape (2,). Reduce it first, e.g. value.mean().",
    ),
    "a reduction of one's own": (
        lambda: logs(1.0, on_epoch=True, reduce_fx=lambda values: values[0]),
        MisconfigurationException,
        "log: expected reduce_fx to be one of mean, sum, min, max, got '<lambda>' for 'x'. Reduce the value yourself",
    ),
    "an optimizer's class": (
        lambda: optimizes(lambda self: facula.optim.SGD),
        MisconfigurationException,
        "got type. Return e.g. facula.optim.Adam(self.parameters(), lr=1e-3) from Mine.",
    ),
    "a scheduler alone": (
        lambda: optimizes(
            lambda self: facula.optim.lr_scheduler.StepLR(facula.optim.SGD(self.parameters(), lr=0.1), 1)
        ),
        MisconfigurationException,
        "lists of optimizers and of schedulers, a dict with 'optimizer' and 'lr_scheduler', a list of such dicts, or None, "
        "got StepLR.",
    ),
    "two optimizers": (
        lambda: optimizes(lambda self: [facula.optim.SGD(self.parameters(), lr=0.1)] * 2),
        MisconfigurationException,
        "got 2. Set self.automatic_optimization = False and call self.optimizers() in training_step.",
    ),
    "a plateau without monitor": (
        lambda: optimizes(
            lambda self: (lambda o: ([o], [facula.optim.lr_scheduler.ReduceLROnPlateau(o)]))(
                facula.optim.SGD(self.parameters(), lr=0.1)
            )
        ),
        MisconfigurationException,
        "expected a 'monitor' for ReduceLROnPlateau, got none. Return {'optimizer': ..., 'lr_scheduler': {'scheduler':",
    ),
    "manual_backward in automatic": (
        lambda: steps(lambda self, batch, batch_idx: self.manual_backward(loss_of(self, batch))),
        MisconfigurationException,
        "expected manual optimization, got automatic in Mine. Set self.automatic_optimization = False in __init__.",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES_IN_FIT)
def test_mistakes_in_a_module(make_trainer, mistake):
    made, error, message = MISTAKES_IN_FIT[mistake]
    with pytest.raises(error, match=re.escape(message)) as caught:
        make_trainer(max_epochs=1).fit(made(), BATCHES)
    assert len([entry for entry in caught.traceback if "facula_lightning" in str(entry.path)]) <= 10 + 3  # 3 in log


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        (
            {"gpus": 1},
            TypeError,
            "Trainer: expected an argument of Trainer, got 'gpus'. Write accelerator='gpu', devices=1.",
        ),
        (
            {"max_epoch": 1},
            TypeError,
            "Trainer: expected an argument of Trainer, got 'max_epoch'. Did you mean 'max_epochs'?",
        ),
        ({"zzz": 1}, TypeError, "Trainer: expected an argument of Trainer, got 'zzz'. See help(Trainer)."),
        ({"max_epochs": "3"}, MisconfigurationException, "max_epochs: expected an int from -1 on, got '3'."),
        (
            {"max_epochs": 2, "min_epochs": 5},
            MisconfigurationException,
            "min_epochs: expected at most max_epochs=2, got 5.",
        ),
        ({"limit_val_batches": 2.0}, MisconfigurationException, "got 2.0. Use an int for a number."),
        (
            {"gradient_clip_val": -1},
            MisconfigurationException,
            "gradient_clip_val: expected a number from 0 on, got -1.",
        ),
        (
            {"check_val_every_n_epoch": 0},
            MisconfigurationException,
            "check_val_every_n_epoch: expected a positive int, got 0.",
        ),
        (
            {"accelerator": "tpu"},
            ValueError,
            "expected accelerator 'auto', 'cpu', 'gpu' or 'cuda', got 'tpu'. Choose one.",
        ),
        (
            {"accelerator": "cpu", "devices": 2},
            MisconfigurationException,
            "got 2. Start several with: mpiexec -n 2 python train.py, and pass strategy='ddp'.",
        ),
        ({"strategy": "dp"}, ValueError, "unknown strategy 'dp'. Did you mean 'ddp'?"),
        ({"precision": "fp16"}, ValueError, "bf16-mixed, 16-mixed, got 'fp16'. Use '32-true'."),
        ({"logger": "tensorbord"}, ValueError, "unknown logger 'tensorbord'. Did you mean 'tensorboard'?"),
        (
            {"callbacks": [callbacks.EarlyStopping]},
            TypeError,
            "got type (a class). Pass e.g. [EarlyStopping('val_loss')].",
        ),
    ],
)
def test_mistakes_in_arguments(make_trainer, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        make_trainer(**options)


@pytest.mark.parametrize(
    "watch",
    [callbacks.EarlyStopping("val_los"), callbacks.ModelCheckpoint(monitor="val_los")],
    ids=["EarlyStopping", "ModelCheckpoint"],
)
def test_a_monitor_that_is_not_logged_names_those_that_are(make_trainer, tmp_path, watch):
    options = {"default_root_dir": tmp_path, "enable_checkpointing": True}
    with pytest.raises(
        MisconfigurationException, match=r"named 'val_los' to monitor, got x\. Call self.log\('val_los', value\)"
    ):
        make_trainer(callbacks=watch, max_epochs=1, **options).fit(
            steps(lambda self, batch, batch_idx: (self.log("x", 1.0), loss_of(self, batch))[1]), BATCHES
        )


def test_mistakes_in_data(make_trainer):
    trainer = make_trainer(max_epochs=1)
    for run, error, message in (
        (
            lambda: trainer.fit(Line()),
            MisconfigurationException,
            "got none. Pass train_dataloaders or a datamodule, or define",
        ),
        (
            lambda: trainer.fit(Line(), 3),
            TypeError,
            "expected an iterable of batches to train on, got int. Pass a facula",
        ),
        (
            lambda: trainer.fit(Line(), datamodule=lightning.LightningDataModule),
            TypeError,
            "Trainer.fit: expected data, got the class LightningDataModule. Pass LightningDataModule(...).",
        ),
        (
            lambda: trainer.fit(Line(), BATCHES, datamodule=lightning.LightningDataModule()),
            MisconfigurationException,
            "Trainer.fit: expected loaders or a datamodule, got both. Pass one of them.",
        ),
        (
            lambda: trainer.validate(module(validation_step=lambda self, a, b, c, d: 0), BATCHES),
            TypeError,
            "validation_step: expected it to take batch and batch_idx, perhaps dataloader_idx, got (a, b, c, d).",
        ),
        (
            lambda: trainer.fit(Line(), BATCHES, ckpt_path="none.ckpt"),
            FileNotFoundError,
            "expected a file at none.ckpt, got",
        ),
    ):
        with pytest.raises(error, match=re.escape(message)):
            run()


def test_what_is_only_warned_of(make_trainer):
    trainer = make_trainer(max_epochs=1)
    with pytest.warns(UserWarning, match=r"to define validation_step, got none.* in Line. Nothing is validated"):
        trainer.fit(Line(), BATCHES, BATCHES)
    with pytest.warns(UserWarning, match="expected batches to train on, got none in the loader. Nothing is trained"):
        trainer.fit(Line(), [])


def test_layers_before_super_init():
    class Early(lightning.LightningModule):
        def __init__(self):
            self.layer = facula.nn.Linear(1, 1)

    with pytest.raises(AttributeError, match=r"cannot assign 'layer' before Module.__init__\(\) has run"):
        Early()
