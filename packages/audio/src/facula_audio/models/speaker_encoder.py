"""An encoder of voices: utterances of one speaker lie close together, those of others far apart.

Source: L. Wan, Q. Wang, A. Papir, I. L. Moreno, "Generalized End-to-End Loss for Speaker Verification",
https://arxiv.org/abs/1710.10467.
"""

from __future__ import annotations

import os

import facula
from facula import Tensor, nn
from facula.nn import functional as F

__all__ = ["SpeakerEncoder", "ge2e_similarity", "speaker_encoder"]


def ge2e_similarity(embeddings: Tensor) -> Tensor:
    """The cosine of each utterance with the mean of each speaker; its own speaker's mean leaves it out.

    Shape: (speakers, utterances, width) of length 1 -> (speakers, utterances, speakers). ValueError for one utterance.
    """
    if embeddings.dim() != 3 or embeddings.shape[1] < 2:
        raise ValueError(
            "ge2e_similarity: expected (speakers, utterances, width) with at least two utterances, got "
            f"{tuple(embeddings.shape)}. Give each speaker another utterance."
        )
    speakers, utterances, _ = embeddings.shape
    total = embeddings.sum(dim=1)  # (speakers, width)
    others = F.normalize((total.unsqueeze(1) - embeddings) / (utterances - 1), dim=2)
    to_all = facula.matmul(embeddings, F.normalize(total / utterances, dim=1).t())  # (speakers, utterances, speakers)
    to_own = (embeddings * others).sum(dim=2)
    own = facula.eye(speakers, dtype=facula.bool, device=embeddings.device).unsqueeze(1)
    return facula.where(own, to_own.unsqueeze(2), to_all)


class SpeakerEncoder(nn.Module):
    """Three LSTM layers over mel features; a linear layer of the last state, ReLU, length 1.

    Shape: (N, frames, n_mels) -> (N, embedding_dim).

    >>> import facula
    >>> from facula_audio.models import SpeakerEncoder
    >>> SpeakerEncoder(n_mels=8, hidden_size=16, embedding_dim=4)(facula.rand(2, 20, 8)).shape
    facula.Size([2, 4])
    """

    def __init__(self, n_mels: int = 40, hidden_size: int = 256, num_layers: int = 3, embedding_dim: int = 256) -> None:
        super().__init__()
        self.lstm = nn.LSTM(n_mels, hidden_size, num_layers, batch_first=True)
        self.linear = nn.Linear(hidden_size, embedding_dim)
        self.similarity_weight = nn.Parameter(facula.tensor([10.0]))
        self.similarity_bias = nn.Parameter(facula.tensor([-5.0]))

    def forward(self, mels: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(mels)
        return F.normalize(self.linear(hidden[-1]).relu(), dim=1, eps=1e-5)

    def loss(self, embeddings: Tensor) -> Tensor:
        """The generalized end-to-end loss: each utterance is to be told as its speaker's.   Shape: (speakers, utterances, width)."""
        scores = ge2e_similarity(embeddings) * self.similarity_weight.clamp(min=1e-6) + self.similarity_bias
        speakers, utterances, _ = scores.shape
        truth = facula.arange(speakers, device=scores.device).repeat_interleave(utterances)
        return F.cross_entropy(scores.flatten(0, 1), truth)

    def embed_utterance(self, mels: Tensor, window: int = 160, overlap: float = 0.5) -> Tensor:
        """The mean over windows of one utterance, of length 1.   Shape: (frames, n_mels) -> (embedding_dim,)."""
        if mels.dim() != 2 or len(mels) == 0:
            raise ValueError(
                f"embed_utterance: expected (frames, n_mels), got {tuple(mels.shape)}. Give one utterance."
            )
        if len(mels) < window:
            mels = F.pad(mels, (0, 0, 0, window - len(mels)))
        windows = mels.unfold(0, window, max(1, round(window * (1 - overlap)))).transpose(1, 2)
        return F.normalize(self(windows).mean(dim=0), dim=0)


def speaker_encoder(*, weights: str | os.PathLike[str] | None = None, **config: int) -> SpeakerEncoder:
    """The encoder of the paper's text-independent task, with 256 units: 1,423,618 parameters."""
    model = SpeakerEncoder(**config)
    if weights is not None:
        model.load_state_dict(facula.load(weights))
    return model
