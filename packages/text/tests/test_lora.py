"""LoRA: the same function at first, little that learns, the same function when merged."""

import numpy as np
import pytest

import facula
from facula import nn
from facula_text.lora import LoRALinear, add_lora, lora_state_dict, merge_lora
from facula_text.models import GPT


def make():
    facula.manual_seed(0)
    return GPT(11, 8, n_layer=2, n_head=2, n_embd=16)


def test_it_starts_as_the_same_function_and_learns_little():
    model, ids = make(), facula.randint(0, 11, (2, 6))
    before = model(ids).detach()
    frozen = {name: value.clone() for name, value in model.state_dict().items()}
    add_lora(model, r"c_attn$", rank=2, alpha=4)
    np.testing.assert_allclose(model(ids).detach().numpy(), before.numpy(), atol=1e-6)
    learning = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert learning == [f"transformer.h.{layer}.attn.c_attn.{part}" for layer in (0, 1) for part in "ab"]
    optimizer = facula.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=1.0)
    for _ in range(3):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(ids).view(-1, 11), ids.view(-1)).backward()
        optimizer.step()
    trained = model(ids).detach()
    assert float((trained - before).abs().max()) > 1e-3
    for name, value in model.state_dict().items():
        if name not in learning:
            assert facula.equal(value, frozen[name.replace(".base", "")])
    fresh = add_lora(make(), r"c_attn$", rank=2, alpha=4)
    assert list(lora_state_dict(model)) == learning
    fresh.load_state_dict(lora_state_dict(model), strict=False)
    np.testing.assert_allclose(fresh(ids).detach().numpy(), trained.numpy(), atol=1e-6)
    merge_lora(model)
    assert list(model.state_dict()) == list(frozen)
    assert all(parameter.requires_grad for parameter in model.parameters())
    np.testing.assert_allclose(model(ids).detach().numpy(), trained.numpy(), atol=1e-5)


def test_the_formula():
    layer = LoRALinear(nn.Linear(5, 3), rank=2, alpha=6)
    nn.init.normal_(layer.b)
    x = facula.randn(4, 5)
    weight, bias, a, b = (t.detach().numpy() for t in (layer.base.weight, layer.base.bias, layer.a, layer.b))
    expected = x.numpy() @ (weight + 3 * b @ a).T + bias
    np.testing.assert_allclose(layer(x).detach().numpy(), expected, atol=1e-5)


def test_bad_input():
    with pytest.raises(ValueError, match="expected rank of at least 1, got 0"):
        LoRALinear(nn.Linear(2, 2), 0)
    with pytest.raises(ValueError, match="expected the names of linear layers, got 'q_proj'"):
        add_lora(make(), "q_proj")
