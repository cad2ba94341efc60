"""Losses of speech recognition as modules."""

from __future__ import annotations

from facula import Tensor, nn
from facula_audio import functional as F

__all__ = ["RNNTLoss"]


class RNNTLoss(nn.Module):
    """-log P(targets | logits) of a transducer, summed over all alignments.

    Shape: logits (B, T, U + 1, classes), targets (B, U), lengths (B) -> (), or (B) for reduction "none".
    """

    def __init__(
        self, blank: int = -1, clamp: float = -1.0, reduction: str = "mean", fused_log_softmax: bool = True
    ) -> None:
        super().__init__()
        self.blank = blank
        self.clamp = clamp
        self.reduction = reduction
        self.fused_log_softmax = fused_log_softmax

    def forward(self, logits: Tensor, targets: Tensor, logit_lengths: Tensor, target_lengths: Tensor) -> Tensor:
        return F.rnnt_loss(
            logits,
            targets,
            logit_lengths,
            target_lengths,
            self.blank,
            self.clamp,
            self.reduction,
            self.fused_log_softmax,
        )
