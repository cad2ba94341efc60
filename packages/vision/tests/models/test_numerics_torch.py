"""Outputs beside torchvision's with the same weights, where torchvision is installed."""

import numpy as np
import pytest

import facula
from facula_vision.models import get_model

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

SIZES = {
    "alexnet": 64,
    "vgg11": 32,
    "vgg16_bn": 32,
    "resnet18": 64,
    "resnet50": 64,
    "resnext50_32x4d": 64,
    "wide_resnet50_2": 64,
    "squeezenet1_0": 64,
    "squeezenet1_1": 64,
    "densenet121": 64,
    "densenet161": 64,
    "mobilenet_v2": 64,
    "mobilenet_v3_large": 64,
    "mobilenet_v3_small": 64,
    "efficientnet_b0": 64,
    "efficientnet_b3": 64,
    "efficientnet_b5": 64,
    "efficientnet_v2_s": 64,
    "efficientnet_v2_m": 64,
    "convnext_tiny": 64,
    "convnext_small": 64,
    "vit_b_16": 224,
    "vit_b_32": 224,
    "googlenet": 64,
    "inception_v3": 96,
    "shufflenet_v2_x1_0": 64,
    "mnasnet0_75": 64,
    "regnet_x_400mf": 64,
    "regnet_y_400mf": 64,
    "swin_t": 96,  # the last stages pad their windows
    "swin_v2_t": 120,
    "maxvit_t": 224,
}
ROOMS = {  # of models that classify no single image: the shapes of their inputs
    "fcn_resnet50": [(1, 3, 65, 81)],
    "deeplabv3_resnet50": [(1, 3, 65, 81)],
    "deeplabv3_mobilenet_v3_large": [(2, 3, 64, 96)],
    "lraspp_mobilenet_v3_large": [(2, 3, 64, 96)],
    "r3d_18": [(1, 3, 8, 56, 56)],
    "mc3_18": [(1, 3, 8, 56, 56)],
    "r2plus1d_18": [(1, 3, 8, 56, 56)],
    "s3d": [(1, 3, 16, 224, 224)],
    "swin3d_t": [(1, 3, 9, 96, 90)],  # windows shift in time too, and are padded
    "mvit_v1_b": [(1, 3, 16, 224, 224)],
    "mvit_v2_s": [(1, 3, 16, 224, 224)],
    "raft_small": [(1, 3, 128, 136)] * 2,
    "raft_large": [(1, 3, 128, 136)] * 2,
}


def pair(name):
    """torchvision's model and ours with the same weights, whose statistics a mistake in order would show in."""
    torch.manual_seed(0)
    options, more = {}, {}
    if name in ("googlenet", "inception_v3"):
        options = {"init_weights": False}
    elif name.partition("_")[0] in ("fcn", "deeplabv3", "lraspp"):
        options = more = {"weights_backbone": None} | ({} if name.startswith("lraspp") else {"aux_loss": True})
    source = torchvision.models.get_model(name, weights=None, **options).eval()
    for key, value in source.state_dict().items():
        if key.endswith("running_mean"):
            value.normal_(0.0, 0.1)
        elif key.endswith(("running_var", "layer_scale")):
            value.uniform_(0.5, 1.5)
    if name.startswith("vit"):
        torch.nn.init.normal_(source.heads.head.weight, std=0.02)
    model = get_model(name, **more).eval()
    model.load_state_dict({key: facula.tensor(value.numpy()) for key, value in source.state_dict().items()})
    return source, model


def flattened(value):
    """The arrays in a nest of tensors."""
    if isinstance(value, dict):
        value = list(value.values())
    return [part for item in value for part in flattened(item)] if isinstance(value, list) else [value.numpy()]


def compare(name, shapes):
    source, model = pair(name)
    rng = np.random.default_rng(0)
    inputs = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
    with torch.no_grad(), facula.no_grad():
        expected = flattened(source(*map(torch.from_numpy, inputs)))
        found = flattened(model(*map(facula.tensor, inputs)))
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        scale = max(1.0, float(np.abs(theirs).max()))
        assert float(np.abs(ours - theirs).max()) / scale <= 1e-4
        assert float(np.std(theirs)) > 1e-8


@pytest.mark.parametrize("name", SIZES)
def test_same_scores(name):
    compare(name, [(2, 3, SIZES[name], SIZES[name])])


@pytest.mark.parametrize("name", ROOMS)
def test_same_outputs(name):
    compare(name, ROOMS[name])
