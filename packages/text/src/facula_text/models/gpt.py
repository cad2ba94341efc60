"""GPT: a decoder of transformer blocks, with GPT-2's layout.

Source: A. Radford et al., "Language Models are Unsupervised Multitask Learners", 2019.
"""

from __future__ import annotations

import math
import os
from typing import Any

import facula
from facula import Tensor, nn
from facula.nn import functional as F
from facula_text.generation import generate
from facula_text.models.cache import KeyValueCache, attend
from facula_text.models.checkpoint import Family, load_folder, read_config

__all__ = ["GPT", "gpt", "gpt2"]

PUBLISHED = Family(
    names=(
        (r"(?:transformer\.)?h\.\d+\.attn\.(?:bias|masked_bias)", None),
        (r"lm_head\.weight", None),
        (r"(?:transformer\.)?(.+)", r"transformer.\1"),
    ),
    transposed=r".*\.(?:c_attn|c_proj|c_fc)\.weight",
)


class Attention(nn.Module):
    """Causal self-attention: each id looks at itself and at what came before.   Shape: (B, T, n_embd) unchanged."""

    def __init__(self, n_embd: int, n_head: int, dropout: float) -> None:
        super().__init__()
        self.n_head = n_head
        self.dropout = dropout
        self.c_attn = nn.Linear(n_embd, 3 * n_embd)
        self.c_proj = nn.Linear(n_embd, n_embd)
        self.resid_dropout = nn.Dropout(dropout)

    def forward(self, input: Tensor, cache: KeyValueCache | None = None, layer: int = 0) -> Tensor:
        batch, time, width = input.shape
        parts = self.c_attn(input).view(batch, time, 3, self.n_head, width // self.n_head)
        q, k, v = parts.permute(2, 0, 3, 1, 4).unbind()  # (B, heads, T, head_dim)
        x = attend(q, k, v, cache, layer, self.dropout if self.training else 0.0).transpose(1, 2)
        return self.resid_dropout(self.c_proj(x.reshape(batch, time, width)))


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

    def forward(self, input: Tensor, cache: KeyValueCache | None = None, layer: int = 0) -> Tensor:
        x = input + self.attn(self.ln_1(input), cache, layer)
        return x + self.mlp(self.ln_2(x))


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

    def make_cache(self, batch: int, capacity: int, padding: Tensor | None = None) -> KeyValueCache:
        """Memory for the keys and values of up to `capacity` ids in each of `batch` rows."""
        weight = self.transformer["wte"].weight
        blocks = self.transformer["h"]
        heads = blocks[0].attn.n_head
        head_dim = weight.shape[1] // heads
        return KeyValueCache(
            len(blocks), batch, heads, capacity, head_dim, padding=padding, dtype=weight.dtype, device=weight.device
        )

    def forward(self, input: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """The logits; with a cache, those of ids that follow the ones it holds, and it takes them up."""
        before = cache.length if cache else 0
        if input.dim() != 2 or before + input.shape[1] > self.block_size:
            raise ValueError(
                f"GPT: expected ids (B, T) with T at most block_size = {self.block_size}, got {tuple(input.shape)} "
                f"after {before} ids. Cut the text, or build the model with a larger block_size."
            )
        parts = self.transformer
        position = cache.open(input.shape[1]) if cache else facula.arange(input.shape[1], device=input.device)
        x = parts["drop"](parts["wte"](input) + parts["wpe"](position))  # (B, T, n_embd)
        for layer, block in enumerate(parts["h"]):
            x = block(x, cache, layer)
        if cache:
            cache.close()
        return F.linear(parts["ln_f"](x), parts["wte"].weight)  # (B, T, vocab_size)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> GPT:
        """The model of a folder with GPT-2's `config.json` and `model.safetensors`, in evaluation mode."""
        config = read_config(folder)
        return load_folder(
            folder,
            lambda: cls(
                config["vocab_size"],
                config.get("n_positions", 1024),
                config["n_layer"],
                config["n_head"],
                config["n_embd"],
                config.get("resid_pdrop", 0.1),
            ),
            PUBLISHED,
        )

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
