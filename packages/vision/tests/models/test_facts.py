"""Every model that torchvision has too holds the same names and shapes; `record_facts.py` wrote what is compared."""

import hashlib
import json
from pathlib import Path

import pytest

import facula
from facula_vision.models import SqueezeNet, get_model, get_model_builder, list_models

FACTS = json.loads(Path(__file__).with_name("facts.json").read_text())["models"]
SHARED = [name for name in list_models() if name in FACTS]


def digest(state):
    lines = [f"{name} {tuple(value.shape)}\n" for name, value in state.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def shapes(value):
    """The shapes in a nest of tensors; of a list, its length and its last shape."""
    if isinstance(value, dict):
        return {key: shapes(part) for key, part in value.items()}
    if isinstance(value, list):
        return {"count": len(value), "last": shapes(value[-1])}
    return list(value.shape)


@pytest.mark.parametrize("name", SHARED)
def test_names_shapes_and_parameters(name):
    facts = FACTS[name]
    options = {"weights_backbone": None} if facts["room"] == "segmentation" else {}
    with facula.device("meta"):
        model = get_model(name, **options).eval()
    state = model.state_dict()
    found = {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "entries": len(state),
        "digest": digest(state),
    }
    assert found == {key: facts[key] for key in found}
    assert f"{facts['parameters']:,}" in get_model_builder(name).__doc__
    with facula.no_grad():
        assert shapes(model(*(facula.empty(size, device="meta") for size in facts["inputs"]))) == facts["output"]


def test_nothing_is_missing():
    assert set(FACTS) <= set(list_models())
    assert len(FACTS) == 97


def test_published_numbers():
    """The facts themselves, against numbers in the papers' and libraries' tables."""
    published = {"alexnet": 61_100_840, "vgg16": 138_357_544, "resnet50": 25_557_032, "vit_b_16": 86_567_656}
    assert {name: FACTS[name]["parameters"] for name in published} == published
    assert set(published) <= set(SHARED)


SMALL = {
    "alexnet": 63,
    "resnext50_32x4d": 32,
    "squeezenet1_0": 64,
    "squeezenet1_1": 64,
    "densenet121": 32,
    "mobilenet_v2": 32,
    "mobilenet_v3_small": 32,
    "mobilenet_v3_large": 32,
    "efficientnet_b0": 32,
    "efficientnet_v2_s": 32,
    "convnext_tiny": 32,
    "shufflenet_v2_x0_5": 32,
    "mnasnet0_5": 32,
    "regnet_y_400mf": 32,
}


@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_all_parameters(name):
    facula.manual_seed(0)
    model = get_model(name, num_classes=3)
    for module in model.modules():
        if type(module).__name__ == "StochasticDepth":
            module.p = 0.0
    out = model(facula.randn(2, 3, SMALL[name], SMALL[name]))
    assert out.shape == (2, 3)
    facula.nn.functional.cross_entropy(out, facula.tensor([0, 2])).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert bool(facula.isfinite(parameter.grad).all()), key


def test_vision_transformer_of_another_size():
    model = get_model("vit_b_32", image_size=32, num_classes=3)
    with facula.no_grad():
        assert model(facula.randn(1, 3, 32, 32)).shape == (1, 3)
        with pytest.raises(ValueError, match="expected images of 32 by 32"):
            model(facula.randn(1, 3, 64, 64))


def test_errors():
    with pytest.raises(ValueError, match="got 30 and 16"):
        get_model("vit_b_16", image_size=30)
    with pytest.raises(ValueError, match="expected version '1_0' or '1_1'"):
        SqueezeNet("2_0")
    with pytest.raises(ValueError, match="BasicBlock only supports groups=1"):
        get_model("resnet18", groups=2)


def test_list_and_get():
    assert list_models(include="vgg*", exclude=["*_bn"]) == ["vgg11", "vgg13", "vgg16", "vgg19"]
    assert get_model_builder("ResNet18") is facula.models.get("resnet18")
    with pytest.raises(Exception, match="resnet18"):
        get_model("resnet81")
