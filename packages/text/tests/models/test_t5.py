"""T5: the paper's formulas, distances, filling, published names, cached generation."""

import json
import math

import numpy as np
import pytest

import facula
from facula import nn
from facula_text.models import T5
from facula_text.models.t5 import PUBLISHED, distance_buckets

FORMS = {"relu": {}, "gated": {"activation": "gelu", "gated": True, "tied": False, "n_decoder_layer": 1}}


def build(form="relu"):
    facula.manual_seed(0)
    model = facula.models.create(
        "t5", vocab_size=13, n_layer=2, n_head=2, n_embd=12, head_dim=4, hidden=20, **FORMS[form]
    )
    for parameter in model.parameters():  # far from the start, so that mistakes show
        nn.init.normal_(parameter, std=0.4)
    return model.eval()


def test_the_published_size():
    with facula.device("meta"):
        model = facula.models.create("t5_small")
    assert sum(parameter.numel() for parameter in model.parameters()) == 60_506_624


def bucket(distance, both):
    """The paper's sharing of 32 buckets, for one distance."""
    count = 16 if both else 32
    side = count if both and distance > 0 else 0
    size = abs(distance) if both else max(-distance, 0)
    if size < count // 2:
        return side + size
    return side + min(
        count - 1, count // 2 + int(math.log(size / (count // 2)) / math.log(128 / (count // 2)) * (count // 2))
    )


@pytest.mark.parametrize("both", [False, True])
def test_buckets_of_distances(both):
    distances = [d for d in range(-200, 201) if abs(d) not in (32, 64)]  # there the logarithm is whole but for rounding
    found = distance_buckets(facula.tensor(distances), 32, 128, both=both)
    assert found.tolist() == [bucket(distance, both) for distance in distances]


def reference(state, source, target, form):
    """The formulas of the paper in plain NumPy, for one source and one target."""
    gated = form == "gated"

    def norm(x, name):
        return x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * state[name + ".weight"]

    def attend(x, y, name, bias):
        q, k, v = (part @ state[f"{name}.{way}.weight"].T for part, way in ((x, "q"), (y, "k"), (y, "v")))
        out = []
        for head in range(2):
            part = slice(head * 4, head * 4 + 4)
            scores = q[:, part] @ k[:, part].T + bias[head]
            weights = np.exp(scores - scores.max(1, keepdims=True))
            out.append(weights / weights.sum(1, keepdims=True) @ v[:, part])
        return np.concatenate(out, 1) @ state[f"{name}.o.weight"].T

    def mlp(x, name):
        up = x @ state[name + ".up.weight"].T
        if gated:
            gate = x @ state[name + ".gate.weight"].T
            up = 0.5 * gate * (1 + np.tanh(np.sqrt(2 / np.pi) * (gate + 0.044715 * gate**3))) * up
        else:
            up = np.maximum(up, 0)
        return up @ state[name + ".down.weight"].T

    def biases(side, length):
        table = state[side + ".distance.weight"]
        rows = [[table[bucket(j - i, side == "encoder")] for j in range(length)] for i in range(length)]
        return np.array(rows).transpose(2, 0, 1).copy()

    x, bias = state["shared.weight"][source], biases("encoder", len(source))
    for layer in range(2):
        name = f"encoder.blocks.{layer}"
        inner = norm(x, name + ".attention_norm")
        x = x + attend(inner, inner, name + ".attention", bias)
        x = x + mlp(norm(x, name + ".mlp_norm"), name + ".mlp")
    states = norm(x, "encoder.norm")
    y, bias = state["shared.weight"][target], biases("decoder", len(target))
    bias[:, np.triu(np.ones((len(target),) * 2, bool), 1)] = -np.inf
    for layer in range(1 if gated else 2):
        name = f"decoder.blocks.{layer}"
        inner = norm(y, name + ".attention_norm")
        y = y + attend(inner, inner, name + ".attention", bias)
        y = y + attend(norm(y, name + ".cross_norm"), states, name + ".cross", np.zeros(2))
        y = y + mlp(norm(y, name + ".mlp_norm"), name + ".mlp")
    y = norm(y, "decoder.norm")
    return y @ state["head.weight"].T if gated else y / np.sqrt(12) @ state["shared.weight"].T


@pytest.mark.parametrize("form", FORMS)
def test_forward_is_the_papers(form):
    model = build(form)
    source, target = [*range(13), 3, 1, 4, 1, 5, 9, 2, 6, 5, 3], [0, 7, 2, 9, 4]
    state = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    with facula.no_grad():
        found = model(facula.tensor([source]), facula.tensor([target]))[0]
    np.testing.assert_allclose(found.numpy(), reference(state, source, target, form), atol=1e-4, rtol=1e-4)


def test_filling_changes_nothing():
    model = build()
    source, target = facula.tensor([[3, 1, 4, 0, 0], [2, 7, 1, 8, 2]]), facula.tensor([[0, 5, 6], [0, 6, 5]])
    mask = facula.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    with facula.no_grad():
        together = model(source, target, mask)
        alone = model(source[:1, :3], target[:1])
    np.testing.assert_allclose(together[0].numpy(), alone[0].numpy(), atol=1e-5)
    greedy = model.generate(source, 6, mask=mask)
    assert greedy[0].tolist() == model.generate(source[:1, :3], 6)[0].tolist()


