import facula
import facula_lightning as lightning


def test_what_is_known_by_name():
    assert isinstance(facula.callbacks.create("early_stopping", "val_loss"), lightning.callbacks.EarlyStopping)
    assert isinstance(facula.loggers.create("csv", "logs"), lightning.loggers.CSVLogger)
    assert isinstance(facula.loggers.create("tensorboard", "logs"), lightning.loggers.TensorBoardLogger)
    assert facula.strategies.create("single_device", "cpu").root_device == facula.device("cpu")
    for name in facula.callbacks.names():
        if facula.callbacks.entry(name).owner == "facula-lightning":
            assert issubclass(facula.callbacks.get(name), lightning.Callback), name


def test_logger_by_name(make_trainer, tmp_path):
    trainer = make_trainer(logger=["csv", "tensorboard"])
    assert [type(logger).__name__ for logger in trainer.loggers] == ["CSVLogger", "TensorBoardLogger"]
    assert trainer.logger.save_dir == str(tmp_path)


def test_strategy_by_name(make_trainer):
    trainer = make_trainer(strategy="single_device")
    assert repr(trainer.strategy) == "SingleDeviceStrategy('cpu')"
    assert (trainer.world_size, trainer.global_rank, trainer.local_rank) == (1, 0, 0)
