"""What the engine says when it refuses: the class is PyTorch's, the words name the op, the reason and a way out."""

import copy

import pytest

import facula
from facula.autograd import backward, grad


@pytest.fixture
def x():
    return facula.ones(2, 3, requires_grad=True)


def _spoil_input(x):
    y = x * 1
    z = y * y
    y.add_(1)
    z.sum().backward()


def _spoil_result(x):
    y = x.exp()
    y.add_(1)
    y.sum().backward()


def _spoil_by_setitem(x):
    y = x * 1
    z = y * y
    y[0] = 1.0
    z.sum().backward()


CASES = {
    "not a scalar": (lambda x: (x * 2).backward(), RuntimeError, r"grad can be implicitly created only for scalar outputs, got shape \(2, 3\)"),
    "no gradient": (lambda x: x.detach().sum().backward(), RuntimeError, "element 0 of tensors does not require grad and does not have a grad_fn"),
    "wrong shape": (lambda x: x.backward(facula.ones(3)), RuntimeError, r"Mismatch in shape: expected .* \(2, 3\), got \(3,\)"),
    "no tensor": (lambda x: x.backward(1.0), TypeError, "gradients can be either Tensors or None, but got float"),
    "second part has no gradient": (lambda x: backward([x.sum(), facula.ones(1)]), RuntimeError, "does not require grad"),
    "no inputs": (lambda x: x.sum().backward(inputs=[]), RuntimeError, "`inputs` argument to backward cannot be empty"),
    "input without gradient": (lambda x: x.sum().backward(inputs=[facula.ones(1)]), RuntimeError, "backward: One of the differentiated Tensors does not"),
    "grad of constant": (lambda x: grad(x.sum(), facula.ones(1)), RuntimeError, "grad: One of the differentiated Tensors does not require grad"),
    "unused": (lambda x: grad((x * 1).sum(), facula.ones(1, requires_grad=True)), RuntimeError, "Set allow_unused=True"),
    "in place on leaf": (lambda x: x.mul_(2), RuntimeError, "mul_: a leaf Variable that requires grad is being used in an in-place operation"),
    "in place on view of leaf": (lambda x: x[0].mul_(2), RuntimeError, "mul_: a view of a leaf Variable that requires grad is being used"),
    "setitem on leaf": (lambda x: x.__setitem__(0, 1.0), RuntimeError, "is being used in an in-place operation"),
    "spoiled input": (_spoil_input, RuntimeError, r"mul: kept `(input|other)` for its gradient, but `add_` has modified it .* since \(version 1, expected 0\)"),
    "spoiled result": (_spoil_result, RuntimeError, "exp: kept `out` for its gradient, but `add_` has modified it by an inplace operation"),
    "spoiled by setitem": (_spoil_by_setitem, RuntimeError, "but `__setitem__` has modified it by an inplace operation"),
    "in place too large": (lambda x: (x[0] * 1).add_(x), RuntimeError, r"add_: output with shape \[3\] doesn't match the broadcast shape \[2, 3\]"),
    "in place too precise": (lambda x: facula.ones(2, dtype=facula.int64).add_(1.5), RuntimeError, "result type float32 can't be cast to the desired output"),
    "integers want gradients": (lambda x: facula.ones(2, dtype=facula.int64).requires_grad_(), RuntimeError, "only Tensors of floating point and complex"),
    "requires_grad of computed": (lambda x: (x * 1).requires_grad_(False), RuntimeError, "you can only change requires_grad flags of leaf variables"),
    "numpy": (lambda x: x.numpy(), RuntimeError, r"can't call numpy\(\) on Tensor that requires grad. Use tensor.detach\(\).numpy\(\)"),
    "hook on constant": (lambda x: x.detach().register_hook(print), RuntimeError, "cannot register a hook on a tensor that doesn't require gradient"),
    "post hook on computed": (lambda x: (x * 1).register_post_accumulate_grad_hook(print), RuntimeError, "register_post_accumulate_grad_hook: expected a leaf"),
    "retain_grad of constant": (lambda x: x.detach().retain_grad(), RuntimeError, "can't retain_grad on Tensor that has requires_grad=False"),
    "detach_ of view": (lambda x: (x * 1)[0].detach_(), RuntimeError, "detach_: expected a tensor that is not a view"),
    "deepcopy of computed": (lambda x: copy.deepcopy(x * 1), RuntimeError, "only Tensors created explicitly by the user"),
    "expanded write": (lambda x: facula.ones(1, 3).expand(2, 3).mul_(2), RuntimeError, "more than one element of the written-to tensor refers"),
    "truth": (lambda x: bool(x), RuntimeError, "Boolean value of Tensor with more than one value is ambiguous"),
    "item": (lambda x: x.item(), RuntimeError, "a Tensor with 6 elements cannot be converted to Scalar"),
    "len": (lambda x: len(facula.tensor(1.0)), TypeError, r"len\(\) of a 0-d tensor"),
    "iterate": (lambda x: list(facula.tensor(1.0)), TypeError, "iteration over a 0-d tensor"),
    "out wants gradients": (lambda x: facula.add(x, 1, out=facula.zeros(2, 3)), RuntimeError, r"out=... arguments don't support automatic differentiation"),
    "out of lower type": (lambda x: facula.add(x.detach(), 1, out=facula.zeros(2, 3, dtype=facula.int64)), RuntimeError, "can't be cast to the desired"),
    "out is no tensor": (lambda x: facula.add(x.detach(), 1, out=[1]), TypeError, "out: expected a Tensor, got list"),
    "operand": (lambda x: x + "a", TypeError, r"add\(\): argument 'other' \(position 2\) must be Tensor or number, not str"),
    "no tensor operand": (lambda x: facula.exp(1.0), TypeError, r"exp\(\): argument 'input'.* must be Tensor, not float"),
    "shapes": (lambda x: x + facula.ones(4), RuntimeError, r"add: expected shapes that broadcast together, got \(2, 3\) and \(4,\)"),
    "matmul": (lambda x: x @ x, RuntimeError, "matmul: mat1 and mat2 shapes cannot be multiplied"),
    "dim": (lambda x: x.sum(5), IndexError, r"Dimension out of range \(expected to be in range of \[-2, 1\], but got 5\)"),
    "size dim": (lambda x: x.size(7), IndexError, "size: Dimension out of range"),
    "meta item": (lambda x: facula.ones(1, device="meta").item(), RuntimeError, "item: expected a tensor with data, got one on the meta device"),
    "data": (lambda x: setattr(x, "data", 3), TypeError, "data: expected a Tensor, got int"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_message(name, x):
    action, error, message = CASES[name]
    with pytest.raises(error, match=message):
        action(x)


def test_a_failure_leaves_the_mode_alone(x):
    class Fails(facula.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        Fails.apply(x).sum().backward()
    assert facula.is_grad_enabled()
    x.sum().backward()
    assert x.grad is not None
