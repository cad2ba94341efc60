"""Averaged models, their schedule and their statistics, beside torch's."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")


def averages(lib, kind, use_buffers=False):
    swa = lib.optim.swa_utils
    options = {
        "plain": {},
        "swa": {"avg_fn": swa.get_swa_avg_fn()},
        "multi": {"multi_avg_fn": swa.get_swa_multi_avg_fn()},
        "ema": {"avg_fn": swa.get_ema_avg_fn(0.9)},
        "ema multi": {"multi_avg_fn": swa.get_ema_multi_avg_fn(0.9)},
        "own": {"avg_fn": lambda average, current, n: current / (n + 2)},
    }[kind]
    net = lib.nn.Sequential(lib.nn.Linear(2, 2), lib.nn.BatchNorm1d(2, affine=False))
    averaged = swa.AveragedModel(net, use_buffers=use_buffers, **options)
    for step in range(4):
        with lib.no_grad():
            for i, p in enumerate(net.parameters()):
                p.fill_(float(step * 3 + i))
            net[1].running_mean.fill_(float(step))
            net[1].running_var.fill_(float(step + 1))
        averaged.update_parameters(net)
    return averaged


@pytest.mark.parametrize("kind", ["plain", "swa", "multi", "ema", "ema multi", "own"])
def test_averages(kind):
    ours, theirs = averages(facula, kind), averages(torch, kind)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-6)
    assert ours.n_averaged.item() == 4


@pytest.mark.parametrize("kind", ["swa", "ema"])
def test_buffers_are_averaged_on_demand(kind):
    ours, theirs = averages(facula, kind, True), averages(torch, kind, True)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), rtol=1e-6)


@pytest.mark.parametrize("epochs", [0, 1, 3])
@pytest.mark.parametrize("strategy", ["cos", "linear"])
def test_schedule(epochs, strategy):
    curves = []
    for lib in (facula, torch):
        groups = [{"params": [lib.nn.Parameter(lib.ones(1))], "lr": rate} for rate in (1.0, 0.1)]
        optimizer = lib.optim.SGD(groups, lr=1.0)
        scheduler = lib.optim.swa_utils.SWALR(optimizer, [0.05, 0.2], epochs, strategy)
        curve = [scheduler.get_last_lr()]
        for _ in range(6):
            optimizer.step()
            scheduler.step()
            curve.append(scheduler.get_last_lr())
        curves.append(curve)
    np.testing.assert_allclose(curves[0], curves[1], rtol=1e-12)


@pytest.mark.parametrize("momentum", [0.3, None])
def test_statistics_of_batch_norm(momentum):
    data, found = np.random.default_rng(0).random((4, 5, 3), np.float32), []
    for lib in (facula, torch):
        net = lib.nn.Sequential(lib.nn.BatchNorm1d(3, momentum=momentum), lib.nn.Dropout(0.5))
        net.eval()
        net[0].running_mean.fill_(7.0)
        lib.optim.swa_utils.update_bn([(lib.tensor(batch), 0) for batch in data], net)
        assert not net.training
        assert net[0].momentum == momentum
        found.append(net.state_dict())
    for key, value in found[1].items():
        np.testing.assert_allclose(found[0][key].numpy(), value.numpy(), rtol=1e-5)


def test_arguments_are_checked():
    swa, net = facula.optim.swa_utils, facula.nn.Linear(1, 1)
    optimizer = facula.optim.SGD(net.parameters(), lr=1.0)
    for make in (swa.get_ema_avg_fn, swa.get_ema_multi_avg_fn):
        with pytest.raises(ValueError, match="Invalid decay value 1.5"):
            make(1.5)
    with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
        swa.AveragedModel(net, avg_fn=swa.get_swa_avg_fn(), multi_avg_fn=swa.get_swa_multi_avg_fn())
    with pytest.raises(ValueError, match="must be one of 'cos' or 'linear', instead got log"):
        swa.SWALR(optimizer, 0.1, anneal_strategy="log")
    with pytest.raises(ValueError, match="anneal_epochs must be equal or greater than 0, got -1"):
        swa.SWALR(optimizer, 0.1, anneal_epochs=-1)
    with pytest.raises(ValueError, match="expected 1 values for swa_lr, got 2"):
        swa.SWALR(optimizer, [0.1, 0.2])
    swa.update_bn([facula.ones(1, 1)], net)
