"""Tensors that say what they show."""

import copy
import pickle

import numpy as np
import pytest
from PIL import Image

import facula
from facula import Tensor
from facula_vision import tv_tensors as tv
from facula_vision.transforms import v2


def boxes(**options):
    return tv.BoundingBoxes([[1, 2, 3, 4]], format="xyxy", canvas_size=(8, 9), **options)


def test_shapes():
    assert tv.Image(facula.zeros(4, 5)).shape == (1, 4, 5)
    assert tv.Image(Image.new("RGB", (3, 4))).shape == (3, 4, 3)
    assert tv.Mask(Image.new("L", (3, 4))).shape == (1, 4, 3)
    assert tv.Mask(np.zeros((4, 5))).dtype == facula.float64
    assert tv.KeyPoints([1.0, 2.0], canvas_size=(4, 4)).shape == (1, 2)
    assert boxes().shape == (1, 4)
    assert tv.BoundingBoxes([1, 2, 3, 4], format="XYWH", canvas_size=(8, 9)).shape == (1, 4)


def test_memory_is_shared_and_types_are_kept_where_torchvision_keeps_them():
    tensor = facula.zeros(1, 2, 2)
    image = tv.Image(tensor)
    image[0, 0, 0] = 5.0
    assert tensor[0, 0, 0] == 5.0
    for kept in (image.clone(), image.to(facula.float64), image.detach(), image.requires_grad_(), copy.deepcopy(image)):
        assert type(kept) is tv.Image
    for plain in (image + 1, 2 * image, image[0], image.sum(), facula.add(image, 1), image == image):
        assert type(plain) is Tensor
    again = pickle.loads(pickle.dumps(boxes(clamping_mode="hard")))
    assert (type(again), again.format, again.canvas_size, again.clamping_mode) == (
        tv.BoundingBoxes,
        tv.BoundingBoxFormat.XYXY,
        (8, 9),
        "hard",
    )
    assert copy.deepcopy(boxes()).canvas_size == (8, 9)


def test_gradients_pass():
    pixels = facula.ones(1, 2, 2, requires_grad=True)
    image = tv.Image(pixels)
    assert image.requires_grad
    (v2.functional.horizontal_flip(image) * 3).sum().backward()
    assert pixels.grad.tolist() == [[[3.0, 3.0], [3.0, 3.0]]]


def test_set_return_type():
    with tv.set_return_type("TVTensor"):
        moved = boxes() * 2
        assert type(moved) is tv.BoundingBoxes
        assert moved.canvas_size == (8, 9)
    assert type(boxes() * 2) is Tensor
    tv.set_return_type("TVTensor")
    assert type(boxes() + 1) is tv.BoundingBoxes
    tv.set_return_type("Tensor")
    assert type(boxes() + 1) is Tensor
    with pytest.raises(ValueError, match="return_type must be 'TVTensor' or 'Tensor', got foo"):
        tv.set_return_type("foo")


def test_wrap_and_repr():
    wrapped = tv.wrap(facula.zeros(2, 4), like=boxes(), canvas_size=(3, 3), format=tv.BoundingBoxFormat.XYWH)
    assert (wrapped.canvas_size, wrapped.format, wrapped.clamping_mode) == ((3, 3), tv.BoundingBoxFormat.XYWH, "soft")
    assert "canvas_size=(8, 9), clamping_mode=soft" in repr(boxes())
    assert repr(tv.Image(facula.zeros(1, 1, 1))) == "Image([[[0.]]], )"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: tv.Image(facula.zeros(4)), ValueError, "Image: expected a tensor of 2 dimensions or more, got 1"),
        (
            lambda: tv.Video(facula.zeros(3, 4, 4)),
            ValueError,
            "Video: expected a tensor of 4 dimensions or more, got 3",
        ),
        (lambda: boxes(clamping_mode="x"), ValueError, "clamping_mode must be None, hard or soft, got x"),
        (
            lambda: tv.BoundingBoxes([[1, 2, 3, 4, 5]], format="xywhr", canvas_size=(8, 9)),
            ValueError,
            "rotated boxes should be floating point tensors, got facula.int64",
        ),
        (
            lambda: tv.BoundingBoxes(facula.zeros(1, 1, 4), format="xyxy", canvas_size=(8, 9)),
            ValueError,
            "expected a 1D or 2D tensor, got 3D",
        ),
        (lambda: tv.is_rotated_bounding_format("foo"), KeyError, "expected one of XYXY, .* got 'foo'"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
