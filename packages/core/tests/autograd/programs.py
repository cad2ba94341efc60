"""Programs of views and in-place writes; `t` is the library, `a` and `b` are (3, 4) leaves."""

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


@program
def setitem_mask_number(t, a, b):
    x = a * b
    x[x > 0] = 2.0
    return square(x)


@program
def setitem_mask_tensor(t, a, b):
    x = a * 1
    mask = t.tensor([[True, False, True, False]] * 3)
    x[mask] = b[:, 1:3].reshape(-1)
    return square(x)


@program
def setitem_index(t, a, b):
    x = a * 1
    x[t.tensor([2, 0])] = b[:2]
    return square(x)


@program
def setitem_index_pair(t, a, b):
    x = a * 1
    x[t.tensor([2, 0]), t.tensor([1, 3])] = b[0, :2]
    return square(x)


@program
def setitem_index_and_slice(t, a, b):
    x = a * 1
    x[1:, t.tensor([0, 2])] = b[1:, 2:]
    return square(x)


@program
def setitem_augmented_index(t, a, b):
    x = a * 1
    x[t.tensor([0, 2])] += b[1]
    return square(x)


@program
def setitem_row_mask(t, a, b):
    x = a * 1
    x[t.tensor([True, False, True])] *= b[:2]
    return square(x)


@program
def setitem_ellipsis(t, a, b):
    x = a * 1
    x[..., -1] = b[..., 0]
    x[None, 0] = b[1]
    return square(x)


@program
def setitem_through_view(t, a, b):
    x = a * 1
    v = x.t()
    v[1:3] = b.t()[:2]
    return square(x) + v[0].sum()


@program
def index_put_accumulates(t, a, b):
    x = a * 1
    x.index_put_((t.tensor([0, 0, 1]),), b, accumulate=True)
    return square(x)


@program
def masked_fill_in_place(t, a, b):
    x = a * b
    x.masked_fill_(b > 0, 0.5)
    return square(x)


@program
def masked_fill_view(t, a, b):
    x = a * b
    x[1:].masked_fill_(b[1:] > 0, 0.5)
    return square(x)


@program
def read_after_mask_write(t, a, b):
    x = a * 1
    v = x[1]
    x[a > 0] = 0.0
    return (v * b[1]).sum()


@program
def overwritten_completely(t, a, b):
    x = a * 1
    x.copy_(b)
    return square(x)


@program
def overwritten_by_view_pieces(t, a, b):
    x = a * 1
    x[:2] = b[:2]
    x[2:] = b[2:]
    return square(x)


@program
def zeroed(t, a, b):
    x = a * 1
    x.zero_()
    x.add_(b)
    return square(x)


@program
def filled(t, a, b):
    x = a * 1
    x[0].fill_(2.0)
    return square(x)


@program
def used_between_writes(t, a, b):
    x = a * 1
    s = x.sum()
    x[0] = b[0]
    u = x.sum()
    x[1] = b[1]
    return s * u * x.sum()


@program
def diamond(t, a, b):
    x = a * b
    y = x.clone()
    y[1:].mul_(x[1:])
    return (x * y).sum()


@program
def reshape_shares_memory(t, a, b):
    x = a * 1
    x.reshape(12)[:4].mul_(b[0])
    return square(x)


@program
def reshape_copies(t, a, b):
    x = a * 1
    x.t().reshape(12)[:4].mul_(2.0)
    return square(x)


@program
def flatten_and_write(t, a, b):
    x = a * 1
    x.flatten().add_(b.flatten())
    return square(x)


@program
def contiguous_shares(t, a, b):
    x = a * 1
    x.contiguous().mul_(2.0)
    return square(x)


@program
def contiguous_copies(t, a, b):
    x = a * 1
    x.t().contiguous().mul_(2.0)
    return square(x)


@program
def clone_protects(t, a, b):
    x = a * 1
    y = x.clone() * b
    x.zero_()
    return y.sum()


@program
def accumulate_rows(t, a, b):
    x = a * 0
    for i in range(3):
        x[0] += b[i] * a[i]
    x[2] += x[0]
    return square(x)


@program
def recurrence(t, a, b):
    h = t.zeros(4, 4, dtype=t.float64)
    h[0] = a[0]
    for i in range(3):
        h[i + 1] = (h[i].clone() * b[i]).tanh()
    return square(h)


@program
def recurrence_without_clone(t, a, b):
    h = t.zeros(4, 4, dtype=t.float64)
    h[0] = a[0]
    for i in range(3):
        h[i + 1] = h[i] * b[i]
    return square(h)


