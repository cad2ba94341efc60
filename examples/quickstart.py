"""Train a small network on scans of handwritten digits, export it, quantize it, and write a page about it all.

Everything it needs comes with the packages: 1,797 scans of 8 by 8 pixels, a fixed third of them held out for the test.
"""

from __future__ import annotations

import argparse
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np

import facula
import facula_lightning as lightning
from facula import nn
from facula.utils.data import DataLoader
from facula_lightning import plots
from facula_lightning.callbacks.summary import summarize
from facula_lightning.report import Report
from facula_lightning.tables import human
from facula_vision import transforms
from facula_vision.datasets import Digits

SEED = 1
BATCH_SIZE = 32
LEARNING_RATE = 6e-3


def block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class DigitClassifier(lightning.LightningModule):
    """Three convolutions and two linear layers, with what it takes to train them."""

    def __init__(self, width: int = 16, learning_rate: float = LEARNING_RATE) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = nn.Sequential(
            block(1, width),  # (N, width, 8, 8)
            block(width, 2 * width),
            nn.MaxPool2d(2),  # (N, 2 width, 4, 4)
            block(2 * width, 2 * width),
            nn.MaxPool2d(2),
            nn.Flatten(),  # (N, 8 width)
            nn.Dropout(0.3),
            nn.Linear(8 * width, 64),
            nn.ReLU(),
            nn.Linear(64, 10),
        )

    def forward(self, images):
        return self.network(images)

    def training_step(self, batch, batch_idx):
        images, labels = batch
        scores = self(shifted(images))
        loss = nn.functional.cross_entropy(scores, labels, label_smoothing=0.05)
        self.log("loss", loss, prog_bar=True, on_step=True, on_epoch=True)
        self.log("accuracy", hits(scores, labels), on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        scores = self(images)
        self.log("val_loss", nn.functional.cross_entropy(scores, labels))
        self.log("val_accuracy", hits(scores, labels), prog_bar=True)

    def test_step(self, batch, batch_idx):
        images, labels = batch
        self.log("test_accuracy", hits(self(images), labels))

    def predict_step(self, batch, batch_idx):
        return self(batch[0]).softmax(dim=1)

    def configure_optimizers(self):
        rate = self.hparams.learning_rate
        optimizer = facula.optim.AdamW(self.parameters(), lr=rate / 25, weight_decay=0.01)
        steps = self.trainer.estimated_stepping_batches
        schedule = facula.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def hits(scores, labels):
    """The part of a batch whose highest score is at its label."""
    return (scores.argmax(dim=1) == labels).float().mean()


def shifted(images):
    """The pictures moved by up to one pixel: people do not write in the middle."""
    down, right = facula.randint(0, 3, (2,)).tolist()
    return nn.functional.pad(images, (1, 1, 1, 1))[:, :, down : down + 8, right : right + 8]


def loaders() -> tuple[DataLoader, DataLoader, DataLoader]:
    """Batches for training, for validation (a tenth of what is not held out) and for the test (the held-out third)."""
    digits = Digits(train=True, transform=transforms.ToTensor())
    parts = facula.utils.data.random_split(digits, [0.9, 0.1], generator=facula.Generator().manual_seed(SEED))
    test = Digits(train=False, transform=transforms.ToTensor())
    return (
        DataLoader(parts[0], batch_size=BATCH_SIZE, shuffle=True, drop_last=True),
        DataLoader(parts[1], batch_size=128),
        DataLoader(test, batch_size=128),
    )


def train(output: Path, epochs: int) -> tuple[DigitClassifier, dict[str, Any]]:
    """Fit the network and measure it on the held-out third."""
    lightning.seed_everything(SEED, verbose=False)
    model = DigitClassifier()
    training, validation, test = loaders()
    logger = lightning.loggers.CSVLogger(output, name=None, version="log")
    trainer = lightning.Trainer(
        max_epochs=epochs,
        logger=logger,
        log_every_n_steps=5,
        callbacks=[lightning.callbacks.LearningRateMonitor("step")],
        enable_checkpointing=False,
    )
    begun = time.perf_counter()
    trainer.fit(model, training, validation)
    seconds = time.perf_counter() - begun
    scores = facula.cat(trainer.predict(model, test))
    truth = facula.cat([labels for _, labels in test])
    images = facula.cat([images for images, _ in test])
    found = {"rows": logger.rows, "steps": len(training), "epochs": epochs, "seconds": seconds}
    sizes = {"trained on": len(training.dataset), "validated on": len(validation.dataset)}
    return model, found | sizes | {"scores": scores, "truth": truth, "images": images}


def export(network: nn.Module, images: Any, path: Path) -> float:
    """Write the network as ONNX; the largest difference between its scores and onnxruntime's for the test pictures."""
    import onnxruntime

    names = {"input_names": ["input"], "output_names": ["scores"], "dynamic_axes": {"input": {0: "batch"}}}
    facula.onnx.export(network, images[:2], path, **names)
    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {"input": images.numpy()})
    with facula.no_grad():
        ours = network(images).numpy()
    return float(np.abs(ours - theirs).max())


