"""What single families have beyond names and shapes: earlier heads, dilation, windows, and their errors."""

import pytest

import facula
from facula import nn
from facula_vision import models
from facula_vision.models.feature_extraction import IntermediateLayerGetter
from facula_vision.models.googlenet import to_unit_range
from facula_vision.models.maxvit import PartitionAttentionLayer, RelativePositionalMultiHeadAttention
from facula_vision.models.mobilenetv3 import mobilenet_v3_large
from facula_vision.models.preprocessing import OpticalFlow, SemanticSegmentation, VideoClassification
from facula_vision.models.regnet import BlockParams
from facula_vision.models.shufflenetv2 import InvertedResidual
from facula_vision.models.swin_transformer import (
    PatchMergingV2,
    SwinTransformerBlockV2,
    departition,
    partition,
    shift_mask,
)


@pytest.mark.parametrize(("name", "size", "heads"), [("googlenet", 64, 3), ("inception_v3", 299, 2)])
def test_earlier_heads_train_too(name, size, heads):
    facula.manual_seed(0)
    model = models.get_model(name, num_classes=3, init_weights=False)
    outputs = model(facula.randn(2, 3, size, size))
    assert [tuple(part.shape) for part in outputs] == [(2, 3)] * heads
    assert outputs.logits is outputs[0]
    sum(nn.functional.cross_entropy(part, facula.tensor([0, 2])) for part in outputs).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert bool(facula.isfinite(parameter.grad).all()), key
    assert model.eval()(facula.randn(1, 3, 96, 96)).shape == (1, 3)
    plain = models.get_model(name, num_classes=3, aux_logits=False, init_weights=False)
    assert plain(facula.randn(2, 3, 96, 96)).shape == (2, 3)


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_a_published_file_fits_a_model_without_heads(name, tmp_path):
    with_heads = models.get_model(name, num_classes=3, init_weights=False)
    facula.save(with_heads.state_dict(), tmp_path / "weights.safetensors")
    model = models.get_model(
        name, num_classes=3, aux_logits=False, init_weights=False, weights=tmp_path / "weights.safetensors"
    )
    assert facula.equal(model.fc.weight, with_heads.fc.weight)


def test_transform_input_undoes_and_redoes_the_normalisation():
    pixels = facula.rand(1, 3, 2, 2)
    mean = facula.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = facula.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    found = to_unit_range((pixels - mean) / std)
    facula.testing.assert_close(found, (pixels - 0.5) / 0.5, rtol=1e-5, atol=1e-5)


def test_initial_deviations():
    facula.manual_seed(0)
    model = models.inception_v3(num_classes=50)
    assert float(model.Mixed_5b.branch1x1.conv.weight.std()) == pytest.approx(0.1, rel=0.05)
    assert float(model.AuxLogits.conv1.conv.weight.std()) == pytest.approx(0.01, rel=0.05)
    assert float(model.AuxLogits.fc.weight.std()) == pytest.approx(0.001, rel=0.05)


def test_dilation_for_stride():
    with facula.device("meta"):
        model = models.resnet50(replace_stride_with_dilation=[False, True, True])
        body = IntermediateLayerGetter(model, {"layer2": "a", "layer4": "b"})
        found = body(facula.empty(1, 3, 64, 64))
    assert found["a"].shape == (1, 512, 8, 8)
    assert found["b"].shape == (1, 2048, 8, 8)
    assert model.layer4[0].conv2.dilation == (2, 2)
    assert model.layer4[1].conv2.dilation == (4, 4)
    with facula.device("meta"):
        small = mobilenet_v3_large(dilated=True, reduced_tail=True)
        assert small.features(facula.empty(1, 3, 64, 64)).shape == (1, 480, 4, 4)
        assert small.classifier[0].out_features == 640


def test_frozen_normalisation_by_norm_layer():
    model = models.resnet18(norm_layer=lambda channels: nn.GroupNorm(4, channels))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    model = models.mobilenet_v2(norm_layer=lambda channels: nn.GroupNorm(4, channels))
    assert not any(isinstance(module, nn.BatchNorm2d) for module in model.modules())


def test_windows_of_any_number_of_dimensions():
    x = facula.rand(2, 4, 6, 2, 5)
    windows = partition(x, [2, 3, 2])
    assert windows.shape == (2 * 2 * 2 * 1, 12, 5)
    assert facula.equal(windows[0], x[0, :2, :3, :2].reshape(12, 5))
    assert facula.equal(departition(windows, [4, 6, 2], [2, 3, 2]), x)


