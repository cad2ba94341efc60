"""Llama against its formulas, its cache, and its published names."""

import json

import numpy as np
import pytest

import facula
from facula import nn
from facula_text.models import Llama


@pytest.fixture
def model():
    facula.manual_seed(0)
    model = facula.models.create("llama", vocab_size=11, block_size=12, n_layer=2, n_head=4, n_kv_head=2, n_embd=16)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def reference(state, ids, heads=4, kv_heads=2, width=16):
    """The formulas of the papers in plain NumPy, for one row of ids."""
    head_dim = width // heads

    def norm(x, name):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-5) * state[name + ".weight"]

    def turned(x):  # each pair as a complex number, times e^(i * position * frequency)
        half = head_dim // 2
        angle = np.arange(len(ids))[:, None] * 10000.0 ** (-np.arange(half) / half)
        z = (x[:, :half] + 1j * x[:, half:]) * np.exp(1j * angle)
        return np.concatenate([z.real, z.imag], 1)

    x = state["embedding.weight"][ids]
    for index in range(2):
        name = f"layers.{index}"
        h = norm(x, name + ".attention_norm")
        q, k, v = (h @ state[f"{name}.attention.{letter}.weight"].T for letter in "qkv")
        out = []
        for head in range(heads):
            own = slice(head * head_dim, (head + 1) * head_dim)
            group = head // (heads // kv_heads)
            shared = slice(group * head_dim, (group + 1) * head_dim)
            scores = turned(q[:, own]) @ turned(k[:, shared]).T / np.sqrt(head_dim)
            scores[np.triu_indices(len(ids), 1)] = -np.inf
            weights = np.exp(scores - scores.max(1, keepdims=True))
            out.append(weights / weights.sum(1, keepdims=True) @ v[:, shared])
        x = x + np.concatenate(out, 1) @ state[name + ".attention.o.weight"].T
        h = norm(x, name + ".mlp_norm")
        gate = h @ state[name + ".mlp.gate.weight"].T
        x = (
            x
            + (gate / (1 + np.exp(-gate)) * (h @ state[name + ".mlp.up.weight"].T)) @ state[name + ".mlp.down.weight"].T
        )
    return norm(x, "norm") @ state["head.weight"].T


def test_forward_is_the_papers(model):
    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    state = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    with facula.no_grad():
        found = model(facula.tensor([ids]))[0]
    np.testing.assert_allclose(found.numpy(), reference(state, ids), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("pieces", [(1, 1, 1, 6), (4, 5), (8, 1)])
def test_the_cache_changes_nothing(model, pieces):
    ids = facula.randint(0, 11, (3, 9))
    with facula.no_grad():
        whole = model(ids)
        parts, cache, first = [], model.make_cache(3, 9), 0
        for length in pieces:
            parts.append(model(ids[:, first : first + length], cache))
            first += length
    np.testing.assert_allclose(facula.cat(parts, dim=1).numpy(), whole.numpy(), atol=1e-5)


def test_filling_on_the_left_changes_nothing(model):
    short = facula.tensor([[3, 1, 4, 5]])
    with facula.no_grad():
        cache = model.make_cache(2, 6, padding=facula.tensor([2, 0]))
        first = model(facula.tensor([[0, 0, 3, 1, 4], [2, 7, 1, 8, 2]]), cache)
        second = model(facula.tensor([[5], [6]]), cache)
        expected = model(short)
    np.testing.assert_allclose(first[0, 2:].numpy(), expected[0, :3].numpy(), atol=1e-5)
    np.testing.assert_allclose(second[0, 0].numpy(), expected[0, 3].numpy(), atol=1e-5)


def published_name(name):
    for own, other in (
        ("embedding.", "model.embed_tokens."),
        ("head.", "lm_head."),
        ("norm.", "model.norm."),
        ("layers.", "model.layers."),
    ):
        if name.startswith(own):
            name = other + name.removeprefix(own)
            break
    for letter in "qkvo":
        name = name.replace(f".attention.{letter}.", f".self_attn.{letter}_proj.")
    for word in ("gate", "up", "down"):
        name = name.replace(f".mlp.{word}.", f".mlp.{word}_proj.")
    return name.replace("attention_norm", "input_layernorm").replace("mlp_norm", "post_attention_layernorm")


CONFIG = {
    "vocab_size": 11,
    "max_position_embeddings": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "hidden_size": 16,
    "intermediate_size": 64,
    "rms_norm_eps": 1e-5,
}


def test_a_published_folder_is_read(model, tmp_path):
    state = {published_name(name): value for name, value in model.state_dict().items()}
    assert "model.layers.1.self_attn.k_proj.weight" in state
    facula.serialization.save_sharded(state, tmp_path, max_shard_size=4000)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG))
    ids = facula.randint(0, 11, (2, 7))
    with facula.no_grad():
        assert facula.equal(Llama.from_pretrained(tmp_path)(ids), model(ids))


def test_tied_weights(model, tmp_path):
    state = {published_name(name): value for name, value in model.state_dict().items()}
    facula.serialization.save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "tie_word_embeddings": True}))
    found = Llama.from_pretrained(tmp_path)
    with facula.no_grad():
        model.head.weight.copy_(model.embedding.weight)
        np.testing.assert_allclose(found(facula.tensor([[1, 2]])).numpy(), model(facula.tensor([[1, 2]])).numpy())


def test_other_mathematics_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({**CONFIG, "rope_scaling": {"factor": 8.0}}))
    with pytest.raises(ValueError, match="expected plain rotary positions and full attention"):
        Llama.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(facula.zeros(1, 13, dtype=facula.int64)), r"Llama: .*block_size = 12, got \(1, 13\) after 0 ids"),
        (lambda m: Llama(5, 4, n_head=4, n_kv_head=3), "expected n_head to be a multiple of n_kv_head"),
    ],
)
def test_bad_input(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


def test_greedy(model):
    ids = facula.tensor([[1, 2, 3]])
    with facula.no_grad():
        for _ in range(5):
            ids = facula.cat([ids, model(ids)[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
    assert model.generate(facula.tensor([[1, 2, 3]]), 5).tolist() == ids.tolist()


def test_public_suite():
    from facula.testing import check_model

    def make():
        return facula.models.create("llama", vocab_size=9, block_size=6, n_layer=1, n_head=2, n_embd=8)

    check_model(make, facula.randint(0, 9, (2, 6)))
