"""GPT: shapes, causality, the cache, generation, learning."""

import json

import numpy as np
import pytest

import facula
from facula import nn
from facula_text.generation import generate, select
from facula_text.models import GPT


@pytest.fixture
def model():
    facula.manual_seed(0)
    model = facula.models.create("gpt", vocab_size=11, block_size=12, n_layer=2, n_head=2, n_embd=16)
    for parameter in model.parameters():  # far from the small start, so that mistakes show
        nn.init.normal_(parameter, std=0.3)
    return model.eval()


def test_the_published_size_of_gpt2():
    with facula.device("meta"):
        model = facula.models.create("gpt2")
    assert sum(p.numel() for p in model.parameters()) == 124_439_808
    assert model.transformer["h"][0].attn.c_attn.weight.shape == (2304, 768)


@pytest.fixture
def one_thread():
    threads = facula.get_num_threads()
    facula.set_num_threads(1)
    yield
    facula.set_num_threads(threads)


def test_the_published_size_runs_and_generates(one_thread):
    numbers = np.random.default_rng(0).standard_normal(999_983, np.float32) * np.float32(
        0.05
    )  # a prime: no two rows agree
    with facula.device("meta"):
        model = facula.models.create("gpt2").eval()
    weights = {name: np.resize(numbers, value.shape) for name, value in model.state_dict().items()}
    model.load_state_dict({name: facula.from_numpy(value) for name, value in weights.items()}, assign=True)
    ids = facula.randint(0, 50257, (1, 6))
    answer = model.generate(ids, 4)
    with facula.no_grad():
        whole, cache = model(answer), model.make_cache(1, 10)
        parts = [model(answer[:, :6], cache), *(model(answer[:, place : place + 1], cache) for place in range(6, 10))]
    np.testing.assert_allclose(facula.cat(parts, 1).numpy(), whole.numpy(), atol=1e-5)
    assert answer[0, 6:].tolist() == whole[0, 5:9].argmax(-1).tolist()


def test_keys():
    names = list(GPT(5, 4, n_layer=1, n_head=1, n_embd=4).state_dict())
    assert names == [
        f"transformer.{name}"
        for name in (
            "wte.weight wpe.weight h.0.ln_1.weight h.0.ln_1.bias h.0.attn.c_attn.weight h.0.attn.c_attn.bias "
            "h.0.attn.c_proj.weight h.0.attn.c_proj.bias h.0.ln_2.weight h.0.ln_2.bias h.0.mlp.c_fc.weight "
            "h.0.mlp.c_fc.bias "
            "h.0.mlp.c_proj.weight h.0.mlp.c_proj.bias ln_f.weight ln_f.bias"
        ).split()
    ]


def reference(state, ids, heads):
    """The formulas of the paper in plain NumPy, for one row of ids."""

    def norm(x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
        return x * state[name + ".weight"] + state[name + ".bias"]

    def linear(x, name):
        return x @ state[name + ".weight"].T + state[name + ".bias"]

    x = state["transformer.wte.weight"][ids] + state["transformer.wpe.weight"][: len(ids)]
    for index in range(2):
        name = f"transformer.h.{index}"
        q, k, v = np.split(linear(norm(x, name + ".ln_1"), name + ".attn.c_attn"), 3, axis=1)
        out = []
        for head in range(heads):
            part = slice(head * 8, head * 8 + 8)
            scores = q[:, part] @ k[:, part].T / np.sqrt(8)
            scores[np.triu_indices(len(ids), 1)] = -np.inf
            weights = np.exp(scores - scores.max(1, keepdims=True))
            out.append(weights / weights.sum(1, keepdims=True) @ v[:, part])
        x = x + linear(np.concatenate(out, 1), name + ".attn.c_proj")
        h = linear(norm(x, name + ".ln_2"), name + ".mlp.c_fc")
        h = 0.5 * h * (1 + np.tanh(np.sqrt(2 / np.pi) * (h + 0.044715 * h**3)))
        x = x + linear(h, name + ".mlp.c_proj")
    return norm(x, "transformer.ln_f") @ state["transformer.wte.weight"].T


def test_forward_is_the_papers(model):
    ids = [3, 1, 4, 1, 5, 9, 2, 6]
    state = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    expected = reference(state, ids, 2)
    with facula.no_grad():
        found = model(facula.tensor([ids]))[0]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4, rtol=1e-4)


def test_causality(model):
    ids = facula.randint(0, 11, (2, 9))
    changed = ids.clone()
    changed[:, 6:] = (changed[:, 6:] + 1) % 11
    with facula.no_grad():
        a, b = model(ids), model(changed)
    np.testing.assert_allclose(a[:, :6].numpy(), b[:, :6].numpy(), atol=1e-5)
    assert float((a[:, 6:] - b[:, 6:]).abs().max()) > 0.01


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
    short, long = facula.tensor([[3, 1, 4]]), facula.tensor([[2, 7, 1, 8, 2]])
    with facula.no_grad():
        cache = model.make_cache(2, 6, padding=facula.tensor([2, 0]))
        first = model(facula.cat([facula.cat([facula.tensor([[0, 0]]), short], 1), long]), cache)
        second = model(facula.tensor([[5], [6]]), cache)
        expected = [
            model(facula.cat([short, facula.tensor([[5]])], 1)),
            model(facula.cat([long, facula.tensor([[6]])], 1)),
        ]
    for row, whole in enumerate(expected):
        count = whole.shape[1] - 1
        np.testing.assert_allclose(first[row, -count:].numpy(), whole[0, :-1].numpy(), atol=1e-5)
        np.testing.assert_allclose(second[row, 0].numpy(), whole[0, -1].numpy(), atol=1e-5)


