"""Mistakes with types, devices, numbers and arguments. The docstring is the message; `right` follows its advice."""

import numpy as np


def item_of_many(t, right):
    """RuntimeError: item: a Tensor with 6 elements cannot be converted to Scalar. Reduce it first, e.g. with .mean().
    with self (2, 3) float32
    """
    a = t.ones(2, 3)
    return a.tolist() if right else a.item()


def truth_of_many(t, right):
    """RuntimeError: bool: Boolean value of Tensor with more than one value is ambiguous. Reduce it first, e.g. with
    .all().
    with self (2, 3) bool
    """
    a = t.ones(2, 3)
    return bool((a > 0).all() if right else a > 0)


def float_of_many(t, right):
    """ValueError: float: only one element tensors can be converted to Python scalars, got 3 elements. Reduce it first,
    e.g. with .mean().
    with self (3,) float32
    """
    a = t.ones(3)
    return a.float() if right else float(a)


def length_of_a_number(t, right):
    """TypeError: len: len() of a 0-d tensor, expected at least one dimension. Use .numel() for the count of elements."""
    a = t.tensor(1.0)
    return a.dim() if right else len(a)


def loop_over_a_number(t, right):
    """TypeError: iter: iteration over a 0-d tensor, expected at least one dimension. Use .item() for its number."""
    a = t.tensor(1.0)
    return list(a.unsqueeze(0) if right else a)


def index_of_a_number(t, right):
    """IndexError: getitem: too many indices for tensor of dimension 0, got 1 for shape (). Use .item() for its number."""
    a = t.tensor(1.0)
    return a.item() if right else a[0]


def numpy_of_what_wants_gradients(t, right):
    """RuntimeError: numpy: can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.
    with self (2, 3) float32
    """
    a = t.ones(2, 3, requires_grad=True)
    return a.detach().numpy() if right else a.numpy()


def numbers_of_a_meta_tensor(t, right):
    """RuntimeError: item: expected a tensor with data, got one on the meta device. Create it on the cpu.
    with self () float32 on meta
    """
    a = t.ones((), device="cpu" if right else "meta")
    return a.item()


def array_of_a_meta_tensor(t, right):
    """TypeError: numpy: can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy it to host memory
    first.
    with self (2,) float32 on meta
    """
    a = t.ones(2, device="cpu" if right else "meta")
    return a.numpy()


def data_on_two_devices(t, right):
    """RuntimeError: add: Expected all tensors to be on the same device, got cpu and meta. Move them with .to(device).
    with input (2,) float32, other (2,) float32 on meta
    """
    a, b = t.ones(2), t.ones(2, device="meta")
    return a.to(b.device) + b if right else a + b


def a_device_nobody_knows(t, right):
    """RuntimeError: ones: device: Expected one of cpu, cuda, meta device type at start of device string: gpu. Use
    'cuda' for a GPU, 'cpu' otherwise.
    """
    return t.ones(2, device="cpu" if right else "gpu")


def a_type_given_by_name(t, right):
    """TypeError: ones: dtype: expected a facula dtype, got 'float32'. Use one such as facula.float32."""
    return t.ones(2, dtype=t.float32 if right else "float32")


def from_numpy_of_words(t, right):
    """TypeError: from_numpy: dtype: expected one of bool, uint8, uint16, uint32, uint64, int8, int16, int32, int64,
    float16, bfloat16, float32, float64, complex64, complex128, got <U1. Convert it with .astype().
    with ndarray (2,) <U1
    """
    a = np.array(["1", "2"])
    return t.from_numpy(a.astype("int64") if right else a)


def from_numpy_of_a_list(t, right):
    """TypeError: from_numpy: expected np.ndarray (got list). Use facula.tensor() for other data."""
    a = [1.0, 2.0]
    return t.tensor(a) if right else t.from_numpy(a)


def tensor_of_rows_of_unlike_length(t, right):
    """ValueError: tensor: expected sequences of equal length at every dimension, got ragged data. Pad the rows first."""
    return t.tensor([[1, 2], [3, 4 if right else 3][: 2 if right else 1]])


def tensor_of_words(t, right):
    """ValueError: tensor: new(): data must be numbers or nested sequences of numbers, got str (could not infer dtype,
    invalid data type). Convert it to numbers first.
    """
    return t.tensor([int("1") if right else "1"])


def tensor_of_none(t, right):
    """RuntimeError: tensor: new(): data must be numbers or nested sequences of numbers, got NoneType (could not infer
    dtype, invalid data type). Convert it to numbers first.
    """
    return t.tensor([1.0, 0.0 if right else None])


