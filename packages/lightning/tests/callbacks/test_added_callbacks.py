"""Bars by tqdm, throughput, the checkpoint of a crash, summaries in a frame."""

import pytest

import facula
from facula_lightning import callbacks


def test_tqdm_progress_bar(line, data, make_trainer, capsys):
    pytest.importorskip("tqdm")

    class Talks(type(line)):
        def on_train_epoch_end(self):
            self.print("hello [bold]")

    bar = callbacks.TQDMProgressBar(refresh_rate=2, leave=True)
    trainer = make_trainer(enable_progress_bar=True, callbacks=[bar])
    assert trainer.progress_bar_callback is bar
    module = Talks()
    trainer.fit(module, data, data)
    trainer.test(module, data, verbose=False)
    trainer.predict(module, data)
    shown = capsys.readouterr().out
    for text in (
        "Epoch 1/2: 100%",
        "Epoch 2/2: 100%",
        "6/6",
        "val_loss=",
        "hello [bold]",
        "Testing: 100%",
        "Predicting: 100%",
    ):
        assert text in shown
    assert (bar._train, bar._other) == (None, None)


def test_tqdm_at_rate_0_draws_nothing(line, data, make_trainer, capsys):
    pytest.importorskip("tqdm")
    bar = callbacks.TQDMProgressBar(refresh_rate=0)
    make_trainer(enable_progress_bar=True, callbacks=[bar], max_epochs=1).fit(line, data, data)
    shown = capsys.readouterr()
    assert "Epoch" not in shown.out + shown.err


def test_tqdm_that_is_missing(line, data, make_trainer, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tqdm.auto", None)
    with pytest.raises(ImportError, match=r"Run: pip install facula-lightning\[tqdm\]"):
        make_trainer(enable_progress_bar=True, callbacks=[callbacks.TQDMProgressBar()]).fit(line, data)


def test_throughput(line, make_trainer, tmp_path, monkeypatch):
    clock = iter(range(1000))
    monkeypatch.setattr("time.perf_counter", lambda: next(clock))
    batches = [(facula.ones(8, 4), facula.ones(8, 1))] * 6
    monitor = callbacks.ThroughputMonitor(length_fn=lambda batch: 10, window_size=2)
    trainer = make_trainer(
        logger="csv", callbacks=[monitor], max_epochs=1, log_every_n_steps=3, default_root_dir=tmp_path
    )
    trainer.fit(line, batches)
    rows = [row for row in trainer.logger.rows if "train/samples" in row]
    assert [(row["train/batches"], row["train/samples"], row["step"]) for row in rows] == [(3, 24, 2), (6, 48, 5)]
    last = rows[-1]
    assert last["train/device/samples_per_sec"] == pytest.approx(8 * last["train/device/batches_per_sec"])
    assert last["train/device/items_per_sec"] == pytest.approx(10 * last["train/device/batches_per_sec"])
    assert last["train/device/batches_per_sec"] == pytest.approx(1.0)  # the clock moves a second a batch


def test_throughput_leaves_validation_out(line, make_trainer, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: now[0])

    class Slow(type(line)):
        def training_step(self, batch, batch_idx):
            now[0] += 1
            return super().training_step(batch, batch_idx)

        def validation_step(self, batch, batch_idx):
            now[0] += 100
            return super().validation_step(batch, batch_idx)

    batches = [(facula.ones(8, 4), facula.ones(8, 1))] * 4
    trainer = make_trainer(
        logger="csv", callbacks=[callbacks.ThroughputMonitor()], max_epochs=2, log_every_n_steps=1, val_check_interval=2
    )
    trainer.fit(Slow(), batches, batches)
    speeds = {row["train/device/batches_per_sec"] for row in trainer.logger.rows if "train/samples" in row}
    assert speeds == {1.0}


def test_monitors_want_a_logger(line, data, make_trainer):
    for monitor in (callbacks.ThroughputMonitor(), callbacks.DeviceStatsMonitor()):
        with pytest.raises(Exception, match=f"{type(monitor).__name__}: expected a logger to write to, got none"):
            make_trainer(callbacks=[monitor]).fit(line, data)


def test_a_crash_leaves_a_checkpoint_to_go_on_from(line, data, make_trainer, tmp_path):
    class Fails(type(line)):
        broken = True

        def training_step(self, batch, batch_idx):
            if self.broken and self.global_step == 9:
                raise ZeroDivisionError
            return super().training_step(batch, batch_idx)

    crash = callbacks.OnExceptionCheckpoint(tmp_path / "crash")
    facula.manual_seed(0)
    module = Fails()
    start = {name: value.clone() for name, value in module.state_dict().items()}
    with pytest.raises(ZeroDivisionError):
        make_trainer(callbacks=[crash]).fit(module, data)
    Fails.broken = False
    again = Fails()
    trainer = make_trainer(callbacks=[crash])
    trainer.fit(again, data, ckpt_path=crash.ckpt_path)
    whole = Fails()
    whole.load_state_dict(start)
    make_trainer().fit(whole, data)
    assert trainer.global_step == 12
    for name, value in whole.state_dict().items():
        assert facula.equal(value, again.state_dict()[name]), name
    with pytest.raises(ValueError, match="OnExceptionCheckpoint: expected a filename, got an empty one"):
        callbacks.OnExceptionCheckpoint(tmp_path, "")


def test_a_mistake_before_training_leaves_none(line, data, make_trainer, tmp_path):
    crash = callbacks.OnExceptionCheckpoint(tmp_path / "crash")
    with pytest.raises(Exception, match="expected batches to train on"):
        make_trainer(callbacks=[crash]).fit(line)
    assert not (tmp_path / "crash").exists()


def test_summary_in_a_frame(line, data, make_trainer, capsys):
    pytest.importorskip("rich")
    make_trainer(callbacks=[callbacks.RichModelSummary()], max_epochs=1).fit(line, data)
    assert "params" in capsys.readouterr().out
