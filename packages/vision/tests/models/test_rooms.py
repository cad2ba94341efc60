"""Models of the rooms: segmentation, video and optical flow."""

import pytest

import facula
from facula import nn
from facula_vision import models
from facula_vision.models import get_model, list_models, optical_flow, segmentation, video
from facula_vision.models.optical_flow.raft import CorrBlock, FeatureEncoder, MotionEncoder, sample, upsample_flow


def test_rooms_are_listed():
    assert list_models(segmentation) == sorted(name for name in segmentation.__all__ if name.islower())
    assert list_models(video) == sorted(name for name in video.__all__ if name.islower())
    assert list_models(optical_flow) == ["raft_large", "raft_small"]
    assert "fcn_resnet50" not in list_models(models)
    assert "fcn_resnet50" in list_models()
    assert models.segmentation is segmentation
    assert "raft_small" in facula.models.names(tag="optical_flow")


def test_a_segmenter_trains_on_two_heads():
    facula.manual_seed(0)
    model = segmentation.deeplabv3_mobilenet_v3_large(num_classes=3, aux_loss=True, weights_backbone=None)
    pixels, target = facula.randn(2, 3, 33, 40), facula.randint(0, 3, (2, 33, 40))
    scores = model(pixels)
    assert list(scores) == ["out", "aux"]
    sum(nn.functional.cross_entropy(part, target) for part in scores.values()).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert bool(facula.isfinite(parameter.grad).all()), key


def test_weights_of_the_backbone_and_of_the_whole(tmp_path):
    facula.manual_seed(0)
    backbone = models.mobilenet_v3_large()
    facula.save(backbone.state_dict(), tmp_path / "backbone.safetensors")
    model = segmentation.lraspp_mobilenet_v3_large(weights_backbone=tmp_path / "backbone.safetensors")
    assert facula.equal(model.backbone["0"][0].weight, backbone.features[0][0].weight)
    whole = segmentation.lraspp_mobilenet_v3_large(num_classes=2, weights_backbone=None)
    facula.save(whole.state_dict(), tmp_path / "whole.safetensors")
    again = segmentation.lraspp_mobilenet_v3_large(num_classes=2, weights=tmp_path / "whole.safetensors")
    assert facula.equal(again.classifier.low_classifier.weight, whole.classifier.low_classifier.weight)


def test_published_segmenters_have_both_heads():
    with pytest.raises(ValueError, match="'aux_loss' expected value True but got False"):
        segmentation.fcn_resnet50(weights="DEFAULT", aux_loss=False)
    with pytest.raises(ValueError, match="'num_classes' expected value 21 but got 3"):
        segmentation.fcn_resnet50(weights="DEFAULT", num_classes=3)


@pytest.mark.parametrize("name", ["mc3_18", "r2plus1d_18"])
def test_a_video_network_trains(name):
    facula.manual_seed(0)
    model = get_model(name, num_classes=3, zero_init_residual=False)
    out = model(facula.randn(2, 3, 4, 16, 16))
    nn.functional.cross_entropy(out, facula.tensor([0, 2])).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert bool(facula.isfinite(parameter.grad).all()), key


def test_zero_init_residual_starts_blocks_as_identity():
    with facula.no_grad():
        block = video.r3d_18(zero_init_residual=True).layer1[0].eval()
        x = facula.rand(1, 64, 2, 4, 4)
        assert facula.equal(block(x), x)


def test_flow_trains():
    facula.manual_seed(0)
    model = optical_flow.raft_small()
    flows = model(facula.rand(1, 3, 128, 128), facula.rand(1, 3, 128, 128), num_flow_updates=2)
    assert [tuple(flow.shape) for flow in flows] == [(1, 2, 128, 128)] * 2
    sum(flow.abs().mean() for flow in flows).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_values_between_pixels():
    picture = facula.tensor([[[[0.0, 1.0], [10.0, 11.0]]]])
    places = facula.tensor([[[[0.5, 0.0], [1.0, 0.5]]]])  # x first
    facula.testing.assert_close(sample(picture, places), facula.tensor([[[[0.5, 6.0]]]]))


def test_a_flow_grows_with_its_picture():
    flow = facula.ones(1, 2, 3, 4)
    assert facula.equal(upsample_flow(flow, None), facula.full((1, 2, 24, 32), 8.0))
    mixed = upsample_flow(flow, facula.zeros(1, 9 * 64, 3, 4))
    facula.testing.assert_close(mixed[..., 8:16, 8:24], facula.full((1, 2, 8, 16), 8.0))  # away from the border


def test_matches_are_highest_where_the_picture_went():
    facula.manual_seed(0)
    features = facula.randn(1, 64, 16, 16)
    moved = features.roll(2, dims=3)
    block = CorrBlock(num_levels=1, radius=3)
    rows, columns = facula.meshgrid(facula.arange(16.0), facula.arange(16.0), indexing="ij")
    found = block.index_pyramid(block.build_pyramid(features, moved), facula.stack([columns, rows])[None])
    best = found[0, :, 8, 8].argmax().item()
    assert divmod(best, 7) == (3 + 2, 3)  # two to the right, none down


def test_errors():
    model = optical_flow.raft_small()
    with pytest.raises(ValueError, match=r"should have the same shape, expected \(128, 128\) twice, got \(128, 136\)"):
        model(facula.zeros(1, 3, 128, 128), facula.zeros(1, 3, 128, 136))
    with pytest.raises(ValueError, match=r"should be divisible by 8, expected that, got 126 \(h\) and 128 \(w\)"):
        model(facula.zeros(1, 3, 126, 128), facula.zeros(1, 3, 126, 128))
    with pytest.raises(ValueError, match="too small to be down-sampled .* of at least 128, got 64 and 64"):
        model(facula.zeros(1, 3, 64, 64), facula.zeros(1, 3, 64, 64))
    with pytest.raises(ValueError, match="FeatureEncoder: expected 5 layers, got 2"):
        FeatureEncoder(layers=(1, 2))
    with pytest.raises(
        ValueError, match="The expected number of flow_layers is 2 and of corr_layers 1 or 2, got 1 and 2"
    ):
        MotionEncoder(in_channels_corr=4, flow_layers=(1,))
