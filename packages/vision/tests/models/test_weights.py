"""Published weights: names, facts, transforms, and where a state_dict may come from."""

import copy
import hashlib
import inspect
import pickle

import numpy as np
import pytest
from PIL import Image

import facula
from facula_vision import models
from facula_vision.models import (
    Weights,
    WeightsEnum,
    get_model,
    get_model_weights,
    get_weight,
    list_models,
    resnet18,
)
from facula_vision.models.presets import preset
from facula_vision.models.weights import weight_names
from facula_vision.transforms import InterpolationMode


def test_names():
    enum = models.ResNet50_Weights
    assert issubclass(enum, WeightsEnum)
    assert list(enum.__members__) == ["IMAGENET1K_V1", "IMAGENET1K_V2", "DEFAULT"]
    assert enum.DEFAULT is enum.IMAGENET1K_V2 is get_weight("ResNet50_Weights.DEFAULT")
    assert get_model_weights("resnet50") is get_model_weights(models.resnet50) is enum is models.resnet.ResNet50_Weights
    assert repr(enum.DEFAULT) == str(enum.DEFAULT) == "ResNet50_Weights.IMAGENET1K_V2"
    assert pickle.loads(pickle.dumps(enum.DEFAULT)) is copy.deepcopy(enum.DEFAULT) is enum.DEFAULT
    assert "ResNet50_Weights" in dir(models)
    with pytest.raises(AttributeError, match="no attribute 'ResNet51_Weights'"):
        models.ResNet51_Weights


def test_facts():
    best = models.ResNet50_Weights.DEFAULT
    assert best.url == "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"
    assert best.meta["categories"][285] == "Egyptian cat"
    assert len(best.meta["categories"]) == 1000
    assert best.meta["min_size"] == (1, 1)
    assert best.meta["_metrics"]["ImageNet-1K"]["acc@1"] == 80.858
    for name in weight_names():
        for member in getattr(models, name):
            assert member.url.startswith("https://")
            assert repr(member.transforms()).partition("(")[0] in repr(member.transforms)
            assert member.meta["num_params"] > 0


def test_every_model_of_the_table_has_its_weights():
    own = [name for name in list_models() if facula.models.entry(name).owner == "facula-vision"]
    own = [name for name in own if name not in facula.models.names(tag="generative")]
    without = {name for name in own if models.get_model_builder(name).weights is None}
    assert without == {"efficientnet_lite0", "lenet"}


def test_signature():
    assert str(inspect.signature(resnet18)).startswith("(*, weights=None, progress=True, **config")


