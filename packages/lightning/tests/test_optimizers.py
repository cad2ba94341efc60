import re

import pytest

import facula
from facula.nn import functional as F
from facula.optim.lr_scheduler import ReduceLROnPlateau, StepLR
from facula_lightning import LightningModule, MisconfigurationException
from facula_lightning.optimizers import configure


def sgd(module, lr=1.0):
    return facula.optim.SGD(module.parameters(), lr=lr)


def returning(line, make):
    line.configure_optimizers = lambda: make(line)
    return line


@pytest.mark.parametrize(
    ("make", "counts"),
    [
        (lambda m: sgd(m), (1, 0)),
        (lambda m: [sgd(m)], (1, 0)),
        (lambda m: (sgd(m), sgd(m)), (2, 0)),
        (lambda m: ([o := sgd(m)], [StepLR(o, 1)]), (1, 1)),
        (lambda m: [[o := sgd(m)], [{"scheduler": StepLR(o, 1), "interval": "step"}]], (1, 1)),
        (lambda m: ([sgd(m), sgd(m)], []), (2, 0)),
        (lambda m: {"optimizer": sgd(m)}, (1, 0)),
        (lambda m: {"optimizer": (o := sgd(m)), "lr_scheduler": StepLR(o, 1)}, (1, 1)),
        (lambda m: {"optimizer": (o := sgd(m)), "lr_scheduler": ReduceLROnPlateau(o), "monitor": "x"}, (1, 1)),
        (lambda m: [{"optimizer": (o := sgd(m)), "lr_scheduler": StepLR(o, 1)}, {"optimizer": sgd(m)}], (2, 1)),
    ],
)
def test_every_form_of_configure_optimizers(line, make, counts):
    line.automatic_optimization = False
    optimizers, schedulers = configure(returning(line, make))
    assert (len(optimizers), len(schedulers)) == counts


def test_none_trains_nothing(line, data, make_trainer):
    before = line.layer.weight.detach().clone()
    with pytest.warns(UserWarning, match="Line.configure_optimizers returned None: nothing will be trained"):
        make_trainer().fit(returning(line, lambda m: None), data)
    assert facula.equal(before, line.layer.weight)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda m: 3, "expected an optimizer, a list of optimizers, .* got int. Return e.g. facula.optim.Adam"),
        (lambda m: [], "expected an optimizer, .*got a list of nothing"),
        (lambda m: [sgd(m), StepLR(sgd(m), 1)], "got a list of SGD, StepLR"),
        (
            lambda m: {"optimiser": sgd(m)},
            "expected a dict with 'optimizer' and 'lr_scheduler', got a dict with 'optimi",
        ),
        (lambda m: {"optimizer": sgd(m), "interval": "step"}, "Put interval, frequency and monitor into"),
        (lambda m: ([sgd(m)], [sgd(m)]), "expected a learning-rate scheduler, got SGD"),
        (lambda m: ([o := sgd(m)], [{"schedule": StepLR(o, 1)}]), "keys among .*scheduler.*, got 'schedule'"),
        (
            lambda m: ([o := sgd(m)], [{"scheduler": StepLR(o, 1), "interval": "batch"}]),
            "'epoch' or 'step', got 'batch'",
        ),
        (lambda m: ([o := sgd(m)], [ReduceLROnPlateau(o)]), "expected a 'monitor' for ReduceLROnPlateau, got none"),
        (lambda m: [sgd(m), sgd(m)], "expected one optimizer with automatic optimization, got 2. Set self.automatic"),
    ],
)
def test_what_configure_optimizers_may_not_return(line, make, message):
    with pytest.raises(MisconfigurationException, match=message):
        configure(returning(line, make))


@pytest.mark.parametrize(
    ("options", "rates"),
    [
        ({}, [1.0, 1.0, 0.5, 0.5]),
        ({"interval": "step"}, [1.0, 0.5, 0.25, 0.125]),
        ({"interval": "step", "frequency": 3}, [1.0, 1.0, 1.0, 0.5]),
        ({"frequency": 2}, [1.0, 1.0, 1.0, 1.0]),
    ],
)
def test_when_schedulers_step(line, data, make_trainer, options, rates):
    seen = []

    class Rates(type(line)):
        def on_train_batch_start(self, batch, batch_idx):
            seen.append(self.optimizers().param_groups[0]["lr"])

    def make(module):
        optimizer = sgd(module)
        return [optimizer], [{"scheduler": StepLR(optimizer, 1, gamma=0.5), **options}]

    make_trainer(limit_train_batches=2).fit(returning(Rates(), make), data)
    assert seen == rates


