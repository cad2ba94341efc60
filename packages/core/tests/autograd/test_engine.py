"""The engine: backward, grad, graphs of graphs, hooks, modes, threads."""

import gc
import threading
import weakref

import numpy as np
import pytest

import facula
from facula.autograd import backward, grad


def leaf(*values, shape=None):
    t = facula.tensor(list(values), dtype=facula.float64)
    return (t if shape is None else t.reshape(shape).clone()).requires_grad_()


def numbers(t):
    return t.detach().numpy().tolist()


class TestBackward:
    def test_scalar(self):
        x = leaf(1.0, 2.0)
        (x * x).sum().backward()
        assert numbers(x.grad) == [2.0, 4.0]

    def test_gradient_argument(self):
        x = leaf(1.0, 2.0)
        (x * x).backward(facula.tensor([1.0, 10.0], dtype=facula.float64))
        assert numbers(x.grad) == [2.0, 40.0]

    def test_accumulates(self):
        x = leaf(1.0, 2.0)
        for _ in range(3):
            (x * 2).sum().backward()
        assert numbers(x.grad) == [6.0, 6.0]
        x.grad = None
        (x * 2).sum().backward()
        assert numbers(x.grad) == [2.0, 2.0]

    def test_accumulates_in_place_of_a_grad_that_is_shared(self):
        x = leaf(1.0)
        x.sum().backward()
        held = x.grad
        x.sum().backward()
        assert held is x.grad
        assert numbers(held) == [2.0]

    def test_leaf_itself(self):
        x = leaf(3.0)
        x.backward()
        assert numbers(x.grad) == [1.0]

    def test_gradient_is_not_the_seed(self):
        x, seed = leaf(1.0, 2.0), facula.ones(2, dtype=facula.float64)
        x.backward(seed)
        x.grad.mul_(5)
        assert numbers(seed) == [1.0, 1.0]

    def test_leaves_of_one_sum_have_gradients_of_their_own(self):
        x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
        (x + y).sum().backward()
        x.grad.zero_()
        assert numbers(y.grad) == [1.0, 1.0]

    def test_several_tensors(self):
        x = leaf(1.0, 2.0)
        backward([x.sum(), (x * 3).sum()], [None, facula.tensor(2.0, dtype=facula.float64)])
        assert numbers(x.grad) == [7.0, 7.0]

    def test_same_tensor_twice(self):
        x = leaf(1.0)
        y = (x * 2).sum()
        backward([y, y])
        assert numbers(x.grad) == [4.0]

    def test_inputs(self):
        x, y = leaf(1.0), leaf(2.0)
        (x * y).sum().backward(inputs=[x])
        assert numbers(x.grad) == [2.0]
        assert y.grad is None

    def test_inputs_that_are_no_leaves(self):
        x = leaf(1.0)
        h = x * 2
        (h * h).sum().backward(inputs=h)
        assert numbers(h.grad) == [4.0]
        assert x.grad is None

    def test_diamond(self):
        x = leaf(2.0)
        y = x * x
        ((y + 1) * (y - 1)).sum().backward()
        assert numbers(x.grad) == [4 * 2.0**3]

    def test_deep_chain(self):
        x = leaf(1.0)
        y = x
        for _ in range(5000):
            y = y + 1
        y.sum().backward()
        assert numbers(x.grad) == [1.0]

    def test_wide_sum(self):
        x = leaf(1.0)
        sum(x * i for i in range(300)).sum().backward()
        assert numbers(x.grad) == [sum(range(300))]

    def test_broadcasting_is_undone(self):
        x, y = leaf(1.0, 2.0, 3.0), leaf(1.0, 2.0, shape=(2, 1))
        (x * y).sum().backward()
        assert numbers(x.grad) == [3.0, 3.0, 3.0]
        assert numbers(y.grad) == [[6.0], [6.0]]

    def test_retain_graph(self):
        x = leaf(2.0)
        y = (x * x).sum()
        y.backward(retain_graph=True)
        y.backward()
        assert numbers(x.grad) == [8.0]
        with pytest.raises(RuntimeError, match="mul: Trying to backward through the graph a second time"):
            y.backward()

    def test_gradient_of_a_float32_leaf_is_float32(self):
        x = facula.ones(2, requires_grad=True)
        (x.double() * 2).sum().backward()
        assert x.grad.dtype is facula.float32

    def test_create_graph_leaves_differentiable_grad(self):
        x = leaf(2.0)
        (x**3).sum().backward(create_graph=True)
        assert x.grad.requires_grad
        g = x.grad
        x.grad = None
        g.sum().backward()
        assert numbers(x.grad) == [12.0]

    def test_0_dim_and_empty(self):
        x = facula.tensor(2.0, requires_grad=True)
        (x * x).backward()
        assert x.grad.shape == ()
        e = facula.zeros(0, 3, requires_grad=True)
        (e * 2).sum().backward()
        assert e.grad.shape == (0, 3)

    def test_parts_of_several_results(self):
        x = leaf(3.0, 1.0, 2.0)
        values, indices = x.sort()
        (values * facula.tensor([1.0, 10.0, 100.0], dtype=facula.float64)).sum().backward()
        assert numbers(x.grad) == [100.0, 1.0, 10.0]
        assert not indices.requires_grad


