"""Attention: scaled_dot_product_attention and the forward of multi-head attention."""

from __future__ import annotations

import math

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.state import state, whole
from facula.devices.meta import Meta
from facula.errors import assertion_error, runtime_error
from facula.ops.dropout import dropout
from facula.ops.join import cat
from facula.ops.matmul import linear, matmul
from facula.ops.pad import pad
from facula.ops.softmax import softmax_op
from facula.tensors.tensor import wrap


def _attention_shape(query, key, value, scale, causal):
    _check_attention(query, key, value)
    return Meta((*query.shape[:-1], value.shape[-1]), query.dtype)


_HEADS = [
    sample((2, 3, 4, 5), (2, 3, 6, 5), (2, 3, 6, 2), scale=0.4, causal=False),
    sample((3, 4), (3, 4), (3, 2), scale=0.5, causal=True),
]


@op(_attention_shape, onnx=None, samples=_HEADS)
def attention_op(xp, query, key, value, /, scale, causal):
    """softmax(query @ key.mT * scale) @ value; with `causal` row i sees the keys up to i. What attention without a mask is."""
    if query.shape[-2] == 1 and not causal and key.shape[-2] and xp is np:
        return _attend_one(query, key, value, scale)
    return xp.matmul(_weights(xp, query, key, scale, causal), value)


def _attend_one(query, key, value, scale):
    """A single query for each head, as where a text is written id by id: what is divided is the result, not the weights."""
    scores = np.matmul(query * query.dtype.type(scale), key.swapaxes(-1, -2))
    scores -= np.maximum.reduce(scores, axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    out = np.matmul(scores, value)
    out /= np.add.reduce(scores, axis=-1, keepdims=True)
    return out


def _weights(xp, query, key, scale, causal):
    scores = xp.matmul(query, key.swapaxes(-1, -2))
    scores *= scores.dtype.type(scale)
    if causal:
        scores[..., ~xp.tri(*scores.shape[-2:], dtype=bool)] = -math.inf
    return softmax_op.forward(xp, scores, -1)


def _attention_slope(g, query, key, value, scale, causal):
    scores = matmul(query, key.mT) * scale
    mask = _causal(query.shape[-2], key.shape[-2], query.device) if causal else None
    weights = _masked_softmax(scores, mask)
    inner = matmul(g, value.mT) * weights
    inner = (inner - weights * inner.sum(-1, keepdim=True)) * scale
    return matmul(inner, key), matmul(inner.mT, query), matmul(weights.mT, g)


def attention_array(g, query, key, value, scale, causal, xp):
    """The gradients on arrays."""
    weights = _weights(xp, query, key, scale, causal)
    inner = xp.matmul(g, value.swapaxes(-1, -2))
    inner *= weights
    inner -= weights * inner.sum(axis=-1, keepdims=True)
    inner *= inner.dtype.type(scale)
    turned = inner.swapaxes(-1, -2)
    return xp.matmul(inner, key), xp.matmul(turned, query), xp.matmul(weights.swapaxes(-1, -2), g)


attention_op.vjp(_attention_slope)
attention_op.array_vjp(attention_array)


def _check_attention(query, key, value):
    name = "scaled_dot_product_attention"
    if min(query.ndim, key.ndim, value.ndim) < 2:
        raise runtime_error(
            f"{name}: Expected query, key, and value to all be at least 2 dimensional, but got {query.ndim}, "
            f"{key.ndim} and {value.ndim}. Shape: (*, L, E)."
        )
    if not query.dtype == key.dtype == value.dtype:
        raise runtime_error(
            f"{name}: Expected query, key, and value to have the same dtype, but got {query.dtype}, {key.dtype}, and "
            f"{value.dtype} instead. Convert them with .to()."
        )
    if query.shape[-1] != key.shape[-1]:
        raise runtime_error(
            f"{name}: expected query and key of one last size, got {tuple(query.shape)} and {tuple(key.shape)}. "
            "Project them to one size."
        )
    if key.shape[-2] != value.shape[-2]:
        raise runtime_error(
            f"{name}: expected key and value of one length, got {tuple(key.shape)} and {tuple(value.shape)}. Give one "
            "value per key."
        )


def _causal(rows, columns, device):
    from facula.devices import base as devices

    return wrap(devices.move(np.tri(rows, columns, dtype=bool), device))


def _masked_softmax(scores, mask):
    """softmax over the last dimension; rows where nothing is allowed give 0."""
    if mask is None:
        return softmax_op(scores, -1)
    boolean = mask.array.dtype == np.bool_
    scores = scores.masked_fill(~mask, -math.inf) if boolean else scores + mask
    blocked = (~mask if boolean else mask == -math.inf).all(-1, keepdim=True)
    if type(blocked.array) is np.ndarray and not blocked.array.any():
        return softmax_op(scores, -1)
    return softmax_op(scores.masked_fill(blocked, 0), -1).masked_fill(blocked, 0)


def scaled_dot_product_attention(
    query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False
):
    """softmax(query @ key.mT * scale + mask) @ value (Vaswani et al., 2017).

    attn_mask: booleans (True: attend) or numbers to add; is_causal: each query sees the keys up to its own place; scale: 1 / sqrt(E) if None;
    enable_gqa: fewer heads of keys and values than of queries.
    Shape: (*, L, E), (*, S, E), (*, S, V) -> (*, L, V).

    >>> import facula
    >>> facula.nn.functional.scaled_dot_product_attention(facula.ones(1, 2, 4), facula.ones(1, 3, 4), facula.ones(1, 3, 5)).shape
    facula.Size([1, 2, 5])
    """
    q, k, v = query.array, key.array, value.array
    if q.ndim < 2 or q.dtype is not k.dtype or q.dtype is not v.dtype or not q.ndim == k.ndim == v.ndim:
        _check_attention(query, key, value)
    q, k, v = q.shape, k.shape, v.shape
    if q[-1] != k[-1] or k[-2] != v[-2]:
        _check_attention(query, key, value)
    if is_causal and attn_mask is not None:
        raise runtime_error(
            "scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True. Leave one out."
        )
    if enable_gqa and q[-3] != k[-3]:
        heads = q[-3]
        if heads % k[-3] or heads % v[-3]:
            raise runtime_error(
                "scaled_dot_product_attention: Number of heads in key and value must divide the number of heads in "
                f"query, got {heads} and {k[-3]}. Change the heads."
            )
        key, value = key.repeat_interleave(heads // k[-3], -3), value.repeat_interleave(heads // v[-3], -3)
        k, v = key.array.shape, value.array.shape
    factor = (1 / math.sqrt(q[-1]) if q[-1] else 1.0) if scale is None else scale
    if attn_mask is None and not dropout_p and not state.interpreters and q[:-2] == k[:-2] == v[:-2]:
        return attention_op(query, key, value, factor, is_causal)  # an interpreter sees the parts
    scores = matmul(query * factor, key.mT)
    mask = _causal(query.shape[-2], key.shape[-2], query.device) if is_causal else attn_mask
    weights = _masked_softmax(scores, mask)
    if dropout_p > 0:
        weights = dropout(weights, dropout_p)
    return matmul(weights, value)


def _project(query, key, value, weight, bias, separate):
    """The three projections of multi-head attention."""
    if separate is not None:
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), separate, biases, strict=True))
    if query is key and key is value:
        return linear(query, weight, bias).chunk(3, -1)
    biases = (None,) * 3 if bias is None else bias.chunk(3)
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), weight.chunk(3), biases, strict=True))


