import facula
import facula_lightning as lightning


def test_what_is_known_by_name():
    assert isinstance(facula.callbacks.create("early_stopping", "val_loss"), lightning.callbacks.EarlyStopping)
    assert isinstance(facula.loggers.create("csv", "logs"), lightning.loggers.CSVLogger)
    assert facula.strategies.create("single_device", "cpu").root_device == facula.device("cpu")
    for name in facula.callbacks.names():
        if facula.callbacks.entry(name).owner == "facula-lightning":
            assert issubclass(facula.callbacks.get(name), lightning.Callback), name


def test_strategy_by_name(make_trainer):
    trainer = make_trainer(strategy="single_device")
    assert repr(trainer.strategy) == "SingleDeviceStrategy('cpu')"
    assert (trainer.world_size, trainer.global_rank, trainer.local_rank) == (1, 0, 0)
