"""Tables from which view and in-place programs are made: every view x every write x every order of use.

`t` is the library, `a` and `b` are (3, 4) leaves, `x` the tensor that is viewed, `v` its view, `u` values of the view's shape.
"""


def complex_of(t, a):
    return t.complex(a * 1, a.flip(0) * 2)


def square(v):
    return (v * v.conj()).real.sum() if v.is_complex() else (v * v).sum()


def total(v):
    return v.real.sum() + 2 * v.imag.sum() if v.is_complex() else v.sum()


VIEWS = {
    "view": lambda t, x: x.view(4, 3),
    "view_as": lambda t, x: x.view_as(t.ones(2, 6)),
    "reshape": lambda t, x: x.reshape(2, -1),
    "flatten": lambda t, x: x.flatten(),
    "ravel": lambda t, x: x.ravel(),
    "unflatten": lambda t, x: x.unflatten(1, (2, 2)),
    "transpose": lambda t, x: x.transpose(0, 1),
    "swapaxes": lambda t, x: x.swapaxes(1, 0),
    "permute": lambda t, x: x.view(3, 2, 2).permute(2, 0, 1),
    "movedim": lambda t, x: x.view(3, 2, 2).movedim(0, -1),
    "t": lambda t, x: x.t(),
    "T": lambda t, x: x.T,
    "mT": lambda t, x: x.mT,
    "adjoint": lambda t, x: x.adjoint(),
    "select": lambda t, x: x.select(1, 2),
    "narrow": lambda t, x: x.narrow(1, 1, 2),
    "unsqueeze": lambda t, x: x.unsqueeze(1),
    "squeeze": lambda t, x: x.view(3, 1, 4).squeeze(1),
    "squeeze_nothing": lambda t, x: x.squeeze(),
    "expand": lambda t, x: x.expand(2, 3, 4),
    "expand_same": lambda t, x: x.expand(3, 4),
    "broadcast_to": lambda t, x: t.broadcast_to(x, (2, 3, 4)),
    "diagonal": lambda t, x: x.diagonal(),
    "diagonal_off": lambda t, x: x.diagonal(1, 1, 0),
    "as_strided": lambda t, x: x.as_strided((2, 2), (4, 2), 1),
    "unfold": lambda t, x: x.unfold(1, 2, 2),
    "unfold_overlapping": lambda t, x: x.unfold(1, 3, 1),
    "split": lambda t, x: x.split(2, 1)[1],
    "split_sizes": lambda t, x: x.split([1, 3], 1)[1],
    "chunk": lambda t, x: x.chunk(2, 1)[0],
    "tensor_split": lambda t, x: x.tensor_split(2, 1)[1],
    "hsplit": lambda t, x: x.hsplit(2)[0],
    "unbind": lambda t, x: x.unbind(0)[1],
    "iterate": lambda t, x: list(x)[2],
    "detach": lambda t, x: x.detach(),
    "data": lambda t, x: x.data,
    "index_int": lambda t, x: x[1],
    "index_two": lambda t, x: x[1, 2],
    "index_slice": lambda t, x: x[1:],
    "index_steps": lambda t, x: x[::2, 1::2],
    "index_none": lambda t, x: x[None, :, 1],
    "index_ellipsis": lambda t, x: x[..., -1],
    "index_all": lambda t, x: x[:],
    "index_tensor_is_no_view": lambda t, x: x[t.tensor([0, 2])],
    "contiguous": lambda t, x: x.contiguous(),
    "contiguous_copies": lambda t, x: x.t().contiguous(),
    "reshape_copies": lambda t, x: x.t().reshape(12),
    "atleast_3d": lambda t, x: t.atleast_3d(x),
    "view_of_view": lambda t, x: x.t()[1:].unsqueeze(0)[..., ::2],
    "real": lambda t, x: x.real,
    "imag": lambda t, x: x[1:].imag,
    "view_as_real": lambda t, x: t.view_as_real(x),
    "view_as_complex": lambda t, x: t.view_as_complex(x.view(6, 2)),
    "complex_row": lambda t, x: x[1],
}
COMPLEX = {"real", "imag", "view_as_real", "complex_row"}


