"""Conformer, a transformer with convolutions, for sequences of features.

Source: A. Gulati et al., "Conformer: Convolution-augmented Transformer for Speech Recognition",
https://arxiv.org/abs/2005.08100.
"""

from __future__ import annotations

from facula import Tensor, nn
from facula_audio.models.padding import padding_mask

__all__ = ["Conformer", "ConformerLayer"]


class ConvolutionModule(nn.Module):
    """Gated channels, a convolution of each alone, normalisation, SiLU, and channels mixed again.

    Shape: (N, time, input_dim), unchanged.
    """

    def __init__(self, input_dim: int, depthwise_kernel_size: int, dropout: float, use_group_norm: bool) -> None:
        super().__init__()
        if depthwise_kernel_size % 2 == 0:
            raise ValueError(
                "Conformer: depthwise_kernel_size must be odd to achieve 'SAME' padding, expected that, got "
                f"{depthwise_kernel_size}. Add 1."
            )
        self.layer_norm = nn.LayerNorm(input_dim)
        self.sequential = nn.Sequential(
            nn.Conv1d(input_dim, 2 * input_dim, 1),
            nn.GLU(dim=1),
            nn.Conv1d(
                input_dim, input_dim, depthwise_kernel_size, padding=depthwise_kernel_size // 2, groups=input_dim
            ),
            nn.GroupNorm(1, input_dim) if use_group_norm else nn.BatchNorm1d(input_dim),
            nn.SiLU(),
            nn.Conv1d(input_dim, input_dim, 1),
            nn.Dropout(dropout),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.sequential(self.layer_norm(input).transpose(1, 2)).transpose(1, 2)


class FeedForwardModule(nn.Module):
    """Normalisation and two linear layers with SiLU between them.   Shape: (*, input_dim), unchanged."""

    def __init__(self, input_dim: int, hidden_dim: int, dropout: float) -> None:
        super().__init__()
        self.sequential = nn.Sequential(
            nn.LayerNorm(input_dim),
            nn.Linear(input_dim, hidden_dim),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, input_dim),
            nn.Dropout(dropout),
        )

    def forward(self, input: Tensor) -> Tensor:
        return self.sequential(input)


class ConformerLayer(nn.Module):
    """Half a feed-forward module, attention, convolution, the other half, normalisation.

    `convolution_first` puts the convolution before attention. Shape: (time, N, input_dim), unchanged.
    """

    def __init__(
        self,
        input_dim: int,
        ffn_dim: int,
        num_attention_heads: int,
        depthwise_conv_kernel_size: int,
        dropout: float = 0.0,
        use_group_norm: bool = False,
        convolution_first: bool = False,
    ) -> None:
        super().__init__()
        self.ffn1 = FeedForwardModule(input_dim, ffn_dim, dropout)
        self.self_attn_layer_norm = nn.LayerNorm(input_dim)
        self.self_attn = nn.MultiheadAttention(input_dim, num_attention_heads, dropout=dropout)
        self.self_attn_dropout = nn.Dropout(dropout)
        self.conv_module = ConvolutionModule(input_dim, depthwise_conv_kernel_size, dropout, use_group_norm)
        self.ffn2 = FeedForwardModule(input_dim, ffn_dim, dropout)
        self.final_layer_norm = nn.LayerNorm(input_dim)
        self.convolution_first = convolution_first

    def _convolved(self, x: Tensor) -> Tensor:
        return x + self.conv_module(x.transpose(0, 1)).transpose(0, 1)

    def forward(self, input: Tensor, key_padding_mask: Tensor | None) -> Tensor:
        x = input + 0.5 * self.ffn1(input)
        if self.convolution_first:
            x = self._convolved(x)
        normed = self.self_attn_layer_norm(x)
        attended, _ = self.self_attn(normed, normed, normed, key_padding_mask=key_padding_mask, need_weights=False)
        x = x + self.self_attn_dropout(attended)
        if not self.convolution_first:
            x = self._convolved(x)
        return self.final_layer_norm(x + 0.5 * self.ffn2(x))


class Conformer(nn.Module):
    """`num_layers` Conformer layers over padded sequences.

    Shape: (N, time, input_dim) and lengths (N,) -> the same. ValueError for an even kernel.

    >>> import facula
    >>> from facula_audio.models import Conformer
    >>> model = Conformer(input_dim=16, num_heads=4, ffn_dim=32, num_layers=2, depthwise_conv_kernel_size=7)
    >>> output, lengths = model(facula.zeros(2, 20, 16), facula.tensor([20, 12]))
    >>> output.shape, lengths.tolist()
    (facula.Size([2, 20, 16]), [20, 12])
    """

    def __init__(
        self,
        input_dim: int,
        num_heads: int,
        ffn_dim: int,
        num_layers: int,
        depthwise_conv_kernel_size: int,
        dropout: float = 0.0,
        use_group_norm: bool = False,
        convolution_first: bool = False,
    ) -> None:
        super().__init__()
        self.conformer_layers = nn.ModuleList(
            ConformerLayer(
                input_dim,
                ffn_dim,
                num_heads,
                depthwise_conv_kernel_size,
                dropout,
                use_group_norm,
                convolution_first,
            )
            for _ in range(num_layers)
        )

    def forward(self, input: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        padded = padding_mask(lengths, int(lengths.max()))
        x = input.transpose(0, 1)
        for layer in self.conformer_layers:
            x = layer(x, padded)
        return x.transpose(0, 1), lengths
