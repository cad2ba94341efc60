"""Models beside torchaudio's with the same weights: outputs, gradients and searches, where torchaudio is installed."""

import inspect

import numpy as np
import pytest

import facula
from facula_audio import models

torch = pytest.importorskip("torch")
torchaudio = pytest.importorskip("torchaudio")

CONV = [(8, 10, 5), (8, 3, 2)]
HUBERT = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": CONV,
    "extractor_conv_bias": False,
    "encoder_embed_dim": 16,
    "encoder_projection_dropout": 0.0,
    "encoder_pos_conv_kernel": 8,
    "encoder_pos_conv_groups": 4,
    "encoder_num_layers": 2,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.0,
    "encoder_ff_interm_features": 24,
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.0,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.0,
    "mask_prob": 0.8,
    "mask_selection": "static",
    "mask_other": 0.0,
    "mask_length": 2,
    "no_mask_overlap": False,
    "mask_min_space": 1,
    "mask_channel_prob": 0.0,
    "mask_channel_selection": "static",
    "mask_channel_other": 0.0,
    "mask_channel_length": 2,
    "no_mask_channel_overlap": False,
    "mask_channel_min_space": 1,
    "skip_masked": False,
    "skip_nomask": False,
    "num_classes": 7,
    "final_dim": 6,
    "feature_grad_mult": 0.1,
}
RNNT = {
    "input_dim": 8,
    "encoding_dim": 12,
    "num_symbols": 9,
    "segment_length": 8,
    "right_context_length": 4,
    "time_reduction_input_dim": 4,
    "time_reduction_stride": 4,
    "transformer_num_heads": 2,
    "transformer_ffn_dim": 10,
    "transformer_num_layers": 2,
    "transformer_dropout": 0.0,
    "transformer_activation": "gelu",
    "transformer_left_context_length": 3,
    "transformer_max_memory_size": 0,
    "transformer_weight_init_scale_strategy": "depthwise",
    "transformer_tanh_on_mem": True,
    "symbol_embedding_dim": 6,
    "num_lstm_layers": 2,
    "lstm_layer_norm": True,
    "lstm_layer_norm_epsilon": 1e-3,
    "lstm_dropout": 0.0,
}


def pair(builder, config):
    """Our model and torchaudio's, with the same weights."""
    torch.manual_seed(0)
    theirs = getattr(torchaudio.models, builder)(**config)
    for value in theirs.state_dict().values():
        if value.dtype.is_floating_point:
            value.add_(torch.randn_like(value).abs() * 0.1)
    ours = getattr(models, builder)(**config)
    state = {key: facula.tensor(value.numpy()) for key, value in theirs.state_dict().items()}
    assert list(ours.state_dict()) == list(state)
    ours.load_state_dict(state)
    return ours, theirs


def test_signatures():
    for name in dir(torchaudio.models):
        builder = getattr(torchaudio.models, name)
        if hasattr(models, name) and (inspect.isfunction(builder) or isinstance(builder, type)):
            ours, theirs = (
                [(entry.name, entry.default) for entry in inspect.signature(function).parameters.values()]
                for function in (getattr(models, name), builder)
            )
            assert ours == theirs, name


@pytest.mark.parametrize("memory", [0, 2])
def test_emformer_stream(memory):
    config = {"input_dim": 16, "num_heads": 2, "ffn_dim": 24, "num_layers": 3, "segment_length": 4}
    config |= {"right_context_length": 1, "left_context_length": 6, "max_memory_size": memory}
    ours, theirs = pair("Emformer", config)
    random = np.random.default_rng(0)
    mine = other = None
    for step in range(5):
        x, lengths = random.standard_normal((2, 5, 16), dtype=np.float32), np.array([5, 5 if step < 4 else 3])
        with torch.no_grad(), facula.no_grad():
            want, want_lengths, other = theirs.infer(torch.from_numpy(x), torch.from_numpy(lengths), other)
            found, found_lengths, mine = ours.infer(facula.tensor(x), facula.tensor(lengths), mine)
        np.testing.assert_allclose(found.numpy(), want.numpy(), atol=1e-5)
        assert found_lengths.tolist() == want_lengths.tolist()
        for a, b in zip(mine, other, strict=True):
            for kept, reference in zip(a, b, strict=True):
                np.testing.assert_allclose(kept.numpy(), reference.numpy(), atol=1e-5)


