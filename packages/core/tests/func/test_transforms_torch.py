"""The transformations of `func` give what PyTorch's give, alone and nested."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


def both(*arrays):
    return [facula.from_numpy(a.copy()) for a in arrays], [torch.from_numpy(a.copy()) for a in arrays]


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def flat(tree):
    if isinstance(tree, dict):
        return [x for key in sorted(tree) for x in flat(tree[key])]
    return [x for part in tree for x in flat(part)] if isinstance(tree, (tuple, list)) else [tree]


def same(ours, theirs):
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for a, b in zip(ours, theirs, strict=True):
        assert tuple(a.shape) == tuple(b.shape)
        assert a.requires_grad == b.requires_grad
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-6, atol=1e-8)


X, Y, W = numbers(4, 3), numbers(4, 3, seed=1), numbers(3, 5, seed=2)

CASES = {
    "grad": lambda m, x, y, w: m.func.grad(lambda a: (a.sin() * y).sum())(x),
    "grad of grad": lambda m, x, y, w: m.func.grad(lambda a: m.func.grad(lambda b: (b**3).sum())(a).sin().sum())(x),
    "grad argnums": lambda m, x, y, w: m.func.grad(lambda a, b: (a * b.exp()).sum(), argnums=(0, 1))(x, y),
    "grad negative argnum": lambda m, x, y, w: m.func.grad(lambda a, b: (a * b.exp()).sum(), argnums=-1)(x, y),
    "grad of a tree": lambda m, x, y, w: m.func.grad(lambda p, a: ((a @ p["w"]) * p["v"][0]).sum())({"w": w, "v": [x.sum()]}, x),
    "grad aux": lambda m, x, y, w: m.func.grad(lambda a: ((a * y).sum(), {"s": a.cos()}), has_aux=True)(x),
    "grad_and_value": lambda m, x, y, w: m.func.grad_and_value(lambda a: (a * y).sum())(x),
    "grad_and_value aux": lambda m, x, y, w: m.func.grad_and_value(lambda a: ((a * y).sum(), a.cos()), has_aux=True)(x),
    "unused": lambda m, x, y, w: m.func.grad(lambda a, b: a.sum(), argnums=(0, 1))(x, y),
    "perturbations kept apart": lambda m, x, y, w: m.func.grad(lambda a: a * m.func.grad(lambda b: a + b)(y.sum()))(x.sum()),
    "vjp": lambda m, x, y, w: [out := m.func.vjp(lambda a, b: (a * b, a.sum()), x, y), out[1]((y, x.sum()))][0][0],
    "vjp back": lambda m, x, y, w: m.func.vjp(lambda a, b: (a * b, a.sum()), x, y)[1]((y, x.sum())),
    "vjp mapped": lambda m, x, y, w: m.func.vmap(m.func.vjp(lambda a: a @ w, x)[1])(m.ones(6, 4, 5, dtype=m.float64)),
    "jvp": lambda m, x, y, w: m.func.jvp(lambda a, b: a * b.sin(), (x, y), (y, x)),
    "jvp aux": lambda m, x, y, w: m.func.jvp(lambda a: (a.sin(), a), (x,), (y,), has_aux=True),
    "jvp of jvp": lambda m, x, y, w: m.func.jvp(lambda a: m.func.jvp(lambda b: b**3, (a,), (y,))[1], (x,), (x,)),
    "grad of jvp": lambda m, x, y, w: m.func.grad(lambda a: m.func.jvp(m.tanh, (a,), (y,))[1].sum())(x),
    "jvp of grad": lambda m, x, y, w: m.func.jvp(m.func.grad(lambda a: (a.tanh() ** 2).sum()), (x,), (y,)),
    "jvp of what does not depend": lambda m, x, y, w: m.func.jvp(lambda a: y * 2, (x,), (y,)),
    "jacrev": lambda m, x, y, w: m.func.jacrev(lambda a: (a @ w).tanh())(x),
    "jacrev chunks": lambda m, x, y, w: m.func.jacrev(lambda a: (a @ w).tanh(), chunk_size=3)(x),
    "jacrev trees": lambda m, x, y, w: m.func.jacrev(lambda a, b: {"p": a * b, "q": a.sum(0)}, argnums=(0, 1))(x, y),
    "jacrev aux": lambda m, x, y, w: m.func.jacrev(lambda a: (a.sum(0), a), has_aux=True)(x),
    "jacfwd": lambda m, x, y, w: m.func.jacfwd(lambda a: (a @ w).tanh())(x),
    "jacfwd trees": lambda m, x, y, w: m.func.jacfwd(lambda a, b: {"p": a * b, "q": a.sum(0)}, argnums=(0, 1))(x, y),
    "jacfwd aux": lambda m, x, y, w: m.func.jacfwd(lambda a: (a.sum(0), a), has_aux=True)(x),
    "hessian": lambda m, x, y, w: m.func.hessian(lambda a: ((a @ w).tanh() ** 2).sum())(x),
    "hessian of two": lambda m, x, y, w: m.func.hessian(lambda a, b: (a * b).sin().sum(), argnums=(0, 1))(x[0], y[0]),
    "jacrev of jacrev": lambda m, x, y, w: m.func.jacrev(m.func.jacrev(lambda a: (a**3).sum()))(x[0]),
    "jacfwd of jacfwd": lambda m, x, y, w: m.func.jacfwd(m.func.jacfwd(lambda a: (a**3).sum()))(x[0]),
    "vmap": lambda m, x, y, w: m.func.vmap(lambda a, b: a * b.sum())(x, y),
    "vmap dims": lambda m, x, y, w: m.func.vmap(lambda a, b: (a * b.sum(), a @ w), in_dims=(0, None), out_dims=(1, 0))(x, y),
    "vmap last": lambda m, x, y, w: m.func.vmap(lambda a: a * 2, in_dims=-1, out_dims=-1)(x),
    "vmap tree": lambda m, x, y, w: m.func.vmap(lambda d: {"s": d["a"] + d["b"][0]}, in_dims=({"a": 0, "b": 1},))({"a": x, "b": [y.mT]}),
    "vmap of a constant": lambda m, x, y, w: m.func.vmap(lambda a: y)(x),
    "vmap out none": lambda m, x, y, w: m.func.vmap(lambda a: (a, w), out_dims=(0, None))(x),
    "vmap chunks": lambda m, x, y, w: m.func.vmap(lambda a, b: (a * b.sum(), a @ w), out_dims=(1, 0), chunk_size=3)(x, y),
    "vmap of vmap": lambda m, x, y, w: m.func.vmap(m.func.vmap(lambda a, b: a * b, in_dims=(0, None)), in_dims=(None, 0))(x[0], y),
    "vmap of vmap, mixed": lambda m, x, y, w: m.func.vmap(lambda a: m.func.vmap(lambda b: (a * b).sum() + a.sum())(y))(x),
    "vmap of grad": lambda m, x, y, w: m.func.vmap(m.func.grad(lambda a, b: (a @ w).tanh().sum() * b.sum()))(x, y),
    "vmap of grad, shared": lambda m, x, y, w: m.func.vmap(m.func.grad(lambda v, a: (a @ v).tanh().sum()), in_dims=(None, 0))(w, x),
    "vmap of jacrev": lambda m, x, y, w: m.func.vmap(m.func.jacrev(lambda a: (a @ w).tanh()))(x),
    "vmap of jacfwd": lambda m, x, y, w: m.func.vmap(m.func.jacfwd(lambda a: (a @ w).tanh()))(x),
    "vmap of hessian": lambda m, x, y, w: m.func.vmap(m.func.hessian(lambda a: ((a @ w).tanh() ** 2).sum()))(x),
    "grad of vmap": lambda m, x, y, w: m.func.grad(lambda v: m.func.vmap(lambda a: (a @ v).tanh())(x).sum())(w),
    "vmap of vmap of grad": lambda m, x, y, w: m.func.vmap(m.func.vmap(m.func.grad(lambda a, b: (a * b).sin()), (0, None)), (None, 0))(x[0], y[:, 0]),
    "vmap of jvp": lambda m, x, y, w: m.func.vmap(lambda a, t: m.func.jvp(m.sin, (a,), (t,)))(x, y),
    "vmap of vjp": lambda m, x, y, w: m.func.vmap(lambda a, t: m.func.vjp(m.sin, a)[1](t))(x, y),
    "index": lambda m, x, y, w: m.func.vmap(lambda a: (a[1], a[..., None], a[[0, 2]], a[m.tensor([1, 1])]))(x),
    "write": lambda m, x, y, w: m.func.vmap(lambda a: a.clone().mul_(2).add_(y[0]))(x),
    "write into a view": lambda m, x, y, w: m.func.vmap(lambda a: [b := a * 1, b[1:].zero_(), b][2])(x),
    "where": lambda m, x, y, w: m.func.vmap(lambda a: m.where(a > 0, a, y[0]))(x),
    "one_hot": lambda m, x, y, w: m.func.vmap(lambda i: m.nn.functional.one_hot(i, 4) * w[0, 0])(m.tensor([[0, 1], [3, 2]])),
    "to": lambda m, x, y, w: m.func.vmap(lambda a: a.to("cpu").cpu().to(m.float32).double() * 2)(x),
    "matrix_rank": lambda m, x, y, w: m.func.vmap(lambda a: m.linalg.matrix_rank(a.outer(a)))(x),
    "stack": lambda m, x, y, w: m.func.vmap(lambda a, b: m.stack([a, b, y[0]]).sum(0) + m.cat([a, b])[:3])(x, y),
    "promotion": lambda m, x, y, w: m.func.vmap(lambda a: a.float() * y[0, 0] + a.float().sum() * y[0])(x),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_as_in_torch(name):
    ours, theirs = both(X, Y, W)
    same(CASES[name](facula, *ours), CASES[name](torch, *theirs))


@pytest.mark.parametrize(
    "name", ["grad", "vjp back", "jacrev", "vmap of grad, shared", "vmap of jacrev", "grad_and_value"]
)
def test_outer_graph(name):
    """What is inside of a graph of PyTorch's own autograd stays connected to it."""
    ours, theirs = both(X, Y, W)
    for m, tensors in ((facula, ours), (torch, theirs)):
        for t in tensors:
            t.requires_grad_()
        found = flat(CASES[name](m, *tensors))
        m.stack([t.sin().sum() for t in found if t.requires_grad]).sum().backward()
    for a, b in zip(ours, theirs, strict=True):
        assert (a.grad is None) == (b.grad is None)
        if a.grad is not None:
            np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=1e-6, atol=1e-8)


def test_no_grad_outside():
    x = facula.ones(3)
    with facula.no_grad():
        g = facula.func.grad(lambda a: (a * a).sum())(x)
    same([g], [torch.full((3,), 2.0)])


def test_functional_call_and_ensembles():
    nets = [facula.nn.Sequential(facula.nn.Linear(3, 4), facula.nn.Tanh(), facula.nn.Linear(4, 2)) for _ in range(3)]
    parameters, buffers = facula.func.stack_module_state(nets)
    x = facula.randn(5, 3)
    out = facula.vmap(lambda p, b: facula.func.functional_call(nets[0], (p, b), (x,)))(parameters, buffers)
    assert out.shape == (3, 5, 2)
    for i, net in enumerate(nets):
        np.testing.assert_allclose(out[i].detach().numpy(), net(x).detach().numpy(), rtol=1e-5, atol=1e-6)
    assert all(p.requires_grad and p.is_leaf for p in parameters.values())
    out.sum().backward()
    assert parameters["0.weight"].grad.shape == (3, 4, 3)
