import math

import numpy as np
import pytest

import facula
import facula_lightning as lightning
from facula_lightning import callbacks
from facula_lightning.exceptions import MisconfigurationException


class Backboned(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        self.backbone = facula.nn.Sequential(facula.nn.Linear(4, 4), facula.nn.BatchNorm1d(4))
        self.head = facula.nn.Linear(4, 1)
        self.rates, self.frozen = [], []

    def training_step(self, batch, batch_idx):
        self.rates.append([group["lr"] for group in self.trainer.optimizers[0].param_groups])
        self.frozen.append(not self.backbone[0].weight.requires_grad)
        return facula.nn.functional.mse_loss(self.head(self.backbone(batch[0])), batch[1])

    def configure_optimizers(self):
        return facula.optim.Adam([p for p in self.parameters() if p.requires_grad], lr=0.1)


def tuner(train_bn=False):
    return callbacks.BackboneFinetuning(2, backbone_initial_ratio_lr=0.2, train_bn=train_bn)


def test_backbone_learns_from_its_epoch_on(data, make_trainer, tmp_path):
    module = Backboned()
    before = module.backbone[0].weight.detach().clone()
    keeper = callbacks.ModelCheckpoint(tmp_path, filename="{epoch}", save_top_k=-1)
    trainer = make_trainer(max_epochs=5, limit_train_batches=1, callbacks=[tuner(), keeper], enable_checkpointing=True)
    trainer.fit(module, data)
    assert module.frozen == [True, True, False, False, False]
    assert module.rates == [[0.1], [0.1], [0.1, 0.1 * 0.2], [0.1, 0.1 * 0.4], [0.1, 0.1 * 0.8]]
    assert not facula.equal(module.backbone[0].weight, before)
    for epoch in (1, 3):
        again = Backboned()
        path = tmp_path / f"epoch={epoch}.ckpt.safetensors"
        other = make_trainer(max_epochs=5, limit_train_batches=1, callbacks=[tuner()])
        with pytest.warns(UserWarning, match="holds the state of ModelCheckpoint"):
            other.fit(again, data, ckpt_path=path)
        assert again.rates == module.rates[epoch + 1 :]
        assert all(facula.equal(a, b) for a, b in zip(again.parameters(), module.parameters(), strict=True))


def test_batch_norms_may_go_on_learning(data, make_trainer):
    module = Backboned()
    make_trainer(max_epochs=1, callbacks=[tuner(train_bn=True)]).fit(module, data)
    assert module.backbone[1].weight.requires_grad
    assert not module.backbone[0].weight.requires_grad
    with pytest.raises(
        MisconfigurationException, match="BackboneFinetuning: expected .* a layer named backbone, got none"
    ):
        tuner().freeze_before_training(lightning.LightningModule())
    with pytest.raises(NotImplementedError, match="freeze_before_training: expected a definition, got none"):
        callbacks.BaseFinetuning().freeze_before_training(module)


def test_ema_validates_keeps_and_resumes_the_average(line_class, data, make_trainer, tmp_path):
    wanted, seen = [], []

    class Watches(line_class):
        def on_train_batch_end(self, outputs, batch, batch_idx):
            weight = self.layer.weight.detach().numpy().copy()
            wanted.append(weight if not wanted else wanted[-1] + 0.1 * (weight - wanted[-1]))

        def on_validation_epoch_start(self):
            seen.append(self.layer.weight.detach().numpy().copy())

    def fit(module, epochs, **more):
        keeper = callbacks.ModelCheckpoint(tmp_path, filename="{step}", every_n_train_steps=1, save_top_k=-1)
        options = {"callbacks": [callbacks.EMAWeightAveraging(0.9), keeper], "enable_checkpointing": True}
        make_trainer(max_epochs=epochs, num_sanity_val_steps=0, **options).fit(module, data, data, **more)
        return module

    lightning.seed_everything(1, verbose=False)
    module = fit(Watches(), 2)
    np.testing.assert_allclose(seen[0], wanted[5], rtol=1e-5)
    np.testing.assert_allclose(module.layer.weight.detach().numpy(), wanted[-1], rtol=1e-5)
    path = tmp_path / "step=8.ckpt.safetensors"
    lightning.seed_everything(5, verbose=False)
    resumed = fit(line_class(), 2, ckpt_path=path)
    assert facula.equal(resumed.layer.weight, module.layer.weight)
    loaded = line_class.load_from_checkpoint(path)
    np.testing.assert_allclose(loaded.layer.weight.detach().numpy(), wanted[7], rtol=1e-5)


def test_stochastic_weight_averaging_is_the_mean_of_epochs(line_class, data, make_trainer):
    kept = []

    class Watches(line_class):
        def on_train_epoch_end(self):
            kept.append((self.layer.bias.item(), self.trainer.optimizers[0].param_groups[0]["lr"]))

    module = Watches(lr=0.05)
    swa = callbacks.StochasticWeightAveraging(0.01, swa_epoch_start=0.5, annealing_epochs=1)
    make_trainer(max_epochs=4, callbacks=[swa]).fit(module, data)
    assert module.layer.bias.item() == pytest.approx((kept[2][0] + kept[3][0]) / 2, rel=1e-5)
    assert kept[0][1] == 0.05
    assert kept[3][1] == pytest.approx(0.01)


def test_learning_rate_finder_suggests_and_leaves_no_trace(line_class, data, make_trainer):
    lightning.seed_everything(1, verbose=False)
    module = line_class(lr=123.0)
    before = module.layer.weight.detach().clone()
    finder = callbacks.LearningRateFinder(1e-5, 1.0, num_training_steps=40)
    trainer = make_trainer(max_epochs=1, max_steps=0, callbacks=[finder])
    trainer.fit(module, data)
    assert facula.equal(module.layer.weight, before)
    assert trainer.global_step == 0
    assert finder.results["lr"][0] == pytest.approx(1e-5)
    assert 1e-4 < finder.suggestion < 1.0
    assert module.hparams.lr == finder.suggestion == trainer.optimizers[0].param_groups[0]["lr"]


def test_batch_size_finder_stops_where_memory_ends(make_trainer, line_class):
    class Greedy(line_class):
        def __init__(self):
            super().__init__()
            self.batch_size = 1

        def training_step(self, batch, batch_idx):
            if len(batch[0]) > 20:
                raise MemoryError
            return super().training_step(batch, batch_idx)

        def train_dataloader(self):
            x = facula.zeros(100, 4)
            dataset = facula.utils.data.TensorDataset(x, x[:, :1])
            return facula.utils.data.DataLoader(dataset, self.batch_size)

    for mode, size in (("power", 16), ("binsearch", 20)):
        module, finder = Greedy(), callbacks.BatchSizeFinder(mode)
        trainer = make_trainer(max_epochs=1, callbacks=[finder])
        trainer.fit(module)
        assert finder.optimal_batch_size == module.batch_size == size
        assert trainer.global_step == math.ceil(100 / size)
    with pytest.raises(MisconfigurationException, match="to have 'width' as attribute or hyperparameter, got neither"):
        make_trainer(callbacks=[callbacks.BatchSizeFinder(batch_arg_name="width")]).fit(Greedy())


def test_accumulation_by_epoch(line, data, make_trainer):
    trainer = make_trainer(max_epochs=3, callbacks=[callbacks.GradientAccumulationScheduler({0: 6, 1: 2, 2: 1})])
    trainer.fit(line, data)
    assert trainer.global_step == 1 + 3 + 6
    with pytest.raises(MisconfigurationException, match="expected Trainer.accumulate_grad_batches=1., got 2"):
        make_trainer(accumulate_grad_batches=2, callbacks=trainer.callbacks[0]).fit(line, data)
    with pytest.raises(MisconfigurationException, match="expected epochs from 0 with counts from 1"):
        callbacks.GradientAccumulationScheduler({0: 0})


def test_predictions_are_written(line, data, make_trainer):
    written = []

    class Writer(callbacks.BasePredictionWriter):
        def write_on_batch_end(self, trainer, pl_module, prediction, batch_indices, batch, batch_idx, dataloader_idx):
            written.append((batch_idx, len(prediction)))

        def write_on_epoch_end(self, trainer, pl_module, predictions, batch_indices):
            written.append(len(predictions[0]))

    make_trainer(callbacks=[Writer("batch_and_epoch")]).predict(line, data[:2])
    assert written == [(0, 8), (1, 8), 2]
    with pytest.raises(MisconfigurationException, match="expected write_interval 'batch', .* got 'never'"):
        callbacks.BasePredictionWriter("never")


def test_device_stats_and_report(line, data, make_trainer, tmp_path):
    pytest.importorskip("matplotlib")
    logger = lightning.loggers.CSVLogger(tmp_path)
    watch, report = callbacks.DeviceStatsMonitor(), callbacks.RunReport(tmp_path / "run" / "report.html")
    trainer = make_trainer(max_epochs=2, logger=logger, log_every_n_steps=2, callbacks=[watch, report])
    trainer.fit(line, data, data)
    rows = [row for row in logger.rows if "DeviceStatsMonitor/cpu_percent" in row]
    assert len(rows) == 6
    assert rows[0]["DeviceStatsMonitor/peak_memory_mb"] > 1
    page = (tmp_path / "run" / "report.html").read_text()
    assert page.count("<img") == 1
    for text in ("Curves", "loss_step", "val_loss", "Hyperparameters", "dropout", "precision", "32-true"):
        assert text in page or text in str(report.rows)
    assert all(row["gradient norm"] > 0 for row in report.rows if "gradient norm" in row)
    assert any("learning rate" in row for row in report.rows)
