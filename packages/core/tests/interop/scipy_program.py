"""Calls SciPy functions with tensors, by the array API, and prints a line for each that differs from the same call with arrays."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
from scipy import cluster, differentiate, fft, integrate, ndimage, signal, special, stats

import facula

rng = np.random.default_rng(0)
X, Y = rng.standard_normal((20, 3)), rng.standard_normal((20, 3))
P, V = rng.random((20, 3)) + 0.1, np.sort(rng.random(20))

CASES = {
    "stats.zscore": lambda f: stats.zscore(f(X)),
    "stats.skew": lambda f: stats.skew(f(X)),
    "stats.kurtosis": lambda f: stats.kurtosis(f(X), axis=1),
    "stats.describe": lambda f: stats.describe(f(X)).variance,
    "stats.ttest_ind": lambda f: stats.ttest_ind(f(X), f(Y)).pvalue,
    "stats.ttest_1samp": lambda f: stats.ttest_1samp(f(X), 0.1).statistic,
    "stats.pearsonr": lambda f: stats.pearsonr(f(X), f(Y)).statistic,
    "stats.gmean": lambda f: stats.gmean(f(P)),
    "stats.entropy": lambda f: stats.entropy(f(P)),
    "stats.f_oneway": lambda f: stats.f_oneway(f(X), f(Y)).pvalue,
    "stats.rankdata": lambda f: stats.rankdata(f(X), axis=0),
    "stats.mannwhitneyu": lambda f: stats.mannwhitneyu(f(X), f(Y), method="asymptotic").statistic,
    "stats.circmean": lambda f: stats.circmean(f(P)),
    "stats.normaltest": lambda f: stats.normaltest(f(X)).pvalue,
    "stats.false_discovery_control": lambda f: stats.false_discovery_control(f(V)),
    "special.expit": lambda f: special.expit(f(X)),
    "special.gammaln": lambda f: special.gammaln(f(P)),
    "special.logsumexp": lambda f: special.logsumexp(f(X), axis=1),
    "special.softmax": lambda f: special.softmax(f(X), axis=1),
    "special.betainc": lambda f: special.betainc(f(P), f(P), f(P / 2)),
    "signal.hilbert": lambda f: signal.hilbert(f(V)),
    "signal.detrend": lambda f: signal.detrend(f(X), axis=0),
    "signal.fftconvolve": lambda f: signal.fftconvolve(f(V), f(V)),
    "signal.lfilter": lambda f: signal.lfilter(f(np.ones(3) / 3), f(np.ones(1)), f(V)),
    "signal.freqz": lambda f: signal.freqz(f(np.ones(3)), worN=f(V))[1],
    "signal.resample": lambda f: signal.resample(f(V), 10),
    "fft.fft": lambda f: fft.fft(f(V)),
    "fft.irfft": lambda f: fft.irfft(fft.rfft(f(V))),
    "fft.dct": lambda f: fft.dct(f(V)),
    "fft.fftshift": lambda f: fft.fftshift(f(X)),
    "cluster.vq.whiten": lambda f: cluster.vq.whiten(f(X)),
    "cluster.vq.vq": lambda f: cluster.vq.vq(f(X), f(Y[:3]))[0],
    "cluster.vq.kmeans2": lambda f: cluster.vq.kmeans2(f(X), f(X[:3]), minit="matrix")[0],
    "cluster.hierarchy.linkage": lambda f: cluster.hierarchy.linkage(f(X)),
    "integrate.trapezoid": lambda f: integrate.trapezoid(f(V)),
    "integrate.tanhsinh": lambda f: integrate.tanhsinh(lambda x: x * x, f(np.zeros(2)), f(np.ones(2))).integral,
    "differentiate.derivative": lambda f: differentiate.derivative(lambda x: x**3, f(V)).df,
    "ndimage.gaussian_filter": lambda f: ndimage.gaussian_filter(f(X), 1.0),
}


def main():
    for name, case in CASES.items():
        expected = np.asarray(case(np.asarray))
        found = case(lambda a: facula.from_numpy(a.copy()))
        if not isinstance(found, facula.Tensor):
            print(f"{name}: gave {type(found).__name__}")
        elif not np.allclose(found.numpy(), expected, rtol=1e-6):
            print(f"{name}: {found} is not {expected}")
    print(f"{len(CASES)} done")


if __name__ == "__main__":
    main()
