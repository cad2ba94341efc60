"""Random tensors: rand, randn, randint, bernoulli, multinomial, normal, ... and the in-place samplers of `Tensor`.

Every draw comes from a `Generator`; float32 is drawn as float32. On the meta device only shapes are made.
"""

from __future__ import annotations

import math

import numpy as np

from facula import dtypes
from facula.autograd.op import op, sample
from facula.autograd.state import drawn, state
from facula.devices import base as devices
from facula.devices.generator import default_generator
from facula.devices.meta import Meta
from facula.errors import not_implemented_error, runtime_error, type_error
from facula.ops.maker import named
from facula.ops.outputs import takes_out
from facula.ops.rules import broadcast_shapes
from facula.ops.shape import size_of
from facula.tensors.inplace import write
from facula.tensors.tensor import Tensor, wrap


def _rng(generator, device):
    return (default_generator(device) if generator is None else generator).rng


def _drawn(name, shape, dtype, device, generator, draw, requires_grad=False):
    """The tensor that `draw(rng, shape)` makes, converted to `dtype` and moved to `device`."""
    if state.interpreters:
        made = drawn(lambda size: _drawn(name, size, dtype, device, generator, draw), tuple(shape))
        if made is not None:
            return made
    to = devices.default() if device is None else devices.device(device)
    if any(n < 0 for n in shape):
        raise runtime_error(
            f"{name}: Trying to create tensor with negative dimension, expected sizes of zero or more, got {list(shape)}. "
            f"Check the sizes."
        )
    if to.type == "meta":
        out = wrap(Meta(shape, dtype))
    else:
        made = np.asarray(draw(_rng(generator, to), tuple(shape)))
        out = wrap(devices.move(made if made.dtype == dtype else made.astype(dtype), to))
    return out.requires_grad_() if requires_grad else out


def _width(dtype):
    """What NumPy draws natively: float64 for float64 (and complex128), else float32."""
    return np.float64 if dtype in (np.float64, np.complex128) else np.float32


def _uniform(dtype):
    """Draws from [0, 1) that stay below 1 when they are rounded to a half type."""
    width = _width(dtype)
    if dtype.kind == "c":
        return lambda rng, shape: rng.random(shape, width) + 1j * rng.random(shape, width)
    if dtypes.is_half(dtype):
        bits = 11 if dtype == np.float16 else 8
        return lambda rng, shape: np.floor(rng.random(shape, width) * 2**bits) / 2**bits
    return lambda rng, shape: rng.random(shape, width)


def _standard_normal(dtype):
    width = _width(dtype)
    if dtype.kind != "c":
        return lambda rng, shape: rng.standard_normal(shape, width)
    half = width(math.sqrt(0.5))
    return lambda rng, shape: (rng.standard_normal(shape, width) + 1j * rng.standard_normal(shape, width)) * half


def _needs_float(name, dtype):
    if not dtypes.is_differentiable(dtype):
        title = {"int64": "Long", "int32": "Int", "bool": "Bool"}.get(dtype.name, dtype.name)
        raise not_implemented_error(
            f"{name}: \"{name}\" not implemented for '{title}', expected a floating-point dtype, got {dtype.name}. Pass dtype=facula.float32."
        )


def _float_factory(name, sampler, doc):
    @takes_out
    def make(
        *size, generator=None, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, **named
    ):
        size = size_of(size or (named.pop("size"),), name)
        if unknown := named.keys() - {"names", "memory_format"}:
            raise type_error(
                f"{name}() got an unexpected keyword argument '{min(unknown)}'. Use dtype=, device=, generator=."
            )
        d = dtypes.default().numpy if dtype is None else dtypes.numpy_of(dtype)
        _needs_float(name, d)
        return _drawn(name, size, d, device, generator, sampler(d), requires_grad)

    named(make, name, __name__)
    make.__doc__ = f"""{doc}   Shape: (*size).

    >>> import facula
    >>> facula.{name}(2, 3).shape
    facula.Size([2, 3])
    """
    return make


rand = _float_factory("rand", _uniform, "Uniform random numbers in [0, 1) with the shape `size`.")
randn = _float_factory("randn", _standard_normal, "Standard normal random numbers with the shape `size`.")


