"""Arguments of the Trainer that change how a run goes."""

import time
import traceback

import pytest

import facula
import facula_lightning as lightning
from facula.utils.data import DataLoader, TensorDataset
from facula_lightning import profilers
from facula_lightning.exceptions import MisconfigurationException


def test_simple_profiler_names_hooks_and_steps(line, data, make_trainer, capsys, tmp_path):
    trainer = make_trainer(max_epochs=1, profiler="simple")
    trainer.fit(line, data)
    shown = capsys.readouterr().out
    for name in ("training_step", "backward"):
        assert len(trainer.profiler.recorded_durations[name]) == 6
        assert name in shown
    make_trainer(max_epochs=1, profiler=profilers.AdvancedProfiler(tmp_path, "calls")).fit(line, data)
    assert "training_step" in (tmp_path / "calls.txt").read_text()
    with pytest.raises(ValueError, match="expected profiler to be 'simple', 'advanced' or a Profiler, got 'fast'"):
        make_trainer(profiler="fast")
    with pytest.raises(NotImplementedError, match=r"Profiler.start: expected the class to define it, got none"):
        profilers.Profiler().start("a")


def test_profiled_hooks_carry_their_owner(line_class, data, make_trainer):
    class Hears(line_class):
        def on_train_epoch_start(self):
            pass

    trainer = make_trainer(max_epochs=2, profiler=profilers.SimpleProfiler())
    trainer.fit(Hears(), data)
    assert len(trainer.profiler.recorded_durations["Hears.on_train_epoch_start"]) == 2


def test_loaders_are_made_anew(line_class, data, make_trainer):
    made = []

    class Loads(line_class):
        def train_dataloader(self):
            made.append(self.current_epoch)
            return data

    make_trainer(max_epochs=5, reload_dataloaders_every_n_epochs=2).fit(Loads())
    assert made == [0, 2, 4]


def test_validation_after_a_time(line_class, data, make_trainer):
    class Slow(line_class):
        runs = 0

        def on_validation_start(self):
            self.runs += 1

        def training_step(self, batch, batch_idx):
            time.sleep(0.03)
            return super().training_step(batch, batch_idx)

    module = Slow()
    interval = {"milliseconds": 50}
    make_trainer(max_epochs=1, val_check_interval=interval, num_sanity_val_steps=0).fit(module, data, data)
    assert 2 <= module.runs <= 4
    assert make_trainer(val_check_interval="00:00:02:00").val_check_time == 120
    with pytest.raises(MisconfigurationException, match="val_check_interval: expected a duration as 'DD:HH:MM:SS'"):
        make_trainer(val_check_interval="soon")


@pytest.mark.parametrize("precision", ["16-mixed", "bf16-mixed", "64-true", "bf16-true"])
def test_precisions_train(line, data, make_trainer, precision):
    trainer = make_trainer(max_epochs=8, precision=precision, gradient_clip_val=5.0)
    trainer.fit(line, data)
    assert line.losses[-1] < line.losses[0]
    assert trainer.global_step == 48
    wanted = {"64-true": facula.float64, "bf16-true": facula.bfloat16}.get(precision, facula.float32)
    assert line.layer.weight.dtype == wanted


def test_the_scale_of_losses_is_kept(line_class, data, make_trainer, tmp_path):
    path = tmp_path / "a.ckpt.safetensors"
    trainer = make_trainer(max_epochs=2, precision="16-mixed")
    trainer.fit(line_class(), data)
    trainer.precision.scaler._scale = 128.0
    trainer.save_checkpoint(path)
    other = make_trainer(max_epochs=2, precision="16-mixed")
    other.fit(line_class(), data, ckpt_path=path)
    assert other.precision.scaler.get_scale() == 128.0


def test_manual_optimization_in_float16(line_class, data, make_trainer):
    class Manual(line_class):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False

        def training_step(self, batch, batch_idx):
            optimizer = self.optimizers()
            optimizer.zero_grad()
            loss = facula.nn.functional.mse_loss(self(batch[0]), batch[1])
            self.losses.append(loss.item())
            self.manual_backward(loss)
            optimizer.step()

    module = Manual()
    make_trainer(max_epochs=8, precision="16-mixed").fit(module, data)
    assert module.losses[-1] < module.losses[0]


def test_barebones_has_nothing_around_it(line, data):
    trainer = lightning.Trainer(barebones=True, max_epochs=1)
    assert (trainer.loggers, trainer.callbacks, trainer.num_sanity_val_steps) == ([], [], 0)
    trainer.fit(line, data)
    assert trainer.global_step == 6


def test_anomalies_are_found(line_class, data, make_trainer):
    class Bad(line_class):
        def training_step(self, batch, batch_idx):
            return (self.layer.weight * 0 - 1).sqrt().sum()

    with pytest.raises(RuntimeError, match="'SqrtBackward0' returned nan values"):
        make_trainer(detect_anomaly=True).fit(Bad(), data)


def test_processes_share_a_loader(make_trainer, line):
    trainer = make_trainer()
    dataset = TensorDataset(facula.arange(10.0).reshape(10, 1))
    seen = []
    for rank in range(2):
        trainer.strategy.world_size, trainer.strategy.global_rank = 2, rank
        share = lightning.loops.loaders.shared(trainer, DataLoader(dataset, batch_size=2))
        seen += [value for (batch,) in share for value in batch.flatten().tolist()]
    assert sorted(seen) == list(range(10))
    own = DataLoader(dataset, sampler=[0, 1])
    assert lightning.loops.loaders.shared(trainer, own) is own


def test_an_error_in_the_users_step_is_near_the_top(line_class, data, make_trainer):
    class Broken(line_class):
        def training_step(self, batch, batch_idx):
            raise KeyError("mine")

        def configure_optimizers(self):
            optimizer = super().configure_optimizers()
            return [optimizer], [facula.optim.lr_scheduler.StepLR(optimizer, 1)]

        def validation_step(self, batch, batch_idx):
            raise KeyError("mine")

    for validation in (None, data):
        with pytest.raises(KeyError) as caught:
            make_trainer().fit(Broken(), data, validation)
        files = [frame.filename for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert files[0] == files[-1] == __file__
        ours = [name for name in files if name != __file__]
        assert 0 < len(ours) <= 10, "\n".join(files)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training_step": None}, "expected .* to define training_step, got none. Write def training_step"),
        ({"configure_optimizers": None}, "to define configure_optimizers, got none. Write def configure_optimizers"),
        (
            {"training_step": lambda self, batch, i: 1.0},
            "expected a loss tensor, .* got float. Return the loss without",
        ),
        ({"training_step": lambda self, batch, i: self(batch[0])}, r"a loss of one element, got shape \(8, 1\)"),
        ({"training_step": lambda self, batch, i: {"a": 1}}, "a dict with the key 'loss', got keys 'a'"),
    ],
)
def test_misuse_says_what_to_write(data, make_trainer, line_class, change, message):
    base = lightning.LightningModule if None in change.values() else line_class
    methods = {name: getattr(line_class, name) for name in ("training_step", "configure_optimizers")}
    module = type("Wrong", (base,), {name: m for name, m in (methods | change).items() if m is not None})()
    with pytest.raises(MisconfigurationException, match=message):
        make_trainer().fit(module, data)


def test_no_batches_says_what_to_write(line, make_trainer):
    with pytest.raises(
        MisconfigurationException, match="expected batches to train on, got none. Pass train_dataloaders"
    ):
        make_trainer().fit(line)
