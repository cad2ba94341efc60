"""Encoders that read in both directions: BERT, RoBERTa, DistilBERT, MiniLM, and embeddings of sentences.

Sources: J. Devlin et al., https://arxiv.org/abs/1810.04805; RoBERTa https://arxiv.org/abs/1907.11692; DistilBERT
https://arxiv.org/abs/1910.01108; MiniLM https://arxiv.org/abs/2002.10957; sentences https://arxiv.org/abs/1908.10084.
"""

from __future__ import annotations

import os
from typing import Any

import facula
from facula import Tensor, nn
from facula.nn import functional as F
from facula.serialization import open_checkpoint
from facula_text.models.checkpoint import Family, load_folder, read_config

__all__ = ["Bert", "bert", "pool"]

_BERT, _DISTIL = r"(?:bert\.|roberta\.)?", r"(?:distilbert\.)?"
_LAYER, _DISTIL_LAYER = _BERT + r"encoder\.layer\.(\d+)\.", _DISTIL + r"transformer\.layer\.(\d+)\."

PUBLISHED = Family(
    names=(
        (_BERT + r"embeddings\.position_ids", None),
        (r"(?:cls|lm_head|classifier|pre_classifier|vocab_\w+|qa_outputs)\..+", None),
        (r"(?:bert\.|roberta\.|distilbert\.)?embeddings\.(word|position|token_type)_embeddings\.(.+)", r"\1.\2"),
        (r"(?:bert\.|roberta\.|distilbert\.)?embeddings\.LayerNorm\.(.+)", r"norm.\1"),
        (_LAYER + r"attention\.self\.(query|key|value)\.(.+)", r"layers.\1.\2.\3"),
        (_LAYER + r"attention\.output\.dense\.(.+)", r"layers.\1.out.\2"),
        (_LAYER + r"attention\.output\.LayerNorm\.(.+)", r"layers.\1.attention_norm.\2"),
        (_LAYER + r"intermediate\.dense\.(.+)", r"layers.\1.up.\2"),
        (_LAYER + r"output\.dense\.(.+)", r"layers.\1.down.\2"),
        (_LAYER + r"output\.LayerNorm\.(.+)", r"layers.\1.norm.\2"),
        (_BERT + r"pooler\.dense\.(.+)", r"pooler.\1"),
        (_DISTIL_LAYER + r"attention\.q_lin\.(.+)", r"layers.\1.query.\2"),
        (_DISTIL_LAYER + r"attention\.k_lin\.(.+)", r"layers.\1.key.\2"),
        (_DISTIL_LAYER + r"attention\.v_lin\.(.+)", r"layers.\1.value.\2"),
        (_DISTIL_LAYER + r"attention\.out_lin\.(.+)", r"layers.\1.out.\2"),
        (_DISTIL_LAYER + r"sa_layer_norm\.(.+)", r"layers.\1.attention_norm.\2"),
        (_DISTIL_LAYER + r"ffn\.lin1\.(.+)", r"layers.\1.up.\2"),
        (_DISTIL_LAYER + r"ffn\.lin2\.(.+)", r"layers.\1.down.\2"),
        (_DISTIL_LAYER + r"output_layer_norm\.(.+)", r"layers.\1.norm.\2"),
    ),
)