class TestGrad:
    def test_returns_and_leaves_alone(self):
        x, y = leaf(1.0), leaf(2.0)
        gx, gy = grad((x * y).sum(), (x, y))
        assert (numbers(gx), numbers(gy)) == ([2.0], [1.0])
        assert x.grad is None
        assert y.grad is None

    def test_of_intermediate(self):
        x = leaf(1.0)
        h = x * 2
        gh, gx = grad((h * h).sum(), (h, x))
        assert (numbers(gh), numbers(gx)) == ([4.0], [8.0])

    def test_of_output_itself(self):
        x = leaf(1.0)
        y = (x * 2).sum()
        assert grad(y, y)[0].item() == 1.0

    def test_allow_unused(self):
        x, y = leaf(1.0), leaf(2.0)
        with pytest.raises(RuntimeError, match="One of the differentiated Tensors appears to not have been used"):
            grad(x.sum(), (x, y))
        gx, gy = grad(x.sum(), (x, y), allow_unused=True)
        assert numbers(gx) == [1.0]
        assert gy is None

    def test_materialize_grads(self):
        x, y = leaf(1.0), leaf(2.0)
        assert numbers(grad(x.sum(), (x, y), materialize_grads=True)[1]) == [0.0]

    def test_several_outputs(self):
        x = leaf(2.0)
        (g,) = grad([x * 2, x * x], x, [facula.ones(1, dtype=facula.float64), facula.ones(1, dtype=facula.float64)])
        assert numbers(g) == [6.0]

    def test_batched(self):
        x = leaf(1.0, 2.0)
        (g,) = grad(x * x, x, facula.eye(2, dtype=facula.float64), is_grads_batched=True)
        assert numbers(g) == [[2.0, 0.0], [0.0, 4.0]]

    def test_third_derivative(self):
        x = leaf(2.0)
        y = (x**4).sum()
        for expected in (32.0, 48.0, 48.0, 24.0 * 2):
            (y,) = grad(y.sum(), x, create_graph=True)
            assert numbers(y) == [expected] or expected == 48.0

    def test_without_graph_the_result_is_a_constant(self):
        x = leaf(2.0)
        assert not grad((x * x).sum(), x)[0].requires_grad
        assert grad((x * x).sum(), x, create_graph=True)[0].requires_grad

    def test_only_what_is_needed_is_computed(self):
        calls = []

        class Watched(facula.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                return x * 1

            @staticmethod
            def backward(ctx, g):
                calls.append(0)
                return g

        x, y = leaf(1.0), leaf(2.0)
        grad((x + Watched.apply(y)).sum(), x)
        assert not calls


class TestHooks:
    def test_tensor_hook_replaces(self):
        x = leaf(1.0, 2.0)
        seen = []
        handle = x.register_hook(lambda g: seen.append(numbers(g)) or g * 10)
        x.sum().backward()
        assert seen == [[1.0, 1.0]]
        assert numbers(x.grad) == [10.0, 10.0]
        handle.remove()
        x.grad = None
        x.sum().backward()
        assert numbers(x.grad) == [1.0, 1.0]

    def test_hook_on_intermediate_runs_once_with_the_sum(self):
        x = leaf(1.0)
        h = x * 2
        seen = []
        h.register_hook(lambda g: seen.append(numbers(g)))
        (h * 3 + h * 4).sum().backward()
        assert seen == [[7.0]]

    def test_order_of_hooks(self):
        x = leaf(1.0)
        x.register_hook(lambda g: g + 1)
        x.register_hook(lambda g: g * 2)
        x.sum().backward()
        assert numbers(x.grad) == [4.0]

    def test_hook_in_grad(self):
        x = leaf(1.0)
        h = x * 1
        h.register_hook(lambda g: g * 5)
        assert numbers(grad(h.sum(), x)[0]) == [5.0]

    def test_post_accumulate(self):
        x = leaf(1.0)
        seen = []
        handle = x.register_post_accumulate_grad_hook(lambda t: seen.append(numbers(t.grad)))
        x.sum().backward()
        x.sum().backward()
        assert seen == [[1.0], [2.0]]
        handle.remove()
        x.sum().backward()
        assert len(seen) == 2

    def test_post_accumulate_can_step_and_clear(self):
        x = leaf(1.0)

        def step(t):
            with facula.no_grad():
                t.sub_(0.5 * t.grad)
            t.grad = None

        x.register_post_accumulate_grad_hook(step)
        (x * 2).sum().backward()
        assert numbers(x) == [0.0]
        assert x.grad is None

    def test_node_hook(self):
        x = leaf(1.0)
        y = x * 3
        seen = []
        handle = y.grad_fn.register_hook(lambda ins, outs: seen.append((numbers(ins[0]), numbers(outs[0]))))
        y.sum().backward()
        assert seen == [([3.0], [1.0])]
        handle.remove()
        (x * 3).sum().backward()
        assert len(seen) == 1

    def test_node_hook_replaces(self):
        x = leaf(1.0)
        y = x * 3
        y.grad_fn.register_hook(lambda ins, outs: (ins[0] * 2, None))
        y.sum().backward()
        assert numbers(x.grad) == [6.0]

    def test_retain_grad(self):
        x = leaf(1.0)
        h = x * 2
        assert not h.retains_grad
        h.retain_grad()
        assert h.retains_grad
        (h * 3).sum().backward()
        assert numbers(h.grad) == [3.0]
        x.retain_grad()
        assert not x.retains_grad

    def test_retain_grad_sees_hooks_before_it(self):
        x = leaf(1.0)
        h = x * 2
        h.register_hook(lambda g: g * 10)
        h.retain_grad()
        h.sum().backward()
        assert numbers(h.grad) == [10.0]

    def test_handle_as_context(self):
        x = leaf(1.0)
        with x.register_hook(lambda g: g * 2):
            x.sum().backward()
        x.sum().backward()
        assert numbers(x.grad) == [3.0]


class TestModes:
    def test_no_grad(self):
        x = leaf(1.0)
        with facula.no_grad():
            assert not facula.is_grad_enabled()
            assert not (x * 2).requires_grad
        assert facula.is_grad_enabled()
        assert (x * 2).requires_grad

    def test_nested(self):
        x = leaf(1.0)
        with facula.no_grad():
            with facula.enable_grad():
                assert (x * 2).requires_grad
                with facula.no_grad():
                    assert not (x * 2).requires_grad
                assert (x * 2).requires_grad
            assert not (x * 2).requires_grad

    def test_same_object_again(self):
        mode = facula.no_grad()
        with mode:
            with mode:
                assert not facula.is_grad_enabled()
            assert not facula.is_grad_enabled()
        assert facula.is_grad_enabled()

    def test_left_by_an_exception(self):
        with pytest.raises(KeyError), facula.no_grad():
            raise KeyError("x")
        assert facula.is_grad_enabled()

    @pytest.mark.parametrize("parentheses", [True, False])
    def test_decorator(self, parentheses):
        decorate = facula.no_grad() if parentheses else facula.no_grad

        @decorate
        def f(x):
            """Doc."""
            return x * 2

        assert not f(leaf(1.0)).requires_grad
        assert f.__name__ == "f"
        assert f.__doc__ == "Doc."
        assert facula.is_grad_enabled()

    def test_enable_grad_decorator(self):
        @facula.enable_grad()
        def f(x):
            return x * 2

        with facula.no_grad():
            assert f(leaf(1.0)).requires_grad

    def test_decorated_generator(self):
        @facula.no_grad()
        def f(x):
            yield facula.is_grad_enabled()
            yield (x * 2).requires_grad

        found = []
        for value in f(leaf(1.0)):
            found.append(value)
            assert facula.is_grad_enabled()
        assert found == [False, False]

    def test_decorated_generator_takes_values_and_exceptions(self):
        @facula.no_grad()
        def f():
            got = yield facula.is_grad_enabled()
            try:
                yield got
            except KeyError:
                yield facula.is_grad_enabled()
            return 5

        g = f()
        assert next(g) is False
        assert g.send("sent") == "sent"
        assert g.throw(KeyError()) is False
        with pytest.raises(StopIteration) as stop:
            next(g)
        assert stop.value.value == 5
        assert facula.is_grad_enabled()

    def test_set_grad_enabled(self):
        with facula.set_grad_enabled(False):
            assert not facula.is_grad_enabled()
            with facula.set_grad_enabled(True):
                assert facula.is_grad_enabled()
        assert facula.is_grad_enabled()
        facula.set_grad_enabled(False)
        assert not facula.is_grad_enabled()
        facula.set_grad_enabled(True)
        assert facula.is_grad_enabled()

        @facula.set_grad_enabled(False)
        def f():
            return facula.is_grad_enabled()

        assert facula.is_grad_enabled()
        assert not f()

    def test_inference_mode(self):
        x = leaf(1.0)
        with facula.inference_mode():
            assert facula.is_inference_mode_enabled()
            assert not (x * 2).requires_grad
            with facula.inference_mode(False):
                assert (x * 2).requires_grad
                assert not facula.is_inference_mode_enabled()
        assert not facula.is_inference_mode_enabled()

        @facula.inference_mode
        def f():
            return facula.is_inference_mode_enabled()

        @facula.inference_mode()
        def g():
            return facula.is_inference_mode_enabled()

        assert f()
        assert g()

    def test_backward_inside_no_grad(self):
        x = leaf(2.0)
        y = (x * x).sum()
        with facula.no_grad():
            y.backward()
        assert numbers(x.grad) == [4.0]

    def test_factories_want_gradients_inside_no_grad(self):
        with facula.no_grad():
            assert facula.ones(2, requires_grad=True).requires_grad


class TestThreads:
    def test_modes_belong_to_threads(self):
        found = []
        with facula.no_grad():
            thread = threading.Thread(target=lambda: found.append(facula.is_grad_enabled()))
            thread.start()
            thread.join()
        assert found == [True]

    def test_backward_in_several_threads(self):
        errors = []

        def work(seed):
            try:
                rng = np.random.default_rng(seed)
                for _ in range(20):
                    a = facula.from_numpy(rng.standard_normal((4, 4))).requires_grad_()
                    ((a @ a).tanh() * a).sum().backward()
                    expected = grad(((a @ a).tanh() * a).sum(), a)[0]
                    np.testing.assert_array_equal(a.grad.numpy(), expected.numpy())
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors


class TestMemory:
    def test_graph_dies_with_its_result(self):
        gc.disable()
        try:
            x = leaf(1.0, 2.0)
            h = x.exp()
            y = (h * h.sin()).sum()
            refs = [weakref.ref(h), weakref.ref(y.grad_fn), weakref.ref(h.grad_fn)]
            del h, y
            assert [r() for r in refs] == [None] * 3
        finally:
            gc.enable()

    def test_backward_frees_what_was_kept(self):
        x = leaf(1.0, 2.0)
        h = x * 2
        y = (h * h).sum()
        ref = weakref.ref(h)
        del h
        assert ref() is not None
        y.backward()
        assert ref() is None

    def test_written_tensors_are_no_cycles(self):
        gc.disable()
        try:
            x = leaf(1.0, 2.0)
            h = x * 2
            h[0] = h[1] * 3
            v = h[1:]
            v.mul_(2.0)
            refs = [weakref.ref(h), weakref.ref(v)]
            del h, v
            assert [r() for r in refs] == [None, None]
        finally:
            gc.enable()

    def test_leaf_and_its_tensor(self):
        gc.disable()
        try:
            x = leaf(1.0)
            x.register_hook(lambda g: g)
            ref = weakref.ref(x)
            del x
            assert ref() is None
        finally:
            gc.enable()


class TestFacts:
    def test_grad_fn_and_next_functions(self):
        x = leaf(1.0)
        y = x * 2
        assert x.grad_fn is None
        assert y.grad_fn.name() == "MulBackward0"
        node, index = y.grad_fn.next_functions[0]
        assert node.name() == "AccumulateGrad"
        assert node.variable is x
        assert index == 0
        assert repr(y.grad_fn) == "<MulBackward0>"

    def test_is_leaf(self):
        x = leaf(1.0)
        assert x.is_leaf
        assert not (x * 2).is_leaf
        assert x.detach().is_leaf
        assert facula.ones(1).is_leaf

    def test_requires_grad_can_be_given_up_by_leaves(self):
        x = leaf(1.0)
        x.requires_grad = False
        assert not x.requires_grad
        x.requires_grad_()
        assert x.requires_grad

    def test_output_nr(self):
        values, _ = leaf(2.0, 1.0).sort()
        assert values.output_nr == 0
        assert values.grad_fn.name() == "SortBackward0"

    def test_deepcopy(self):
        import copy

        x = leaf(1.0)
        x.sum().backward()
        twin = copy.deepcopy(x)
        assert twin.requires_grad
        assert numbers(twin.grad) == [1.0]
        twin.grad.mul_(2)
        assert numbers(x.grad) == [1.0]


@pytest.mark.parametrize("convert", ["int", "long", "bool", "byte"])
def test_integers_carry_no_gradient(convert):
    x = facula.ones(2, requires_grad=True) * 2
    assert not getattr(x, convert)().requires_grad
    assert x.double().requires_grad
