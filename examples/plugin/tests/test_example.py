"""The public suites of `facula.testing`, run on everything that the example registers."""

import math

import pytest

import facula
from facula import testing
from facula.autograd.op import ALL
from facula.plugins import TABLES
from facula_example.finite import StopWhenNotFinite

NAMES = {
    "devices": "shadow",
    "ops": "squareplus",
    "models": "tiny_net",
    "datasets": "spirals",
    "transforms": "mirror",
    "callbacks": "stop_when_not_finite",
}


@pytest.mark.parametrize("kinds", NAMES)
def test_it_is_known_by_its_name_and_by_its_owner(kinds):
    name = NAMES[kinds]
    assert TABLES[kinds].entry(name).owner == "facula-example"
    assert TABLES[kinds].get(name) is TABLES[kinds].get(f"facula-example:{name}")


def needs_scipy(op):
    """Whether SciPy computes the op; it knows nothing of other devices, which need a kernel of their own there."""
    family = op.__module__.rpartition(".")[2]
    families = {"bessel", "gamma", "linalg_decompositions", "linalg_norms", "quantile"}
    return family in families or op.name in {"gelu", "normal_cdf_op", "xlogy", "special_xlog1py"}


def test_device():
    ops = [op for op in ALL.values() if not needs_scipy(op)]
    assert len(ops) > 200
    testing.check_device("shadow", ops)


def test_op():
    testing.check_op(TABLES["ops"].get("squareplus"))


def test_model():
    testing.check_model(lambda: facula.models.create("tiny_net", num_classes=3), facula.randn(5, 2))


def test_model_on_the_device():
    model = facula.models.create("tiny_net").to("shadow")
    out = model(facula.ones(4, 2, device="shadow"))
    out.sum().backward()
    assert out.device.type == "shadow"
    assert {parameter.grad.device.type for parameter in model.parameters()} == {"shadow"}


def test_dataset():
    testing.check_dataset(facula.datasets.create("spirals", length=20))
    mirrored = facula.datasets.create("spirals", length=20, transform=facula.transforms.create("mirror"))
    assert facula.equal(mirrored[3][0], -facula.datasets.create("spirals", length=20)[3][0])


@pytest.mark.parametrize("length", [0, -1])
def test_dataset_refuses_no_points(length):
    with pytest.raises(ValueError, match="Spirals: expected a length of at least 1"):
        facula.datasets.create("spirals", length=length)


@pytest.mark.parametrize(("loss", "stops"), [(1.0, False), (math.nan, True), (math.inf, True)])
def test_callback(loss, stops):
    class Trainer:
        should_stop = False

    trainer = Trainer()
    assert facula.callbacks.get("stop_when_not_finite") is StopWhenNotFinite
    StopWhenNotFinite().on_train_batch_end(trainer, None, {"loss": facula.tensor(loss)}, None, 0)
    assert trainer.should_stop is stops
