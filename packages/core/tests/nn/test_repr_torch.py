"""Every layer prints, keeps its state and takes its arguments as in torch."""

import inspect

import pytest

from facula import nn

torch = pytest.importorskip("torch")

LAYERS = [
    "Linear(2, 3)", "Linear(2, 3, bias=False)", "Bilinear(2, 3, 4)", "Identity(3)", "Flatten()", "Unflatten(1, (2, 3))",
    "Conv1d(2, 4, 3)", "Conv2d(2, 4, (3, 5), stride=2, padding=(1, 2), dilation=2, groups=2, bias=False)",
    "Conv2d(2, 4, 3, padding='same', padding_mode='reflect')", "Conv3d(1, 1, 1)", "ConvTranspose2d(2, 4, 3, 2, 1, 1)",
    "ConvTranspose1d(2, 4, 3)", "ConvTranspose3d(2, 4, 3)", "BatchNorm1d(3)", "BatchNorm2d(3, affine=False)",
    "BatchNorm3d(3, track_running_stats=False)", "InstanceNorm1d(3)", "InstanceNorm2d(3, affine=True)",
    "InstanceNorm3d(2, track_running_stats=True)", "LayerNorm(5)", "LayerNorm((2, 3), bias=False)", "RMSNorm(4)",
    "GroupNorm(2, 4)", "LocalResponseNorm(2)", "CrossMapLRN2d(2)", "SyncBatchNorm(3)", "ReLU()", "ReLU(inplace=True)",
    "ReLU6()", "Threshold(0.1, 20)", "RReLU()", "Hardtanh()", "Sigmoid()", "Tanh()", "SiLU()", "Mish()", "Hardswish()",
    "Hardsigmoid()", "ELU()", "CELU()", "SELU()", "GLU()", "GELU()", "GELU('tanh')", "Hardshrink()", "Softshrink()",
    "LeakyReLU()", "LogSigmoid()", "Softplus()", "PReLU(3)", "Softsign()", "Tanhshrink()", "Softmin(1)", "Softmax(1)",
    "Softmax2d()", "LogSoftmax(1)", "MaxPool1d(2)", "MaxPool2d(3, 2, 1)", "MaxPool3d(2, ceil_mode=True)", "AvgPool1d(2)",
    "AvgPool2d(2, 1)", "AvgPool3d((1, 2, 3))", "MaxUnpool1d(2)", "MaxUnpool2d(2)", "MaxUnpool3d(2)", "LPPool1d(2, 3)",
    "LPPool2d(2, 3, 1)", "LPPool3d(2, 3)", "AdaptiveAvgPool1d(5)", "AdaptiveAvgPool2d((5, None))", "AdaptiveAvgPool3d(1)",
    "AdaptiveMaxPool1d(5)", "AdaptiveMaxPool2d(5)", "AdaptiveMaxPool3d(5)", "FractionalMaxPool2d(2, output_size=3)",
    "FractionalMaxPool3d(2, output_ratio=0.5)", "ZeroPad1d(1)", "ZeroPad2d((1, 2, 3, 4))", "ZeroPad3d(1)",
    "ConstantPad1d(1, 2.0)", "ConstantPad2d(1, 2.0)", "ConstantPad3d(1, 2)", "ReflectionPad1d(1)", "ReflectionPad2d(1)",
    "ReflectionPad3d(1)", "ReplicationPad1d(1)", "ReplicationPad2d(1)", "ReplicationPad3d(1)", "CircularPad1d(1)",
    "CircularPad2d(1)", "CircularPad3d(1)", "Dropout()", "Dropout1d()", "Dropout2d(0.2)", "Dropout3d()", "AlphaDropout()",
    "FeatureAlphaDropout()", "Embedding(5, 3)", "Embedding(5, 3, padding_idx=-1, max_norm=1.0)", "EmbeddingBag(5, 3)",
    "EmbeddingBag(5, 3, mode='sum', padding_idx=1)", "RNN(2, 3)", "RNN(2, 3, nonlinearity='relu', num_layers=2)",
    "LSTM(2, 3, 2, bidirectional=True, batch_first=True, dropout=0.5)", "LSTM(2, 3, proj_size=2, bias=False)", "GRU(2, 3)",
    "RNNCell(2, 3)", "RNNCell(2, 3, nonlinearity='relu')", "LSTMCell(2, 3, bias=False)", "GRUCell(2, 3)",
    "MultiheadAttention(4, 2)", "MultiheadAttention(4, 2, kdim=3, vdim=5, add_bias_kv=True)",
    "MultiheadAttention(4, 2, bias=False)", "TransformerEncoderLayer(4, 2, 8)", "TransformerDecoderLayer(4, 2, 8)",
    "Transformer(4, 2, 2, 1, 8)", "Upsample(scale_factor=2)", "Upsample((2, 3), mode='bilinear')",
    "UpsamplingNearest2d(scale_factor=2)", "UpsamplingBilinear2d((2, 3))", "PixelShuffle(2)", "PixelUnshuffle(2)",
    "ChannelShuffle(2)", "Fold((4, 5), 2)", "Unfold(2)", "CosineSimilarity()", "PairwiseDistance()", "L1Loss()",
    "MSELoss(reduction='sum')", "CrossEntropyLoss()", "NLLLoss()", "BCELoss()", "BCEWithLogitsLoss()", "KLDivLoss()",
    "HuberLoss()", "SmoothL1Loss()", "CTCLoss()", "PoissonNLLLoss()", "GaussianNLLLoss()", "SoftMarginLoss()",
    "HingeEmbeddingLoss()", "MultiMarginLoss()", "MultiLabelMarginLoss()", "MultiLabelSoftMarginLoss()",
    "MarginRankingLoss()", "CosineEmbeddingLoss()", "TripletMarginLoss()", "TripletMarginWithDistanceLoss()",
    "AdaptiveLogSoftmaxWithLoss(8, 20, [4, 10], 2.0, head_bias=True)", "LinearCrossEntropyLoss(3, 4, bias=True)",
    "ModuleDict({'a': nn.ReLU()})", "ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])", "Sequential()",
    "ParameterList([nn.Parameter(), nn.Parameter()])", "LazyBatchNorm2d()",
]  # fmt: skip


