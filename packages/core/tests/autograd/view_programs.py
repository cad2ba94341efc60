"""Programs of views, and of what spoils a kept tensor; `t` is the library, `a` and `b` are (3, 4) leaves."""

PROGRAMS = []


def program(f):
    PROGRAMS.append(f)
    return f


def square(x):
    return (x * x).sum()


@program
def write_row(t, a, b):
    x = a * 1
    x[0] = b[1]
    return square(x)


@program
def write_column(t, a, b):
    x = a * 1
    x[:, 1] = b[:, 2]
    return square(x)


@program
def write_step_slice(t, a, b):
    x = a * 1
    x[::2, 1::2] = b[::2, :2]
    return square(x)


@program
def write_broadcast(t, a, b):
    x = a * 1
    x[1:] = b[0]
    return square(x)


@program
def write_number(t, a, b):
    x = a * b
    x[1, 2:] = 3.0
    return square(x)


@program
def write_view_mul(t, a, b):
    x = a * 2
    v = x[1]
    v.mul_(b[0])
    return square(x)


@program
def split_then_write(t, a, b):
    x = a * 1
    p, q = x.split(2, 1)
    p.mul_(q)
    return square(x) + (q * b[:, :2]).sum()


@program
def split_write_twice(t, a, b):
    x = a * 1
    p, q = x.split([1, 3], 1)
    p.add_(1.0)
    q.mul_(2.0)
    return (p * x * b).sum()


@program
def chunk_write_then_read(t, a, b):
    x = a * 1
    parts = x.chunk(2, 1)
    parts[1].mul_(b[:, :2])
    return (parts[0] * parts[1]).sum() + square(x)


@program
def unbind_write_one(t, a, b):
    x = a * 1
    rows = x.unbind(0)
    rows[0].add_(b[0])
    return square(x) + (rows[1] * rows[0]).sum()


@program
def unbind_write_two(t, a, b):
    x = a * 1
    rows = x.unbind(1)
    rows[0].mul_(3.0)
    rows[2].copy_(b[:, 0])
    return square(x)


@program
def iterate_rows(t, a, b):
    x = a * 1
    for i in range(3):
        x[i] *= b[i]
    return square(x)


@program
def narrow_write(t, a, b):
    x = a * 1
    x.narrow(1, 1, 2).copy_(b.narrow(1, 0, 2))
    return square(x)


@program
def permute_write(t, a, b):
    x = a * 1
    x.permute(1, 0)[2].add_(b[:, 0])
    return (x * b).sum()


@program
def transpose_of_transpose(t, a, b):
    x = a * 1
    v = x.t().transpose(0, 1)
    v.mul_(b)
    return square(x)


@program
def squeeze_unsqueeze(t, a, b):
    x = a * 1
    v = x.unsqueeze(0).squeeze(0)
    v.mul_(b)
    return square(x) + v.sum()


@program
def unsqueeze_write(t, a, b):
    x = a * 1
    x.unsqueeze(1)[:, 0, 1] = b[:, 3]
    return square(x)


@program
def diagonal_write(t, a, b):
    x = a * 1
    x.diagonal().mul_(b[:, 0])
    return square(x)


@program
def diagonal_read_after_write(t, a, b):
    x = a * 1
    d = x.diagonal()
    x.mul_(b)
    return square(d)


@program
def view_of_view_of_view(t, a, b):
    x = a * 2
    v = x.view(4, 3)
    w = v.transpose(0, 1)[1]
    w.add_(b.view(3, 4)[0])
    return (x * v.view(3, 4)).sum()


@program
def expand_then_write_source(t, a, b):
    x = a[:, 0:1] * 1
    v = x.expand(3, 4)
    x.mul_(2.0)
    return (v * b).sum()


@program
def write_into_expanded(t, a, b):
    x = a[:, 0:1] * 1
    x.expand(3, 4).mul_(2.0)
    return x.sum()


@program
def expand_write_part(t, a, b):
    x = a[0:1] * 1
    x.expand(1, 4)[0, 1:].mul_(b[0, 1:])
    return square(x)


@program
def write_root_read_two_views(t, a, b):
    x = a * 1
    v, w = x[0], x[:, 0]
    x.mul_(b)
    return (v.sum() * w).sum()


@program
def write_view_read_overlapping(t, a, b):
    x = a * 1
    v, w = x[0:2], x[1:3]
    v.mul_(3.0)
    return (w * b[1:]).sum() + square(v)


@program
def writes_alternate(t, a, b):
    x = a * 1
    v = x[0]
    x.mul_(2.0)
    v.add_(b[0])
    x.tanh_()
    v.mul_(3.0)
    return (v * x[1]).sum()


@program
def stale_view_written(t, a, b):
    x = a * 1
    v = x[1]
    x.add_(b)
    v.mul_(2.0)
    return square(x)


@program
def stale_view_of_view_written(t, a, b):
    x = a * 1
    v = x[1:]
    w = v[:, 1]
    v.mul_(b[1:])
    w.add_(1.0)
    x.sub_(0.5)
    return square(x) + (w * v[:, 0]).sum()


@program
def no_grad_view(t, a, b):
    x = a * 1
    with t.no_grad():
        v = x[0]
    return (v * 2).sum() + square(x)


