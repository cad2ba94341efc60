"""A run that goes on from a checkpoint equals, bit by bit, the run that was never broken."""

import warnings
from pathlib import Path

import pytest

import facula
import facula_lightning as lightning
from facula.nn import functional as F
from facula.utils.data import DataLoader, Dataset, TensorDataset
from facula_lightning.callbacks import EarlyStopping, ModelCheckpoint, Timer


class Noisy(Dataset):
    """Samples that depend on the random state at the time they are drawn."""

    def __init__(self, x, y):
        self.x, self.y = x, y

    def __len__(self):
        return len(self.x)

    def __getitem__(self, index):
        return self.x[index] + 0.01 * facula.randn(4), self.y[index]


class Everything(lightning.LightningModule):
    """Dropout, batch norm, momentum and three ways of scheduling: all that a checkpoint may forget."""

    def __init__(self, plateau=False):
        super().__init__()
        self.save_hyperparameters()
        layers = [facula.nn.Linear(4, 8), facula.nn.BatchNorm1d(8), facula.nn.Dropout(0.3), facula.nn.Linear(8, 1)]
        self.net = facula.nn.Sequential(*layers)
        self.seen = []

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = F.mse_loss(self.net(x), y)
        self.seen.append((self.current_epoch, batch_idx, loss.item()))
        self.log("loss", loss, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        self.log("val_loss", F.mse_loss(self.net(batch[0]), batch[1]))

    def on_train_epoch_end(self):
        self.seen.append((self.current_epoch, "mean", self.trainer.callback_metrics["loss"].item()))

    def configure_optimizers(self):
        optimizer = facula.optim.Adam(self.parameters(), lr=0.02)
        schedulers = facula.optim.lr_scheduler
        if self.hparams.plateau:
            schedule = schedulers.ReduceLROnPlateau(optimizer, patience=0, threshold=0.9, factor=0.5)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "monitor": "val_loss"}}
        config = {"scheduler": schedulers.ExponentialLR(optimizer, 0.97), "interval": "step"}
        return [optimizer], [config, schedulers.StepLR(optimizer, 1, gamma=0.9)]


def loaders(own_generator=False, length=True, workers=0):
    generator = facula.Generator().manual_seed(0)
    x = facula.randn(40, 4, generator=generator)
    y = x.sum(1, keepdim=True)
    order = facula.Generator().manual_seed(5) if own_generator else None
    shuffled = DataLoader(Noisy(x, y), batch_size=8, shuffle=True, generator=order, num_workers=workers)
    training = shuffled
    if not length:

        class Stream:
            def __iter__(self):
                return iter(shuffled)

        training = Stream()
    return training, DataLoader(TensorDataset(x, y), batch_size=20)


def run(folder, ckpt_path=None, epochs=4, callbacks=(), module=None, data=None, **options):
    lightning.seed_everything(11 if ckpt_path is None else 99, verbose=False)
    module = module or Everything(plateau=options.pop("plateau", False))
    trainer = lightning.Trainer(
        max_epochs=epochs,
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
        **options,
    )
    trainer.fit(module, *(data or loaders()), ckpt_path=ckpt_path)
    return module, trainer


def same_state(one, other):
    assert one.state_dict().keys() == other.state_dict().keys()
    for name, value in one.state_dict().items():
        assert facula.equal(value, other.state_dict()[name]), name


def keep_all(folder, **options):
    return ModelCheckpoint(folder, save_top_k=-1, filename="{step}", **options)


