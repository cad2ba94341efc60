"""`Tensor`: an array, its gradient and its place on the tape. It knows no op; ops attach themselves as methods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from facula import dtypes
from facula.autograd.tape import Leaf, Node, Pick, RemovableHandle, current, version_of, writes
from facula.devices import base as devices
from facula.errors import index_error, runtime_error, type_error, value_error


class Size(tuple[int, ...]):
    """A shape: a tuple of ints that also counts its elements.

    >>> import facula
    >>> facula.zeros(2, 3).shape.numel()
    6
    """

    __slots__ = ()

    def numel(self) -> int:
        """The count of elements of a tensor of this shape."""
        total = 1
        for n in self:
            total *= n
        return total

    def __getitem__(self, key: Any) -> Any:
        found = tuple.__getitem__(self, key)
        return Size(found) if isinstance(key, slice) else found

    def __add__(self, other: Any) -> Size:
        return Size(tuple.__add__(self, tuple(other)))

    def __radd__(self, other: Any) -> Size:
        return Size(tuple(other) + tuple(self))

    def __mul__(self, times: Any) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"facula.Size({list(self)})"


class Tensor:
    """A multi-dimensional array that remembers how it was computed.

    `array` is the NumPy (or device) array. A view also knows its root tensor and the path of view ops from there, so that
    it can be replayed after the storage has been written. Methods come from the ops; see the reference for each.
    """

    __slots__ = {  # name: what it is, for help() and the reference
        "array": "The NumPy (or device) array that holds the elements.",
        "grad": "The gradient that backward has added up, or None.",
        **dict.fromkeys(("__dict__", "__weakref__", "node", "path", "root", "seen", "version")),
    }

    array: Any
    grad: Tensor | None
    node: Any
    root: Tensor | None
    path: tuple[Any, ...]
    seen: int
    version: Any
    __array_priority__ = 1000
    __hash__ = object.__hash__
    _is_parameter = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """`Tensor(2, 3)` is uninitialised memory of that shape; `Tensor([1, 2])` holds those numbers in the default dtype."""
        out = object.__new__(cls)
        out.grad = out.node = out.root = out.version = None
        d = dtypes.default().numpy
        if len(args) == 1 and not isinstance(args[0], int):
            out.array = args[0].array if isinstance(args[0], Tensor) else np.array(args[0], dtype=d)
        else:
            out.array = np.empty(args if args else (0,), dtype=d)
        return out

    if TYPE_CHECKING:  # methods are attached by ops

        def __getattr__(self, name: str) -> Any: ...
        def __getitem__(self, key: Any) -> Tensor: ...
        def __setitem__(self, key: Any, value: Any) -> None: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __floordiv__(self, other: Any) -> Tensor: ...
        def __mod__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __and__(self, other: Any) -> Tensor: ...
        def __or__(self, other: Any) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return Size(self.array.shape)

    @property
    def ndim(self) -> int:
        """The count of dimensions."""
        return int(self.array.ndim)

    @property
    def dtype(self) -> dtypes.dtype:
        """The type of the elements, e.g. `facula.float32`."""
        return dtypes.of(self.array.dtype)

    @property
    def device(self) -> devices.device:
        """Where the memory is, e.g. `facula.device("cpu")`."""
        return devices.device_of(self.array)

    @property
    def itemsize(self) -> int:
        """The bytes of one element."""
        return int(self.array.itemsize)

    @property
    def nbytes(self) -> int:
        """The bytes of all elements."""
        return int(self.array.nbytes)

    @property
    def is_cuda(self) -> bool:
        """Whether the memory is on a GPU."""
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        """Whether the memory is the host's."""
        return type(self.array) is np.ndarray

    @property
    def is_meta(self) -> bool:
        """Whether there is a shape and a type but no memory."""
        return self.device.type == "meta"

    is_sparse = is_quantized = is_mkldnn = is_nested = False

    def dim(self) -> int:
        """The count of dimensions."""
        return int(self.array.ndim)

    ndimension = dim

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension.

        >>> import facula
        >>> facula.zeros(2, 3).size(-1)
        3
        """
        if dim is None:
            return Size(self.array.shape)
        self._check_dim("size", dim)
        return self.array.shape[dim]

    def stride(self, dim: int | None = None) -> Any:
        """How many elements apart in memory the neighbours of each dimension are, or of one dimension.

        >>> import facula
        >>> facula.zeros(2, 3).stride()
        (3, 1)
        """
        steps = tuple(s // self.array.itemsize for s in self.array.strides)
        if dim is None:
            return steps
        self._check_dim("stride", dim)
        return steps[dim]

    def _check_dim(self, name: str, dim: int) -> None:
        n = max(self.array.ndim, 1)
        if not -n <= dim < n or not self.array.ndim:
            raise index_error(
                f"{name}: Dimension out of range, expected dim in [{-n}, {n - 1}], got {dim}. The shape is {tuple(self.shape)}."
            )

    def storage_offset(self) -> int:
        """How many elements of the storage come before the first of this tensor."""
        base = self.array
        while isinstance(base.base, np.ndarray):
            base = base.base
        return (
            int((self.data_ptr() - base.__array_interface__["data"][0]) // max(self.array.itemsize, 1))
            if base is not self.array
            else 0
        )

    def data_ptr(self) -> int:
        """The address of the first element."""
        array = self.array
        if isinstance(array, np.ndarray):
            return int(array.__array_interface__["data"][0])
        return int(array.data.ptr) if hasattr(array, "data") else 0

    def numel(self) -> int:
        """The count of elements."""
        return int(self.array.size)

    nelement = numel

    def element_size(self) -> int:
        """The bytes of one element."""
        return int(self.array.itemsize)

    def is_floating_point(self) -> bool:
        """Whether the elements are floating-point numbers (complex ones are not)."""
        return dtypes.is_float(self.array.dtype)

    def is_complex(self) -> bool:
        """Whether the elements are complex numbers."""
        return self.array.dtype.kind == "c"

    def is_signed(self) -> bool:
        """Whether the type has negative numbers."""
        return self.dtype.is_signed

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """Whether the elements lie in memory in the order of the dimensions, without gaps."""
        if memory_format is not None and getattr(memory_format, "name", "") in ("channels_last", "channels_last_3d"):
            last = self.array.ndim
            return bool(self.array.transpose(0, *range(2, last), 1).flags.c_contiguous) if last >= 3 else False
        return bool(self.array.flags.c_contiguous)

    def is_inference(self) -> bool:
        """Whether it was made in inference mode: not tracked here, so never."""
        return False

    def is_conj(self) -> bool:
        """Whether it is a lazy conjugate or negative: never here, they are computed."""
        return False

    is_neg = is_conj

    def is_set_to(self, tensor: Tensor) -> bool:
        """Whether both are the same memory with the same shape and strides."""
        a, b = self, tensor
        return a.data_ptr() == b.data_ptr() and a.shape == b.shape and a.stride() == b.stride()

    def get_device(self) -> int:
        """The number of the device; -1 on the CPU."""
        index = self.device.index
        return -1 if index is None else index

    @property
    def requires_grad(self) -> bool:
        """Whether backward computes a gradient for it; may be set on a leaf."""
        return (self if self.root is None else current(self)).node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Ask for (or give up) a gradient of this tensor; returns it.

        >>> import facula
        >>> facula.ones(1).requires_grad_()
        tensor([1.], requires_grad=True)
        """
        node = (self if self.root is None else current(self)).node
        if requires_grad:
            if node is None:
                if not dtypes.is_differentiable(self.array.dtype):
                    raise runtime_error(
                        f"requires_grad: only Tensors of floating point and complex dtype can require gradients, got {self.dtype}. "
                        "Convert it with .float() first."
                    )
                self.node = Leaf(self)
        elif type(node) is Leaf:
            self.node = None
        elif node is not None:
            raise runtime_error(
                "requires_grad: you can only change requires_grad flags of leaf variables, got a computed tensor. Use .detach() instead."
            )
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made it, so that backward keeps its gradient in `.grad`."""
        node = (self if self.root is None else current(self)).node
        return node is None or type(node) is Leaf

    @property
    def grad_fn(self) -> Any:
        """The recorded operation that made it, None for a leaf."""
        node = (self if self.root is None else current(self)).node
        return node if type(node) in (Node, Pick) else None

    @property
    def output_nr(self) -> int:
        """Which of the results of `grad_fn` it is."""
        return self.node.index if type(self.node) is Pick else 0

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on it."""
        hooks = getattr(self.node, "hooks", None) or {}
        return not self.is_leaf and any(kind == "retain" for kind, _ in hooks.values())

    @property
    def _version(self) -> int:
        return writes(self)

    @property
    def _base(self) -> Tensor | None:
        root = self.root if self.root is None else current(self).root
        face = root.__dict__.get("face") if root is not None else None  # whose memory it was before `t_()` and the like
        return root if face is None or face() is None else None if face() is self else face()

    def _is_view(self) -> bool:
        return self._base is not None

    @property
    def data(self) -> Any:
        """The same memory with no history; writes through it are not seen by the tape's check."""
        return wrap(self.array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise type_error(
                f"data: expected a Tensor, got {type(value).__name__}. Wrap it with facula.as_tensor first."
            )
        self.array = value.array

    def detach(self) -> Any:
        """The same memory without history; the tape still sees writes through it.

        >>> import facula
        >>> x = facula.ones(2, requires_grad=True)
        >>> (x * 2).detach().requires_grad
        False
        """
        out = wrap(self.array)
        out.version = version_of(self)
        return out

    def detach_(self) -> Any:
        """Forget the history of this tensor itself, which becomes a leaf."""
        if self.root is not None:
            raise runtime_error("detach_: expected a tensor that is not a view, got a view. Use detach() instead.")
        self.node = None
        return self

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add the gradient of this tensor to `.grad` of every leaf below it (or of `inputs` only).

        `gradient` (of this tensor's shape) weighs its elements and may be left away for a single number. `create_graph` records the
        backward, so that it can be differentiated again; `retain_graph` keeps what it needs for a second call.

        >>> import facula
        >>> x = facula.tensor([1., 2.], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4.])
        """
        from facula.autograd import engine

        engine.backward(self, gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Call `hook(grad)` when this tensor's gradient is known; a tensor it returns replaces the gradient.

        Returns a handle; `handle.remove()` takes the hook away.

        >>> import facula
        >>> x = facula.ones(1, requires_grad=True)
        >>> handle = x.register_hook(lambda grad: grad * 10)
        >>> (x * 3).backward()
        >>> x.grad
        tensor([30.])
        """
        node = (self if self.root is None else current(self)).node
        if node is None:
            raise runtime_error(
                "register_hook: cannot register a hook on a tensor that doesn't require gradient. Call requires_grad_() first."
            )
        if node.hooks is None:
            node.hooks = {}
        return RemovableHandle(node.hooks, ("tensor", hook))

    def register_post_accumulate_grad_hook(self, hook: Any) -> RemovableHandle:
        """Call `hook(tensor)` after `.grad` of this leaf has been accumulated."""
        if type(self.node) is not Leaf:
            raise runtime_error(
                "register_post_accumulate_grad_hook: expected a leaf that requires grad. Register it on a parameter."
            )
        if self.node.post_hooks is None:
            self.node.post_hooks = {}
        return RemovableHandle(self.node.post_hooks, hook)

    def retain_grad(self) -> None:
        """Keep `.grad` of this non-leaf tensor in backward.

        >>> import facula
        >>> x = facula.ones(1, requires_grad=True)
        >>> y = x * 2; y.retain_grad()
        >>> (y * 3).backward(); y.grad
        tensor([3.])
        """
        node = (self if self.root is None else current(self)).node
        if node is None:
            raise runtime_error(
                "retain_grad: can't retain_grad on Tensor that has requires_grad=False. Call requires_grad_() on an input."
            )
        if type(node) is not Leaf and not self.retains_grad:
            import weakref

            if node.hooks is None:
                node.hooks = {}
            RemovableHandle(node.hooks, ("retain", weakref.ref(self)))

    def item(self) -> Any:
        """The Python number in a tensor of one element.

        >>> import facula
        >>> facula.tensor([2.5]).item()
        2.5
        """
        if self.array.size != 1:
            raise runtime_error(
                f"item: a Tensor with {self.array.size} elements cannot be converted to Scalar. Reduce it first, e.g. with .mean()."
            )
        self._no_meta("item")
        value = self.array.item()
        return float(value) if self.array.dtype.kind == "V" else value

    def _no_meta(self, name: str) -> None:
        if self.is_meta:
            raise runtime_error(
                f"{name}: expected a tensor with data, got one on the meta device. Create it on the cpu."
            )

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers.

        >>> import facula
        >>> facula.tensor([[1, 2], [3, 4]]).tolist()
        [[1, 2], [3, 4]]
        """
        self._no_meta("tolist")
        return devices.to_host(self.array).tolist()

    def numpy(self, *, force: bool = False) -> np.ndarray[Any, Any]:
        """The same memory as a NumPy array (`force=True`: of any tensor, copying where needed).

        >>> import facula
        >>> t = facula.zeros(2)
        >>> t.numpy()[0] = 5
        >>> t
        tensor([5., 0.])
        """
        if force:
            return np.asarray(devices.to_host(self.array))
        if self.requires_grad:
            raise runtime_error(
                "numpy: can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
            )
        if not self.is_cpu:
            raise type_error(
                f"numpy: can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy it to host memory first."
            )
        array: np.ndarray[Any, Any] = self.array
        return array

    def __len__(self) -> int:
        if not self.array.ndim:
            raise type_error(
                "len: len() of a 0-d tensor, expected at least one dimension. Use .numel() for the count of elements."
            )
        return int(self.array.shape[0])

    def __bool__(self) -> bool:
        if self.array.size != 1:
            what = "no values" if not self.array.size else "more than one value"
            raise runtime_error(
                f"bool: Boolean value of Tensor with {what} is ambiguous. Reduce it first, e.g. with .all()."
            )
        return bool(self.item())

    def _only(self, kind: str) -> Any:
        """The number that `float()` and its kin convert."""
        if self.array.size != 1:
            raise value_error(
                f"{kind}: only one element tensors can be converted to Python scalars, got {self.array.size} elements. Reduce it first, e.g. with .mean()."
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._only("float"))

    def __int__(self) -> int:
        return int(self._only("int"))

    def __complex__(self) -> complex:
        return complex(self._only("complex"))

    def __index__(self) -> int:
        if self.array.dtype.kind not in "iub" or self.array.size != 1:
            raise type_error(
                f"index: only integer tensors of a single element can be converted to an index, got {self.dtype} of shape {tuple(self.shape)}. Use .item()."
            )
        return int(self.array.item())

    def __format__(self, spec: str) -> str:
        return self.item().__format__(spec) if not self.array.ndim and spec and not self.is_meta else repr(self)

    def __repr__(self) -> str:
        from facula.tensors.printing import tensor_repr

        return tensor_repr(self)

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any().item())

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) in memo:
            return memo[id(self)]
        if not self.is_leaf:
            raise runtime_error(
                "deepcopy: only Tensors created explicitly by the user (graph leaves) can be copied deeply. Use .detach().clone()."
            )
        out = object.__new__(type(self))
        memo[id(self)] = out
        out.array = self.array.copy()
        out.grad = None if self.grad is None else self.grad.__deepcopy__(memo)
        out.node = out.root = out.version = None
        if self.node is not None:
            out.node = Leaf(out)
        if self.__dict__:
            import copy

            out.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return out

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Tensors travel between our own processes (and through `copy`) as their array; files never hold pickles."""
        return rebuild, (type(self), devices.to_host(self.array), type(self.node) is Leaf, dict(self.__dict__))


_new = object.__new__


def wrap(array: Any) -> Tensor:
    """A tensor around an array: no copy, no history."""
    out = _new(Tensor)
    out.array = np.asarray(array) if isinstance(array, np.generic) else array
    out.grad = out.node = out.root = out.version = None
    return out


def rebuild(cls: type[Tensor], array: Any, requires_grad: bool, extra: dict[str, Any]) -> Tensor:
    """What `__reduce_ex__` took apart. A type that travelled equals ours, but many look-ups ask whether it is ours."""
    out = _new(cls)
    ours = dtypes.of(array.dtype).numpy
    out.array = array if array.dtype is ours else array.view(ours)
    out.grad = out.node = out.root = out.version = None
    if requires_grad:
        out.node = Leaf(out)
    out.__dict__.update(extra)
    return out