def pool(hidden: Tensor, mask: Tensor, mode: str = "mean") -> Tensor:
    """One vector a row: the `mean` of what `mask` keeps, its `max`, or the first (`cls`).

    Shape: (B, T, width), (B, T) -> (B, width). ValueError for another mode.

    >>> import facula
    >>> from facula_text.models import pool
    >>> pool(facula.tensor([[[1.0], [3.0], [9.0]]]), facula.tensor([[1, 1, 0]])).tolist()
    [[2.0]]
    """
    if mode == "cls":
        return hidden[:, 0]
    kept = mask.unsqueeze(-1).to(hidden.dtype)
    if mode == "mean":
        return (hidden * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
    if mode == "max":
        return hidden.masked_fill(kept == 0, -facula.inf).max(dim=1).values
    raise ValueError(f"pool: expected mode 'mean', 'max' or 'cls', got {mode!r}. Choose one of them.")


class Layer(nn.Module):
    """norm(x + attention(x)), then norm(x + mlp(x)).   Shape: (B, T, width) unchanged."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=eps)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width, eps=eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        batch, time, width = input.shape
        q, k, v = (
            project(input).view(batch, time, self.heads, width // self.heads).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )  # (B, heads, T, head_dim)
        dropout = self.dropout.p if self.training else 0.0
        x = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, dropout_p=dropout)
        x = self.attention_norm(input + self.dropout(self.out(x.transpose(1, 2).reshape(batch, time, width))))
        return self.norm(x + self.dropout(self.down(F.gelu(self.up(x)))))


class Bert(nn.Module):
    """Embeddings of words, positions and segments, then layers that see the whole text.

    `n_type` 0 leaves segments out (DistilBERT); `first_position` is where positions start, 2 in RoBERTa, which counts only
    what is no filling; `pooled` adds the layer over the first id.

    Shape: ids (B, T), mask (B, T) -> (B, T, n_embd). ValueError if T is too long or heads do not divide the width.

    >>> import facula
    >>> from facula_text.models import Bert
    >>> Bert(vocab_size=10, block_size=8, n_layer=1, n_head=2, n_embd=16)(facula.zeros(2, 5, dtype=facula.int64)).shape
    facula.Size([2, 5, 16])
    """

    def __init__(
        self,
        vocab_size: int,
        block_size: int = 512,
        n_layer: int = 4,
        n_head: int = 4,
        n_embd: int = 128,
        hidden: int | None = None,
        *,
        n_type: int = 2,
        first_position: int = 0,
        dropout: float = 0.1,
        eps: float = 1e-12,
        pooled: bool = False,
    ) -> None:
        super().__init__()
        if n_embd % n_head:
            raise ValueError(
                f"Bert: expected n_embd to be a multiple of n_head, got {n_embd} and {n_head}. Change one."
            )
        self.block_size = block_size
        self.first_position = first_position
        self.word = nn.Embedding(vocab_size, n_embd)
        self.position = nn.Embedding(block_size + first_position, n_embd)
        self.token_type = nn.Embedding(n_type, n_embd) if n_type else None
        self.norm = nn.LayerNorm(n_embd, eps=eps)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(Layer(n_embd, n_head, hidden or 4 * n_embd, dropout, eps) for _ in range(n_layer))
        self.pooler = nn.Linear(n_embd, n_embd) if pooled else None
        for module in self.modules():
            if isinstance(module, (nn.Linear, nn.Embedding)):
                nn.init.normal_(module.weight, std=0.02)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, input: Tensor, mask: Tensor | None = None, token_type: Tensor | None = None) -> Tensor:
        """The hidden states of the last layer; `mask` is 1 for text and 0 for filling."""
        if input.dim() != 2 or input.shape[1] > self.block_size:
            raise ValueError(
                f"Bert: expected ids (B, T) with T at most {self.block_size}, got {tuple(input.shape)}. Cut the text."
            )
        position = facula.arange(input.shape[1], device=input.device) + self.first_position
        if self.first_position and mask is not None:
            counted = mask.to(facula.int64)
            position = (
                counted.cumsum(1) * counted + self.first_position - 1
            )  # (B, T); filling has the one before the first
        x = self.word(input) + self.position(position)
        if self.token_type is not None:
            x = x + self.token_type(facula.zeros_like(input) if token_type is None else token_type)
        x = self.dropout(self.norm(x))
        seen = None if mask is None else mask.to(facula.bool)[:, None, None, :]  # (B, 1, 1, T)
        for layer in self.layers:
            x = layer(x, seen)
        return x

    def summary(self, hidden: Tensor) -> Tensor:
        """tanh(pooler(first hidden state)), what BERT classifies by.   Shape: (B, T, width) -> (B, width)."""
        if self.pooler is None:
            raise ValueError("Bert: expected a model with a pooler, got one without. Build it with pooled=True.")
        return facula.tanh(self.pooler(hidden[:, 0]))

    def embed(self, input: Tensor, mask: Tensor, mode: str = "mean") -> Tensor:
        """Sentence embeddings of length 1: their products are cosines.   Shape: (B, T) twice -> (B, width)."""
        return F.normalize(pool(self(input, mask), mask, mode), dim=-1)

    @classmethod
    def from_pretrained(cls, folder: str | os.PathLike[str]) -> Bert:
        """The encoder of a folder with `config.json` and `model.safetensors`, in evaluation mode; heads are left out."""
        config = read_config(folder)
        if (act := config.get("hidden_act", config.get("activation", "gelu"))) != "gelu":
            raise ValueError(f"Bert: expected the activation 'gelu', got {act!r}. Choose another checkpoint.")
        pooled = any("pooler.dense." in name for name in open_checkpoint(folder))  # models with other heads have none
        return load_folder(folder, lambda: cls(**shape_of(config), pooled=pooled), PUBLISHED)


def shape_of(config: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `Bert` that a published configuration stands for."""
    if config.get("model_type") == "distilbert":
        return {
            "vocab_size": config["vocab_size"],
            "block_size": config["max_position_embeddings"],
            "n_layer": config["n_layers"],
            "n_head": config["n_heads"],
            "n_embd": config["dim"],
            "hidden": config["hidden_dim"],
            "n_type": 0,
            "dropout": config.get("dropout", 0.1),
        }
    first = config.get("pad_token_id", 1) + 1 if config.get("model_type") in ("roberta", "xlm-roberta") else 0
    return {
        "vocab_size": config["vocab_size"],
        "block_size": config["max_position_embeddings"] - first,
        "n_layer": config["num_hidden_layers"],
        "n_head": config["num_attention_heads"],
        "n_embd": config["hidden_size"],
        "hidden": config["intermediate_size"],
        "n_type": config.get("type_vocab_size", 2),
        "first_position": first,
        "dropout": config.get("hidden_dropout_prob", 0.1),
        "eps": config.get("layer_norm_eps", 1e-12),
    }


def bert(*, vocab_size: int = 30522, **config: Any) -> Bert:
    """A small BERT: 4 layers of 4 heads, 128 wide, unless the configuration says otherwise."""
    return Bert(vocab_size, **config)