@pytest.mark.parametrize("text", LAYERS)
@pytest.mark.filterwarnings("ignore")
def test_representation_and_state_equal_torchs(text):
    ours = eval("nn." + text, {"nn": nn})
    theirs = eval("nn." + text, {"nn": torch.nn})
    assert repr(ours).replace("facula.", "torch.") == repr(theirs)
    if "Lazy" in text:
        return
    left, right = ours.state_dict(), theirs.state_dict()
    assert list(left) == list(right)
    for key, value in right.items():
        assert tuple(left[key].shape) == tuple(value.shape), key
        assert str(left[key].dtype).partition(".")[2] == str(value.dtype).partition(".")[2], key


UNTYPED = (  # torch's own signature says *args, **kwargs, or there is no forward
    "Module", "Parameter", "Buffer", "UninitializedParameter", "UninitializedBuffer", "RNN", "LSTM", "GRU", "RNNCellBase",
    "LinearCrossEntropyOptions",
)  # fmt: skip


def test_every_name_is_there():
    assert [n for n in dir(torch.nn) if n[0].isupper() and n not in nn.__all__] == []


@pytest.mark.parametrize("name", [n for n in dir(torch.nn) if n[0].isupper() and hasattr(nn, n)])
def test_arguments_have_torchs_names_order_and_defaults(name):
    ours, theirs = getattr(nn, name), getattr(torch.nn, name)
    if theirs.__init__ is torch.nn.Module.__init__ or name in UNTYPED:
        return
    left, right = inspect.signature(ours.__init__).parameters, inspect.signature(theirs.__init__).parameters
    assert list(left) == list(right)
    for key, parameter in right.items():
        default = left[key].default
        assert left[key].kind == parameter.kind
        if key != "activation":
            assert default == parameter.default or (default != default and parameter.default != parameter.default), key
    left, right = inspect.signature(ours.forward).parameters, inspect.signature(theirs.forward).parameters
    if name not in ("Identity", "Container", "RNNBase", "ModuleDict", "ModuleList", "ParameterDict", "ParameterList"):
        assert list(left) == list(right)


def test_module_paths_of_torch():
    import facula.nn.modules.batchnorm as batchnorm

    assert isinstance(nn.BatchNorm2d(2), batchnorm._BatchNorm)
    assert nn.modules.conv._ConvNd is nn.Conv2d.__mro__[2]
    assert nn.modules.linear.Linear is nn.Linear
    assert nn.modules.Linear is nn.Linear
    from facula.nn.modules.utils import _pair

    assert _pair(3) == (3, 3)
