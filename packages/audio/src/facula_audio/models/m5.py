"""M5, a classifier of raw waveforms.

Source: W. Dai, C. Dai, S. Qu, J. Li, S. Das, "Very Deep Convolutional Neural Networks for Raw Waveforms",
https://arxiv.org/abs/1610.00087.
"""

from __future__ import annotations

from typing import Any

from facula import Tensor, nn

__all__ = ["M5", "m5"]


class M5(nn.Module):
    """Four convolutions over time, each with normalisation, ReLU and pooling, the mean over time and a linear layer.

    The paper has `stride=4`, `n_channel=128` and twice the channels in the last convolution; the defaults are lighter, made
    for one second at 8 kHz.
    Shape: (N, n_input, time) -> (N, n_output), logits.

    >>> import facula
    >>> from facula_audio.models import M5
    >>> M5(n_output=10)(facula.zeros(2, 1, 8000)).shape
    facula.Size([2, 10])
    """

    def __init__(self, n_input: int = 1, n_output: int = 35, stride: int = 16, n_channel: int = 32) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(n_input, n_channel, kernel_size=80, stride=stride)
        self.bn1 = nn.BatchNorm1d(n_channel)
        self.pool1 = nn.MaxPool1d(4)
        self.conv2 = nn.Conv1d(n_channel, n_channel, kernel_size=3)
        self.bn2 = nn.BatchNorm1d(n_channel)
        self.pool2 = nn.MaxPool1d(4)
        self.conv3 = nn.Conv1d(n_channel, 2 * n_channel, kernel_size=3)
        self.bn3 = nn.BatchNorm1d(2 * n_channel)
        self.pool3 = nn.MaxPool1d(4)
        self.conv4 = nn.Conv1d(2 * n_channel, 2 * n_channel, kernel_size=3)
        self.bn4 = nn.BatchNorm1d(2 * n_channel)
        self.pool4 = nn.MaxPool1d(4)
        self.fc1 = nn.Linear(2 * n_channel, n_output)

    def forward(self, input: Tensor) -> Tensor:
        x = self.pool1(self.bn1(self.conv1(input)).relu())  # (N, n_channel, time / (4 stride))
        x = self.pool2(self.bn2(self.conv2(x)).relu())
        x = self.pool3(self.bn3(self.conv3(x)).relu())
        x = self.pool4(self.bn4(self.conv4(x)).relu())  # (N, 2 n_channel, time / (256 stride))
        return self.fc1(x.mean(dim=-1))


def m5(*, num_classes: int = 35, **config: Any) -> M5:
    """M5 for `num_classes`: 26,915 parameters for 35 of them."""
    return M5(n_output=num_classes, **config)
