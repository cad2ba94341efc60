"""The outputs of a model's layers."""

import pytest

import facula
from facula_vision.models import resnet18
from facula_vision.models.feature_extraction import IntermediateLayerGetter


def test_children_up_to_the_last():
    facula.manual_seed(0)
    model = resnet18(num_classes=2).eval()
    body = IntermediateLayerGetter(model, {"layer2": "a", "layer1": "b"})
    assert list(body) == ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2"]
    assert set(body.state_dict()) < set(model.state_dict())
    x = facula.rand(1, 3, 32, 32)
    stem = model.maxpool(model.relu(model.bn1(model.conv1(x))))
    found = body(x)
    assert list(found) == ["b", "a"]
    assert facula.equal(found["b"], model.layer1(stem))
    assert facula.equal(found["a"], model.layer2(model.layer1(stem)))


def test_a_child_that_is_not_there():
    with pytest.raises(ValueError, match="expected return_layers among conv1, .*, got layer9"):
        IntermediateLayerGetter(resnet18(), {"layer9": "a"})
