"""Recurrent models and the bag of words against their formulas."""

import numpy as np
import pytest

import facula
from facula import nn
from facula_text.models import FastText, RecurrentLM, Seq2Seq


def numbers(model):
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.4)
    model.eval()
    return {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm(x, state, name="rnn", end="_l0"):
    h = c = np.zeros(state[f"{name}.weight_hh{end}"].shape[1])
    out = []
    for row in x:
        gates = sum(
            state[f"{name}.weight_{k}{end}"] @ v + state[f"{name}.bias_{k}{end}"] for k, v in (("ih", row), ("hh", h))
        )
        i, f, g, o = np.split(gates, 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        out.append(h)
    return np.array(out)


def gru(x, state, name="rnn", end="_l0", h=None):
    h = np.zeros(state[f"{name}.weight_hh{end}"].shape[1]) if h is None else h
    out = []
    for row in x:
        inner = np.split(state[f"{name}.weight_ih{end}"] @ row + state[f"{name}.bias_ih{end}"], 3)
        outer = np.split(state[f"{name}.weight_hh{end}"] @ h + state[f"{name}.bias_hh{end}"], 3)
        r, z = sigmoid(inner[0] + outer[0]), sigmoid(inner[1] + outer[1])
        h = (1 - z) * np.tanh(inner[2] + r * outer[2]) + z * h
        out.append(h)
    return np.array(out)


@pytest.mark.parametrize(("kind", "layer"), [("lstm", lstm), ("gru", gru)], ids=["lstm", "gru"])
def test_the_language_model(kind, layer):
    facula.manual_seed(0)
    model, ids = RecurrentLM(9, 6, 8, kind=kind), [3, 1, 4, 1, 5]
    state = numbers(model)
    expected = layer(state["embedding.weight"][ids], state) @ state["head.weight"].T + state["head.bias"]
    cache = model.make_cache(1, 5)
    with facula.no_grad():
        whole = model(facula.tensor([ids]))
        parts = facula.cat([model(facula.tensor([ids[:2]]), cache), model(facula.tensor([ids[2:]]), cache)], 1)
    np.testing.assert_allclose(whole[0].numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(parts.numpy(), whole.numpy(), atol=1e-5)


def test_translation():
    facula.manual_seed(0)
    model, source, target = Seq2Seq(9, 7, 6, 8), [3, 1, 4, 1], [0, 5, 2]
    state = numbers(model)
    x = state["source.weight"][source]
    forth, back = gru(x, state, "encoder"), gru(x[::-1], state, "encoder", "_l0_reverse")[::-1]
    states = np.concatenate([forth, back], 1)
    start = np.tanh(state["start.weight"] @ np.concatenate([forth[-1], back[0]]) + state["start.bias"])
    output = gru(state["target.weight"][target], state, "decoder", h=start)
    scores = np.exp(output @ state["query.weight"].T @ states.T)
    context = scores / scores.sum(1, keepdims=True) @ states
    mixed = np.tanh(np.concatenate([context, output], 1) @ state["combine.weight"].T + state["combine.bias"])
    expected = mixed @ state["head.weight"].T + state["head.bias"]
    padded, mask = facula.tensor([[*source, 8, 8], [1] * 6]), facula.tensor([[1, 1, 1, 1, 0, 0], [1] * 6])
    with facula.no_grad():
        alone = model(facula.tensor([source]), facula.tensor([target]))
        together = model(padded, facula.tensor([target, target]), mask)
    np.testing.assert_allclose(alone[0].numpy(), expected, atol=1e-4)
    np.testing.assert_allclose(together[0].numpy(), expected, atol=1e-4)


def test_translating_step_by_step_is_the_whole():
    facula.manual_seed(0)
    model = Seq2Seq(9, 7, 6, 8)
    numbers(model)
    source, ids = facula.randint(0, 9, (2, 4)), facula.zeros(2, 1, dtype=facula.int64)
    with facula.no_grad():
        for _ in range(4):
            ids = facula.cat([ids, model(source, ids)[:, -1].argmax(dim=-1, keepdim=True)], dim=1)
    assert model.generate(source, 4, start_id=0).tolist() == ids[:, 1:].tolist()


def test_a_bag_of_words():
    model = FastText(9, 3, 4)
    state = numbers(model)
    texts = [[3, 1, 4], [1, 5]]
    expected = [state["head.weight"] @ state["embedding.weight"][ids].mean(0) + state["head.bias"] for ids in texts]
    with facula.no_grad():
        found = model(facula.tensor([3, 1, 4, 1, 5]), facula.tensor([0, 3]))
        np.testing.assert_allclose(model(facula.tensor(texts[:1])).numpy(), expected[:1], atol=1e-4)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_bad_input():
    with pytest.raises(ValueError, match="RecurrentLM: expected kind 'lstm' or 'gru', got 'rnn'"):
        RecurrentLM(5, kind="rnn")
    with pytest.raises(ValueError, match="expected rows of one length, got filling"):
        RecurrentLM(5).make_cache(2, 4, padding=facula.tensor([0, 1]))
