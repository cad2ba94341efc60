"""Calls scikit-learn with tensors, by the array API, and prints a line for each that differs from the same call with arrays."""

import os

os.environ["SCIPY_ARRAY_API"] = "1"

import numpy as np
import sklearn
from sklearn import metrics
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, MaxAbsScaler, MinMaxScaler, Normalizer, StandardScaler

import facula

rng = np.random.default_rng(0)
X = rng.standard_normal((40, 4))
Y = X @ np.array([1.0, -2, 0.5, 3]) + 0.1
C = (Y > 0).astype(np.int64)
P = np.concatenate([1 - C[:5], C[5:]])


def ridge():
    return Ridge(solver="svd")


CASES = {
    "StandardScaler": lambda f: StandardScaler().fit_transform(f(X)),
    "MinMaxScaler": lambda f: MinMaxScaler().fit_transform(f(X)),
    "MaxAbsScaler": lambda f: MaxAbsScaler().fit_transform(f(X)),
    "Normalizer": lambda f: Normalizer().transform(f(X)),
    "LabelEncoder": lambda f: LabelEncoder().fit_transform(f(C)),
    "PCA": lambda f: PCA(2, svd_solver="full").fit_transform(f(X)),
    "PCA whitened": lambda f: PCA(2, svd_solver="full", whiten=True).fit_transform(f(X)),
    "PCA randomized": lambda f: PCA(
        2, svd_solver="randomized", power_iteration_normalizer="QR", random_state=0
    ).fit_transform(f(X)),
    "Ridge": lambda f: ridge().fit(f(X), f(Y)).predict(f(X)),
    "LinearDiscriminantAnalysis": lambda f: LinearDiscriminantAnalysis().fit(f(X), f(C)).predict(f(X)),
    "GaussianNB": lambda f: GaussianNB().fit(f(X), f(C)).predict_proba(f(X)),
    "pipeline": lambda f: (
        make_pipeline(StandardScaler(), PCA(2, svd_solver="full"), ridge()).fit(f(X), f(Y)).predict(f(X))
    ),
    "train_test_split": lambda f: train_test_split(f(X), random_state=0)[0],
    "accuracy_score": lambda f: metrics.accuracy_score(f(C), f(P)),
    "f1_score": lambda f: metrics.f1_score(f(C), f(P)),
    "confusion_matrix": lambda f: metrics.confusion_matrix(f(C), f(P)),
    "roc_auc_score": lambda f: metrics.roc_auc_score(f(C), f(Y + 3 * X[:, 0])),
    "log_loss": lambda f: metrics.log_loss(f(C), f(1 / (1 + np.exp(-Y)))),
    "mean_squared_error": lambda f: metrics.mean_squared_error(f(Y), f(Y + 0.1)),
    "mean_absolute_error": lambda f: metrics.mean_absolute_error(f(Y), f(Y + 0.1)),
    "r2_score": lambda f: metrics.r2_score(f(Y), f(Y + 0.1)),
    "rbf_kernel": lambda f: metrics.pairwise.rbf_kernel(f(X)),
    "cosine_similarity": lambda f: metrics.pairwise.cosine_similarity(f(X)),
}


def main():
    for name, case in CASES.items():
        expected = np.asarray(case(np.asarray))
        with sklearn.config_context(array_api_dispatch=True):
            found = case(lambda a: facula.from_numpy(a.copy()))
        if not (isinstance(found, facula.Tensor) or expected.ndim == 0):
            print(f"{name}: gave {type(found).__name__}")
        elif not np.allclose(np.asarray(found), expected, rtol=1e-6, atol=1e-9):
            print(f"{name}: {found} is not {expected}")
    print(f"{len(CASES)} done")


if __name__ == "__main__":
    main()
