"""The Llama family: RMSNorm, rotary positions, grouped-query attention, SwiGLU.

Sources: H. Touvron et al., https://arxiv.org/abs/2302.13971; rotary positions https://arxiv.org/abs/2104.09864; grouped
queries https://arxiv.org/abs/2305.13245; SwiGLU https://arxiv.org/abs/2002.05202.
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

__all__ = ["Llama", "llama", "rotate"]

PUBLISHED = Family(
    names=(
        (r"(?:.*\.)?rotary_emb\.inv_freq", None),
        (r"model\.embed_tokens\.(.+)", r"embedding.\1"),
        (r"model\.norm\.(.+)", r"norm.\1"),
        (r"lm_head\.(.+)", r"head.\1"),
        (r"model\.(layers\.\d+)\.self_attn\.(q|k|v|o)_proj\.(.+)", r"\1.attention.\2.\3"),
        (r"model\.(layers\.\d+)\.mlp\.(gate|up|down)_proj\.(.+)", r"\1.mlp.\2.\3"),
        (r"model\.(layers\.\d+)\.input_layernorm\.(.+)", r"\1.attention_norm.\2"),
        (r"model\.(layers\.\d+)\.post_attention_layernorm\.(.+)", r"\1.mlp_norm.\2"),
    ),
)


def rotations(position: Tensor, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """cos and sin of position * theta^(-2i / head_dim).   Shape: (*, T) -> (*, T, head_dim) twice."""
    frequency = facula.exp(facula.arange(0, head_dim, 2, device=position.device) * (-math.log(theta) / head_dim))
    angle = position.unsqueeze(-1).to(frequency.dtype) * frequency
    angle = facula.cat([angle, angle], dim=-1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Turn each pair (x_i, x_(i + head_dim / 2)) by its angle.   Shape: (B, heads, T, head_dim) unchanged."""
    first, second = x.chunk(2, dim=-1)
    return x * cos + facula.cat([-second, first], dim=-1) * sin


class Attention(nn.Module):
    """Causal attention in which groups of query heads share keys and values.   Shape: (B, T, width) unchanged."""

    def __init__(self, width: int, heads: int, kv_heads: int, head_dim: int, bias: bool) -> None:
        super().__init__()
        self.head_dim = head_dim
        self.q = nn.Linear(width, heads * head_dim, bias=bias)
        self.k = nn.Linear(width, kv_heads * head_dim, bias=bias)
        self.v = nn.Linear(width, kv_heads * head_dim, bias=bias)
        self.o = nn.Linear(heads * head_dim, width, bias=False)

    def forward(
        self, input: Tensor, cos: Tensor, sin: Tensor, cache: KeyValueCache | None = None, layer: int = 0
    ) -> Tensor:
        batch, time, _ = input.shape
        q, k, v = (
            project(input).view(batch, time, -1, self.head_dim).transpose(1, 2) for project in (self.q, self.k, self.v)
        )  # (B, heads, T, head_dim)
        x = attend(rotate(q, cos, sin), rotate(k, cos, sin), v, cache, layer)
        return self.o(x.transpose(1, 2).reshape(batch, time, -1))


class MLP(nn.Module):
    """down(silu(gate(x)) * up(x)).   Shape: (B, T, width) unchanged."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False)
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        return self.down(F.silu(self.gate(input)) * self.up(input))


class Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)).   Shape: (B, T, width) unchanged."""

    def __init__(self, attention: Attention, mlp: MLP, width: int, eps: float) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(width, eps=eps)
        self.attention = attention
        self.mlp_norm = nn.RMSNorm(width, eps=eps)
        self.mlp = mlp

    def forward(
        self, input: Tensor, cos: Tensor, sin: Tensor, cache: KeyValueCache | None = None, layer: int = 0
    ) -> Tensor:
        x = input + self.attention(self.attention_norm(input), cos, sin, cache, layer)
        return x + self.mlp(self.mlp_norm(x))


