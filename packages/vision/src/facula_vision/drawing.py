"""Boxes, masks, keypoints and flow drawn into pictures. The names are public in `facula_vision.utils`."""

from __future__ import annotations

from typing import Any

import numpy as np

import facula
from facula import Tensor
from facula_vision.transforms.v2.functional import pil_to_tensor, to_dtype, to_pil_image

__all__ = ["draw_bounding_boxes", "draw_keypoints", "draw_segmentation_masks", "flow_to_image"]

Colour = str | tuple[int, int, int]
_ALPHA = 100  # of 255, of what a box is filled with
_DASH = 5


def _checked(name: str, image: Any) -> Tensor:
    """A colour picture of uint8; TypeError or ValueError for anything that is no single picture."""
    if not isinstance(image, Tensor):
        raise TypeError(f"{name}: the image must be a Tensor, expected one, got {type(image)}. Convert it first.")
    if image.dtype != facula.uint8 and not image.is_floating_point():
        raise ValueError(f"{name}: the image dtype must be uint8 or float, got {image.dtype}. Convert it first.")
    if image.ndim != 3:
        raise ValueError(f"{name}: pass individual images (C, H, W), not batches, got {tuple(image.shape)}. Index it.")
    if image.shape[0] not in (1, 3):
        raise ValueError(
            f"{name}: only grayscale and RGB images are supported, got {image.shape[0]} channels. Choose channels."
        )
    image = to_dtype.image(image.detach(), facula.uint8, scale=True)
    return facula.cat([image] * 3) if image.shape[0] == 1 else image


def _as(drawn: Any, image: Tensor) -> Tensor:
    """A PIL image as a tensor of the type and at the place of the picture."""
    out = pil_to_tensor(drawn) if not isinstance(drawn, Tensor) else drawn
    return to_dtype.image(out, image.dtype, scale=True).to(image.device)


def _colours(name: str, colours: Any, count: int) -> list[Any]:
    """One colour for each of `count` things: the same for all, the given ones, or those of a palette."""
    from PIL import ImageColor

    if colours is None:
        steps = (2**25 - 1, 2**15 - 1, 2**21 - 1)
        found: list[Any] = [tuple((index * step) % 255 for step in steps) for index in range(count)]
    elif isinstance(colours, list):
        if len(colours) < count:
            raise ValueError(
                f"{name}: number of colors must be equal or larger than the number of objects, but got {len(colours)} < "
                f"{count}. Pass one for each."
            )
        found = colours
    elif isinstance(colours, (str, tuple)):
        found = [colours] * count
    else:
        raise ValueError(f"{name}: colors must be a tuple or a string, or a list thereof, but got {colours}. Name one.")
    return [ImageColor.getrgb(colour) if isinstance(colour, str) else tuple(colour) for colour in found]


def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: list[str | None] | None = None,
    colors: list[Colour] | Colour | None = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: list[Colour] | Colour | None = None,
    label_background_colors: list[Colour] | Colour | None = None,
    fill_labels: bool = False,
) -> Tensor:
    """The picture with boxes (xmin, ymin, xmax, ymax), or four corners each, and their labels drawn on it.

    `font` is a file of a TrueType font. `fill_labels` puts labels (black by default) on a ground of `label_background_colors`,
    or of the box's colour. Shape: (1 or 3, H, W), (N, 4 or 8) -> (3, H, W). ValueError for boxes with corners
    the wrong way round, and for another count of labels or colours than of boxes.

    >>> import facula
    >>> from facula_vision.utils import draw_bounding_boxes
    >>> draw_bounding_boxes(facula.zeros(3, 4, 4), facula.tensor([[0, 0, 2, 2]]), colors="red")[0, 0]
    tensor([1., 1., 1., 0.])
    """
    from PIL import ImageDraw

    picture = _checked("draw_bounding_boxes", image)
    count = boxes.shape[0]
    if count == 0:
        return image
    if boxes.shape[-1] == 4 and bool(((boxes[:, 0] > boxes[:, 2]) | (boxes[:, 1] > boxes[:, 3])).any()):
        raise ValueError(
            "draw_bounding_boxes: boxes need to be in (xmin, ymin, xmax, ymax) format, expected that, got a corner beyond "
            "the other. Use facula_vision.ops.box_convert to convert them."
        )
    if labels is not None and len(labels) != count:
        raise ValueError(
            f"draw_bounding_boxes: number of boxes ({count}) and labels ({len(labels)}) mismatch. Please specify labels for "
            "each box."
        )
    outlines = _colours("draw_bounding_boxes", colors, count)
    own = "black" if fill_labels else None
    texts = outlines
    if label_colors is not None or own is not None:
        texts = _colours("draw_bounding_boxes", label_colors if label_colors is not None else own, count)
    grounds = outlines
    if label_background_colors is not None:
        grounds = _colours("draw_bounding_boxes", label_background_colors, count)
    drawn = to_pil_image(picture)
    pen = ImageDraw.Draw(drawn, "RGBA") if fill else ImageDraw.Draw(drawn)
    written = _font(font, font_size) if labels is not None else None
    for index, box in enumerate(boxes.to(facula.int64).tolist()):
        inside = (*outlines[index], _ALPHA) if fill else None
        if len(box) == 4:
            pen.rectangle(box, width=width, outline=outlines[index], fill=inside)
        else:
            _turned(pen, box, outlines[index], width, inside)
        text = labels[index] if labels is not None else None
        if text is not None:
            margin = width + 1
            place = (box[0] + margin, box[1] + margin)
            if fill_labels:
                left, top, right, bottom = pen.textbbox(place, text, font=written)
                pen.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=grounds[index])
            pen.text(place, text, fill=texts[index], font=written)
    return _as(drawn, image)


