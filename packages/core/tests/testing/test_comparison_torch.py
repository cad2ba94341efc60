"""assert_close passes and fails where PyTorch's does, in the same words."""

import numpy as np
import pytest

import facula
from facula.testing import assert_close, make_tensor

torch = pytest.importorskip("torch")

nan, inf = float("nan"), float("inf")
T = lambda t, *a, **k: t.tensor(*a, **k)

CASES = [
    lambda t: (T(t, [1.0, 2, 3]), T(t, [1.0, 2, 4])),
    lambda t: (T(t, [1.0, 2, 3]), T(t, [1.0, 2, 3])),
    lambda t: (T(t, 1.0), T(t, 2.0)),
    lambda t: (T(t, [1, 2]), T(t, [1, 3])),
    lambda t: (T(t, 1), T(t, 2)),
    lambda t: (T(t, [1.0, 2]), T(t, [1.0, 2, 3])),
    lambda t: (T(t, [1.0]), T(t, [1.0], dtype=t.float64)),
    lambda t: (T(t, [nan]), T(t, [nan])),
    lambda t: (T(t, [nan]), T(t, [nan]), {"equal_nan": True}),
    lambda t: (1.0, 2.0),
    lambda t: (1, 2),
    lambda t: (1, 1),
    lambda t: (1.0, 1),
    lambda t: (1.0, 1, {"check_dtype": False}),
    lambda t: (1j, 2j),
    lambda t: (nan, nan),
    lambda t: (nan, nan, {"equal_nan": True}),
    lambda t: (2.0, 0.0),
    lambda t: (True, False),
    lambda t: (True, True),
    lambda t: ([1, 2], [1, 2, 3]),
    lambda t: ([T(t, 1.0), T(t, 2.0)], [T(t, 1.0), T(t, 3.0)]),
    lambda t: ({"a": 1}, {"b": 1}),
    lambda t: ({"a": T(t, [1.0, 2])}, {"a": T(t, [1.0, 3])}),
    lambda t: ({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 3.0}]}),
    lambda t: (None, None),
    lambda t: (None, 1),
    lambda t: ("a", "b"),
    lambda t: (T(t, [1.0]), 1.0),
    lambda t: ([1], 1),
    lambda t: ((1,), [1]),
    lambda t: (T(t, [True, False]), T(t, [True, True])),
    lambda t: (T(t, [1.0 + 1j]), T(t, [1.0 + 2j])),
    lambda t: (T(t, [1.0, 2.0]), T(t, [1.0, 2.5]), {"msg": "hello"}),
    lambda t: (T(t, [1.0, 2.0]), T(t, [1.0, 2.5]), {"msg": lambda m: "before " + m}),
    lambda t: (T(t, [1.0, 2.0]), T(t, [1.0, 2.5]), {"rtol": 0.1, "atol": 0.01}),
    lambda t: (T(t, [1.0, 2.0]), T(t, [1.0, 2.5]), {"rtol": 0.3, "atol": 0.0}),
    lambda t: (T(t, [1.0, 2.0]), T(t, [1.0, 2.5]), {"rtol": 0.1}),
    lambda t: (T(t, [1.0, 2.0]), T(t, [1.0, 2.5]), {"rtol": 0, "atol": 0}),
    lambda t: (T(t, [[1.0, 2.0], [3, 4]]), T(t, [[1.0, 2.5], [0, 4]])),
    lambda t: (T(t, [1.0, 2]), T(t, [1.0, 0.0])),
    lambda t: (T(t, [inf, 1]), T(t, [1.0, 1])),
    lambda t: (T(t, [inf, -inf]), T(t, [inf, -inf])),
    lambda t: (T(t, [1.0]).to("meta"), T(t, [1.0])),
    lambda t: (T(t, [1.0]).to("meta"), T(t, [1.0]).to("meta")),
    lambda t: (t.ones(2, 3).t(), t.ones(3, 2), {"check_stride": True}),
    lambda t: (t.ones(2, 3).t(), t.ones(3, 2)),
    lambda t: (np.array([1.0]), T(t, [1.0])),
    lambda t: (np.array([1.0]), np.array([2.0])),
    lambda t: (T(t, [1.0, 2]), T(t, [1.0, 2 + 1e-6])),
    lambda t: (T(t, [1.0], dtype=t.float16), T(t, [1.002], dtype=t.float16)),
    lambda t: (T(t, [1.0], dtype=t.bfloat16), T(t, [1.01], dtype=t.bfloat16)),
    lambda t: (T(t, [1.0]), T(t, [1]), {"check_dtype": False}),
    lambda t: (T(t, [1.0]), T(t, [2]), {"check_dtype": False}),
    lambda t: (t.zeros(0), t.zeros(0)),
]


def outcome(t, close, make):
    a, b, *options = make(t)
    try:
        close(a, b, **(options[0] if options else {}))
    except (AssertionError, TypeError, ValueError) as error:
        text = str(error).replace("facula.tensors.tensor.", "torch.").replace("facula.", "torch.")
        return type(error), text if type(error) is AssertionError else text.split(" and ")[0].split(".")[0]
    return None


@pytest.mark.parametrize("make", CASES, ids=range(len(CASES)))
def test_agrees_with_torch(make):
    assert outcome(facula, assert_close, make) == outcome(torch, torch.testing.assert_close, make)


@pytest.mark.parametrize(
    "name", ["bool", "uint8", "int8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64"]
)
def test_make_tensor(name):
    for options in ({}, {"low": 0, "high": 2}, {"noncontiguous": True}, {"exclude_zero": True}):
        ours = make_tensor((20, 30), dtype=getattr(facula, name), device="cpu", **options)
        theirs = torch.testing.make_tensor((20, 30), dtype=getattr(torch, name), device="cpu", **options)
        assert ours.dtype.name == name
        assert ours.shape == theirs.shape
        assert ours.is_contiguous() == theirs.is_contiguous()
        if name.startswith(("int", "uint", "bool")):
            assert set(np.unique(ours.numpy())) == set(np.unique(theirs.numpy()))
        elif not ours.is_complex():
            low, high = ours.float().min().item(), ours.float().max().item()
            assert abs(low - theirs.float().min().item()) < 1
            assert abs(high - theirs.float().max().item()) < 1


def test_make_tensor_errors():
    for make, t in ((make_tensor, facula), (torch.testing.make_tensor, torch)):
        for options, message in [
            ({"low": 3, "high": 1}, "`low` must be less than `high`, but got 3 >= 1"),
            ({"low": nan}, "`low` and `high` cannot be NaN"),
            (
                {"dtype": t.int64, "requires_grad": True},
                "`requires_grad=True` is not supported for boolean and integral",
            ),
            (
                {"noncontiguous": True, "memory_format": t.contiguous_format},
                "`noncontiguous` and `memory_format` are mutually",
            ),
        ]:
            with pytest.raises(ValueError, match=message):
                make(2, **{"dtype": t.float32, "device": "cpu", **options})
    assert make_tensor(3, dtype=facula.float32, device="cpu", requires_grad=True).requires_grad
    facula.manual_seed(1)
    a = make_tensor(3, dtype=facula.float32, device="cpu")
    facula.manual_seed(1)
    assert bool((a == make_tensor(3, dtype=facula.float32, device="cpu")).all())
