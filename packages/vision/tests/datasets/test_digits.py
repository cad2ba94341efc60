"""The shipped digits: how many, how they look, how they are split."""

import numpy as np
import pytest

import facula
from facula_vision import datasets, transforms


@pytest.mark.parametrize(("train", "count"), [(True, 1198), (False, 599)])
def test_parts(train, count):
    digits = datasets.Digits(train=train)
    assert len(digits) == len(digits.data) == count
    assert digits.data.shape == (count, 8, 8)
    assert digits.data.dtype == facula.uint8
    assert digits.targets.dtype == facula.int64
    assert int(digits.data.max()) == 255
    assert int(digits.data.min()) == 0
    counts = np.bincount(digits.targets.numpy(), minlength=10)
    assert counts.min() > count / 10 * 0.85
    assert counts.sum() == count


def test_parts_are_disjoint_and_fixed():
    train, test = datasets.Digits(), datasets.Digits(train=False)
    scans = {image.tobytes() for image in train.data.numpy()}
    assert not scans & {image.tobytes() for image in test.data.numpy()}
    assert train.targets[:8].tolist() == [0, 1, 3, 4, 6, 7, 9, 0]
    assert test.targets[:5].tolist() == [2, 5, 8, 1, 4]


def test_first_scan_is_the_published_one():
    published = [[0, 0, 5, 13, 9, 1, 0, 0], [0, 0, 13, 15, 10, 15, 5, 0], [0, 3, 15, 2, 0, 11, 8, 0]]
    levels = datasets.Digits().data[0, :3].numpy() / 255 * 16
    np.testing.assert_allclose(levels, published, atol=0.05)


def test_samples_and_transforms():
    image, label = datasets.Digits(train=False)[0]
    assert (image.mode, image.size, label) == ("L", (8, 8), 2)
    digits = datasets.Digits(transform=transforms.ToTensor(), target_transform=lambda label: label + 100)
    tensor, label = digits[0]
    assert (tensor.shape, tensor.dtype, label) == ((1, 8, 8), facula.float32, 100)
    assert float(tensor.max()) <= 1.0
    with pytest.raises(IndexError):
        digits[len(digits)]


def test_repr():
    text = repr(datasets.Digits(transform=transforms.Compose([transforms.ToTensor()])))
    assert text == (
        "Dataset Digits\n    Number of datapoints: 1198\n    Split: Train\n"
        "    Transform: Compose(\n                   ToTensor()\n               )"
    )


def test_missing_files(tmp_path):
    with pytest.raises(RuntimeError, match=r"Digits: dataset not found, expected digits-images.* Leave root out"):
        datasets.Digits(tmp_path)


def test_both_kinds_of_transforms():
    with pytest.raises(ValueError, match="only transforms or transform/target_transform can be passed"):
        datasets.VisionDataset(transforms=lambda x, y: (x, y), transform=lambda x: x)


def test_public_suite():
    from facula.testing import check_dataset

    check_dataset(facula.datasets.create("digits", train=False, transform=transforms.ToTensor()))
