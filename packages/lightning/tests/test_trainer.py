import re
import time

import pytest

import facula
import facula_lightning as lightning
from facula.nn import functional as F
from facula_lightning import MisconfigurationException


def test_fit_learns_and_counts(line, data, make_trainer):
    trainer = make_trainer(max_epochs=30)
    trainer.fit(line, data, data)
    assert (trainer.current_epoch, trainer.global_step) == (30, 30 * len(data))
    assert trainer.callback_metrics["val_loss"] < 0.2 * line.losses[0]
    assert line.training
    assert line.trainer is trainer


def test_fit_equals_the_loop_written_by_hand(line, line_class, data, make_trainer):
    other = line_class()
    other.load_state_dict(line.state_dict())
    make_trainer(max_epochs=3).fit(line, data)
    optimizer = facula.optim.Adam(other.parameters(), lr=0.05)
    for _ in range(3):
        for x, y in data:
            optimizer.zero_grad()
            F.mse_loss(other(x), y).backward()
            optimizer.step()
    for name, value in other.state_dict().items():
        assert facula.equal(value, line.state_dict()[name]), name


def test_epoch_mean_weighs_by_batch_size(line, make_trainer):
    x = facula.ones(10, 4)
    uneven = [(x[:8], facula.zeros(8, 1)), (x[8:], facula.ones(2, 1))]

    class Logs(type(line)):
        def training_step(self, batch, batch_idx):
            self.log("label", batch[1].mean(), on_step=False, on_epoch=True)
            self.log("label_sum", batch[1].sum(), on_step=False, on_epoch=True, reduce_fx="sum")
            self.log("label_max", batch[1].mean(), on_step=False, on_epoch=True, reduce_fx=max)
            self.log("label_min", batch[1].mean(), on_step=False, on_epoch=True, reduce_fx="min")
            self.log("unweighted", batch[1].mean(), on_step=False, on_epoch=True, batch_size=1)
            return super().training_step(batch, batch_idx)

    trainer = make_trainer(max_epochs=1)
    trainer.fit(Logs(), uneven)
    found = {name: value.item() for name, value in trainer.callback_metrics.items()}
    assert found["label"] == pytest.approx(0.2)
    assert (found["label_sum"], found["label_max"], found["label_min"]) == (2.0, 1.0, 0.0)
    assert found["unweighted"] == 0.5
    assert found["loss"] == found["loss_epoch"]
    assert "loss_step" in found


def test_log_outside_and_wrong_values(line, data, make_trainer):
    with pytest.warns(UserWarning, match="log: expected a module in a running Trainer, got 'x' without one"):
        line.log("x", 1.0)

    def failing(**methods):
        return type("Failing", (type(line),), methods)()

    def log_vector(self, batch, batch_idx):
        self.log("vector", batch[1])

    def log_text(self, batch, batch_idx):
        self.log("text", "high")

    def log_reduced(self, batch, batch_idx):
        self.log("x", 1.0, reduce_fx="median")

    def log_twice(self, batch, batch_idx):
        self.log("x", 1.0, on_epoch=bool(batch_idx))

    def on_step_at_end(self):
        self.log("x", 1.0, on_step=True)

    def at_fit_start(self):
        self.log("x", 1.0)

    for methods, error, message in [
        ({"training_step": log_vector}, ValueError, r"log: expected .* for 'vector', got shape \(8, 1\)\. Reduce"),
        ({"training_step": log_text}, ValueError, "log: expected .* for 'text', got str. Convert"),
        (
            {"training_step": log_reduced},
            MisconfigurationException,
            "reduce_fx to be one of mean, sum, min, max, got 'me",
        ),
        (
            {"training_step": log_twice},
            MisconfigurationException,
            "log: expected the same options at every call for 'x'",
        ),
        ({"on_train_epoch_end": on_step_at_end}, MisconfigurationException, "expected on_step=False in on_train_epoch"),
        ({"on_fit_start": at_fit_start}, MisconfigurationException, "got 'x' from on_fit_start. Log it in training_s"),
    ]:
        with pytest.raises(error, match=message):
            make_trainer().fit(failing(**methods), data)


def test_validate_test_and_predict(line, data, make_trainer, capsys):
    trainer = make_trainer()
    line.train()
    found = trainer.validate(line, data)
    assert list(found[0]) == ["val_loss"]
    assert trainer.test(line, data, verbose=False) == [{"test_loss": found[0]["val_loss"]}]
    printed = capsys.readouterr().out
    assert re.search(r"validate metric \|\s+value", printed)
    assert "test_loss" not in printed
    predictions = trainer.predict(line, data)
    with facula.no_grad():
        assert facula.equal(facula.cat(predictions), line(facula.cat([x for x, _ in data])))
    assert not any(p.requires_grad for p in predictions)
    assert line.training


