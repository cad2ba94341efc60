import pytest

import facula
import facula_lightning as lightning
from facula.utils.data import DataLoader, TensorDataset


def trained(precision=None, **options):
    facula.manual_seed(0)
    fabric = lightning.Fabric(precision=precision, **options)
    model = facula.nn.Linear(4, 1)
    model, optimizer = fabric.setup(model, facula.optim.SGD(model.parameters(), lr=0.1))
    x = facula.randn(32, 4)
    loader = fabric.setup_dataloaders(DataLoader(TensorDataset(x, x.sum(1, keepdim=True)), batch_size=8))
    assert len(loader) == 4
    losses = []
    for epoch in range(15):
        for a, b in loader:
            optimizer.zero_grad()
            loss = facula.nn.functional.mse_loss(model(a), b)
            fabric.backward(loss)
            fabric.clip_gradients(model, optimizer, max_norm=10.0)
            optimizer.step()
            losses.append(loss.item())
            fabric.log("loss", loss, step=len(losses))
        fabric.call("on_epoch", epoch)
    return fabric, model, optimizer, losses


@pytest.mark.parametrize("precision", [None, "bf16-mixed", "16-mixed", "64-true"])
def test_a_raw_loop_in_every_precision(precision):
    _, model, _, losses = trained(precision)
    assert losses[-1] < losses[0] / 2
    assert model.weight.dtype == (facula.float64 if precision == "64-true" else facula.float32)


def test_state_logs_and_callbacks(tmp_path):
    heard = []

    class Hears:
        def on_epoch(self, epoch):
            heard.append(epoch)

    logger = lightning.loggers.CSVLogger(tmp_path)
    fabric, model, optimizer, losses = trained(callbacks=Hears(), loggers=logger)
    assert heard == list(range(15))
    assert [row["loss"] for row in logger.rows] == pytest.approx(losses)
    fabric.save(tmp_path / "state.safetensors", {"model": model, "optimizer": optimizer, "epoch": 3})
    other = facula.nn.Linear(4, 1)
    state = {"model": other, "epoch": 0}
    rest = fabric.load(tmp_path / "state.safetensors", state)
    assert facula.equal(other.weight, model.weight)
    assert state["epoch"] == 3
    assert list(rest) == ["optimizer"]
    assert fabric.launch(lambda fabric, x: (fabric.world_size, x), 5) == (1, 5)
    assert (fabric.all_reduce(2.0), fabric.all_gather(1), fabric.broadcast("a")) == (2.0, [1], "a")
    with fabric.no_backward_sync(model), fabric.autocast():
        fabric.barrier()


def test_modules_and_optimizers_set_up_apart(tmp_path):
    fabric = lightning.Fabric(precision="16-mixed", loggers="csv")
    assert isinstance(fabric.logger, lightning.loggers.CSVLogger)
    assert (fabric.num_devices, fabric.world_size, fabric.is_global_zero) == (1, 1, True)
    model = fabric.setup_module(facula.nn.Linear(2, 1))
    optimizer = fabric.setup_optimizers(facula.optim.SGD(model.parameters(), lr=0.1))
    before = model.weight.detach().clone()
    fabric.backward(model(fabric.to_device({"x": facula.ones(1, 2)})["x"]).float().sum() / 4)
    optimizer.step()
    assert facula.allclose(before - model.weight, facula.full((1, 2), 0.025), atol=1e-6)
    both = fabric.setup_optimizers(*[facula.optim.SGD(model.parameters(), lr=0.1) for _ in range(2)])
    assert len(both) == 2
