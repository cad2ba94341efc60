"""Mistakes with gradients. The docstring is the message; `t` is the library, `right` follows its advice."""


def backward_of_many(t, right):
    """RuntimeError: backward: grad can be implicitly created only for scalar outputs, got shape (2, 3). Reduce it
    first, e.g. with .sum().
    """
    w = t.ones(2, 3, requires_grad=True)
    loss = w * 2
    (loss.sum() if right else loss).backward()


def backward_of_a_constant(t, right):
    """RuntimeError: backward: element 0 of tensors does not require grad and does not have a grad_fn. Compute it from
    tensors that require grad, outside of no_grad().
    """
    w = t.ones(3, requires_grad=right)
    loss = (w * 2).sum()
    loss.backward()


def backward_after_no_grad(t, right):
    """RuntimeError: backward: element 0 of tensors does not require grad and does not have a grad_fn. Compute it from
    tensors that require grad, outside of no_grad().
    """
    w = t.ones(3, requires_grad=True)
    with t.set_grad_enabled(right):
        loss = (w * 2).sum()
    loss.backward()


def backward_twice(t, right):
    """RuntimeError: mul: Trying to backward through the graph a second time, but what it kept has been freed. Pass
    retain_graph=True the first time.
    with self () float32
    """
    w = t.ones(3, requires_grad=True)
    loss = (w * w).sum()
    loss.backward(retain_graph=right)
    loss.backward()


def gradient_of_another_shape(t, right):
    """RuntimeError: backward: Mismatch in shape: expected a gradient of shape (2, 3), got (3,). Give one number per
    output element.
    """
    w = t.ones(2, 3, requires_grad=True)
    (w * 2).backward(t.ones(2, 3) if right else t.ones(3))


def gradient_that_is_a_number(t, right):
    """TypeError: backward: gradients can be either Tensors or None, but got float. Convert it with facula.as_tensor()."""
    w = t.ones((), requires_grad=True)
    (w * 2).backward(t.tensor(1.0) if right else 1.0)


def write_into_a_leaf(t, right):
    """RuntimeError: sub_: a leaf Variable that requires grad is being used in an in-place operation. Write within
    no_grad().
    with target (3,) float32
    """
    w = t.ones(3, requires_grad=True)
    with t.set_grad_enabled(not right):
        w.sub_(0.1)


def write_into_a_row_of_a_leaf(t, right):
    """RuntimeError: __setitem__: a view of a leaf Variable that requires grad is being used in an in-place operation.
    Write within no_grad().
    with self (2, 3) float32, value () float32
    """
    w = t.ones(2, 3, requires_grad=True)
    with t.set_grad_enabled(not right):
        w[0] = 0.0


def write_into_what_backward_needs(t, right):
    """RuntimeError: exp: kept `out` for its gradient, but `add_` has modified it by an inplace operation since
    (version 1, expected 0). Write into a copy of this (3,) tensor.
    with self () float32
    """
    w = t.ones(3, requires_grad=True)
    y = w.exp()
    z = y.clone() if right else y
    z += 1
    (y + z).sum().backward()


def optimizer_step_before_backward(t, right):
    """RuntimeError: matmul: kept `other` for its gradient, but `SGD.step` has modified it by an inplace operation
    since (version 1, expected 0). Call backward() before that.
    """
    w, v = t.ones(2, 2, requires_grad=True), t.ones(2, 2, requires_grad=True)
    optimizer = t.optim.SGD([w, v], lr=0.1)
    w.grad, v.grad = t.ones(2, 2), t.ones(2, 2)
    loss = (t.ones(2, 2) @ w @ v).sum()
    if not right:
        optimizer.step()
    loss.backward()


def integers_that_want_gradients(t, right):
    """RuntimeError: ones: requires_grad: only Tensors of floating point and complex dtype can require gradients, got
    facula.int64. Convert it with .float() first.
    with self (3,) int64
    """
    return t.ones(3, dtype=t.float32 if right else t.int64, requires_grad=True)


def parameter_of_integers(t, right):
    """RuntimeError: requires_grad: only Tensors of floating point and complex dtype can require gradients, got
    facula.int64. Convert it with .float() first.
    with data (3,) int64
    """
    a = t.ones(3, dtype=t.int64)
    return t.nn.Parameter(a, requires_grad=not right)


def grad_of_what_was_not_used(t, right):
    """RuntimeError: grad: One of the differentiated Tensors appears to not have been used in the graph. Set
    allow_unused=True if this is the desired behavior.
    with outputs () float32, inputs (3,) float32
    """
    w, v = t.ones(3, requires_grad=True), t.ones(3, requires_grad=True)
    return t.autograd.grad(w.sum(), v, allow_unused=right)


def grad_of_a_constant_input(t, right):
    """RuntimeError: grad: One of the differentiated Tensors does not require grad. Call requires_grad_() on it before
    the forward.
    with outputs () float32, inputs (3,) float32
    """
    w, x = t.ones(3, requires_grad=True), t.ones(3, requires_grad=right)
    return t.autograd.grad((w * x).sum(), x)


