"""Random draws: reproducible, of the right shape and type, and refused where PyTorch refuses them."""

import numpy as np
import pytest

import facula


@pytest.fixture(autouse=True)
def _seed():
    facula.manual_seed(0)


@pytest.mark.parametrize(
    "draw",
    [
        lambda g: facula.rand(4, generator=g),
        lambda g: facula.randn(2, 3, generator=g),
        lambda g: facula.randint(10, (5,), generator=g),
        lambda g: facula.randperm(7, generator=g),
        lambda g: facula.bernoulli(facula.full((9,), 0.5), generator=g),
        lambda g: facula.multinomial(facula.ones(2, 5), 3, generator=g),
        lambda g: facula.normal(facula.zeros(3), 1.0, generator=g),
        lambda g: facula.poisson(facula.full((9,), 4.0), generator=g),
        lambda g: facula.empty(5).cauchy_(generator=g),
        lambda g: facula.empty(5).geometric_(0.3, generator=g),
    ],
)
def test_the_seed_decides(draw):
    g = facula.Generator()
    first, second = draw(g.manual_seed(5)), draw(g.manual_seed(5))
    assert facula.equal(first, second)
    assert not facula.equal(first, draw(g.manual_seed(6)))


def test_a_generator_of_ones_own_leaves_the_default_alone():
    before = facula.get_rng_state()
    facula.rand(3, generator=facula.Generator())
    assert facula.equal(before, facula.get_rng_state())


def test_shapes_types_and_ranges():
    assert facula.rand((2, 3)).shape == (2, 3)
    assert facula.rand(2, 3, dtype=facula.float64).dtype is facula.float64
    half = facula.rand(4000, dtype=facula.bfloat16)
    assert half.dtype is facula.bfloat16
    assert half.float().max() < 1
    assert facula.randn(3, dtype=facula.complex64).imag.abs().max() > 0
    drawn = facula.randint(-2, 3, (1000,))
    assert (drawn.min().item(), drawn.max().item(), drawn.dtype) == (-2, 2, facula.int64)
    assert facula.randint_like(facula.zeros(3), 5).dtype is facula.float32
    assert facula.randperm(6).sort().values.tolist() == [0, 1, 2, 3, 4, 5]
    assert facula.rand(2, requires_grad=True).requires_grad


def test_only_shapes_on_the_meta_device():
    meta = facula.empty(2, 3, device="meta")
    for made in (facula.rand(2, 3, device="meta"), facula.randn_like(meta), meta.normal_(), facula.bernoulli(meta)):
        assert made.is_meta
        assert made.shape == (2, 3)
    assert facula.multinomial(meta, 2).shape == (2, 2)


def test_moments():
    t = facula.empty(40000, dtype=facula.float64)
    assert t.uniform_(2, 4).mean().item() == pytest.approx(3, abs=0.03)
    assert t.normal_(1, 2).std().item() == pytest.approx(2, abs=0.05)
    assert t.exponential_(4).mean().item() == pytest.approx(0.25, abs=0.01)
    assert t.log_normal_(0, 0.5).log().std().item() == pytest.approx(0.5, abs=0.02)
    assert t.geometric_(0.25).mean().item() == pytest.approx(4, abs=0.1)
    assert t.bernoulli_(0.2).mean().item() == pytest.approx(0.2, abs=0.02)
    assert facula.binomial(facula.full((20000,), 10.0), facula.full((20000,), 0.3)).mean().item() == pytest.approx(
        3, abs=0.05
    )


def test_multinomial_follows_the_weights():
    weights = facula.tensor([0.0, 1.0, 3.0])
    drawn = facula.multinomial(weights, 8000, replacement=True)
    assert (drawn == 0).sum().item() == 0
    assert (drawn == 2).float().mean().item() == pytest.approx(0.75, abs=0.03)
    rows = facula.multinomial(facula.ones(50, 4), 4)
    assert all(sorted(row) == [0, 1, 2, 3] for row in rows.tolist())