def test_the_mask_parts_what_the_shift_joined():
    mask = shift_mask([4], [2], [1], facula.zeros(1))  # rolled: 1 2 | 3 0
    assert mask.tolist() == [[[[0.0, 0.0], [0.0, 0.0]]], [[[0.0, -100.0], [-100.0, 0.0]]]]


@pytest.mark.parametrize("name", ["swin", "swin_v2", "maxvit"])
def test_transformers_of_windows_train(name):
    facula.manual_seed(0)
    options = {"stochastic_depth_prob": 0.0, "num_classes": 3}
    if name == "maxvit":
        model = models.MaxVit((32, 32), 8, 4, [8, 16], [1, 1], 4, **options)
    elif name == "swin":
        model = models.SwinTransformer([4, 4], 8, [2, 2], [1, 2], [4, 4], **options)
    else:
        second = {"block": SwinTransformerBlockV2, "downsample_layer": PatchMergingV2}
        model = models.SwinTransformer([4, 4], 8, [2, 2], [1, 2], [4, 4], **options, **second)
    out = model(facula.randn(2, 3, 32, 32))
    assert out.shape == (2, 3)
    nn.functional.cross_entropy(out, facula.tensor([0, 2])).backward()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert bool(facula.isfinite(parameter.grad).all()), key


def test_widths_of_regnet():
    params = BlockParams.from_init_params(depth=22, w_0=24, w_a=24.48, w_m=2.54, group_width=16)
    assert params.depths == (1, 2, 7, 12)
    assert params.widths == (32, 64, 160, 400)
    assert params.group_widths == (16, 16, 16, 16)


def test_transforms_for_video_and_segmentation_and_flow():
    frames = facula.randint(0, 256, (2, 5, 3, 40, 60), dtype=facula.uint8)
    prepare = VideoClassification(crop_size=[16, 24], resize_size=[20])
    assert prepare(frames).shape == (2, 3, 5, 16, 24)
    facula.testing.assert_close(prepare(frames[1]), prepare(frames)[1])
    assert SemanticSegmentation(resize_size=20)(frames[0, 0]).shape == (3, 20, 30)
    assert SemanticSegmentation(resize_size=None)(frames[0, 0]).shape == (3, 40, 60)
    first, second = OpticalFlow()(frames[0, :1], frames[0, 1:2])
    assert float(first.min()) == -1.0
    assert float(second.max()) == pytest.approx(1.0, abs=0.05)
    assert "crop_size=[16, 24]" in repr(prepare)


def test_errors():
    with pytest.raises(ValueError, match="should be None or a 3-element tuple, expected one, got"):
        models.resnet50(replace_stride_with_dilation=[True])
    with pytest.raises(NotImplementedError, match="Dilation > 1 not supported in BasicBlock"):
        models.resnet18(replace_stride_with_dilation=[False, True, True])
    with pytest.raises(ValueError, match="expected as many outputs as inputs at stride 1, got 4 and 8"):
        InvertedResidual(4, 8, 1)
    with pytest.raises(ValueError, match="expected stages_repeats as list of 3 positive ints"):
        models.ShuffleNetV2([1, 2], [1, 2, 3, 4, 5])
    with pytest.raises(ValueError, match=r"alpha should be greater than 0.0, expected that, got -1"):
        models.MNASNet(-1.0)
    with pytest.raises(ValueError, match="Invalid RegNet settings, expected w_a >= 0"):
        BlockParams.from_init_params(depth=2, w_0=23, w_a=1.0, w_m=2.0, group_width=8)
    with pytest.raises(ValueError, match="is not divisible by partition size 7"):
        models.maxvit_t(input_size=(64, 64))
    with pytest.raises(ValueError, match="expected feat_dim divisible by head_dim, got 10 and 4"):
        RelativePositionalMultiHeadAttention(10, 4, 7)
    with pytest.raises(ValueError, match="partition_type must be either 'grid' or 'window', expected one, got 'net'"):
        PartitionAttentionLayer(8, 4, 7, "net", (7, 7), 4, nn.GELU, nn.LayerNorm, 0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match=r"expected \(T, C, H, W\) or \(N, T, C, H, W\), got \(3, 8, 8\)"):
        VideoClassification(crop_size=[8, 8], resize_size=[8])(facula.zeros(3, 8, 8))
