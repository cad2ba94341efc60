"""Elementary functions of float32 in plain arithmetic: a loop that calls them runs on whole vector registers.

No branch and no call into a library, so the compiler can do 8 or 16 numbers at once. nan stays nan, infinities give their
limits, results below the smallest normal number are 0. A constant in a kernel must be a float32 as well (`ONE`, `HALF`):
Python's own would make the whole expression float64.

Errors against the exact value, over all of float32: exp 4e-7, sigmoid, tanh and erf 5e-7 relative (tests/ops/kernels).
Sources: Cephes (Moshier, 1992) for the polynomials of exp and log; the odd rational forms of tanh and erf are those
commonly fitted for float32 (degree 13 over 6 and 13 over 8).
"""

from __future__ import annotations

import numpy as np

from facula.ops.kernels.compiled import inline

f = np.float32
ZERO, HALF, ONE, TWO = f(0), f(0.5), f(1), f(2)
INF = f(np.inf)
LOG2_E, LN2_HIGH, LN2_LOW = f(1.44269504), f(0.693359375), f(-2.12194440e-4)
LOWEST, HIGHEST = f(-87.33654), f(88.72283)  # exp leaves the normal numbers outside of them
E0, E1, E2, E3, E4, E5 = (
    f(1.9875691500e-4),
    f(1.3981999507e-3),
    f(8.3334519073e-3),
    f(4.1665795894e-2),
    f(1.6666665459e-1),
    f(5.0000001201e-1),
)
L3, L5, L7, L9, L11, L13, L15 = f(2 / 3), f(2 / 5), f(2 / 7), f(2 / 9), f(2 / 11), f(2 / 13), f(2 / 15)
T_LIMIT = f(7.90531110763549805)
T1, T3, T5, T7 = f(4.89352455891786e-03), f(6.37261928875436e-04), f(1.48572235717979e-05), f(5.12229709037114e-08)
T9, T11, T13 = f(-8.60467152213735e-11), f(2.00018790482477e-13), f(-2.76076847742355e-16)
U0, U2, U4, U6 = f(4.89352518554385e-03), f(2.26843463243900e-03), f(1.18534705686654e-04), f(1.19825839466702e-06)
R_LIMIT = f(4)
R1, R3, R5, R7 = f(-1.60960333262415e-02), f(-2.95459980854025e-03), f(-7.34990630326855e-04), f(-5.69250639462346e-05)
R9, R11, R13 = f(-2.10102402082508e-06), f(2.77068142495902e-08), f(-2.72614225801306e-10)
S0, S2, S4 = f(-1.42647390514189e-02), f(-7.37332916720468e-03), f(-1.68282697438203e-03)
S6, S8 = f(-2.13374055278905e-04), f(-1.45660718464996e-05)


@inline
def exp(x):
    """e ** x: 2 ** n times a polynomial on [-ln 2 / 2, ln 2 / 2]."""
    t = LOWEST if x < LOWEST else x
    t = HIGHEST if t > HIGHEST else t
    n = np.floor(t * LOG2_E + HALF)
    r = t - n * LN2_HIGH - n * LN2_LOW
    p = ((((E0 * r + E1) * r + E2) * r + E3) * r + E4) * r + E5
    p = p * r * r + r + ONE
    p = np.int32(np.float32(p).view(np.int32) + (np.int32(n) << 23)).view(np.float32)  # times 2 ** n
    p = ZERO if x < LOWEST else p
    return INF if x > HIGHEST else p


@inline
def expm1(x):
    """e ** x - 1, also near 0: 2 ** n times (the polynomial - 1), plus 2 ** n - 1."""
    t = LOWEST if x < LOWEST else x
    t = HIGHEST if t > HIGHEST else t
    n = np.floor(t * LOG2_E + HALF)
    r = t - n * LN2_HIGH - n * LN2_LOW
    p = ((((E0 * r + E1) * r + E2) * r + E3) * r + E4) * r + E5
    p = p * r * r + r
    power = np.int32((np.int32(n) + 127) << 23).view(np.float32)
    return p * power + (power - ONE)


@inline
def log1p(x):
    """log(1 + x) for x from 0 to 1: 2 artanh(x / (2 + x)) by its series."""
    s = x / (x + TWO)
    t = s * s
    return s * (((((((L15 * t + L13) * t + L11) * t + L9) * t + L7) * t + L5) * t + L3) * t + TWO)


@inline
def sigmoid(x):
    """1 / (1 + e ** -x)."""
    return ONE / (ONE + exp(-x))


@inline
def tanh(x):
    """x P(x²) / Q(x²); beyond 7.9 it is 1 to the last bit."""
    t = -T_LIMIT if x < -T_LIMIT else x
    t = T_LIMIT if t > T_LIMIT else t
    s = t * t
    p = t * ((((((T13 * s + T11) * s + T9) * s + T7) * s + T5) * s + T3) * s + T1)
    p = p / (((U6 * s + U4) * s + U2) * s + U0)
    p = -ONE if x < -T_LIMIT else p
    return ONE if x > T_LIMIT else p


@inline
def erf(x):
    """x P(x²) / Q(x²); beyond 4 it is 1 to the last bit."""
    t = -R_LIMIT if x < -R_LIMIT else x
    t = R_LIMIT if t > R_LIMIT else t
    s = t * t
    p = t * ((((((R13 * s + R11) * s + R9) * s + R7) * s + R5) * s + R3) * s + R1)
    return p / ((((S8 * s + S6) * s + S4) * s + S2) * s + S0)
