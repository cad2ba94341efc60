"""The von Mises distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from facula import ops
from facula.devices import base as devices
from facula.devices.generator import default_generator
from facula.distributions import constraints
from facula.distributions.distribution import Distribution
from facula.distributions.utils import broadcast_all
from facula.tensors.tensor import Tensor, wrap


class VonMises(Distribution):
    """log p(x) = k cos(x - loc) - log(2 pi I0(k)): a normal distribution on the circle, for concentration k.

    Angles are in radians; samples lie in [-pi, pi).

    >>> import facula
    >>> facula.distributions.VonMises(0.0, 4.0).variance
    tensor(0.1365)
    """

    arg_constraints: ClassVar[dict[str, Any]] = {"loc": constraints.real, "concentration": constraints.positive}
    support = constraints.real

    def __init__(self, loc: Any, concentration: Any, validate_args: bool | None = None) -> None:
        self.loc, self.concentration = broadcast_all(loc, concentration)
        super().__init__(self.loc.shape, validate_args=validate_args)

    @property
    def mean(self) -> Tensor:
        """The mean angle."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The circular variance 1 - I1(k) / I0(k)."""
        return 1 - ops.special_i1e(self.concentration) / ops.special_i0e(self.concentration)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        k = devices.to_host(self.concentration.detach().array).astype(np.float64)
        shape = self._extended_shape(sample_shape)
        drawn = np.asarray(default_generator(self.loc.device).rng.vonmises(0.0, k, shape))
        angle = wrap(devices.move(drawn.astype(self.loc.array.dtype), self.loc.device)) + self.loc.detach()
        return (angle + math.pi) % (2 * math.pi) - math.pi

    def log_prob(self, value: Tensor) -> Tensor:
        self._validate_sample(value)
        k = self.concentration
        return k * (ops.cos(value - self.loc) - 1) - math.log(2 * math.pi) - ops.log(ops.special_i0e(k))
