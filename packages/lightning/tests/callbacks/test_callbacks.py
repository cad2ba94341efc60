import io
import math

import pytest

import facula
import facula_lightning as lightning
from facula_lightning import MisconfigurationException
from facula_lightning.callbacks import (
    EarlyStopping,
    LambdaCallback,
    LearningRateMonitor,
    LineProgressBar,
    ModelSummary,
    RichProgressBar,
    Timer,
)
from facula_lightning.callbacks.progress import default_progress_bar
from facula_lightning.callbacks.summary import format_summary, summarize


def scripted(line, values):
    """A module whose validation logs the given values, one an epoch."""

    class Scripted(type(line)):
        def validation_step(self, batch, batch_idx):
            if not self.trainer.sanity_checking:
                self.log("score", values[self.current_epoch])

    return Scripted()


@pytest.mark.parametrize(
    ("options", "values", "epochs"),
    [
        ({"patience": 2}, [3, 2, 2, 2, 1], 4),
        ({"patience": 2, "min_delta": 0.5}, [3, 2.9, 2.8, 1], 3),
        ({"patience": 1, "mode": "max"}, [1, 2, 2, 3], 3),
        ({"stopping_threshold": 1.5}, [3, 1, 0], 2),
        ({"divergence_threshold": 5}, [3, 6, 0], 2),
        ({}, [3, math.nan, 0], 2),
        ({"check_finite": False, "patience": 9}, [3, math.inf, 0], 3),
        ({"check_on_train_epoch_end": False, "patience": 1}, [3, 3, 0], 2),
    ],
)
def test_early_stopping(line, data, make_trainer, options, values, epochs):
    stopping = EarlyStopping("score", **options)
    trainer = make_trainer(max_epochs=len(values), callbacks=[stopping])
    trainer.fit(scripted(line, values), data[:1], data[:1])
    assert trainer.current_epoch == epochs
    assert trainer.early_stopping_callback is stopping


def test_early_stopping_waits_for_min_epochs_and_says_why(line, data, make_trainer, capsys):
    stopping = EarlyStopping("score", patience=1, verbose=True)
    trainer = make_trainer(max_epochs=5, min_epochs=4, callbacks=[stopping])
    trainer.fit(scripted(line, [1] * 5), data[:1], data[:1])
    assert trainer.current_epoch == 4
    assert "stopped after epoch 1: score got no better than 1 for 1 checks" in capsys.readouterr().out


def test_early_stopping_needs_its_value(line, data, make_trainer):
    with pytest.raises(
        MisconfigurationException, match="a logged value named 'val_los' to monitor, got loss, loss_epoch, lo"
    ):
        make_trainer(callbacks=[EarlyStopping("val_los")]).fit(line, data, data)
    make_trainer(callbacks=[EarlyStopping("val_los", strict=False)]).fit(line, data, data)
    with pytest.raises(MisconfigurationException, match="EarlyStopping: expected mode 'min' or 'max', got 'low'"):
        EarlyStopping("x", mode="low")


def test_timer(line, data, make_trainer, capsys):
    timer = Timer({"seconds": 0}, interval="epoch")
    trainer = make_trainer(max_epochs=9, callbacks=[timer])
    trainer.fit(line, data, data)
    assert trainer.current_epoch == 1
    assert "time is up after" in capsys.readouterr().out
    assert timer.time_elapsed("validate") > 0
    assert timer.start_time() < timer.end_time()
    assert timer.time_remaining() < 0
    later = Timer("01:00:00:00")
    later.load_state_dict({"time_elapsed": 5.0})
    assert later.time_elapsed() == 5.0
    assert later.time_remaining() == 86395.0
    with pytest.raises(MisconfigurationException, match="expected a duration as 'DD:HH:MM:SS', .* got '10 minutes'"):
        Timer("10 minutes")
    with pytest.raises(MisconfigurationException, match="expected interval 'step' or 'epoch', got 'batch'"):
        Timer(interval="batch")


def test_lambda_callback():
    heard = []
    callback = LambdaCallback(on_train_start=lambda *args: heard.append(args), on_fit_end=None)
    callback.on_train_start(1, 2)
    assert heard == [(1, 2)]
    with pytest.raises(ValueError, match="unknown hook 'on_train_strt'. Did you mean 'on_train_start'"):
        LambdaCallback(on_train_strt=print)


