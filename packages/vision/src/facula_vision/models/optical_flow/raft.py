"""RAFT: a flow that is corrected again and again by looking up how well pixels match.

Source: Z. Teed, J. Deng, "RAFT: Recurrent All-Pairs Field Transforms for Optical Flow", https://arxiv.org/abs/2003.12039.
In the shapes, h = H / 8 and w = W / 8: the network works on an eighth of the picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published
from facula_vision.ops import Conv2dNormActivation

__all__ = ["RAFT", "Raft_Large_Weights", "Raft_Small_Weights", "raft_large", "raft_small"]

F = nn.functional
Norm = Callable[..., nn.Module]
_conv_relu = partial(Conv2dNormActivation, norm_layer=None)


class ResidualBlock(nn.Module):
    """relu(x + two 3x3 convolutions of it).   Shape: (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride)."""

    def __init__(self, in_channels: int, out_channels: int, norm_layer: Norm | None, stride: int = 1) -> None:
        super().__init__()
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, bias=True)
        self.convnormrelu1 = make(in_channels, out_channels, 3, stride)
        self.convnormrelu2 = make(out_channels, out_channels, 3)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1:
            self.downsample = make(in_channels, out_channels, 1, stride, activation_layer=None)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, input: Tensor) -> Tensor:
        return self.relu(self.downsample(input) + self.convnormrelu2(self.convnormrelu1(input)))


class BottleneckBlock(nn.Module):
    """relu(x + 1x1, 3x3, 1x1 convolutions of it), with a quarter of the channels between.

    Shape: (N, in_channels, H, W) -> (N, out_channels, H / stride, W / stride).
    """

    def __init__(self, in_channels: int, out_channels: int, norm_layer: Norm | None, stride: int = 1) -> None:
        super().__init__()
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, bias=True)
        self.convnormrelu1 = make(in_channels, out_channels // 4, 1)
        self.convnormrelu2 = make(out_channels // 4, out_channels // 4, 3, stride)
        self.convnormrelu3 = make(out_channels // 4, out_channels, 1)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1:
            self.downsample = make(in_channels, out_channels, 1, stride, activation_layer=None)

    def forward(self, input: Tensor) -> Tensor:
        x = self.convnormrelu3(self.convnormrelu2(self.convnormrelu1(input)))
        return self.relu(self.downsample(input) + x)


class FeatureEncoder(nn.Module):
    """A 7x7 stem, three stages of two blocks and a 1x1 convolution.   Shape: (N, 3, H, W) -> (N, layers[4], h, w)."""

    def __init__(
        self,
        *,
        block: Callable[..., nn.Module] = ResidualBlock,
        layers: Sequence[int] = (64, 64, 96, 128, 256),
        strides: Sequence[int] = (2, 1, 2, 2),
        norm_layer: Norm | None = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        if len(layers) != 5:
            raise ValueError(f"FeatureEncoder: expected 5 layers, got {len(layers)}. List their channels.")
        self.convnormrelu = Conv2dNormActivation(3, layers[0], 7, strides[0], norm_layer=norm_layer, bias=True)
        stages = [
            nn.Sequential(block(inputs, outputs, norm_layer, stride), block(outputs, outputs, norm_layer))
            for inputs, outputs, stride in zip(layers[:3], layers[1:4], strides[1:], strict=True)
        ]
        self.layer1, self.layer2, self.layer3 = stages
        self.conv = nn.Conv2d(layers[3], layers[4], kernel_size=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, input: Tensor) -> Tensor:
        return self.conv(self.layer3(self.layer2(self.layer1(self.convnormrelu(input)))))


class CorrBlock:
    """How well each pixel of one picture matches the pixels near its supposed place in the other, at several scales."""

    def __init__(self, *, num_levels: int = 4, radius: int = 4) -> None:
        self.num_levels = num_levels
        self.radius = radius
        self.out_channels = num_levels * (2 * radius + 1) ** 2

    def build_pyramid(self, fmap1: Tensor, fmap2: Tensor) -> list[Tensor]:
        """The products of all pairs of features, and their means over ever larger squares of the second picture.

        Shape: (N, C, h, w) twice -> num_levels of (N * h * w, 1, h / 2^level, w / 2^level).
        """
        batch, channels, height, width = fmap1.shape
        least = 2 * 2 ** (self.num_levels - 1)
        if min(height, width) < least:
            raise ValueError(
                f"RAFT: Feature maps are too small to be down-sampled by the correlation pyramid, expected H and W of at "
                f"least {8 * least}, got {8 * height} and {8 * width}. Enlarge the pictures."
            )
        products = fmap1.flatten(2).transpose(1, 2) @ fmap2.flatten(2) / channels**0.5  # (N, h * w, h * w)
        pyramid = [products.reshape(batch * height * width, 1, height, width)]
        for _ in range(self.num_levels - 1):
            pyramid.append(F.avg_pool2d(pyramid[-1], kernel_size=2, stride=2))
        return pyramid

    def index_pyramid(self, pyramid: Sequence[Tensor], coords: Tensor) -> Tensor:
        """The matches around the places `coords` (N, 2, h, w) on all levels.   Shape: (N, out_channels, h, w)."""
        batch, _, height, width = coords.shape
        near = facula.arange(-self.radius, self.radius + 1, dtype=coords.dtype, device=coords.device)
        steps = facula.stack(facula.meshgrid(near, near, indexing="ij"), dim=-1)  # (2 r + 1, 2 r + 1, 2), x first
        centres = coords.permute(0, 2, 3, 1).reshape(-1, 1, 1, 2)
        found = []
        for level, products in enumerate(pyramid):
            matches = sample(products, centres / 2**level + steps)  # (N * h * w, 1, 2 r + 1, 2 r + 1)
            found.append(matches.reshape(batch, height, width, -1))
        return facula.cat(found, dim=-1).permute(0, 3, 1, 2).contiguous()


def sample(input: Tensor, places: Tensor) -> Tensor:
    """Values between pixels, at `places` (N, h, w, 2) counted in pixels, x first.   Shape: (N, C, H, W) -> (N, C, h, w)."""
    height, width = input.shape[-2:]
    size = facula.tensor([max(width - 1, 1), max(height - 1, 1)], dtype=places.dtype, device=places.device)
    return F.grid_sample(input, 2 * places / size - 1, mode="bilinear", align_corners=True)


class MotionEncoder(nn.Module):
    """Matches and flow as features.   Shape: (N, 2, h, w), (N, in_channels_corr, h, w) -> (N, out_channels, h, w)."""

    def __init__(
        self,
        *,
        in_channels_corr: int,
        corr_layers: Sequence[int] = (256, 192),
        flow_layers: Sequence[int] = (128, 64),
        out_channels: int = 128,
    ) -> None:
        super().__init__()
        if len(flow_layers) != 2 or len(corr_layers) not in (1, 2):
            raise ValueError(
                f"MotionEncoder: The expected number of flow_layers is 2 and of corr_layers 1 or 2, got "
                f"{len(flow_layers)} and {len(corr_layers)}. List the channels of each layer."
            )
        self.convcorr1 = _conv_relu(in_channels_corr, corr_layers[0], 1)
        self.convcorr2: nn.Module = nn.Identity()
        if len(corr_layers) == 2:
            self.convcorr2 = _conv_relu(corr_layers[0], corr_layers[1], 3)
        self.convflow1 = _conv_relu(2, flow_layers[0], 7)
        self.convflow2 = _conv_relu(flow_layers[0], flow_layers[1], 3)
        self.conv = _conv_relu(corr_layers[-1] + flow_layers[-1], out_channels - 2, 3)
        self.out_channels = out_channels

    def forward(self, flow: Tensor, corr_features: Tensor) -> Tensor:
        matches = self.convcorr2(self.convcorr1(corr_features))
        motion = self.convflow2(self.convflow1(flow))
        return facula.cat([self.conv(facula.cat([matches, motion], dim=1)), flow], dim=1)


class ConvGRU(nn.Module):
    """A gated recurrent unit whose linear layers are convolutions.   Shape: (N, hidden_size, h, w), (N, input_size, h, w)."""

    def __init__(self, *, input_size: int, hidden_size: int, kernel_size: Any, padding: Any) -> None:
        super().__init__()
        make = partial(nn.Conv2d, hidden_size + input_size, hidden_size, kernel_size, padding=padding)
        self.convz, self.convr, self.convq = make(), make(), make()

    def forward(self, hidden: Tensor, input: Tensor) -> Tensor:
        both = facula.cat([hidden, input], dim=1)
        update, reset = self.convz(both).sigmoid(), self.convr(both).sigmoid()
        proposed = self.convq(facula.cat([reset * hidden, input], dim=1)).tanh()
        return (1 - update) * hidden + update * proposed


class RecurrentBlock(nn.Module):
    """One or two recurrent units, the first along rows and the second along columns by default."""

    def __init__(
        self,
        *,
        input_size: int,
        hidden_size: int,
        kernel_size: Sequence[Any] = ((1, 5), (5, 1)),
        padding: Sequence[Any] = ((0, 2), (2, 0)),
    ) -> None:
        super().__init__()
        units = [
            ConvGRU(input_size=input_size, hidden_size=hidden_size, kernel_size=kernel, padding=border)
            for kernel, border in zip(kernel_size, padding, strict=True)
        ]
        self.convgru1 = units[0]
        self.convgru2 = units[1] if len(units) == 2 else None
        self.hidden_size = hidden_size

    def forward(self, hidden: Tensor, input: Tensor) -> Tensor:
        hidden = self.convgru1(hidden, input)
        return hidden if self.convgru2 is None else self.convgru2(hidden, input)


class FlowHead(nn.Module):
    """The correction of the flow.   Shape: (N, in_channels, h, w) -> (N, 2, h, w)."""

    def __init__(self, *, in_channels: int, hidden_size: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, hidden_size, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden_size, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, input: Tensor) -> Tensor:
        return self.conv2(self.relu(self.conv1(input)))


class UpdateBlock(nn.Module):
    """One step: what was seen updates the state, and the state corrects the flow."""

    def __init__(self, *, motion_encoder: MotionEncoder, recurrent_block: RecurrentBlock, flow_head: FlowHead) -> None:
        super().__init__()
        self.motion_encoder = motion_encoder
        self.recurrent_block = recurrent_block
        self.flow_head = flow_head
        self.hidden_state_size = recurrent_block.hidden_size

    def forward(self, hidden: Tensor, context: Tensor, corr_features: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        motion = self.motion_encoder(flow, corr_features)
        hidden = self.recurrent_block(hidden, facula.cat([context, motion], dim=1))
        return hidden, self.flow_head(hidden)


class MaskPredictor(nn.Module):
    """How the flow of each of 8x8 pixels is mixed from nine neighbours.   Shape: (N, in_channels, h, w) -> (N, 576, h, w)."""

    def __init__(self, *, in_channels: int, hidden_size: int, multiplier: float = 0.25) -> None:
        super().__init__()
        self.convrelu = _conv_relu(in_channels, hidden_size, 3)
        self.conv = nn.Conv2d(hidden_size, 8 * 8 * 9, 1)
        self.multiplier = multiplier  # keeps its gradients as small as those of the rest

    def forward(self, input: Tensor) -> Tensor:
        return self.multiplier * self.conv(self.convrelu(input))


def upsample_flow(flow: Tensor, mask: Tensor | None, factor: int = 8) -> Tensor:
    """The flow at the size of the picture: smooth, or mixed from neighbours by the softmax of `mask`.

    Shape: (N, 2, h, w), (N, 9 * factor**2, h, w) -> (N, 2, factor * h, factor * w).
    """
    batch, channels, height, width = flow.shape
    size = (factor * height, factor * width)
    if mask is None:
        return factor * F.interpolate(flow, size=size, mode="bilinear", align_corners=True)
    weights = mask.view(batch, 1, 9, factor, factor, height, width).softmax(dim=2)
    neighbours = F.unfold(factor * flow, kernel_size=3, padding=1).view(batch, channels, 9, 1, 1, height, width)
    return (weights * neighbours).sum(dim=2).permute(0, 1, 4, 2, 5, 3).reshape(batch, channels, *size)


def _grid(like: Tensor) -> Tensor:
    """The place of each pixel, x first.   Shape: (N, *, h, w) -> (N, 2, h, w)."""
    batch, _, height, width = like.shape
    rows, columns = (facula.arange(size, dtype=like.dtype, device=like.device) for size in (height, width))
    y, x = facula.meshgrid(rows, columns, indexing="ij")
    return facula.stack([x, y])[None].expand(batch, -1, -1, -1)


class RAFT(nn.Module):
    """Features of two pictures, a pyramid of their matches, and a recurrent unit that corrects the flow step by step.

    Shape: two of (N, 3, H, W) -> `num_flow_updates` flows (N, 2, H, W), the last one the best; H and W are multiples of 8.
    ValueError for other sizes.
    """

    def __init__(
        self,
        *,
        feature_encoder: nn.Module,
        context_encoder: nn.Module,
        corr_block: CorrBlock,
        update_block: UpdateBlock,
        mask_predictor: MaskPredictor | None = None,
    ) -> None:
        super().__init__()
        self.feature_encoder = feature_encoder
        self.context_encoder = context_encoder
        self.corr_block = corr_block
        self.update_block = update_block
        self.mask_predictor = mask_predictor

    def forward(self, image1: Tensor, image2: Tensor, num_flow_updates: int = 12) -> list[Tensor]:
        height, width = image1.shape[-2:]
        if image2.shape[-2:] != image1.shape[-2:]:
            raise ValueError(
                f"RAFT: input images should have the same shape, expected {(height, width)} twice, got "
                f"{tuple(image2.shape[-2:])}. Resize one."
            )
        if height % 8 or width % 8:
            raise ValueError(
                f"RAFT: input image H and W should be divisible by 8, expected that, got {height} (h) and {width} (w). "
                "Pad the pictures."
            )
        fmap1, fmap2 = self.feature_encoder(facula.cat([image1, image2])).chunk(2)
        pyramid = self.corr_block.build_pyramid(fmap1, fmap2)
        state = self.context_encoder(image1)
        hidden_size = self.update_block.hidden_state_size
        hidden, context = state[:, :hidden_size].tanh(), F.relu(state[:, hidden_size:])
        start = _grid(fmap1)
        coords, flows = start, []
        for _ in range(num_flow_updates):
            coords = coords.detach()  # no gradient from one step to the places of the one before
            matches = self.corr_block.index_pyramid(pyramid, coords)
            hidden, delta = self.update_block(hidden, context, matches, coords - start)
            coords = coords + delta
            mask = None if self.mask_predictor is None else self.mask_predictor(hidden)
            flows.append(upsample_flow(coords - start, mask))
        return flows


Raft_Large_Weights = published("Raft_Large_Weights")


@preset(Raft_Large_Weights)
def raft_large() -> RAFT:
    """RAFT (5,257,536 parameters)."""
    corr = CorrBlock(num_levels=4, radius=4)
    motion = MotionEncoder(
        in_channels_corr=corr.out_channels, corr_layers=(256, 192), flow_layers=(128, 64), out_channels=128
    )
    return RAFT(
        feature_encoder=FeatureEncoder(norm_layer=nn.InstanceNorm2d),
        context_encoder=FeatureEncoder(norm_layer=nn.BatchNorm2d),
        corr_block=corr,
        update_block=UpdateBlock(
            motion_encoder=motion,
            recurrent_block=RecurrentBlock(input_size=motion.out_channels + 128, hidden_size=128),
            flow_head=FlowHead(in_channels=128, hidden_size=256),
        ),
        mask_predictor=MaskPredictor(in_channels=128, hidden_size=256),
    )


Raft_Small_Weights = published("Raft_Small_Weights")


@preset(Raft_Small_Weights)
def raft_small() -> RAFT:
    """RAFT with bottlenecks and fewer channels, its flow enlarged smoothly (990,162 parameters)."""
    corr = CorrBlock(num_levels=4, radius=3)
    motion = MotionEncoder(in_channels_corr=corr.out_channels, corr_layers=(96,), flow_layers=(64, 32), out_channels=82)
    features, context = (32, 32, 64, 96, 128), (32, 32, 64, 96, 160)
    return RAFT(
        feature_encoder=FeatureEncoder(block=BottleneckBlock, layers=features, norm_layer=nn.InstanceNorm2d),
        context_encoder=FeatureEncoder(block=BottleneckBlock, layers=context, norm_layer=None),
        corr_block=corr,
        update_block=UpdateBlock(
            motion_encoder=motion,
            recurrent_block=RecurrentBlock(
                input_size=motion.out_channels + 64, hidden_size=96, kernel_size=(3,), padding=(1,)
            ),
            flow_head=FlowHead(in_channels=96, hidden_size=128),
        ),
    )
