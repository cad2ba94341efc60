"""The array API standard (2024.12): every name is there, and each function does on tensors what it does on NumPy's arrays."""

import subprocess
import sys

import numpy as np
import pytest

import facula

X = np.linspace(0.1, 0.9, 6).reshape(2, 3)
S = np.array([[2.0, 0.5], [0.5, 1.0]])
N = np.array([[3, 1, 2], [1, 3, 0]])
B = np.array([True, False, True])
Z = X + 1j * X[::-1]


def everywhere(name):
    return lambda xp, x, n, b, z, s: getattr(xp, name)(x)


def of_two(name):
    return lambda xp, x, n, b, z, s: getattr(xp, name)(x, x * 2)


UNARY = """
    abs acos asin asinh atan atanh ceil cos cosh exp expm1 floor isfinite isinf isnan log log10 log1p log2 logical_not negative positive
    reciprocal round sign signbit sin sinh sqrt square tan tanh trunc zeros_like ones_like all any max mean min prod std sum var
    count_nonzero argmax argmin tril triu unique_values sort argsort flip diff conj real
""".split()
BINARY = """
    add atan2 copysign divide equal floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor
    maximum minimum multiply nextafter not_equal pow remainder subtract vecdot
""".split()
OTHERS = {
    "acosh": lambda xp, x, n, b, z, s: xp.acosh(x + 1),
    "bitwise_and": lambda xp, x, n, b, z, s: xp.bitwise_and(n, n + 1),
    "bitwise_or": lambda xp, x, n, b, z, s: xp.bitwise_or(n, n + 1),
    "bitwise_xor": lambda xp, x, n, b, z, s: xp.bitwise_xor(n, n + 1),
    "bitwise_invert": lambda xp, x, n, b, z, s: xp.bitwise_invert(n),
    "bitwise_left_shift": lambda xp, x, n, b, z, s: xp.bitwise_left_shift(n, n),
    "bitwise_right_shift": lambda xp, x, n, b, z, s: xp.bitwise_right_shift(n, n),
    "clip": lambda xp, x, n, b, z, s: xp.clip(x, 0.2, 0.5),
    "imag": lambda xp, x, n, b, z, s: xp.imag(z),
    "where": lambda xp, x, n, b, z, s: xp.where(b, x, 0.0),
    "arange": lambda xp, x, n, b, z, s: xp.arange(1, 7, 2),
    "asarray": lambda xp, x, n, b, z, s: xp.asarray([[1, 2], [3, 4]]),
    "empty": lambda xp, x, n, b, z, s: xp.empty((0, 2), dtype=xp.float64),
    "empty_like": lambda xp, x, n, b, z, s: xp.empty_like(x[:0]),
    "eye": lambda xp, x, n, b, z, s: xp.eye(3, 4, k=1, dtype=xp.float64),
    "from_dlpack": lambda xp, x, n, b, z, s: xp.from_dlpack(x),
    "full": lambda xp, x, n, b, z, s: xp.full((2, 2), 7),
    "full_like": lambda xp, x, n, b, z, s: xp.full_like(x, 7),
    "linspace": lambda xp, x, n, b, z, s: xp.linspace(0, 1, 4, endpoint=False, dtype=xp.float64),
    "meshgrid": lambda xp, x, n, b, z, s: xp.meshgrid(x[0], x[1, :2])[1],
    "ones": lambda xp, x, n, b, z, s: xp.ones(3, dtype=xp.int32),
    "zeros": lambda xp, x, n, b, z, s: xp.zeros((2, 3), dtype=xp.complex128),
    "astype": lambda xp, x, n, b, z, s: xp.astype(x, xp.float32),
    "broadcast_arrays": lambda xp, x, n, b, z, s: xp.broadcast_arrays(x, x[:1])[1],
    "broadcast_to": lambda xp, x, n, b, z, s: xp.broadcast_to(x, (2, 2, 3)),
    "concat": lambda xp, x, n, b, z, s: xp.concat([x, x[:1]], axis=None),
    "expand_dims": lambda xp, x, n, b, z, s: xp.expand_dims(x, axis=1),
    "moveaxis": lambda xp, x, n, b, z, s: xp.moveaxis(x, 0, 1),
    "permute_dims": lambda xp, x, n, b, z, s: xp.permute_dims(x, (1, 0)),
    "repeat": lambda xp, x, n, b, z, s: xp.repeat(x, 2, axis=1),
    "reshape": lambda xp, x, n, b, z, s: xp.reshape(x, (3, 2)),
    "roll": lambda xp, x, n, b, z, s: xp.roll(x, 1, axis=1),
    "squeeze": lambda xp, x, n, b, z, s: xp.squeeze(x[:1], axis=0),
    "stack": lambda xp, x, n, b, z, s: xp.stack([x, x], axis=1),
    "tile": lambda xp, x, n, b, z, s: xp.tile(x, (2, 1)),
    "unstack": lambda xp, x, n, b, z, s: xp.unstack(x, axis=1)[2],
    "take": lambda xp, x, n, b, z, s: xp.take(x, xp.asarray([2, 0]), axis=1),
    "take_along_axis": lambda xp, x, n, b, z, s: xp.take_along_axis(x, xp.asarray([[2], [-3]]), axis=1),
    "cumulative_sum": lambda xp, x, n, b, z, s: xp.cumulative_sum(n, axis=1, include_initial=True),
    "cumulative_prod": lambda xp, x, n, b, z, s: xp.cumulative_prod(x, axis=0),
    "nonzero": lambda xp, x, n, b, z, s: xp.nonzero(n)[1],
    "searchsorted": lambda xp, x, n, b, z, s: xp.searchsorted(x[0], x[1], side="right"),
    "sort_descending": lambda xp, x, n, b, z, s: xp.sort(n, axis=0),
    "sum_axes": lambda xp, x, n, b, z, s: xp.sum(n, axis=(0, 1), keepdims=True),
    "sum_small": lambda xp, x, n, b, z, s: xp.sum(xp.astype(n, xp.int8), axis=0),
    "prod_axes": lambda xp, x, n, b, z, s: xp.prod(x, axis=(0, 1)),
    "std_correction": lambda xp, x, n, b, z, s: xp.std(x, axis=1, correction=1),
    "max_axis": lambda xp, x, n, b, z, s: xp.max(x, axis=0, keepdims=True),
    "count_axis": lambda xp, x, n, b, z, s: xp.count_nonzero(n, axis=1),
    "unique_all": lambda xp, x, n, b, z, s: xp.unique_all(n).indices,
    "unique_counts": lambda xp, x, n, b, z, s: xp.unique_counts(n).counts,
    "unique_inverse": lambda xp, x, n, b, z, s: xp.unique_inverse(n).inverse_indices,
    "matmul": lambda xp, x, n, b, z, s: xp.matmul(x, x.mT),
    "matrix_transpose": lambda xp, x, n, b, z, s: xp.matrix_transpose(x),
    "tensordot": lambda xp, x, n, b, z, s: xp.tensordot(x, x, axes=((0,), (0,))),
    "linalg.cholesky": lambda xp, x, n, b, z, s: xp.linalg.cholesky(s, upper=True),
    "linalg.cross": lambda xp, x, n, b, z, s: xp.linalg.cross(x, x + 1),
    "linalg.det": lambda xp, x, n, b, z, s: xp.linalg.det(s),
    "linalg.diagonal": lambda xp, x, n, b, z, s: xp.linalg.diagonal(x, offset=1),
    "linalg.eigh": lambda xp, x, n, b, z, s: xp.linalg.eigh(s).eigenvalues,
    "linalg.eigvalsh": lambda xp, x, n, b, z, s: xp.linalg.eigvalsh(s),
    "linalg.inv": lambda xp, x, n, b, z, s: xp.linalg.inv(s),
    "linalg.matmul": lambda xp, x, n, b, z, s: xp.linalg.matmul(s, s),
    "linalg.matrix_norm": lambda xp, x, n, b, z, s: xp.linalg.matrix_norm(x, ord="nuc"),
    "linalg.matrix_power": lambda xp, x, n, b, z, s: xp.linalg.matrix_power(s, 3),
    "linalg.matrix_rank": lambda xp, x, n, b, z, s: xp.linalg.matrix_rank(x, rtol=1e-9),
    "linalg.matrix_transpose": lambda xp, x, n, b, z, s: xp.linalg.matrix_transpose(x),
    "linalg.outer": lambda xp, x, n, b, z, s: xp.linalg.outer(x[0], x[1]),
    "linalg.pinv": lambda xp, x, n, b, z, s: xp.linalg.pinv(x, rtol=1e-9),
    "linalg.qr": lambda xp, x, n, b, z, s: xp.abs(xp.linalg.qr(x).R),
    "linalg.slogdet": lambda xp, x, n, b, z, s: xp.linalg.slogdet(s).logabsdet,
    "linalg.solve": lambda xp, x, n, b, z, s: xp.linalg.solve(s, x),
    "linalg.solve_vector": lambda xp, x, n, b, z, s: xp.linalg.solve(s, x[:, 0]),
    "linalg.svd": lambda xp, x, n, b, z, s: xp.linalg.svd(x, full_matrices=False).S,
    "linalg.svdvals": lambda xp, x, n, b, z, s: xp.linalg.svdvals(x),
    "linalg.tensordot": lambda xp, x, n, b, z, s: xp.linalg.tensordot(s, s, axes=1),
    "linalg.trace": lambda xp, x, n, b, z, s: xp.linalg.trace(n, offset=1),
    "linalg.vecdot": lambda xp, x, n, b, z, s: xp.linalg.vecdot(z, z + 1),
    "linalg.vector_norm": lambda xp, x, n, b, z, s: xp.linalg.vector_norm(x, axis=1, ord=1),
    "fft.fft": lambda xp, x, n, b, z, s: xp.fft.fft(z, n=4),
    "fft.ifft": lambda xp, x, n, b, z, s: xp.fft.ifft(z),
    "fft.fftn": lambda xp, x, n, b, z, s: xp.fft.fftn(z, axes=(0, 1), norm="ortho"),
    "fft.ifftn": lambda xp, x, n, b, z, s: xp.fft.ifftn(z),
    "fft.rfft": lambda xp, x, n, b, z, s: xp.fft.rfft(x),
    "fft.irfft": lambda xp, x, n, b, z, s: xp.fft.irfft(z, n=4),
    "fft.rfftn": lambda xp, x, n, b, z, s: xp.fft.rfftn(x),
    "fft.irfftn": lambda xp, x, n, b, z, s: xp.fft.irfftn(z),
    "fft.hfft": lambda xp, x, n, b, z, s: xp.fft.hfft(z, n=4),
    "fft.ihfft": lambda xp, x, n, b, z, s: xp.fft.ihfft(x),
    "fft.fftfreq": lambda xp, x, n, b, z, s: xp.fft.fftfreq(5, d=0.5),
    "fft.rfftfreq": lambda xp, x, n, b, z, s: xp.fft.rfftfreq(5),
    "fft.fftshift": lambda xp, x, n, b, z, s: xp.fft.fftshift(x, axes=(1,)),
    "fft.ifftshift": lambda xp, x, n, b, z, s: xp.fft.ifftshift(x),
}
CASES = {name: everywhere(name) for name in UNARY} | {name: of_two(name) for name in BINARY} | OTHERS
TYPES = """
    bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64 complex64 complex128 e inf nan newaxis pi
    can_cast finfo iinfo isdtype result_type __array_namespace_info__ __array_api_version__ linalg fft
""".split()


