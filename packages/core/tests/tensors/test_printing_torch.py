"""`repr` of tensors is PyTorch's, letter for letter."""

import re

import numpy as np
import pytest

import facula
from facula.tensors.printing import set_printoptions

torch = pytest.importorskip("torch")

inf, nan = float("inf"), float("nan")
_rng = np.random.default_rng(0)
FLOATS = [
    1.0, 1.5, -2.25, 0.0, -0.0, 1e-5, 1e-4, 123456.789, 1e9, 99999999.0, inf, -inf, nan,
    [], [1.0], [1.0, 2.0, 3.0], [1.0, 1001.0], [1.0, 1000.0], [0.5, 1000.0], [0.5, 499.0], [1e-5, 1.0], [1e-4, 0.05],
    [1.0, nan, inf], [1.5, nan, -inf], [0.0, 0.0], [0.0, -0.0, 3.0], [nan, nan], [inf, -inf], [1e8, 1e7], [2e8, 1e8], [-1.0, 10.0, -100.0],
    [[]], [[1.0, 2.0], [3.0, -4.5]], [[[1.0], [2.0]], [[3.0], [4.0]]], [0.1, 0.2, 0.3], [1e-8, 2e-8], [1e-320, 1e300], [12345678.0, 123456.0],
]  # fmt: skip
INTS = [0, -1, [], [1, 2, 3], [-100, 5, 12345], [[1, -2], [300, 4]], [[[]]], list(range(50))]
SHAPES = [
    (3, 4),
    (2, 3, 4),
    (40,),
    (30, 30),
    (1001,),
    (10, 101),
    (7, 2, 100),
    (2, 2, 2, 2),
    (1, 1, 1001),
    (2000, 1),
    (5, 0, 2),
    (0, 3),
    (3, 3, 3, 50),
]


def ours_as_torch(t):
    return _on_one_line(repr(t).replace("facula.", "torch."))


def _on_one_line(text):
    """Our name is one letter longer, so a dtype may have to go to a new line one letter earlier."""
    return re.sub(r",\s+dtype=", ", dtype=", text)


def as_printed(t):
    return _on_one_line(repr(t))


@pytest.mark.parametrize("values", FLOATS, ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_floats(values, dtype):
    theirs = torch.tensor(values, dtype=getattr(torch, dtype))
    ours = facula.tensor(values, dtype=getattr(facula, dtype))
    assert ours_as_torch(ours) == as_printed(theirs)


@pytest.mark.parametrize("values", INTS, ids=lambda v: str(v)[:20])
@pytest.mark.parametrize("dtype", ["int64", "int32", "int16", "int8", "bool", "float32"])
def test_integers(values, dtype):
    values = np.array(values).astype(dtype).tolist()
    theirs = torch.tensor(values, dtype=getattr(torch, dtype))
    assert ours_as_torch(facula.tensor(values, dtype=getattr(facula, dtype))) == as_printed(theirs)


@pytest.mark.parametrize("values", [[0, 255], [[1], [20]], 7])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "uint32", "uint64"])
def test_unsigned(values, dtype):
    theirs = torch.tensor(values, dtype=getattr(torch, dtype))
    assert ours_as_torch(facula.tensor(values, dtype=getattr(facula, dtype))) == as_printed(theirs)


@pytest.mark.parametrize(
    "values",
    [1 + 2j, 1 - 2j, [1.5 + 0j, -2 + 1e5j], [[nan + 1j], [1j * 3]], [], [complex(0.0, -0.0)], [complex(inf, nan)]],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_complex(values, dtype):
    theirs = torch.tensor(values, dtype=getattr(torch, dtype))
    assert ours_as_torch(facula.tensor(values, dtype=getattr(facula, dtype))) == as_printed(theirs)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["normal", "whole", "wide", "int", "bool", "complex"])
def test_shapes(shape, kind):
    x = _rng.standard_normal(shape) * 10
    array = {
        "normal": x, "whole": np.round(x), "wide": np.exp(x), "int": np.round(x * 100).astype(np.int64), "bool": x > 0, "complex": x + 1j * x[..., ::-1],
    }[kind]  # fmt: skip
    assert ours_as_torch(facula.from_numpy(array)) == as_printed(torch.from_numpy(array))
    if kind in ("normal", "whole", "wide"):
        assert ours_as_torch(facula.from_numpy(array.astype(np.float32))) == as_printed(
            torch.from_numpy(array.astype(np.float32))
        )


