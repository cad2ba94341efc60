"""Multi-head attention."""

from __future__ import annotations

import math
from typing import Any

from facula.dtypes import bool_
from facula.errors import assertion_error, runtime_error, value_error
from facula.nn import functional as F
from facula.nn import init
from facula.nn.linear import NonDynamicallyQuantizableLinear
from facula.nn.module import Module
from facula.nn.uninitialized import new_parameter
from facula.ops import cat, zeros, zeros_like
from facula.tensors.tensor import Tensor


class MultiheadAttention(Module):
    """concat(head_1, ..., head_h) W_o, head_i = softmax(Q_i K_i^T / sqrt(d)) V_i (Vaswani et al., 2017).

    Shape: query (L, N, E), key (S, N, kdim), value (S, N, vdim) -> (L, N, E) and the weights (N, L, S), or
    (N, heads, L, S) with average_attn_weights=False; (N, L, ...) with batch_first; without N for one sequence.

    `add_bias_kv` appends a learned key and value, `add_zero_attn` one of zeros; in the call, `key_padding_mask` (N, S) and `attn_mask`
    (L, S) or (N heads, L, S) hide keys where True, or are added where they are numbers.

    >>> import facula
    >>> attention = facula.nn.MultiheadAttention(8, 2, batch_first=True)
    >>> x = facula.ones(3, 5, 8)
    >>> output, weights = attention(x, x, x)
    >>> output.shape, weights.shape
    (facula.Size([3, 5, 8]), facula.Size([3, 5, 5]))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise value_error(
                f"MultiheadAttention: embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead. Use positive sizes."
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise assertion_error(
                f"MultiheadAttention: embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}. "
                "Change num_heads."
            )
        make = {"device": device, "dtype": dtype}
        separate = {"q_proj_weight": embed_dim, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        if self._qkv_same_embed_dim:
            self.in_proj_weight = new_parameter(3 * embed_dim, embed_dim, **make)
        for name, width in separate.items():
            own = None if self._qkv_same_embed_dim else new_parameter(embed_dim, width, **make)
            self.register_parameter(name, own)
        if not self._qkv_same_embed_dim:
            self.register_parameter("in_proj_weight", None)
        self.register_parameter("in_proj_bias", new_parameter(3 * embed_dim, **make) if bias else None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, **make)
        for name in ("bias_k", "bias_v"):
            self.register_parameter(name, new_parameter(1, 1, embed_dim, **make) if add_bias_kv else None)
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        self._check(query, key, value, key_padding_mask, attn_mask, is_causal)
        batched = query.ndim == 3
        if not batched:
            query, key, value = query.unsqueeze(0), key.unsqueeze(0), value.unsqueeze(0)
        elif not self.batch_first:
            query, key, value = query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1)
        if key_padding_mask is not None and not batched:
            key_padding_mask = key_padding_mask.unsqueeze(0)
        q, k, v = self._project(query, key, value)
        mask = self._mask(key_padding_mask, attn_mask, q.shape[0], k.shape[1], query)
        k, v, mask = self._extend(k, v, mask)
        output, weights = self._attend(self._heads(q), self._heads(k), self._heads(v), mask, need_weights)
        output = self.out_proj(output.transpose(1, 2).reshape(q.shape))
        if weights is not None and average_attn_weights:
            weights = weights.mean(1)
        if not batched:
            return output.squeeze(0), None if weights is None else weights.squeeze(0)
        return output if self.batch_first else output.transpose(0, 1), weights

    def _check(self, query: Any, key: Any, value: Any, padding: Any, attn_mask: Any, is_causal: bool) -> None:
        if query.ndim not in (2, 3) or key.ndim != query.ndim or value.ndim != query.ndim:
            raise assertion_error(
                f"MultiheadAttention: expected query, key and value all 2-D or all 3-D, got {query.ndim}-D, "
                f"{key.ndim}-D and {value.ndim}-D. Add or drop the batch dimension."
            )
        for name, tensor, width in (
            ("query", query, self.embed_dim),
            ("key", key, self.kdim),
            ("value", value, self.vdim),
        ):
            if tensor.shape[-1] != width:
                raise assertion_error(
                    f"MultiheadAttention: was expecting embedding dimension of {width} for {name}, "
                    f"but got {tensor.shape[-1]}. Project it to {width} features."
                )
        if is_causal and attn_mask is None:
            raise runtime_error(
                "MultiheadAttention: Need attn_mask if specifying the is_causal hint, got None. Pass both."
            )
        for name, mask in (("key_padding_mask", padding), ("attn_mask", attn_mask)):
            if mask is not None and mask.dtype is not bool_ and not mask.is_floating_point():
                raise assertion_error(
                    f"MultiheadAttention: only bool and floating types of {name} are supported, got {mask.dtype}. "
                    "Convert it to bool."
                )

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        bias = (None, None, None) if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        if self._qkv_same_embed_dim:
            if query is key and key is value:
                q, k, v = F.linear(query, self.in_proj_weight, self.in_proj_bias).chunk(3, -1)
                return q, k, v
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        q, k, v = (F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, bias, strict=True))
        return q, k, v

    def _heads(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], x.shape[1], self.num_heads, self.head_dim).transpose(1, 2)

    def _mask(self, padding: Tensor | None, attn_mask: Tensor | None, batch: int, keys: int, like: Tensor) -> Any:
        """Both masks as one tensor to be added to the scores, broadcastable to (N, heads, L, S)."""
        if attn_mask is not None:
            attn_mask = additive_mask(attn_mask, like)
            wanted = (batch * self.num_heads, *attn_mask.shape[1:])
            if attn_mask.ndim == 3:
                if tuple(attn_mask.shape) != wanted:
                    raise runtime_error(
                        f"MultiheadAttention: The shape of the 3D attn_mask is {tuple(attn_mask.shape)}, but should be "
                        f"{wanted}. Repeat it for each head."
                    )
                attn_mask = attn_mask.reshape(batch, self.num_heads, *attn_mask.shape[1:])
            elif attn_mask.ndim != 2:
                raise runtime_error(
                    f"MultiheadAttention: attn_mask's dimension {attn_mask.ndim} is not supported. Use 2 or 3."
                )
            if attn_mask.shape[-1] != keys:
                raise runtime_error(
                    f"MultiheadAttention: expected attn_mask over {keys} keys, got shape {tuple(attn_mask.shape)}. "
                    "Give one row per query and one column per key."
                )
        if padding is None:
            return attn_mask
        if tuple(padding.shape) != (batch, keys):
            raise assertion_error(
                f"MultiheadAttention: expected key_padding_mask of shape {(batch, keys)}, got {tuple(padding.shape)}. "
                "Give one row per sequence and one column per key."
            )
        padding = additive_mask(padding, like).reshape(batch, 1, 1, keys)
        return padding if attn_mask is None else attn_mask + padding

    def _extend(self, k: Tensor, v: Tensor, mask: Any) -> tuple[Tensor, Tensor, Any]:
        """Append the learned key and value, and the zero key and value, where the layer has them."""
        batch = k.shape[0]
        extra = 0
        if self.bias_k is not None:
            k = cat([k, self.bias_k.expand(batch, 1, -1)], 1)
            v = cat([v, self.bias_v.expand(batch, 1, -1)], 1)
            extra += 1
        if self.add_zero_attn:
            k, v = cat([k, zeros_like(k[:, :1])], 1), cat([v, zeros_like(v[:, :1])], 1)
            extra += 1
        return k, v, F.pad(mask, (0, extra)) if extra and mask is not None else mask

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Any, need_weights: bool) -> tuple[Tensor, Tensor | None]:
        dropout = self.dropout if self.training else 0.0
        if not need_weights:
            return F.scaled_dot_product_attention(q, k, v, mask, dropout), None
        scores = (q * (1.0 / math.sqrt(self.head_dim))) @ k.transpose(-2, -1)
        weights = F.softmax(scores if mask is None else scores + mask, dim=-1)
        if dropout:
            weights = F.dropout(weights, dropout)
        return weights @ v, weights


def additive_mask(mask: Tensor, like: Tensor) -> Tensor:
    """A mask in the form that is added to the scores: True becomes -inf; numbers stay."""
    if mask.dtype is not bool_:
        return mask
    blank = zeros(tuple(mask.shape), dtype=like.dtype, device=like.device)
    return blank.masked_fill(mask, -math.inf)
