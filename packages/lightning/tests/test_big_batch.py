"""Accumulated batches of any sizes have the gradient of one big batch."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import facula
import facula_lightning as lightning


class Weighted(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        facula.manual_seed(0)
        self.net = facula.nn.Sequential(facula.nn.Linear(3, 5), facula.nn.Tanh(), facula.nn.Linear(5, 1))

    def training_step(self, batch, batch_idx):
        x, y = batch
        return {"loss": facula.nn.functional.mse_loss(self.net(x), y), "weight": len(x)}

    def configure_optimizers(self):
        return facula.optim.SGD(self.parameters(), lr=0.1, momentum=0.9)


def trained(batches, accumulate):
    module = Weighted()
    trainer = lightning.Trainer(max_epochs=2, accumulate_grad_batches=accumulate, barebones=True)
    trainer.fit(module, batches)
    return np.concatenate([p.detach().numpy().reshape(-1) for p in module.parameters()])


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.integers(1, 7), min_size=1, max_size=4), min_size=1, max_size=3))
def test_ragged_accumulation_equals_the_big_batch(groups):
    most = max(len(sizes) for sizes in groups)
    groups = [[*sizes, *[1] * (most - len(sizes))] for sizes in groups[:-1]] + groups[-1:]
    generator = facula.Generator().manual_seed(1)
    big, small = [], []
    for sizes in groups:
        x = facula.randn(sum(sizes), 3, generator=generator)
        y = x.sum(1, keepdim=True)
        big.append((x, y))
        small += list(zip(x.split(sizes), y.split(sizes), strict=True))
    np.testing.assert_allclose(trained(small, most), trained(big, 1), rtol=0, atol=1e-6)
