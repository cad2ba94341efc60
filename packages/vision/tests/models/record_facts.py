"""Write `facts.json`: what torchvision's models hold and give, for the table test beside this file.

Run where torchvision is installed: `python record_facts.py`. The test itself needs neither torch nor torchvision.
"""

import hashlib
import json
from pathlib import Path

VIDEO = {"r3d_18": 112, "mc3_18": 112, "r2plus1d_18": 112, "swin3d_t": 64, "swin3d_s": 64, "swin3d_b": 64}
ROOMS = ("segmentation", "video", "optical_flow")
DETECTORS = ("rcnn", "retinanet", "fcos", "ssd")


def digest(state):
    """SHA-256 of all names and shapes in their order."""
    lines = [f"{name} {tuple(value.shape)}\n" for name, value in state.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def shapes(value):
    """The shapes in a nest of tensors; of a list, its length and its last shape."""
    if isinstance(value, dict):
        return {key: shapes(part) for key, part in value.items()}
    if isinstance(value, list):
        return {"count": len(value), "last": shapes(value[-1])}
    return list(value.shape)


def inputs(name, room):
    """The shapes of what the model is run on."""
    if room == "optical_flow":
        return [[1, 3, 128, 136]] * 2
    if room == "video":
        return [[1, 3, 16, *[VIDEO.get(name, 224)] * 2]]
    return [[1, 3, 65, 81]] if room == "segmentation" else [[1, 3, 224, 224]]


def main():
    import torch
    import torchvision

    facts = {"torchvision": torchvision.__version__.split("+")[0], "models": {}}
    for name in torchvision.models.list_models():
        if name.startswith("quantized_") or any(part in name for part in DETECTORS):
            continue
        room = torchvision.models.get_model_builder(name).__module__.split(".")[2]
        options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
        if room == "segmentation":
            options["weights_backbone"] = None
        device = "meta"
        try:
            with torch.device("meta"):
                model = torchvision.models.get_model(name, **options)
        except NotImplementedError:  # a model that computes its rates of dropping with tensors
            model = torchvision.models.get_model(name, **options)
            device = "cpu"
        state = model.state_dict()
        sizes = inputs(name, room)
        model.eval()
        with torch.no_grad():
            output = model(*(torch.zeros(size, device=device) for size in sizes))
        facts["models"][name] = {
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "entries": len(state),
            "digest": digest(state),
            "inputs": sizes,
            "output": shapes(output),
            "room": room if room in ROOMS else "",
        }
        print(name, facts["models"][name]["output"], flush=True)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in sorted(facts["models"].items()))
    text = f'{{"torchvision": {json.dumps(facts["torchvision"])}, "models": {{\n{lines}\n}}}}\n'
    Path(__file__).with_name("facts.json").write_text(text)


if __name__ == "__main__":
    main()
