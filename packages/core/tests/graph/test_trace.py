"""A traced graph is the program: it gives the same numbers, names its weights and follows in-place writes."""

import pytest

import facula as torch
from facula import nn
from facula.graph.trace import trace


def test_a_graph_runs_like_the_function() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.LayerNorm(8), nn.Linear(8, 2))
    x = torch.randn(3, 4)
    graph = trace(model, [x], {id(p): name for name, p in model.named_parameters()})
    assert {"0.weight", "0.bias", "2.weight", "3.bias"} <= {v.name for v in graph.constants}
    y = torch.randn(3, 4)
    assert torch.allclose(graph.run(y), model(y))


def test_in_place_writes_are_followed() -> None:
    def program(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y.relu_()
        return y + 1

    graph = trace(program, [torch.tensor([-1.0, 1.0])])
    assert graph.run(torch.tensor([3.0, -3.0])).tolist() == [7.0, 1.0]


def test_what_no_output_needs_is_dropped() -> None:
    graph = trace(lambda x: (x.exp(), x + 1)[1], [torch.ones(2)])
    assert [c.op.name for c in graph.calls] == ["add"]


def test_writes_to_views_are_refused() -> None:
    def program(x: torch.Tensor) -> torch.Tensor:
        y = x * 2
        y[0].zero_()
        return y

    with pytest.raises(
        RuntimeError, match=r"trace: expected no in-place writes to views, got \w+_ on one\. Write out of place"
    ):
        trace(program, [torch.ones(2)])
