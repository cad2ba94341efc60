"""Special functions under PyTorch's names: `facula.special.erf`, `facula.special.bessel_j0`, ..."""

from __future__ import annotations

from typing import Any

_SAME_AS = {
    "expit": "sigmoid", "gammaln": "lgamma", "psi": "digamma", "gammainc": "igamma", "gammaincc": "igammac", "multigammaln": "mvlgamma",
}  # fmt: skip
_SHARED = (
    "digamma erf erfc erfinv exp2 expm1 i0 log1p log_softmax logit logsumexp polygamma round sinc softmax xlogy"
).split()


def _names() -> set[str]:
    from facula import ops

    return {name.removeprefix("special_") for name in ops.PUBLIC if name.startswith("special_")} | {*_SAME_AS, *_SHARED}


def __getattr__(name: str) -> Any:
    if name.startswith("__") or name not in _names():
        raise AttributeError(f"module 'facula.special' has no attribute {name!r}")
    from facula import ops

    public = f"special_{name}"
    found = globals()[name] = ops.function(public if public in ops.PUBLIC else _SAME_AS.get(name, name))
    return found


def __dir__() -> list[str]:
    return sorted(_names())