def test_several_loaders_are_told_apart(line, data, make_trainer):
    class Two(type(line)):
        def validation_step(self, batch, batch_idx, dataloader_idx=0):
            self.log("which", float(dataloader_idx))
            self.log("common", 1.0, add_dataloader_idx=False)

    found = make_trainer().validate(Two(), [data, data[:1]], verbose=False)
    assert found == [{"which/dataloader_idx_0": 0.0, "common": 1.0}, {"which/dataloader_idx_1": 1.0, "common": 1.0}]
    assert list(map(len, make_trainer().predict(line, [data, data[:1]]))) == [6, 1]


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ({"max_steps": 4, "max_epochs": None}, 4),
        ({"limit_train_batches": 2}, 4),
        ({"limit_train_batches": 0.5}, 6),
        ({"accumulate_grad_batches": 4}, 4),
        ({"fast_dev_run": True}, 1),
        ({"fast_dev_run": 3}, 3),
        ({"overfit_batches": 1}, 2),
        ({"max_epochs": 0}, 0),
        ({"limit_train_batches": 0}, 0),
        ({"max_time": "00:00:00:00"}, 1),
    ],
)
def test_limits(line, data, make_trainer, options, steps):
    trainer = make_trainer(**options)
    trainer.fit(line, data, data)
    assert trainer.global_step == steps


def test_batches_without_a_length(line, data, make_trainer):
    class Stream:
        def __iter__(self):
            return iter(data)

    trainer = make_trainer(accumulate_grad_batches=4)
    trainer.fit(line, Stream(), Stream())
    assert (trainer.current_epoch, trainer.global_step) == (2, 4)
    with pytest.raises(
        MisconfigurationException, match="limit_train_batches: expected a number of batches for a loader"
    ):
        make_trainer(limit_train_batches=0.5).fit(line, Stream())
    with pytest.raises(
        MisconfigurationException, match="val_check_interval: expected a number of batches for a loader"
    ):
        make_trainer(val_check_interval=0.5).fit(line, Stream(), data)


def test_accumulation_equals_the_big_batch(line, line_class, data, make_trainer):
    other = line_class()
    other.load_state_dict(line.state_dict())
    make_trainer(accumulate_grad_batches=3).fit(line, data)
    joined = [tuple(facula.cat(parts) for parts in zip(*data[i : i + 3], strict=True)) for i in (0, 3)]
    make_trainer().fit(other, joined)
    for mine, yours in zip(line.parameters(), other.parameters(), strict=True):
        assert facula.allclose(mine, yours, atol=1e-6)


@pytest.mark.parametrize(("algorithm", "power"), [("norm", 2.0), (None, 2.0), ("value", float("inf"))])
def test_gradients_are_clipped(line, data, make_trainer, algorithm, power):
    class Watch(lightning.Callback):
        def on_before_optimizer_step(self, trainer, pl_module, optimizer):
            self.before = max(p.grad.abs().max().item() for p in pl_module.parameters())

        def on_train_batch_end(self, trainer, pl_module, *rest):
            gradient = facula.cat([p.grad.flatten() for p in pl_module.parameters()])
            self.after = gradient.norm(power).item()

    watch = Watch()
    make_trainer(gradient_clip_val=0.01, gradient_clip_algorithm=algorithm, max_steps=1, callbacks=watch).fit(
        line, data
    )
    assert watch.before > 0.5
    assert watch.after == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("options", "at"),
    [
        ({}, [6, 12]),
        ({"val_check_interval": 2}, [2, 4, 6, 8, 10, 12]),
        ({"val_check_interval": 0.5}, [3, 6, 9, 12]),
        ({"val_check_interval": 4, "check_val_every_n_epoch": None}, [4, 8, 12]),
        ({"check_val_every_n_epoch": 2}, [12]),
        ({"limit_val_batches": 0}, []),
    ],
)
def test_when_validation_runs(line, data, make_trainer, options, at):
    seen = []
    watch = lightning.callbacks.LambdaCallback(
        on_validation_start=lambda trainer, module: seen.append(trainer.fit_loop.batches)
    )
    make_trainer(callbacks=[watch], num_sanity_val_steps=0, **options).fit(line, data, data)
    assert seen == at


