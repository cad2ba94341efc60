"""Datasets in folders."""

from pathlib import Path

import pytest
from PIL import Image

import facula
from facula.testing import check_dataset
from facula_vision import datasets, transforms
from facula_vision.datasets.folder import make_dataset


@pytest.fixture
def pictures(tmp_path):
    for name, colour, count in (("cat", (255, 0, 0), 2), ("dog", (0, 0, 255), 3)):
        (tmp_path / name / "deep").mkdir(parents=True)
        for index in range(count):
            Image.new("RGB", (4, 3), colour).save(tmp_path / name / ("deep" if index else "") / f"{index}.PNG")
    (tmp_path / "dog" / "notes.txt").write_text("no picture")
    return tmp_path


def test_image_folder(pictures):
    folder = facula.datasets.create("image_folder", pictures, transform=transforms.ToTensor())
    assert folder.classes == ["cat", "dog"]
    assert folder.class_to_idx == {"cat": 0, "dog": 1}
    assert folder.targets == [0, 0, 1, 1, 1]
    assert folder.imgs == folder.samples
    check_dataset(folder)
    image, target = folder[4]
    assert (image.shape, target) == ((3, 3, 4), 1)
    assert image[:, 0, 0].tolist() == [0.0, 0.0, 1.0]
    assert folder[0][0][:, 0, 0].tolist() == [1.0, 0.0, 0.0]


def test_dataset_folder_takes_any_loader(pictures):
    folder = datasets.DatasetFolder(
        pictures, lambda path: Path(path).read_text(), is_valid_file=lambda path: path.endswith("txt"), allow_empty=True
    )
    assert folder[0] == ("no picture", 1)
    assert len(folder) == 1


def test_empty_folders(tmp_path, pictures):
    (tmp_path / "nothing").mkdir()
    with pytest.raises(FileNotFoundError, match="Couldn't find any class folder in .*nothing"):
        datasets.ImageFolder(tmp_path / "nothing")
    with pytest.raises(
        FileNotFoundError, match="Found no valid file for the classes nothing in .*Supported extensions"
    ):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 5
    with pytest.raises(FileNotFoundError):
        datasets.ImageFolder(tmp_path / "absent")


def test_a_broken_picture_is_named(pictures):
    (pictures / "cat" / "broken.png").write_bytes(b"no picture")
    folder = datasets.ImageFolder(pictures)
    broken = next(index for index, (path, _) in enumerate(folder.samples) if path.endswith("broken.png"))
    with pytest.raises(RuntimeError, match=r"pil_loader: expected a picture, got .*broken.png .* Remove or replace"):
        folder[broken]


def test_one_rule_for_files(pictures):
    with pytest.raises(ValueError, match="expected one of extensions and is_valid_file, got neither"):
        make_dataset(pictures)
    with pytest.raises(ValueError, match="expected one of extensions and is_valid_file, got both"):
        make_dataset(pictures, extensions=".png", is_valid_file=bool)
