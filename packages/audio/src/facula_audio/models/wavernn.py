"""WaveRNN, which turns a spectrogram into a waveform, one sample after the other.

Source: N. Kalchbrenner et al., "Efficient Neural Audio Synthesis", https://arxiv.org/abs/1802.08435; the network that
raises the spectrogram to the rate of samples is that of https://github.com/fatchord/WaveRNN.
"""

from __future__ import annotations

import math

import facula
from facula import Tensor, nn

__all__ = ["MelResNet", "ResBlock", "Stretch2d", "UpsampleNetwork", "WaveRNN"]


class ResBlock(nn.Module):
    """x + two convolutions of width 1, each normalised.   Shape: (N, n_freq, frames), unchanged."""

    def __init__(self, n_freq: int = 128) -> None:
        super().__init__()
        self.resblock_model = nn.Sequential(
            nn.Conv1d(n_freq, n_freq, 1, bias=False),
            nn.BatchNorm1d(n_freq),
            nn.ReLU(inplace=True),
            nn.Conv1d(n_freq, n_freq, 1, bias=False),
            nn.BatchNorm1d(n_freq),
        )

    def forward(self, specgram: Tensor) -> Tensor:
        return self.resblock_model(specgram) + specgram


class MelResNet(nn.Module):
    """Features of a spectrogram's frames.   Shape: (N, n_freq, frames) -> (N, n_output, frames - kernel_size + 1)."""

    def __init__(
        self, n_res_block: int = 10, n_freq: int = 128, n_hidden: int = 128, n_output: int = 128, kernel_size: int = 5
    ) -> None:
        super().__init__()
        self.melresnet_model = nn.Sequential(
            nn.Conv1d(n_freq, n_hidden, kernel_size, bias=False),
            nn.BatchNorm1d(n_hidden),
            nn.ReLU(inplace=True),
            *(ResBlock(n_hidden) for _ in range(n_res_block)),
            nn.Conv1d(n_hidden, n_output, 1),
        )

    def forward(self, specgram: Tensor) -> Tensor:
        return self.melresnet_model(specgram)


class Stretch2d(nn.Module):
    """Each point repeated.   Shape: (*, freq, time) -> (*, freq freq_scale, time time_scale)."""

    def __init__(self, time_scale: int, freq_scale: int) -> None:
        super().__init__()
        self.freq_scale = freq_scale
        self.time_scale = time_scale

    def forward(self, specgram: Tensor) -> Tensor:
        return specgram.repeat_interleave(self.freq_scale, -2).repeat_interleave(self.time_scale, -1)


class UpsampleNetwork(nn.Module):
    """A spectrogram and its features at the rate of samples, smoothed between the frames.

    Shape: (N, n_freq, frames) -> (N, n_freq, samples) and (N, n_output, samples), samples = (frames - kernel_size + 1)
    prod(upsample_scales).
    """

    def __init__(
        self,
        upsample_scales: list[int],
        n_res_block: int = 10,
        n_freq: int = 128,
        n_hidden: int = 128,
        n_output: int = 128,
        kernel_size: int = 5,
    ) -> None:
        super().__init__()
        self.total_scale = math.prod(upsample_scales)
        self.indent = (kernel_size - 1) // 2 * self.total_scale
        self.resnet = MelResNet(n_res_block, n_freq, n_hidden, n_output, kernel_size)
        self.resnet_stretch = Stretch2d(self.total_scale, 1)
        layers: list[nn.Module] = []
        for scale in upsample_scales:
            smooth = nn.Conv2d(1, 1, (1, 2 * scale + 1), padding=(0, scale), bias=False)
            nn.init.constant_(smooth.weight, 1.0 / (2 * scale + 1))
            layers += [Stretch2d(scale, 1), smooth]
        self.upsample_layers = nn.Sequential(*layers)

    def forward(self, specgram: Tensor) -> tuple[Tensor, Tensor]:
        features = self.resnet_stretch(self.resnet(specgram))
        stretched = self.upsample_layers(specgram.unsqueeze(1)).squeeze(1)
        return stretched[:, :, self.indent : stretched.shape[2] - self.indent], features