def mean_of_integers(t, right):
    """RuntimeError: mean: could not infer output dtype. Input dtype must be either a floating point or complex dtype,
    got int64. Use .float().
    with input (4,) int64
    """
    a = t.arange(4)
    return (a.float() if right else a).mean()


def softmax_of_integers(t, right):
    """NotImplementedError: softmax: "softmax" not implemented for 'Long', expected a floating-point tensor. Convert it
    with .float() first.
    with input (4,) int64
    """
    a = t.arange(4)
    return t.softmax(a.float() if right else a, dim=0)


def matmul_of_two_types(t, right):
    """RuntimeError: matmul: expected both matrices to have the same dtype, but got: float32 and float64. Convert input
    with .to(facula.float64).
    with input (2, 3) float32, other (3, 2) float64
    """
    a, b = t.ones(2, 3), t.ones(3, 2, dtype=t.float64)
    return a @ (b.float() if right else b)


def integers_that_should_hold_a_half(t, right):
    """RuntimeError: add_: result type float32 can't be cast to the desired output type int64. Convert the target with
    .to() first.
    with target (4,) int64, value (4,) float32
    """
    a = t.arange(4)
    return a + 0.5 if right else a.add_(0.5)


def result_into_another_type(t, right):
    """RuntimeError: add: out: result type float32 can't be cast to the desired output type int64. Allocate out with
    that dtype.
    with input (3,) float32, out (3,) int64
    """
    a = t.ones(3)
    return t.add(a, 0.5, out=t.zeros(3, dtype=t.float32 if right else t.int64))


def bits_of_floats(t, right):
    """NotImplementedError: bitwise_and: "bitwise_and" not implemented for float32, expected integral or bool tensors.
    Compare them first.
    with input (3,) float32, other (3,) float32
    """
    a, b = t.ones(3), t.ones(3)
    return (a > 0) & (b > 0) if right else a & b


def inverted_floats(t, right):
    """TypeError: bitwise_not: ~ (operator.invert) is only implemented on integer and Boolean-type tensors, got
    float32. Compare it first, e.g. x > 0.
    with input (3,) float32
    """
    a = t.ones(3)
    return ~(a > 0) if right else ~a


def minus_of_truth_values(t, right):
    """RuntimeError: sub: Subtraction, the `-` operator, with a bool tensor is not supported. Use `^` or logical_xor()
    instead.
    with input (2,) bool, other (2,) bool
    """
    a, b = t.tensor([True, False]), t.tensor([True, True])
    return a ^ b if right else a - b


def negative_truth_values(t, right):
    """RuntimeError: neg: Negation, the `-` operator, on a bool tensor is not supported. Use `~` or logical_not()
    instead.
    with input (2,) bool
    """
    a = t.tensor([True, False])
    return ~a if right else -a


def index_of_floats(t, right):
    """IndexError: getitem: tensors used as indices must be long, int, byte or bool tensors, got facula.float32.
    Convert with .long().
    with self (5,) float32, key (2,) float32
    """
    a, i = t.ones(5), t.tensor([0.0, 1.0])
    return a[i.long() if right else i]


def gather_with_floats(t, right):
    """RuntimeError: gather(): Expected dtype int32/int64 for index, got float32. Convert it with .long().
    with input (2, 3) float32, index (2, 1) float32
    """
    a, i = t.ones(2, 3), t.tensor([[0.0], [1.0]])
    return a.gather(1, i.long() if right else i)


def mask_of_floats(t, right):
    """RuntimeError: masked_fill: expected mask dtype to be Bool but got facula.float32. Convert it with .bool().
    with input (3,) float32, mask (3,) float32
    """
    a, mask = t.ones(3), t.tensor([1.0, 0.0, 1.0])
    return a.masked_fill(mask.bool() if right else mask, 0.0)


def choice_by_floats(t, right):
    """RuntimeError: where: expected condition to be a boolean tensor, but got a tensor with dtype facula.float32.
    Compare it first, e.g. != 0.
    with condition (3,) float32, input (3,) float32, other (3,) float32
    """
    a, chosen = t.ones(3), t.tensor([1.0, 0.0, 1.0])
    return t.where(chosen.bool() if right else chosen, a, -a)


def one_hot_of_floats(t, right):
    """RuntimeError: one_hot: one_hot is only applicable to index tensor of type LongTensor, got facula.float32.
    Convert it with .long().
    with tensor (2,) float32
    """
    a = t.tensor([0.0, 2.0])
    return t.nn.functional.one_hot(a.long() if right else a)


def one_hot_of_too_few_classes(t, right):
    """RuntimeError: one_hot: Class values must be smaller than num_classes, got 3 and 3. Raise num_classes.
    with tensor (2,) int64
    """
    a = t.tensor([0, 3])
    return t.nn.functional.one_hot(a, 4 if right else 3)


