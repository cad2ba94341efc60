"""Write `weights.json`: where torchvision's published weights lie and what is known of them.

Run where torchvision is installed: `python record_weights.py`. Addresses, numbers and names of classes are facts; torchvision's
descriptions in words are left out. One line of the file is one set of weights; lists of classes stand once.
"""

import json
from pathlib import Path

HOST = "https://download.pytorch.org/models/"
TARGET = Path(__file__).parents[2] / "src" / "facula_vision" / "models" / "weights.json"
SHORT = {1000: "imagenet", 400: "kinetics", 91: "coco", 21: "voc", 2: "person"}


def line(entry, lists):
    """One set of weights, its lists of names replaced by their keys."""
    meta = {key: value for key, value in entry.meta.items() if key != "_docs"}
    for key in ("categories", "keypoint_names"):
        names = meta.get(key)
        if names is not None:
            short = SHORT.get(len(names), "keypoints")
            assert lists.setdefault(short, names) == names, (short, names[:5])
            meta[key] = short
    transforms = entry.transforms
    options = {key: getattr(value, "value", value) for key, value in getattr(transforms, "keywords", {}).items()}
    kind = getattr(transforms, "func", transforms).__name__
    return {"url": entry.url.removeprefix(HOST), "transforms": [kind, options], "meta": meta}


def main():
    import torchvision

    lists, enums = {}, {}
    for name in torchvision.models.list_models():
        if name.startswith("quantized_"):
            continue
        enum = torchvision.models.get_model_weights(name)
        entries = {member.name: line(member, lists) for member in enum}
        if "DEFAULT" in enum.__members__:
            entries["DEFAULT"] = enum.DEFAULT.name
        enums[enum.__name__] = entries
    dump = lambda value: json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    blocks = []
    for name, entries in sorted(enums.items()):
        rows = ",\n".join(f"{dump(key)}:{dump(value)}" for key, value in entries.items())
        blocks.append(f"{dump(name)}:{{\n{rows}}}")
    parts = [
        f'{{"torchvision":{dump(torchvision.__version__.split("+")[0])}',
        f'"host":{dump(HOST)}',
        f'"lists":{dump(lists)}',
        '"weights":{\n' + ",\n".join(blocks),
    ]
    TARGET.write_text(",\n".join(parts) + "\n}}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
