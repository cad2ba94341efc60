"""T5: an encoder and a decoder whose attention knows distances instead of places.

Sources: C. Raffel et al., https://arxiv.org/abs/1910.10683; gated layers (version 1.1, Flan-T5): N. Shazeer,
https://arxiv.org/abs/2002.05202.
"""

from __future__ import annotations

import math
import os
from typing import Any

import facula
from facula import Tensor, nn
from facula.nn import functional as F
from facula.serialization import open_checkpoint
from facula_text.generation import generate
from facula_text.models.cache import KeyValueCache
from facula_text.models.checkpoint import Family, load_folder, read_config

__all__ = ["T5", "distance_buckets", "t5", "t5_small"]

_BLOCK = r"(encoder|decoder)\.block\.(\d+)\."

PUBLISHED = Family(
    names=(
        (r"(?:encoder|decoder)\.embed_tokens\.weight", None),
        (r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight", None),
        (
            r"(encoder|decoder)\.block\.0\.layer\.0\.SelfAttention\.relative_attention_bias\.weight",
            r"\1.distance.weight",
        ),
        (_BLOCK + r"layer\.0\.SelfAttention\.(.+)", r"\1.blocks.\2.attention.\3"),
        (_BLOCK + r"layer\.0\.layer_norm\.(.+)", r"\1.blocks.\2.attention_norm.\3"),
        (_BLOCK + r"layer\.1\.EncDecAttention\.(.+)", r"\1.blocks.\2.cross.\3"),
        (r"(decoder)\.block\.(\d+)\.layer\.1\.layer_norm\.(.+)", r"\1.blocks.\2.cross_norm.\3"),
        (_BLOCK + r"layer\.[12]\.DenseReluDense\.wi_0\.(.+)", r"\1.blocks.\2.mlp.gate.\3"),
        (_BLOCK + r"layer\.[12]\.DenseReluDense\.wi(?:_1)?\.(.+)", r"\1.blocks.\2.mlp.up.\3"),
        (_BLOCK + r"layer\.[12]\.DenseReluDense\.wo\.(.+)", r"\1.blocks.\2.mlp.down.\3"),
        (_BLOCK + r"layer\.[12]\.layer_norm\.(.+)", r"\1.blocks.\2.mlp_norm.\3"),
        (r"(encoder|decoder)\.final_layer_norm\.(.+)", r"\1.norm.\2"),
        (r"lm_head\.(.+)", r"head.\1"),
    ),
)


def distance_buckets(distance: Tensor, buckets: int, farthest: int, *, both: bool) -> Tensor:
    """The bucket of each distance (place of the key - place of the query): near ones alone, far ones by their logarithm.

    With `both`, half of the buckets are for what comes after; without, all that comes after is in bucket 0. From `farthest`
    on all share the last one. Shape: (*) -> (*), int64.

    >>> import facula
    >>> from facula_text.models.t5 import distance_buckets
    >>> distance_buckets(facula.tensor([0, -1, -15, -16, -40, -999, 3]), 32, 128, both=False).tolist()
    [0, 1, 15, 16, 23, 31, 0]
    """
    if both:
        buckets //= 2
        side = (distance > 0).to(facula.int64) * buckets
        size = distance.abs()
    else:
        side = facula.zeros_like(distance)
        size = (-distance).clamp(min=0)
    alone = buckets // 2
    share = facula.log(size.clamp(min=1).to(facula.float32) / alone) / math.log(farthest / alone)
    far = (alone + (share * (buckets - alone)).to(facula.int64)).clamp(max=buckets - 1)
    return side + facula.where(size < alone, size, far)


class Attention(nn.Module):
    """softmax(q @ k.T + bias) @ v in heads, without scaling.   Shape: (B, T, width) unchanged."""

    def __init__(self, width: int, heads: int, head_dim: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, heads * head_dim, bias=False)
        self.k = nn.Linear(width, heads * head_dim, bias=False)
        self.v = nn.Linear(width, heads * head_dim, bias=False)
        self.o = nn.Linear(heads * head_dim, width, bias=False)
        self.dropout = dropout

    def split(self, x: Tensor) -> Tensor:
        """(B, T, heads * head_dim) -> (B, heads, T, head_dim)."""
        return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

    def keys(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of what is looked at, (B, heads, S, head_dim) twice."""
        return self.split(self.k(source)), self.split(self.v(source))

    def forward(self, input: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        x = F.scaled_dot_product_attention(self.split(self.q(input)), key, value, mask, dropout, scale=1.0)
        return self.o(x.transpose(1, 2).flatten(2))


class MLP(nn.Module):
    """down(relu(up(x))), or gated: down(act(gate(x)) * up(x)).   Shape: (B, T, width) unchanged."""

    def __init__(self, width: int, hidden: int, activation: str, gated: bool, dropout: float) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False) if gated else None
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.activation = activation
        self.dropout = nn.Dropout(dropout)

    def forward(self, input: Tensor) -> Tensor:
        act = ACTIVATIONS[self.activation]
        x = act(self.up(input)) if self.gate is None else act(self.gate(input)) * self.up(input)
        return self.down(self.dropout(x))


ACTIVATIONS = {"relu": F.relu, "gelu": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu}


class Block(nn.Module):
    """x + attention(norm(x)), in the decoder + attention to the source, then + mlp(norm(x)).   Shape: (B, T, width)."""

    def __init__(self, shape: dict[str, Any], decodes: bool) -> None:
        super().__init__()
        width, eps, dropout = shape["n_embd"], shape["eps"], shape["dropout"]
        heads = width, shape["n_head"], shape["head_dim"], dropout
        self.attention_norm = nn.RMSNorm(width, eps=eps)
        self.attention = Attention(*heads)
        self.cross_norm = nn.RMSNorm(width, eps=eps) if decodes else None
        self.cross = Attention(*heads) if decodes else None
        self.mlp_norm = nn.RMSNorm(width, eps=eps)
        self.mlp = MLP(width, shape["hidden"], shape["activation"], shape["gated"], dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self,
        input: Tensor,
        bias: Tensor,
        source: tuple[Tensor, Tensor] | None = None,
        seen: Tensor | None = None,
        cache: KeyValueCache | None = None,
        layer: int = 0,
    ) -> Tensor:
        x = self.attention_norm(input)
        key, value = self.attention.keys(x)
        if cache is not None:
            key, value = cache.append(layer, key, value)
        x = input + self.dropout(self.attention(x, key, value, bias))
        if self.cross is not None and self.cross_norm is not None and source is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), *source, seen))
        return x + self.dropout(self.mlp(self.mlp_norm(x)))


class Stack(nn.Module):
    """The blocks of one side and the numbers that each head adds for each distance, which all its blocks share."""

    def __init__(self, shape: dict[str, Any], decodes: bool) -> None:
        super().__init__()
        self.decodes = decodes
        self.farthest = shape["farthest"]
        self.distance = nn.Embedding(shape["buckets"], shape["n_head"])
        self.blocks = nn.ModuleList(Block(shape, decodes) for _ in range(shape["n_layer"]))
        self.norm = nn.RMSNorm(shape["n_embd"], eps=shape["eps"])
        self.dropout = nn.Dropout(shape["dropout"])

    def bias(self, rows: Tensor, columns: Tensor) -> Tensor:
        """What is added to the scores of queries at `rows` and keys at `columns`.   Shape: (1, heads, T, S)."""
        distance = columns - rows.unsqueeze(1)
        buckets = distance_buckets(distance, self.distance.num_embeddings, self.farthest, both=not self.decodes)
        return self.distance(buckets).permute(2, 0, 1).unsqueeze(0)


class SourceCache(KeyValueCache):
    """What the decoder remembers, and the keys and values of the source, which are computed once."""

    source: list[tuple[Tensor, Tensor]]
    seen: Tensor | None


class T5(nn.Module):
    """An encoder of the source and a decoder of the target; the logits share `shared`, unless `tied` is False.

    `scaled`: the decoder's states are divided by sqrt(n_embd) before the logits, which goes with `tied` unless it is given.

    Shape: source ids (B, S), target ids (B, T), source mask (B, S) -> logits (B, T, vocab_size).
    ValueError for another activation.

    >>> import facula
    >>> from facula_text.models import T5
    >>> model = T5(vocab_size=10, n_layer=1, n_head=2, n_embd=16)
    >>> ids = facula.zeros(2, 5, dtype=facula.int64)
    >>> model(ids, ids[:, :3]).shape
    facula.Size([2, 3, 10])
    """

    def __init__(
        self,
        vocab_size: int,
        n_layer: int = 4,
        n_head: int = 4,
        n_embd: int = 128,
        hidden: int | None = None,
        *,
        n_decoder_layer: int | None = None,
        head_dim: int | None = None,
        activation: str = "relu",
        gated: bool = False,
        tied: bool = True,
        scaled: bool | None = None,
        buckets: int = 32,
        farthest: int = 128,
        dropout: float = 0.1,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"T5: expected an activation of {[*ACTIVATIONS]}, got {activation!r}. Choose one of them.")
        shape: dict[str, Any] = {
            "n_layer": n_layer, "n_head": n_head, "n_embd": n_embd, "hidden": hidden or 4 * n_embd, "activation": activation,
            "head_dim": head_dim or n_embd // n_head, "gated": gated, "buckets": buckets, "farthest": farthest,
            "dropout": dropout, "eps": eps,
        }  # fmt: skip
        self.vocab_size = vocab_size
        self.n_head, self.head_dim = n_head, shape["head_dim"]
        self.shared = nn.Embedding(vocab_size, n_embd)
        self.encoder = Stack(shape, decodes=False)
        self.decoder = Stack({**shape, "n_layer": n_decoder_layer or n_layer}, decodes=True)
        self.head = None if tied else nn.Linear(n_embd, vocab_size, bias=False)
        self.scale = n_embd**-0.5 if (tied if scaled is None else scaled) else 1.0
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weights of spread 1 / sqrt(inputs); queries get less, since their products are not scaled."""
        nn.init.normal_(self.shared.weight, std=1.0)
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                scale = module.in_features * (self.head_dim if name.endswith(".q") else 1)
                nn.init.normal_(module.weight, std=scale**-0.5)
        for stack in (self.encoder, self.decoder):
            nn.init.normal_(stack.distance.weight, std=self.shared.embedding_dim**-0.5)

    def encode(self, source: Tensor, mask: Tensor | None = None) -> Tensor:
        """The states of the source; `mask` is 1 for text and 0 for filling.   Shape: (B, S) -> (B, S, n_embd)."""
        if source.dim() != 2:
            raise ValueError(
                f"T5: expected ids (B, T), got {tuple(source.shape)}. Put the ids of one text into a list."
            )
        places = facula.arange(source.shape[1], device=source.device)
        bias = self.encoder.bias(places, places)
        if mask is not None:
            bias = bias.masked_fill(mask[:, None, None, :] == 0, -facula.inf)
        x = self.encoder.dropout(self.shared(source))
        for block in self.encoder.blocks:
            x = block(x, bias)
        return self.encoder.dropout(self.encoder.norm(x))

    def decode(
        self,
        target: Tensor,
        source: list[tuple[Tensor, Tensor]],
        seen: Tensor | None = None,
        cache: KeyValueCache | None = None,
    ) -> Tensor:
        """Logits of what follows each target id, given the source's keys and values in each layer (`look_up`)."""
        time = target.shape[1]
        first = cache.length if cache else 0
        if cache:
            cache.open(time)
        columns = facula.arange(first + time, device=target.device)
        bias = self.decoder.bias(columns[first:], columns)
        mask = cache.mask if cache else None
        if mask is None and time > 1:
            mask = columns <= columns[first:].unsqueeze(1)
        if mask is not None:
            bias = bias.masked_fill(~mask, -facula.inf)
        x = self.decoder.dropout(self.shared(target))
        for layer, block in enumerate(self.decoder.blocks):
            x = block(x, bias, source[layer], seen, cache, layer)
        if cache:
            cache.close()
        x = self.decoder.dropout(self.decoder.norm(x)) * self.scale
        return F.linear(x, self.shared.weight) if self.head is None else self.head(x)

    def look_up(self, states: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of the source for each layer of the decoder."""
        return [block.cross.keys(states) for block in self.decoder.blocks]

    def forward(self, source: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        seen = None if mask is None else mask[:, None, None, :].to(facula.bool)
        return self.decode(target, self.look_up(self.encode(source, mask)), seen)

    def generate(
        self, source: Tensor, max_new_tokens: int, *, start_id: int = 0, mask: Tensor | None = None, **options: Any
    ) -> Tensor:
        """Answers, without `start_id`; options as of `facula_text.generate`.   Shape: (B, S) -> (B, T)."""
        first = facula.full((len(source), 1), start_id, dtype=facula.int64, device=source.device)
        return generate(Answer(self, source, mask), first, max_new_tokens, **options)[:, 1:]

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> T5:
        """The model of a folder with `config.json` and safetensors: T5, T5 1.1 or Flan-T5, in evaluation mode."""
        config = read_config(folder)
        form = config.get("feed_forward_proj", "relu")
        tied = "lm_head.weight" not in open_checkpoint(folder)
        return load_folder(
            folder,
            lambda: cls(
                config["vocab_size"],
                config["num_layers"],
                config["num_heads"],
                config["d_model"],
                config["d_ff"],
                n_decoder_layer=config.get("num_decoder_layers"),
                head_dim=config["d_kv"],
                activation=form.removeprefix("gated-"),
                gated=form.startswith("gated-"),
                tied=tied,
                scaled=config.get("scale_decoder_outputs", config.get("tie_word_embeddings", True)),
                buckets=config.get("relative_attention_num_buckets", 32),
                farthest=config.get("relative_attention_max_distance", 128),
                dropout=config.get("dropout_rate", 0.1),
                eps=config.get("layer_norm_epsilon", 1e-6),
            ),
            PUBLISHED,
        )


class Answer:
    """A `T5` that has read its source: a language model of the target."""

    block_size: int | None = None

    def __init__(self, model: T5, source: Tensor, mask: Tensor | None = None) -> None:
        self.model = model
        self.source = source
        self.mask = mask

    @property
    def training(self) -> bool:
        return self.model.training

    def train(self, mode: bool = True) -> Answer:
        self.model.train(mode)
        return self

    def make_cache(self, batch: int, capacity: int, padding: Tensor | None = None) -> SourceCache:
        """Memory for the target, and what the decoder looks up; `batch` is a multiple of the source's rows."""
        model, weight = self.model, self.model.shared.weight
        cache = SourceCache(
            len(model.decoder.blocks), batch, model.n_head, capacity, model.head_dim,
            padding=padding, dtype=weight.dtype, device=weight.device,
        )  # fmt: skip
        rows = batch // len(self.source)
        states = model.encode(self.source, self.mask).repeat_interleave(rows, 0)
        cache.source = model.look_up(states)
        mask = None if self.mask is None else self.mask.repeat_interleave(rows, 0)
        cache.seen = None if mask is None else mask[:, None, None, :].to(facula.bool)
        return cache

    def __call__(self, input: Tensor, cache: Any = None) -> Tensor:
        return self.model.decode(input, cache.source, cache.seen, cache)


def t5(*, vocab_size: int = 256, **config: Any) -> T5:
    """A small T5: 4 layers of 4 heads on each side, 128 wide, unless the configuration says otherwise."""
    return T5(vocab_size, **config)


def t5_small(**config: Any) -> T5:
    """The shape of the smallest published T5: 60,506,624 parameters."""
    shape = {"vocab_size": 32128, "n_layer": 6, "n_head": 8, "n_embd": 512, "hidden": 2048, "head_dim": 64}
    return T5(**{**shape, **config})
