"""Models of speech: training, streams, masks and errors; `test_facts.py` compares their numbers."""

import pytest

import facula
from facula import nn
from facula.testing import check_model
from facula_audio import models

SMALL = {"input_dim": 8, "num_heads": 2, "ffn_dim": 12, "num_layers": 2, "segment_length": 4}
TINY_WAV2VEC2 = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [(8, 10, 5), (8, 3, 2)],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 16,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 8,
    "encoder_pos_conv_groups": 4,
    "encoder_num_layers": 3,
    "encoder_num_heads": 2,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": 24,
    "encoder_ff_interm_dropout": 0.1,
    "encoder_dropout": 0.1,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.0,
}
MASKS = {
    "mask_prob": 0.6,
    "mask_selection": "static",
    "mask_other": 0.0,
    "mask_length": 4,
    "no_mask_overlap": False,
    "mask_min_space": 1,
    "mask_channel_prob": 0.2,
    "mask_channel_selection": "static",
    "mask_channel_other": 0.0,
    "mask_channel_length": 2,
    "no_mask_channel_overlap": False,
    "mask_channel_min_space": 1,
    "skip_masked": False,
    "skip_nomask": False,
    "num_classes": 5,
    "final_dim": 6,
    "feature_grad_mult": 0.1,
}


@pytest.mark.parametrize(
    ("build", "shape"),
    [
        (lambda: models.Wav2Letter(5, "mfcc", 3), (2, 3, 40)),
        (lambda: models.DeepSpeech(5, 6, 4), (2, 1, 9, 5)),
        (lambda: models.ConvTasNet(2, 16, 8, 3, 4, 6, 2, 1), (2, 1, 100)),
        (models.SileroVAD, (2, 512)),
    ],
)
def test_public_suite(build, shape):
    def only_output():
        model = build()
        inner = model.forward
        model.forward = lambda x: inner(x)[0] if isinstance(inner(x), tuple) else inner(x)
        return model

    check_model(only_output, facula.rand(*shape))


def test_conformer_ignores_what_is_beyond_the_end():
    facula.manual_seed(0)
    model = models.Conformer(8, 2, 12, 1, 1).eval()
    x, lengths = facula.randn(2, 10, 8), facula.tensor([10, 6])
    other = x.clone()
    other[1, 6:] = 7.0
    found, same = model(x, lengths)
    assert same is lengths
    assert facula.allclose(found[1, :6], model(other, lengths)[0][1, :6])


@pytest.mark.parametrize("left", [0, 5])
def test_emformer_streams_what_it_computes_at_once(left):
    """Segment by segment gives what the whole gives, since no segment sees more."""
    facula.manual_seed(0)
    model = models.Emformer(**SMALL, left_context_length=left, right_context_length=2).eval()
    x = facula.randn(2, 14, 8)  # three segments and what is to the right of them
    whole, _ = model(x, facula.tensor([12, 12]))
    state = None
    for start in range(0, 12, 4):
        part, lengths, state = model.infer(x[:, start : start + 6], facula.tensor([6, 6]), state)
        assert lengths.tolist() == [4, 4]
        assert facula.allclose(part, whole[:, start : start + 4], atol=1e-5)


def test_emformer_errors():
    with pytest.raises(ValueError, match="expected size of 6 for dimension 1 of input, got 5"):
        models.Emformer(**SMALL, right_context_length=2).infer(facula.zeros(1, 5, 8), facula.tensor([5]))
    with pytest.raises(ValueError, match="not a multiple of num_heads"):
        models.Emformer(9, 2, 12, 1, 4)
    with pytest.raises(ValueError, match="unsupported activation 'tanh'"):
        models.Emformer(**SMALL, activation="tanh")
    with pytest.raises(ValueError, match="unsupported weight_init_scale_strategy value 'much'"):
        models.Emformer(**SMALL, weight_init_scale_strategy="much")
    assert models.Emformer(**SMALL, weight_init_scale_strategy=None)
    assert models.Emformer(**SMALL, weight_init_scale_strategy="constant")


