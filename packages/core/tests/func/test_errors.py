"""What vmap and its kin refuse, and with which words."""

import pytest

import facula
from facula import nn
from facula.func import functional_call, grad, jvp, stack_module_state, vjp, vmap

X = facula.ones(3, 2)

REFUSED = [
    (lambda: vmap(lambda a: a, in_dims="x")(X), ValueError, "expected `in_dims` to be int or a"),
    (lambda: vmap(lambda: X)(), ValueError, "got no inputs"),
    (lambda: vmap(lambda a, b: a, in_dims=(0,))(X, X), ValueError, "in_dims is not compatible with the structure"),
    (lambda: vmap(lambda a: a)(3), ValueError, "We cannot vmap over non-Tensor arguments"),
    (lambda: vmap(lambda a: a, in_dims=2)(X), ValueError, "expected in_dim to satisfy -2 <= in_dim < 2"),
    (lambda: vmap(lambda a: a, in_dims=(None,))(X), ValueError, "at least one Tensor"),
    (lambda: vmap(lambda a, b: a)(X, facula.ones(4)), ValueError, "same size in the mapped dimension, got sizes"),
    (lambda: vmap(lambda a: 3)(X), ValueError, "must only return Tensors, got type"),
    (lambda: vmap(lambda a: a, out_dims=None)(X), ValueError, "can not return a BatchedTensor when out_dim is None"),
    (lambda: vmap(lambda a: a, out_dims=3)(X), IndexError, "Dimension out of range"),
    (lambda: vmap(lambda a: a, out_dims=(0, 0))(X), ValueError, "out_dims is not compatible"),
    (lambda: vmap(lambda a: a, randomness="no"), RuntimeError, "Only allowed values for randomness"),
    (lambda: vmap(lambda a: a, chunk_size=0), ValueError, "chunk_size should be None or greater than 0"),
    (lambda: vmap(lambda a: a.sum().item())(X), RuntimeError, r"calling \.item\(\) on a Tensor"),
    (lambda: vmap(lambda a: a if a.sum() > 0 else -a)(X), RuntimeError, r"calling \.item\(\) on a Tensor"),
    (lambda: vmap(lambda a: a.nonzero())(X), RuntimeError, "reads the numbers"),
    (lambda: vmap(lambda a: facula.zeros(2).add_(a))(X), RuntimeError, "not being vmapped over"),
    (lambda: vmap(lambda a: a.requires_grad_())(X), RuntimeError, r"requires_grad_\(\) on a tensor inside of vmap"),
    (lambda: grad(lambda a: a)(X), RuntimeError, "to return a scalar tensor, got tensor with 2 dims"),
    (lambda: grad(lambda a: 3)(X), RuntimeError, "to return a tensor, got int"),
    (lambda: grad(lambda a: a.sum(), argnums=1)(X), RuntimeError, "only 1 positional inputs"),
    (lambda: grad(lambda a: a.sum(), has_aux=True)(X), RuntimeError, r"should be a tuple: \(output, aux\)"),
    (lambda: grad(lambda a: a.sum())(X.long()), RuntimeError, "floating point and complex dtype"),
    (lambda: grad(lambda a: a)(3.0), TypeError, "to be Tensors, got float"),
    (lambda: vjp(lambda a: a, X)[1](facula.ones(2)), RuntimeError, "expected vectors of the shapes"),
    (lambda: vjp(lambda a: 3, X), RuntimeError, "to return only tensors, got unsupported type int"),
    (lambda: jvp(lambda a: a, X, X), RuntimeError, "Expected primals to be a non-empty tuple"),
    (lambda: jvp(lambda a: a, (X,), (X, X)), RuntimeError, "Expected pytree structure"),
    (lambda: functional_call(nn.Linear(2, 2), 3, X), ValueError, "to be a dict, or a list/tuple of dicts"),
    (lambda: functional_call(nn.Linear(2, 2), {"v": X}, X), AttributeError, r"Unexpected key\(s\): v"),
    (lambda: functional_call(nn.Linear(2, 2), {"weight": X}, X, strict=True), RuntimeError, r"Missing key\(s\): bias"),
    (lambda: functional_call(nn.Linear(2, 2), ({"bias": X}, {"bias": X}), X), ValueError, "multiple dictionaries"),
    (lambda: stack_module_state([]), RuntimeError, "Expected at least one model"),
    (lambda: stack_module_state([nn.ReLU(), nn.Tanh()]), RuntimeError, "of the same class"),
    (lambda: stack_module_state([nn.ReLU(), nn.ReLU().eval()]), RuntimeError, "same training/eval mode"),
]  # fmt: skip


@pytest.mark.parametrize("case", range(len(REFUSED)))
def test_refused(case):
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        call()


def test_state_is_restored():
    layer = nn.Linear(2, 2)
    before = layer.weight
    with pytest.raises(RuntimeError, match="linear|mat1"):
        functional_call(layer, {"weight": facula.ones(2, 5)}, X)
    assert layer.weight is before
    assert (X + 1).shape == (3, 2)


def test_tied_weights_follow():
    net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    net[1].weight = net[0].weight
    given = {"0.weight": 2 * facula.eye(2)}
    assert functional_call(net, given, X).tolist() == (4 * X).tolist()
    with pytest.raises(ValueError, match="got multiple values for keys"):
        functional_call(net, {"0.weight": facula.eye(2), "1.weight": facula.ones(2, 2)}, X)