@pytest.mark.parametrize("name", CASES)
def test_does_what_numpys_namespace_does(name):
    xp = facula.array_api
    ours = CASES[name](xp, *[facula.from_numpy(a.copy()) for a in (X, N, B, Z, S)])
    theirs = CASES[name](np, X, N, B, Z, S)
    assert isinstance(ours, facula.Tensor)
    assert tuple(ours.shape) == np.shape(theirs)
    if not name.endswith("freq"):  # made in the default type, float32 here
        assert ours.dtype.name == theirs.dtype.name
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-6 if name.endswith("freq") else 1e-12, atol=1e-14)


def test_every_name_of_the_standard_is_there():
    xp = facula.array_api
    for name in TYPES:
        assert hasattr(xp, name), name
    standard = {name for name in CASES if "_" not in name or hasattr(np, name)} | set(TYPES)
    assert {name for name in standard if "." not in name} <= set(dir(xp)) | {"sort_descending"}
    with pytest.raises(AttributeError, match="has no attribute 'median'"):
        xp.median


def test_namespace_of_a_tensor():
    x = facula.ones(2)
    assert x.__array_namespace__() is facula.array_api
    assert x.__array_namespace__(api_version="2024.12") is facula.array_api
    with pytest.raises(ValueError, match="__array_namespace__: expected a version up to 2024.12, got '2030.01'"):
        x.__array_namespace__(api_version="2030.01")
    assert x.to_device("meta").device.type == "meta"


