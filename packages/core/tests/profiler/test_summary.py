"""`facula.summary`: shapes, parameters and arithmetic of each layer; the network is left as it was."""

import pytest

import facula
from facula import nn


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Flatten(),
        nn.Linear(8 * 16, 10),
    )


def test_rows_and_totals():
    model = network()
    model[0].weight.requires_grad_(False)
    found = facula.summary(model, input_size=(2, 3, 4, 4))
    assert [layer.kind for layer in found.layers[1:]] == [
        "Conv2d",
        "BatchNorm2d",
        "ReLU",
        "Dropout",
        "Flatten",
        "Linear",
    ]
    assert [layer.output_shape for layer in found.layers] == [(2, 10), *[(2, 8, 4, 4)] * 4, (2, 128), (2, 10)]
    conv, linear = 2 * (2 * 8 * 4 * 4) * 27, 2 * 2 * 128 * 10
    assert (found.layers[1].flops, found.layers[-1].flops, found.flops) == (conv, linear, conv + linear)
    assert found.parameters == 216 + 8 + 16 + 1290
    assert found.non_trainable == 216
    assert (found.layers[1].parameters, found.layers[1].trainable) == (224, 8)
    assert found.input_bytes == 2 * 3 * 4 * 4 * 4
    assert found.total_bytes == found.input_bytes + found.output_bytes + found.parameter_bytes


def test_the_table_is_printed():
    lines = str(facula.summary(network(), facula.zeros(2, 3, 4, 4), depth=0)).splitlines()
    assert lines[1].split("  ")[0] == "Layer (type)"
    assert lines[3].startswith("Sequential (Sequential)")
    assert lines[5].startswith("Parameters: 1,530 (1,530 trainable, 0 not)")
    assert lines[6] == "FLOPs of a forward: 18.94 K"


def test_the_network_and_the_random_numbers_are_as_before():
    model = network()
    model[3].eval()
    before = [m.training for m in model.modules()]
    mean = model[1].running_mean.clone()
    facula.manual_seed(3)
    facula.summary(model, facula.ones(2, 3, 4, 4))
    after = facula.rand(2)
    facula.manual_seed(3)
    assert facula.equal(facula.rand(2), after)
    assert [m.training for m in model.modules()] == before
    assert facula.equal(model[1].running_mean, mean)
    assert not nn.Module._hooked


def test_every_kind_of_input():
    model = nn.Bilinear(2, 3, 4)
    sizes = facula.summary(model, input_size=[(5, 2), (5, 3)])
    data = facula.summary(model, input_data={"input1": facula.ones(5, 2), "input2": facula.ones(5, 3)})
    given = facula.summary(model, (facula.ones(5, 2), facula.ones(5, 3)))
    assert sizes == data == given
    indices = facula.summary(nn.Embedding(7, 2), input_size=(3,), dtype=facula.int64)
    assert indices.layers[0].output_shape == (3, 2)
    with pytest.raises(ValueError, match="summary: expected one of input, input_size and input_data, got 0"):
        facula.summary(model)


def test_shared_lazy_and_recurrent_layers():
    shared = nn.Linear(4, 4)
    twice = facula.summary(nn.Sequential(shared, nn.ReLU(), shared), input_size=(1, 4))
    assert [layer.calls for layer in twice.layers] == [1, 2, 1]
    assert twice.parameters == 20
    assert twice.flops == 2 * 2 * 16
    lazy = facula.summary(nn.LazyLinear(3), input_size=(2, 5))
    assert lazy.parameters == 18
    rnn = facula.summary(nn.LSTM(3, 5), input_size=(7, 2, 3))
    assert rnn.layers[0].output_shape == [(7, 2, 5), (1, 2, 5), (1, 2, 5)]
    assert rnn.flops == 2 * 7 * 2 * 20 * (3 + 5)