def test_plateau_sees_the_epochs_validation(line, data, make_trainer):
    def make(module):
        optimizer = sgd(module, 0.0)
        plateau = ReduceLROnPlateau(optimizer, patience=0, factor=0.5)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": plateau, "monitor": "val_loss"}}

    trainer = make_trainer(max_epochs=3)
    facula.manual_seed(0)
    with facula.no_grad():
        line.layer.weight.zero_()
    trainer.fit(returning(line, make), data, data)
    assert trainer.lr_scheduler_configs[0].scheduler.num_bad_epochs == 0
    with pytest.raises(
        MisconfigurationException, match="a logged value named 'val_loss' to monitor, got loss, loss_epoch"
    ):
        make_trainer().fit(returning(type(line)(), make), data)


class TwoOptimizers(LightningModule):
    """Two layers, each trained by its own optimizer."""

    def __init__(self):
        super().__init__()
        self.automatic_optimization = False
        self.first, self.second = facula.nn.Linear(4, 1), facula.nn.Linear(4, 1)
        self.hooked = []

    def training_step(self, batch, batch_idx):
        x, y = batch
        first, second = self.optimizers()
        self.toggle_optimizer(first)
        assert not self.second.weight.requires_grad
        first.zero_grad()
        self.manual_backward(F.mse_loss(self.first(x), y))
        self.clip_gradients(first, 0.5)
        first.step()
        self.untoggle_optimizer(first)
        with self.toggled_optimizer(second):
            assert not self.first.weight.requires_grad

            def closure():
                second.zero_grad()
                loss = F.mse_loss(self.second(x), y)
                self.manual_backward(loss)
                return loss

            second.step(closure)
        self.lr_schedulers().step()
        assert self.first.weight.requires_grad
        assert self.second.weight.requires_grad

    def on_before_optimizer_step(self, optimizer):
        self.hooked.append(optimizer.param_groups[0]["lr"])

    def configure_optimizers(self):
        first = facula.optim.SGD(self.first.parameters(), lr=0.1)
        second = facula.optim.SGD(self.second.parameters(), lr=0.01)
        return [first, second], [StepLR(first, 1, gamma=1.0)]


def test_manual_optimization_with_two_optimizers(data, make_trainer):
    module = TwoOptimizers()
    before = [p.detach().clone() for p in module.parameters()]
    trainer = make_trainer(max_epochs=1)
    trainer.fit(module, data)
    assert trainer.global_step == 2 * len(data)
    assert module.hooked == [0.1, 0.01] * len(data)
    assert all(not facula.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))
    assert re.match("LightningSGD", repr(module.optimizers()[0]))
    assert module.optimizers(use_pl_optimizer=False)[0] is trainer.optimizers[0]


def test_manual_and_automatic_do_not_mix(line, data, make_trainer):
    with pytest.raises(MisconfigurationException, match="no gradient_clip_val with manual optimization, got 1.0"):
        make_trainer(gradient_clip_val=1.0).fit(TwoOptimizers(), data)
    with pytest.raises(
        MisconfigurationException, match="expected accumulate_grad_batches=1 with manual optimization, got 2"
    ):
        make_trainer(accumulate_grad_batches=2).fit(TwoOptimizers(), data)

    class Mixed(type(line)):
        def training_step(self, batch, batch_idx):
            self.manual_backward(super().training_step(batch, batch_idx))

    with pytest.raises(
        MisconfigurationException, match="manual_backward: expected manual optimization, got automatic in Mi"
    ):
        make_trainer().fit(Mixed(), data)

    class Returns(TwoOptimizers):
        def training_step(self, batch, batch_idx):
            return 3

    with pytest.raises(
        MisconfigurationException, match="expected a tensor, a dict or None in manual optimization, got int"
    ):
        make_trainer().fit(Returns(), data)


def test_optimizer_step_may_be_written_anew(line, data, make_trainer):
    class Every2(type(line)):
        def optimizer_step(self, epoch, batch_idx, optimizer, optimizer_closure=None):
            if batch_idx % 2:
                optimizer.step(closure=optimizer_closure)
            else:
                optimizer_closure()

    changes = []

    class Watch(Every2):
        def on_train_batch_start(self, batch, batch_idx):
            self.before = self.layer.weight.detach().clone()

        def on_train_batch_end(self, outputs, batch, batch_idx):
            changes.append(not facula.equal(self.before, self.layer.weight))

    make_trainer(max_epochs=1).fit(Watch(), data)
    assert changes == [False, True] * 3