def test_sanity_check_leaves_nothing_behind(line_class, data, make_trainer):
    def losses(steps):
        lightning.seed_everything(5, verbose=False)
        module = line_class(dropout=0.5)
        module.validation_step = lambda batch, batch_idx: facula.rand(3)
        make_trainer(num_sanity_val_steps=steps).fit(module, data, data)
        return module.losses

    assert losses(0) == losses(2)


def test_precision_64(line, data, make_trainer):
    make_trainer(precision="64-true", max_epochs=1).fit(line, data)
    assert line.layer.weight.dtype == facula.float64
    assert facula.get_default_dtype() == facula.float32


def test_datamodule(line, data, make_trainer):
    called = []

    class Numbers(lightning.LightningDataModule):
        def prepare_data(self):
            called.append("prepare_data")

        def setup(self, stage):
            called.append(stage)

        def teardown(self, stage):
            called.append(f"teardown {stage}")

        def train_dataloader(self):
            return data

        val_dataloader = test_dataloader = predict_dataloader = train_dataloader

        def on_after_batch_transfer(self, batch, dataloader_idx):
            return batch[0] * 0, batch[1] * 0

    trainer = make_trainer(max_epochs=1)
    trainer.fit(line, datamodule=Numbers())
    assert called == ["prepare_data", "fit", "teardown fit"]
    assert trainer.test(line, Numbers(), verbose=False)[0]["test_loss"] == pytest.approx(line.layer.bias.item() ** 2)
    assert len(trainer.predict(line, datamodule=Numbers())) == len(data)


def test_module_may_bring_loaders_and_callbacks(line, data, make_trainer):
    class Whole(type(line)):
        def train_dataloader(self):
            return data

        def configure_callbacks(self):
            return [lightning.callbacks.Timer(verbose=False)]

    trainer = make_trainer(callbacks=[lightning.callbacks.Timer("00:00:00:00")])
    trainer.fit(Whole())
    assert trainer.global_step == 12


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"precision": "8-true"}, ValueError, "expected precision to be one of 32-true.* got '8-true'"),
        ({"accelerator": "tpu"}, ValueError, "expected accelerator 'auto', 'cpu', 'gpu' or 'cuda', got 'tpu'"),
        (
            {"devices": 4, "accelerator": "cpu"},
            MisconfigurationException,
            "expected devices=1 on the CPU in one process, got 4",
        ),
        ({"num_nodes": 2}, MisconfigurationException, "expected num_nodes=1, got 2"),
        ({"strategy": "single_devise"}, ValueError, "unknown strategy 'single_devise'. Did you mean 'single_device'"),
        ({"limit_val_batches": 1.5}, MisconfigurationException, "limit_val_batches: expected a part from 0.0 to 1.0"),
        ({"val_check_interval": 0}, MisconfigurationException, "val_check_interval: expected a part of an epoch"),
        ({"accumulate_grad_batches": 0}, MisconfigurationException, "accumulate_grad_batches: expected a positive int"),
        ({"gradient_clip_algorithm": "l2"}, MisconfigurationException, "expected 'norm' or 'value', got 'l2'"),
        ({"max_epochs": -2}, MisconfigurationException, "max_epochs: expected an int from -1 on, got -2"),
        ({"callbacks": [lightning.Callback]}, TypeError, r"Callback objects, got type \(a class\)"),
        ({"logger": 3}, TypeError, "expected logger to be a Logger, a list of them, True or False, got int"),
        (
            {"callbacks": [lightning.callbacks.ModelCheckpoint()]},
            MisconfigurationException,
            "expected no ModelCheckpoint with enable_checkpointing=False",
        ),
        (
            {"callbacks": [lightning.callbacks.EarlyStopping("a"), lightning.callbacks.EarlyStopping("a")]},
            RuntimeError,
            "expected callbacks with different state_key",
        ),
    ],
)
def test_arguments_that_cannot_be(make_trainer, options, error, message):
    with pytest.raises(error, match=message):
        make_trainer(**options)