OPTIONS = [
    {"precision": 2}, {"precision": 8}, {"threshold": 5}, {"threshold": 5, "edgeitems": 1}, {"edgeitems": 0, "threshold": 1}, {"linewidth": 30},
    {"linewidth": 200}, {"profile": "short"}, {"profile": "full"}, {"sci_mode": True}, {"sci_mode": False}, {"profile": "short", "precision": 6},
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(options):
    arrays = [
        _rng.standard_normal((12, 7)),
        np.arange(30),
        np.array([1e-6, 1.0]),
        np.arange(1200.0).reshape(4, 300),
        np.array(1.5),
    ]
    try:
        set_printoptions(**options)
        torch.set_printoptions(**options)
        for a in arrays:
            assert ours_as_torch(facula.from_numpy(a)) == as_printed(torch.from_numpy(a))
    finally:
        set_printoptions(profile="default")
        torch.set_printoptions(profile="default")


def test_unknown_profile():
    with pytest.raises(
        ValueError, match=r"set_printoptions: expected profile default, short, full, got 'long'. Use one."
    ):
        set_printoptions(profile="long")


FACTS = [
    lambda t: t.ones(2, requires_grad=True),
    lambda t: t.ones(2, requires_grad=True) + 1,
    lambda t: t.ones(2, dtype=t.float64, requires_grad=True) * 2,
    lambda t: t.ones(3, 4, requires_grad=True) @ t.ones(4, 2),
    lambda t: t.ones(3, requires_grad=True) - 1,
    lambda t: t.ones(3, requires_grad=True) / 2,
    lambda t: -t.ones(3, requires_grad=True),
    lambda t: t.ones(3, requires_grad=True) ** 2,
    lambda t: t.ones(3, requires_grad=True).exp(),
    lambda t: t.ones(3, requires_grad=True).tanh(),
    lambda t: t.ones(3, requires_grad=True).sum(),
    lambda t: t.ones(3, 2, requires_grad=True).sum(0),
    lambda t: t.ones(3, 2, requires_grad=True).mean(),
    lambda t: t.ones(3, 2, requires_grad=True).mean(1),
    lambda t: t.ones(3, 2, requires_grad=True)[0],
    lambda t: t.ones(3, 2, requires_grad=True)[0:1],
    lambda t: t.ones(3, 2, requires_grad=True)[None],
    lambda t: t.ones(3, 2, requires_grad=True)[t.tensor([0, 1])],
    lambda t: t.ones(3, 2, requires_grad=True).view(6),
    lambda t: t.ones(3, 2, requires_grad=True).transpose(0, 1),
    lambda t: t.ones(3, 2, 4, requires_grad=True).permute(1, 2, 0),
    lambda t: t.ones(3, 1, requires_grad=True).expand(3, 2),
    lambda t: t.ones(3, 1, requires_grad=True).squeeze(1),
    lambda t: t.ones(3, requires_grad=True).unsqueeze(1),
    lambda t: t.ones(3, requires_grad=True).clone(),
    lambda t: t.ones(3, requires_grad=True).double(),
    lambda t: t.cat([t.ones(3, requires_grad=True), t.ones(1)]),
    lambda t: t.ones(10, 10, requires_grad=True) * 0.12345,
    lambda t: t.zeros(0, requires_grad=True),
    lambda t: t.zeros(2, 3, device="meta"),
    lambda t: t.zeros(2, 3, device="meta", dtype=t.float64),
    lambda t: t.zeros(2, 3, device="meta", requires_grad=True),
    lambda t: t.zeros((), device="meta"),
    lambda t: t.nn.Parameter(t.ones(2)),
    lambda t: t.zeros(0, dtype=t.int64),
    lambda t: t.zeros(2, 0, dtype=t.bool),
]


@pytest.mark.parametrize("make", FACTS, ids=range(len(FACTS)))
def test_facts(make):
    assert ours_as_torch(make(facula)) == as_printed(make(torch))


def test_default_dtype_is_not_named():
    facula.set_default_dtype(facula.float64)
    torch.set_default_dtype(torch.float64)
    try:
        for t in (facula, torch):
            assert repr(t.tensor([1.0])) == "tensor([1.])"
        assert ours_as_torch(facula.tensor([1.0], dtype=facula.float32)) == as_printed(
            torch.tensor([1.0], dtype=torch.float32)
        )
    finally:
        facula.set_default_dtype(facula.float32)
        torch.set_default_dtype(torch.float32)


def test_format():
    assert f"{facula.tensor(1.5):.3f}" == f"{torch.tensor(1.5):.3f}"
    assert str(facula.tensor([1.0])) == "tensor([1.])"
