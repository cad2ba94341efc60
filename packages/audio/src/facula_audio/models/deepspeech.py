"""DeepSpeech, a recogniser with one recurrent layer that reads in both directions.

Source: A. Hannun et al., "Deep Speech: Scaling up end-to-end speech recognition", https://arxiv.org/abs/1412.5567.
"""

from __future__ import annotations

from facula import Tensor, nn

__all__ = ["DeepSpeech", "FullyConnected"]


class FullyConnected(nn.Module):
    """A linear layer, a ReLU clipped at `relu_max_clip` and dropout.   Shape: (*, n_feature) -> (*, n_hidden)."""

    def __init__(self, n_feature: int, n_hidden: int, dropout: float, relu_max_clip: int = 20) -> None:
        super().__init__()
        self.fc = nn.Linear(n_feature, n_hidden, bias=True)
        self.relu_max_clip = relu_max_clip
        self.dropout = dropout

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc(x).clamp(0, self.relu_max_clip)
        return nn.functional.dropout(x, self.dropout, self.training) if self.dropout else x


class DeepSpeech(nn.Module):
    """Three clipped layers, a recurrent one whose two directions are added, one more, and the classes.

    Shape: (N, 1, time, n_feature) -> (N, time, n_class), logarithms of probabilities.

    >>> import facula
    >>> from facula_audio.models import DeepSpeech
    >>> DeepSpeech(n_feature=13, n_hidden=8, n_class=29)(facula.zeros(2, 1, 50, 13)).shape
    facula.Size([2, 50, 29])
    """

    def __init__(self, n_feature: int, n_hidden: int = 2048, n_class: int = 40, dropout: float = 0.0) -> None:
        super().__init__()
        self.n_hidden = n_hidden
        self.fc1 = FullyConnected(n_feature, n_hidden, dropout)
        self.fc2 = FullyConnected(n_hidden, n_hidden, dropout)
        self.fc3 = FullyConnected(n_hidden, n_hidden, dropout)
        self.bi_rnn = nn.RNN(n_hidden, n_hidden, num_layers=1, nonlinearity="relu", bidirectional=True)
        self.fc4 = FullyConnected(n_hidden, n_hidden, dropout)
        self.out = nn.Linear(n_hidden, n_class)

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc3(self.fc2(self.fc1(x)))
        x = x.squeeze(1).transpose(0, 1)  # (time, N, n_hidden)
        x, _ = self.bi_rnn(x)
        x = x[..., : self.n_hidden] + x[..., self.n_hidden :]
        x = self.out(self.fc4(x)).transpose(0, 1)
        return nn.functional.log_softmax(x, dim=2)
