"""Write `facts.json`: what torchvision's classification models hold, for the table test beside this file.

Run where torchvision is installed: `python record_facts.py`. The test itself needs neither torch nor torchvision.
"""

import hashlib
import json
from pathlib import Path


def digest(state):
    """SHA-256 of all names and shapes in their order."""
    lines = [f"{name} {tuple(value.shape)}\n" for name, value in state.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def main():
    import torch
    import torchvision

    facts = {"torchvision": torchvision.__version__.split("+")[0], "models": {}}
    for name in torchvision.models.list_models(module=torchvision.models):
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        try:
            with torch.device("meta"):
                model = torchvision.models.get_model(name, **options)
        except NotImplementedError:  # a model that computes its rates of dropping with tensors
            model = torchvision.models.get_model(name, **options)
        state = model.state_dict()
        facts["models"][name] = {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "entries": len(state),
            "digest": digest(state),
        }
    Path(__file__).with_name("facts.json").write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