class Llama(nn.Module):
    """A decoder with rotary positions; `n_kv_head` heads of keys and values serve `n_head` heads of queries.

    Shape: ids (B, T) -> logits (B, T, vocab_size), T at most `block_size`.
    ValueError if heads do not divide each other or T is too long.

    >>> import facula
    >>> from facula_text.models import Llama
    >>> model = Llama(vocab_size=10, block_size=8, n_layer=1, n_head=4, n_kv_head=2, n_embd=16)
    >>> model(facula.zeros(2, 5, dtype=facula.int64)).shape
    facula.Size([2, 5, 10])
    """

    def __init__(
        self,
        vocab_size: int,
        block_size: int,
        n_layer: int = 4,
        n_head: int = 4,
        n_kv_head: int | None = None,
        n_embd: int = 128,
        hidden: int | None = None,
        *,
        head_dim: int | None = None,
        theta: float = 10000.0,
        eps: float = 1e-5,
        tied: bool = False,
        qkv_bias: bool = False,
    ) -> None:
        super().__init__()
        kv_heads = n_kv_head or n_head
        if n_head % kv_heads or (head_dim is None and n_embd % n_head):
            raise ValueError(
                f"Llama: expected n_head to be a multiple of n_kv_head and n_embd of n_head, got n_embd {n_embd}, "
                f"n_head {n_head} and n_kv_head {kv_heads}. Change one."
            )
        self.vocab_size = vocab_size
        self.block_size = block_size
        self.n_kv_head = kv_heads
        self.head_dim = head_dim or n_embd // n_head
        self.theta = theta
        self.embedding = nn.Embedding(vocab_size, n_embd)
        self.layers = nn.ModuleList(
            Block(
                Attention(n_embd, n_head, kv_heads, self.head_dim, qkv_bias),
                MLP(n_embd, hidden or 4 * n_embd),
                n_embd,
                eps,
            )
            for _ in range(n_layer)
        )
        self.norm = nn.RMSNorm(n_embd, eps=eps)
        self.head = None if tied else nn.Linear(n_embd, vocab_size, bias=False)
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)

    def make_cache(self, batch: int, capacity: int, padding: Tensor | None = None) -> KeyValueCache:
        """Memory for the keys and values of up to `capacity` ids in each of `batch` rows."""
        weight = self.embedding.weight
        return KeyValueCache(
            len(self.layers),
            batch,
            self.n_kv_head,
            capacity,
            self.head_dim,
            padding=padding,
            dtype=weight.dtype,
            device=weight.device,
        )

    def forward(self, input: Tensor, cache: KeyValueCache | None = None) -> Tensor:
        """The logits; with a cache, those of ids that follow the ones it holds, and it takes them up."""
        before = cache.length if cache else 0
        if input.dim() != 2 or before + input.shape[1] > self.block_size:
            raise ValueError(
                f"Llama: expected ids (B, T) with T at most block_size = {self.block_size}, got {tuple(input.shape)} "
                f"after {before} ids. Cut the text, or build the model with a larger block_size."
            )
        position = cache.open(input.shape[1]) if cache else facula.arange(input.shape[1], device=input.device)
        cos, sin = (
            turn.to(self.embedding.weight.dtype).unsqueeze(-3)
            for turn in rotations(position, self.head_dim, self.theta)
        )  # (1, T, head_dim), or with padding (B, 1, T, head_dim)
        x = self.embedding(input)
        for layer, block in enumerate(self.layers):
            x = block(x, cos, sin, cache, layer)
        if cache:
            cache.close()
        x = self.norm(x)
        return F.linear(x, self.embedding.weight) if self.head is None else self.head(x)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Llama:
        """The model of a folder with `config.json` and safetensors: Llama, Mistral or Qwen2, in evaluation mode.

        ValueError for what would change the mathematics: scaled rotary positions or a sliding window.
        """
        config = read_config(folder)
        scaled = config.get("rope_scaling")
        window = config.get("sliding_window") if config.get("use_sliding_window", True) else None
        length = config.get("max_position_embeddings", 2048)
        if scaled or (window and window < length):
            raise ValueError(
                f"Llama: expected plain rotary positions and full attention, got rope_scaling {scaled} and "
                f"sliding_window {window}. Choose another checkpoint."
            )
        tied, qwen = config.get("tie_word_embeddings", False), config.get("model_type") == "qwen2"
        family = Family(((r"lm_head\..+", None), *PUBLISHED.names)) if tied else PUBLISHED
        return load_folder(
            folder,
            lambda: cls(
                config["vocab_size"],
                length,
                config["num_hidden_layers"],
                config["num_attention_heads"],
                config.get("num_key_value_heads"),
                config["hidden_size"],
                config["intermediate_size"],
                head_dim=config.get("head_dim"),
                theta=config.get("rope_theta", 10000.0),
                eps=config["rms_norm_eps"],
                tied=tied,
                qkv_bias=config.get("attention_bias", False) or qwen,
            ),
            family,
        )

    def generate(self, input: Tensor, max_new_tokens: int, **options: Any) -> Tensor:
        """`facula_text.generate` with this model."""
        return generate(self, input, max_new_tokens, **options)


def llama(*, vocab_size: int = 256, block_size: int = 128, **config: Any) -> Llama:
    """A small Llama: 4 layers of 4 heads, 128 wide, unless the configuration says otherwise."""
    return Llama(vocab_size, block_size, **config)
