"""Elementwise families beyond what the parity scoreboard sees: types, edges, in-place forms, errors."""

import math

import numpy as np
import pytest

import facula

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "name", ["asin", "atan", "tanh", "sinh", "expm1", "log1p", "exp2", "erf", "lgamma", "deg2rad", "sinc", "i0"]
)
def test_integers_become_floats(name):
    assert getattr(facula, name)(facula.tensor([0, 1])).dtype is facula.float32
    assert getattr(facula, name)(facula.tensor([True])).dtype is facula.float32


@pytest.mark.parametrize(
    "name", ["asin_", "sinh_", "expm1_", "erf_", "lgamma_", "digamma_", "sinc_", "i0_", "rad2deg_", "logit_"]
)
def test_in_place_forms(name):
    x = facula.tensor([0.25, 0.5])
    expected = getattr(facula, name[:-1])(x)
    assert getattr(x, name)() is x
    assert facula.equal(x, expected)


def test_edges_of_functions():
    assert facula.sinc(facula.tensor([0.0])).item() == 1
    assert facula.digamma(facula.tensor([0.0, -0.0])).tolist() == [-INF, INF]
    assert facula.lgamma(facula.tensor([-INF, 0.0])).tolist() == [INF, INF]
    assert facula.logit(facula.tensor([2.0]), eps=0.25).item() == pytest.approx(math.log(3))
    assert facula.xlogy(0, facula.tensor([0.0, NAN])).tolist()[0] == 0
    assert facula.special.entr(facula.tensor([0.0, -1.0])).tolist() == [0, -INF]
    assert facula.special.spherical_bessel_j0(facula.tensor([0.0, INF])).tolist() == [1, 0]


def test_combined():
    x, y = facula.tensor([1.0, 2.0]), facula.tensor([3.0, 5.0])
    assert facula.addcmul(x, x, y, value=2).tolist() == [7, 22]
    assert facula.addcdiv(x, y, x, value=2).tolist() == [7, 7]
    assert facula.lerp(x, y, 1.0).tolist() == y.tolist()
    assert facula.lerp(x, y, facula.tensor([0.0, 1.0])).tolist() == [1, 5]
    assert x.lerp_(y, 0.5).tolist() == [2, 3.5]
    assert facula.fmax(facula.tensor([NAN]), facula.tensor([1.0])).item() == 1
    assert facula.copysign(facula.tensor([1.0]), -0.0).item() == -1
    assert facula.heaviside(facula.tensor([-1.0, 0.0, 2.0]), facula.tensor(0.5)).tolist() == [0, 0.5, 1]
    assert facula.gcd(facula.tensor([12, 18]), facula.tensor(8)).tolist() == [4, 2]
    assert facula.nextafter(facula.tensor([1.0]), facula.tensor([2.0])).item() == np.nextafter(
        np.float32(1), np.float32(2)
    )
    assert facula.hypot(facula.tensor([3e30]), facula.tensor([4e30])).item() == pytest.approx(5e30)
    out = facula.empty(2)
    assert facula.addcmul(y, y, y, out=out) is out


def test_powers():
    assert facula.pow(facula.tensor([2, 1, -1, -1]), facula.tensor([-1, -3, -2, -3])).tolist() == [0, 1, 1, -1]
    assert facula.float_power(facula.tensor([2], dtype=facula.int32), 3).dtype is facula.float64
    assert facula.ldexp(facula.tensor([3.0]), facula.tensor([2])).item() == 12
    found = facula.frexp(facula.tensor([10.0]))
    assert (found.mantissa.item(), found.exponent.item(), found.exponent.dtype) == (0.625, 4, facula.int32)
    assert facula.tensor([True, False]).square().dtype is facula.int64
    with pytest.raises(RuntimeError, match="result requires dtype float64"):
        facula.ones(2).float_power_(2)


def test_shifts():
    x = facula.tensor([1, -8], dtype=facula.int8)
    assert facula.bitwise_left_shift(x, 3).tolist() == [8, -64]
    assert facula.bitwise_left_shift(x, 100).tolist() == [0, 0]
    assert facula.bitwise_right_shift(x, 100).tolist() == [0, -1]


def test_signs_and_tests():
    assert facula.signbit(facula.tensor([-0.0, 0.0])).tolist() == [True, False]
    assert facula.isposinf(facula.tensor([INF, -INF])).tolist() == [True, False]
    assert facula.isneginf(facula.tensor([1, 2])).tolist() == [False, False]
    x = facula.ones(2)
    assert facula.positive(x) is x


def test_polynomials_of_low_degree():
    x = facula.tensor([0.3, -0.8])
    special = facula.special
    assert special.chebyshev_polynomial_t(x, 2).tolist() == pytest.approx((2 * x * x - 1).tolist())
    assert special.hermite_polynomial_h(x, 2).tolist() == pytest.approx((4 * x * x - 2).tolist())
    assert special.legendre_polynomial_p(x, facula.tensor([0, 1])).tolist() == pytest.approx([1, -0.8])
    assert special.laguerre_polynomial_l(x, -1).tolist() == [0, 0]
    assert special.shifted_chebyshev_polynomial_u(x, 1).tolist() == pytest.approx((4 * x - 2).tolist())


def test_special_namespace():
    x = facula.tensor([0.5, 2.0])
    assert facula.equal(facula.special.expit(x), facula.sigmoid(x))
    assert facula.equal(facula.special.gammaln(x), x.lgamma())
    assert facula.equal(facula.special.psi(x), x.digamma())
    assert facula.equal(x.polygamma(1), facula.polygamma(1, x))
    assert {"bessel_j0", "ndtr", "xlogy", "multigammaln"} <= set(dir(facula.special))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facula.special.nothing
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        facula.return_types.nothing
    assert "max" in dir(facula.return_types)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: facula.addcdiv(*[facula.tensor([1])] * 3), RuntimeError, "Integer division with addcdiv"),
        (
            lambda: facula.lerp(facula.ones(1), facula.ones(1).double(), 0.5),
            RuntimeError,
            "expected dtype float32 for `end`",
        ),
        (lambda: facula.heaviside(facula.ones(1), facula.tensor([1])), RuntimeError, "different dtypes"),
        (lambda: facula.gcd(facula.ones(1), facula.ones(1)), NotImplementedError, '"gcd" not implemented'),
        (lambda: facula.hypot(facula.tensor([1]), facula.tensor([1])), NotImplementedError, '"hypot" not implemented'),
        (lambda: facula.nextafter(facula.tensor([1]), 2), NotImplementedError, '"nextafter" not implemented'),
        (lambda: facula.bitwise_left_shift(facula.ones(1), 1), NotImplementedError, "not implemented for"),
        (lambda: facula.positive(facula.tensor([True])), RuntimeError, "on a bool tensor is not supported"),
        (lambda: facula.frexp(facula.tensor([1])), RuntimeError, "only supports floating-point dtypes"),
        (lambda: facula.signbit(facula.tensor([1j])), RuntimeError, "does not support complex inputs"),
        (lambda: facula.polygamma(-1, facula.ones(1)), RuntimeError, "does not support negative n"),
        (lambda: facula.mvlgamma(facula.ones(1), 0), RuntimeError, "p has to be greater than or equal to 1"),
        (lambda: facula.atan2(facula.ones(2), facula.ones(3)), RuntimeError, "must match"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", ["igamma", "igammac"])
def test_a_missing_derivative_says_so(name):
    a = facula.tensor([1.0], requires_grad=True)
    with pytest.raises(NotImplementedError, match=f"the derivative for '{name}: input' is not implemented"):
        getattr(facula, name)(a, facula.ones(1)).backward()
