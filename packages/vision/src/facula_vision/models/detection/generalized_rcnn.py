"""A detector of two stages, whatever they are: transform, backbone, proposals, heads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from facula import Tensor, nn

__all__ = ["GeneralizedRCNN", "check_boxes", "check_given"]

Target = dict[str, Tensor]


def check_given(name: str, targets: Sequence[Target] | None) -> None:
    """AssertionError unless there are targets with boxes (N, 4)."""
    if targets is None:
        raise AssertionError(
            f"{name}: targets should not be none when in training mode, expected a list, got None. Pass them, or call eval()."
        )
    for target in targets:
        boxes = target["boxes"]
        if not isinstance(boxes, Tensor) or boxes.dim() != 2 or boxes.shape[-1] != 4:
            got = tuple(boxes.shape) if isinstance(boxes, Tensor) else type(boxes).__name__
            raise AssertionError(
                f"{name}: Expected target boxes to be a tensor of shape [N, 4], got {got}. Use zeros(0, 4) for none."
            )


def check_boxes(name: str, targets: Sequence[Target] | None) -> None:
    """AssertionError for boxes without height or width."""
    for k, target in enumerate(targets or []):
        flat = (target["boxes"][:, 2:] <= target["boxes"][:, :2]).any(dim=1)
        if bool(flat.any()):
            box = target["boxes"][flat][0].tolist()
            raise AssertionError(
                f"{name}: All bounding boxes should have positive height and width, expected that, got {box} for target at "
                f"index {k}. Leave it out."
            )


class GeneralizedRCNN(nn.Module):
    """Pictures to losses while training, to results in evaluation.

    Shape: [(C, H, W), ...], targets -> {"loss_...": ()}; [(C, H, W), ...] -> [{"boxes", "labels", "scores", ...}, ...].
    """

    def __init__(self, backbone: nn.Module, rpn: nn.Module, roi_heads: nn.Module, transform: nn.Module) -> None:
        super().__init__()
        self.transform = transform
        self.backbone = backbone
        self.rpn = rpn
        self.roi_heads = roi_heads

    def forward(self, images: Sequence[Tensor], targets: Sequence[Target] | None = None) -> Any:
        name = type(self).__name__
        if self.training:
            check_given(name, targets)
        sizes = [tuple(image.shape[-2:]) for image in images]
        batch, moved = self.transform(images, targets)
        check_boxes(name, moved)
        features = self.backbone(batch.tensors)
        if isinstance(features, Tensor):
            features = OrderedDict([("0", features)])
        proposals, losses = self.rpn(batch, features, moved)
        found, more = self.roi_heads(features, proposals, batch.image_sizes, moved)
        found = self.transform.postprocess(found, batch.image_sizes, sizes)
        return {**more, **losses} if self.training else found