def second_derivative_without_a_graph(t, right):
    """RuntimeError: grad: element 0 of tensors does not require grad and does not have a grad_fn. Compute it from
    tensors that require grad, with create_graph=True if it is a gradient.
    with outputs () float32, inputs (3,) float32
    """
    w = t.ones(3, requires_grad=True)
    (g,) = t.autograd.grad((w**3).sum(), w, create_graph=right)
    return t.autograd.grad(g.sum(), w)


def copy_of_what_was_computed(t, right):
    """RuntimeError: deepcopy: only Tensors created explicitly by the user (graph leaves) can be copied deeply. Use
    .detach().clone().
    with self (3,) float32
    """
    import copy

    w = t.ones(3, requires_grad=True)
    y = w * 2
    return copy.deepcopy(y.detach() if right else y)


def requires_grad_of_what_was_computed(t, right):
    """RuntimeError: requires_grad: you can only change requires_grad flags of leaf variables, got a computed tensor.
    Use .detach() instead.
    with self (3,) float32
    """
    w = t.ones(3, requires_grad=True)
    y = w * 2
    return y.detach() if right else y.requires_grad_(False)


def a_hook_on_a_constant(t, right):
    """RuntimeError: register_hook: cannot register a hook on a tensor that doesn't require gradient. Call
    requires_grad_() first.
    with self (3,) float32
    """
    x = t.ones(3, requires_grad=right)
    x.register_hook(lambda g: g * 2)


def retain_grad_of_a_constant(t, right):
    """RuntimeError: retain_grad: can't retain_grad on Tensor that has requires_grad=False. Call requires_grad_() on an
    input.
    with self (3,) float32
    """
    x = t.ones(3, requires_grad=right)
    x.retain_grad()


def out_where_gradients_are_wanted(t, right):
    """RuntimeError: mul: out=... arguments don't support automatic differentiation, but one of the arguments requires
    grad. Leave out= away.
    with input (3,) float32, out (3,) float32
    """
    w = t.ones(3, requires_grad=True)
    return t.mul(w, 2) if right else t.mul(w, 2, out=t.zeros(3))


def function_that_returns_too_few_gradients(t, right):
    """RuntimeError: backward: function ProductBackward returned an incorrect number of gradients (expected 2, got 1).
    Return one for each argument of forward, None where there is none.
    with self () float32
    """

    class Product(t.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            return (g * b, g * a) if right else g * b

    w = t.ones(3, requires_grad=True)
    Product.apply(w, w).sum().backward()


def function_called_instead_of_applied(t, right):
    """RuntimeError: Double: Legacy autograd function with non-static forward method is deprecated, expected apply(),
    got a call of the class. Write Double.apply(...).
    """

    class Double(t.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    w = t.ones(3, requires_grad=True)
    return Double.apply(w) if right else Double()(w)


def function_that_gives_a_gradient_of_another_shape(t, right):
    """RuntimeError: backward: Function TotalBackward returned an invalid gradient at index 0 - got [4, 3] but expected
    shape compatible with [2, 3]. Return a gradient of the input's shape.
    with self () float32
    """

    class Total(t.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a.sum(0)

        @staticmethod
        def backward(ctx, g):
            return g.expand(2, 3) if right else t.ones(4, 3)

    w = t.ones(2, 3, requires_grad=True)
    Total.apply(w).sum().backward()


def jacobian_of_a_function_that_returns_a_number(t, right):
    """TypeError: jacobian: The outputs of the user-provided function given to jacobian must be either a Tensor or a
    tuple of Tensors. The value has type <class 'float'>. Wrap it with facula.as_tensor().
    with inputs (3,) float32
    """
    w = t.ones(3)
    return t.autograd.functional.jacobian(lambda x: (x * 2).sum() if right else 2.0, w)


def per_sample_values_read_in_vmap(t, right):
    """RuntimeError: vmap: It looks like you're calling .item() on a Tensor. We don't support vmap over calling .item()
    on a Tensor, since each lane has a number of its own. Use facula.where instead of if.
    """
    x = t.ones(4, 3)
    return t.func.vmap(lambda row: row.sum() * 2 if right else row.sum().item() * 2)(x)


def vmap_over_unlike_batches(t, right):
    """ValueError: vmap: Expected all tensors to have the same size in the mapped dimension, got sizes [4, 5] for the
    mapped dimension. Give all one size there.
    with leaves [(4, 3) float32, (5, 3) float32]
    """
    a, b = t.ones(4, 3), t.ones(4 if right else 5, 3)
    return t.func.vmap(lambda x, y: x + y)(a, b)


def func_grad_of_many(t, right):
    """RuntimeError: wrapped: grad_and_value(f)(*args): Expected f(*args) to return a scalar tensor, got tensor with 1
    dims. Reduce it in f, e.g. with .sum().
    with args [(3,) float32]
    """
    w = t.ones(3)
    return t.func.grad(lambda x: (x * x).sum() if right else x * x)(w)