def test_a_published_folder_is_read(model, tmp_path):
    state = {}
    for name, value in model.state_dict().items():
        is_matrix = any(part in name for part in ("c_attn.w", "c_proj.w", "c_fc.w"))
        state[name.removeprefix("transformer.")] = value.t().contiguous() if is_matrix else value
    state["h.0.attn.bias"] = facula.ones(1, 1, 12, 12)
    facula.serialization.save_file(state, tmp_path / "model.safetensors")
    config = {"vocab_size": 11, "n_positions": 12, "n_layer": 2, "n_head": 2, "n_embd": 16}
    (tmp_path / "config.json").write_text(json.dumps(config))
    ids = facula.randint(0, 11, (2, 7))
    found = GPT.from_pretrained(tmp_path)
    assert not found.training
    assert all(parameter.requires_grad for parameter in found.parameters())
    with facula.no_grad():
        assert facula.equal(found(ids), model(ids))
    del state["wpe.weight"]
    facula.serialization.save_file(state, tmp_path / "model.safetensors")
    with pytest.raises(RuntimeError, match="wpe"):
        GPT.from_pretrained(tmp_path)


def test_a_cache_has_an_end(model):
    with pytest.raises(ValueError, match="expected at most 4 ids, got 5 after 0 ids"):
        model(facula.zeros(1, 5, dtype=facula.int64), model.make_cache(1, 4))


def test_greedy_is_the_likeliest_at_each_step(model):
    ids = facula.tensor([[1, 2, 3], [4, 5, 6]])
    expected = ids
    with facula.no_grad():
        for _ in range(14):  # runs past block_size
            logits = model(expected[:, -12:])[:, -1]
            expected = facula.cat([expected, logits.argmax(dim=-1, keepdim=True)], dim=1)
    assert model.generate(ids, 14).tolist() == expected.tolist()
    assert model.generate(facula.randint(0, 11, (1, 15)), 2).shape == (1, 17)


def test_seeds_repeat_samples(model):
    ids = facula.tensor([[1]])

    def sample(seed):
        generator = facula.Generator().manual_seed(seed)
        return generate(model, ids, 10, do_sample=True, generator=generator).tolist()

    assert sample(1) == sample(1)
    assert len({str(sample(seed)) for seed in range(5)}) > 1


def test_generate_restores_the_mode(model):
    model.train()
    model.generate(facula.tensor([[1]]), 1)
    assert model.training
    assert model.generate(facula.tensor([[1]]), 0).tolist() == [[1]]


def test_the_end(model):
    ids = facula.tensor([[1], [2]])
    free = model.generate(ids, 8)
    eos = int(free[0, 3])
    out = model.generate(ids, 8, eos_id=eos).tolist()
    for row, unbounded in zip(out, free.tolist(), strict=True):
        stop = unbounded.index(eos, 1) if eos in unbounded[1:] else len(unbounded)
        assert row[: stop + 1] == unbounded[: stop + 1][: len(row)]
        assert set(row[stop:]) <= {eos}


def test_select_keeps_what_it_says():
    logits = facula.tensor([[0.5, 0.25, 0.15, 0.1]]).log().expand(400, 4)
    facula.manual_seed(0)

    def seen(**options):
        return set(select(logits, do_sample=True, **options).view(-1).tolist())

    assert seen() == {0, 1, 2, 3}
    assert seen(top_k=2) == {0, 1}
    assert seen(top_p=0.5) == {0}
    assert seen(top_p=0.6) == {0, 1}
    assert seen(top_p=0.75, top_k=3) == {0, 1}
    assert seen(top_p=1.0) == {0, 1, 2, 3}
    assert seen(temperature=0.01) == {0}
    assert select(logits[:1]).tolist() == [[0]]


def test_select_draws_by_the_temperature():
    facula.manual_seed(0)
    logits = facula.tensor([[0.0, 1.0]]).expand(20000, 2)
    share = float((select(logits, do_sample=True, temperature=2.0) == 1).to(facula.float32).mean())
    assert share == pytest.approx(1 / (1 + np.exp(-0.5)), abs=0.015)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m.generate(facula.tensor([1]), 1), r"expected ids \(B, T\) with T of at least 1, got \(1,\)"),
        (lambda m: m.generate(facula.tensor([[1]]), 1, temperature=0), "expected temperature above 0, got 0"),
        (lambda m: m.generate(facula.tensor([[1]]), 1, top_k=0), "expected top_k of at least 1, got 0"),
        (lambda m: m.generate(facula.tensor([[1]]), 1, top_p=1.5), "expected top_p above 0 and at most 1, got 1.5"),
        (lambda m: m(facula.zeros(1, 13, dtype=facula.int64)), r"T at most block_size = 12, got \(1, 13\) after 0 ids"),
        (lambda m: GPT(5, 4, n_embd=10, n_head=4), "expected n_embd to be a multiple of n_head, got 10 and 4"),
    ],
)
def test_bad_input(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


def test_it_learns_a_sequence():
    facula.manual_seed(0)
    model = facula.models.create("gpt", vocab_size=7, block_size=14, n_layer=1, n_head=2, n_embd=32)
    text = (facula.arange(15) + facula.arange(7).view(7, 1)).remainder(7)  # (7, 15)
    optimizer = facula.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = nn.functional.cross_entropy(model(text[:, :-1]).reshape(-1, 7), text[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert float(loss) < 0.1
    assert model.generate(facula.tensor([[2, 3]]), 8).tolist() == [[2, 3, 4, 5, 6, 0, 1, 2, 3, 4]]


def test_public_suite():
    from facula.testing import check_model

    def make():
        return facula.models.create("gpt", vocab_size=9, block_size=6, n_layer=1, n_head=2, n_embd=8)

    check_model(make, facula.randint(0, 9, (2, 6)))