def _turned(pen: Any, corners: list[int], colour: Any, width: int, inside: Any) -> None:
    """A box of four corners (x, y); its first side is dashed, which tells how it is turned."""
    points = list(zip(corners[::2], corners[1::2], strict=True))
    if inside is not None:
        pen.polygon(points, fill=inside)
    (x, y), (right, below) = points[:2]
    length = max(float(np.hypot(right - x, below - y)), 1e-9)
    along = np.array([right - x, below - y]) / length
    for start in np.arange(0, length, 2 * _DASH):
        dash = [start, min(start + _DASH, length)]
        pen.line([(int(x + along[0] * at), int(y + along[1] * at)) for at in dash], fill=colour, width=width)
    pen.line([*points[1:], points[0]], fill=colour, width=width)


def _font(font: str | None, size: int | None) -> Any:
    from PIL import ImageFont

    if font is None:
        return ImageFont.load_default() if size is None else ImageFont.load_default(size)
    return ImageFont.truetype(font, size if size is not None else 10)


def draw_segmentation_masks(
    image: Tensor, masks: Tensor, alpha: float = 0.8, colors: list[Colour] | Colour | None = None
) -> Tensor:
    """The picture under coloured masks: alpha colour + (1 - alpha) picture; where masks overlap, the colour is black.

    Shape: (1 or 3, H, W), (H, W) or (N, H, W) of bool -> (3, H, W). ValueError for masks of other types or sizes.
    """
    picture = _checked("draw_segmentation_masks", image)
    masks = masks.unsqueeze(0) if masks.ndim == 2 else masks
    if masks.ndim != 3:
        raise ValueError(
            f"draw_segmentation_masks: masks must be of shape (H, W) or (batch_size, H, W), got {tuple(masks.shape)}. "
            "Reshape them."
        )
    if masks.dtype != facula.bool:
        raise ValueError(
            f"draw_segmentation_masks: the masks must be of dtype bool, got {masks.dtype}. Compare them with 0."
        )
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError(
            "draw_segmentation_masks: the image and the masks must have the same height and width, expected "
            f"{tuple(image.shape[-2:])}, got {tuple(masks.shape[-2:])}. Resize them."
        )
    colours = np.array(_colours("draw_segmentation_masks", colors, len(masks))[: len(masks)], dtype=np.float32)
    cover = masks.cpu().numpy()
    pixels = picture.cpu().numpy().astype(np.float32)
    count = cover.sum(0)
    layer = np.einsum("nc,nhw->chw", colours.reshape(-1, 3), cover.astype(np.float32)) * (count == 1)
    mixed = np.where(count > 0, pixels * np.float32(1 - alpha) + layer * np.float32(alpha), pixels)
    return _as(facula.from_numpy(mixed.astype(np.uint8)), image)


