"""Conv-TasNet, which separates sounds by masks over learned pieces of the waveform.

Source: Y. Luo and N. Mesgarani, "Conv-TasNet: Surpassing Ideal Time-Frequency Magnitude Masking for Speech Separation",
https://arxiv.org/abs/1809.07454.
"""

from __future__ import annotations

from facula import Tensor, nn

__all__ = ["ConvTasNet", "conv_tasnet_base"]

_ACTIVATIONS: dict[str, type[nn.Module]] = {"sigmoid": nn.Sigmoid, "relu": nn.ReLU}


class ConvBlock(nn.Module):
    """A dilated convolution between two of width 1: what goes on, unless `no_residual`, and what is summed up.

    Shape: (N, io_channels, frames) -> two of the same.
    """

    def __init__(
        self,
        io_channels: int,
        hidden_channels: int,
        kernel_size: int,
        padding: int,
        dilation: int = 1,
        no_residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv_layers = nn.Sequential(
            nn.Conv1d(io_channels, hidden_channels, 1),
            nn.PReLU(),
            nn.GroupNorm(1, hidden_channels, eps=1e-08),
            nn.Conv1d(
                hidden_channels,
                hidden_channels,
                kernel_size,
                padding=padding,
                dilation=dilation,
                groups=hidden_channels,
            ),
            nn.PReLU(),
            nn.GroupNorm(1, hidden_channels, eps=1e-08),
        )
        self.res_out = None if no_residual else nn.Conv1d(hidden_channels, io_channels, 1)
        self.skip_out = nn.Conv1d(hidden_channels, io_channels, 1)

    def forward(self, input: Tensor) -> tuple[Tensor | None, Tensor]:
        x = self.conv_layers(input)
        return None if self.res_out is None else self.res_out(x), self.skip_out(x)


class MaskGenerator(nn.Module):
    """Stacks of blocks whose reach doubles from layer to layer, and one mask for each source.

    Shape: (N, input_dim, frames) -> (N, num_sources, input_dim, frames).
    """

    def __init__(
        self,
        input_dim: int,
        num_sources: int,
        kernel_size: int,
        num_feats: int,
        num_hidden: int,
        num_layers: int,
        num_stacks: int,
        msk_activate: str,
    ) -> None:
        super().__init__()
        if msk_activate not in _ACTIVATIONS:
            raise ValueError(
                f"ConvTasNet: unsupported activation {msk_activate!r}, expected one of {sorted(_ACTIVATIONS)}."
            )
        self.input_dim = input_dim
        self.num_sources = num_sources
        self.input_norm = nn.GroupNorm(1, input_dim, eps=1e-8)
        self.input_conv = nn.Conv1d(input_dim, num_feats, 1)
        depth = num_stacks * num_layers
        self.conv_layers = nn.ModuleList(
            ConvBlock(
                num_feats,
                num_hidden,
                kernel_size,
                padding=2 ** (index % num_layers),
                dilation=2 ** (index % num_layers),
                no_residual=index == depth - 1,
            )
            for index in range(depth)
        )
        self.output_prelu = nn.PReLU()
        self.output_conv = nn.Conv1d(num_feats, input_dim * num_sources, 1)
        self.mask_activate = _ACTIVATIONS[msk_activate]()

    def forward(self, input: Tensor) -> Tensor:
        x = self.input_conv(self.input_norm(input))
        total: Tensor | None = None
        for layer in self.conv_layers:
            residual, skip = layer(x)
            total = skip if total is None else total + skip
            if residual is not None:
                x = x + residual
        masks = self.mask_activate(self.output_conv(self.output_prelu(total)))
        return masks.view(len(input), self.num_sources, self.input_dim, -1)


class ConvTasNet(nn.Module):
    """A learned filter bank, a mask of it for each source, and the way back to waveforms.

    Shape: (N, 1, time) -> (N, num_sources, time). ValueError for another shape.

    >>> import facula
    >>> from facula_audio.models import ConvTasNet
    >>> ConvTasNet(msk_num_layers=2, msk_num_stacks=1)(facula.zeros(1, 1, 1001)).shape
    facula.Size([1, 2, 1001])
    """

    def __init__(
        self,
        num_sources: int = 2,
        enc_kernel_size: int = 16,
        enc_num_feats: int = 512,
        msk_kernel_size: int = 3,
        msk_num_feats: int = 128,
        msk_num_hidden_feats: int = 512,
        msk_num_layers: int = 8,
        msk_num_stacks: int = 3,
        msk_activate: str = "sigmoid",
    ) -> None:
        super().__init__()
        self.num_sources = num_sources
        self.enc_num_feats = enc_num_feats
        self.enc_kernel_size = enc_kernel_size
        self.enc_stride = enc_kernel_size // 2
        self.encoder = nn.Conv1d(
            1, enc_num_feats, enc_kernel_size, stride=self.enc_stride, padding=self.enc_stride, bias=False
        )
        self.mask_generator = MaskGenerator(
            enc_num_feats,
            num_sources,
            msk_kernel_size,
            msk_num_feats,
            msk_num_hidden_feats,
            msk_num_layers,
            msk_num_stacks,
            msk_activate,
        )
        self.decoder = nn.ConvTranspose1d(
            enc_num_feats, 1, enc_kernel_size, stride=self.enc_stride, padding=self.enc_stride, bias=False
        )

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() != 3 or input.shape[1] != 1:
            raise ValueError(
                f"ConvTasNet: expected 3D tensor (batch, channel==1, frames), got {tuple(input.shape)}. "
                "Use input.view(-1, 1, frames)."
            )
        frames, odd = input.shape[2], self.enc_kernel_size % 2
        missing = -(frames - odd) % self.enc_stride  # so that the last window ends with the sound
        padded = nn.functional.pad(input, (0, missing))
        features = self.encoder(padded)  # (N, enc_num_feats, windows)
        masked = self.mask_generator(features) * features.unsqueeze(1)
        decoded = self.decoder(masked.flatten(0, 1))  # (N num_sources, 1, time)
        return decoded.view(len(input), self.num_sources, -1)[..., :frames]


def conv_tasnet_base(num_sources: int = 2) -> ConvTasNet:
    """The non-causal Conv-TasNet of the paper: 4,984,881 parameters for two sources."""
    return ConvTasNet(num_sources)