def test_types():
    xp = facula.array_api
    assert xp.isdtype(xp.int8, "signed integer")
    assert xp.isdtype(xp.uint8, ("bool", "unsigned integer"))
    assert xp.isdtype(xp.complex64, "numeric")
    assert not xp.isdtype(xp.bool, "numeric")
    assert xp.isdtype(xp.float32, xp.float32)
    with pytest.raises(ValueError, match="isdtype: expected a kind of bool, .*, got 'real'"):
        xp.isdtype(xp.float32, "real")
    assert xp.result_type(facula.ones(2), xp.float64, 1) is xp.float64
    assert xp.result_type(xp.int64, xp.float32) is xp.float32
    assert xp.can_cast(xp.int32, xp.float64)
    assert not xp.can_cast(xp.float64, xp.int32)
    assert xp.finfo(facula.ones(1)).eps == np.finfo(np.float32).eps
    assert xp.iinfo(xp.int8).max == 127
    with pytest.raises(ValueError, match="result_type: expected at least one tensor or type"):
        xp.result_type(1)
    info = xp.__array_namespace_info__()
    assert info.default_dtypes()["real floating"] is facula.float32
    assert info.default_device() == facula.device("cpu") in info.devices()
    assert set(info.dtypes(kind="real floating")) == {"float32", "float64"}
    assert info.capabilities()["boolean indexing"]


