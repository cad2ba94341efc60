"""Run by test_ddp.py, alone or under mpiexec: trains on sequences of different lengths; rank 0 writes what came out."""

import json
import sys
from pathlib import Path

import facula
import facula_lightning as lightning
from facula.utils.data import DataLoader, TensorDataset
from facula_lightning.callbacks import EarlyStopping, ModelCheckpoint


class Tokens(lightning.LightningModule):
    """Predicts a number for each token; the loss is the mean over all that are no padding."""

    def __init__(self):
        super().__init__()
        self.net = facula.nn.Sequential(facula.nn.Linear(4, 8), facula.nn.Tanh(), facula.nn.Linear(8, 1))
        self.losses = []
        self.error = lightning.metrics.MeanAbsoluteError()
        self.ranking = lightning.metrics.AUROC()

    def mean(self, batch):
        x, y, mask = batch  # (N, T, 4), (N, T), (N, T)
        error = (self.net(x).squeeze(-1) - y).square() * mask
        return error.sum() / mask.sum(), mask.sum().item()

    def training_step(self, batch, batch_idx):
        loss, count = self.mean(batch)
        self.log("loss", loss, on_epoch=True, on_step=False, batch_size=count, sync_dist=True)
        return {"loss": loss, "weight": count}

    def validation_step(self, batch, batch_idx):
        loss, count = self.mean(batch)
        self.log("val_loss", loss, batch_size=count, sync_dist=True)
        self.error(self.net(batch[0]).squeeze(-1), batch[1])
        self.ranking(self.net(batch[0]).mean((1, 2)), (batch[1].mean(1) > 0).long())
        self.log_dict({"val_error": self.error, "val_ranking": self.ranking})

    def on_train_epoch_end(self):
        self.losses.append(self.trainer.metrics.active.reduced(2)["loss"])

    def configure_optimizers(self):
        return facula.optim.Adam(self.parameters(), lr=0.01)


def data(count):
    generator = facula.Generator().manual_seed(count)
    x = facula.randn(count, 6, 4, generator=generator)
    lengths = facula.randint(1, 7, (count, 1), generator=generator)
    mask = (facula.arange(6) < lengths).float()
    return TensorDataset(x, x.sum(-1), mask)


def main(output, strategy, batch_size):
    losses = []
    for epochs, resume in ((2, None), (4, "last")):
        lightning.seed_everything(1 if resume is None else 2, verbose=False)
        module = Tokens()
        trainer = lightning.Trainer(
            max_epochs=epochs,
            strategy=strategy,
            accumulate_grad_batches=2,
            default_root_dir=output,
            callbacks=[ModelCheckpoint(output / "kept", monitor="val_loss", save_last=True), EarlyStopping("val_loss")],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, DataLoader(data(48), batch_size), DataLoader(data(16), batch_size), ckpt_path=resume)
        losses += module.losses
    found = trainer.validate(module, DataLoader(data(16), batch_size), verbose=False)
    if trainer.is_global_zero:
        weights = [p.detach().reshape(-1).tolist() for p in module.parameters()]
        result = {"losses": losses, "weights": weights, "found": list(found[0].values()), "ranks": trainer.world_size}
        (output / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