def quantize(network: nn.Module, images: Any, truth: Any) -> float:
    """The accuracy of the network with int8 weights in its linear layers."""
    small = facula.quantization.quantize_dynamic(network, {nn.Linear}, dtype=facula.qint8)
    with facula.no_grad():
        return hits(small(images), truth).item()


def pictures(output: Path, found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Draw curves, confusion and predictions, write them as PNG, and return each in light and in dark."""
    confidence, predicted = (t.numpy() for t in found["scores"].max(dim=1))
    truth = found["truth"].numpy()
    matrix = np.zeros((10, 10), int)
    np.add.at(matrix, (truth, predicted), 1)
    order = np.lexsort((confidence, predicted == truth))[:60]  # mistakes, then the least certain
    mistakes = int((predicted != truth).sum())
    title = f"{mistakes} of {len(truth)} mistaken: all of them, then the {60 - mistakes} it was least sure of"
    panels = {
        "Loss": {"training": "loss_step", "validation": "val_loss"},
        "Accuracy": {"training": "accuracy", "validation": "val_accuracy"},
        "Learning rate": {"": "lr-AdamW"},
    }
    shown = found["images"].numpy()[order, 0]
    drawn = {}
    for theme in (plots.LIGHT, plots.DARK):
        figures = {
            "curves": plots.draw_curves(
                found["rows"], panels, found["steps"], theme, log_scale=["Loss"], limits={"Accuracy": (0.6, 1.0)}
            ),
            "confusion": plots.draw_confusion(matrix, Digits.classes, theme),
            "predictions": plots.draw_predictions(
                shown, predicted[order], truth[order], confidence[order], title, theme=theme
            ),
        }
        for name, figure in figures.items():
            drawn[name] = (*drawn.get(name, ()), figure)
    for name, (light, _) in drawn.items():
        light.savefig(output / f"{name}.png")
    return drawn


def page(output: Path, model: DigitClassifier, found: dict[str, Any], drawn: dict[str, tuple[Any, Any]]) -> Path:
    """Write `report.html`, which shows everything and needs no other file."""
    count, tested = sum(p.numel() for p in model.parameters()), len(found["truth"])
    report = Report(
        "A network that reads handwritten digits",
        f"Trained in {found['seconds']:.1f} s on {found['trained on']:,} scans of 8 by 8 pixels, then tried on "
        f"{tested} others that it had never seen.",
    )
    wrong = round(tested * (1 - found["accuracy"]))
    report.numbers(
        [
            (f"{found['accuracy']:.3f}", "test accuracy", f"{wrong} of {tested} scans mistaken"),
            (f"{found['int8 accuracy']:.3f}", "accuracy as int8", "8-bit weights in the linear layers"),
            (f"{found['difference']:.1e}", "ONNX difference", "largest, against onnxruntime"),
            (human(count), "parameters", f"{count:,} numbers to learn"),
            (f"{found['seconds']:.1f} s", "training", f"{found['epochs']} epochs of {found['steps']} steps"),
        ]
    )
    note = (
        "Each training step sees pictures moved by up to a pixel, with dropout and softened labels, so its loss stays "
        "above that of validation. The rate rises once and falls to nothing."
    )
    report.picture("Learning", *drawn["curves"], note, "Loss, accuracy and learning rate over the epochs")
    note = "Rows: the digit that was written. Columns: what the network read. Recall is the part that was read rightly."
    report.picture("What it confuses", *drawn["confusion"], note, "Confusion matrix of the test scans")
    rows = layers(model.network, found["images"][:1])
    report.table("The network", ["layer", "kind", "parameters", "output"], rows, right=[2])
    report.beside()
    note = "Above each scan what was read, below it how surely. Red frames are mistakes: read 9, is 3."
    report.picture("What it reads", *drawn["predictions"], note, "Test scans with predictions")
    files = [
        [file.name, f"{file.stat().st_size:,}", use]
        for file, use in [
            (output / "model.safetensors", "the weights, for any reader of safetensors"),
            (output / "model.onnx", "the network and its weights, for any ONNX runtime"),
            (output / "log" / "metrics.csv", "all logged numbers, a row a step"),
        ]
    ]
    report.table("Files", ["name", "bytes", "what it is"], files, right=[1])
    spent = [[what, f"{seconds:.1f} s"] for what, seconds in found["times"].items()]
    report.table("Time", ["", ""], [*spent, ["together", f"{sum(found['times'].values()):.1f} s"]], right=[1])
    settings = {
        **model.hparams,
        "batch size": BATCH_SIZE,
        "seed": SEED,
        "scans": f"{found['trained on']} training, {found['validated on']} validation, {tested} test",
        "optimizer": "AdamW, one-cycle schedule",
    }
    report.table("Settings", ["", ""], [[name.replace("_", " "), value] for name, value in settings.items()])
    report.beside()
    report.steps("Next", NEXT)
    versions = f"Facula {facula.__version__}, NumPy {np.__version__}, Python {platform.python_version()}"
    source = "Scans: Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, CC BY 4.0."
    return report.write(output / "report.html", f"{versions}, {platform.system()} {platform.machine()}. {source}")


NEXT = [
    (
        "Use the weights.",
        "network = DigitClassifier().network\n"
        'network.load_state_dict(facula.load("quickstart-output/model.safetensors"))\n'
        "digit = network.eval()(images).argmax(dim=1)",
    ),
    (
        "Serve the ONNX file without Facula.",
        'session = onnxruntime.InferenceSession("quickstart-output/model.onnx")\n'
        '(scores,) = session.run(None, {"input": images})  # float32, (N, 1, 8, 8), 0 to 1',
    ),
    ("Change the network or its training in examples/quickstart.py and run it again.", "nox -s quickstart"),
    ("Walk through tensors, gradients, data and training in docs/tutorial.md.", ""),
]


def layers(network: nn.Module, image: Any) -> list[list[str]]:
    """Name, kind, parameters and shape of the output of every layer, for one picture."""
    rows = [row for row in summarize(network, max_depth=-1, example=image) if row.kind != "Sequential"]
    return [[r.name, r.kind, f"{r.parameters:,}", " x ".join(map(str, (r.out_shape or ())[1:]))] for r in rows]


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train, export, quantize and report.")
    parser.add_argument("--output", type=Path, default=Path("quickstart-output"), help="the folder to write into")
    parser.add_argument("--epochs", type=int, default=15, help="how often to go through the training scans")
    options = parser.parse_args(arguments)
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    facula.set_num_threads(1)  # pictures so small are done before a second thread has begun
    times: dict[str, float] = {}

    def timed(name: str, function: Any, *args: Any) -> Any:
        begun = time.perf_counter()
        result = function(*args)
        times[name] = time.perf_counter() - begun
        return result

    model, found = timed("training and test", train, output, options.epochs)
    network, images, truth = model.network.eval(), found["images"], found["truth"]
    found["accuracy"] = hits(found["scores"], truth).item()
    facula.save(network.state_dict(), output / "model.safetensors")
    found["difference"] = timed("ONNX export and check", export, network, images, output / "model.onnx")
    found["int8 accuracy"] = timed("int8", quantize, network, images, truth)
    drawn = timed("pictures", pictures, output, found)
    report = page(output, model, found | {"times": times}, drawn)
    print(f"written: {', '.join(sorted(file.name for file in output.iterdir() if file.is_file()))} in {output}")
    print(
        f"quickstart: test accuracy {found['accuracy']:.3f}, onnx max difference {found['difference']:.1e}, "
        f"int8 accuracy {found['int8 accuracy']:.3f}, report {report}"
    )


if __name__ == "__main__":
    main()