def test_modules_that_cannot_be(line, data, make_trainer):
    class Empty(lightning.LightningModule):
        pass

    class NoOptimizer(Empty):
        def training_step(self, batch, batch_idx):
            return None

    trainer = make_trainer()
    for call, error, message in [
        (
            lambda: trainer.fit(Empty(), data),
            MisconfigurationException,
            "Empty to define training_step, got none. Write",
        ),
        (
            lambda: trainer.fit(NoOptimizer(), data),
            MisconfigurationException,
            "to define configure_optimizers, got none",
        ),
        (
            lambda: trainer.validate(Empty(), data),
            MisconfigurationException,
            "Empty to define validation_step, got none",
        ),
        (
            lambda: trainer.test(Empty(), data),
            MisconfigurationException,
            "Trainer.test: expected Empty to define test_st",
        ),
        (lambda: trainer.fit(line), MisconfigurationException, "Trainer.fit: expected batches to train on, got none"),
        (lambda: trainer.test(line), MisconfigurationException, "Trainer.test: expected batches, got none"),
        (lambda: trainer.predict(line), MisconfigurationException, "Trainer.predict: expected batches, got none"),
        (lambda: trainer.fit(line, 3), TypeError, "expected an iterable of batches to train on, got int"),
        (lambda: trainer.fit(facula.nn.Linear(1, 1), data), TypeError, "expected a LightningModule, got Linear. Let"),
        (lambda: make_trainer().test(), TypeError, "Trainer.test: expected a LightningModule, got none"),
        (
            lambda: trainer.fit(line, data, datamodule=lightning.LightningDataModule()),
            MisconfigurationException,
            "expected loaders or a datamodule, got both",
        ),
        (
            lambda: trainer.fit(line, datamodule=lightning.LightningDataModule()),
            MisconfigurationException,
            "expected batches to train on",
        ),
        (
            lambda: make_trainer(val_check_interval=7).fit(line, data, data),
            MisconfigurationException,
            "val_check_interval: expected at most the 6 batches of an epoch, got 7",
        ),
        (
            lambda: make_trainer(limit_train_batches=0.01).fit(line, data),
            MisconfigurationException,
            "limit_train_batches: expected at least one batch, got 0.01 of 6. Use at least 0.167",
        ),
        (lambda: Empty().trainer, RuntimeError, "Empty: expected to be attached to a Trainer, got none"),
        (lambda: make_trainer().save_checkpoint("x"), AttributeError, "expected a trainer that has run a module"),
    ]:
        with pytest.raises(error, match=message):
            call()


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (
            lambda loss: loss.item(),
            r"expected a loss tensor, a dict with 'loss', or None, got float. Return the loss with",
        ),
        (lambda loss: {"lost": loss}, "expected a dict with the key 'loss', got keys 'lost'"),
        (lambda loss: loss.expand(2), r"expected a loss of one element, got shape \(2,\)"),
    ],
)
def test_steps_that_return_nonsense(line, data, make_trainer, returned, message):
    class Wrong(type(line)):
        def training_step(self, batch, batch_idx):
            return returned(super().training_step(batch, batch_idx))

    with pytest.raises(MisconfigurationException, match=message):
        make_trainer().fit(Wrong(), data)


def test_steps_may_return_none_or_a_dict(line, data, make_trainer):
    outputs = []

    class Sometimes(type(line)):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            return None if batch_idx else {"loss": loss, "extra": 3}

        def on_train_batch_end(self, outputs_, batch, batch_idx):
            outputs.append(outputs_)

    module = Sometimes()
    before = module.layer.weight.detach().clone()
    make_trainer(max_epochs=1, limit_train_batches=2).fit(module, data)
    assert outputs[0]["extra"] == 3
    assert not outputs[0]["loss"].requires_grad
    assert outputs[1] is None
    assert not facula.equal(before, module.layer.weight)


def test_exceptions_reach_callbacks_and_show_the_users_line_soon(line, data, make_trainer):
    heard = []

    class Fails(type(line)):
        def training_step(self, batch, batch_idx):
            raise ZeroDivisionError("mine")

    watch = lightning.callbacks.LambdaCallback(on_exception=lambda trainer, module, error: heard.append(error))
    with pytest.raises(ZeroDivisionError) as caught:
        make_trainer(callbacks=watch).fit(Fails(), data)
    assert heard == [caught.value]
    assert len([entry for entry in caught.traceback if "facula_lightning" in str(entry.path)]) <= 10


def test_overhead_of_fit_is_small(line, data, make_trainer):
    class Bare(type(line)):
        def training_step(self, batch, batch_idx):
            loss = F.mse_loss(self.layer(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

    module, batches = Bare(), data * 50
    optimizer = facula.optim.Adam(module.parameters(), lr=0.05)

    def by_hand():
        for x, y in batches:
            optimizer.zero_grad()
            F.mse_loss(module.layer(x), y).backward()
            optimizer.step()

    def timed(run):
        begun = time.perf_counter()
        run()
        return time.perf_counter() - begun

    raw = min(timed(by_hand) for _ in range(3))
    fitted = min(timed(lambda: make_trainer(max_epochs=1).fit(module, batches)) for _ in range(3))
    assert (fitted - raw) / len(batches) < 200e-6