class WaveRNN(nn.Module):
    """Two recurrent layers over the sample before, the spectrogram and its features: scores of the next sample.

    Shape: waveform (N, 1, (frames - kernel_size + 1) hop_length) and spectrogram (N, 1, n_freq, frames) ->
    (N, 1, time, n_classes). ValueError if the scales do not multiply to `hop_length`, or for more than one channel.
    """

    def __init__(
        self,
        upsample_scales: list[int],
        n_classes: int,
        hop_length: int,
        n_res_block: int = 10,
        n_rnn: int = 512,
        n_fc: int = 512,
        kernel_size: int = 5,
        n_freq: int = 128,
        n_hidden: int = 128,
        n_output: int = 128,
    ) -> None:
        super().__init__()
        if math.prod(upsample_scales) != hop_length:
            raise ValueError(
                f"WaveRNN: expected total_scale: {math.prod(upsample_scales)} == hop_length: {hop_length}. "
                "Choose upsample_scales whose product is hop_length."
            )
        self.kernel_size = kernel_size
        self._pad = (kernel_size - 1) // 2
        self.n_rnn = n_rnn
        self.n_aux = n_output // 4
        self.hop_length = hop_length
        self.n_classes = n_classes
        self.n_bits = int(math.log2(n_classes))
        self.upsample = UpsampleNetwork(upsample_scales, n_res_block, n_freq, n_hidden, n_output, kernel_size)
        self.fc = nn.Linear(n_freq + self.n_aux + 1, n_rnn)
        self.rnn1 = nn.GRU(n_rnn, n_rnn, batch_first=True)
        self.rnn2 = nn.GRU(n_rnn + self.n_aux, n_rnn, batch_first=True)
        self.relu1 = nn.ReLU(inplace=True)
        self.relu2 = nn.ReLU(inplace=True)
        self.fc1 = nn.Linear(n_rnn + self.n_aux, n_fc)
        self.fc2 = nn.Linear(n_fc + self.n_aux, n_fc)
        self.fc3 = nn.Linear(n_fc, n_classes)

    def _scores(
        self, waveform: Tensor, specgram: Tensor, aux: Tensor, h1: Tensor, h2: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Waveform (N, time), spectrogram and features (N, time, *) -> scores (N, time, n_classes) and both states."""
        a1, a2, a3, a4 = (aux[..., i * self.n_aux : (i + 1) * self.n_aux] for i in range(4))
        x = self.fc(facula.cat([waveform.unsqueeze(-1), specgram, a1], dim=-1))
        out, h1 = self.rnn1(x, h1)
        x = out + x
        out, h2 = self.rnn2(facula.cat([x, a2], dim=-1), h2)
        x = out + x
        x = self.relu1(self.fc1(facula.cat([x, a3], dim=-1)))
        x = self.relu2(self.fc2(facula.cat([x, a4], dim=-1)))
        return self.fc3(x), h1, h2

    def _start(self, specgram: Tensor) -> tuple[Tensor, Tensor]:
        zeros = facula.zeros(1, len(specgram), self.n_rnn, dtype=specgram.dtype, device=specgram.device)
        return zeros, zeros

    def forward(self, waveform: Tensor, specgram: Tensor) -> Tensor:
        if waveform.shape[1] != 1 or specgram.shape[1] != 1:
            raise ValueError(
                f"WaveRNN: expected one channel, got {waveform.shape[1]} in the waveform and {specgram.shape[1]} in "
                "the spectrogram. Require the input channel of both to be 1."
            )
        stretched, aux = self.upsample(specgram.squeeze(1))
        scores, _, _ = self._scores(
            waveform.squeeze(1), stretched.transpose(1, 2), aux.transpose(1, 2), *self._start(specgram)
        )
        return scores.unsqueeze(1)

    def infer(self, specgram: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """A waveform for a spectrogram, each sample drawn from the scores that the samples before it give.

        Shape: (N, n_freq, frames) -> (N, 1, frames hop_length), in -1..1; lengths (N,) are those of frames, then of
        samples.
        """
        padded = nn.functional.pad(specgram, (self._pad, self._pad))
        stretched, aux = self.upsample(padded)
        stretched, aux = stretched.transpose(1, 2), aux.transpose(1, 2)
        if lengths is not None:
            lengths = lengths * self.upsample.total_scale
        h1, h2 = self._start(specgram)
        sample = facula.zeros(len(specgram), 1, dtype=specgram.dtype, device=specgram.device)
        samples = []
        for t in range(stretched.shape[1]):
            scores, h1, h2 = self._scores(sample, stretched[:, t : t + 1], aux[:, t : t + 1], h1, h2)
            drawn = facula.multinomial(scores[:, 0].softmax(dim=1), 1)  # (N, 1)
            sample = 2 * drawn.to(specgram.dtype) / (2**self.n_bits - 1.0) - 1.0
            samples.append(sample)
        return facula.stack(samples, dim=2), lengths