def _float_like(name, sampler, doc):
    def make(
        input,
        *,
        generator=None,
        dtype=None,
        layout=None,
        device=None,
        pin_memory=False,
        requires_grad=False,
        memory_format=None,
    ):
        d = input.array.dtype if dtype is None else dtypes.numpy_of(dtype)
        _needs_float(name, d)
        return _drawn(
            name, input.shape, d, input.device if device is None else device, generator, sampler(d), requires_grad
        )

    named(make, name, __name__)
    make.__doc__ = f"""{doc}   Shape: (*) -> (*).

    >>> import facula
    >>> facula.{name}(facula.ones(2, 3)).shape
    facula.Size([2, 3])
    """
    return make


rand_like = _float_like(
    "rand_like", _uniform, "Uniform random numbers in [0, 1) with the shape, type and device of `input`."
)
randn_like = _float_like(
    "randn_like", _standard_normal, "Standard normal random numbers with the shape, type and device of `input`."
)


def _integers(low, high):
    """Draws from [low, high) as int64."""
    return lambda rng, shape: rng.integers(low, high, shape, dtype=np.int64)


def _bounds(name, low, high):
    low, high = (int(x.item()) if isinstance(x, Tensor) else int(x) for x in (low, high))
    if low >= high:
        raise runtime_error(
            f"{name}: random_ expects 'from' to be less than 'to', but found from={low} >= to={high}. Raise high."
        )
    return low, high