def test_learning_rate_monitor(line, data, make_trainer):
    class Memory(lightning.loggers.Logger):
        rows = ()

        def log_metrics(self, metrics, step=None):
            self.rows = (*self.rows, (step, metrics))

    def optimizers():
        groups = [{"params": [line.layer.weight]}, {"params": [line.layer.bias], "lr": 0.2}]
        optimizer = facula.optim.SGD(groups, lr=1.0, momentum=0.9, weight_decay=0.01)
        return [optimizer], [
            {"scheduler": facula.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5), "interval": "step"}
        ]

    line.configure_optimizers = optimizers
    monitor = LearningRateMonitor("step", log_momentum=True, log_weight_decay=True)
    memory = Memory()
    make_trainer(max_epochs=1, log_every_n_steps=1, logger=memory, callbacks=monitor).fit(line, data[:2])
    assert monitor.lrs["lr-SGD/pg1"] == [1.0, 0.5]
    assert monitor.lrs["lr-SGD/pg2"] == [0.2, 0.1]
    assert monitor.lrs["lr-SGD/pg1-momentum"] == [0.9, 0.9]
    assert monitor.lrs["lr-SGD/pg1-weight_decay"] == [0.01, 0.01]
    assert [step for step, row in memory.rows if "lr-SGD/pg1" in row] == [0, 1]
    with pytest.raises(MisconfigurationException, match="LearningRateMonitor: expected a logger to write to, got none"):
        make_trainer(callbacks=LearningRateMonitor()).fit(line, data)
    with pytest.raises(
        MisconfigurationException, match="expected logging_interval 'step', 'epoch' or None, got 'batch'"
    ):
        LearningRateMonitor("batch")


def test_model_summary(line, data, make_trainer, capsys):
    line.example_input_array = facula.zeros(2, 4)
    line.layer.bias.requires_grad = False
    make_trainer(enable_model_summary=True, max_epochs=1).fit(line, data)
    printed = capsys.readouterr().out
    assert "1 | layer   | Linear  |      5 | (2, 4) | (2, 1)" in printed
    assert "4 trainable of 5 parameters" in printed
    assert line.training
    deep = facula.nn.Sequential(facula.nn.Sequential(facula.nn.Linear(2, 1000)))
    assert [row.name for row in summarize(deep)] == ["0"]
    assert [row.name for row in summarize(deep, max_depth=-1)] == ["0", "0.0"]
    assert "3.0 K" in format_summary(deep, summarize(deep))
    with pytest.raises(ValueError, match="expected max_depth to be -1 or more, got -2"):
        ModelSummary(max_depth=-2)


def test_a_line_an_epoch_without_a_terminal(line, data, make_trainer, capsys):
    assert isinstance(default_progress_bar(io.StringIO()), LineProgressBar)
    make_trainer(enable_progress_bar=True).fit(line, data, data)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("Epoch 1/2  6 batches in ")
    assert "val_loss " in lines[0]


def test_rich_progress_bar(line, data, make_trainer):
    console = pytest.importorskip("rich.console").Console(file=io.StringIO(), force_terminal=True, width=160)
    bar = RichProgressBar(console=console)
    trainer = make_trainer(enable_progress_bar=True, callbacks=[bar])
    assert trainer.progress_bar_callback is bar

    class Talks(type(line)):
        def on_train_epoch_end(self):
            self.print("hello [bold]")

    module = Talks()
    trainer.fit(module, data, data)
    trainer.test(module, data, verbose=False)
    trainer.predict(module, data)
    shown = console.file.getvalue()
    assert "Epoch 2/2" in shown
    assert "6/6" in shown
    assert "val_loss" in shown
    assert "hello [bold]" in shown
    assert "Testing" in shown
    assert "Predicting" in shown
    assert bar._bars is None


def test_rich_progress_bar_stops_at_an_exception(line, data, make_trainer):
    console = pytest.importorskip("rich.console").Console(file=io.StringIO(), force_terminal=True)
    bar = RichProgressBar(console=console)

    class Fails(type(line)):
        def training_step(self, batch, batch_idx):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        make_trainer(enable_progress_bar=True, callbacks=[bar]).fit(Fails(), data)
    assert bar._bars is None
