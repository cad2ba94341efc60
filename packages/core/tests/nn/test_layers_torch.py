"""Layers outside the common ones compute, and differentiate, what torch's do; misuse is explained."""

import numpy as np
import pytest

import facula
from facula import nn

torch = pytest.importorskip("torch")


def pair(text):
    """The same layer in both libraries, with torch's weights."""
    ours, theirs = eval("nn." + text, {"nn": nn}), eval("nn." + text, {"nn": torch.nn})
    ours.load_state_dict({key: facula.tensor(value.numpy()) for key, value in theirs.state_dict().items()})
    return ours, theirs


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def outputs(result):
    if isinstance(result, (tuple, list)):
        return [x for part in result for x in outputs(part)]
    return [] if result is None else [result]


def compare(ours, theirs, call, *arrays, tolerance=2e-5):
    """Outputs and gradients of inputs and parameters agree."""
    sides = []
    for lib, layer in ((facula, ours), (torch, theirs)):
        floats = [a.dtype.kind == "f" for a in arrays]
        inputs = [
            lib.tensor(a).requires_grad_() if is_float else lib.tensor(a)
            for a, is_float in zip(arrays, floats, strict=True)
        ]
        found = [x for x in outputs(call(layer, *inputs)) if x.requires_grad or not x.is_floating_point()]
        total = sum(
            (x * lib.tensor(draw(*x.shape, seed=9) if x.ndim else np.float32(2))).sum()
            for x in found
            if x.requires_grad
        )
        total.backward()
        grads = [x.grad for x in inputs if x.requires_grad] + [p.grad for p in layer.parameters()]
        sides.append([x.detach().numpy() for x in found] + [None if g is None else g.numpy() for g in grads])
    for a, b in zip(*sides, strict=True):
        if a is None or b is None:
            assert not np.any(a if b is None else b)
            continue
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


CASES = {
    "AdaptiveLogSoftmaxWithLoss(16, 20, [4, 10], head_bias=True)": [draw(3, 16), np.array([0, 5, 19])],
    "EmbeddingBag(6, 3, mode='mean')": [np.array([[0, 2], [5, 5]])],
    "CosineSimilarity()": [draw(2, 3), draw(2, 3, seed=1)],
    "PairwiseDistance(3.0)": [draw(2, 3), draw(2, 3, seed=1)],
    "Unflatten(1, (2, 3))": [draw(2, 6)],
    "ChannelShuffle(2)": [draw(1, 4, 2, 2)],
    "PixelShuffle(2)": [draw(1, 8, 2, 3)],
    "PixelUnshuffle(2)": [draw(1, 2, 4, 6)],
    "Fold((4, 5), (2, 2))": [draw(1, 8, 12)],
    "Unfold((2, 2))": [draw(1, 2, 4, 5)],
    "Upsample(scale_factor=2, mode='bilinear')": [draw(1, 2, 3, 4)],
    "SyncBatchNorm(3)": [draw(4, 3, 2)],
    "TripletMarginWithDistanceLoss(swap=True)": [draw(3, 4), draw(3, 4, seed=1), draw(3, 4, seed=2)],
    "TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 8, dropout=0.0), 2, nn.LayerNorm(4))": [
        draw(3, 2, 4), draw(5, 2, 4, seed=1)
    ],
}  # fmt: skip


pytestmark = pytest.mark.filterwarnings("ignore:(LSTM with projections|enable_nested_tensor)")


def test_normalising_across_maps_is_the_formula():
    ours, theirs = nn.CrossMapLRN2d(3, 0.1), torch.nn.LocalResponseNorm(3, 0.1)
    compare(ours, theirs, lambda layer, x: layer(x), draw(2, 5, 3, 3))


@pytest.mark.parametrize("text", CASES)
def test_values_and_gradients(text):
    ours, theirs = pair(text)
    compare(ours, theirs, lambda layer, *inputs: layer(*inputs), *CASES[text])


