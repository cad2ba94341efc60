"""Promotion follows PyTorch's table: all pairs of types, dimensioned with 0-dim, and Python numbers."""

import itertools

import pytest

import facula

torch = pytest.importorskip("torch")

pytestmark = pytest.mark.filterwarnings("ignore:ComplexHalf")

NAMES = [
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
]  # fmt: skip
UNSIGNED = ["uint16", "uint32", "uint64"]
PYTHON = [True, 3, 2.5, 1 + 2j]


def outcome(t, action):
    try:
        found = action(t)
    except (RuntimeError, TypeError) as error:
        return "complex64" if "ComplexHalf" in str(error) else type(error).__name__
    found = getattr(found, "dtype", found)
    return str(found).rpartition(".")[2].replace("complex32", "complex64")  # NumPy has no complex of half precision


def same(action):
    assert outcome(facula, action) == outcome(torch, action)


def tensor(t, name, shape):
    return t.ones(shape, dtype=getattr(t, name))


@pytest.mark.parametrize("pair", list(itertools.product(NAMES, NAMES)), ids=lambda p: "-".join(p))
def test_pairs(pair):
    a, b = pair
    same(lambda t: t.promote_types(getattr(t, a), getattr(t, b)))
    for left, right in (((2,), (2,)), ((2,), ()), ((), (2,)), ((), ())):
        same(lambda t, left=left, right=right: t.result_type(tensor(t, a, left), tensor(t, b, right)))
        same(lambda t, left=left, right=right: tensor(t, a, left) + tensor(t, b, right))
        same(lambda t, left=left, right=right: tensor(t, a, left) * tensor(t, b, right))
        same(lambda t, left=left, right=right: tensor(t, a, left) / tensor(t, b, right))
    same(lambda t: t.cat([tensor(t, a, (2,)), tensor(t, b, (2,))]))
    same(lambda t: t.where(t.tensor([True, False]), tensor(t, a, (2,)), tensor(t, b, (2,))))
    assert facula.can_cast(getattr(facula, a), getattr(facula, b)) == torch.can_cast(
        getattr(torch, a), getattr(torch, b)
    )


WITH_UNSIGNED = list(itertools.product(UNSIGNED, ["bool", "uint8", "float16", "float32", "complex64", *UNSIGNED]))


@pytest.mark.parametrize("pair", WITH_UNSIGNED, ids="-".join)
def test_wide_unsigned(pair):
    """PyTorch promotes these with floating types only; where it has an answer ours is the same, else the wider type."""
    action = lambda t: t.promote_types(*(getattr(t, name) for name in pair))
    ours, theirs = outcome(facula, action), outcome(torch, action)
    wider = max(pair, key=lambda n: (n[0] == "c", getattr(facula, n).itemsize))
    assert ours == (theirs if theirs != "RuntimeError" else wider)


@pytest.mark.parametrize("number", PYTHON, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_python_numbers(name, number):
    for shape in ((2,), ()):
        same(lambda t, shape=shape: t.result_type(tensor(t, name, shape), number))
        for action in (
            lambda x: x + number, lambda x: number + x, lambda x: x * number, lambda x: number * x, lambda x: x / number,
            lambda x: number / x, lambda x: x == number, lambda x: x**2,
        ):  # fmt: skip
            same(lambda t, shape=shape, action=action: action(tensor(t, name, shape)))


@pytest.mark.parametrize("pair", list(itertools.product(PYTHON, PYTHON)), ids=str)
def test_two_numbers(pair):
    same(lambda t: t.result_type(*pair))
    same(lambda t: t.tensor(list(pair)))


# Harmless questions that PyTorch's kernels do not answer.
WIDER = {("abs", "bool"), ("argmax", "bool"), *itertools.product(("sign", "argmax"), ("complex64", "complex128"))}


@pytest.mark.parametrize("name", NAMES)
def test_functions_of_one(name):
    for function in (
        "exp",
        "sqrt",
        "sum",
        "mean",
        "abs",
        "neg",
        "sign",
        "sin",
        "square",
        "cumsum",
        "argmax",
        "isnan",
        "logical_not",
    ):
        if (function, name) in WIDER:
            assert outcome(torch, lambda t, f=function: getattr(t, f)(tensor(t, name, (2,)))).endswith("Error")
            continue
        arguments = (0,) if function == "cumsum" else ()
        same(lambda t, function=function, arguments=arguments: getattr(t, function)(tensor(t, name, (2,)), *arguments))


@pytest.mark.parametrize("name", NAMES)
def test_facts(name):
    for t in ("is_floating_point", "is_complex", "is_signed", "itemsize"):
        assert getattr(getattr(facula, name), t) == getattr(getattr(torch, name), t)
    if name.startswith(("float", "bfloat", "complex")):
        ours, theirs = facula.finfo(getattr(facula, name)), torch.finfo(getattr(torch, name))
        for fact in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "dtype"):
            assert getattr(ours, fact) == getattr(theirs, fact), fact
    elif name != "bool":
        ours, theirs = facula.iinfo(getattr(facula, name)), torch.iinfo(getattr(torch, name))
        for fact in ("bits", "max", "min", "dtype"):
            assert getattr(ours, fact) == getattr(theirs, fact), fact


@pytest.mark.parametrize("default", ["float32", "float64", "float16", "bfloat16"])
def test_default_dtype(default):
    try:
        facula.set_default_dtype(getattr(facula, default))
        torch.set_default_dtype(getattr(torch, default))
        same(lambda t: t.tensor(1.5))
        if default in ("float32", "float64"):
            same(lambda t: t.tensor([1 + 1j]))
            same(lambda t: t.ones(2, dtype=t.bool) * 1j)
        same(lambda t: t.ones(2))
        same(lambda t: t.ones(2, dtype=t.int64) / 2)
        same(lambda t: t.ones(2, dtype=t.int64) + 0.5)
        same(lambda t: t.get_default_dtype())
        same(lambda t: t.arange(0, 1, 0.5))
    finally:
        facula.set_default_dtype(facula.float32)
        torch.set_default_dtype(torch.float32)


def test_errors():
    for t in (facula, torch):
        with pytest.raises(TypeError, match="floating-point"):
            t.set_default_dtype(t.int64)
        with pytest.raises(TypeError):
            t.finfo(t.int64)
        with pytest.raises(TypeError):
            t.iinfo(t.float32)
    with pytest.raises(
        TypeError, match="finfo: expected a floating-point dtype, got facula.int64. Use iinfo for integers"
    ):
        facula.finfo(facula.int64)
    with pytest.raises(TypeError, match="iinfo: expected an integer dtype, got facula.float32. Use finfo"):
        facula.iinfo(facula.float32)
    with pytest.raises(TypeError, match="dtype: expected a facula dtype, got 'float'"):
        facula.ones(2, dtype="float")


def test_names_and_copies():
    import copy
    import pickle

    for t in (facula.float32, facula.bfloat16, facula.bool):
        assert copy.deepcopy(t) is t
        assert pickle.loads(pickle.dumps(t)) is t
    assert repr(facula.float32) == "facula.float32"
    assert facula.float is facula.float32
    assert facula.half is facula.float16
    assert facula.long is facula.int64
    assert facula.complex64.to_real() is facula.float32
    assert facula.float64.to_complex() is facula.complex128
