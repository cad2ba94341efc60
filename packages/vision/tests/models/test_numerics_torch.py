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


@pytest.mark.parametrize("name", SIZES)
def test_same_output(name):
    torch.manual_seed(0)
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    source = torchvision.models.get_model(name, weights=None, **options).eval()
    for key, value in source.state_dict().items():  # statistics and scales that a mistake in order would show in
        if key.endswith("running_mean"):
            value.normal_(0.0, 0.1)
        elif key.endswith(("running_var", "layer_scale")):
            value.uniform_(0.5, 1.5)
    if name.startswith("vit"):
        torch.nn.init.normal_(source.heads.head.weight, std=0.02)
    model = get_model(name).eval()
    model.load_state_dict({key: facula.tensor(value.numpy()) for key, value in source.state_dict().items()})
    pixels = np.random.default_rng(0).standard_normal((2, 3, SIZES[name], SIZES[name]), dtype=np.float32)
    with torch.no_grad(), facula.no_grad():
        expected = source(torch.from_numpy(pixels)).numpy()
        found = model(facula.tensor(pixels)).numpy()
    scale = max(1.0, float(np.abs(expected).max()))
    assert float(np.abs(found - expected).max()) / scale <= 1e-4
    assert float(np.std(expected)) > 1e-8