def test_transforms_of_a_photo():
    prepare = models.EfficientNet_B3_Weights.DEFAULT.transforms()
    assert prepare.interpolation is InterpolationMode.BICUBIC
    rows, columns = np.mgrid[:330, :400]
    photo = np.stack([128 + 100 * np.sin(rows / 20), 128 + 100 * np.cos(columns / 30), rows % 256 // 2], 2).astype(
        np.uint8
    )
    from_file = prepare(Image.fromarray(photo))
    from_tensor = prepare(facula.tensor(photo).permute(2, 0, 1))
    assert from_file.shape == from_tensor.shape == (3, 300, 300)
    assert float((from_file - from_tensor).abs().max()) < 0.05  # one grey level is 1 / 255 / 0.225


@pytest.mark.parametrize("form", ["pth", "safetensors", "member", "name", "full name", "weights", "address"])
def test_sources(form, tmp_path, monkeypatch):
    facula.manual_seed(0)
    state = resnet18(num_classes=3).state_dict()
    path = tmp_path / ("source.safetensors" if form == "safetensors" else "source.pth")
    facula.save(state, path)
    monkeypatch.setattr(facula.hub, "get_dir", lambda: str(tmp_path / "hub"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    enum = _three_classes(Weights(path.as_uri(), facula.nn.Identity, {"categories": ["a", "b", "c"]}, digest))
    source = {
        "member": enum.ONLY,
        "name": "ONLY",
        "full name": "Tiny_Weights.ONLY",
        "weights": enum.ONLY.value,
        "address": f"{path.as_uri()}#sha256={digest}",
    }.get(form, path)
    config = {} if form in ("member", "name", "full name") else {"num_classes": 3}
    model = preset(enum)(lambda **config: models.ResNet(models.resnet.BasicBlock, [2, 2, 2, 2], **config))(
        weights=source, progress=False, **config
    )
    assert all(facula.equal(value, state[name]) for name, value in model.state_dict().items())
    assert (tmp_path / "hub" / "checkpoints" / path.name).exists() == (form not in ("pth", "safetensors"))


def _three_classes(weights):
    return WeightsEnum("Tiny_Weights", [("ONLY", weights)], module="facula_vision.models")


def test_a_member_fixes_the_classes():
    with pytest.raises(ValueError, match="'num_classes' expected value 1000 but got 4"):
        resnet18(weights="DEFAULT", num_classes=4)
    with pytest.raises(ValueError, match="'image_size' expected value 384 but got 224"):
        get_model("vit_b_16", weights="IMAGENET1K_SWAG_E2E_V1", image_size=224)


def test_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setattr(facula.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(facula.hub.time, "sleep", lambda seconds: None)
    lost = Weights((tmp_path / "lost-01234567.pth").as_uri(), facula.nn.Identity)
    with pytest.raises(
        RuntimeError, match=r"lost-01234567.pth: expected it in .*checkpoints.* put the file there or pass"
    ):
        lost.get_state_dict()


def test_a_replaced_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(facula.hub, "get_dir", lambda: str(tmp_path / "hub"))
    path = tmp_path / "small-01234567.pth"
    facula.save({"a": facula.zeros(1)}, path)
    with pytest.raises(RuntimeError, match="expected SHA-256 01234567"):
        resnet18(weights=Weights(path.as_uri(), facula.nn.Identity), progress=False)
    assert not (tmp_path / "hub" / "checkpoints" / path.name).exists()


def test_errors(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="expected one of IMAGENET1K_V1, DEFAULT or a file, got 'IMAGENET1K_V9'"
    ):
        resnet18(weights="IMAGENET1K_V9")
    with pytest.raises(TypeError, match="expected ResNet18_Weights but received ResNet50_Weights"):
        resnet18(weights=models.ResNet50_Weights.DEFAULT)
    with pytest.raises(TypeError, match="expected a file, as nothing is published"):
        models.lenet(weights=models.ResNet50_Weights.DEFAULT)
    with pytest.raises(ValueError, match="expected an address that tells its SHA-256"):
        resnet18(weights="https://example.org/resnet18.pth")
    with pytest.raises(
        ValueError, match=r"expected a name such as 'ResNet50_Weights.DEFAULT', got 'ResNet5_Weights.V1'"
    ):
        get_weight("ResNet5_Weights.V1")
    with pytest.raises(KeyError, match="V9"):
        get_weight("ResNet50_Weights.V9")
    with pytest.raises(ValueError, match="expected a model with published weights, got lenet"):
        get_model_weights("lenet")
    with pytest.raises(KeyError, match="V9"):
        models.ResNet50_Weights.verify("V9")
    assert models.ResNet50_Weights.verify("ResNet50_Weights.DEFAULT") is models.ResNet50_Weights.IMAGENET1K_V2


def test_densenet_reads_the_names_of_its_published_files(tmp_path):
    facula.manual_seed(0)
    state = models.densenet121(num_classes=2).state_dict()
    old = {key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): value for key, value in state.items()}
    assert set(old) != set(state)
    facula.save(old, tmp_path / "old.pth")
    assert set(models.densenet121(num_classes=2, weights=tmp_path / "old.pth").state_dict()) == set(state)


def test_list_of_a_room():
    assert "resnet18" in list_models(module=models)
    assert set(list_models(models)) <= set(list_models())
