"""Compiled loops: what they are made of, where they are kept, how they are shared out, and what happens without them."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

import facula
from facula.ops.kernels import compiled, elf, native, store
from facula.ops.kernels.compiled import F, float32, inline, kernel
from facula.ops.kernels.vector import erf, exp, sigmoid, tanh

pytest.importorskip("numba")
FACTOR = 3


@inline
def scaled(x, factor):
    return x * factor * FACTOR


@kernel
def scale(x: F[::1], out: F[::1], factor: F, start: int, stop: int):
    x, out = x[start:stop], out[start:stop]
    for i in range(x.size):
        out[i] = scaled(x[i], factor)


@kernel
def elementary(x: float32[::1], out: float32[:, ::1]):
    a, b, c, d = out[0], out[1], out[2], out[3]
    for i in range(x.size):
        a[i] = exp(x[i])
        b[i] = sigmoid(x[i])
        c[i] = tanh(x[i])
        d[i] = erf(x[i])


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """An empty home, and kernels that nobody loaded yet."""
    monkeypatch.setenv("FACULA_HOME", str(tmp_path))
    monkeypatch.setattr(scale, "loaded", {})
    return tmp_path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_loop_covers_its_range_once(dtype, threads):
    before = facula.get_num_threads()
    facula.set_num_threads(threads)
    try:
        x = np.arange(100_000, dtype=dtype)
        out = np.full_like(x, -1)
        scale.share(x.size, 1, x, out, 0.5)
    finally:
        facula.set_num_threads(before)
    np.testing.assert_array_equal(out, x * 1.5)


def test_what_was_compiled_is_kept_and_read_again(fresh, monkeypatch):
    x, out = np.ones(8, "float32"), np.zeros(8, "float32")
    scale(x, out, 2.0, 0, 8)
    (kept,) = (fresh / "kernels").iterdir()
    assert kept.name.startswith("scale-float32-")
    monkeypatch.setattr(scale, "loaded", {})
    monkeypatch.setattr(compiled, "_compile", None)  # it must not be asked again
    out[:] = 0
    scale(x, out, 2.0, 2, 8)
    assert out.tolist() == [0, 0, 6, 6, 6, 6, 6, 6]


def test_a_damaged_file_is_compiled_again(fresh, monkeypatch):
    x, out = np.ones(8, "float32"), np.zeros(8, "float32")
    scale(x, out, 2.0, 0, 8)
    (kept,) = (fresh / "kernels").iterdir()
    content = kept.read_bytes()
    kept.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    monkeypatch.setattr(scale, "loaded", {})
    scale(x, out, 2.0, 0, 8)
    assert out.tolist() == [6] * 8
    assert store.read(kept.name) is not None


def test_a_folder_that_others_can_write_is_not_trusted(fresh):
    place = fresh / "kernels"
    place.mkdir()
    place.chmod(0o777)
    x, out = np.ones(8, "float32"), np.zeros(8, "float32")
    scale(x, out, 2.0, 0, 8)
    assert out[0] == 6
    assert not list(place.iterdir())
    assert store.folder() is None


def test_the_code_of_helpers_and_constants_is_part_of_the_name(monkeypatch):
    before = compiled._parts(scale.function)
    monkeypatch.setitem(globals(), "FACTOR", 4)
    assert compiled._parts(scale.function) != before


def test_where_objects_cannot_be_loaded_numba_runs_them(fresh, monkeypatch):
    monkeypatch.setattr(native, "SUPPORTED", False)
    x, out = np.ones(8, "float32"), np.zeros(8, "float32")
    scale(x, out, 2.0, 0, 8)
    assert out.tolist() == [6] * 8
    assert not (fresh / "kernels").exists()


@pytest.mark.parametrize("content", [b"", b"MZ" + bytes(200), b"\x7fELF\x01\x01" + bytes(200)])
def test_objects_of_other_machines_are_refused(content):
    with pytest.raises(elf.UnsupportedObjectError, match="expected a 64-bit ELF object for x86-64"):
        elf.load(content, lambda name: None)


@pytest.mark.skipif(not native.SUPPORTED, reason="code cannot be kept here")
def test_warming_up_keeps_every_kernel(fresh, monkeypatch):
    monkeypatch.setattr(compiled, "kernels", [scale, elementary])
    assert sorted(compiled.warm_up(("float32", "float64"))) == [
        ("elementary", "float32"), ("scale", "float32"), ("scale", "float64"),
    ]  # fmt: skip
    assert len(list((fresh / "kernels").glob("scale-*"))) == 2


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3)])
def test_addresses_are_those_that_numpy_says(shape):
    array = np.zeros(shape)
    assert native.address(array) == array.ctypes.data
    assert native.address(array.T[..., 1:] if shape else array) == (array.T[..., 1:] if shape else array).ctypes.data


def test_a_second_process_needs_no_numba(fresh):
    program = """if True:
        import sys, facula
        x = facula.ones(64, 1024)
        assert facula.softmax(x, 1)[0, 0].item() == 1 / 1024
        print("numba" in sys.modules)
    """
    env = {**os.environ, "FACULA_HOME": str(fresh)}
    runs = [subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True) for _ in range(2)]
    assert [run.stdout.strip() for run in runs] == ["True", "False"] if native.SUPPORTED else ["True", "True"]
    env["FACULA_KERNELS"] = "0"
    run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
    assert run.stdout.strip() == "False"


def test_use_kernels_acts_at_once_and_within_a_block():
    x = np.ones(compiled.LEAST, "float32")
    assert scale.serves(x)
    with facula.use_kernels(False):
        assert not scale.serves(x)
    assert scale.serves(x, x)
    assert not scale.serves(x[::2], x[::2])
    assert not scale.serves(x, x.astype("float64"))
    assert not elementary.serves(x.astype("float64"))


def test_elementary_functions_are_exact_to_a_few_last_places():
    special = pytest.importorskip("scipy.special")
    bits = np.arange(0, 2**32, 4097, dtype=np.uint64).astype(np.uint32)
    x = bits.view(np.float32)
    x = np.concatenate([x[~np.isnan(x)], np.float32([0, np.inf, -np.inf, 88.72283, 88.73, -87.34, -87.33, -104])])
    out = np.empty((4, x.size), "float32")
    elementary(x, out)
    wide = x.astype("float64")
    with np.errstate(over="ignore"):
        exact = np.exp(wide).astype("float32"), special.expit(wide), np.tanh(wide), special.erf(wide)
    for got, want, tolerance in zip(out, exact, (4e-7, 5e-7, 5e-7, 5e-7), strict=True):
        normal = np.abs(want) > 1e-35
        np.testing.assert_allclose(got[normal], want[normal], rtol=tolerance, atol=0)
        assert np.abs(got[~normal]).max() <= 1.1e-35
    elementary(np.float32([np.nan]), out[:, :1].copy())
    nan = np.empty((4, 1), "float32")
    elementary(np.float32([np.nan]), nan)
    assert np.isnan(nan).all()