@program
def no_grad_view_then_root_write(t, a, b):
    x = a * 1
    with t.no_grad():
        x[0].mul_(2.0)
    return square(x)


@program
def no_grad_write_spoils(t, a, b):
    x = a * 1
    y = x * b
    with t.no_grad():
        x.add_(1.0)
    return y.sum()


@program
def no_grad_write_leaf(t, a, b):
    with t.no_grad():
        a.mul_(2.0)
    return square(a)


@program
def no_grad_write_leaf_view(t, a, b):
    with t.no_grad():
        a[0].zero_()
    return square(a)


@program
def detach_then_write(t, a, b):
    x = a * 1
    d = x.detach()
    d.mul_(2.0)
    return x.sum()


@program
def detach_write_spoils(t, a, b):
    x = a * 1
    y = x * x
    x.detach().mul_(2.0)
    return y.sum()


@program
def detach_of_view_write_spoils(t, a, b):
    x = a * 1
    y = x * b
    x[0].detach().zero_()
    return y.sum()


@program
def data_write_is_unseen(t, a, b):
    x = a * 1
    y = x * b
    x.data.mul_(2.0)
    return y.sum()


@program
def detached_view_written_is_constant(t, a, b):
    x = a * 1
    v = x.detach()[0]
    v.add_(b[0].detach())
    return square(x)


@program
def write_needing_grad_into_detached(t, a, b):
    x = (a * 1).detach()
    x[0] = b[0]
    return square(x)


@program
def constant_becomes_differentiable(t, a, b):
    x = t.zeros(3, 4, dtype=t.float64)
    x[0] = a[0]
    x[1:] += b[1:]
    return square(x)


@program
def constant_view_becomes_differentiable(t, a, b):
    x = t.zeros(3, 4, dtype=t.float64)
    v = x[0]
    x.copy_(b)
    return square(v)


@program
def constant_view_written(t, a, b):
    x = t.zeros(3, 4, dtype=t.float64)
    v = x.view(12)
    v[3:7] = a[0]
    return (x * b).sum()


@program
def chain(t, a, b):
    x = a * 1
    x.add_(b).mul_(2.0).sub_(0.5).tanh_()
    return x.sum()


@program
def chain_with_kept_results(t, a, b):
    x = (a * 1).exp_().sin_().sigmoid_()
    return (x * b).sum()


@program
def kept_result_written_late(t, a, b):
    x = a.exp()
    x.sin_()
    return x.sum()


@program
def kept_result_spoiled(t, a, b):
    y = a.sigmoid()
    y.mul_(2.0)
    return y.sum()


@program
def kept_result_spoiled_through_view(t, a, b):
    y = a.tanh()
    y[0].add_(1.0)
    return y.sum()


@program
def kept_result_not_needed(t, a, b):
    y = a + b
    y.mul_(2.0)
    return square(y)


@program
def kept_input_of_mul_spoiled(t, a, b):
    x = a * 1
    y = x * b
    x.zero_()
    return y.sum()


@program
def kept_input_spoiled_by_view(t, a, b):
    x = a * 1
    y = x * b
    x[0, 0] = 1.0
    return y.sum()


@program
def kept_view_spoiled_by_root(t, a, b):
    x = a * 1
    y = x[0] * b[0]
    x.add_(1.0)
    return y.sum()


@program
def kept_view_not_touched_but_counted(t, a, b):
    x = a * 1
    y = x[0] * b[0]
    x[1].add_(1.0)
    return y.sum()


@program
def kept_pow_spoiled(t, a, b):
    x = a * 1
    y = x**3
    x.mul_(2.0)
    return y.sum()


@program
def kept_matmul_spoiled(t, a, b):
    x = a * 1
    y = x @ b.t()
    x.t_() if False else x.add_(1.0)
    return y.sum()


@program
def matmul_other_side_free(t, a, b):
    x = a.detach() * 1
    y = x + a
    x.add_(1.0)
    return (y * b).sum()


@program
def leaf_write(t, a, b):
    a.add_(1.0)
    return a.sum()


@program
def leaf_setitem(t, a, b):
    a[0] = 1.0
    return a.sum()


@program
def leaf_view_write(t, a, b):
    a[0].mul_(2.0)
    return a.sum()


@program
def leaf_view_of_view_write(t, a, b):
    a.t()[0].mul_(2.0)
    return a.sum()


@program
def leaf_copy(t, a, b):
    a.copy_(b)
    return a.sum()


@program
def leaf_augmented(t, a, b):
    a += b
    return a.sum()


@program
def in_place_shape_grows(t, a, b):
    x = a[0:1] * 1
    x.add_(b)
    return x.sum()


@program
def in_place_broadcasts_other(t, a, b):
    x = a * 1
    x.mul_(b[0])
    x.add_(b[:, 0:1])
    return square(x)


@program
def self_multiplication(t, a, b):
    x = a * 1
    x.mul_(x)
    return (x * b).sum()


@program
def add_own_view(t, a, b):
    x = a * 1
    x.add_(x[0])
    return square(x)


@program
def add_own_transpose(t, a, b):
    x = (a * 1)[:, :3] * 1
    x.add_(x.t())
    return square(x)


@program
def setitem_own_rows(t, a, b):
    x = a * 1
    x[0] = x[1]
    x[1] = x[0] * x[2]
    return square(x)
