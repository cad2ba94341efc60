"""Parametrized tensors beside torch's: values, gradients, names of the state, assignment, removal, errors."""

import copy

import numpy as np
import pytest

import facula
from facula.nn.utils import parametrizations, parametrize

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def layers(make):
    """The same layer of both libraries."""
    ours, theirs = make(facula.nn), make(torch.nn)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    return ours, theirs


def agree(ours, theirs, x):
    """Outputs, gradients and state agree."""
    out = ours(facula.tensor(x))
    wanted = theirs(torch.tensor(x))
    np.testing.assert_allclose(out.detach().numpy(), wanted.detach().numpy(), atol=2e-5)
    (out * out).sum().backward()
    (wanted * wanted).sum().backward()
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), atol=2e-4)


X = np.random.default_rng(0).random((5, 4), np.float32)


@pytest.mark.parametrize("dim", [0, 1, -1, None])
def test_weight_norm(dim):
    ours, theirs = layers(lambda nn: nn.Linear(4, 3))
    parametrizations.weight_norm(ours, dim=dim)
    torch.nn.utils.parametrizations.weight_norm(theirs, dim=dim)
    agree(ours, theirs, X)


def test_weight_norm_of_a_convolution_and_older_names():
    ours, theirs = layers(lambda nn: nn.Conv2d(2, 3, 2))
    parametrizations.weight_norm(ours)
    torch.nn.utils.parametrizations.weight_norm(theirs)
    agree(ours, theirs, np.random.default_rng(0).random((1, 2, 4, 4), np.float32))
    state = ours.state_dict()
    old = {
        "bias": state["bias"],
        "weight_g": state["parametrizations.weight.original0"],
        "weight_v": state["parametrizations.weight.original1"] * 2,
    }
    before = ours.weight.detach()
    ours.load_state_dict(old)
    assert facula.allclose(ours.weight, before, atol=1e-6)


@pytest.mark.parametrize("kind", ["Linear", "ConvTranspose1d"])
def test_spectral_norm(kind):
    ours, theirs = layers(lambda nn: nn.Linear(4, 3) if kind == "Linear" else nn.ConvTranspose1d(4, 3, 2))
    parametrizations.spectral_norm(ours, n_power_iterations=2)
    torch.nn.utils.parametrizations.spectral_norm(theirs, n_power_iterations=2)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    agree(ours, theirs, X if kind == "Linear" else X.T[None].copy())
    ours.eval()
    assert facula.equal(ours.weight, ours.weight)


@pytest.mark.parametrize("shape", [(4, 4), (4, 3), (4, 6)])
@pytest.mark.parametrize("kind", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("trivial", [True, False])
def test_orthogonal(shape, kind, trivial):
    ours, theirs = layers(lambda nn: nn.Linear(*shape))
    parametrizations.orthogonal(ours, orthogonal_map=kind, use_trivialization=trivial)
    torch.nn.utils.parametrizations.orthogonal(theirs, orthogonal_map=kind, use_trivialization=trivial)
    theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})
    agree(ours, theirs, X)
    w = ours.weight.detach()
    w = w if w.shape[0] >= w.shape[1] else w.t()
    assert facula.allclose(w.t() @ w, facula.eye(w.shape[1]), atol=1e-5)


class Doubled(facula.nn.Module):
    def forward(self, x):
        return x * 2

    def right_inverse(self, x):
        return x / 2


def test_values_stay_and_may_be_assigned():
    layer = facula.nn.Linear(2, 2)
    before, weight = layer.weight.detach().clone(), layer.weight
    parametrize.register_parametrization(layer, "weight", Doubled())
    parametrize.register_parametrization(layer, "weight", Doubled())
    assert facula.allclose(layer.weight, before * 2)
    assert layer.parametrizations.weight.original is weight
    layer.weight = facula.ones(2, 2) * 8
    assert weight.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert type(layer).__name__ == "ParametrizedLinear"
    assert parametrize.type_before_parametrizations(layer) is facula.nn.Linear
    twin = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    assert type(layer) is facula.nn.Linear
    assert layer.weight.tolist() == [[8.0, 8.0], [8.0, 8.0]]
    assert parametrize.is_parametrized(twin, "weight")
    parametrize.remove_parametrizations(twin, "weight", leave_parametrized=False)
    assert twin.weight.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert sorted(twin.state_dict()) == ["bias", "weight"]


def test_cached_values_are_computed_once():
    calls = []

    class Counted(facula.nn.Module):
        def forward(self, x):
            calls.append(1)
            return x

    layer = parametrize.register_parametrization(facula.nn.Linear(2, 2), "weight", Counted())
    calls.clear()
    with parametrize.cached():
        assert layer.weight is layer.weight
    assert len(calls) == 1
    layer.weight
    assert len(calls) == 2


def test_parametrizations_move_to_another_module():
    source = parametrizations.weight_norm(facula.nn.Linear(2, 2))
    target = parametrize.transfer_parametrizations_and_params(source, facula.nn.Linear(2, 2))
    assert facula.allclose(target.weight, source.weight)
    plain = facula.nn.Linear(1, 1)
    assert parametrize.transfer_parametrizations_and_params(plain, source) is source


class Grows(facula.nn.Module):
    def forward(self, x):
        return x.new_zeros(3, 3)


class Casts(facula.nn.Module):
    def forward(self, x):
        return x.double()


class Fails(facula.nn.Module):
    def forward(self, x):
        return None


def test_errors():
    layer = facula.nn.Linear(2, 2)
    with pytest.raises(
        ValueError, match="does not have a parameter, a buffer, or a parametrized element with name 'w'"
    ):
        parametrize.register_parametrization(layer, "w", Doubled())
    with pytest.raises(ValueError, match="may not change the shape of the tensor, expected .2, 2., got .3, 3."):
        parametrize.register_parametrization(layer, "weight", Grows())
    with pytest.raises(ValueError, match="may not change the dtype"):
        parametrize.register_parametrization(layer, "weight", Casts())
    with pytest.raises(ValueError, match="must return a tensor"):
        parametrize.register_parametrization(layer, "weight", Fails())
    with pytest.raises(ValueError, match="does not have a parametrization on weight"):
        parametrize.remove_parametrizations(layer, "weight")
    with pytest.raises(ValueError, match="has no parameter or buffer with name 'w'"):
        parametrizations.spectral_norm(layer, "w")
    with pytest.raises(ValueError, match="n_power_iterations=0"):
        parametrizations.spectral_norm(layer, n_power_iterations=0)
    with pytest.raises(IndexError, match="Dimension out of range"):
        parametrizations.spectral_norm(layer, dim=5)
    with pytest.raises(ValueError, match="orthogonal_map has to be one of"):
        parametrizations.orthogonal(layer, orthogonal_map="qr")
    with pytest.raises(ValueError, match="Expected a matrix or batch of matrices. Got a tensor of 1 dim"):
        parametrizations.orthogonal(layer, "bias")
    parametrizations.orthogonal(layer, orthogonal_map="cayley", use_trivialization=False)
    with pytest.raises(NotImplementedError, match="not possible to assign"):
        layer.weight = facula.eye(2)
    normed = parametrizations.weight_norm(facula.nn.Linear(2, 2))
    with pytest.raises(ValueError, match="Cannot leave unparametrized"):
        parametrize.remove_parametrizations(normed, "weight", leave_parametrized=False)
    with pytest.raises(RuntimeError, match=r"only supported through state_dict\(\)"):
        facula.save(normed, __import__("io").BytesIO())
    with pytest.raises(ValueError, match="requires one or more modules"):
        parametrize.ParametrizationList([], facula.ones(1))
