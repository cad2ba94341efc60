"""All cases as plain calls, and what is kept of their results."""

import runpy
import wave
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
FACTS = HERE / "facts.safetensors"
PLACES = 24


def clip():
    """A real clip of 1.1 s at 16 kHz, "ten of clubs", as float32 from -1 to 1."""
    with wave.open(str(HERE.parent / "data" / "ten_of_clubs.wav")) as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


def every():
    """Each case by name: a function of the framework's module and the audio package that returns NumPy arrays."""
    for path in sorted(HERE.glob("*_cases.py")):
        table, room = runpy.run_path(str(path)), path.stem.removesuffix("_cases")
        for name, case in table["CASES"].items():
            yield f"{room}.{name}", _forward(case, table["inputs"])
        for name, case in table.get("GRADIENTS", {}).items():
            yield f"{room}.{name}.gradient", _gradient(case, table["inputs"])


def _forward(case, inputs):
    def call(fw, A):
        out = case(fw, A, inputs(fw, clip()))
        return [t.detach().numpy() for t in (out if isinstance(out, tuple) else (out,))]

    return call


def _gradient(case, inputs):
    """The gradients of a weighted sum of the result."""

    def call(fw, A):
        function, given = case(fw, A, inputs(fw, clip()))
        given = [t.detach().clone().requires_grad_() for t in given]
        out = function(*given)
        weights = fw.from_numpy(np.cos(np.arange(out.numel()))).reshape(out.shape).to(out.dtype)
        (out * weights).sum().backward()
        return [t.grad.numpy() for t in given]

    return call


def summary(array):
    """Numbers at even places, and last the sum weighted by a cosine; complex numbers as pairs."""
    flat = np.ascontiguousarray(array).reshape(-1)
    flat = flat.view(flat.real.dtype) if np.iscomplexobj(flat) else flat
    flat = flat.astype(np.float64)
    places = np.linspace(0, flat.size - 1, min(PLACES, flat.size)).astype(int)
    return np.append(flat[places], flat @ np.cos(np.arange(flat.size)) / max(flat.size, 1) ** 0.5)


def scale(array):
    """The largest number, by which errors are judged."""
    return float(np.abs(array).max()) if array.size else 0.0


def description(array):
    return f"{array.dtype} {list(array.shape)} {scale(array):.9g}"
