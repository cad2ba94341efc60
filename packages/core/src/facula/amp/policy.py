"""Which operators autocast computes in which type, for each kind of device. The lists are PyTorch's.

`lower`: floating-point inputs are cast to the type of autocast. `full`: half types are cast to float32. `own`: computed in
the types that are given, although it is made of products. `widest`: floating-point inputs are cast to the widest type among
them. What is in no list takes the types it is given, and promotes as usual; what is composed of listed operators
(attention, einsum, transformers) follows. float64 is never touched.

The names are those of the records, or of functions that are made of several. Where NumPy computes half types it computes in
float32 and rounds once, so the CPU needs fewer functions in `full` than CUDA does.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Policy:
    """The operators that autocast has an idea of, by what it does with their inputs."""

    lower: frozenset[str]
    full: frozenset[str]
    own: frozenset[str]
    widest: frozenset[str]


def _names(*lines: str) -> frozenset[str]:
    return frozenset(name for line in lines for name in line.split())


_PRODUCTS = """
    matmul linear conv_op conv_input_op conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc addmm addbmm baddbmm
    linalg_vecdot multi_head_attention_forward prelu lstm_scan_op rnn_scan_op
"""
_LOSSES = """
    l1_loss smooth_l1_loss mse_loss huber_loss cross_entropy nll_loss kl_div poisson_nll_loss soft_margin_loss
    hinge_embedding_loss cosine_embedding_loss margin_ranking_loss multi_margin_loss multilabel_margin_loss
    triplet_margin_loss binary_cross_entropy_with_logits
"""
_TRANSFORMS = "complex view_as_complex polar transform real_to_half half_to_real stft"
_DECOMPOSITIONS = """
    cholesky cholesky_solve det slogdet eig eigh geqrf inv ldl_factor ldl_solve lu_factor pinv qr solve solve_triangular svd
    lu_solve linalg_lu_solve
"""
_WRITES = "put_op scatter scatter_add scatter_reduce insert"

CPU = Policy(
    lower=_names(_PRODUCTS),
    full=_names(
        _LOSSES,
        _TRANSFORMS,
        _DECOMPOSITIONS,
        "binary_cross_entropy ctc_loss gru_scan_op prod_op quantile nanquantile cdist trace grid_sample _mirrored",
        "avg_pool3d max_pool3d max_unpool1d max_unpool2d max_unpool3d adaptive_avg_pool3d adaptive_max_pool3d",
        "fractional_max_pool2d fractional_max_pool3d",
    ),
    own=_names("mv dot vdot addmv adaptive_avg_pool1d adaptive_avg_pool2d segment_reduce"),
    widest=_names(_WRITES),
)

CUDA = Policy(
    lower=_names(_PRODUCTS, "mv addmv addr gru_scan_op"),
    full=_names(
        _LOSSES,
        _TRANSFORMS,
        _DECOMPOSITIONS,
        "acos asin cosh erfinv exp expm1 log log10 log1p log2 pow reciprocal rsqrt sinh tan softplus",
        "layer_norm_op group_norm normalize norm p_norm_op vector_norm_op renorm dist cdist pdist cosine_similarity",
        "softmax_op softmin log_softmax_op logsumexp_op cumprod_op cumsum_op prod_op sum_op ctc_loss",
    ),
    own=_names("dot vdot adaptive_avg_pool1d adaptive_avg_pool2d segment_reduce"),
    widest=_names(_WRITES),
)

POLICIES = {"cpu": CPU, "cuda": CUDA}


def table(policy: Policy) -> str:
    """A policy as text, a paragraph for each of its lists.

    >>> import facula
    >>> print(facula.amp.policy.table(facula.amp.policy.Policy(frozenset({"linear", "matmul"}), *[frozenset()] * 3)))
    lower: linear, matmul
    """
    lists = {field.name: sorted(getattr(policy, field.name)) for field in dataclasses.fields(policy)}
    return "\n\n".join(f"{kind}: {', '.join(names)}" for kind, names in lists.items() if names)


__doc__ = f"{__doc__}\nOn the CPU\n\n{table(CPU)}\n\nOn CUDA\n\n{table(CUDA)}\n"
