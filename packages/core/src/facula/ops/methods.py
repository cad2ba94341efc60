"""Ops become methods and operators of `Tensor` here; in-place spellings come from the functional op by rule."""

from __future__ import annotations

from facula.autograd.op import Op
from facula.autograd.primitives import clone
from facula.errors import type_error
from facula.ops import arithmetic, compare, conversion, index, matmul, unary
from facula.ops.names import IN_PLACE, METHODS
from facula.tensors.inplace import in_place
from facula.tensors.tensor import Tensor

OPERATORS = {
    "add": arithmetic.add, "sub": arithmetic.sub, "mul": arithmetic.mul, "truediv": arithmetic.true_divide, "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder, "pow": arithmetic.pow, "matmul": matmul.matmul, "and": compare.bitwise_and, "or": compare.bitwise_or,
    "xor": compare.bitwise_xor,
}  # fmt: skip
COMPARISONS = {
    "eq": compare.eq,
    "ne": compare.ne,
    "lt": compare.lt,
    "le": compare.le,
    "gt": compare.gt,
    "ge": compare.ge,
}
_ACCEPTED = (Tensor, int, float, complex)  # bool is an int


def _attach(name, function, owner=Tensor):
    if isinstance(function, Op):
        function.install(owner, name)
    else:
        setattr(owner, name, function)


def _reflected(function):
    def method(self, other):
        return function(other, self)

    return method


def _guarded(function):
    """A comparison with something that is no number gives NotImplemented, so that `tensor == None` is False."""

    def method(self, other):
        try:
            return function(self, other)
        except TypeError:
            if isinstance(other, _ACCEPTED):
                raise
            return NotImplemented

    return method


def attach(public):
    """Give `Tensor` its operators, and every public op that PyTorch has as a method."""
    for name, function in OPERATORS.items():
        _attach(f"__{name}__", function)
        setattr(Tensor, f"__r{name}__", _reflected(function))
        setattr(Tensor, f"__i{name}__", in_place(function, f"{function.name}_"))
    arithmetic.add.install(Tensor, "__radd__")
    arithmetic.mul.install(Tensor, "__rmul__")
    Tensor.__div__, Tensor.__rdiv__ = Tensor.__truediv__, Tensor.__rtruediv__
    for name, function in COMPARISONS.items():
        setattr(Tensor, f"__{name}__", _guarded(function))
    _attach("__neg__", arithmetic.neg)
    _attach("__abs__", arithmetic.abs)
    _attach("__invert__", unary.bitwise_not)
    Tensor.__pos__ = lambda self: self
    Tensor.__getitem__, Tensor.__setitem__ = index.getitem, index.setitem
    Tensor.__iter__ = _iterate
    Tensor.where = lambda self, condition, other: public["where"](condition, self, other)
    Tensor.where.__doc__ = "This tensor where `condition` holds, `other` elsewhere.   Shape: as `where`."
    for side, name in (("lshift", "bitwise_left_shift"), ("rshift", "bitwise_right_shift")):
        _attach(f"__{side}__", public[name])
        setattr(Tensor, f"__r{side}__", _reflected(public[name]))
        setattr(Tensor, f"__i{side}__", in_place(public[name], f"{name}_"))
    for name in METHODS & public.keys():
        if name not in Tensor.__dict__:
            _attach(name, public[name])
    for name, convert in conversion.CONVERSIONS.items():
        setattr(Tensor, name, convert)
    for name in IN_PLACE:
        base = name[:-1]
        if name in public:
            _attach(name, public[name])
        elif name not in Tensor.__dict__ and base in public:
            setattr(Tensor, name, in_place(public[base], name))
    clone.install(Tensor, "clone")
    _properties(public)


def _iterate(self):
    if not self.ndim:
        raise type_error(
            "iter: iteration over a 0-d tensor, expected at least one dimension. Use .item() for its number."
        )
    return iter(public_unbind(self))


def public_unbind(self):
    from facula.ops.join import unbind

    return unbind(self, 0)


def _properties(public):
    permute, transpose = public["permute"], public["transpose"]
    Tensor.T = property(
        lambda self: permute(self, tuple(range(self.ndim))[::-1]), doc="The dimensions in reverse order."
    )
    Tensor.mT = property(lambda self: transpose(self, -2, -1), doc="The last two dimensions exchanged.")
    Tensor.H = property(
        lambda self: transpose(unary.conj(self), 0, 1) if self.ndim else unary.conj(self),
        doc="The conjugate transpose of a matrix.",
    )
    Tensor.mH = property(
        lambda self: transpose(unary.conj(self), -2, -1), doc="The conjugate transpose of the last two dimensions."
    )
    for name, part in (("real", "real"), ("imag", "imaginary")):
        if name in public:
            setattr(Tensor, name, property(public[name], doc=f"The {part} part, as a view."))
