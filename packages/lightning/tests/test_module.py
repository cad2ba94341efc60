import pytest

import facula
import facula_lightning as lightning
from facula_lightning.batches import batch_size, map_tensors, to_device
from facula_lightning.hparams import AttributeDict, plain
from facula_lightning.tables import metrics_table


class Base(lightning.LightningModule):
    def __init__(self, width, depth=2, **extra):
        super().__init__()
        self.save_hyperparameters()


class Derived(Base):
    def __init__(self, colour, width=7):
        super().__init__(width, shade=3)


def test_hyperparameters_of_all_classes():
    assert Base(3).hparams == {"width": 3, "depth": 2}
    assert Derived("red").hparams == {"colour": "red", "width": 7, "depth": 2, "shade": 3}
    assert Derived("red").hparams.colour == "red"
    with pytest.raises(AttributeError, match=r"hparams: expected one of \['a'\], got 'b'"):
        _ = AttributeDict(a=1).b


def test_chosen_hyperparameters():
    class Some(lightning.LightningModule):
        def __init__(self, a, b, c=3):
            super().__init__()
            self.save_hyperparameters("a", "c")
            self.initial = self.hparams_initial
            self.hparams.a = 9

    assert Some(1, 2).hparams == {"a": 9, "c": 3}
    assert Some(1, 2).initial == {"a": 1, "c": 3}

    class Ignoring(lightning.LightningModule):
        def __init__(self, a, b):
            super().__init__()
            self.save_hyperparameters(ignore="b")

    assert Ignoring(1, 2).hparams == {"a": 1}

    class Given(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.save_hyperparameters({"x": 1})

    assert Given().hparams == {"x": 1}

    class Wrong(lightning.LightningModule):
        def __init__(self, a):
            super().__init__()
            self.save_hyperparameters("b")

    with pytest.raises(ValueError, match=r"expected arguments of Wrong.__init__ \(a\), got 'b'"):
        Wrong(1)


def test_a_module_alone(line):
    assert (line.current_epoch, line.global_step, line.global_rank, line.local_rank) == (0, 0, 0, 0)
    assert (line.device, line.dtype) == (facula.device("cpu"), facula.float32)
    assert line.logger is None
    assert line.loggers == []
    line.freeze()
    assert not line.training
    assert not any(p.requires_grad for p in line.parameters())
    line.unfreeze()
    assert line.training
    assert all(p.requires_grad for p in line.parameters())
    with pytest.raises(ValueError, match="to_onnx: expected an input to trace Line with, got none"):
        line.to_onnx("line.onnx")
    with pytest.raises(
        lightning.MisconfigurationException, match="LightningDataModule.test_dataloader: expected Light"
    ):
        lightning.LightningDataModule().test_dataloader()


def test_batches():
    x = facula.ones(5, 2)
    assert batch_size({"a": 1, "b": [x]}) == 5
    assert batch_size("text") == 1
    doubled = map_tensors(lambda t: t * 2, {"a": (x, [x]), "b": "text"})
    assert doubled["a"][1][0].sum().item() == 20
    assert doubled["b"] == "text"
    assert to_device((x, 3), "meta")[0].device.type == "meta"
    assert plain({"a": [1, (2.0, None)]})
    assert not plain({"a": x})
    assert not plain({1: 2})


def test_metrics_of_several_loaders():
    table = metrics_table("test", [{"a/dataloader_idx_0": 1.0}, {"a/dataloader_idx_1": 2.0}])
    assert [cell.strip() for cell in table.splitlines()[2].split("|")] == ["a", "1", "2"]
