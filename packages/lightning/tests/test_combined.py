import pytest

import facula
from facula.utils.data import DataLoader, TensorDataset
from facula_lightning import CombinedLoader, LightningModule


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        ("min_size", [[1, 4], [2, 5]]),
        ("max_size", [[1, 4], [2, 5], [3, None]]),
        ("max_size_cycle", [[1, 4], [2, 5], [3, 4]]),
    ],
)
def test_modes(mode, rows):
    loader = CombinedLoader([[1, 2, 3], [4, 5]], mode)
    assert list(loader) == list(loader) == rows
    assert len(loader) == len(rows)


def test_unknown_mode():
    with pytest.raises(ValueError, match="CombinedLoader: expected mode 'max_size_cycle', .* got 'all'"):
        CombinedLoader([], "all")


class Two(LightningModule):
    def __init__(self):
        super().__init__()
        self.layer = facula.nn.Linear(1, 1)
        self.seen = []

    def training_step(self, batch, batch_idx):
        self.seen.append([part[0].flatten().tolist() for part in batch.values()])
        return sum(self.layer(part[0]).mean() for part in batch.values())

    def configure_optimizers(self):
        return facula.optim.SGD(self.parameters(), lr=0.1)


def loaders(seed):
    facula.manual_seed(seed)
    long, short = (TensorDataset(facula.arange(float(n)).reshape(n, 1)) for n in (10, 6))
    own = facula.Generator().manual_seed(4)
    return {"a": DataLoader(long, 2, shuffle=True), "b": DataLoader(short, 2, shuffle=True, generator=own)}


def test_training_on_several_loaders_resumes_anywhere(make_trainer, tmp_path):
    class Saves(Two):
        def on_train_batch_start(self, batch, batch_idx):
            self.trainer.save_checkpoint(tmp_path / f"{self.trainer.fit_loop.batches}.ckpt.safetensors")

    whole = Saves()
    make_trainer(max_epochs=3).fit(whole, loaders(1))
    assert len(whole.seen) == 15
    for done in (1, 3, 4, 5, 8, 10, 13):
        again = Two()
        make_trainer(max_epochs=3).fit(again, loaders(2), ckpt_path=tmp_path / f"{done}.ckpt.safetensors")
        assert again.seen == whole.seen[done:], done
        assert facula.equal(again.layer.weight, whole.layer.weight)