@program
def augmented_operators(t, a, b):
    x = a * 1
    x += b
    x *= b
    x -= a
    x /= 2.0
    x **= 2
    return x.sum()


@program
def augmented_on_view(t, a, b):
    x = a * 1
    x[:, 1:3] *= b[:, :2]
    x[0] -= x[1]
    x[:, 0] /= 2.0
    return square(x)


@program
def clamp_in_place(t, a, b):
    x = a * 3
    x.clamp_(-0.5, 0.5)
    return (x * b).sum()


@program
def relu_in_place(t, a, b):
    x = a * b
    y = x.relu_()
    return (y * x).sum()


@program
def retained_after_write(t, a, b):
    x = a * 1
    x.retain_grad()
    y = x * 2
    y.sum().backward(retain_graph=True)
    return (y * b).sum()


@program
def twice_without_retain(t, a, b):
    y = (a * b).sum()
    y.backward()
    return y * 1


@program
def twice_with_retain(t, a, b):
    y = (a * b).sum()
    y.backward(retain_graph=True)
    return y


@program
def twice_where_nothing_was_kept(t, a, b):
    y = (a + b).sum()
    y.backward()
    return y


@program
def integers_written_by_floats(t, a, b):
    x = t.zeros(3, 4, dtype=t.int64)
    x.add_(1.5)
    return a.sum()


@program
def floats_of_other_type(t, a, b):
    x = (a * 1).float()
    x[0] = b[0]
    x.add_(1)
    return square(x).double()


@program
def copy_from_other_type(t, a, b):
    x = t.zeros(3, 4)
    x.copy_(a * b)
    return square(x).double()


@program
def where_protects(t, a, b):
    x = a * 1
    y = t.where(b > 0, x, b)
    x.mul_(2.0)
    return (y * x).sum()


@program
def cat_protects(t, a, b):
    x = a * 1
    y = t.cat([x, b])
    x.mul_(2.0)
    return square(y) + x.sum()


@program
def stack_of_views(t, a, b):
    x = a * 1
    y = t.stack(list(x.unbind(1)))
    x[0].mul_(b[0])
    return square(y) + square(x)


@program
def view_as_write(t, a, b):
    x = a * 1
    x.view_as(x).mul_(b)
    return square(x)


@program
def select_write(t, a, b):
    x = a * 1
    x.select(1, 2).copy_(b[:, 0])
    return square(x)


@program
def movedim_write(t, a, b):
    x = (a * 1).view(1, 3, 4)
    x.movedim(2, 0)[0].add_(b[:, 0])
    return square(x)


@program
def unflatten_write(t, a, b):
    x = a * 1
    x.unflatten(1, (2, 2))[:, 0, 1] = b[:, 0]
    return square(x)


@program
def requires_grad_on_view(t, a, b):
    x = t.zeros(3, 4, dtype=t.float64)
    x.requires_grad_()
    y = x[0] * a[0]
    y.add_(b[0])
    return square(y)


@program
def swap_by_views(t, a, b):
    x = a * 1
    first = x[0].clone()
    x[0] = x[1]
    x[1] = first
    return (x * b).sum()


@program
def backward_hook_sees_written(t, a, b):
    x = a * 1
    x.register_hook(lambda g: g * 2)
    y = x * b
    return y.sum()


@program
def hook_then_write(t, a, b):
    x = a * 1
    x.register_hook(lambda g: g * 3)
    x.mul_(b)
    return x.sum()


@program
def write_then_hook(t, a, b):
    x = a * 1
    x.mul_(b)
    x.register_hook(lambda g: g * 3)
    return (x * 2).sum()


@program
def complex_view_write(t, a, b):
    x = t.complex(a, b)
    x[0] = x[1] * 2
    return (x * x.conj()).real.sum()


@program
def out_of_place_of_view(t, a, b):
    x = a * 1
    v = x[0]
    w = v + 1
    v.mul_(2.0)
    return (w * v).sum() + square(x)


@program
def version_counts(t, a, b):
    x = a * 1
    v = x[0]
    versions = [x._version, v._version]
    x.add_(1.0)
    versions += [x._version, v._version]
    v.mul_(2.0)
    versions += [x._version, x.detach()._version, x.clone()._version]
    x[1] = 0.0
    versions += [x._version]
    return (x * t.tensor(versions[:4], dtype=t.float64)).sum() * sum(versions)


@program
def base_and_leaf_facts(t, a, b):
    x = a * 1
    v = x[0][1:]
    facts = [v._base is x, v._is_view(), x._is_view(), x.is_leaf, a.is_leaf, a[0].is_leaf, a.detach()[0].is_leaf]
    return (a * sum(2**i * f for i, f in enumerate(facts))).sum()
