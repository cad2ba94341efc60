import pytest

import facula
import facula_lightning as lightning
from facula.utils.data import TensorDataset


def pairs(count):
    return TensorDataset(facula.arange(count, dtype=facula.float32).reshape(-1, 1).repeat(1, 4), facula.ones(count, 1))


def test_from_datasets(line, make_trainer):
    data = lightning.LightningDataModule.from_datasets(pairs(8), pairs(5), predict_dataset=pairs(3), batch_size=2)
    orders = [[int(x[0, 0]) for x, _ in data.train_dataloader()] for _ in range(8)]
    assert any(order != [0, 2, 4, 6] for order in orders)  # shuffled
    assert [len(x) for x, _ in data.val_dataloader()] == [2, 2, 1]
    trainer = make_trainer(max_epochs=1)
    trainer.fit(line, datamodule=data)
    assert (trainer.global_step, trainer.num_val_batches) == (4, [3])
    assert len(trainer.predict(line, datamodule=data)) == 2
    with pytest.raises(lightning.MisconfigurationException, match="Trainer.test: expected batches, got none"):
        trainer.test(line, datamodule=data)


def test_from_datasets_of_a_subclass():
    class Sized(lightning.LightningDataModule):
        def __init__(self, size):
            super().__init__()
            self.size = size

    assert Sized.from_datasets(pairs(2), size=3).size == 3


def test_what_went_to_loggers(line, data, make_trainer, tmp_path):
    trainer = make_trainer(logger="csv", default_root_dir=tmp_path, log_every_n_steps=1)
    trainer.fit(line, data, data)
    logged = trainer.logged_metrics
    assert all(isinstance(value, facula.Tensor) for value in logged.values())
    assert logged["val_loss"] == trainer.callback_metrics["val_loss"]