def _as_scores(mask, name, like):
    """A mask as numbers to add: True (do not attend) becomes -inf."""
    if mask is None or mask.is_floating_point():
        return mask
    if mask.array.dtype != np.bool_:
        raise assertion_error(
            f"multi_head_attention_forward: only bool and floating types of {name} are supported, got {mask.dtype}. "
            "Convert it."
        )
    return like.new_zeros(mask.shape).masked_fill(mask, -math.inf)


def _check_heads(query, key, value, embed_dim_to_check, num_heads, key_padding_mask, attn_mask, separate):
    name = "multi_head_attention_forward"
    batched = query.ndim == 3
    if query.ndim not in (2, 3):
        raise assertion_error(
            f"{name}: query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query tensor. "
            "Shape: (L, N, E)."
        )
    if key.ndim != query.ndim or value.ndim != query.ndim:
        raise assertion_error(
            f"{name}: For {'batched' if batched else 'unbatched'} (3-D) `query`, expected `key` and `value` to be "
            f"{query.ndim}-D but found {key.ndim}-D and {value.ndim}-D. Reshape them."
        )
    if key_padding_mask is not None and key_padding_mask.ndim != query.ndim - 1:
        raise assertion_error(
            f"{name}: expected `key_padding_mask` to be None or {query.ndim - 1}-D but found "
            f"{key_padding_mask.ndim}-D. Give one row per sequence."
        )
    if attn_mask is not None and attn_mask.ndim not in (2, 3):
        raise assertion_error(
            f"{name}: expected `attn_mask` to be None, 2-D or 3-D but found {attn_mask.ndim}-D. Shape: (L, S) or (N * "
            "heads, L, S)."
        )
    if query.shape[-1] != embed_dim_to_check:
        raise assertion_error(
            f"{name}: was expecting embedding dimension of {embed_dim_to_check}, but got {query.shape[-1]}. Build the "
            "layer with that size."
        )
    if query.shape[-1] % num_heads:
        raise assertion_error(
            f"{name}: embed_dim {query.shape[-1]} not divisible by num_heads {num_heads}. Choose a divisor."
        )
    if separate is None and key.shape != value.shape:
        raise assertion_error(
            f"{name}: key shape {tuple(key.shape)} does not match value shape {tuple(value.shape)}. Give one value "
            "per key."
        )


