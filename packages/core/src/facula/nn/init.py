"""Initialisation: functions that fill a tensor in place, without recording gradients, and return it."""

from __future__ import annotations

import math
import warnings
from typing import Any

from facula.autograd import no_grad
from facula.errors import value_error
from facula.tensors.tensor import Tensor

_GAINS = {"sigmoid": 1.0, "tanh": 5.0 / 3, "relu": math.sqrt(2.0), "selu": 3.0 / 4}
_LINEAR = (
    "linear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
)  # fmt: skip


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """The factor by which a nonlinearity's initial weights are widened, e.g. sqrt(2) for relu.

    >>> import facula
    >>> facula.nn.init.calculate_gain("leaky_relu", 0.2)
    1.3867504905630728
    """
    if nonlinearity in _LINEAR:
        return 1.0
    if nonlinearity == "leaky_relu":
        if param is None:
            slope = 0.01
        elif isinstance(param, (int, float)) and not isinstance(param, bool):
            slope = param
        else:
            raise value_error(f"calculate_gain: expected a number as negative_slope, got {param!r}. Pass a float.")
        return math.sqrt(2.0 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        known = ", ".join((*_LINEAR, "leaky_relu", *_GAINS))
        raise value_error(
            f"calculate_gain: expected one of {known}, got {nonlinearity!r}. Use 'linear' for a gain of 1."
        )
    return _GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """How many numbers one output is made of, and how many outputs one number reaches."""
    if tensor.ndim < 2:
        raise value_error(
            f"fan in and fan out: expected a tensor of at least 2 dimensions, got shape {tuple(tensor.shape)}. "
            "Initialise biases with zeros_."
        )
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _fan(tensor: Tensor, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise value_error(f"mode: expected 'fan_in' or 'fan_out', got {mode!r}. Use 'fan_in' for the forward pass.")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


_calculate_correct_fan = _fan


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Tensor:
    """Fill from the uniform distribution U(a, b).

    >>> import facula
    >>> w = facula.nn.init.uniform_(facula.empty(100), 2.0, 3.0)
    >>> bool(((w >= 2) & (w < 3)).all())
    True
    """
    with no_grad():
        return tensor.uniform_(a, b, generator=generator)


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Tensor:
    """Fill from the normal distribution N(mean, std^2).

    >>> import facula
    >>> w = facula.nn.init.normal_(facula.empty(1000), mean=5.0, std=0.1)
    >>> bool((w.mean() - 5).abs() < 0.1)
    True
    """
    with no_grad():
        return tensor.normal_(mean, std, generator=generator)


def trunc_normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, a: float = -2.0, b: float = 2.0, generator: Any = None
) -> Tensor:
    """Fill from N(mean, std^2) restricted to [a, b], by inverting its distribution function.

    >>> import facula
    >>> w = facula.nn.init.trunc_normal_(facula.empty(1000), std=0.5, a=-1.0, b=1.0)
    >>> bool((w.abs() <= 1).all())
    True
    """
    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "trunc_normal_: mean is more than 2 std from [a, b]. The distribution of values may be incorrect.",
            stacklevel=2,
        )
    low, high = (math.erf((bound - mean) / (std * math.sqrt(2.0))) for bound in (a, b))
    with no_grad():
        tensor.uniform_(low, high, generator=generator).erfinv_()
        return tensor.mul_(std * math.sqrt(2.0)).add_(mean).clamp_(a, b)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill with one value.

    >>> import facula
    >>> facula.nn.init.constant_(facula.empty(2), 0.3)
    tensor([0.3000, 0.3000])
    """
    with no_grad():
        return tensor.fill_(val)


def ones_(tensor: Tensor) -> Tensor:
    """Fill with 1.

    >>> import facula
    >>> facula.nn.init.ones_(facula.empty(2))
    tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def zeros_(tensor: Tensor) -> Tensor:
    """Fill with 0.

    >>> import facula
    >>> facula.nn.init.zeros_(facula.empty(2))
    tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with the identity: ones on the diagonal, zeros elsewhere.

    Errors: ValueError unless the tensor has 2 dimensions.

    >>> import facula
    >>> facula.nn.init.eye_(facula.empty(2, 3))
    tensor([[1., 0., 0.],
            [0., 1., 0.]])
    """
    if tensor.ndim != 2:
        raise value_error(f"eye_: expected a matrix, got shape {tuple(tensor.shape)}. Use dirac_ for convolutions.")
    with no_grad():
        tensor.zero_()
        tensor.diagonal().fill_(1.0)
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill a convolution's weight so that it copies its input channels, group by group.

    Errors: ValueError unless the tensor has 3, 4 or 5 dimensions and `groups` divides the first.

    >>> import facula
    >>> facula.nn.init.dirac_(facula.empty(2, 2, 3))[:, :, 1]
    tensor([[1., 0.],
            [0., 1.]])
    """
    if tensor.ndim not in (3, 4, 5):
        raise value_error(
            f"dirac_: expected a weight of 3, 4 or 5 dimensions, got shape {tuple(tensor.shape)}. Or use eye_."
        )
    if tensor.shape[0] % groups:
        raise value_error(
            f"dirac_: expected the {tensor.shape[0]} output channels to divide by groups, got {groups}. Change groups."
        )
    per_group = tensor.shape[0] // groups
    middle = tuple(size // 2 for size in tensor.shape[2:])
    with no_grad():
        tensor.zero_()
        for group in range(groups):
            for channel in range(min(per_group, tensor.shape[1])):
                tensor[(group * per_group + channel, channel, *middle)] = 1
    return tensor


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill from U(-a, a), a = gain * sqrt(6 / (fan_in + fan_out)) (Glorot & Bengio, 2010).

    fan_in is the number of inputs of one output, fan_out of outputs of one input: shape[1] and shape[0] times the kernel's size.
    Errors: ValueError for fewer than 2 dimensions.

    >>> import facula
    >>> w = facula.nn.init.xavier_uniform_(facula.empty(2, 4))
    >>> bool((w.abs() <= 1).all())
    True
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    bound = gain * math.sqrt(6.0 / (fan_in + fan_out))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Any = None) -> Tensor:
    """Fill from N(0, std^2), std = gain * sqrt(2 / (fan_in + fan_out)) (Glorot & Bengio, 2010).

    fan_in is the number of inputs of one output, fan_out of outputs of one input: shape[1] and shape[0] times the kernel's size.
    Errors: ValueError for fewer than 2 dimensions.

    >>> import facula
    >>> facula.nn.init.xavier_normal_(facula.empty(2, 4)).shape
    facula.Size([2, 4])
    """
    fan_in, fan_out = _calculate_fan_in_and_fan_out(tensor)
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / (fan_in + fan_out)), generator)


def kaiming_uniform_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Fill from U(-b, b), b = gain * sqrt(3 / fan) (He et al., 2015).

    fan is that of `mode`, "fan_in" or "fan_out"; gain that of `nonlinearity`, `a` being the slope of leaky_relu: see
    `calculate_gain`.

    >>> import facula
    >>> w = facula.nn.init.kaiming_uniform_(facula.empty(2, 6), nonlinearity="relu")
    >>> bool((w.abs() <= 1).all())
    True
    """
    if 0 in tensor.shape:
        warnings.warn("kaiming_uniform_: initializing zero-element tensors does nothing", stacklevel=2)
        return tensor
    bound = math.sqrt(3.0) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor, a: float = 0, mode: str = "fan_in", nonlinearity: str = "leaky_relu", generator: Any = None
) -> Tensor:
    """Fill from N(0, std^2), std = gain / sqrt(fan) (He et al., 2015).

    fan is that of `mode`, "fan_in" or "fan_out"; gain that of `nonlinearity`, `a` being the slope of leaky_relu: see
    `calculate_gain`.

    >>> import facula
    >>> facula.nn.init.kaiming_normal_(facula.empty(2, 6), mode="fan_out").shape
    facula.Size([2, 6])
    """
    if 0 in tensor.shape:
        warnings.warn("kaiming_normal_: initializing zero-element tensors does nothing", stacklevel=2)
        return tensor
    return normal_(tensor, 0.0, calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode)), generator)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Any = None) -> Tensor:
    """Fill with a (semi-)orthogonal matrix over dimension 0 and all others together, times gain (Saxe et al., 2013).

    Errors: ValueError for fewer than 2 dimensions.

    >>> import facula
    >>> w = facula.nn.init.orthogonal_(facula.empty(2, 5))
    >>> facula.allclose(w @ w.t(), facula.eye(2), atol=1e-6)
    True
    """
    if tensor.ndim < 2:
        raise value_error(
            f"orthogonal_: expected a tensor of at least 2 dimensions, got shape {tuple(tensor.shape)}. Use normal_."
        )
    if tensor.numel() == 0:
        return tensor
    from facula.ops import linalg_qr

    rows, columns = tensor.shape[0], tensor.numel() // tensor.shape[0]
    with no_grad():
        flat = tensor.new_empty((rows, columns)).normal_(0, 1, generator=generator)
        q, r = linalg_qr(flat.t() if rows < columns else flat)
        q = q * r.diagonal().sign()  # the unique factor with a positive diagonal makes q uniform
        tensor.copy_((q.t() if rows < columns else q).reshape(tensor.shape)).mul_(gain)
    return tensor


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Any = None) -> Tensor:
    """Fill a matrix from N(0, std^2) and put a share `sparsity` of each column to zero (Martens, 2010).

    Errors: ValueError unless the tensor has 2 dimensions.

    >>> import facula
    >>> (facula.nn.init.sparse_(facula.empty(4, 3), sparsity=0.5) == 0).sum(0)
    tensor([2, 2, 2])
    """
    if tensor.ndim != 2:
        raise value_error(f"sparse_: expected a matrix, got shape {tuple(tensor.shape)}. Reshape it first.")
    from facula.ops import randperm

    rows, columns = tensor.shape
    zeros = math.ceil(sparsity * rows)
    with no_grad():
        tensor.normal_(0, std, generator=generator)
        for column in range(columns):
            tensor[randperm(rows, generator=generator)[:zeros], column] = 0
    return tensor


def _older(function: Any) -> Any:
    """PyTorch's older name for an initialiser, without the underscore."""
    name = function.__name__[:-1]

    def older(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{name}` is now deprecated in favor of `nn.init.{function.__name__}`.",
            FutureWarning,
            stacklevel=2,
        )
        filled: Tensor = function(*args, **kwargs)
        return filled

    older.__name__ = older.__qualname__ = name
    older.__doc__ = f"Deprecated; the same as `{function.__name__}`."
    return older


uniform, normal, constant, eye, dirac = map(_older, (uniform_, normal_, constant_, eye_, dirac_))
xavier_uniform, xavier_normal = map(_older, (xavier_uniform_, xavier_normal_))
kaiming_uniform, kaiming_normal = map(_older, (kaiming_uniform_, kaiming_normal_))
orthogonal, sparse = map(_older, (orthogonal_, sparse_))
