"""Edges of the tape, hooks on nodes and on several gradients at once, and writes into what was kept: against PyTorch's."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
BOTH = pytest.mark.parametrize("m", [facula, torch], ids=["facula", "torch"])


def leaves(m):
    return [m.tensor(v, requires_grad=True) for v in ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0])]


def numbers(values):
    return [None if v is None else v.tolist() for v in values]


def edges_as_inputs(m):
    graph = m.autograd.graph
    a, b, _ = leaves(m)
    y = a * b
    edge = graph.get_gradient_edge(y)
    z = (y * y).sum()
    del y
    return numbers(m.autograd.grad(z, [edge, a, graph.get_gradient_edge(b)]))


def edge_as_output(m):
    a, b, _ = leaves(m)
    edge = m.autograd.graph.get_gradient_edge(a * b)
    return numbers(m.autograd.grad(edge, a, grad_outputs=m.ones(2)))


def edge_of_one_result(m):
    x = m.tensor([[1.0, 5.0], [3.0, 2.0]], requires_grad=True)
    y = (x * x).max(0).values
    edge = m.autograd.graph.get_gradient_edge(y)
    return [*numbers(m.autograd.grad((y * y).sum(), edge)), edge.output_nr]


def edge_from_next_functions(m):
    a, b, _ = leaves(m)
    z = (a * b).exp().sum()
    node, index = z.grad_fn.next_functions[0]
    return numbers(m.autograd.grad(z, m.autograd.graph.GradientEdge(node, index)))


def backward_with_edges(m):
    graph = m.autograd.graph
    a, b, _ = leaves(m)
    y = a * b
    m.autograd.backward(graph.get_gradient_edge(y), m.ones(2), retain_graph=True)
    m.autograd.backward(y.sum(), inputs=[graph.get_gradient_edge(a)], retain_graph=True)
    m.autograd.backward((y * y).sum(), inputs=[graph.get_gradient_edge(y)])
    return numbers([a.grad, b.grad, y.grad_fn and None])


def multi(mode):
    def program(m):
        a, b, c = leaves(m)
        seen = []
        note = (
            (lambda gs: seen.append(numbers(gs))) if mode == "all" else (lambda g: seen.append(len(g)))
        )  # which is first is the engine's matter
        handle = m.autograd.graph.register_multi_grad_hook((a, b, c), note, mode=mode)
        (a * b).sum().backward()
        (a * b + c).sum().backward()
        (a * b + c).sum().backward(inputs=[a, c])
        handle.remove()
        (a * b + c).sum().backward()
        return seen

    return program


def multi_of_computed(m):
    a, b, _ = leaves(m)
    seen = []
    y, z = a * 2, b * 3
    with m.autograd.graph.register_multi_grad_hook([y, z], lambda gs: seen.append(numbers(gs))):
        (y * z).sum().backward(retain_graph=True)
        y.sum().backward()
    return seen


def prehook_and_hook(m):
    a, b, _ = leaves(m)
    seen = []
    y = a * b
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 10,))
    y.grad_fn.register_prehook(lambda gs: seen.append(numbers(gs)))
    y.grad_fn.register_hook(lambda gi, go: seen.append([numbers(gi), numbers(go)]))
    y.grad_fn.register_hook(lambda gi, go: (gi[0] + 1, gi[1]))
    y.sum().backward()
    return [seen, numbers([a.grad, b.grad])]


def removed(m):
    a, b, _ = leaves(m)
    y = a * b
    y.grad_fn.register_prehook(lambda gs: (gs[0] * 10,)).remove()
    with y.grad_fn.register_hook(lambda gi, go: (gi[0] * 0, gi[1])):
        pass
    y.sum().backward()
    return numbers([a.grad, b.grad])


def hooks_of_a_leaf(m):
    a = leaves(m)[0]
    seen = []
    node = m.autograd.graph.get_gradient_edge(a).node
    node.register_prehook(lambda gs: seen.append(["before", numbers(gs), a.grad is None]))
    node.register_hook(lambda gi, go: seen.append(["after", numbers(gi), numbers(go), a.grad.tolist()]))
    (a * 3).sum().backward()
    return [seen, node.variable is a]


def prehook_of_several_results(m):
    x = m.tensor([[1.0, 5.0], [3.0, 2.0]], requires_grad=True)
    values, _ = x.max(0)
    values.grad_fn.register_prehook(lambda gs: tuple(g if g is None else g * 10 for g in gs))
    values.sum().backward()
    return numbers([x.grad])


def prehook_recorded(m):
    a = leaves(m)[0]
    y = a**3
    y.grad_fn.register_prehook(lambda gs: (gs[0] * gs[0],))
    w = m.ones(2, requires_grad=True)
    (g,) = m.autograd.grad(y, a, w, create_graph=True)
    return numbers(m.autograd.grad(g.sum(), [a, w]))


def notes(m):
    a, b, _ = leaves(m)
    y = a * b
    y.grad_fn.metadata["name"] = "product"
    return [y.grad_fn.metadata, (a + b).grad_fn.metadata, y.grad_fn.name(), len(y.grad_fn.next_functions)]


def mutation(m):
    with m.autograd.graph.allow_mutation_on_saved_tensors():
        a = leaves(m)[0]
        b = a.clone()
        first = (b**2).sum()
        b.sin_()
        second = (b.exp() * b).sum()
        b[0] = 7.0
        m.mul(b.detach(), 2, out=b.detach())
        (first + second).backward()
        return numbers([a.grad])


def mutation_of_results(m):
    with m.autograd.graph.allow_mutation_on_saved_tensors():
        a = leaves(m)[0]
        y = a.exp()
        z = y.tanh()
        y.mul_(3)
        z.zero_()
        w = (y + z).sum()
        w.backward()
        return numbers([a.grad])


PROGRAMS = {f.__name__: f for f in (
    edges_as_inputs, edge_as_output, edge_of_one_result, edge_from_next_functions, backward_with_edges, multi_of_computed, prehook_and_hook,
    removed, hooks_of_a_leaf, prehook_of_several_results, prehook_recorded, notes, mutation, mutation_of_results,
)} | {"multi all": multi("all"), "multi any": multi("any")}  # fmt: skip


def flat(value):
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in flat(v)]
    return [value]


@pytest.mark.parametrize("name", PROGRAMS)
def test_agrees_with_torch(name):
    ours, theirs = flat(PROGRAMS[name](facula)), flat(PROGRAMS[name](torch))
    assert len(ours) == len(theirs)
    for x, y in zip(ours, theirs, strict=True):
        if isinstance(y, float):
            np.testing.assert_allclose(x, y, rtol=1e-5)
        else:
            assert x == y


@BOTH
def test_refusals(m):
    graph = m.autograd.graph
    a, b, _ = leaves(m)
    with pytest.raises(
        RuntimeError, match="not possible to get the gradient edge for a Tensor that does not require grad"
    ):
        graph.get_gradient_edge(m.ones(2))
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar outputs"):
        m.autograd.grad(graph.get_gradient_edge(a * b), a)
    with pytest.raises(ValueError, match="Expects mode to be one of"):
        graph.register_multi_grad_hook((a,), print, mode="some")
    with graph.allow_mutation_on_saved_tensors():
        with pytest.raises(RuntimeError, match="contexts cannot be nested"), graph.allow_mutation_on_saved_tensors():
            pass
        y = (a * b).sum()
    with pytest.raises(AssertionError, match="Trying to backward outside of the"):
        y.backward()
    with (
        graph.saved_tensors_hooks(lambda t: t, lambda t: t),
        pytest.raises(RuntimeError, match="not now"),
        graph.disable_saved_tensors_hooks("not now"),
    ):
        pass