def test_copies_and_views():
    xp = facula.array_api
    a = np.ones(3)
    assert np.shares_memory(xp.asarray(a).numpy(), a)
    assert not np.shares_memory(xp.asarray(a, copy=True).numpy(), a)
    t = facula.ones(3)
    assert xp.asarray(t) is t
    assert xp.asarray(t, copy=True) is not t
    assert xp.asarray([t, t]).shape == (2, 3)
    with pytest.raises(ValueError, match="asarray: unable to avoid copy"):
        xp.asarray(t, dtype=xp.int8, copy=False)
    assert xp.asarray(a[::-1]).tolist() == [1, 1, 1]
    assert xp.astype(t, xp.float32, copy=False) is t
    assert xp.astype(t, xp.float32) is not t
    with pytest.raises(ValueError, match="squeeze: expected axis 0 of size 1, got 3"):
        xp.squeeze(t, 0)
    with pytest.raises(IndexError, match="take: expected an axis for 2 dimensions, got None"):
        xp.take(facula.ones(2, 2), facula.tensor([0]))
    with pytest.raises(ValueError, match="vecdot: expected a negative axis that both tensors have, got 0"):
        xp.vecdot(t, t, axis=0)


def test_gradients_flow_through():
    x = facula.tensor([1.0, 2.0, 4.0], requires_grad=True)
    xp = x.__array_namespace__()
    xp.sum(xp.cumulative_sum(xp.square(x)), axis=0).backward()
    assert x.grad.tolist() == [6, 8, 8]


def test_loaded_on_first_use():
    code = "import facula, sys; facula.ones(2).sum(); assert 'facula.array_api' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
