from datetime import timedelta
from pathlib import Path

import pytest

import facula_lightning as lightning
from facula_lightning import MisconfigurationException
from facula_lightning.callbacks import ModelCheckpoint


def names(folder):
    return sorted(path.name.removesuffix(".ckpt.safetensors") for path in Path(folder).iterdir())


def scripted(line, values):
    class Scripted(type(line)):
        def validation_step(self, batch, batch_idx):
            if not self.trainer.sanity_checking:
                self.log("score", values[self.current_epoch])

    return Scripted()


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({}, ["epoch=3-step=4"]),
        ({"monitor": "score"}, ["epoch=1-step=2"]),
        ({"monitor": "score", "mode": "max"}, ["epoch=2-step=3"]),
        ({"monitor": "score", "save_top_k": 2}, ["epoch=1-step=2", "epoch=3-step=4"]),
        ({"save_top_k": -1, "filename": "{epoch:02d}"}, ["epoch=00", "epoch=01", "epoch=02", "epoch=03"]),
        ({"save_top_k": 0}, []),
        ({"save_top_k": 0, "save_last": True}, ["last"]),
        ({"save_top_k": -1, "every_n_epochs": 2}, ["epoch=1-step=2", "epoch=3-step=4"]),
        ({"save_top_k": -1, "every_n_train_steps": 3}, ["epoch=2-step=3"]),
        ({"save_top_k": -1, "train_time_interval": timedelta(hours=1)}, []),
        ({"monitor": "score", "filename": "best"}, ["best"]),
        ({"monitor": "score", "filename": "{score:.1f}", "auto_insert_metric_name": False}, ["1.0"]),
        ({"save_top_k": -1, "save_on_train_epoch_end": True, "filename": "{epoch}"}, [f"epoch={i}" for i in range(4)]),
    ],
)
def test_which_files_are_kept(line, data, make_trainer, tmp_path, options, kept):
    folder = tmp_path / "kept"
    folder.mkdir()
    keeper = ModelCheckpoint(folder, **options)
    trainer = make_trainer(max_epochs=4, callbacks=[keeper], enable_checkpointing=True)
    trainer.fit(scripted(line, [4.0, 1.0, 5.0, 3.0]), data[:1], data[:1])
    assert names(folder) == kept
    if "monitor" in options:
        assert keeper.best_model_score == (5.0 if keeper.mode == "max" else 1.0)
        assert Path(keeper.best_model_path).is_file()


def test_default_place_beside_the_log(line, data, make_trainer, tmp_path):
    make_trainer(max_epochs=1, enable_checkpointing=True, logger=True).fit(line, data)
    assert names(tmp_path / "lightning_logs" / "version_0" / "checkpoints") == ["epoch=0-step=6"]


def test_fast_dev_run_writes_nothing(line, data, make_trainer, tmp_path):
    make_trainer(fast_dev_run=True, enable_checkpointing=True, logger=True).fit(line, data, data)
    assert list(tmp_path.iterdir()) == []


def test_verbose_names_the_file(line, data, make_trainer, tmp_path, capsys):
    keeper = ModelCheckpoint(tmp_path, verbose=True)
    make_trainer(max_epochs=1, callbacks=[keeper], enable_checkpointing=True).fit(line, data)
    assert f"epoch 0, step 6: saved {keeper.best_model_path}" in capsys.readouterr().out


def test_monitor_has_to_be_logged(line, data, make_trainer, tmp_path):
    keeper = ModelCheckpoint(tmp_path, monitor="val_los")
    with pytest.raises(
        MisconfigurationException, match="'val_los' to monitor, got loss, loss_epoch, loss_step, val_loss. Ca"
    ):
        make_trainer(callbacks=[keeper], enable_checkpointing=True).fit(line, data, data)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "low"}, "expected mode 'min' or 'max', got 'low'"),
        ({"save_top_k": -2}, "expected save_top_k to be -1 or more, got -2"),
        ({"save_top_k": 3}, "expected a monitor to choose the best 3 by, got none"),
        ({"every_n_epochs": 1, "every_n_train_steps": 1}, "expected one of every_n_train_steps, .* got 2"),
    ],
)
def test_arguments_that_cannot_be(options, message):
    with pytest.raises(MisconfigurationException, match=message):
        ModelCheckpoint(**options)


def test_last_callback_of_all(make_trainer):
    trainer = make_trainer(callbacks=[ModelCheckpoint(), lightning.callbacks.Timer()], enable_checkpointing=True)
    assert isinstance(trainer.callbacks[-1], ModelCheckpoint)
    assert trainer.checkpoint_callbacks == [trainer.callbacks[-1]]


def test_a_name_that_is_taken(line, data, make_trainer, tmp_path):
    for counter, names in (
        (True, ["one-v1.ckpt.safetensors", "one.ckpt.safetensors"]),
        (False, ["one.ckpt.safetensors"]),
    ):
        folder = tmp_path / str(counter)
        for _ in range(2):
            keeper = ModelCheckpoint(folder, "one", enable_version_counter=counter)
            make_trainer(enable_checkpointing=True, callbacks=[keeper], max_epochs=1).fit(line, data)
        assert sorted(path.name for path in folder.iterdir()) == names