def test_other_errors():
    with pytest.raises(ValueError, match="depthwise_kernel_size must be odd.*got 4"):
        models.Conformer(8, 2, 12, 1, 4)
    with pytest.raises(ValueError, match="expected input_type to be one of .*got 'mel'"):
        models.Wav2Letter(input_type="mel")
    with pytest.raises(ValueError, match="unsupported activation 'tanh'"):
        models.ConvTasNet(msk_activate="tanh")
    with pytest.raises(ValueError, match=r"expected 3D tensor \(batch, channel==1, frames\), got \(2, 100\)"):
        models.ConvTasNet(2, 16, 8, 3, 4, 6, 2, 1)(facula.zeros(2, 100))
    with pytest.raises(ValueError, match="expected total_scale: 6 == hop_length: 5"):
        models.WaveRNN([2, 3], 16, 5)
    with pytest.raises(ValueError, match="expected one channel, got 2 in the waveform"):
        models.WaveRNN([2, 3], 16, 6, 1, 8, 8)(facula.zeros(1, 2, 36), facula.zeros(1, 1, 128, 10))
    with pytest.raises(ValueError, match="expected extractor_mode 'group_norm' or 'layer_norm', got 'none'"):
        models.wav2vec2_model(**{**TINY_WAV2VEC2, "extractor_mode": "none"}, aux_num_out=None)
    with pytest.raises(ValueError, match=r"`embed_dim \(16\)` divisible by `num_heads \(3\)`"):
        models.wav2vec2_model(**{**TINY_WAV2VEC2, "encoder_num_heads": 3}, aux_num_out=None)


def test_wav2vec2_learns_and_counts_frames():
    facula.manual_seed(0)
    model = models.wav2vec2_model(**TINY_WAV2VEC2, aux_num_out=4)
    scores, lengths = model(facula.randn(2, 400), facula.tensor([400, 200]))
    assert scores.shape == (2, 39, 4)
    assert lengths.tolist() == [39, 19]
    scores.logsumexp(-1).sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    layers, _ = model.eval().extract_features(facula.randn(1, 400))
    assert len(layers) == 3
    with pytest.raises(ValueError, match=r"`num_layers` must be between \[1, 3\].*got 4"):
        model.extract_features(facula.randn(1, 400), num_layers=4)
    with pytest.raises(ValueError, match="expected the input Tensor to be 2D .*got 3D"):
        model(facula.randn(1, 1, 400))


def test_wavlm_ignores_what_is_beyond_the_end():
    facula.manual_seed(0)
    config = {**TINY_WAV2VEC2, "encoder_num_buckets": 8, "encoder_max_distance": 20, "encoder_pos_conv_kernel": 1}
    model = models.wavlm_model(**{**config, "extractor_mode": "layer_norm"}, aux_num_out=None).eval()
    x, lengths = facula.randn(2, 400), facula.tensor([400, 200])
    other = x.clone()
    other[1, 200:] = 3.0
    found, frames = model(x, lengths)
    again, _ = model(other, lengths)
    assert facula.allclose(found[1, : int(frames[1])], again[1, : int(frames[1])], atol=1e-6)


def test_layers_are_dropped_only_in_training():
    facula.manual_seed(0)
    model = models.wav2vec2_model(**{**TINY_WAV2VEC2, "encoder_layer_drop": 1.0}, aux_num_out=None)
    x = facula.randn(1, 400)
    model(x)[0].sum().backward()
    assert model.encoder.transformer.layers[0].attention.q_proj.weight.grad is None
    model.eval()(x)[0].sum().backward()
    assert model.encoder.transformer.layers[0].attention.q_proj.weight.grad is not None


def test_hubert_hides_frames_and_learns():
    facula.manual_seed(0)
    model = models.hubert_pretrain_model(**TINY_WAV2VEC2, **MASKS)
    waveforms, labels = facula.randn(3, 400), facula.randint(0, 5, (3, 39))
    hidden, seen, energy = model(waveforms, labels, facula.tensor([400, 400, 300]))
    assert hidden.shape[1] == seen.shape[1] == 6
    assert len(hidden) + len(seen) == 39 + 39 + 29
    assert int(facula.isinf(hidden[:, 1:]).sum()) == len(hidden)
    loss = nn.functional.cross_entropy(hidden, facula.zeros(len(hidden), dtype=facula.int64)) + energy
    loss.backward()
    assert float(model.mask_generator.mask_embedding.grad.abs().sum()) > 0
    with pytest.raises(ValueError, match="expected 39 labels, got 7"):
        model(waveforms, labels[:, :7])
    with pytest.raises(ValueError, match=r"must be between \(0, 1\).*got 2"):
        models.hubert_pretrain_model(**TINY_WAV2VEC2, **{**MASKS, "feature_grad_mult": 2.0})


