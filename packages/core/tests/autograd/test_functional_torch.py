"""jacobian, hessian, vjp, jvp, vhp, hvp agree with PyTorch's, results and errors."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")


def tensors(t, *shapes, grad=False):
    rng = np.random.default_rng(3)
    found = tuple(t.tensor(rng.uniform(0.5, 1.5, s).tolist(), dtype=t.float64, requires_grad=grad) for s in shapes)
    return found if len(found) > 1 else found[0]


def flat(value):
    if isinstance(value, tuple):
        return [y for x in value for y in flat(x)]
    return [(tuple(value.shape), value.detach().numpy(), value.requires_grad)]


def agree(ours, theirs):
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs)
    for (shape, mine, grad), (other_shape, other, other_grad) in zip(ours, theirs, strict=True):
        assert shape == other_shape
        assert grad == other_grad
        np.testing.assert_allclose(mine, other, rtol=1e-10, atol=1e-12)


ONE = lambda x: x.exp() * x.sum()
TWO = lambda x, y: (x * y).sum(0)
BOTH = lambda x, y: (x * y, x.exp())
SCALAR = lambda x: (x**3).sum() * x.sin().sum()
SCALAR_TWO = lambda x, y: ((x * y) ** 2).sum() + x.sum()
UNUSED = lambda x, y: (x**2).sum()
CONSTANT = lambda x: x.detach() * 2


CASES = [
    ("jacobian", ONE, [(3,)], None), ("jacobian", TWO, [(2, 3), (3,)], None), ("jacobian", BOTH, [(2, 2), (2,)], None),
    ("jacobian", SCALAR, [(3,)], None), ("jacobian", UNUSED, [(2,), (3,)], None), ("jacobian", CONSTANT, [(2,)], None),
    ("hessian", SCALAR, [(3,)], None), ("hessian", SCALAR, [(2, 2)], None), ("hessian", SCALAR_TWO, [(2, 3), (3,)], None),
    ("hessian", UNUSED, [(2,), (3,)], None),
    ("vjp", ONE, [(3,)], [(3,)]), ("vjp", TWO, [(2, 3), (3,)], [(3,)]), ("vjp", BOTH, [(2, 2), (2,)], [(2, 2), (2, 2)]),
    ("vjp", SCALAR, [(3,)], None), ("vjp", CONSTANT, [(2,)], [(2,)]),
    ("jvp", ONE, [(3,)], [(3,)]), ("jvp", TWO, [(2, 3), (3,)], [(2, 3), (3,)]), ("jvp", BOTH, [(2, 2), (2,)], [(2, 2), (2,)]),
    ("jvp", SCALAR, [(1,)], None), ("jvp", UNUSED, [(2,), (3,)], [(2,), (3,)]),
    ("vhp", SCALAR, [(3,)], [(3,)]), ("vhp", SCALAR_TWO, [(2, 3), (3,)], [(2, 3), (3,)]),
    ("hvp", SCALAR, [(3,)], [(3,)]), ("hvp", SCALAR_TWO, [(2, 3), (3,)], [(2, 3), (3,)]), ("hvp", UNUSED, [(2,), (3,)], [(2,), (3,)]),
]  # fmt: skip


def call(t, name, function, shapes, v, grad=False, **options):
    arguments = [] if v is None else [tensors(t, *v)]
    return getattr(t.autograd.functional, name)(function, tensors(t, *shapes, grad=grad), *arguments, **options)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[2]}")
def test_agrees_with_torch(case):
    agree(call(facula, *case), call(torch, *case))


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c[0]}-{c[2]}")
def test_with_a_graph(case):
    if case[1] in (CONSTANT, UNUSED):
        case = (case[0], SCALAR, [(3,)], None if case[3] is None else [(3,)])
        if case[0] == "vjp":
            case = (*case[:3], None)
    ours = call(facula, *case, grad=True, create_graph=True)
    theirs = call(torch, *case, grad=True, create_graph=True)
    agree(ours, theirs)


def test_graph_reaches_the_inputs():
    results = []
    for t in (facula, torch):
        x = tensors(t, (3,), grad=True)
        j = t.autograd.functional.jacobian(ONE, x, create_graph=True)
        results.append(t.autograd.grad((j * j).sum(), x)[0].numpy())
    np.testing.assert_allclose(*results, rtol=1e-10)


@pytest.mark.parametrize("case", [c for c in CASES if c[0] == "jacobian"], ids=range(6))
def test_forward_strategy(case):
    agree(call(facula, *case, strategy="forward-mode"), call(facula, *case))
    agree(call(facula, *case, vectorize=True), call(facula, *case))


@pytest.mark.parametrize(
    ("name", "function", "shapes", "v", "options", "message"),
    [
        ("vjp", ONE, [(3,)], [(2,)], {}, "v has invalid size: should be"),
        ("vjp", ONE, [(3,)], None, {}, "v can only be None if"),
        ("vjp", ONE, [(3,)], [(3,), (3,)], {}, "v is a tuple of invalid length: should be 1 but got 2"),
        ("hessian", ONE, [(3,)], None, {}, "given to hessian should contain a single element"),
        ("hvp", BOTH, [(2, 2), (2,)], [(2, 2), (2,)], {}, "given to hvp should"),
        (
            "jacobian",
            CONSTANT,
            [(2,)],
            None,
            {"strict": True},
            "Output 0 of the user-provided function does not require grad",
        ),
        (
            "vjp",
            UNUSED,
            [(2,), (3,)],
            None,
            {"strict": True},
            "Output 0 of the user-provided function is independent of input 1",
        ),
    ],
)
def test_errors(name, function, shapes, v, options, message):
    with pytest.raises(RuntimeError, match=message):
        call(facula, name, function, shapes, v, **options)
    with pytest.raises(RuntimeError):
        call(torch, name, function, shapes, v, **options)


def test_errors_of_type():
    for t in (facula, torch):
        with pytest.raises(
            TypeError, match="The inputs given to jacobian must be either a Tensor or a tuple of Tensors"
        ):
            t.autograd.functional.jacobian(ONE, 3.0)
        with pytest.raises(TypeError, match="The outputs of the user-provided function given to vjp must be either"):
            t.autograd.functional.vjp(lambda x: 3, tensors(t, (2,)))
    with pytest.raises(AssertionError, match='Expected strategy to be either "forward-mode" or "reverse-mode"'):
        facula.autograd.functional.jacobian(ONE, tensors(facula, (2,)), strategy="sideways")
    with pytest.raises(NotImplementedError, match="expected create_graph=False with forward-mode"):
        facula.autograd.functional.jacobian(ONE, tensors(facula, (2,)), True, strategy="forward-mode")
