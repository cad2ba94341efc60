"""Gradients of ops with several results whose backward looks at the results: all that flows into one place is added up."""

import numpy as np
import pytest

import facula

A = np.random.default_rng(0).standard_normal((4, 4))


def of_symmetric(a):
    values, vectors = facula.linalg.eigh((a + a.mT) / 2)
    return (vectors * values.exp()) @ vectors.mT


def of_singular(a):
    u, s, vh = facula.linalg.svd(a, full_matrices=False)
    return (u * s.sin()) @ vh


def of_any(a):
    values, vectors = facula.linalg.eig(a)
    return ((vectors * values.exp()) @ facula.linalg.inv(vectors)).real


def of_orthogonal(a):
    q, r = facula.linalg.qr(a)
    return q @ r.sin()


@pytest.mark.parametrize("function", [of_symmetric, of_singular, of_any, of_orthogonal])
def test_second_derivatives_of_what_does_not_depend_on_signs(function):
    a = facula.tensor(A, requires_grad=True)
    assert facula.autograd.gradgradcheck(function, (a,))


def test_a_recalled_result_is_the_result_itself():
    a = facula.tensor(A, requires_grad=True)
    values, vectors = facula.linalg.eigh((a + a.mT) / 2)
    (g,) = facula.autograd.grad((vectors**3).sum() + values.prod(), a, create_graph=True)
    whole = facula.autograd.grad(g.square().sum(), [values, vectors], retain_graph=True)
    seen = []
    handle = vectors.register_hook(lambda g: seen.append(g))
    vectors.retain_grad()
    again = facula.autograd.grad(g.square().sum(), a, retain_graph=True)[0]
    assert len(seen) == 1
    np.testing.assert_allclose(seen[0].numpy(), whole[1].numpy())
    np.testing.assert_allclose(vectors.grad.numpy(), whole[1].numpy())
    handle.remove()
    np.testing.assert_allclose(facula.autograd.grad(g.square().sum(), a)[0].numpy(), again.numpy())
    assert len(seen) == 1