@pytest.mark.parametrize(
    ("checkpoint", "options"),
    [
        ({"every_n_train_steps": 1}, {}),
        ({"every_n_train_steps": 1}, {"plateau": True}),
        ({"every_n_train_steps": 1}, {"accumulate_grad_batches": 2}),
        ({"every_n_train_steps": 1}, {"val_check_interval": 2}),
        ({}, {}),
        ({}, {"plateau": True}),
        ({}, {"val_check_interval": 0.5}),
    ],
)
def test_every_checkpoint_goes_on_as_if_unbroken(tmp_path, checkpoint, options):
    whole, trainer = run(tmp_path, callbacks=[keep_all(tmp_path / "whole", **checkpoint)], **options)
    files = sorted((tmp_path / "whole").glob("*"), key=lambda file: int(file.name.split("=")[1].split(".")[0]))
    assert len(files) >= 4
    for file in files:
        resumed, other = run(
            tmp_path, ckpt_path=file, callbacks=[keep_all(tmp_path / file.stem, **checkpoint)], **options
        )
        assert resumed.seen == whole.seen[len(whole.seen) - len(resumed.seen) :]
        same_state(resumed, whole)
        assert other.global_step == trainer.global_step
        for mine, yours in zip(other.lr_scheduler_configs, trainer.lr_scheduler_configs, strict=True):
            assert mine.scheduler.state_dict() == yours.scheduler.state_dict()
        assert other.metrics.finished == trainer.metrics.finished


@pytest.mark.parametrize("data", [{"own_generator": True}, {"length": False}])
def test_other_sources_of_order(tmp_path, data):
    keeper = {"every_n_train_steps": 3}
    whole, _ = run(tmp_path, callbacks=[keep_all(tmp_path / "whole", **keeper)], data=loaders(**data))
    for file in (tmp_path / "whole").glob("*"):
        resumed, _ = run(
            tmp_path, ckpt_path=file, callbacks=[keep_all(tmp_path / file.stem, **keeper)], data=loaders(**data)
        )
        assert resumed.seen == whole.seen[len(whole.seen) - len(resumed.seen) :]
        same_state(resumed, whole)