def _merge_masks(attn_mask, key_padding_mask, batch, heads, sources):
    """One additive mask (N, heads or 1, L or 1, S), or None."""
    mask = None
    if attn_mask is not None:
        mask = (
            attn_mask.unsqueeze(0).unsqueeze(0)
            if attn_mask.ndim == 2
            else attn_mask.reshape(batch, heads, *attn_mask.shape[-2:])
        )
    if key_padding_mask is not None:
        padding = key_padding_mask.reshape(batch, 1, 1, sources)
        mask = padding if mask is None else mask + padding
    return mask


@whole
def multi_head_attention_forward(
    query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v, add_zero_attn, dropout_p, out_proj_weight, out_proj_bias,
    training=True, key_padding_mask=None, need_weights=True, attn_mask=None, use_separate_proj_weight=False, q_proj_weight=None, k_proj_weight=None,
    v_proj_weight=None, static_k=None, static_v=None, average_attn_weights=True, is_causal=False,
):  # fmt: skip
    """Attention of several heads over projections of query, key and value (Vaswani et al., 2017); returns (output, weights or None).

    Shape: query (L, N, E) or (L, E), key and value (S, N, *) -> (L, N, E), weights (N, L, S), or (N, heads, L, S) if not averaged.
    """
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    _check_heads(query, key, value, embed_dim_to_check, num_heads, key_padding_mask, attn_mask, separate)
    if is_causal and attn_mask is None:
        raise runtime_error(
            "multi_head_attention_forward: Need attn_mask if specifying the is_causal hint, got None. Pass the causal "
            "mask too."
        )
    batched = query.ndim == 3
    if not batched:
        same = query is key, key is value
        query = query.unsqueeze(1)
        key = query if same[0] else key.unsqueeze(1)
        value = key if same[1] else value.unsqueeze(1)
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    targets, batch, width = query.shape
    head = width // num_heads
    attn_mask, key_padding_mask = (
        _as_scores(attn_mask, "attn_mask", query),
        _as_scores(key_padding_mask, "key_padding_mask", query),
    )
    q, k, v = _project(query, key, value, in_proj_weight, in_proj_bias, separate)

    def grow(mask):
        return None if mask is None else pad(mask, (0, 1))

    if bias_k is not None and bias_v is not None:
        k, v = cat([k, bias_k.expand(1, batch, width)]), cat([v, bias_v.expand(1, batch, width)])
        attn_mask, key_padding_mask = grow(attn_mask), grow(key_padding_mask)

    def heads(x, static=None):  # (L, N, E) -> (N, heads, L, E / heads)
        if static is not None:
            return static.reshape(batch, num_heads, -1, head)
        return x.reshape(x.shape[0], batch, num_heads, head).permute(1, 2, 0, 3)

    q, k, v = heads(q), heads(k, static_k), heads(v, static_v)
    if add_zero_attn:
        zero = k.new_zeros((batch, num_heads, 1, head))
        k, v = cat([k, zero], 2), cat([v, zero], 2)
        attn_mask, key_padding_mask = grow(attn_mask), grow(key_padding_mask)
    mask = _merge_masks(attn_mask, key_padding_mask, batch, num_heads, k.shape[2])
    scores = matmul(q * (1 / math.sqrt(head)), k.mT)
    weights = (
        softmax_op(scores if mask is None else scores + mask, -1) if need_weights else _masked_softmax(scores, mask)
    )
    if training and dropout_p > 0:
        weights = dropout(weights, dropout_p)
    out = linear(
        matmul(weights, v).permute(2, 0, 1, 3).reshape(targets * batch, width), out_proj_weight, out_proj_bias
    ).reshape(targets, batch, -1)
    if need_weights and average_attn_weights:
        weights = weights.mean(1)
    if not batched:
        out, weights = out.squeeze(1), weights.squeeze(0)
    return out, weights if need_weights else None