RECURRENT = ["RNN(3, 5, 2)", "GRU(3, 5, 2, bidirectional=True)", "LSTM(3, 5, 2, bidirectional=True, batch_first=True)",
             "LSTM(3, 5, proj_size=2, bias=False)"]  # fmt: skip


@pytest.mark.parametrize("text", RECURRENT)
@pytest.mark.parametrize("enforce_sorted", [True, False])
def test_packed_sequences(text, enforce_sorted):
    ours, theirs = pair(text)
    lengths = [4, 3, 1] if enforce_sorted else [1, 4, 3]
    first = "batch_first" in text

    def call(layer, x):
        utils = nn.utils.rnn if isinstance(layer, nn.Module) else torch.nn.utils.rnn
        packed = utils.pack_padded_sequence(x, lengths, batch_first=first, enforce_sorted=enforce_sorted)
        output, last = layer(packed)
        padded, sizes = utils.pad_packed_sequence(output, batch_first=first, total_length=5)
        assert sizes.tolist() == lengths
        return padded, last

    compare(ours, theirs, call, draw(3, 4, 3) if first else draw(4, 3, 3))


@pytest.mark.parametrize("text", RECURRENT)
def test_unbatched_sequences_and_given_states(text):
    ours, theirs = pair(text)
    rows = ours.num_layers * (2 if ours.bidirectional else 1)
    h = draw(rows, ours.proj_size or 5, seed=1)
    if "LSTM" in text:
        compare(ours, theirs, lambda m, x, h, c: m(x, (h, c)), draw(4, 3), h, draw(rows, 5, seed=2))
    else:
        compare(ours, theirs, lambda m, x, h: m(x, h), draw(4, 3), h)


def test_dropout_between_recurrent_layers():
    layer = nn.LSTM(3, 4, 2, dropout=1.0)
    x = facula.ones(2, 1, 3)
    assert not facula.allclose(layer(x)[0], layer.eval()(x)[0])
    with pytest.warns(UserWarning, match="has no effect with num_layers=1"):
        nn.RNN(3, 4, dropout=0.5)


MASKED = {
    "plain": {}, "weights": {"need_weights": True}, "each head": {"average_attn_weights": False},
    "no weights": {"need_weights": False},
}  # fmt: skip


ATTENTION = [
    "MultiheadAttention(4, 2)",
    "MultiheadAttention(4, 2, kdim=3, vdim=5, batch_first=True)",
    "MultiheadAttention(4, 2, add_bias_kv=True, add_zero_attn=True)",
]


@pytest.mark.parametrize("kwargs", MASKED.values(), ids=MASKED)
@pytest.mark.parametrize("text", ATTENTION)
def test_attention_with_masks(text, kwargs):
    ours, theirs = pair(text)
    first, kdim, vdim = ours.batch_first, ours.kdim, ours.vdim
    shape = (lambda n, width: (2, n, width)) if first else (lambda n, width: (n, 2, width))
    padding = np.array([[False, False, True], [False, False, False]])
    mask = np.array([[False, True, False], [False, False, False], [True, False, False], [False, False, False]])

    def call(layer, q, k, v, *masks):
        return layer(q, k, v, key_padding_mask=masks[0], attn_mask=masks[1], **kwargs)

    compare(ours, theirs, call, draw(*shape(4, 4)), draw(*shape(3, kdim)), draw(*shape(3, vdim)), padding, mask)


def test_causal_masks_and_norm_first():
    ours, theirs = pair("Transformer(4, 2, 1, 1, 8, dropout=0.0, norm_first=True, activation='gelu')")

    def call(model, src, tgt):
        mask = type(model).generate_square_subsequent_mask(3)
        return model(src, tgt, tgt_mask=mask, tgt_is_causal=True)

    compare(ours, theirs, call, draw(4, 2, 4), draw(3, 2, 4, seed=1))


