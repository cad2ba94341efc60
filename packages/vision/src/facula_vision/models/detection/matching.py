"""Which known box belongs to which object, and which of them take part in training."""

from __future__ import annotations

import facula
from facula import Tensor

__all__ = ["BalancedPositiveNegativeSampler", "Matcher", "SSDMatcher"]


class Matcher:
    """The best object of each prediction, or -1 below `low_threshold`, or -2 between the thresholds.

    `allow_low_quality_matches` gives each object the predictions that overlap it most, whatever the threshold.
    Shape: qualities (objects, predictions) -> (predictions,), int64. ValueError where there are no objects or predictions.

    >>> import facula
    >>> Matcher(0.7, 0.3)(facula.tensor([[0.9, 0.1, 0.4], [0.2, 0.2, 0.5]])).tolist()
    [0, -1, -2]
    """

    BELOW_LOW_THRESHOLD = -1
    BETWEEN_THRESHOLDS = -2

    def __init__(self, high_threshold: float, low_threshold: float, allow_low_quality_matches: bool = False) -> None:
        if low_threshold > high_threshold:
            raise AssertionError(
                f"Matcher: low_threshold should be <= high_threshold, expected that, got {low_threshold} and "
                f"{high_threshold}. Exchange them."
            )
        self.high_threshold = high_threshold
        self.low_threshold = low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        if not match_quality_matrix.numel():
            missing = "ground-truth boxes" if not match_quality_matrix.shape[0] else "proposal boxes"
            raise ValueError(
                f"Matcher: No {missing} available for one of the images during training, expected at least one, got "
                f"{tuple(match_quality_matrix.shape)}. Leave such images out."
            )
        best, nearest = match_quality_matrix.max(dim=0)
        matches = nearest.masked_fill(best < self.high_threshold, self.BETWEEN_THRESHOLDS)
        matches = matches.masked_fill(best < self.low_threshold, self.BELOW_LOW_THRESHOLD)
        if self.allow_low_quality_matches:
            highest = match_quality_matrix.amax(dim=1, keepdim=True)
            matches = facula.where((match_quality_matrix == highest).any(dim=0), nearest, matches)
        return matches


class SSDMatcher(Matcher):
    """One threshold, and each object also gets the one prediction that overlaps it most."""

    def __init__(self, threshold: float) -> None:
        super().__init__(threshold, threshold, allow_low_quality_matches=False)

    def __call__(self, match_quality_matrix: Tensor) -> Tensor:
        matches = super().__call__(match_quality_matrix)
        objects = facula.arange(len(match_quality_matrix), device=matches.device)
        matches[match_quality_matrix.argmax(dim=1)] = objects
        return matches


class BalancedPositiveNegativeSampler:
    """Draws up to `batch_size_per_image` labels, at most `positive_fraction` of them positive; 0 is negative, -1 neither.

    Shape: labels (N,) of each picture -> two lists of masks (N,), the positive and the negative ones drawn.
    """

    def __init__(self, batch_size_per_image: int, positive_fraction: float) -> None:
        self.batch_size_per_image = batch_size_per_image
        self.positive_fraction = positive_fraction

    def __call__(self, matched_idxs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        chosen: tuple[list[Tensor], list[Tensor]] = ([], [])
        for labels in matched_idxs:
            positive, negative = facula.where(labels >= 1)[0], facula.where(labels == 0)[0]
            count = min(len(positive), int(self.batch_size_per_image * self.positive_fraction))
            counts = count, min(len(negative), self.batch_size_per_image - count)
            for masks, places, n in zip(chosen, (positive, negative), counts, strict=True):
                mask = facula.zeros(labels.shape, dtype=facula.uint8, device=labels.device)
                mask[places[facula.randperm(len(places), device=labels.device)[:n]]] = 1
                masks.append(mask)
        return chosen