@pytest.mark.parametrize("width", [1, 3, 8])
@pytest.mark.parametrize("seed", range(3))
def test_beam_search(width, seed):
    ours, theirs = (model.eval() for model in pair("emformer_rnnt_model", RNNT))
    mine, other = (library.RNNTBeamSearch(model, 8) for library, model in ((models, ours), (torchaudio.models, theirs)))
    random = np.random.default_rng(seed)
    x = 3 * random.standard_normal((36, 8), dtype=np.float32)
    found = mine(facula.tensor(x), facula.tensor(32), width)
    with torch.no_grad():
        want = other(torch.from_numpy(x), torch.tensor(32), width)
    assert [hypothesis[0] for hypothesis in found] == [hypothesis[0] for hypothesis in want]
    np.testing.assert_allclose([h[3] for h in found], [h[3] for h in want], rtol=1e-4)
    beam = state = reference = reference_state = None
    for _ in range(3):
        x = 2 * random.standard_normal((12, 8), dtype=np.float32)
        beam, state = mine.infer(facula.tensor(x), facula.tensor(12), width, state, beam)
        with torch.no_grad():
            reference, reference_state = other.infer(
                torch.from_numpy(x), torch.tensor(12), width, reference_state, reference
            )
    assert [hypothesis[0] for hypothesis in beam] == [hypothesis[0] for hypothesis in reference]


def test_hubert_pretraining():
    """Logits, energy and gradients, with the same frames hidden."""
    ours, theirs = pair("hubert_pretrain_model", HUBERT)
    random = np.random.default_rng(0)
    hidden = random.random((2, 89)) < 0.4
    place, other_place = ours.mask_generator, theirs.mask_generator
    place.forward = lambda x, padding: (
        facula.where(facula.tensor(hidden).unsqueeze(2), place.mask_embedding, x),
        facula.tensor(hidden),
    )
    other_place.forward = lambda x, padding: (
        torch.where(torch.tensor(hidden).unsqueeze(2), other_place.mask_embedding, x),
        torch.tensor(hidden),
    )
    inputs = (
        random.standard_normal((2, 900), dtype=np.float32),
        random.integers(0, 7, (2, 89)),
        np.array([900, 500]),
    )
    found = ours(*map(facula.tensor, inputs))
    want = theirs(*map(torch.from_numpy, inputs))
    for a, b in zip(found, want, strict=True):
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-4, atol=1e-4)
    losses = (facula.nn.functional.cross_entropy, facula), (torch.nn.functional.cross_entropy, torch)
    for (loss, library), output in zip(losses, (found, want), strict=True):
        loss(output[0], library.zeros(len(output[0]), dtype=library.int64)).backward()
    gradients = dict(theirs.named_parameters())
    for key, parameter in ours.named_parameters():
        np.testing.assert_allclose(parameter.grad.numpy(), gradients[key].grad.numpy(), atol=2e-4, err_msg=key)


@pytest.mark.parametrize("name", ["Conformer", "DeepSpeech", "ConvTasNet", "Emformer"])
def test_gradients(name):
    config, shape, lengths = {
        "Conformer": (
            {"input_dim": 16, "num_heads": 4, "ffn_dim": 24, "num_layers": 1, "depthwise_conv_kernel_size": 7},
            (2, 20, 16),
            [20, 12],
        ),
        "DeepSpeech": ({"n_feature": 7, "n_hidden": 12, "n_class": 5}, (2, 1, 20, 7), None),
        "ConvTasNet": (
            {
                "enc_num_feats": 16,
                "msk_num_feats": 8,
                "msk_num_hidden_feats": 12,
                "msk_num_layers": 3,
                "msk_num_stacks": 2,
            },
            (2, 1, 203),
            None,
        ),
        "Emformer": (
            {
                "input_dim": 16,
                "num_heads": 2,
                "ffn_dim": 24,
                "num_layers": 2,
                "segment_length": 4,
                "left_context_length": 3,
                "right_context_length": 2,
                "max_memory_size": 2,
            },
            (2, 16, 16),
            [14, 9],
        ),
    }[name]
    ours, theirs = pair(name, config)
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    arguments = [x] if lengths is None else [x, np.array(lengths)]
    found, want = ours(*map(facula.tensor, arguments)), theirs(*map(torch.from_numpy, arguments))
    for output in (found, want):
        (output if lengths is None else output[0]).pow(2).sum().backward()
    gradients = dict(theirs.named_parameters())
    for key, parameter in ours.named_parameters():
        expected = gradients[key].grad
        if expected is None:
            assert parameter.grad is None or not parameter.grad.any(), key
            continue
        scale = max(1.0, float(expected.abs().max()))
        np.testing.assert_allclose(parameter.grad.numpy() / scale, expected.numpy() / scale, atol=1e-4, err_msg=key)
