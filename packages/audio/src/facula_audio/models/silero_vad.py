"""A small detector of speech in a stream, under the names of Silero's published weights.

Source: Silero Team, "Silero VAD", https://github.com/snakers4/silero-vad (MIT): a spectrum, four convolutions, one LSTM
cell. `silero_vad_16k.safetensors` of the package silero-vad loads strictly.
"""

from __future__ import annotations

import os

import numpy as np

import facula
from facula import Tensor, nn
from facula.nn import functional as F

__all__ = ["SileroVAD", "silero_vad", "speech_timestamps"]

_CHUNK, _CONTEXT, _FFT, _HOP = 512, 64, 256, 128  # samples at 16 kHz


def _fourier() -> Tensor:
    """Real, then imaginary parts of a windowed Fourier transform, as filters.   Shape: (258, 1, 256)."""
    n = np.arange(_FFT)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * n / _FFT)
    angle = 2 * np.pi * np.arange(_FFT // 2 + 1)[:, None] * n / _FFT
    filters = np.concatenate([np.cos(angle), -np.sin(angle)]) * window
    return facula.tensor(filters[:, None].astype(np.float32))


class SileroVAD(nn.Module):
    """The chance of speech in each 32 ms of sound at 16 kHz, given what came before.

    Shape: chunks (N, 512) and state (2, N, 128), or None at the start, after 64 samples of `context` (N, 64) -> chances
    (N, 1) and the new state.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stft_conv = nn.Conv1d(1, _FFT + 2, _FFT, stride=_HOP, bias=False)
        self.stft_conv.weight = nn.Parameter(_fourier(), requires_grad=False)
        self.conv1 = nn.Conv1d(_FFT // 2 + 1, 128, 3, padding=1)
        self.conv2 = nn.Conv1d(128, 64, 3, stride=2, padding=1)
        self.conv3 = nn.Conv1d(64, 64, 3, stride=2, padding=1)
        self.conv4 = nn.Conv1d(64, 128, 3, padding=1)
        self.lstm_cell = nn.LSTMCell(128, 128)
        self.final_conv = nn.Conv1d(128, 1, 1)

    def _features(self, chunks: Tensor) -> Tensor:
        """(N, 64 + 512) -> (N, 128)."""
        parts = self.stft_conv(F.pad(chunks.unsqueeze(1), (0, _CONTEXT), mode="reflect"))  # (N, 258, 4)
        half = _FFT // 2 + 1
        x = (parts[:, :half].pow(2) + parts[:, half:].pow(2)).sqrt()
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            x = conv(x).relu()
        return x.squeeze(2)

    def _chance(self, features: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        pair = None if state is None else (state[0], state[1])
        h, c = self.lstm_cell(features, pair)
        return self.final_conv(h.relu().unsqueeze(2)).sigmoid().squeeze(2), facula.stack([h, c])

    def forward(
        self, chunk: Tensor, state: Tensor | None = None, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        if chunk.dim() != 2 or chunk.shape[1] != _CHUNK:
            raise ValueError(
                f"SileroVAD: expected chunks (N, {_CHUNK}), got {tuple(chunk.shape)}. Use model.chances for whole sounds."
            )
        before = chunk.new_zeros(len(chunk), _CONTEXT) if context is None else context
        return self._chance(self._features(facula.cat([before, chunk], dim=1)), state)

    def chances(self, waveform: Tensor) -> Tensor:
        """The chance of speech in each chunk of whole sounds; silence fills the last.   Shape: (N, time) -> (N, chunks)."""
        batch, time = waveform.shape
        padded = F.pad(waveform, (_CONTEXT, -time % _CHUNK))
        windows = padded.unfold(1, _CHUNK + _CONTEXT, _CHUNK)  # (N, chunks, 576)
        features = self._features(windows.flatten(0, 1)).unflatten(0, (batch, windows.shape[1]))
        state: Tensor | None = None
        found = []
        for step in features.unbind(1):
            chance, state = self._chance(step, state)
            found.append(chance)
        return facula.cat(found, dim=1)


def silero_vad(*, weights: str | os.PathLike[str] | None = None) -> SileroVAD:
    """The detector (309,633 parameters, and a fixed spectrum); `weights` is a file with its state_dict.

    >>> from facula_audio.models import silero_vad
    >>> import facula
    >>> silero_vad().chances(facula.zeros(1, 16000)).shape
    facula.Size([1, 32])
    """
    model = SileroVAD()
    if weights is not None:
        model.load_state_dict(facula.load(weights))
    return model


def speech_timestamps(
    chances: Tensor,
    threshold: float = 0.5,
    min_speech_ms: float = 250,
    min_silence_ms: float = 100,
    speech_pad_ms: float = 30,
) -> list[tuple[float, float]]:
    """Where speech begins and ends, in seconds, by the chances of one sound.

    Speech begins at `threshold` and ends where chances stay 0.15 below it for `min_silence_ms`; what is shorter than
    `min_speech_ms` is left out; the rest is widened by `speech_pad_ms`. Shape: (chunks,). ValueError for another.

    >>> import facula
    >>> from facula_audio.models.silero_vad import speech_timestamps
    >>> speech_timestamps(facula.tensor([0.0] * 10 + [0.9] * 20 + [0.0] * 10), speech_pad_ms=0)
    [(0.32, 0.96)]
    """
    if chances.dim() != 1:
        raise ValueError(f"speech_timestamps: expected the chances of one sound (chunks,), got {tuple(chances.shape)}.")
    step = _CHUNK / 16000
    spans: list[tuple[float, float]] = []
    start: int | None = None
    quiet: int | None = None
    for index, chance in enumerate([*chances.tolist(), *[0.0] * (int(min_silence_ms / 1000 / step) + 2)]):
        if chance >= threshold:
            start, quiet = index if start is None else start, None
        elif start is not None and chance < threshold - 0.15:
            quiet = index if quiet is None else quiet
            if (index + 1 - quiet) * step * 1000 >= min_silence_ms:
                spans.append((start * step, min(quiet, len(chances)) * step))
                start, quiet = None, None
    pad, total = speech_pad_ms / 1000, len(chances) * step
    kept = [(begin, end) for begin, end in spans if (end - begin) * 1000 >= min_speech_ms]
    return [(round(max(0.0, begin - pad), 6), round(min(total, end + pad), 6)) for begin, end in kept]
