"""Parameters and values that do not fit are refused with the constraint and the value; what is not there says so."""

import pytest

import facula

d = facula.distributions
t = d.transforms

PARAMETERS = [
    (lambda: d.Normal(0.0, -1.0), "Normal: expected parameter scale .* to satisfy the constraint GreaterThan"),
    (lambda: d.Normal(float("nan"), 1.0), "Normal: expected parameter loc .* the constraint Real"),
    (lambda: d.Normal("0", 1.0), "broadcast_all: expected input arguments that are numbers or Tensors, got str"),
    (lambda: d.Bernoulli(1.5), "Bernoulli: expected parameter probs"),
    (lambda: d.Bernoulli(), "Bernoulli: expected exactly one of probs, logits, got 0"),
    (lambda: d.Categorical(facula.ones(2), facula.ones(2)), "Categorical: expected exactly one of probs, logits, got 2"),
    (lambda: d.Categorical(facula.tensor(1.0)), "Categorical: expected probs with at least one dimension"),
    (lambda: d.Categorical(facula.tensor([-1.0, 2.0])), "Categorical: expected parameter probs .* Simplex"),
    (lambda: d.Uniform(1.0, 0.0), "Uniform: expected low < high"),
    (lambda: d.Geometric(0.0), "Geometric: expected parameter probs to be positive"),
    (lambda: d.Dirichlet(facula.tensor(1.0)), "Dirichlet: expected concentration with at least one dimension"),
    (lambda: d.Binomial(-1, 0.5), "Binomial: expected parameter total_count"),
    (lambda: d.MultivariateNormal(facula.zeros(2), facula.ones(2, 2)), "parameter covariance_matrix .* PositiveDefinite"),
    (lambda: d.MultivariateNormal(facula.zeros(2), facula.ones(2)), "covariance_matrix with at least two, got shapes"),
    (lambda: d.MultivariateNormal(facula.zeros(2)), "expected exactly one of covariance_matrix, precision_matrix"),
    (lambda: d.Independent(d.Normal(0.0, 1.0), 1), "Independent: expected reinterpreted_batch_ndims <= 0"),
    (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), [3]), "expected transforms to be a Transform or a list of them"),
    (lambda: d.TransformedDistribution(d.Normal(0.0, 1.0), t.SoftmaxTransform()), "base_distribution of at least 1 dim"),
    (lambda: t.ExpTransform(cache_size=2), "ExpTransform: expected cache_size 0 or 1, got 2"),
    (lambda: t.ReshapeTransform((2,), (3,)), "expected in_shape and out_shape of as many elements"),
    (lambda: t.ReshapeTransform((2,), (1, 2)).forward_shape((3,)), r"expected a shape that ends in \(2,\), got \(3,\)"),
    (lambda: d.constraints.dependent.check(facula.ones(1)), "expected a constraint of its own"),
    (lambda: d.constraints.real_vector.check(facula.tensor(1.0)), r"expected value.dim\(\) >= 1, got 0"),
    (lambda: d.constraints.cat([1, 2]), "expected a sequence of constraints"),
    (lambda: d.LKJCholesky(1), "LKJCholesky: expected dim to be an integer of at least 2, got 1"),
    (lambda: d.Wishart(1.0, facula.eye(2)), "Wishart: expected df to be greater than ndim - 1 = 1"),
    (lambda: d.Wishart(3.0, facula.ones(2)), "Wishart: expected covariance_matrix with at least two dimensions"),
    (lambda: d.Wishart(3.0), "Wishart: expected exactly one of"),
    (lambda: d.LowRankMultivariateNormal(facula.ones(2), facula.ones(3, 1), facula.ones(2)), r"expected loc \(\*, n\), cov_factor"),
    (lambda: t.CatTransform([t.ExpTransform()], lengths=[1, 2]), "CatTransform: expected a length for each of 1 transforms, got 2"),
    (lambda: t.CatTransform([t.ExpTransform()])(facula.ones(2)), "CatTransform: expected 1 places along dim 0"),
    (lambda: t.StackTransform([t.ExpTransform()])(facula.ones(2)), "StackTransform: expected 1 places along dim 0"),
    (lambda: t.CorrCholeskyTransform().forward_shape((2,)), "Input is not a flattened lower-diagonal number"),
    (lambda: t.CorrCholeskyTransform().inverse_shape((2, 3)), "CorrCholeskyTransform: Input is not square"),
    (lambda: t.StickBreakingTransform() and t.CorrCholeskyTransform().event_dim, "Please use either .domain.event_dim or"),
    (lambda: d.utils.tril_matrix_to_vec(facula.eye(2), 3), "tril_matrix_to_vec: expected diag in"),
    (lambda: d.utils.vec_to_tril_matrix(facula.ones(2)), "vec_to_tril_matrix: expected as many elements as a triangle has"),
    (lambda: d.Distribution.set_default_validate_args(3), "expected True or False, got 3"),
]  # fmt: skip

