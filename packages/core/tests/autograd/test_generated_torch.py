"""Programs made of every view, every write and every order of use, run here and on PyTorch.

Compared are values, first and second gradients, who fails, and what a tensor says of itself after the write. A sixth of the
50,000 programs runs by default, chosen so that each pair of view and write, and of view and order, is in it; with
FACULA_ALL_PROGRAMS=1 all run (two minutes).
"""

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore")  # PyTorch deprecates some of the writes

spec = importlib.util.spec_from_file_location("generated", Path(__file__).with_name("generated_programs.py"))
table = importlib.util.module_from_spec(spec)
spec.loader.exec_module(table)

A, B = np.arange(12.0).reshape(3, 4) / 7 - 0.5, np.linspace(-1, 1, 12).reshape(3, 4)
SHARE = 1 if os.environ.get("FACULA_ALL_PROGRAMS") else 6

# PyTorch writes elements that several places of a view share in an order of its own, or refuses some such writes only in backward
# or not at all (and deprecates them). Here only one number for all may be written there.
REPEATING = {"expand", "broadcast_to", "unfold_overlapping"}
# In PyTorch a view made in no_grad mode says that it requires grad, though no gradient arrives. Here it says what is so.
UNRECORDED = {"viewed_without_grad_mode", "viewed_and_written_without_grad_mode"}
# What a node keeps of its own result has, in PyTorch, the hooks of the tensor that was written; here it has none.
NO_SECOND = {"hooked"}


def numbers(tensors):
    return [np.zeros((3, 4)) if x is None else x.detach().numpy() for x in tensors]


def outcome(t, order, view, write):
    """Facts after the writes and all numbers, or the error."""
    a, b = [t.tensor(v.tolist(), dtype=t.float64, requires_grad=True) for v in (A, B)]
    try:
        loss, facts = table.ORDERS[order](t, a, b, view, table.VIEWS[view], table.WRITES[write])
        if not loss.requires_grad:
            return facts, [loss.numpy()]
        first = t.autograd.grad(loss, [a, b], create_graph=order not in NO_SECOND, allow_unused=True)
        found = [loss.detach().numpy(), *numbers(first)]
        again = sum((g * g * (i + 1)).sum() for i, g in enumerate(first) if g is not None)
        if order not in NO_SECOND and t.is_tensor(again) and again.requires_grad:
            found += numbers(t.autograd.grad(again, [a, b], allow_unused=True))
        return facts, found
    except Exception as error:
        return error


def difference(order, view, write):
    """In words, or None."""
    ours, theirs = outcome(facula, order, view, write), outcome(torch, order, view, write)
    failed = isinstance(ours, Exception), isinstance(theirs, Exception)
    if any(failed):
        if view in REPEATING and RuntimeError in (type(ours), type(theirs)):
            return None
        return None if type(ours) is type(theirs) else f"{ours!r}, PyTorch: {theirs!r}"
    facts, other = ([fact[order in UNRECORDED :] for fact in found[0]] for found in (ours, theirs))
    if facts != other:
        return f"facts {facts}, PyTorch: {other}"
    zeros = [np.zeros((3, 4))] * 5
    pairs = zip(ours[1] + zeros, theirs[1] + zeros, strict=False)
    close = all(np.allclose(x, y, rtol=1e-8, atol=1e-10, equal_nan=True) for x, y in list(pairs)[:5])
    overlapping = view == "unfold_overlapping" and order != "written_then_viewed"
    return None if close or overlapping else f"{ours[1]}, PyTorch: {theirs[1]}"


def chosen(order, view):
    """The writes that are tried with them."""
    names, orders, views = list(table.WRITES), list(table.ORDERS), list(table.VIEWS)
    at = orders.index(order) + 5 * views.index(view)
    return [w for i, w in enumerate(names) if not (i + at) % SHARE]


@pytest.mark.parametrize("view", table.VIEWS)
def test_agrees_with_torch(view):
    differences = {
        (order, write): words
        for order in table.ORDERS
        for write in chosen(order, view)
        if (words := difference(order, view, write))
    }
    assert not differences


def test_there_are_many():
    assert sum(len(chosen(order, view)) for order in table.ORDERS for view in table.VIEWS) > 8000