@pytest.mark.parametrize("form", FORMS)
def test_the_cache_changes_nothing(form):
    model = build(form)
    source = facula.randint(0, 13, (3, 7))
    with facula.no_grad():
        ids = facula.zeros(3, 1, dtype=facula.int64)
        steps = []
        for _ in range(40):  # beyond the distances that have a bucket alone
            steps.append(model(source, ids)[:, -1])
            ids = facula.cat([ids, steps[-1].argmax(-1, keepdim=True)], 1)
        whole = model(source, ids[:, :-1])
        from facula_text.models.t5 import Answer

        answer = Answer(model, source)
        cache = answer.make_cache(3, 40)
        parts = [answer(ids[:, a:b], cache) for a, b in ((0, 1), (1, 2), (2, 6), (6, 7), (7, 40))]
    np.testing.assert_allclose(facula.cat(parts, 1).numpy(), whole.numpy(), atol=1e-5)
    assert model.generate(source, 40).tolist() == ids[:, 1:].tolist()


def test_beams_find_at_least_what_greedy_finds():
    model = build()
    source = facula.randint(0, 13, (2, 5))

    def score(answer):
        target = facula.cat([facula.zeros(2, 1, dtype=facula.int64), answer], 1)
        with facula.no_grad():
            logs = model(source, target[:, :-1]).log_softmax(-1)
        return logs.gather(2, answer.unsqueeze(2)).sum((1, 2))

    beams = model.generate(source, 5, num_beams=4)
    assert bool((score(beams) >= score(model.generate(source, 5)) - 1e-5).all())
    sampled = model.generate(source, 5, do_sample=True, top_k=3, generator=facula.Generator().manual_seed(1))
    assert sampled.shape == (2, 5)


def published(state, gated):
    """Own names as Hugging Face publishes them."""
    ways = {"attention": "layer.0.SelfAttention", "cross": "layer.1.EncDecAttention"}
    norms = {"attention_norm": 0, "cross_norm": 1}
    found = {}
    for name, value in state.items():
        side, _, rest = name.partition(".")
        last = 2 if side == "decoder" else 1
        if rest.startswith("blocks."):
            _, layer, part, *way = rest.split(".")
            if part in ways:
                new = f"{side}.block.{layer}.{ways[part]}.{'.'.join(way)}"
            elif part == "mlp":
                inner = {"up": "wi_1" if gated else "wi", "gate": "wi_0", "down": "wo"}[way[0]]
                new = f"{side}.block.{layer}.layer.{last}.DenseReluDense.{inner}.weight"
            else:
                new = f"{side}.block.{layer}.layer.{norms.get(part, last)}.layer_norm.weight"
        else:
            new = {
                "distance.weight": f"{side}.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
                "norm.weight": f"{side}.final_layer_norm.weight",
            }.get(rest, name)
        found[new.replace("head.weight", "lm_head.weight")] = value
    return found


@pytest.mark.parametrize("form", FORMS)
def test_a_published_folder_is_read(form, tmp_path):
    model, gated = build(form), form == "gated"
    state = published(model.state_dict(), gated)
    state["encoder.embed_tokens.weight"] = state["shared.weight"].clone()
    state["decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight"] = facula.ones(32, 2)
    facula.serialization.save_file(state, tmp_path / "model.safetensors")
    if not gated:  # older files hold the shared matrix twice
        state["lm_head.weight"] = state["shared.weight"].clone()
    config = {
        "vocab_size": 13, "num_layers": 2, "num_heads": 2, "d_model": 12, "d_ff": 20, "d_kv": 4, "tie_word_embeddings": not gated,
        "feed_forward_proj": "gated-gelu" if gated else "relu", "num_decoder_layers": 1 if gated else 2,
    }  # fmt: skip
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = T5.from_pretrained(tmp_path)
    source, target = facula.randint(0, 13, (2, 7)), facula.randint(0, 13, (2, 4))
    with facula.no_grad():
        assert facula.equal(loaded(source, target), model(source, target))
    own = {PUBLISHED.own_name(name) for name in state} - {None}
    assert own - {"head.weight"} == set(model.state_dict()) - {"head.weight"}
    (tmp_path / "config.json").write_text(json.dumps({**config, "scale_decoder_outputs": gated}))
    with facula.no_grad():
        other = T5.from_pretrained(tmp_path)(source, target) / model(source, target)
    np.testing.assert_allclose(other.numpy(), 12**-0.5 if gated else 12**0.5, rtol=1e-3)


def test_bad_input():
    with pytest.raises(ValueError, match=r"expected an activation of \['relu', 'gelu', 'silu'\], got 'tanh'"):
        T5(5, activation="tanh")
    with pytest.raises(ValueError, match=r"T5: expected ids \(B, T\), got \(3,\)"):
        build().encode(facula.tensor([1, 2, 3]))


def test_it_learns_to_turn_a_sequence_around():
    facula.manual_seed(0)
    model = facula.models.create("t5", vocab_size=8, n_layer=1, n_head=2, n_embd=32, dropout=0.0)
    optimizer = facula.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(300):
        source = facula.randint(2, 8, (32, 3))
        target = facula.cat([facula.zeros(32, 1, dtype=facula.int64), source.flip(1)], 1)
        loss = nn.functional.cross_entropy(model(source, target[:, :-1]).reshape(-1, 8), target[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    source = facula.randint(2, 8, (16, 3))
    assert float((model.generate(source, 3) == source.flip(1)).to(facula.float32).mean()) > 0.8  # chance is 0.17


def test_public_suite():
    from facula.testing import check_model

    class OneInput(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = facula.models.create(
                "t5", vocab_size=9, n_layer=1, n_head=2, n_embd=8, dropout=0.0, tied=False
            )

        def forward(self, input):
            return self.model(input, input)

    check_model(OneInput, facula.randint(0, 9, (2, 6)))