def test_loading_a_lazy_module_gives_it_its_shape():
    layer = nn.LazyLinear(3)
    assert repr(layer.weight) == "<UninitializedParameter>"
    with pytest.raises(RuntimeError, match="expected an initialized tensor"):
        layer.weight.shape
    layer.load_state_dict(nn.Linear(5, 3).state_dict())
    assert layer(facula.ones(2, 5)).shape == (2, 3)
    assert type(layer) is nn.Linear
    assert not layer._hooked
    norm = nn.LazyBatchNorm2d()
    norm(facula.ones(2, 4, 3, 3))
    assert type(norm) is nn.BatchNorm2d
    assert norm.running_mean.shape == (4,)
    assert type(nn.LazyConvTranspose2d(3, 2)(facula.ones(1, 2, 4, 4))) is facula.Tensor
    with pytest.raises(RuntimeError, match="expected 3D .unbatched. or 4D .batched. input, got 2D"):
        nn.LazyConv2d(3, 2)(facula.ones(2, 2))


def test_sync_batch_norm_replaces_others():
    net = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm1d(2, affine=False)))
    state = net.state_dict()
    synced = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert isinstance(synced[0], nn.SyncBatchNorm)
    assert isinstance(synced[1][0], nn.SyncBatchNorm)
    assert list(synced.state_dict()) == list(state)


def test_old_batch_norm_files_lack_the_counter():
    net = nn.BatchNorm1d(2)
    net.load_state_dict({k: v for k, v in net.state_dict().items() if k != "num_batches_tracked"})
    assert net.num_batches_tracked.item() == 0


def test_cumulative_average_of_batch_norm():
    ours, theirs = nn.BatchNorm1d(2, momentum=None), torch.nn.BatchNorm1d(2, momentum=None)
    for seed in range(3):
        ours(facula.tensor(draw(4, 2, seed=seed))), theirs(torch.tensor(draw(4, 2, seed=seed)))
    np.testing.assert_allclose(ours.running_var.numpy(), theirs.running_var.numpy(), rtol=1e-5)


def test_embeddings_from_tables():
    table = facula.ones(3, 2)
    assert not nn.Embedding.from_pretrained(table).weight.requires_grad
    assert nn.EmbeddingBag.from_pretrained(table, freeze=False).weight.requires_grad
    assert nn.Embedding(5, 2, padding_idx=-1).weight[4].tolist() == [0, 0]