def sum_with_a_word(t, right):
    """TypeError: add(): argument 'other' (position 2) must be Tensor or number, not str. Convert it to a number first.
    with input (2,) float32
    """
    a = t.ones(2)
    return a + (1 if right else "1")


def relu_of_a_list(t, right):
    """TypeError: relu(): argument 'input' (position 1) must be Tensor, not list. Convert it with facula.as_tensor()."""
    a = [1.0, -1.0]
    return t.relu(t.tensor(a) if right else a)


def relu_of_an_array(t, right):
    """TypeError: relu(): argument 'input' (position 1) must be Tensor, not ndarray. Convert it with
    facula.as_tensor().
    with input (3,) float32
    """
    a = np.ones(3, dtype="float32")
    return t.relu(t.from_numpy(a) if right else a)


def stack_of_numbers(t, right):
    """TypeError: stack: expected Tensor as element 0 in argument 0, but got float. Convert it with facula.as_tensor()."""
    a = [1.0, 2.0]
    return t.tensor(a) if right else t.stack(a)


def reshape_to_a_float(t, right):
    """TypeError: view: expected ints, got (2.0, -1). Pass sizes such as (2, 3).
    with self (4, 2) float32
    """
    a = t.ones(4, 2)
    return a.view(4 // 2 if right else 4 / 2, -1)


def zeros_of_a_negative_size(t, right):
    """RuntimeError: zeros: Trying to create tensor with negative dimension -1: [-1]. Sizes must be zero or more."""
    return t.zeros(0 if right else -1)


def range_in_the_wrong_direction(t, right):
    """RuntimeError: arange: upper bound and lower bound inconsistent with step sign, got start=5, end=0, step=1.
    Change the sign of step.
    """
    return t.arange(5, 0, -1 if right else 1)


def random_integers_of_an_empty_range(t, right):
    """RuntimeError: randint: random_ expects 'from' to be less than 'to', but found from=5 >= to=5. Raise high."""
    return t.randint(0, 5, (3,)) if right else t.randint(5, 5, (3,))


def normal_numbers_of_integers(t, right):
    """NotImplementedError: randn: "randn" not implemented for 'Long', expected a floating-point dtype, got int64. Pass
    dtype=facula.float32.
    """
    return t.randn(3, dtype=t.float32 if right else t.int64)


def draw_of_negative_weights(t, right):
    """RuntimeError: multinomial: probability tensor contains either `inf`, `nan` or element < 0, expected weights of
    zero or more. Clamp them at zero.
    with input (2,) float32
    """
    weights = t.tensor([0.5, -0.5])
    return t.multinomial(weights.clamp(min=0) if right else weights, 1)


def draw_of_more_than_there_are(t, right):
    """RuntimeError: multinomial: cannot sample n_sample > prob_dist.size(-1) samples without replacement, got 3 of 2.
    Pass replacement=True.
    with input (2,) float32
    """
    weights = t.tensor([0.5, 0.5])
    return t.multinomial(weights, 3, replacement=right)


def bernoulli_of_more_than_one(t, right):
    """RuntimeError: bernoulli: Expected p_in >= 0 && p_in <= 1 to be true, got probabilities outside [0, 1]. Clamp
    them first.
    with input (2,) float32
    """
    chance = t.tensor([0.5, 1.5])
    return t.bernoulli(chance.clamp(0, 1) if right else chance)


def clamp_without_bounds(t, right):
    """RuntimeError: clamp: At least one of 'min' or 'max' must not be None, got neither. Pass min= or max=.
    with input (3,) float32
    """
    a = t.ones(3)
    return a.clamp(min=0) if right else a.clamp()


def counts_of_negative_numbers(t, right):
    """RuntimeError: bincount: bincount only supports 1-d non-negative integral inputs, got a negative one. Shift the
    input.
    with input (2,) int64
    """
    a = t.tensor([1, -1])
    return t.bincount(a.clamp(min=0) if right else a)


def quantile_above_one(t, right):
    """RuntimeError: quantile: quantile() q must be in the range [0, 1] but got values outside. Give fractions, not per
    cent.
    with input (3,) float32
    """
    a = t.ones(3)
    return a.quantile(0.5 if right else 50.0)


def rounding_of_complex_numbers(t, right):
    """NotImplementedError: ceil: "ceil" not implemented for inputs (3,) complex64. Convert them to a real
    floating-point dtype.
    """
    a = t.ones(3, dtype=t.complex64)
    return t.ceil(a.real if right else a)
