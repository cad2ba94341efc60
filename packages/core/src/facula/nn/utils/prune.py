"""Pruning: a parameter times a mask of zeros and ones, chosen at random or by size, until the mask is made permanent.

A pruned `weight` is split into the parameter `weight_orig` and the buffer `weight_mask`; a hook multiplies them before every
forward. Pruning again prunes what is left.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from facula.errors import assertion_error, index_error, type_error, value_error
from facula.nn.module import Module
from facula.ops import PUBLIC
from facula.tensors.tensor import Tensor

__all__ = [
    "BasePruningMethod", "CustomFromMask", "Identity", "L1Unstructured", "LnStructured", "PruningContainer", "RandomStructured",
    "RandomUnstructured", "custom_from_mask", "global_unstructured", "identity", "is_pruned", "l1_unstructured",
    "ln_structured", "random_structured", "random_unstructured", "remove",
]  # fmt: skip


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, numbers.Real):
        raise type_error(f"Invalid type for amount: {amount}. Must be int or float. Pass e.g. 0.3.")
    if amount < 0 or (not isinstance(amount, numbers.Integral) and float(amount) > 1.0):
        raise value_error(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer. Use 0.3."
        )


def _count(amount: Any, size: int) -> int:
    """How many of `size` units an amount means."""
    count = int(amount) if isinstance(amount, numbers.Integral) else round(amount * size)
    if count > size:
        raise value_error(
            f"amount={count} should be smaller than the number of parameters to prune={size}. Pass a smaller one."
        )
    return count


def _ones(t: Tensor) -> Tensor:
    ones: Tensor = PUBLIC["ones_like"](t.detach())
    return ones


def _method_of(module: Module, name: str) -> tuple[int, BasePruningMethod] | None:
    """The hook that prunes a tensor, and its place among the hooks."""
    for key, entry in module._forward_pre_hooks.items():
        if isinstance(entry.call, BasePruningMethod) and entry.call._tensor_name == name:
            return key, entry.call
    return None


class BasePruningMethod(ABC):
    """A way to choose masks; `PRUNING_TYPE` is "unstructured", "structured" or "global". It acts as the hook of a module.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> class Negative(prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         return default_mask * (t >= 0)
    >>> Negative().prune(facula.tensor([3.0, -1.0, 2.0])).abs()
    tensor([3., 0., 2.])
    """

    PRUNING_TYPE: str = ""
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The new mask for a tensor whose present mask is `default_mask`."""

    def apply_mask(self, module: Module) -> Tensor:
        """The original times the mask."""
        mask, original = (getattr(module, f"{self._tensor_name}_{part}") for part in ("mask", "orig"))
        pruned: Tensor = mask.to(dtype=original.dtype) * original
        return pruned

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Tensor | None = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune `module.<name>` now and before every forward, on top of earlier prunings."""
        method: BasePruningMethod = cls(*args, **kwargs)
        method._tensor_name = name
        present = getattr(module, name)
        scores = present if importance_scores is None else importance_scores
        if scores.shape != present.shape:
            raise assertion_error(
                f"importance_scores should have the same shape as parameter {name} of {module}, expected {tuple(present.shape)}, "
                f"got {tuple(scores.shape)}. Reshape them."
            )
        old = _method_of(module, name)
        if old is None:
            mask = method.compute_mask(scores.detach(), _ones(present))
            original = module._parameters[name]
            delattr(module, name)
            module.register_parameter(f"{name}_orig", original)
        else:
            key, earlier = old
            container = earlier if isinstance(earlier, PruningContainer) else PruningContainer(earlier)
            container.add_pruning_method(method)
            mask = container.compute_mask(scores.detach(), getattr(module, f"{name}_mask").detach().clone())
            del module._forward_pre_hooks[key]
            method = container
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """`t` with the pruned elements set to zero; no module is involved."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise assertion_error(
                f"importance_scores should have the same shape as tensor t, expected {tuple(t.shape)}, got {tuple(scores.shape)}. "
                "Reshape them."
            )
        return t * self.compute_mask(scores, _ones(t) if default_mask is None else default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned tensor a parameter again and forget the mask."""
        name = self._tensor_name
        pruned = self.apply_mask(module)
        original: Any = getattr(module, f"{name}_orig")
        if name in module.__dict__:
            delattr(module, name)
        original.data = pruned.detach()
        delattr(module, f"{name}_orig")
        delattr(module, f"{name}_mask")
        module.register_parameter(name, original)


class PruningContainer(BasePruningMethod):
    """Several prunings of one tensor; the last one chooses among what the others have left.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> layer = prune.random_unstructured(facula.nn.Linear(4, 2), "weight", amount=2)
    >>> layer = prune.l1_unstructured(layer, "weight", amount=2)
    >>> hook = next(iter(layer._forward_pre_hooks.values())).call
    >>> type(hook).__name__, len(hook), int((layer.weight == 0).sum())
    ('PruningContainer', 2, 4)
    """

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Append a pruning of the same tensor."""
        if not isinstance(method, BasePruningMethod):
            raise type_error(f"{type(method)} is not a BasePruningMethod subclass. Derive it from BasePruningMethod.")
        if self._tensor_name != method._tensor_name:
            raise value_error(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to {self}, got "
                f"'{method._tensor_name}'. Use another container."
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        method, mask = self._pruning_methods[-1], default_mask.clone()
        if method.PRUNING_TYPE == "global":
            return method.compute_mask(t, mask)
        if method.PRUNING_TYPE == "unstructured":
            kept: Any = default_mask.eq(1)
        elif method.PRUNING_TYPE == "structured":
            dim = method.dim % t.ndim  # type: ignore[attr-defined]
            left = default_mask.sum([d for d in range(t.ndim) if d != dim]) != 0
            kept = (*[slice(None)] * dim, left)
        else:
            raise value_error(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}, expected one of three. Use 'global'.")
        mask[kept] = method.compute_mask(t[kept], default_mask[kept])
        return mask


class Identity(BasePruningMethod):
    """Prunes nothing; the parameter is split all the same.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> t = facula.tensor([[3.0, -1.0], [2.0, -4.0]])
    >>> prune.Identity().prune(t).equal(t)
    True
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _ByAmount(BasePruningMethod):
    """Prunes a number, or a share, of units."""

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount


class _Unstructured(_ByAmount):
    PRUNING_TYPE = "unstructured"

    def _scores(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _count(self.amount, t.numel())
        mask = default_mask.clone()
        if count:
            chosen = PUBLIC["topk"](self._scores(t).reshape(-1), count, largest=False)[1]
            flat = mask.reshape(-1)
            flat[chosen] = 0
            mask = flat.reshape(mask.shape)
        return mask


class RandomUnstructured(_Unstructured):
    """Prunes elements at random.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> t = facula.tensor([[3.0, -1.0], [2.0, -4.0]])
    >>> int((prune.RandomUnstructured(amount=3).prune(t) == 0).sum())
    3
    """

    def _scores(self, t: Tensor) -> Tensor:
        scores: Tensor = PUBLIC["rand_like"](t)
        return scores


class L1Unstructured(_Unstructured):
    """Prunes the elements of smallest size.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> t = facula.tensor([[3.0, -1.0], [2.0, -4.0]])
    >>> prune.L1Unstructured(amount=0.5).prune(t).abs()
    tensor([[3., 0.],
            [0., 4.]])
    """

    def _scores(self, t: Tensor) -> Tensor:
        scores: Tensor = t.abs()
        return scores


class _Structured(_ByAmount):
    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def _scores(self, t: Tensor, others: list[int]) -> Tensor:
        raise NotImplementedError

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.ndim <= 1:
            raise value_error(
                "Structured pruning can only be applied to multidimensional tensors, got one of shape "
                f"{tuple(t.shape)}. Use an unstructured method."
            )
        if not -t.ndim <= self.dim < t.ndim:
            raise index_error(f"Invalid index {self.dim} for tensor of size {tuple(t.shape)}. Use a dim that it has.")
        dim = self.dim % t.ndim
        count = _count(self.amount, t.shape[dim])
        if not count:
            return default_mask
        chosen = PUBLIC["topk"](self._scores(t, [d for d in range(t.ndim) if d != dim]), count, largest=False)[1]
        channels = default_mask.new_ones(t.shape[dim])
        channels[chosen] = 0
        return default_mask * channels.reshape(*[-1 if d == dim else 1 for d in range(t.ndim)])


class RandomStructured(_Structured):
    """Prunes channels along `dim` at random.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> t = facula.tensor([[3.0, -1.0], [2.0, -4.0]])
    >>> int((prune.RandomStructured(amount=1, dim=0).prune(t) == 0).all(1).sum())
    1
    """

    def _scores(self, t: Tensor, others: list[int]) -> Tensor:
        scores: Tensor = PUBLIC["rand_like"](t.sum(others))
        return scores


class LnStructured(_Structured):
    """Prunes the channels along `dim` of smallest n-norm.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> t = facula.tensor([[3.0, -1.0], [2.0, -4.0]])
    >>> prune.LnStructured(amount=1, n=2, dim=0).prune(t).abs()
    tensor([[0., 0.],
            [2., 4.]])
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, t: Tensor, others: list[int]) -> Tensor:
        scores: Tensor = PUBLIC["norm"](t, p=self.n, dim=others)
        return scores


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is zero.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> t = facula.tensor([[3.0, -1.0], [2.0, -4.0]])
    >>> prune.CustomFromMask(facula.tensor([[1, 0], [1, 0]])).prune(t).abs()
    tensor([[3., 0.],
            [2., 0.]])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask * self.mask.to(dtype=default_mask.dtype)


def identity(module: Module, name: str) -> Module:
    """Split `module.<name>` into original and mask without pruning anything.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> layer = facula.nn.Linear(4, 2)
    >>> list(prune.identity(layer, "weight").state_dict())
    ['bias', 'weight_orig', 'weight_mask']
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Prune `amount` elements (a share, or a count if it is an int) of `module.<name>` at random.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> layer = facula.nn.Linear(4, 2)
    >>> int((prune.random_unstructured(layer, "weight", amount=0.25).weight == 0).sum())
    2
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(module: Module, name: str, amount: float, importance_scores: Tensor | None = None) -> Module:
    """Prune the `amount` elements of smallest size.

    >>> import facula
    >>> layer = facula.nn.Linear(4, 1)
    >>> _ = layer.weight.data.copy_(facula.tensor([[3.0, -1.0, 2.0, -4.0]]))
    >>> facula.nn.utils.prune.l1_unstructured(layer, "weight", amount=0.5).weight.tolist()
    [[3.0, -0.0, 0.0, -4.0]]
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Prune `amount` channels along `dim` at random.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> layer = facula.nn.Linear(4, 2)
    >>> int((prune.random_structured(layer, "weight", amount=1, dim=1).weight == 0).all(0).sum())
    1
    """
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> Module:
    """Prune the `amount` channels along `dim` of smallest n-norm.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> layer = facula.nn.Linear(4, 2)
    >>> int((prune.ln_structured(layer, "weight", amount=0.5, n=2, dim=0).weight == 0).all(1).sum())
    1
    """
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune `module.<name>` where `mask` is zero.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> layer = facula.nn.Linear(4, 2)
    >>> bool((prune.custom_from_mask(layer, "bias", mask=facula.tensor([1, 0])).bias[1] == 0).item())
    True
    """
    CustomFromMask.apply(module, name, mask=mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several tensors as one: `amount` is a share of all their elements together.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> layer = facula.nn.Linear(4, 2)
    >>> prune.global_unstructured([(layer, "weight"), (layer, "bias")], prune.L1Unstructured, amount=5)
    >>> int((layer.weight == 0).sum() + (layer.bias == 0).sum())
    5
    """
    if not isinstance(parameters, Iterable):
        raise type_error("global_unstructured(): parameters is not an Iterable, expected pairs of module and name.")
    places = list(parameters)
    scores = importance_scores or {}
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise type_error(
            f'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method {pruning_method} of type '
            f"{method.PRUNING_TYPE}. Use e.g. L1Unstructured."
        )
    method._tensor_name = "temp"
    tensors = [getattr(module, name).detach() for module, name in places]
    masks = [getattr(m, f"{name}_mask", None) for m, name in places]
    flat = [scores.get(place, t).detach().reshape(-1) for place, t in zip(places, tensors, strict=True)]
    present = [(_ones(t) if mask is None else mask).reshape(-1) for t, mask in zip(tensors, masks, strict=True)]
    whole = PruningContainer(method).compute_mask(PUBLIC["cat"](flat), PUBLIC["cat"](present))
    begin = 0
    for (module, name), t in zip(places, tensors, strict=True):
        custom_from_mask(module, name, whole[begin : begin + t.numel()].reshape(t.shape))
        begin += t.numel()


def remove(module: Module, name: str) -> Module:
    """Make the pruning of `module.<name>` permanent: a plain parameter again, with zeros where it was pruned.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> layer = facula.nn.Linear(4, 2)
    >>> layer = prune.remove(prune.l1_unstructured(layer, "weight", amount=3), "weight")
    >>> int((layer.weight == 0).sum()), list(layer.state_dict())
    (3, ['bias', 'weight'])
    """
    found = _method_of(module, name)
    if found is None:
        raise value_error(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed. Check the name."
        )
    key, method = found
    method.remove(module)
    del module._forward_pre_hooks[key]
    return module


def is_pruned(module: Module) -> bool:
    """Whether a tensor of a module or of one below it is pruned.

    >>> import facula
    >>> from facula.nn.utils import prune
    >>> layer = facula.nn.Linear(4, 2)
    >>> before = prune.is_pruned(layer)
    >>> before, prune.is_pruned(prune.identity(layer, "weight"))
    (False, True)
    """
    return any(
        isinstance(entry.call, BasePruningMethod)
        for child in module.modules()
        for entry in child._forward_pre_hooks.values()
    )
