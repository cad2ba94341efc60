"""Pyramids of feature maps, and regions read from them."""

import pytest

import facula
from facula import nn
from facula_vision import ops
from facula_vision.ops.feature_pyramid_network import ExtraFPNBlock, LastLevelMaxPool, LastLevelP6P7


def maps():
    facula.manual_seed(0)
    return {"a": facula.rand(2, 3, 16, 12), "b": facula.rand(2, 4, 8, 6), "c": facula.rand(2, 5, 4, 3)}


def test_a_pyramid_adds_what_is_coarser():
    x, pyramid = maps(), ops.FeaturePyramidNetwork([3, 4, 5], 6, LastLevelMaxPool())
    found = pyramid(x)
    assert {name: tuple(level.shape) for name, level in found.items()} == {
        "a": (2, 6, 16, 12), "b": (2, 6, 8, 6), "c": (2, 6, 4, 3), "pool": (2, 6, 2, 2),
    }  # fmt: skip
    top = pyramid.inner_blocks[2](x["c"])
    middle = pyramid.inner_blocks[1](x["b"]) + top.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert facula.allclose(found["b"], pyramid.layer_blocks[1](middle), atol=1e-6)
    assert facula.equal(found["pool"], found["c"][:, :, ::2, ::2])


def test_more_levels_by_convolutions():
    equal, other = LastLevelP6P7(6, 6), LastLevelP6P7(5, 6)
    assert (equal.use_P5, other.use_P5) == (True, False)
    found = ops.FeaturePyramidNetwork([3, 4, 5], 6, other, norm_layer=nn.BatchNorm2d)(maps())
    assert list(found) == ["a", "b", "c", "p6", "p7"]
    assert facula.allclose(found["p6"], other.p6(maps()["c"]), atol=1e-6)
    with pytest.raises(NotImplementedError, match="expected a subclass with a forward of its own"):
        ExtraFPNBlock()([], [], [])
    with pytest.raises(ValueError, match=r"in_channels=0 is not supported, expected at least 1, got \[3, 0\]"):
        ops.FeaturePyramidNetwork([3, 0], 4)


def test_weights_under_their_old_names():
    pyramid, fresh = ops.FeaturePyramidNetwork([3], 4), ops.FeaturePyramidNetwork([3], 4)
    old = {name.replace(".0.0.", ".0."): value for name, value in pyramid.state_dict().items()}
    assert "inner_blocks.0.weight" in old
    fresh.load_state_dict(old)
    assert facula.equal(fresh.inner_blocks[0][0].weight, pyramid.inner_blocks[0][0].weight)


def test_each_region_from_the_level_of_its_size():
    facula.manual_seed(0)
    levels = {"a": facula.rand(2, 3, 64, 64), "b": facula.rand(2, 3, 32, 32), "other": facula.rand(2, 3, 8, 8)}
    pool = ops.MultiScaleRoIAlign(["a", "b"], 2, 2)
    boxes = [facula.tensor([[0.0, 0, 250, 250], [4, 4, 20, 30]]), facula.tensor([[8.0, 8, 60, 40]])]
    found = pool(levels, boxes, [(256, 256), (200, 256)])
    assert found.shape == (3, 3, 2, 2)
    large = ops.roi_align(levels["b"], [boxes[0][:1], boxes[1][:0]], 2, 0.125, 2)
    small = ops.roi_align(levels["a"], [boxes[0][1:], boxes[1]], 2, 0.25, 2)
    assert facula.equal(found, facula.cat([large, small]))
    alone = ops.MultiScaleRoIAlign(["b"], 2, 2)(levels, boxes, [(256, 256)])
    assert facula.equal(alone[1:2], ops.roi_align(levels["b"], [boxes[0][1:]], 2, 0.125, 2))
    with pytest.raises(ValueError, match="images list should not be empty"):
        pool(levels, boxes, [])
    with pytest.raises(
        ValueError, match=r"maps scaled alike in both directions, got \(64, 64\) for pictures of \(256, 64\)"
    ):
        pool(levels, boxes, [(256, 64)])
    assert repr(pool) == "MultiScaleRoIAlign(featmap_names=['a', 'b'], output_size=(2, 2), sampling_ratio=2)"