def mask(t, v):
    return (t.arange(v.numel()) % 2 == 0).view(v.shape)


def setitem(v, key, value):
    v[key] = value


def subtract(v, u):
    v -= u


def multiply(v, u):
    v *= u


def out_of(function):
    def write(t, v, u):
        with t.no_grad():
            function(t, v, u)

    return write


WRITES = {
    "copy_": lambda t, v, u: v.copy_(u),
    "copy_broadcast": lambda t, v, u: v.copy_(u.reshape(-1)[0]),
    "add_": lambda t, v, u: v.add_(u),
    "add_alpha": lambda t, v, u: v.add_(u, alpha=3),
    "sub_number": lambda t, v, u: v.sub_(1.5),
    "mul_": lambda t, v, u: v.mul_(u),
    "mul_number": lambda t, v, u: v.mul_(2),
    "mul_itself": lambda t, v, u: v.mul_(v),
    "div_": lambda t, v, u: v.div_(u + 2),
    "pow_": lambda t, v, u: v.pow_(2),
    "neg_": lambda t, v, u: v.neg_(),
    "isub": lambda t, v, u: subtract(v, u),
    "imul": lambda t, v, u: multiply(v, 3.0),
    "fill_": lambda t, v, u: v.fill_(2.5),
    "fill_tensor": lambda t, v, u: v.fill_((u * u).sum()),
    "zero_": lambda t, v, u: v.zero_(),
    "setitem_all": lambda t, v, u: setitem(v, ..., u),
    "setitem_number": lambda t, v, u: setitem(v, ..., 1),
    "setitem_first": lambda t, v, u: setitem(v, 0, u[0]),
    "setitem_mask": lambda t, v, u: setitem(v, mask(t, v), 0.5),
    "setitem_mask_tensor": lambda t, v, u: setitem(v, mask(t, v), u[mask(t, v)]),
    "setitem_indices": lambda t, v, u: setitem(v, t.tensor([0]), u[:1]),
    "index_put_": lambda t, v, u: v.index_put_((t.tensor([0, 0]),), u[0], accumulate=True),
    "index_fill_": lambda t, v, u: v.index_fill_(0, t.tensor([0]), 4.0),
    "index_copy_": lambda t, v, u: v.index_copy_(0, t.tensor([0]), u[:1]),
    "index_add_": lambda t, v, u: v.index_add_(0, t.tensor([0]), u[:1]),
    "masked_fill_": lambda t, v, u: v.masked_fill_(mask(t, v), -1.0),
    "masked_fill_tensor": lambda t, v, u: v.masked_fill_(mask(t, v), (u * u).sum()),
    "masked_scatter_": lambda t, v, u: v.masked_scatter_(mask(t, v), u),
    "scatter_": lambda t, v, u: v.scatter_(0, t.zeros((1, *v.shape[1:]), dtype=t.int64), u[:1]),
    "scatter_add_": lambda t, v, u: v.scatter_add_(0, t.zeros(v.shape, dtype=t.int64), u),
    "relu_": lambda t, v, u: v.relu_(),
    "tanh_": lambda t, v, u: v.tanh_(),
    "exp_": lambda t, v, u: v.exp_(),
    "clamp_": lambda t, v, u: v.clamp_(-0.3, 0.3),
    "addcmul_": lambda t, v, u: v.addcmul_(u, u, value=2),
    "lerp_": lambda t, v, u: v.lerp_(u, 0.25),
    "cumsum_": lambda t, v, u: v.cumsum_(0),
    "out": lambda t, v, u: t.mul(u.detach(), 2, out=v),
    "out_no_grad": out_of(lambda t, v, u: t.add(u, 1, out=v)),
    "no_grad": out_of(lambda t, v, u: v.mul_(2)),
    "data": lambda t, v, u: v.data.mul_(2),
    "detached": lambda t, v, u: v.detach().copy_(u.detach()),
    "constant": lambda t, v, u: v.add_(u.detach()),
    "shape_grows": lambda t, v, u: v.add_(t.ones((2, *v.shape), dtype=t.float64)),
    "nothing": lambda t, v, u: None,
}

ORDERS = {}


def order(f):
    ORDERS[f.__name__] = f
    return f


