"""`Functional`: one function for every kind of input, and the table of its kernels."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable
from typing import Any

from facula import Tensor
from facula_vision import tv_tensors
from facula_vision.tv_tensors import TVTensor, is_pil_image, plain

__all__ = ["Functional", "functional", "is_pure_tensor", "register_kernel"]

Kernel = Callable[..., Any]
KINDS: dict[str, type[TVTensor]] = {
    "image": tv_tensors.Image,
    "video": tv_tensors.Video,
    "mask": tv_tensors.Mask,
    "bounding_boxes": tv_tensors.BoundingBoxes,
    "keypoints": tv_tensors.KeyPoints,
}
_PIL = "facula_vision.transforms.v2.functional.pil"
_PER_PIXEL = ("interpolation", "antialias")  # what a mask does without: its numbers are names, and have no mean


def is_pure_tensor(inpt: Any) -> bool:
    """Whether `inpt` is a tensor that does not say what it shows."""
    return isinstance(inpt, Tensor) and not isinstance(inpt, TVTensor)


class Functional:
    """A function whose kernel is chosen by the type of its first argument; TypeError for a type without one.

    A kernel sees plain tensors, and what it returns becomes the kind that came in. A kernel for boxes or keypoints takes
    their facts by name (`format`, `canvas_size`, `clamping_mode`), and may return a new size of the canvas beside them.
    """

    __name__: str

    def __init__(self, kernel: Kernel, kinds: str, pil: bool) -> None:
        functools.update_wrapper(self, kernel)
        self.__signature__ = inspect.signature(kernel)
        self.image = kernel
        self.pil = pil
        self.table: dict[type, Kernel] = {}
        self.kernels: dict[str, Kernel] = {}
        for kind in kinds.split():
            self.add(kind, self._nearest(kernel) if kind == "mask" else kernel)

    def _nearest(self, kernel: Kernel) -> Kernel:
        names = [name for name in self.__signature__.parameters if name in _PER_PIXEL]
        if not names:
            return kernel
        from facula_vision.transforms.interpolation import InterpolationMode

        kept = [p for p in self.__signature__.parameters.values() if p.name not in _PER_PIXEL]
        signature = self.__signature__.replace(parameters=kept)

        def mask(mask: Tensor, *args: Any, **kwargs: Any) -> Tensor:
            for name in _PER_PIXEL:
                kwargs.pop(name, None)
            bound = signature.bind(mask, *args, **kwargs)
            return kernel(**bound.arguments, interpolation=InterpolationMode.NEAREST)

        mask.__signature__ = signature  # type: ignore[attr-defined]
        return mask

    def add(self, kind: str, kernel: Kernel) -> None:
        """Take `kernel` for plain tensors that show `kind`."""
        if not kernel.__doc__:
            kernel.__doc__ = f"The kernel of `{self.__name__}` for plain tensors that show {kind.replace('_', ' ')}."
        self.kernels[kind] = kernel
        self.table[KINDS[kind]] = functools.partial(
            self._by_name if kind in ("mask", "bounding_boxes", "keypoints") else _wrapped, kernel
        )

    def kernel(self, kind: str) -> Callable[[Kernel], Kernel]:
        """The decorator that adds a kernel: `@horizontal_flip.kernel("keypoints")`."""

        def add(kernel: Kernel) -> Kernel:
            self.add(kind, kernel)
            return kernel

        return add

    def _by_name(self, kernel: Kernel, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        arguments = self.__signature__.bind(inpt, *args, **kwargs).arguments
        accepted = list(inspect.signature(kernel).parameters)[1:]
        named = {name: value for name, value in list(arguments.items())[1:] if name in accepted}
        facts = {name: getattr(inpt, name) for name in inpt.facts if name in accepted}
        out = kernel(plain(inpt), **named, **facts)
        return inpt.like(out[0], canvas_size=tuple(out[1])) if isinstance(out, tuple) else inpt.like(out)

    def find(self, inpt: Any) -> Kernel | None:
        """The kernel for what `inpt` is, or None."""
        kind = type(inpt)
        if kind in self.table:
            return self.table[kind]
        if isinstance(inpt, TVTensor):
            return next((self.table[base] for base in kind.__mro__ if base in self.table), None)
        if isinstance(inpt, Tensor):
            return self.image
        if self.pil and is_pil_image(inpt):
            self.table[kind] = getattr(importlib.import_module(_PIL), self.__name__)
            return self.table[kind]
        return None

    def __call__(self, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        kernel = self.find(inpt)
        if kernel is None:
            raise TypeError(
                f"{self.__name__}: expected {self.supported()}, got {type(inpt)}. Convert it first, e.g. by to_image."
            )
        return kernel(inpt, *args, **kwargs)

    def where_known(self, inpt: Any, *args: Any, **kwargs: Any) -> Any:
        """The call, or `inpt` as it is where there is no kernel for it."""
        kernel = self.find(inpt)
        return inpt if kernel is None else kernel(inpt, *args, **kwargs)

    def supported(self) -> str:
        """The kinds that it takes, in words."""
        kinds = [KINDS[kind].__name__ for kind in self.kernels]
        return ", ".join(["a Tensor", *(["a PIL Image"] if self.pil else []), *kinds])

    def __reduce__(self) -> str:
        return self.__name__


def _wrapped(kernel: Kernel, inpt: Any, *args: Any, **kwargs: Any) -> Any:
    out = kernel(plain(inpt), *args, **kwargs)
    return tuple(map(inpt.like, out)) if isinstance(out, tuple) else inpt.like(out)


def functional(kinds: str, pil: bool = True) -> Callable[[Kernel], Functional]:
    """The decorator that makes the kernel for plain tensors (and for `kinds`) a `Functional`."""
    return lambda kernel: Functional(kernel, kinds, pil)


def register_kernel(functional: Any, tv_tensor_cls: type) -> Callable[[Kernel], Kernel]:
    """The decorator that adds a kernel for a subclass of `TVTensor` of your own; it gets that and returns what it likes.

    `functional` is one of `v2.functional` or its name. ValueError for another, or for a kind that has kernels already.
    """
    if isinstance(functional, str):
        from facula_vision.transforms.v2 import functional as room

        functional = getattr(room, functional, functional)
    if not isinstance(functional, Functional):
        raise ValueError(
            f"register_kernel: expected a function of facula_vision.transforms.v2.functional, got {functional!r}. "
            "Kernels can only be registered on those."
        )
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, TVTensor)):
        raise ValueError(
            f"register_kernel: expected a subclass of TVTensor, got {tv_tensor_cls!r}. Derive your class from it."
        )
    if tv_tensor_cls in KINDS.values():
        raise ValueError(
            f"register_kernel: expected a class of your own, got the builtin {tv_tensor_cls.__name__}. Derive from it."
        )
    if functional.table.get(tv_tensor_cls) is not None:
        raise ValueError(
            f"register_kernel: expected a class without a kernel for {functional.__name__}, got "
            f"{tv_tensor_cls.__name__}, which has one. Register it once."
        )

    def add(kernel: Kernel) -> Kernel:
        functional.table[tv_tensor_cls] = kernel
        return kernel

    return add
