"""The package registers what it has, imports alone and lazily."""

import subprocess
import sys

import pytest

import facula


def test_names_are_registered():
    assert {"lenet", "resnet18", "resnet34"} <= set(facula.models.names(tag="image"))
    assert {"digits", "mnist", "fashion_mnist", "image_folder"} <= set(facula.datasets.names())
    assert {"resize", "to_pil_image", "random_iou_crop", "jpeg"} <= set(facula.transforms.names(tag="image"))


def test_every_transform_is_registered():
    from facula_vision.transforms import v2

    kinds = {kind for kind in vars(v2).values() if isinstance(kind, type) and issubclass(kind, v2.Transform)}
    assert kinds - {v2.Transform} <= {facula.transforms.get(name) for name in facula.transforms.names(tag="image")}


@pytest.mark.parametrize("table", ["models", "datasets", "transforms"])
def test_each_name_stands_for_something(table):
    registry = getattr(facula, table)
    own = [name for name in registry.names() if registry.entry(name).owner == "facula-vision"]
    assert own
    assert all(callable(registry.get(name)) for name in own)


def test_import_is_lazy():
    program = (
        "import sys, facula_vision; assert 'PIL' not in sys.modules; "
        "facula_vision.transforms, facula_vision.datasets, facula_vision.models, facula_vision.ops, facula_vision.io; "
        "facula_vision.datasets.Digits(); loaded = [m for m in ('PIL', 'torch', 'scipy') if m in sys.modules]; "
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_an_unknown_room_is_an_attribute_error():
    import facula_vision

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facula_vision.nothing
    assert {"datasets", "io", "models", "ops", "transforms", "utils"} <= set(dir(facula_vision))
