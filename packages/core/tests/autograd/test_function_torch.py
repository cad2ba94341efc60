"""User functions behave as PyTorch's: every program runs on both and must agree on values, gradients and who fails."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")


def square(t):
    class Square(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    return Square


def saved_output(t, a, b):
    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    return (Exp.apply(a) * b).sum()


def simple(t, a, b):
    return (square(t).apply(a) * b).sum()


def chained(t, a, b):
    s = square(t).apply
    return s(s(a) + b).sum()


def two_results(t, a, b):
    class Both(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y, x + y

        @staticmethod
        def backward(ctx, g, h):
            x, y = ctx.saved_tensors
            return g * y + h, g * x + h

    p, s = Both.apply(a, b)
    return (p * s).sum()


def unused_result(t, a, b):
    class Both(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y, x + y

        @staticmethod
        def backward(ctx, g, h):
            assert h is not None
            x, y = ctx.saved_tensors
            return g * y + h, g * x + h

    return Both.apply(a, b)[0].sum()


def unused_result_as_none(t, a, b):
    class Both(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            assert h is None
            return g * 2

    return Both.apply(a)[0].sum()


def attributes_and_constants(t, a, b):
    class Scale(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor, name=None):
            ctx.factor = factor
            assert ctx.needs_input_grad == (True, False, False)
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None, None

    return (Scale.apply(a, 3.0, "name") * b).sum()


def fewer_nones_than_needed(t, a, b):
    class Scale(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g

    return Scale.apply(a, 3.0).sum()


def extra_nones(t, a, b):
    class Scale(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2, None, None

    return Scale.apply(a).sum()


def gradient_for_a_number(t, a, b):
    class Scale(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g, g

    return Scale.apply(a, 3.0).sum()


def wrong_shape(t, a, b):
    class Scale(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g[:, :2]

    return Scale.apply(a).sum()


def broadcast_gradient(t, a, b):
    class Add(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return g * 2, g * 3

    return (Add.apply(a[0], b) * b).sum()


def dirty(t, a, b):
    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            x.mul_(2)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = a * 1
    y = Double.apply(x)
    assert y is x
    return (x * y * b).sum()


def dirty_view(t, a, b):
    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            x.mul_(2)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    x = a * 1
    Double.apply(x[0])
    return (x * b).sum()


def dirty_leaf(t, a, b):
    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            x.mul_(2)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 2

    return Double.apply(a).sum()


def non_differentiable(t, a, b):
    class Sort(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            sign = (x > 0) * 1.0
            ctx.mark_non_differentiable(sign)
            ctx.save_for_backward(sign)
            return x * 2, sign

        @staticmethod
        def backward(ctx, g, ignored):
            return g * 2 * ctx.saved_tensors[0]

    y, sign = Sort.apply(a)
    assert not sign.requires_grad
    assert y.requires_grad
    return (y * sign).sum()


def identity(t, a, b):
    class Same(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    y = Same.apply(a)
    assert y is not a
    return (y * b).sum()


def identity_view(t, a, b):
    class Same(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return -g

    return (Same.apply(a) * b).sum()


def separate_context(t, a, b):
    class Product(t.autograd.Function):
        @staticmethod
        def forward(x, y, power):
            return (x * y) ** power

        @staticmethod
        def setup_context(ctx, inputs, output):
            x, y, ctx.power = inputs
            ctx.save_for_backward(x, y, output)

        @staticmethod
        def backward(ctx, g):
            x, y, out = ctx.saved_tensors
            common = g * ctx.power * (x * y) ** (ctx.power - 1)
            return common * y + 0 * out, common * x, None

    return Product.apply(a, b, 3).sum()


def none_gradient(t, a, b):
    class Stop(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            return x + y

        @staticmethod
        def backward(ctx, g):
            return None, g

    return (Stop.apply(a, b) * 2).sum()


def conditional(t, a, b):
    class Linear(t.autograd.Function):
        @staticmethod
        def forward(ctx, x, w, bias):
            ctx.save_for_backward(x, w, bias)
            out = x @ w.t()
            return out if bias is None else out + bias

        @staticmethod
        def backward(ctx, g):
            x, w, bias = ctx.saved_tensors
            gx = g @ w if ctx.needs_input_grad[0] else None
            gw = g.t() @ x if ctx.needs_input_grad[1] else None
            return gx, gw, g.sum(0) if bias is not None else None

    return Linear.apply(a, b.detach(), None).sum() + Linear.apply(a, b, b[:, 0]).sum()


def spoiled_saved(t, a, b):
    x = a * 1
    y = square(t).apply(x)
    x.add_(1)
    return y.sum()


def spoiled_result(t, a, b):
    class Exp(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    y = Exp.apply(a)
    y.add_(1)
    return y.sum()


def save_a_number(t, a, b):
    class Bad(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    return Bad.apply(a).sum()


def no_backward(t, a, b):
    class Bad(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

    return Bad.apply(a).sum()


def no_forward(t, a, b):
    class Bad(t.autograd.Function):
        pass

    return Bad.apply(a).sum()


def without_grad(t, a, b):
    with t.no_grad():
        y = square(t).apply(a)
    assert not y.requires_grad
    return (y * a).sum()


def vjp_name(t, a, b):
    class Triple(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def vjp(ctx, g):
            return g * 3

    return (Triple.apply(a) * b).sum()


def integers_too(t, a, b):
    class Count(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, (x > 0).sum()

        @staticmethod
        def backward(ctx, g, h):
            return g * 2

    y, n = Count.apply(a)
    assert not n.requires_grad
    return (y * n).sum()


PROGRAMS = [
    f
    for f in list(globals().values())
    if callable(f) and getattr(f, "__code__", None) and f.__code__.co_varnames[:3] == ("t", "a", "b")
]


def leaves(t):
    values = (np.arange(12.0).reshape(3, 4) / 7 - 0.5, np.linspace(-1, 1, 12).reshape(3, 4))
    return [t.tensor(v.tolist(), dtype=t.float64, requires_grad=True) for v in values]


def outcome(t, program):
    a, b = leaves(t)
    try:
        out = program(t, a, b)
        out.backward()
    except (RuntimeError, TypeError, NotImplementedError) as error:
        return type(error)
    return [out.item(), *[None if x.grad is None else x.grad.numpy() for x in (a, b)]]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda f: f.__name__)
def test_agrees_with_torch(program):
    ours, theirs = outcome(facula, program), outcome(torch, program)
    if isinstance(theirs, type) or isinstance(ours, type):
        assert ours is theirs
        return
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine is None) == (other is None)
        if other is not None:
            np.testing.assert_allclose(mine, other, rtol=1e-12)


@pytest.mark.parametrize(
    "program", [simple, chained, two_results, saved_output, separate_context, identity], ids=lambda f: f.__name__
)
def test_second_derivative(program):
    results = []
    for t in (facula, torch):
        a, b = leaves(t)
        ga, gb = t.autograd.grad(program(t, a, b), (a, b), create_graph=True)
        loss = (ga * ga).sum() + (gb * a).sum()
        results.append([g.detach().numpy() for g in t.autograd.grad(loss, (a, b), allow_unused=True) if g is not None])
    for mine, other in zip(*results, strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-12)


def once(t, how):
    once_differentiable = t.autograd.function.once_differentiable

    class Cube(t.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            return 3 * ctx.saved_tensors[0] ** 2 * g

    (a, _) = leaves(t)
    (g,) = t.autograd.grad(Cube.apply(a).sum() if how == "one" else (Cube.apply(a) * a).sum(), a, create_graph=True)
    return g, a


def test_once_differentiable():
    for t in (facula, torch):
        g, _ = once(t, "two")
        with pytest.raises(RuntimeError, match="trying to differentiate twice a function that was marked with @once"):
            g.sum().backward()
    ours, theirs = once(facula, "one")[0], once(torch, "one")[0]
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy())


def test_messages():
    a, b = leaves(facula)
    for program, message in [
        (
            fewer_nones_than_needed,
            r"function ScaleBackward returned an incorrect number of gradients \(expected 2, got 1\)",
        ),
        (gradient_for_a_number, "function ScaleBackward returned a gradient different from None at position 2"),
        (
            wrong_shape,
            r"returned an invalid gradient at index 0 - got \[3, 2\] but expected shape compatible with \[3, 4\]",
        ),
        (
            spoiled_saved,
            "Square: kept `a saved tensor` for its gradient, but `add_` has modified it by an inplace operation",
        ),
        (
            spoiled_result,
            "Exp: kept `a saved result` for its gradient, but `add_` has modified it by an inplace operation",
        ),
        (dirty_leaf, "a leaf Variable that requires grad is being used in an in-place operation"),
    ]:
        with pytest.raises(RuntimeError, match=message):
            program(facula, a, b).backward()
    with pytest.raises(TypeError, match="save_for_backward can only save variables, but argument 0 is of type int"):
        save_a_number(facula, a, b)
    with pytest.raises(NotImplementedError, match="You must implement either the backward or vjp method"):
        no_backward(facula, a, b).backward()
    with pytest.raises(NotImplementedError, match="You must implement the forward function"):
        no_forward(facula, a, b)
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward method is deprecated"):
        square(facula)()


def test_backward_twice():
    a, _ = leaves(facula)
    y = square(facula).apply(a).sum()
    y.backward(retain_graph=True)
    y.backward()
    np.testing.assert_allclose(a.grad.numpy(), 4 * a.detach().numpy())
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_what_is_kept_dies_with_the_result():
    import gc
    import weakref

    a, b = leaves(facula)
    y = saved_output(facula, a, b)
    node = weakref.ref(y.grad_fn)
    gc.disable()
    try:
        del y
        assert node() is None
    finally:
        gc.enable()


def test_saved_tensors_outside():
    held = []

    class Leak(facula.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            held.append(ctx)
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    Leak.apply(leaves(facula)[0])
    with pytest.raises(RuntimeError, match="saved_tensors: expected to be asked for during backward"):
        held[0].saved_tensors
