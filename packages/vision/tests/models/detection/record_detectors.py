"""Write `facts.json`: what torchvision's detectors hold, at random and for published weights, for the table test here.

Run where torchvision is installed: `python record_detectors.py`. The test itself needs neither torch nor torchvision.
"""

import hashlib
import json
from pathlib import Path


def digest(state):
    """SHA-256 of all names and shapes in their order."""
    lines = [f"{name} {tuple(value.shape)}\n" for name, value in state.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def facts(model):
    """Counts, and the digest of the state_dict."""
    state, parameters = model.state_dict(), list(model.parameters())
    return {
        "parameters": sum(parameter.numel() for parameter in parameters),
        "trained": sum(parameter.numel() for parameter in parameters if parameter.requires_grad),
        "entries": len(state),
        "digest": digest(state),
    }


def main():
    import torch
    import torchvision
    from torchvision.models import detection
    from torchvision.models._api import WeightsEnum

    found = {}
    names = torchvision.models.list_models(module=detection)
    for name in names:
        found[name] = {"random": facts(getattr(detection, name)(weights_backbone=None))}
    WeightsEnum.get_state_dict = lambda self, *_, **__: {}  # nothing is fetched, only names and shapes count
    torch.nn.Module.load_state_dict = lambda self, *_, **__: None
    for name in names:
        found[name]["published"] = facts(getattr(detection, name)(weights="DEFAULT"))
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in found.items())
    version = torchvision.__version__.split("+")[0]
    text = f'{{"torchvision": {json.dumps(version)}, "models": {{\n{lines}\n}}}}\n'
    Path(__file__).with_name("facts.json").write_text(text)


if __name__ == "__main__":
    main()