@pytest.mark.parametrize("selection", ["static", "uniform", "normal", "poisson"])
@pytest.mark.parametrize("no_overlap", [False, True])
def test_masks(selection, no_overlap):
    from facula_audio.models.hubert import compute_mask_indices

    facula.manual_seed(0)
    padding = facula.zeros(4, 50, dtype=facula.bool)
    padding[3, 30:] = True
    counts = []
    for _ in range(20):
        mask = compute_mask_indices((4, 50), padding, 0.5, 5, selection, 1.0, 1, no_overlap, 1)
        assert not bool((mask & padding).any())
        assert len(set(mask.sum(dim=1).tolist())) == 1
        counts.append(int(mask[0].sum()))
    assert 5 < sum(counts) / len(counts) < 25
    with pytest.raises(ValueError, match="unknown mask selection 'some'"):
        compute_mask_indices((4, 50), None, 0.5, 5, "some")


def test_beam_search_finds_the_best_of_all_sequences():
    """A wide beam over two frames, at most one symbol each, finds what trying every path finds."""
    import itertools
    import math

    facula.manual_seed(3)
    model = models.emformer_rnnt_model(
        input_dim=4,
        encoding_dim=6,
        num_symbols=3,
        segment_length=2,
        right_context_length=0,
        time_reduction_input_dim=4,
        time_reduction_stride=1,
        transformer_num_heads=1,
        transformer_ffn_dim=4,
        transformer_num_layers=1,
        transformer_dropout=0.0,
        transformer_activation="relu",
        transformer_left_context_length=2,
        transformer_max_memory_size=0,
        transformer_weight_init_scale_strategy="depthwise",
        transformer_tanh_on_mem=False,
        symbol_embedding_dim=4,
        num_lstm_layers=1,
        lstm_layer_norm=True,
        lstm_layer_norm_epsilon=1e-3,
        lstm_dropout=0.0,
    ).eval()
    blank, frames = 2, 3
    x = facula.randn(1, frames, 4)
    search = models.RNNTBeamSearch(model, blank, hypo_sort_key=lambda hypothesis: hypothesis[3], step_max_tokens=1)
    found = search(x, facula.tensor(frames), 30)
    totals = {}
    with facula.no_grad():
        encoded, _ = model.transcribe(x, facula.tensor([frames]))
        for steps in itertools.product([None, 0, 1], repeat=frames):  # a symbol or none in each frame
            symbols = [step for step in steps if step is not None]
            targets = facula.tensor([[blank, *symbols]])
            expected, _, _ = model.predict(targets, facula.tensor([len(symbols) + 1]), None)
            scores = model.join(encoded, None, expected, None)[0][0].log_softmax(-1)
            place = total = 0
            for frame, step in enumerate(steps):
                if step is not None:
                    total += float(scores[frame, place, step])
                    place += 1
                total += float(scores[frame, place, blank])
            key = (blank, *symbols)
            totals[key] = math.log(math.exp(totals.get(key, -math.inf)) + math.exp(total))
    assert len(found) == len(totals)
    for symbols, _, _, score in found:
        assert score == pytest.approx(totals[tuple(symbols)], abs=1e-4)
    assert [h[3] for h in found] == sorted((h[3] for h in found), reverse=True)
    with pytest.raises(ValueError, match=r"input must be of shape \(T, D\) or \(1, T, D\)"):
        search(facula.zeros(2, 4, 4), facula.tensor(4), 2)
    with pytest.raises(ValueError, match=r"length must be of shape \(\) or \(1,\)"):
        search(x, facula.tensor([3, 3]), 2)


def test_older_names_of_published_weights():
    """Files written before parametrizations call the two parts of the positions' weight weight_g and weight_v."""
    model = models.wav2vec2_model(**TINY_WAV2VEC2, aux_num_out=None)
    names = {"parametrizations.weight.original0": "weight_g", "parametrizations.weight.original1": "weight_v"}
    old = {}
    for key, value in model.state_dict().items():
        for new, older in names.items():
            key = key.replace(new, older)
        old[key] = value + 1
    assert "encoder.transformer.pos_conv_embed.conv.weight_g" in old
    expected = {key: value + 1 for key, value in model.state_dict().items()}
    model.load_state_dict(old)
    assert all(facula.equal(value, expected[key]) for key, value in model.state_dict().items())