def draw_keypoints(
    image: Tensor,
    keypoints: Tensor,
    connectivity: list[tuple[int, int]] | None = None,
    colors: Colour | None = None,
    radius: int = 2,
    width: int = 3,
    visibility: Tensor | None = None,
) -> Tensor:
    """The picture with points (x, y) and lines between those that `connectivity` pairs; only visible ones, if that is given.

    Shape: (3, H, W), (instances, K, 2), visibility (instances, K) -> (3, H, W). ValueError for other shapes.
    """
    from PIL import ImageDraw

    picture = _checked("draw_keypoints", image)
    if image.shape[0] != 3:
        raise ValueError(
            f"draw_keypoints: pass an RGB image, other formats are not supported, got {image.shape[0]} channels. Repeat it."
        )
    if keypoints.ndim != 3 or keypoints.shape[-1] != 2:
        raise ValueError(
            f"draw_keypoints: keypoints must be of shape (num_instances, K, 2), got {tuple(keypoints.shape)}. Reshape them."
        )
    if visibility is not None:
        visibility = visibility.squeeze(-1) if visibility.ndim == 3 else visibility
        if visibility.shape != keypoints.shape[:-1]:
            raise ValueError(
                "draw_keypoints: keypoints and visibility must have the same number of points, expected "
                f"{tuple(keypoints.shape[:-1])}, got {tuple(visibility.shape)}. Reshape it."
            )
    colour = _colours("draw_keypoints", colors, 1)[0] if colors is not None else None
    drawn = to_pil_image(picture)
    pen = ImageDraw.Draw(drawn)
    seen = facula.ones(*keypoints.shape[:-1]) if visibility is None else visibility
    for points, shown in zip(keypoints.to(facula.int64).tolist(), seen.bool().tolist(), strict=True):
        for (x, y), visible in zip(points, shown, strict=True):
            if visible:
                pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=colour, outline=None, width=0)
        for start, end in connectivity or []:
            if shown[start] and shown[end]:
                pen.line((*points[start], *points[end]), width=width)
    return _as(drawn, image)


def _wheel() -> np.ndarray:
    """55 colours round a circle, from red to yellow, green, cyan, blue, magenta and back.   Shape: (55, 3).

    Source: S. Baker et al., "A Database and Evaluation Methodology for Optical Flow", 2007.
    """
    parts = []
    # (colours of the part, the channel that is full, the one that changes, whether it rises)
    for count, full, moving, rises in ((15, 0, 1, True), (6, 1, 0, False), (4, 1, 2, True), (11, 2, 1, False), (13, 2, 0, True), (6, 0, 2, False)):  # fmt: skip
        part = np.zeros((count, 3))
        ramp = np.floor(255 * np.arange(count) / count)
        part[:, full] = 255
        part[:, moving] = ramp if rises else 255 - ramp
        parts.append(part)
    return np.concatenate(parts)


def flow_to_image(flow: Tensor) -> Tensor:
    """Optical flow as colours: the hue is its direction, the strength of colour its length beside the longest.

    Shape: (2, H, W) or (N, 2, H, W) of float32 -> (3, H, W) or (N, 3, H, W) of uint8. ValueError for others.
    """
    if flow.dtype != facula.float32:
        raise ValueError(f"flow_to_image: flow should be of dtype float32, got {flow.dtype}. Convert it first.")
    if flow.ndim not in (3, 4) or flow.shape[-3] != 2:
        raise ValueError(
            f"flow_to_image: input flow should have shape (2, H, W) or (N, 2, H, W), got {tuple(flow.shape)}. Reshape it."
        )
    moves = flow.detach().cpu().numpy()
    moves = moves if moves.ndim == 4 else moves[None]
    longest = np.sqrt((moves**2).sum(1)).max()
    u, v = np.moveaxis(moves / (longest + np.finfo(np.float32).eps), 1, 0)
    length = np.sqrt(u**2 + v**2)
    wheel = _wheel().astype(np.float32)
    place = (np.arctan2(-v, -u) / np.float32(np.pi) + 1) / 2 * (len(wheel) - 1)
    low = np.floor(place).astype(np.int64)
    part = (place - low)[..., None]
    colour = (1 - part) * wheel[low] / 255 + part * wheel[(low + 1) % len(wheel)] / 255
    pixels = np.floor(255 * (1 - length[..., None] * (1 - colour))).astype(np.uint8).transpose(0, 3, 1, 2)
    out = facula.from_numpy(np.ascontiguousarray(pixels)).to(flow.device)
    return out if flow.ndim == 4 else out[0]