def root(t, a, view):
    return complex_of(t, a) if view in COMPLEX else a * 1


def values(t, b, v):
    """Numbers of `b` in the shape and type of a view."""
    n = max(v.numel(), 1)
    u = b.reshape(-1).repeat(-(-n // 12))[:n].view(v.shape)
    return t.complex(u, u * 0.5) if v.is_complex() else u


def facts(*tensors):
    return [
        [r.requires_grad, r.is_leaf, r.grad_fn is not None, r._is_view(), r._version, tuple(r.shape)] for r in tensors
    ]


@order
def written(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    write(t, v, values(t, b, v))
    return square(x) + square(v), facts(x, v)


@order
def written_after_harmless_use(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    w = v + 1
    write(t, v, values(t, b, v))
    return square(x) + square(w), facts(x, v)


@order
def kept_view_spoiled(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    w = v * v
    write(t, v, values(t, b, v))
    return square(x) + total(w), facts(x, v)


@order
def kept_root_spoiled(t, a, b, name, view, write):
    x = root(t, a, name)
    w = x * x
    v = view(t, x)
    write(t, v, values(t, b, v))
    return total(w) + total(v), facts(x, v)


@order
def used_written_used(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    before = total(v) + total(x)
    write(t, v, values(t, b, v))
    return before * total(v) * total(x), facts(x, v)


@order
def root_written_then_view(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    x.mul_(3.0)
    write(t, v, values(t, b, v))
    return square(x) + square(v), facts(x, v)


@order
def view_written_then_root(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    write(t, v, values(t, b, v))
    write(t, x, values(t, b, x))
    return square(x) + square(v), facts(x, v)


@order
def root_written(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    write(t, x, values(t, b, x))
    return square(v) + total(v), facts(x, v)


@order
def sibling_written(t, a, b, name, view, write):
    x = root(t, a, name)
    v, w = view(t, x), view(t, x)
    write(t, v, values(t, b, v))
    return square(w) + square(x), facts(x, w)


@order
def written_twice(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    write(t, v, values(t, b, v))
    x[0].mul_(0.5)
    write(t, v, values(t, b, v))
    return square(v) + square(x), facts(x, v)


@order
def view_of_it_written(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    w = v[..., :1]
    write(t, w, values(t, b, w))
    return square(v) + square(x) + square(w), facts(x, v, w)


@order
def written_then_viewed(t, a, b, name, view, write):
    x = root(t, a, name)
    write(t, x, values(t, b, x))
    v = view(t, x)
    return square(v), facts(x, v)


@order
def leaf(t, a, b, name, view, write):
    v = view(t, a)
    write(t, v, values(t, b, v))
    return square(v) + square(a), facts(a, v)


@order
def leaf_without_grad_mode(t, a, b, name, view, write):
    v = view(t, a)
    with t.no_grad():
        write(t, v, values(t, b, v))
    return square(v) + square(a), facts(a, v)


@order
def without_grad_mode(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    with t.no_grad():
        write(t, v, values(t, b, v))
    return square(v) + square(x), facts(x, v)


@order
def viewed_without_grad_mode(t, a, b, name, view, write):
    x = root(t, a, name)
    with t.no_grad():
        v = view(t, x)
    write(t, v, values(t, b, v))
    return square(v) + square(x), facts(x, v)


@order
def viewed_and_written_without_grad_mode(t, a, b, name, view, write):
    x = root(t, a, name)
    with t.no_grad():
        v = view(t, x)
        write(t, v, values(t, b, v))
    return square(x), facts(x, v)


@order
def constant_root(t, a, b, name, view, write):
    x = root(t, a, name).detach()
    v = view(t, x)
    write(t, v, values(t, b, v))
    return square(v) + square(x) + a.sum(), facts(x, v)


@order
def constant_value(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    write(t, v, values(t, b, v).detach())
    return square(v) + square(x), facts(x, v)


@order
def hooked(t, a, b, name, view, write):
    x = root(t, a, name)
    v = view(t, x)
    x.register_hook(lambda g: g * 2)
    write(t, v, values(t, b, v))
    x.register_hook(lambda g: g * 3)
    return square(v) + square(x), facts(x, v)
