"""GPT: a decoder of transformer blocks, with GPT-2's layout.

Source: A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
"""

from __future__ import annotations

import math
from typing import Any

import facula
from facula import Tensor, nn
from facula.nn import functional as F
from facula_text.generation import generate

__all__ = ["GPT", "gpt", "gpt2"]

Cache = list[tuple[Tensor, Tensor]]
"""For each block the keys and the values of the ids read so far."""


class Attention(nn.Module):
    """Causal self-attention: each id looks at itself and at what came before.   Shape: (B, T, n_embd) unchanged."""

    def __init__(self, n_embd: int, n_head: int, dropout: float) -> None:
        super().__init__()
        self.n_head = n_head
        self.dropout = dropout
        self.c_attn = nn.Linear(n_embd, 3 * n_embd)
        self.c_proj = nn.Linear(n_embd, n_embd)
        self.resid_dropout = nn.Dropout(dropout)

    def forward(self, input: Tensor, past: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        batch, time, width = input.shape
        q, k, v = (
            part.view(batch, time, self.n_head, width // self.n_head).transpose(1, 2)
            for part in self.c_attn(input).split(width, dim=2)
        )  # (B, heads, T, head_dim)
        if past is not None:
            k, v = facula.cat([past[0], k], dim=2), facula.cat([past[1], v], dim=2)
        before = k.shape[2] - time
        mask = facula.ones(time, k.shape[2], dtype=facula.bool, device=input.device).tril(before)
        dropout = self.dropout if self.training else 0.0
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        x = x.transpose(1, 2).reshape(batch, time, width)
        return self.resid_dropout(self.c_proj(x)), (k, v)


class MLP(nn.Module):
    """Linear, GELU, linear, four times as wide between.   Shape: (B, T, n_embd) unchanged."""

    def __init__(self, n_embd: int, dropout: float) -> None:
        super().__init__()
        self.c_fc = nn.Linear(n_embd, 4 * n_embd)
        self.c_proj = nn.Linear(4 * n_embd, n_embd)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input: Tensor) -> Tensor:
        return self.dropout(self.c_proj(F.gelu(self.c_fc(input), approximate="tanh")))


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)).   Shape: (B, T, n_embd) unchanged."""

    def __init__(self, n_embd: int, n_head: int, dropout: float) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd)
        self.attn = Attention(n_embd, n_head, dropout)
        self.ln_2 = nn.LayerNorm(n_embd)
        self.mlp = MLP(n_embd, dropout)

    def forward(self, input: Tensor, past: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        attended, present = self.attn(self.ln_1(input), past)
        x = input + attended
        return x + self.mlp(self.ln_2(x)), present


class GPT(nn.Module):
    """Token and position embeddings, `n_layer` blocks, a norm and the logits of the next id; the head shares `wte`.

    Shape: ids (B, T) -> logits (B, T, vocab_size), T at most `block_size`.
    ValueError if `n_embd` is no multiple of `n_head` or T is too long.

    >>> import facula
    >>> from facula_text.models import GPT
    >>> model = GPT(vocab_size=10, block_size=8, n_layer=1, n_head=2, n_embd=16)
    >>> model(facula.zeros(2, 5, dtype=facula.int64)).shape
    facula.Size([2, 5, 10])
    """

    def __init__(
        self,
        vocab_size: int,
        block_size: int,
        n_layer: int = 4,
        n_head: int = 4,
        n_embd: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if n_embd % n_head:
            raise ValueError(f"GPT: expected n_embd to be a multiple of n_head, got {n_embd} and {n_head}. Change one.")
        self.vocab_size = vocab_size
        self.block_size = block_size
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(vocab_size, n_embd),
                "wpe": nn.Embedding(block_size, n_embd),
                "drop": nn.Dropout(dropout),
                "h": nn.ModuleList([Block(n_embd, n_head, dropout) for _ in range(n_layer)]),
                "ln_f": nn.LayerNorm(n_embd),
            }
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights of spread 0.02; what is added to the stream gets less, so that depth does not add up."""
        blocks = self.transformer["h"]
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)
        for block in blocks:
            for projection in (block.attn.c_proj, block.mlp.c_proj):
                nn.init.normal_(projection.weight, std=0.02 / math.sqrt(2 * len(blocks)))

    def forward(self, input: Tensor) -> Tensor:
        return self.extend(input)[0]

    def extend(self, input: Tensor, cache: Cache | None = None) -> tuple[Tensor, Cache]:
        """Logits of ids that follow those in `cache`, and the cache with them added.

        `extend` of a text in pieces gives the logits of `forward` of the whole.
        """
        before = cache[0][0].shape[2] if cache else 0
        time = input.shape[-1]
        if input.dim() != 2 or before + time > self.block_size:
            raise ValueError(
                f"GPT: expected ids (B, T) with T at most block_size = {self.block_size}, got {tuple(input.shape)} "
                "after "
                f"{before} ids. Cut the text, or build the model with a larger block_size."
            )
        parts = self.transformer
        position = facula.arange(before, before + time, device=input.device)
        x = parts["drop"](parts["wte"](input) + parts["wpe"](position))  # (B, T, n_embd)
        presents: Cache = []
        for index, block in enumerate(parts["h"]):
            x, present = block(x, cache[index] if cache else None)
            presents.append(present)
        return F.linear(parts["ln_f"](x), parts["wte"].weight), presents  # (B, T, vocab_size)

    def generate(self, input: Tensor, max_new_tokens: int, **options: Any) -> Tensor:
        """`facula_text.generate` with this model."""
        return generate(self, input, max_new_tokens, **options)


def gpt(*, vocab_size: int = 256, block_size: int = 128, **config: Any) -> GPT:
    """A small GPT: 4 layers of 4 heads, 128 wide, unless the configuration says otherwise."""
    return GPT(vocab_size, block_size, **config)


def gpt2(**config: Any) -> GPT:
    """The shape of the smallest GPT-2: 124,439,808 parameters."""
    shape = {"vocab_size": 50257, "block_size": 1024, "n_layer": 12, "n_head": 12, "n_embd": 768, "dropout": 0.1}
    return GPT(**{**shape, **config})