VALUES = [
    (lambda: d.Normal(0.0, 1.0).log_prob(1.0), "expected the value argument to log_prob to be a Tensor, got float"),
    (lambda: d.Bernoulli(0.5).log_prob(facula.tensor(2.0)), "Bernoulli: expected value argument .* within the support Boolean"),
    (lambda: d.Uniform(0.0, 1.0).log_prob(facula.tensor(2.0)), "Uniform: expected value argument .* Interval"),
    (lambda: d.Dirichlet(facula.ones(3)).log_prob(facula.ones(2)), r"right-most size of value to be the event shape \(3,\)"),
    (lambda: d.Normal(facula.zeros(3), 1.0).log_prob(facula.ones(2)), r"broadcasts with batch_shape\+event_shape \(3,\)"),
]  # fmt: skip

MISSING = [
    (lambda: d.Distribution().mean, "Distribution: expected a distribution with mean"),
    (lambda: d.Distribution().variance, "with variance"),
    (lambda: d.Multinomial(2, facula.ones(2)).mode, "Multinomial: expected a distribution with mode"),
    (lambda: d.Poisson(1.0).entropy(), "Poisson: expected a distribution with entropy"),
    (lambda: d.Poisson(1.0).rsample(), "Poisson: expected a distribution with rsample"),
    (lambda: d.Poisson(1.0).cdf(facula.tensor(1.0)), "with cdf"),
    (lambda: d.Normal(0.0, 1.0).enumerate_support(), "with enumerate_support"),
    (lambda: d.Gamma(1.0, 1.0).icdf(facula.tensor(0.5)), "with icdf"),
    (lambda: d.Distribution().log_prob(facula.tensor(0.5)), "with log_prob"),
    (lambda: d.kl_divergence(d.Normal(0.0, 1.0), d.Poisson(1.0)), "kl_divergence: expected a pair .* Normal and q of Poisson"),
    (lambda: d.Multinomial(facula.tensor(2), facula.ones(2)), "Multinomial: expected one int as total_count"),
    (lambda: d.Binomial(facula.tensor([1, 2]), 0.5).enumerate_support(), "Binomial: expected one total_count"),
    (lambda: d.Independent(d.Bernoulli(facula.full((2,), 0.5)), 1).enumerate_support(), "expected no reinterpreted dim"),
    (lambda: t.Transform()(facula.ones(1)), "expected a transform with a forward function"),
    (lambda: t.Transform().inv(facula.ones(1)), "expected a transform with an inverse"),
    (lambda: t.SoftmaxTransform().log_abs_det_jacobian(facula.ones(1), facula.ones(1)), "with a Jacobian"),
    (lambda: t.SoftmaxTransform().sign, "expected a monotone transform"),
    (lambda: d.biject_to(d.constraints.boolean), "expected a constraint with a registered transform, got Boolean"),
    (lambda: d.constraints.Constraint().check(facula.ones(1)), r"expected a constraint with check\(\)"),
    (lambda: d.kl_divergence(*(d.Independent(d.Normal(facula.zeros(2, 2), 1.0), n) for n in (1, 2))), "Reinterpret alike"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "match"), PARAMETERS + VALUES)
def test_values_that_do_not_fit(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize(("call", "match"), MISSING)
def test_what_is_not_there(call, match):
    with pytest.raises(NotImplementedError, match=match):
        call()


def test_registries_refuse_other_things():
    with pytest.raises(TypeError, match="register_kl: expected Distribution subclasses"):
        d.register_kl(int, d.Normal)
    with pytest.raises(TypeError, match="register: expected constraint to be a Constraint"):
        d.biject_to.register(int, t.ExpTransform)


def test_validation_can_be_left_out():
    assert float(d.Normal(0.0, -1.0, validate_args=False).mean) == 0
    assert float(d.Bernoulli(0.5, validate_args=False).log_prob(facula.tensor(2.0))) < 0
    d.Distribution.set_default_validate_args(False)
    try:
        d.Normal(0.0, -1.0)
    finally:
        d.Distribution.set_default_validate_args(True)


def test_kl_of_a_subclass_and_of_a_new_pair():
    class Mine(d.Normal):
        pass

    assert float(d.kl_divergence(Mine(0.0, 1.0), d.Normal(1.0, 1.0))) == 0.5

    @d.register_kl(Mine, Mine)
    def mine(p, q):
        return facula.tensor(7.0)

    assert float(d.kl_divergence(Mine(0.0, 1.0), Mine(0.0, 1.0))) == 7
    assert float(d.kl_divergence(Mine(0.0, 1.0), d.Normal(1.0, 1.0))) == 0.5


def test_the_seed_decides_and_gradients_of_samples_are_first_order():
    draws = []
    for _ in range(2):
        facula.manual_seed(3)
        draws.append(d.Gamma(2.0, 1.0).sample((3,)))
    assert facula.equal(*draws)
    a = facula.tensor(2.0, requires_grad=True)
    (g,) = facula.autograd.grad(d.Gamma(a, 1.0).rsample(), a, create_graph=True)
    with pytest.raises(RuntimeError, match="differentiate twice"):
        g.backward()


def test_a_cached_transform_gives_the_same_tensor_back():
    f = t.ExpTransform(cache_size=1)
    x = facula.ones(2)
    assert f.inv(f(x)) is x
    assert f(x) is f(x)
