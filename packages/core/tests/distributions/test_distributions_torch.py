"""Densities, distribution functions, entropies, moments, divergences and their gradients equal torch's."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:Singular sample detected")
rng = np.random.default_rng(0)
REAL, POSITIVE, UNIT = rng.standard_normal((3, 2)), rng.uniform(0.5, 3, (3, 2)), rng.uniform(0.1, 0.9, (3, 2))
WEIGHTS = rng.uniform(0.2, 1, (3, 4))
SQUARE = rng.standard_normal((2, 2, 2))
COVARIANCE = SQUARE @ SQUARE.swapaxes(-1, -2) + np.eye(2)
CORRELATION = 2 * UNIT[:, 0] - 1
FACTOR = np.stack([np.array([[1, 0], [c, np.sqrt(1 - c * c)]]) for c in CORRELATION])
BIG_FACTOR = np.linalg.cholesky(np.array([[1, 0.3, -0.2], [0.3, 1, 0.5], [-0.2, 0.5, 1]]))


def single(array):
    return array.astype("float32")


# name, arguments, a value in the support
CASES = [
    ("Normal", {"loc": REAL, "scale": POSITIVE}, REAL[::-1]), ("Normal", {"loc": 0.5, "scale": POSITIVE}, REAL),
    ("LogNormal", {"loc": REAL, "scale": POSITIVE}, POSITIVE), ("Laplace", {"loc": REAL, "scale": POSITIVE}, REAL[::-1]),
    ("Cauchy", {"loc": REAL, "scale": POSITIVE}, REAL[::-1]), ("Gumbel", {"loc": REAL, "scale": POSITIVE}, REAL[::-1]),
    ("HalfNormal", {"scale": POSITIVE}, POSITIVE), ("HalfCauchy", {"scale": POSITIVE}, POSITIVE),
    ("Uniform", {"low": REAL, "high": REAL + POSITIVE}, REAL + POSITIVE * 0.3), ("Exponential", {"rate": POSITIVE}, POSITIVE),
    ("Gamma", {"concentration": POSITIVE, "rate": POSITIVE[::-1]}, POSITIVE), ("Chi2", {"df": POSITIVE}, POSITIVE),
    ("StudentT", {"df": POSITIVE + 1.6, "loc": REAL, "scale": POSITIVE}, REAL[::-1]),
    ("Beta", {"concentration1": POSITIVE, "concentration0": POSITIVE[::-1]}, UNIT),
    ("Dirichlet", {"concentration": WEIGHTS * 3}, WEIGHTS / WEIGHTS.sum(-1, keepdims=True)),
    ("Bernoulli", {"probs": UNIT}, (UNIT > 0.5) * 1.0), ("Bernoulli", {"logits": REAL}, (UNIT > 0.5) * 1.0),
    ("Geometric", {"probs": UNIT}, np.round(POSITIVE)), ("Geometric", {"logits": REAL}, np.round(POSITIVE)),
    ("Poisson", {"rate": POSITIVE}, np.round(POSITIVE)), ("Binomial", {"total_count": 5, "probs": UNIT}, np.round(POSITIVE)),
    ("Binomial", {"total_count": np.full((3, 2), 5.0), "logits": REAL}, np.round(POSITIVE)),
    ("Categorical", {"probs": WEIGHTS}, np.array([0, 3, 1])), ("Categorical", {"logits": WEIGHTS}, np.array([[0, 3, 1], [2, 2, 2]])),
    ("OneHotCategorical", {"probs": WEIGHTS}, np.eye(4)[[0, 3, 1]]), ("OneHotCategorical", {"logits": WEIGHTS}, np.eye(4)[[0, 3, 1]]),
    ("Weibull", {"scale": POSITIVE, "concentration": POSITIVE[::-1] + 1}, POSITIVE),
    ("InverseGamma", {"concentration": POSITIVE + 4.5, "rate": POSITIVE}, POSITIVE),
    ("Pareto", {"scale": POSITIVE, "alpha": POSITIVE[::-1] + 8}, POSITIVE + 1), ("NegativeBinomial", {"total_count": 5, "probs": UNIT}, np.round(POSITIVE)),
    ("NegativeBinomial", {"total_count": 5, "logits": REAL}, np.round(POSITIVE)),
    ("RelaxedBernoulli", {"temperature": 0.7, "probs": UNIT}, UNIT[::-1]),
    ("RelaxedOneHotCategorical", {"temperature": 0.7, "logits": WEIGHTS}, WEIGHTS / WEIGHTS.sum(-1, keepdims=True)),
    ("Multinomial", {"total_count": 5, "probs": WEIGHTS}, np.array([[1.0, 2, 2, 0], [0, 5, 0, 0], [2, 1, 1, 1]])),
    ("MultivariateNormal", {"loc": SQUARE[0], "covariance_matrix": COVARIANCE}, SQUARE[1]),
    ("MultivariateNormal", {"loc": SQUARE[0], "precision_matrix": COVARIANCE}, rng.standard_normal((5, 2, 2))),
    ("MultivariateNormal", {"loc": SQUARE[0, 0], "scale_tril": np.linalg.cholesky(COVARIANCE)}, SQUARE[1]),
    ("VonMises", {"loc": REAL, "concentration": POSITIVE}, REAL[::-1]),
    ("LKJCholesky", {"dim": 2, "concentration": POSITIVE}, FACTOR[:, None]), ("LKJCholesky", {"dim": 3, "concentration": 1.5}, BIG_FACTOR),
    ("Wishart", {"df": np.array([2.5, 4.0]), "covariance_matrix": COVARIANCE}, COVARIANCE[::-1]),
    ("Wishart", {"df": np.array(3.0), "precision_matrix": COVARIANCE}, COVARIANCE[::-1]),
    ("Wishart", {"df": np.array(2.2), "scale_tril": np.linalg.cholesky(COVARIANCE)}, COVARIANCE[::-1]),
    ("LowRankMultivariateNormal", {"loc": REAL, "cov_factor": WEIGHTS[:, :2, None], "cov_diag": POSITIVE}, REAL[::-1]),
    ("Kumaraswamy", {"concentration1": POSITIVE, "concentration0": POSITIVE[::-1]}, UNIT),
    ("ContinuousBernoulli", {"probs": UNIT}, UNIT[::-1]), ("ContinuousBernoulli", {"logits": REAL}, UNIT[::-1]),
    ("ContinuousBernoulli", {"probs": np.array([0.5, 0.4995, 0.1])}, WEIGHTS[:, :3]),
    ("FisherSnedecor", {"df1": POSITIVE + 1, "df2": POSITIVE[::-1] + 9}, POSITIVE),
    ("LogisticNormal", {"loc": REAL, "scale": POSITIVE}, WEIGHTS[:, :3] / WEIGHTS[:, :3].sum(-1, keepdims=True)),
    ("GeneralizedPareto", {"loc": single(REAL), "scale": single(POSITIVE), "concentration": single(UNIT - 1)}, single(REAL + POSITIVE * 0.3)),
    ("GeneralizedPareto", {"loc": 0.5, "scale": single(POSITIVE), "concentration": single(np.array([0.05, 0.1]))}, single(POSITIVE + 0.1)),
]  # fmt: skip
IDS = [f"{name}-{'-'.join(kwargs)}-{i}" for i, (name, kwargs, _) in enumerate(CASES)]


def build(module, name, kwargs, grad=True):
    def make(v):
        return module.tensor(v.copy(), requires_grad=grad and v.dtype.kind == "f") if isinstance(v, np.ndarray) else v

    if "Relaxed" in name:  # torch takes a number for no temperature
        kwargs = {k: v if isinstance(v, np.ndarray) else np.array(v) for k, v in kwargs.items()}
    if name == "Binomial":  # the count has no gradient
        made = {
            k: module.tensor(v) if k == "total_count" and isinstance(v, np.ndarray) else make(v)
            for k, v in kwargs.items()
        }
    else:
        made = {k: make(v) for k, v in kwargs.items()}
    return getattr(module.distributions, name)(**made), [
        v for v in made.values() if hasattr(v, "grad") and v.requires_grad
    ]


def same(ours, theirs, tolerance=1e-6):
    if ours.dtype == facula.float32:
        tolerance = 2e-5
    assert tuple(ours.shape) == tuple(theirs.shape)
    np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), rtol=tolerance, atol=tolerance)


def compare(case, function):
    """A function of the distribution and the module, and its gradients by the parameters, in both libraries."""
    name, kwargs, value = case
    found = []
    for module in (facula, torch):
        d, params = build(module, name, kwargs)
        try:
            out = function(d, module.tensor(np.asarray(value).copy()))
        except NotImplementedError:
            found.append(None)
            continue
        found.append((out, module.autograd.grad(out.sum(), params, allow_unused=True) if out.requires_grad else ()))
    if found[1] is None:
        pytest.skip("torch has none")
    same(found[0][0], found[1][0])
    for ours, theirs in zip(found[0][1], found[1][1], strict=True):
        if theirs is not None and ours is not None:
            same(ours, theirs)
        else:
            assert theirs is None or not theirs.abs().any()


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_log_prob(case):
    compare(case, lambda d, value: d.log_prob(value))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_entropy(case):
    compare(case, lambda d, value: d.entropy())


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_cdf(case):
    if case[0] in ("Gamma", "Chi2", "InverseGamma"):  # neither library has the gradient by the concentration
        name, kwargs, value = case
        ours, theirs = (build(m, name, kwargs, grad=False)[0].cdf(m.tensor(value)) for m in (facula, torch))
        same(ours, theirs)
        return
    if case[0] == "ContinuousBernoulli" and 0.5 in case[1].get("probs", ()):
        pytest.skip("torch takes the uniform distribution for all near it, without a gradient")
    compare(case, lambda d, value: d.cdf(value))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_icdf_undoes_cdf(case):
    name, kwargs, value = case
    d, _ = build(facula, name, kwargs, grad=False)
    value = facula.tensor(np.asarray(value).copy())
    try:
        back = d.icdf(d.cdf(value))
    except NotImplementedError:
        with pytest.raises(NotImplementedError):
            build(torch, name, kwargs)[0].icdf(torch.tensor(0.5))
        return
    np.testing.assert_allclose(back.numpy(), value.numpy(), rtol=1e-6)


@pytest.mark.parametrize("what", ["mean", "variance", "stddev", "mode"])
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_moments(case, what):
    if (case[0], what) == ("Kumaraswamy", "mode"):
        pytest.skip("torch's formula gives nan")
    compare(case, lambda d, value: getattr(d, what))


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_shapes_and_expand(case):
    name, kwargs, value = case
    ours, theirs = build(facula, name, kwargs)[0], build(torch, name, kwargs)[0]
    batch = (4, *ours.batch_shape)
    for a, b in ((ours, theirs), (ours.expand(batch), theirs.expand(batch))):
        assert tuple(a.batch_shape) == tuple(b.batch_shape)
        assert tuple(a.event_shape) == tuple(b.event_shape)
        assert tuple(a.sample((5,)).shape) == tuple(b.sample((5,)).shape)
        assert a.sample().dtype.name == str(b.sample().dtype).split(".")[1]
        full = len(batch) + len(ours.event_shape)
        wide = np.broadcast_to(value, (*batch, *ours.event_shape)).copy() if np.ndim(value) < full else value[:, None]
        same(a.log_prob(facula.tensor(wide)), b.log_prob(torch.tensor(wide)))
    assert repr(ours).split("(")[0] == repr(theirs).split("(")[0]
    assert ours.has_rsample == theirs.has_rsample
    assert ours.has_enumerate_support == theirs.has_enumerate_support


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_samples_have_the_moments_and_lie_in_the_support(case):
    name, kwargs, _ = case
    facula.manual_seed(0)
    d, _ = build(facula, name, kwargs, grad=False)
    drawn = d.sample((20000,))
    assert bool(d.support.check(drawn).all())
    if "Relaxed" in name or name in ("LKJCholesky", "LogisticNormal"):
        return  # they have no moments in closed form
    if name == "VonMises":
        np.testing.assert_allclose(facula.cos(drawn - d.loc).mean(0).numpy(), 1 - d.variance.numpy(), atol=0.02)
        return
    if name == "Categorical":
        counts = facula.nn.functional.one_hot(drawn, 4).double().mean(0)
        np.testing.assert_allclose(counts.numpy(), d.probs.numpy(), atol=0.015)
    elif name in ("Cauchy", "HalfCauchy"):
        np.testing.assert_allclose(d.cdf(drawn).mean(0).numpy(), 0.5, atol=0.015)
    elif name == "LogNormal":
        np.testing.assert_allclose(drawn.log().mean(0).numpy(), kwargs["loc"], atol=0.1)
    else:
        spread = d.stddev.expand(d.mean.shape)
        np.testing.assert_allclose(((drawn.mean(0) - d.mean) / spread).numpy(), 0, atol=0.04)
        if name not in ("StudentT", "FisherSnedecor"):
            np.testing.assert_allclose((drawn.var(0) / spread**2).numpy(), 1, atol=0.12)


@pytest.mark.parametrize(
    "case",
    [
        c
        for c in CASES
        if c[0] not in ("Cauchy", "HalfCauchy", "LogNormal", "StudentT", "LogisticNormal", "Wishart")
        and "Relaxed" not in c[0]
    ],
)
def test_gradients_of_samples_are_those_of_the_mean(case):
    name, kwargs, _ = case
    facula.manual_seed(1)
    d, params = build(facula, name, kwargs)
    if not d.has_rsample:
        with pytest.raises(NotImplementedError, match="expected a distribution with rsample"):
            d.rsample()
        return
    found = facula.autograd.grad(d.rsample((20000,)).mean(0)[..., 0].sum(), params, retain_graph=True)
    wanted = facula.autograd.grad(d.mean[..., 0].sum() + sum(0 * p.sum() for p in params), params)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=0.02, atol=0.06)


def test_the_implicit_gradient_of_gamma():
    from facula.distributions.draws import log_gamma_slope

    a = np.repeat([0.01, 0.1, 0.7, 1.0, 3.0, 20.0, 300.0], 5)
    x = np.random.default_rng(0).gamma(a) + 1e-30
    wanted = torch._standard_gamma_grad(torch.tensor(a), torch.tensor(x)).numpy()
    np.testing.assert_allclose(log_gamma_slope(a, np.log(x)) * x, wanted, rtol=2e-3, atol=1e-12)


def test_small_concentrations_do_not_underflow():
    facula.manual_seed(0)
    drawn = facula.distributions.Dirichlet(facula.full((1000, 3), 1e-3)).sample()
    assert bool(facula.isfinite(drawn).all())
    np.testing.assert_allclose(drawn.sum(-1).numpy(), 1, rtol=1e-5)


def pairs():
    by_name = {}
    for case in CASES:
        by_name.setdefault(case[0], []).append(case)
    for name, cases in by_name.items():
        if (
            name
            not in (
                "StudentT",
                "HalfCauchy",
                "Multinomial",
                "Uniform",
                "Chi2",
                "Weibull",
                "Pareto",
                "InverseGamma",
                "NegativeBinomial",
                "VonMises",
                "LKJCholesky",
                "FisherSnedecor",
                "GeneralizedPareto",
                "Wishart",
                "Kumaraswamy",
                "ContinuousBernoulli",
            )
            and "Relaxed" not in name
        ):
            yield name, cases[0][1], name, cases[-1][1]
    yield "Uniform", {"low": REAL, "high": REAL + POSITIVE}, "Uniform", {"low": REAL - 0.1, "high": REAL + 9}
    yield "Uniform", {"low": REAL, "high": REAL + POSITIVE}, "Uniform", {"low": REAL + 0.1, "high": REAL + 9}
    yield "Uniform", {"low": REAL, "high": REAL + POSITIVE}, "Normal", {"loc": REAL[::-1], "scale": POSITIVE}
    yield "Exponential", {"rate": POSITIVE}, "Gamma", {"concentration": POSITIVE[::-1], "rate": POSITIVE + 0.2}
    yield "Gamma", {"concentration": POSITIVE[::-1], "rate": POSITIVE + 0.2}, "Exponential", {"rate": POSITIVE}
    yield "Chi2", {"df": POSITIVE}, "Chi2", {"df": POSITIVE[::-1]}
    yield "Laplace", {"loc": REAL, "scale": POSITIVE}, "Normal", {"loc": REAL[::-1], "scale": POSITIVE + 0.3}
    for name, kwargs, _ in CASES:
        if name in ("Normal", "Laplace", "Cauchy", "Gumbel"):
            yield name, kwargs, name, {"loc": REAL * 0.5 + 0.1, "scale": POSITIVE[::-1]}
    yield (
        "Beta",
        {"concentration1": UNIT, "concentration0": POSITIVE},
        "Beta",
        {"concentration1": POSITIVE, "concentration0": UNIT},
    )
    yield "Gamma", {"concentration": UNIT, "rate": POSITIVE}, "Gamma", {"concentration": POSITIVE, "rate": UNIT}


@pytest.mark.parametrize(("p", "p_args", "q", "q_args"), list(pairs()))
def test_divergence(p, p_args, q, q_args):
    results = []
    for module in (facula, torch):
        a, more = build(module, p, p_args)
        b, params = build(module, q, q_args)
        found = module.distributions.kl_divergence(a, b)
        results.append((found, module.autograd.grad(found.sum(), more + params, allow_unused=True)))
    same(results[0][0], results[1][0], 1e-5)
    if np.isfinite(results[1][0].detach().numpy()).all():
        for ours, theirs in zip(results[0][1], results[1][1], strict=True):
            if theirs is not None:
                same(ours, theirs, 1e-5)


def test_independent_and_transformed():
    results = []
    for module in (facula, torch):
        d, t = module.distributions, module.distributions.transforms
        base = d.Independent(d.Normal(module.tensor(REAL), module.tensor(POSITIVE)), 1)
        parts = [t.AffineTransform(1.0, 0.5), t.TanhTransform(), t.AffineTransform(0.0, module.tensor(POSITIVE))]
        changed = d.TransformedDistribution(base, parts)
        value = module.tensor(POSITIVE * (UNIT - 0.5))
        flat = d.TransformedDistribution(d.Normal(module.tensor(REAL), 1.0), parts[:1])
        results.append(
            [base.log_prob(value), base.entropy(), changed.log_prob(value), changed.expand((4, 3)).sample((5,)) * 0, flat.cdf(value),
             flat.icdf(module.tensor(UNIT)), d.kl_divergence(base, base.expand((3,))), d.kl_divergence(changed, changed),
             d.TransformedDistribution(d.Normal(module.zeros(3, 4), 1.0), t.StickBreakingTransform()).sample((2,)).sum(-1)]
        )  # fmt: skip
        assert (tuple(changed.batch_shape), tuple(changed.event_shape)) == ((3,), (2,))
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs, 1e-5)


TRANSFORMS = [
    ("ExpTransform", (), REAL), ("SoftplusTransform", (), REAL), ("SigmoidTransform", (), REAL), ("TanhTransform", (), REAL),
    ("PowerTransform", (2.0,), POSITIVE), ("AffineTransform", (1.0, -2.0), REAL), ("AffineTransform", (1.0, 2.0, 1), REAL),
    ("StickBreakingTransform", (), REAL), ("ReshapeTransform", ((2,), (1, 2)), REAL),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "x"), TRANSFORMS)
def test_transforms(name, args, x):
    ours = getattr(facula.distributions.transforms, name)(*args)
    if name == "PowerTransform":
        args = (torch.tensor(2.0),)
    theirs = getattr(torch.distributions.transforms, name)(*args)
    a, b = facula.tensor(x), torch.tensor(x)
    same(ours(a), theirs(b))
    same(ours.log_abs_det_jacobian(a, ours(a)), theirs.log_abs_det_jacobian(b, theirs(b)))
    same(ours.inv(ours(a)), b, 1e-5)
    same(ours.inv.log_abs_det_jacobian(ours(a), a), theirs.inv.log_abs_det_jacobian(theirs(b), b), 1e-5)
    assert tuple(ours.forward_shape(x.shape)) == tuple(theirs.forward_shape(x.shape))
    assert ours == getattr(facula.distributions.transforms, name)(*args if name != "PowerTransform" else (2.0,))
    whole = facula.distributions.transforms.ComposeTransform([ours, ours.inv])
    same(whole(a), b, 1e-5)
    assert float(whole.log_abs_det_jacobian(a, whole(a)).abs().max()) < 1e-5


@pytest.mark.parametrize("name", "real positive nonnegative unit_interval simplex real_vector lower_cholesky".split())
def test_transform_to_and_biject_to(name):
    x = rng.standard_normal((3, 2, 2))
    ours, theirs = (getattr(m.distributions.constraints, name) for m in (facula, torch))
    same(
        facula.distributions.transform_to(ours)(facula.tensor(x)),
        torch.distributions.transform_to(theirs)(torch.tensor(x)),
    )
    if name != "lower_cholesky":
        found = facula.distributions.biject_to(ours)(facula.tensor(x))
        same(found, torch.distributions.biject_to(theirs)(torch.tensor(x)))
        assert bool(ours.check(found).all())


CHECKS = [
    ("boolean", [0.0, 1, 2]), ("one_hot", [[0.0, 1], [1, 1]]), ("nonnegative_integer", [0.0, -1, 1.5]), ("positive", [0.0, 1]),
    ("positive_integer", [0.0, 2]), ("unit_interval", [0.0, 1, 1.1]), ("simplex", [[0.5, 0.5], [0.6, 0.5], [-0.5, 1.5]]),
    ("lower_triangular", [[[1.0, 0], [2, 1]], [[1, 1], [0, 1]]]), ("lower_cholesky", [[[1.0, 0], [2, 1]], [[1, 0], [0, -1]]]),
    ("symmetric", [[[1.0, 2], [2, 1]], [[1, 1], [0, 1]]]), ("positive_definite", [[[1.0, 0], [0, 1]], [[1, 2], [2, 1]]]),
    ("real", [0.0, float("nan")]), ("real_vector", [[0.0, float("nan")], [1, 2]]), ("nonnegative", [0.0, -1]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "values"), CHECKS)
def test_constraints(name, values):
    ours, theirs = (getattr(m.distributions.constraints, name) for m in (facula, torch))
    np.testing.assert_array_equal(ours.check(facula.tensor(values)).numpy(), theirs.check(torch.tensor(values)).numpy())
    assert (ours.is_discrete, ours.event_dim) == (theirs.is_discrete, theirs.event_dim)


@pytest.mark.parametrize("name", ["Bernoulli", "Binomial", "Categorical", "OneHotCategorical"])
@pytest.mark.parametrize("expand", [True, False])
def test_enumerate_support(name, expand):
    case = next(c for c in CASES if c[0] == name)
    ours, theirs = (build(m, name, case[1])[0].enumerate_support(expand) for m in (facula, torch))
    same(ours, theirs)


def test_mixtures():
    results = []
    for m in (facula, torch):
        d = m.distributions
        w, loc = m.tensor(WEIGHTS, requires_grad=True), m.tensor(np.tile(REAL, (1, 2)), requires_grad=True)
        mix = d.MixtureSameFamily(d.Categorical(w), d.Normal(loc, 1.0))
        vector = d.MixtureSameFamily(
            d.Categorical(m.ones(3)), d.MultivariateNormal(m.tensor(REAL), m.eye(2, dtype=m.float64))
        )
        x = m.tensor(REAL[:, 0].copy())
        grads = m.autograd.grad(mix.log_prob(x).sum() + mix.variance.sum(), (w, loc))
        same_batch = mix.expand((2, 3))
        results.append([mix.log_prob(x), mix.cdf(x), mix.mean, mix.variance, *grads, vector.log_prob(m.tensor(REAL)), vector.mean,
                        vector.variance, same_batch.log_prob(x), same_batch.sample((5,)) * 0, vector.sample((4,)) * 0])  # fmt: skip
    for ours, theirs in zip(*results, strict=True):
        same(ours, theirs)
    facula.manual_seed(0)
    drawn = vector_of_facula().sample((20000,))
    np.testing.assert_allclose(drawn.mean(0).numpy(), REAL.mean(0), atol=0.05)
    with pytest.raises(ValueError, match="MixtureSameFamily: expected the Mixture distribution to be a Categorical"):
        facula.distributions.MixtureSameFamily(
            facula.distributions.Bernoulli(0.5), facula.distributions.Normal(0.0, 1.0)
        )
    with pytest.raises(ValueError, match="MixtureSameFamily: expected a component for each"):
        facula.distributions.MixtureSameFamily(
            facula.distributions.Categorical(facula.ones(2)), facula.distributions.Normal(facula.zeros(3), 1.0)
        )


def vector_of_facula():
    d = facula.distributions
    return d.MixtureSameFamily(
        d.Categorical(facula.ones(3)), d.MultivariateNormal(facula.tensor(REAL), facula.eye(2, dtype=facula.float64))
    )


def test_where_formulas_are_replaced_by_series_gradients_stay_right():
    make = facula.distributions.ContinuousBernoulli
    probs = facula.tensor([0.5, 0.4995, 0.5004], dtype=facula.float64, requires_grad=True)
    x = facula.tensor([0.2, 0.6, 0.9], dtype=facula.float64)
    for what in ("cdf", "icdf", "log_prob"):
        assert facula.autograd.gradcheck(lambda p: getattr(make(p), what)(x), (probs,), atol=1e-3)
        exact = getattr(make(probs.detach(), lims=(0.5, 0.5)), what)(x)[1:]
        np.testing.assert_allclose(getattr(make(probs), what)(x)[1:].detach().numpy(), exact.numpy(), atol=1e-6)
    c = facula.zeros(3, dtype=facula.float64, requires_grad=True)
    for what in ("cdf", "icdf", "log_prob"):
        function = lambda c: getattr(facula.distributions.GeneralizedPareto(0.0, x * 0 + 1, c), what)(x)
        theirs = getattr(torch.distributions.GeneralizedPareto(0.0, 1.0, 0.0), what)
        np.testing.assert_allclose(
            function(c).detach().numpy(), theirs(torch.tensor(x.numpy()).float()).numpy(), rtol=1e-5
        )
        (slope,) = facula.autograd.grad(function(c).sum(), c)
        near = (function(c.detach() + 1e-4) - function(c.detach() - 1e-4)) / 2e-4
        np.testing.assert_allclose(slope.numpy(), near.numpy(), rtol=1e-5)


FAMILIES = [
    ("Bernoulli", {"probs": UNIT}), ("ContinuousBernoulli", {"probs": UNIT}), ("Exponential", {"rate": POSITIVE}),
    ("Gamma", {"concentration": POSITIVE, "rate": POSITIVE[::-1]}),
    ("Normal", {"loc": REAL, "scale": POSITIVE}), ("Poisson", {"rate": POSITIVE}), ("Beta", {"concentration1": POSITIVE, "concentration0": UNIT}),
    ("Dirichlet", {"concentration": WEIGHTS}), ("Wishart", {"df": np.array(3.5), "covariance_matrix": COVARIANCE[0]}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kwargs"), FAMILIES)
def test_exponential_families(name, kwargs):
    """The divergence by Bregman's formula is the closed form's, and that of torch."""
    from facula.distributions.kl import _exponential_family

    other = {k: v * 0.8 for k, v in kwargs.items()}
    found = []
    for m in (facula, torch):
        (p, _), (q, params) = build(m, name, kwargs), build(m, name, other)
        divergence = m.distributions.kl_divergence(p, q)
        found.append((divergence, p, q, m.autograd.grad(divergence.sum(), params)))
    same(found[0][0], found[1][0])
    for ours, theirs in zip(found[0][3], found[1][3], strict=True):
        same(ours, theirs)
    _, p, q, _ = found[0]
    same(_exponential_family(p, q), found[1][0])
    for ours, theirs in zip(p._natural_params, found[1][1]._natural_params, strict=True):
        same(ours, theirs)
    same(p._log_normalizer(*p._natural_params), found[1][1]._log_normalizer(*found[1][1]._natural_params))
    if name not in ("Poisson", "Beta", "Dirichlet", "Wishart"):  # the carrier measure of those depends on x
        same(facula.distributions.ExponentialFamily.entropy(p), p.entropy())


CROSS = {
    "Beta": {"concentration1": POSITIVE, "concentration0": POSITIVE[::-1]}, "ContinuousBernoulli": {"probs": UNIT}, "Exponential": {"rate": POSITIVE},
    "Gamma": {"concentration": POSITIVE + 1, "rate": POSITIVE[::-1]}, "Gumbel": {"loc": REAL, "scale": POSITIVE}, "Laplace": {"loc": REAL, "scale": POSITIVE},
    "Normal": {"loc": REAL[::-1], "scale": POSITIVE}, "Pareto": {"scale": UNIT, "alpha": POSITIVE + 2},
    "Uniform": {"low": UNIT * 0.3, "high": UNIT * 0.3 + 0.6},
    "Bernoulli": {"probs": UNIT}, "Poisson": {"rate": POSITIVE}, "Binomial": {"total_count": 5, "probs": UNIT},
    "MultivariateNormal": {"loc": SQUARE[0], "covariance_matrix": COVARIANCE},
    "LowRankMultivariateNormal": {"loc": SQUARE[0], "cov_factor": SQUARE, "cov_diag": POSITIVE[:2]},
}  # fmt: skip
WIDE = {"low": -REAL * 0 - 0.5, "high": POSITIVE * 0 + 1.5}


def cross_pairs():
    from torch.distributions.kl import _KL_REGISTRY

    names = sorted({(p.__name__, q.__name__) for p, q in _KL_REGISTRY})
    return [(p, q) for p, q in names if p != q and p in CROSS and q in CROSS]


@pytest.mark.parametrize(("p", "q"), cross_pairs())
def test_divergence_of_two_families(p, q):
    found = []
    for m in (facula, torch):
        (a, more), (b, params) = build(m, p, CROSS[p]), build(m, q, WIDE if q == "Uniform" else CROSS[q])
        divergence = m.distributions.kl_divergence(a, b)
        grads = m.autograd.grad(divergence.sum(), more + params, allow_unused=True) if divergence.requires_grad else ()
        found.append((divergence, grads))
    same(found[0][0], found[1][0])
    if np.isfinite(found[1][0].detach().numpy()).all():
        for ours, theirs in zip(found[0][1], found[1][1], strict=True):
            if theirs is not None:
                same(ours, theirs, 1e-5)


def test_all_registered_pairs_of_torch_are_registered():
    from facula.distributions.kl import _table

    theirs = {(p.__name__, q.__name__) for p, q in torch.distributions.kl._KL_REGISTRY}
    assert theirs - {(p.__name__, q.__name__) for p, q in _table} == set()


def test_all_public_names_are_here():
    assert [n for n in torch.distributions.__all__ if not hasattr(facula.distributions, n)] == []
    for room in ("transforms", "constraints", "utils", "constraint_registry", "exp_family", "kl"):
        theirs, ours = getattr(torch.distributions, room), getattr(facula.distributions, room)
        assert [n for n in getattr(theirs, "__all__", ()) if not hasattr(ours, n)] == []


def test_correlation_factors():
    facula.manual_seed(0)
    d = facula.distributions.LKJCholesky(3, facula.tensor([0.5, 4.0]))
    drawn = d.sample((4000,))
    matrices = (drawn @ drawn.mT).numpy()
    spread = matrices[..., 1, 0].var(0), matrices[..., 2, 1].var(0)
    wanted = 1 / (2 * np.array([0.5, 4.0]) + 3 - 1)  # a correlation is 2 Beta(a, a) - 1, a = concentration - 1 + n / 2
    np.testing.assert_allclose(spread, np.stack([wanted, wanted]), rtol=0.1)
    x = rng.standard_normal((4, 6))
    for m in (facula, torch):
        t = m.distributions.transforms.CorrCholeskyTransform()
        y = t(m.tensor(x))
        assert (tuple(t.forward_shape((4, 6))), tuple(t.inverse_shape((4, 4, 4)))) == ((4, 4, 4), (4, 6))
        np.testing.assert_allclose(t.inv(y).numpy(), x, rtol=1e-6)
        last = (y.numpy(), t.log_abs_det_jacobian(m.tensor(x), y).numpy())
        if m is facula:
            first = last
    np.testing.assert_allclose(first[0], last[0])
    np.testing.assert_allclose(first[1], last[1])


def joined(m):
    t = m.distributions.transforms
    cat = t.CatTransform([t.ExpTransform(), t.AffineTransform(m.tensor(1.0), 2.0)], dim=-1, lengths=[1, 2])
    stack = t.StackTransform([t.ExpTransform(), t.TanhTransform()], dim=1)
    return [(cat, REAL.reshape(2, 3)), (stack, REAL), (t.CumulativeDistributionTransform(m.distributions.Normal(0.0, 1.0)), REAL),
            (t.ExpTransform().with_cache(), REAL), (t.CatTransform([t.ExpTransform(), t.ExpTransform()], lengths=[1, 2]), REAL)]  # fmt: skip


@pytest.mark.parametrize("i", range(5))
def test_joined_transforms(i):
    (ours, x), (theirs, _) = joined(facula)[i], joined(torch)[i]
    a, b = facula.tensor(x), torch.tensor(x)
    same(ours(a), theirs(b))
    same(ours.inv(ours(a)), b, 1e-5)
    same(ours.log_abs_det_jacobian(a, ours(a)), theirs.log_abs_det_jacobian(b, theirs(b)))
    assert (ours.bijective, ours.domain.event_dim, ours.codomain.event_dim) == (
        theirs.bijective,
        theirs.domain.event_dim,
        theirs.codomain.event_dim,
    )
    assert bool(ours.codomain.check(ours(a)).all())


@pytest.mark.parametrize("name", ["positive_definite", "positive_semidefinite", "corr_cholesky", "cat", "stack"])
def test_more_constraints_have_transforms(name):
    x = rng.standard_normal((2, 3, 3)) if name.startswith("positive") else rng.standard_normal((2, 3))
    found = []
    for m in (facula, torch):
        c = m.distributions.constraints
        made = {
            "cat": lambda c=c: c.cat([c.positive, c.unit_interval], -1, [1, 2]),
            "stack": lambda c=c: c.stack([c.positive, c.real], 0),
        }
        constraint = made[name]() if name in made else getattr(c, name)
        y = m.distributions.transform_to(constraint)(m.tensor(x))
        assert bool(constraint.check(y).all())
        found.append(y)
    same(*found)
