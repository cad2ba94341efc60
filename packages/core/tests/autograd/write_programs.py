"""Programs of in-place writes by masks, indices, operators and copies; `t` is the library, `a` and `b` are (3, 4) leaves."""

PROGRAMS = []


def program(f):
    PROGRAMS.append(f)
    return f


def square(x):
    return (x * x).sum()


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


@program
def transposed_in_place_after_a_view(t, a, b):
    x = a * 1
    v = x[0]
    x.transpose_(0, 1)
    v.mul_(3.0)
    x.mul_(b.t())
    return square(x) + v.sum()


@program
def reshaped_in_place_twice(t, a, b):
    x = a * 1
    x.t_().unsqueeze_(0)
    x.add_(b.t())
    x.squeeze_(0).t_()
    return (x * b).sum() * (x._base is None) * (not x._is_view())


@program
def leaf_transposed_without_grad_mode(t, a, b):
    x = a.detach().clone().requires_grad_()
    with t.no_grad():
        x.t_()
    return (x * b.t()).sum() * x.is_leaf


@program
def view_written_once_its_root_is_a_leaf(t, a, b):
    x = (a * 1).detach()
    v = x[0]
    x.requires_grad_()
    v.mul_(2.0)
    return square(x)


@program
def integers_take_no_gradient(t, a, b):
    x = t.zeros(3, 4, dtype=t.int64)
    x.copy_(a * 3)
    return (a * x).sum() * (not x.requires_grad)


@program
def retained_before_the_write(t, a, b):
    x = a * 1
    v = x[0]
    x.retain_grad()
    v.retain_grad()
    x.mul_(b)
    y = square(x) + v.sum()
    y.backward(retain_graph=True)
    return y * x.grad.detach().sum() * (v.grad is None or v.grad.detach().sum())


@program
def one_of_several_results_spoiled(t, a, b):
    s = t.linalg.svd(a, full_matrices=False)[1]
    s.mul_(2.0)
    return s.sum()


@program
def values_of_a_choice_written(t, a, b):
    values, _ = (a * b).max(0)
    values.mul_(2.0)
    best, _ = a.topk(2, 1)
    best[0] = 1.0
    return square(values) + square(best)


@program
def pieces_that_may_be_written(t, a, b):
    p, _ = t.unsafe_split(a * 1, 2, 1)
    p.mul_(b[:, :2])
    q, _ = t.unsafe_chunk(a * 1, 2, 1)
    q.mul_(2.0)
    return square(p) + square(q)