@pytest.mark.parametrize("options", [{}, {"limit_train_batches": 3}, {"accumulate_grad_batches": 2}])
@pytest.mark.parametrize("data", [{}, {"own_generator": True}, {"length": False}])
def test_a_state_taken_in_the_middle_of_a_batch(tmp_path, data, options):
    class Saves(lightning.Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            trainer.save_checkpoint(tmp_path / f"{trainer.fit_loop.batches}.ckpt.safetensors")

    options = {"enable_checkpointing": False, "epochs": 3, **options}
    whole, _ = run(tmp_path, callbacks=[Saves()], data=loaders(**data), **options)
    for path in sorted(tmp_path.glob("*.ckpt.safetensors")):
        resumed, _ = run(tmp_path, ckpt_path=path, data=loaders(**data), **options)
        assert resumed.seen == whole.seen[len(whole.seen) - len(resumed.seen) :], path
        same_state(resumed, whole)


def test_other_numbers_of_workers(tmp_path):
    callbacks = [keep_all(tmp_path / "whole", every_n_train_steps=4)]
    whole, _ = run(tmp_path, callbacks=callbacks, data=loaders(workers=2), epochs=2)
    resumed, _ = run(
        tmp_path,
        ckpt_path=tmp_path / "whole" / "step=4.ckpt.safetensors",
        callbacks=[keep_all(tmp_path / "again", every_n_train_steps=4)],
        data=loaders(workers=0),
        epochs=2,
    )
    assert resumed.seen == whole.seen[len(whole.seen) - len(resumed.seen) :]
    same_state(resumed, whole)


def test_max_steps_inside_an_epoch_goes_on_there(tmp_path):
    whole, _ = run(tmp_path, enable_checkpointing=False)
    _, first = run(tmp_path, max_steps=7, enable_checkpointing=False)
    first.save_checkpoint(tmp_path / "broken.ckpt.safetensors")
    resumed, _ = run(tmp_path, ckpt_path=tmp_path / "broken.ckpt.safetensors", enable_checkpointing=False)
    same_state(resumed, whole)
    assert whole.seen[-len(resumed.seen) :] == resumed.seen


def test_gradients_that_wait_for_their_step_are_kept(tmp_path):
    whole, _ = run(tmp_path, accumulate_grad_batches=3, enable_checkpointing=False)

    class Saves(lightning.Callback):
        judges = True

        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            trainer.save_checkpoint(tmp_path / f"{trainer.fit_loop.batches}.ckpt.safetensors")

    run(tmp_path, accumulate_grad_batches=3, enable_checkpointing=False, callbacks=[Saves()])
    for batches in (1, 2, 3, 4, 6, 7):
        path = tmp_path / f"{batches}.ckpt.safetensors"
        resumed, _ = run(tmp_path, ckpt_path=path, accumulate_grad_batches=3, enable_checkpointing=False)
        same_state(resumed, whole)


def test_last_best_and_the_states_of_callbacks(tmp_path):
    def callbacks():
        return [
            ModelCheckpoint(tmp_path / "kept", monitor="val_loss", save_top_k=2, save_last=True),
            EarlyStopping("val_loss", patience=7),
            Timer(),
        ]

    _, first = run(tmp_path, epochs=3, callbacks=callbacks())
    keeper = first.checkpoint_callback
    assert Path(keeper.last_model_path).name == "last.ckpt.safetensors"
    assert len(list((tmp_path / "kept").glob("*"))) == 3
    assert keeper.best_model_score == min(keeper.best_k_models.values())
    again, trainer = run(tmp_path, ckpt_path="last", epochs=5, callbacks=callbacks())
    assert trainer.current_epoch == 5
    assert {step for _, step, _ in again.seen} == {0, 1, 2, 3, 4, "mean"}
    assert {epoch for epoch, _, _ in again.seen} == {3, 4}
    assert trainer.early_stopping_callback.best_score <= first.early_stopping_callback.best_score
    assert trainer.checkpoint_callback.best_model_score <= keeper.best_model_score
    best = lightning.LightningModule.load_from_checkpoint.__func__(
        Everything, trainer.checkpoint_callback.best_model_path
    )
    found = trainer.validate(again, loaders()[1], ckpt_path="best", verbose=False)
    same_state(again, best)
    assert found[0]["val_loss"] == pytest.approx(trainer.checkpoint_callback.best_model_score)
    assert trainer.validate(dataloaders=loaders()[1], verbose=False) == found


def test_checkpoints_in_a_store(tmp_path):
    pytest.importorskip("fsspec")
    place = f"memory://runs/{tmp_path.name}"
    whole, first = run(tmp_path, callbacks=[ModelCheckpoint(place, every_n_train_steps=7)])
    assert first.checkpoint_callback.best_model_path == f"{place}/epoch=2-step=14.ckpt.safetensors"
    resumed, _ = run(tmp_path, ckpt_path="last", callbacks=[ModelCheckpoint(place, every_n_train_steps=7)])
    assert resumed.seen[0][0] == 2
    same_state(resumed, whole)
    with pytest.raises(FileNotFoundError, match="checkpoint: expected a file at memory:.*none, got none"):
        run(tmp_path, ckpt_path="memory://none")


def test_load_from_checkpoint(line, line_class, data, make_trainer, tmp_path):
    trainer = make_trainer(max_epochs=1)
    trainer.fit(line, data)
    path = tmp_path / "line.ckpt.safetensors"
    trainer.save_checkpoint(path, weights_only=True)
    loaded = line_class.load_from_checkpoint(path, lr=0.5)
    assert loaded.hparams == {"lr": 0.5, "dropout": 0.0}
    same_state(loaded, line)

    class Needs(line_class):
        def __init__(self, size):
            super().__init__()

    with pytest.raises(TypeError, match="load_from_checkpoint: expected the arguments of Needs in .*size"):
        Needs.load_from_checkpoint(path)
    with pytest.raises(KeyError, match="expected a checkpoint of a whole run, got one that holds weights only"):
        make_trainer().fit(line, data, ckpt_path=path)


def test_hyperparameters_that_no_file_can_hold(line, data, make_trainer, tmp_path):
    class Holds(type(line)):
        def __init__(self, activation=facula.relu, size=3):
            super().__init__()
            self.save_hyperparameters()

    trainer = make_trainer(max_epochs=1)
    trainer.fit(Holds(), data)
    with pytest.warns(UserWarning, match=r"hyperparameters activation are not plain .*ignore=\['activation'\]"):
        trainer.save_checkpoint(tmp_path / "a.ckpt.safetensors")
    assert facula.load(tmp_path / "a.ckpt.safetensors")["hyper_parameters"]["size"] == 3


def test_checkpoints_that_do_not_fit(line, data, make_trainer, tmp_path):
    trainer = make_trainer(max_epochs=1)
    trainer.fit(line, data)
    path = tmp_path / "line.ckpt.safetensors"
    trainer.save_checkpoint(path)
    with pytest.raises(
        FileNotFoundError, match="expected a file at .*none.ckpt.* That folder has line.ckpt.safetensors"
    ):
        make_trainer().fit(line, data, ckpt_path=tmp_path / "none.ckpt.safetensors")
    with pytest.warns(UserWarning, match="ckpt_path='last': expected a checkpoint below .*empty, got none. Beginning"):
        make_trainer(default_root_dir=tmp_path / "empty").fit(line, data, ckpt_path="last")
    with pytest.raises(
        ValueError, match="ckpt_path='best': expected a checkpoint of this trainer's ModelCheckpoint, got"
    ):
        make_trainer().fit(line, data, ckpt_path="best")
    facula.save({"weight": facula.ones(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="checkpoint: expected one that a Trainer wrote, got .* with weight"):
        make_trainer().fit(line, data, ckpt_path=tmp_path / "weights.safetensors")

    class Scheduled(type(line)):
        def configure_optimizers(self):
            optimizer = super().configure_optimizers()
            return [optimizer], [facula.optim.lr_scheduler.StepLR(optimizer, 1)]

    with pytest.raises(ValueError, match="expected 1 lr schedulers in the checkpoint, got 0. Return the same"):
        make_trainer().fit(Scheduled(), data, ckpt_path=path)


def test_a_missing_callback_is_named(line, data, make_trainer, tmp_path):
    path = tmp_path / "line.ckpt.safetensors"
    trainer = make_trainer(max_epochs=1, callbacks=[Timer()])
    trainer.fit(line, data)
    trainer.save_checkpoint(path)
    with pytest.warns(UserWarning, match="the checkpoint holds the state of Timer, which is not among the callbacks"):
        make_trainer().fit(line, data, ckpt_path=path)


def test_hooks_and_datamodule_share_the_checkpoint(line, data, make_trainer, tmp_path):
    class Adds(type(line)):
        loaded = None

        def on_save_checkpoint(self, checkpoint):
            checkpoint["mine"] = {"a": 1}

        def on_load_checkpoint(self, checkpoint):
            self.loaded = checkpoint["mine"]

    class Data(lightning.LightningDataModule):
        count = 0

        def train_dataloader(self):
            return data

        def state_dict(self):
            return {"count": 7}

        def load_state_dict(self, state_dict):
            self.count = state_dict["count"]

    path = tmp_path / "a.ckpt.safetensors"
    trainer = make_trainer(max_epochs=1)
    trainer.fit(Adds(), datamodule=Data())
    trainer.save_checkpoint(path)
    module, numbers = Adds(), Data()
    make_trainer().fit(module, datamodule=numbers, ckpt_path=path)
    assert (module.loaded, numbers.count) == ({"a": 1}, 7)
    assert Adds.load_from_checkpoint(path).loaded == {"a": 1}


def test_nothing_half_written_is_left(line, data, make_trainer, tmp_path, monkeypatch):
    trainer = make_trainer(max_epochs=1)
    trainer.fit(line, data)
    line.on_save_checkpoint = lambda checkpoint: checkpoint.update(bad=object())
    trainer.hooks._calls.clear()
    with warnings.catch_warnings(), pytest.raises(TypeError):
        trainer.save_checkpoint(tmp_path / "sub" / "a.ckpt.safetensors")
    assert list((tmp_path / "sub").iterdir()) == []
