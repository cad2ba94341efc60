"""The metrics of core, under this package's name and in `self.log`."""

import pytest

import facula
import facula_lightning as lightning


def test_the_metrics_are_those_of_core():
    assert lightning.metrics.__all__ == facula.metrics.__all__
    assert "Accuracy" in facula.metrics.__all__
    for name in facula.metrics.__all__:
        assert getattr(lightning.metrics, name) is getattr(facula.metrics, name)


def test_logged_metrics_are_computed_over_the_epoch(line_class, make_trainer):
    class Measures(line_class):
        def __init__(self):
            super().__init__()
            self.error = lightning.metrics.MeanAbsoluteError()

        def validation_step(self, batch, batch_idx):
            self.error(self(batch[0]), batch[1])
            self.log("error", self.error)

    x = facula.randn(20, 4)
    batches = [(x[:3], facula.zeros(3, 1)), (x[3:], facula.ones(17, 1))]
    module = Measures()
    found = make_trainer().validate(module, batches, verbose=False)
    target = facula.cat([facula.zeros(3, 1), facula.ones(17, 1)])
    with facula.no_grad():
        assert found[0]["error"] == pytest.approx((module(x) - target).abs().mean().item(), rel=1e-5)
    assert make_trainer().validate(module, batches, verbose=False) == found
