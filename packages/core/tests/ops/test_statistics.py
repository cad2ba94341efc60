"""var, std, norm, logsumexp, cov: the forms of their arguments, edge cases and errors."""

import math

import pytest

import facula

X = [[1.0, 2.0, 4.0], [0.0, 3.0, 3.0]]


def test_forms_of_arguments():
    x = facula.tensor(X)
    assert x.var(1, unbiased=False).tolist() == pytest.approx([14 / 9, 2])
    assert x.var(False).item() == x.var(correction=0).item() == x.var(unbiased=False).item()
    assert x.std(dim=(0, 1), keepdim=True).shape == (1, 1)
    assert facula.var_mean(x, 0, correction=0)[1].tolist() == [0.5, 2.5, 3.5]
    assert facula.std_mean(x, 0)[0].tolist() == pytest.approx(x.std(0).tolist())


def test_no_degrees_of_freedom():
    assert math.isnan(facula.ones(1).var().item())
    assert facula.ones(3).std().item() == 0
    x = facula.ones(3, requires_grad=True)
    assert facula.autograd.grad(x.std(), x)[0].tolist() == [0, 0, 0]


def test_complex_spread_is_real():
    z = facula.tensor([1 + 1j, -1 - 1j])
    assert z.var(correction=0).item() == 2
    assert z.std().dtype is facula.float32


@pytest.mark.parametrize(
    ("p", "expected"), [(2, 5), (1, 7), (math.inf, 4), (-math.inf, 3), (0, 2), ("fro", 5), (None, 5)]
)
def test_norms(p, expected):
    assert facula.norm(facula.tensor([3.0, -4.0]), p).item() == pytest.approx(expected)


def test_norm_of_zeros_has_a_gradient():
    x = facula.zeros(3, requires_grad=True)
    assert facula.autograd.grad(x.norm(), x)[0].tolist() == [0, 0, 0]


def test_logsumexp_of_extremes():
    assert facula.logsumexp(facula.tensor([1000.0, 1000.0]), 0).item() == pytest.approx(1000 + math.log(2))
    assert facula.logsumexp(facula.tensor([-math.inf, -math.inf]), 0).item() == -math.inf
    assert facula.logsumexp(facula.tensor([1, 2]), 0).dtype is facula.float32


def test_covariance():
    x = facula.tensor(X)
    assert facula.cov(x).shape == (2, 2)
    assert facula.cov(x, fweights=facula.tensor([1, 1, 2]))[0, 0].item() == pytest.approx(2.25)
    assert facula.corrcoef(x).diagonal().tolist() == pytest.approx([1, 1])
    assert facula.dist(facula.tensor([1.0, 1.0]), facula.tensor([4.0, 5.0])).item() == 5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: facula.tensor([1, 2]).var(), RuntimeError, "only support floating point and complex"),
        (lambda: facula.ones(2).std(3), IndexError, "Dimension out of range"),
        (lambda: facula.norm(facula.tensor([1])), RuntimeError, "Expected a floating point or complex tensor"),
        (lambda: facula.norm(facula.ones(2), "max"), RuntimeError, "expected p to be a number"),
        (lambda: facula.norm(facula.ones(2), "nuc"), RuntimeError, "expected two dimensions"),
        (lambda: facula.norm(facula.empty(0), math.inf), RuntimeError, "no identity"),
        (lambda: facula.cov(facula.ones(1, 1, 1)), RuntimeError, "two or fewer dimensions"),
        (lambda: facula.cov(facula.ones(2, 3), fweights=facula.ones(2)), RuntimeError, "fweights must have"),
        (lambda: facula.corrcoef(facula.ones(1, 1, 1)), RuntimeError, "two or fewer dimensions"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize(
    "name", ["sum", "mean", "amax", "amin", "argmax", "argmin", "prod", "nansum", "nanmean", "var", "std"]
)
def test_axis_is_another_name_of_dim(name):
    x = facula.tensor(X)
    assert facula.equal(getattr(x, name)(axis=1), getattr(x, name)(dim=1))
