"""Copies own their memory and carry gradients."""

import pytest

import facula as torch


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("t_copy", ()), ("view_copy", ((6,),)), ("permute_copy", ((1, 0),)), ("unsqueeze_copy", (0,)), ("select_copy", (0, 1)),
        ("slice_copy", (1, 0, 2)), ("diagonal_copy", ()), ("expand_copy", ((2, 2, 3),)), ("alias_copy", ()),
    ],
)  # fmt: skip
def test_a_copy_equals_the_view_and_shares_nothing(name, args):
    x = torch.arange(6.0).reshape(2, 3).requires_grad_()
    copy = getattr(torch, name)(x, *args)
    assert copy._base is None
    copy.sum().backward()
    assert x.grad is not None
    before = x.tolist()
    with torch.no_grad():
        copy.zero_()
    assert x.tolist() == before


def test_several_results_and_out():
    x = torch.arange(4)
    parts = torch.split_copy(x, 2)
    assert [p.tolist() for p in parts] == [[0, 1], [2, 3]]
    out = torch.zeros(4, dtype=torch.int64)
    assert torch.detach_copy(x, out=out) is out
    assert out.tolist() == [0, 1, 2, 3]