@pytest.mark.parametrize("size", [[9, 9], [1, 1, 10, 10]])
def test_output_size_of_transposed_convolutions(size):
    ours, theirs = pair("ConvTranspose2d(1, 1, 3, stride=2)")
    compare(ours, theirs, lambda m, x: m(x, output_size=size), draw(1, 1, 4, 4))


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: nn.Conv2d(3, 4, 3, groups=2), ValueError, "in_channels must be divisible by groups"),
        (lambda: nn.Conv2d(4, 3, 3, groups=2), ValueError, "out_channels must be divisible by groups"),
        (lambda: nn.Conv2d(3, 4, 3, groups=0), ValueError, "groups must be a positive integer"),
        (lambda: nn.Conv2d(3, 4, 3, padding="x"), ValueError, "expected padding 'same', 'valid' or integers"),
        (lambda: nn.Conv2d(3, 4, 3, 2, padding="same"), ValueError, "not supported for strided convolutions"),
        (lambda: nn.Conv2d(3, 4, 3, padding_mode="x"), ValueError, "expected padding_mode in"),
        (lambda: nn.ConvTranspose1d(3, 4, 3, padding_mode="reflect"), ValueError, 'Only "zeros" padding mode'),
        (
            lambda: nn.ConvTranspose1d(1, 1, 3)(facula.ones(1, 1, 4), [9]),
            ValueError,
            r"output_size\[0\] from 6 to 6, got 9",
        ),
        (
            lambda: nn.ConvTranspose1d(1, 1, 3)(facula.ones(1, 1, 4), [9] * 4),
            ValueError,
            "output_size of 1 or 3 numbers",
        ),
        (lambda: nn.BatchNorm2d(3)(facula.ones(2, 3)), ValueError, "expected 4D input, got 2D input"),
        (lambda: nn.SyncBatchNorm(3)._check_input_dim(facula.ones(3)), ValueError, "expected at least 2D input"),
        (lambda: nn.InstanceNorm1d(3, affine=True)(facula.ones(2, 4, 5)), ValueError, "to match num_features"),
        (lambda: nn.GroupNorm(3, 4), ValueError, "num_channels must be divisible by num_groups"),
        (lambda: nn.Bilinear(0, 1, 1), ValueError, "expected in1_features > 0"),
        (lambda: nn.Hardtanh(1, 0), AssertionError, "expected max_val > min_val"),
        (lambda: nn.Softmax2d()(facula.ones(2)), ValueError, "expected 3D or 4D input, got 1D"),
        (lambda: nn.Dropout(1.5), ValueError, "dropout probability has to be between 0 and 1, but got 1.5"),
        (lambda: nn.Embedding(3, 2, padding_idx=5), AssertionError, "Padding_idx must be within num_embeddings"),
        (lambda: nn.Embedding(3, 2, _weight=facula.ones(2, 2)), AssertionError, "Shape of weight does not match"),
        (lambda: nn.Embedding.from_pretrained(facula.ones(3)), AssertionError, "expected to be 2-dimensional"),
        (lambda: nn.FractionalMaxPool2d(2), ValueError, "output_size or output_ratio, got neither"),
        (lambda: nn.FractionalMaxPool2d(2, 2, 0.5), ValueError, "only one of output_size and output_ratio"),
        (lambda: nn.FractionalMaxPool3d(2, output_ratio=1.5), ValueError, "output_ratio between 0 and 1"),
        (lambda: nn.Unflatten("N", (2, 3)), TypeError, "expected an int as dim"),
        (lambda: nn.Unflatten(1, 3.0), TypeError, "unflattened_size must be tuple of ints"),
        (lambda: nn.MultiMarginLoss(p=3), ValueError, "only p == 1 and p == 2"),
        (
            lambda: nn.MultiMarginLoss(weight=facula.ones(1, 1)),
            AssertionError,
            "weight must be None or have 1 dimension",
        ),
        (lambda: nn.TripletMarginLoss(margin=0), ValueError, "expected margin to be greater than 0"),
        (lambda: nn.TripletMarginWithDistanceLoss(margin=0), ValueError, "expected margin to be greater than 0"),
        (lambda: nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5, 3]), ValueError, "cutoffs should be a sequence of unique"),
        (
            lambda: nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5])(facula.ones(1, 16), facula.tensor([20])),
            RuntimeError,
            r"Target values should be in \[0, 19\]",
        ),
        (
            lambda: nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5])(facula.ones(1, 16), facula.tensor([1, 2])),
            RuntimeError,
            "should have the same size in the batch dimension",
        ),
        (
            lambda: nn.AdaptiveLogSoftmaxWithLoss(16, 20, [5])(facula.ones(1, 16), facula.tensor([[1]])),
            RuntimeError,
            "0D or 1D target tensor expected",
        ),
        (lambda: nn.RNN(3, 4, nonlinearity="x"), ValueError, "expected nonlinearity 'tanh' or 'relu'"),
        (lambda: nn.LSTM(3, 0), ValueError, "hidden_size must be greater than zero"),
        (lambda: nn.LSTM(3, 4, 0), ValueError, "num_layers must be greater than zero"),
        (lambda: nn.LSTM(3, 4.0), TypeError, "hidden_size should be of type int"),
        (lambda: nn.LSTM(3, 4, proj_size=4), ValueError, "proj_size has to be smaller than hidden_size"),
        (lambda: nn.GRU(3, 4, dropout=2), ValueError, r"dropout should be a number in range \[0, 1\]"),
        (lambda: nn.GRU(3, 4)(facula.ones(2)), ValueError, "Expected input to be 2D or 3D, got 1D"),
        (lambda: nn.GRU(3, 4)(facula.ones(2, 1, 5)), RuntimeError, "must be equal to input_size, expected 3, got 5"),
        (lambda: nn.GRU(3, 4)(facula.ones(2, 1, 3), facula.ones(1, 4)), RuntimeError, "hx should be 3-D, got 2-D"),
        (lambda: nn.GRU(3, 4)(facula.ones(2, 1, 3), facula.ones(1, 2, 4)), RuntimeError, "Expected hidden size"),
        (lambda: nn.GRUCell(3, 4)(facula.ones(1, 1, 3)), ValueError, "Expected input to be 1D or 2D, got 3D"),
        (lambda: nn.GRUCell(3, 4)(facula.ones(1, 2)), RuntimeError, "inconsistent input_size, expected 3, got 2"),
        (
            lambda: nn.GRUCell(3, 4)(facula.ones(1, 3), facula.ones(1, 1, 4)),
            ValueError,
            "Expected hidden to be 1D or 2D",
        ),
        (lambda: nn.GRUCell(3, 4)(facula.ones(1, 3), facula.ones(1, 5)), RuntimeError, r"a hidden state of \(1, 4\)"),
        (lambda: nn.RNNCell(3, 4, nonlinearity="x")(facula.ones(3)), RuntimeError, "Unknown nonlinearity: x"),
        (lambda: nn.MultiheadAttention(5, 2), AssertionError, "embed_dim must be divisible by num_heads"),
        (lambda: nn.MultiheadAttention(0, 2), ValueError, "must be greater than 0"),
        (lambda: attend(facula.ones(2, 4), facula.ones(1, 2, 4)), AssertionError, "all 2-D or all 3-D"),
        (
            lambda: attend(facula.ones(2, 1, 3)),
            AssertionError,
            "expecting embedding dimension of 4 for query, but got 3",
        ),
        (
            lambda: attend(facula.ones(2, 1, 4), is_causal=True),
            RuntimeError,
            "Need attn_mask if specifying the is_causal",
        ),
        (
            lambda: attend(facula.ones(2, 1, 4), attn_mask=facula.ones(2, 2, dtype=facula.int64)),
            AssertionError,
            "only bool",
        ),
        (
            lambda: attend(facula.ones(2, 1, 4), attn_mask=facula.ones(1, 2, 2)),
            RuntimeError,
            "shape of the 3D attn_mask",
        ),
        (lambda: attend(facula.ones(2, 1, 4), attn_mask=facula.ones(2)), RuntimeError, "attn_mask's dimension 1"),
        (lambda: attend(facula.ones(2, 1, 4), attn_mask=facula.ones(2, 3)), RuntimeError, "attn_mask over 2 keys"),
        (
            lambda: attend(facula.ones(2, 1, 4), key_padding_mask=facula.ones(2, 2)),
            AssertionError,
            "key_padding_mask of shape",
        ),
        (
            lambda: nn.TransformerEncoderLayer(4, 2, activation="x"),
            RuntimeError,
            "activation should be relu/gelu, not x",
        ),
        (
            lambda: nn.Transformer(4, 2, 1, 1, 8)(facula.ones(3, 2, 4), facula.ones(3, 1, 4)),
            RuntimeError,
            "the batch number of src and tgt must be equal",
        ),
        (
            lambda: nn.Transformer(4, 2, 1, 1, 8)(facula.ones(3, 1, 5), facula.ones(3, 1, 4)),
            RuntimeError,
            "must be equal to d_model",
        ),
    ],
)
def test_misuse_is_explained(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def attend(query, key=None, **kwargs):
    key = query if key is None else key
    return nn.MultiheadAttention(4, 2)(query, key, key, **kwargs)