def test_random_fills_the_range_of_the_type():
    assert facula.empty(4000, dtype=facula.int8).random_().max().item() == 127
    assert set(facula.empty(100, dtype=facula.bool).random_().tolist()) == {True, False}
    assert facula.empty(100).random_(2, 4).unique().tolist() == [2.0, 3.0]


def test_writes_are_seen_by_the_tape():
    leaf = facula.zeros(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="a leaf Variable that requires grad"):
        leaf.normal_()
    y = leaf * 2
    y.uniform_()
    (g,) = facula.autograd.grad(y.sum(), leaf, allow_unused=True)
    assert g is None or not g.any()
    p = facula.full((3,), 0.5, requires_grad=True)
    assert facula.autograd.grad(facula.bernoulli(p).sum(), p)[0].tolist() == [0, 0, 0]


def test_fork_leaves_the_stream_where_it_was():
    facula.manual_seed(3)
    expected = facula.rand(2)
    facula.manual_seed(3)
    with facula.random.fork_rng():
        facula.rand(100)
    assert facula.equal(facula.rand(2), expected)
    with facula.random.fork_rng(enabled=False):
        inside = facula.rand(2)
    assert not np.array_equal(inside.numpy(), expected.numpy())


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: facula.rand(-1), RuntimeError, "negative dimension"),
        (lambda: facula.rand(2, dtype=facula.int64), NotImplementedError, '"rand" not implemented for .Long.'),
        (lambda: facula.rand(2, colour=1), TypeError, "unexpected keyword argument 'colour'"),
        (lambda: facula.randint(5, 5, (2,)), RuntimeError, "expects 'from' to be less than 'to'"),
        (lambda: facula.randint(5), TypeError, "expected a size"),
        (lambda: facula.randperm(-1), RuntimeError, "n must be non-negative"),
        (lambda: facula.bernoulli(facula.tensor([2.0])), RuntimeError, "Expected p_in >= 0 && p_in <= 1"),
        (lambda: facula.empty(2).bernoulli_(2), RuntimeError, r"expects p to be in \[0, 1\]"),
        (lambda: facula.multinomial(facula.tensor([1, 2]), 1), RuntimeError, "only supports floating-point dtypes"),
        (lambda: facula.multinomial(facula.ones(1, 1, 2), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
        (lambda: facula.multinomial(facula.ones(2), 0), RuntimeError, "cannot sample n_sample <= 0"),
        (lambda: facula.multinomial(facula.ones(2), 3), RuntimeError, "samples without replacement"),
        (lambda: facula.multinomial(facula.zeros(2), 1), RuntimeError, "sum of probabilities <= 0"),
        (lambda: facula.multinomial(facula.tensor([-1.0, 2.0]), 1), RuntimeError, "either `inf`, `nan` or element < 0"),
        (lambda: facula.normal(0.0, 1.0), TypeError, "expected a size"),
        (lambda: facula.normal(0.0, -1.0, (2,)), RuntimeError, "expects std >= 0.0"),
        (lambda: facula.normal(facula.zeros(2), -facula.ones(2)), RuntimeError, "all elements of std >= 0.0"),
        (lambda: facula.poisson(facula.tensor([-1.0])), RuntimeError, "invalid Poisson rate"),
        (lambda: facula.empty(2).uniform_(3, 1), RuntimeError, r"\[from, to\) range"),
        (lambda: facula.empty(2).uniform_(wide=1), TypeError, "unexpected keyword argument 'wide'"),
        (lambda: facula.empty(2).log_normal_(0, 0), RuntimeError, "expects std > 0.0"),
        (lambda: facula.empty(2).exponential_(0), RuntimeError, "expects lambda > 0.0"),
        (lambda: facula.empty(2).cauchy_(0, -1), RuntimeError, "expects sigma > 0.0"),
        (lambda: facula.empty(2).geometric_(1), RuntimeError, r"expects p to be in \(0, 1\)"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