@takes_out
def randint(
    low=0,
    high=None,
    size=None,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """Random integers from `low` (0 if left away) up to and without `high`, with the shape `size`.

    Shape: (*size), int64.

    >>> import facula
    >>> facula.randint(3, 4, (2,))
    tensor([3, 3])
    """
    if size is None:  # randint(high, size)
        if isinstance(high, (tuple, list)):
            low, high, size = 0, low, high
        else:
            raise type_error("randint(): expected a size, got none. Pass it as a tuple, e.g. randint(10, (2, 3)).")
    elif high is None:
        low, high = 0, low
    low, high = _bounds("randint", low, high)
    d = np.dtype(np.int64) if dtype is None else dtypes.numpy_of(dtype)
    return _drawn("randint", size_of((size,), "randint"), d, device, generator, _integers(low, high), requires_grad)


def randint_like(
    input,
    low=0,
    high=None,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
):
    """Random integers from `low` (0 if left away) up to and without `high`, with the shape and type of `input`.

    Shape: (*) -> (*).

    >>> import facula
    >>> facula.randint_like(facula.ones(2, 3), 10).shape
    facula.Size([2, 3])
    """
    if high is None:
        low, high = 0, low
    low, high = _bounds("randint_like", low, high)
    d = input.array.dtype if dtype is None else dtypes.numpy_of(dtype)
    return _drawn(
        "randint_like",
        input.shape,
        d,
        input.device if device is None else device,
        generator,
        _integers(low, high),
        requires_grad,
    )


@takes_out
def randperm(n, *, generator=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """The integers from 0 to n - 1 in random order.   Shape: (n), int64.

    >>> import facula
    >>> facula.randperm(5).sort().values
    tensor([0, 1, 2, 3, 4])
    """
    if n < 0:
        raise runtime_error(f"randperm: n must be non-negative, got {n}. Pass the count of integers to shuffle.")
    d = np.dtype(np.int64) if dtype is None else dtypes.numpy_of(dtype)
    return _drawn("randperm", (n,), d, device, generator, lambda rng, shape: rng.permutation(n), requires_grad)


@op(
    lambda input, drawn: Meta(drawn.shape, drawn.dtype),
    onnx=None,
    half=False,
    samples=[sample((3, 4), (3, 4)), sample((1,), (3,))],
)
def _draw(xp, input, drawn, /):
    """What was drawn with the parameters `input`: on the tape, with a gradient of zero."""
    return drawn.copy()


_draw.vjp(input=lambda g, shapes: g.new_zeros(shapes[0]))


def _no_gradient(input, drawn):
    return _draw(input, drawn) if input.requires_grad else drawn


def _probability(name, p):
    if not 0 <= p <= 1:
        raise runtime_error(f"{name}: {name} expects p to be in [0, 1], but got p={p}. Pass a probability.")


@takes_out
def bernoulli(input, p=None, *, generator=None):
    """1 with the probability that `input` (or `p`) says, else 0, in the type of `input`.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.bernoulli(facula.tensor([0., 1.]))
    tensor([0., 1.])
    """
    d = input.array.dtype
    if p is None:
        _needs_float("bernoulli", d)
        if not input.is_meta:
            host = devices.to_host(input.array).astype(np.float64)
            if host.size and not (host.min() >= 0 and host.max() <= 1):
                raise runtime_error(
                    "bernoulli: Expected p_in >= 0 && p_in <= 1 to be true, got probabilities outside [0, 1]. Clamp them first."
                )
    else:
        host = p
        _probability("bernoulli", p)
    out = _drawn(
        "bernoulli", input.shape, d, input.device, generator, lambda rng, shape: rng.random(shape, np.float32) < host
    )
    return _no_gradient(input, out)


@takes_out
def multinomial(input, num_samples, replacement=False, *, generator=None):
    """Indices drawn from each row of `input`, with probabilities proportional to its elements.

    Shape: input (rows, n) or (n,); result (rows, num_samples) or (num_samples,), int64.

    Without replacement, the largest p / e for exponential e is a draw, and the next largest the next (Efraimidis and
    Spirakis, Weighted random sampling with a reservoir, 2006).

    >>> import facula
    >>> facula.multinomial(facula.tensor([0., 1.]), 3, replacement=True)
    tensor([1, 1, 1])
    """
    _check_multinomial(input, num_samples, replacement)
    shape = (*input.shape[:-1], num_samples)
    if input.is_meta:
        return wrap(Meta(shape, np.int64))
    p = devices.to_host(input.array).astype(np.float64)
    if not (np.isfinite(p).all() and (p >= 0).all()):
        raise runtime_error(
            "multinomial: probability tensor contains either `inf`, `nan` or element < 0, expected weights of zero or more. Clamp them at zero."
        )
    if p.size and not (p.sum(-1) > 0).all():
        raise runtime_error(
            "multinomial: invalid multinomial distribution (sum of probabilities <= 0), expected a positive weight in each row. Check the weights."
        )

    def draw(rng, shape):
        if not replacement:
            keys = np.where(p > 0, p / np.maximum(rng.standard_exponential(p.shape), 1e-300), -1)
            return np.argsort(-keys, axis=-1, kind="stable")[..., :num_samples]
        edges = np.cumsum(p, -1)
        points = rng.random(shape) * edges[..., -1:]
        rows = zip(edges.reshape(-1, p.shape[-1]), points.reshape(-1, num_samples), strict=True)
        found = np.array([np.searchsorted(e, x, side="right") for e, x in rows]).reshape(shape)
        return np.minimum(found, p.shape[-1] - 1)

    return _drawn("multinomial", shape, np.dtype(np.int64), input.device, generator, draw)


def _check_multinomial(input, num_samples, replacement):
    if not dtypes.is_float(input.array.dtype):
        raise runtime_error(
            f"multinomial: multinomial only supports floating-point dtypes for input, got: {input.dtype.name}. Convert it with .float()."
        )
    if input.ndim not in (1, 2):
        raise runtime_error(
            f"multinomial: prob_dist must be 1 or 2 dim, got {input.ndim} dims. Reshape the input to (rows, categories)."
        )
    if num_samples <= 0:
        raise runtime_error(
            f"multinomial: cannot sample n_sample <= 0 samples, got {num_samples}. Ask for at least one."
        )
    if not replacement and num_samples > input.shape[-1]:
        raise runtime_error(
            f"multinomial: cannot sample n_sample > prob_dist.size(-1) samples without replacement, got {num_samples} of "
            f"{input.shape[-1]}. Pass replacement=True."
        )


def _check_std(name, std):
    if std < 0:
        raise runtime_error(f"{name}: normal expects std >= 0.0, but found std {std}. Pass a standard deviation.")


@takes_out
def normal(
    mean=0.0,
    std=1.0,
    size=None,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """Normal random numbers; `mean` and `std` are tensors (one draw per element) or, with `size`, numbers.

    Shape: the common shape of mean and std, or (*size).

    >>> import facula
    >>> facula.normal(facula.tensor([1., 2.]), 0.0)
    tensor([1., 2.])
    """
    tensors = [x for x in (mean, std) if isinstance(x, Tensor)]
    if not tensors:
        if size is None:
            raise type_error(
                "normal(): expected a size with two numbers, got none. Pass e.g. normal(0.0, 1.0, (2, 3))."
            )
        _check_std("normal", std)
        d = dtypes.default().numpy if dtype is None else dtypes.numpy_of(dtype)
        return (
            randn(size, generator=generator, dtype=dtypes.of(d), device=device)
            .mul_(std)
            .add_(mean)
            .requires_grad_(requires_grad)
        )
    if not isinstance(std, Tensor):
        _check_std("normal", std)
    if isinstance(std, Tensor):
        if not std.is_meta and std.array.size and not (std >= 0).all():
            raise runtime_error(
                "normal: normal expects all elements of std >= 0.0, got a negative one. Take its absolute value."
            )
    else:
        _check_std("normal", std)
    first = tensors[0]
    shape = broadcast_shapes(*[t.shape for t in tensors], name="normal")
    d = dtypes.result_type([t.array for t in tensors])
    _needs_float("normal", d)
    noise = _drawn("normal", shape, d, first.device, generator, _standard_normal(d))
    out = noise * (std.detach() if isinstance(std, Tensor) else std) + (
        mean.detach() if isinstance(mean, Tensor) else mean
    )
    for t in tensors:
        out = _no_gradient(t, out)
    return out


def poisson(input, generator=None):
    """Random counts from Poisson distributions with the rates `input`, in its type.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.poisson(facula.tensor([0., 0.]))
    tensor([0., 0.])
    """
    d = input.array.dtype
    _needs_float("poisson", d)
    host = None if input.is_meta else devices.to_host(input.array).astype(np.float64)
    if host is not None and (host < 0).any():
        raise runtime_error(
            "poisson: invalid Poisson rate, expected rate to be non-negative, got a negative one. Clamp it first."
        )
    return _no_gradient(
        input, _drawn("poisson", input.shape, d, input.device, generator, lambda rng, shape: rng.poisson(host, shape))
    )


def binomial(count, prob, generator=None):
    """Random counts of successes in `count` trials that succeed with probability `prob`.

    Shape: (*), (*) that broadcast together -> their common shape.

    >>> import facula
    >>> facula.binomial(facula.tensor([5.]), facula.tensor([1.]))
    tensor([5.])
    """
    d = dtypes.result_type([count.array, prob.array])
    _needs_float("binomial", d)
    shape = broadcast_shapes(count.shape, prob.shape, name="binomial")
    draw = lambda rng, shape: rng.binomial(
        devices.to_host(count.array).astype(np.int64), devices.to_host(prob.array).astype(np.float64), shape
    )
    return _drawn("binomial", shape, d, count.device, generator, draw)


def _fill(target, name, generator, draw, kinds="fc"):
    """Write a draw into a tensor; the tape forgets what was there."""
    d = target.array.dtype
    if kinds == "fc":
        _needs_float(name, d)
    return write(target, _no_gradient(target, _drawn(name, target.shape, d, target.device, generator, draw)), name)


def uniform_(self, from_=0.0, to=1.0, *, generator=None, **named):
    """Fill this tensor with uniform random numbers in [from, to).   Shape: (*) -> (*).

    >>> import facula
    >>> facula.empty(1000).uniform_(2, 3).min() >= 2
    tensor(True)
    """
    from_ = named.pop("from", from_)
    if named:
        raise type_error(f"uniform_() got an unexpected keyword argument '{next(iter(named))}'. Use from_= or to=.")
    if from_ > to:
        raise runtime_error(
            f"uniform_: uniform_ expects to return a [from, to) range, but found from={from_} > to={to}. Exchange the bounds."
        )
    draw = _uniform(self.array.dtype)
    width = _width(self.array.dtype)
    return _fill(self, "uniform_", generator, lambda rng, shape: draw(rng, shape) * width(to - from_) + width(from_))


def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fill this tensor with normal random numbers.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.empty(2, 3).normal_().shape
    facula.Size([2, 3])
    """
    _check_std("normal_", std)
    draw = _standard_normal(self.array.dtype)
    width = _width(self.array.dtype)
    return _fill(self, "normal_", generator, lambda rng, shape: draw(rng, shape) * width(std) + width(mean))


def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """Fill this tensor with exp of normal random numbers.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.empty(1000).log_normal_().min() > 0
    tensor(True)
    """
    if std <= 0:
        raise runtime_error(f"log_normal_: log_normal_ expects std > 0.0, but found std={std}. Pass a positive one.")
    return _fill(self, "log_normal_", generator, lambda rng, shape: np.exp(rng.standard_normal(shape) * std + mean))


def exponential_(self, lambd=1.0, *, generator=None):
    """Fill this tensor with exponential random numbers of rate `lambd`.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.empty(1000).exponential_().min() >= 0
    tensor(True)
    """
    if lambd <= 0:
        raise runtime_error(
            f"exponential_: exponential_ expects lambda > 0.0, but found lambda={lambd}. Pass a positive rate."
        )
    width = _width(self.array.dtype)
    tiny = np.finfo(width).tiny
    return _fill(
        self,
        "exponential_",
        generator,
        lambda rng, shape: np.maximum(rng.standard_exponential(shape, width) / width(lambd), tiny),
    )


def cauchy_(self, median=0.0, sigma=1.0, *, generator=None):
    """Fill this tensor with Cauchy random numbers.   Shape: (*) -> (*)."""
    if sigma <= 0:
        raise runtime_error(f"cauchy_: cauchy_ expects sigma > 0.0, but found sigma={sigma}. Pass a positive one.")
    return _fill(self, "cauchy_", generator, lambda rng, shape: rng.standard_cauchy(shape) * sigma + median)


def geometric_(self, p, *, generator=None):
    """Fill this tensor with the number of trials until the first success, each of probability `p`.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.empty(1000).geometric_(0.5).min()
    tensor(1.)
    """
    if not 0 < p < 1:
        raise runtime_error(
            f"geometric_: geometric_ expects p to be in (0, 1), but got p={p}. Pass a probability between."
        )
    return _fill(self, "geometric_", generator, lambda rng, shape: rng.geometric(p, shape), kinds="any")


def bernoulli_(self, p=0.5, *, generator=None):
    """Fill this tensor with 1 of probability `p` (a number or a tensor), else 0.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.empty(2).bernoulli_(1.)
    tensor([1., 1.])
    """
    if isinstance(p, Tensor):
        chance = p.expand(self.shape).detach()
        return write(
            self,
            bernoulli(chance if dtypes.is_float(chance.array.dtype) else chance.float(), generator=generator),
            "bernoulli_",
        )
    _probability("bernoulli_", p)
    return _fill(self, "bernoulli_", generator, lambda rng, shape: rng.random(shape, np.float32) < p, kinds="any")


def random_(self, from_=None, to=None, *, generator=None, **named):
    """Fill this tensor with integers in [from, to); without bounds, with what its type counts exactly.

    Shape: (*) -> (*).

    >>> import facula
    >>> facula.empty(1000).random_(0, 10).max() < 10
    tensor(True)
    """
    from_ = named.pop("from", from_)
    if to is None and from_ is not None:
        from_, to = 0, from_
    if from_ is None:
        d = self.array.dtype
        mantissa = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}.get(d.name)
        from_, to = (
            0,
            2
            if d.kind == "b"
            else 2**mantissa + 1
            if mantissa
            else int(np.iinfo(d).max)
            if d.itemsize == 8
            else int(np.iinfo(d).max) + 1,
        )
        to = min(to, 2**63 - 1)
    low, high = _bounds("random_", from_, to)
    return _fill(self, "random_", generator, _integers(low, high), kinds="any")
