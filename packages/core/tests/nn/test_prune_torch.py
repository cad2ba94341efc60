"""Pruning beside torch's: masks, state, repeated and global pruning, removal, errors."""

import numpy as np
import pytest

import facula
from facula.nn.utils import prune

torch = pytest.importorskip("torch")
their_prune = pytest.importorskip("torch.nn.utils.prune")

STEPS = {
    "l1 share": lambda p, m, lib: p.l1_unstructured(m, "weight", 0.4),
    "l1 count": lambda p, m, lib: p.l1_unstructured(m, "weight", 5),
    "l1 scores": lambda p, m, lib: p.l1_unstructured(m, "weight", 3, lib.arange(12.0).reshape(4, 3)),
    "l2 rows": lambda p, m, lib: p.ln_structured(m, "weight", 2, 2, 0),
    "linf columns": lambda p, m, lib: p.ln_structured(m, "weight", 0.34, float("inf"), -1),
    "mask": lambda p, m, lib: p.custom_from_mask(m, "weight", (lib.arange(12) % 2).reshape(4, 3)),
    "identity": lambda p, m, lib: p.identity(m, "weight"),
    "nothing": lambda p, m, lib: p.ln_structured(m, "weight", 0, 1, 0),
}


def layers():
    ours, theirs = facula.nn.Linear(3, 4), torch.nn.Linear(3, 4)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    return ours, theirs


def agree(ours, theirs):
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for key, value in theirs.state_dict().items():
        np.testing.assert_array_equal(ours.state_dict()[key].numpy(), value.numpy())
    np.testing.assert_allclose(ours.weight.detach().numpy(), theirs.weight.detach().numpy())


@pytest.mark.parametrize("name", STEPS)
def test_masks(name):
    ours, theirs = layers()
    STEPS[name](prune, ours, facula)
    STEPS[name](their_prune, theirs, torch)
    agree(ours, theirs)
    x = np.ones((2, 3), np.float32)
    ours(facula.tensor(x)).sum().backward()
    theirs(torch.tensor(x)).sum().backward()
    np.testing.assert_allclose(ours.weight_orig.grad.numpy(), theirs.weight_orig.grad.numpy())
    prune.remove(ours, "weight")
    their_prune.remove(theirs, "weight")
    agree(ours, theirs)
    assert not prune.is_pruned(ours)


@pytest.mark.parametrize("second", ["l1 share", "l2 rows", "linf columns", "mask"])
@pytest.mark.parametrize("first", ["l1 share", "l2 rows", "mask"])
def test_pruning_again_prunes_what_is_left(first, second):
    ours, theirs = layers()
    for name in (first, second):
        STEPS[name](prune, ours, facula)
        STEPS[name](their_prune, theirs, torch)
    agree(ours, theirs)
    assert len(ours._forward_pre_hooks) == 1
    assert prune.is_pruned(facula.nn.Sequential(ours))


def test_global_pruning():
    nets = []
    for lib in (facula, torch):
        net = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.Linear(4, 2))
        if nets:
            net.load_state_dict({k: torch.tensor(v.numpy()) for k, v in nets[0].state_dict().items()})
        nets.append(net)
    for net, module in zip(nets, (prune, their_prune), strict=True):
        places = [(net[0], "weight"), (net[1], "weight"), (net[1], "bias")]
        for _ in range(2):
            module.global_unstructured(places, pruning_method=module.L1Unstructured, amount=0.3)
    for key, value in nets[1].state_dict().items():
        np.testing.assert_array_equal(nets[0].state_dict()[key].numpy(), value.numpy())


def test_random_pruning_takes_as_many_as_asked():
    layer = prune.random_unstructured(facula.nn.Linear(10, 10), "weight", 0.37)
    assert layer.weight_mask.sum().item() == 63
    prune.random_unstructured(layer, "weight", 3)
    assert layer.weight_mask.sum().item() == 60
    layer = prune.random_structured(facula.nn.Conv2d(4, 6, 3), "weight", 2, 1)
    assert (layer.weight_mask.sum([0, 2, 3]) == 0).sum().item() == 2
    assert prune.L1Unstructured(1).prune(facula.tensor([3.0, 1.0])).tolist() == [3.0, 0.0]


def test_errors():
    layer = facula.nn.Linear(2, 2)
    with pytest.raises(TypeError, match="Invalid type for amount: half"):
        prune.l1_unstructured(layer, "weight", "half")
    with pytest.raises(ValueError, match="amount=1.5 should either be a float"):
        prune.l1_unstructured(layer, "weight", 1.5)
    with pytest.raises(ValueError, match="amount=9 should be smaller than the number of parameters to prune=4"):
        prune.l1_unstructured(layer, "weight", 9)
    with pytest.raises(ValueError, match="can only be applied to multidimensional tensors"):
        prune.random_structured(layer, "bias", 1, 0)
    with pytest.raises(IndexError, match="Invalid index 3 for tensor of size"):
        prune.ln_structured(layer, "weight", 1, 2, 3)
    with pytest.raises(AssertionError, match="should have the same shape as parameter weight"):
        prune.l1_unstructured(layer, "weight", 1, facula.ones(3))
    with pytest.raises(AssertionError, match="should have the same shape as tensor t"):
        prune.L1Unstructured(1).prune(facula.ones(2), importance_scores=facula.ones(3))
    with pytest.raises(ValueError, match="has to be pruned before pruning can be removed"):
        prune.remove(layer, "weight")
    with pytest.raises(TypeError, match="parameters is not an Iterable"):
        prune.global_unstructured(3, prune.L1Unstructured)
    with pytest.raises(TypeError, match='Only "unstructured" PRUNING_TYPE supported'):
        prune.global_unstructured([(layer, "weight")], prune.RandomStructured, amount=1)
    assert list(layer.state_dict()) == ["weight", "bias"]
    method = prune.identity(layer, "weight")._forward_pre_hooks.copy().popitem()[1].call
    container = prune.PruningContainer(method)
    assert len(container) == len(list(container)) == 1
    assert container[0] is method
    with pytest.raises(TypeError, match="is not a BasePruningMethod subclass"):
        container.add_pruning_method(3)
    other = prune.Identity()
    other._tensor_name = "bias"
    with pytest.raises(ValueError, match="acting on the parameter named 'weight'"):
        container.add_pruning_method(other)
