"""Which operators autocast computes in which type. What is in no list takes the types it is given, and promotes as usual.

`LOWER`: floating-point inputs are cast to the type of autocast.

    matmul  linear  conv_op  conv_input_op  lstm_scan_op

`FULL`: half types are cast to float32.

    losses          binary_cross_entropy_op  binary_cross_entropy_with_logits_op  cross_entropy_op  ctc_op  mse_loss_op  huber_op
    recurrent       gru_scan_op  rnn_scan_op
    products        prod_op
    complex         complex  view_as_complex  transform  real_to_half  half_to_real
    decompositions  cholesky  cholesky_solve  det  slogdet  eig  eigh  geqrf  inv  ldl_factor  ldl_solve  lu_factor  matrix_exp
                    pinv  qr  solve  solve_triangular  svd

`FULL_ON_CUDA`: the same, on CUDA only; the CPU computes half types in float32 anyway and rounds once.

    functions       acos  asin  cosh  erfinv  exp  expm1  log  log10  log1p  log2  pow  reciprocal  rsqrt  sinh  tan  softplus
    norms           layer_norm_op  p_norm_op  vector_norm_op
    sums            logsumexp_op  softmax_op  log_softmax_op  cumprod_op  cumsum_op  sum_op

`WIDEST`: floating-point inputs are cast to the widest type among them.

    writes          put_op  scatter  scatter_add  scatter_reduce  insert

float64 is never touched. The names are those of the records; what is composed of them (attention, einsum, transformers)
follows, and so do the losses that are composed: `l1_loss` of half types is computed in half types.
"""

from __future__ import annotations

LOWER = frozenset("matmul linear conv_op conv_input_op lstm_scan_op".split())

FULL = frozenset(
    """
    binary_cross_entropy_op binary_cross_entropy_with_logits_op cross_entropy_op ctc_op mse_loss_op huber_op
    prod_op complex view_as_complex transform real_to_half half_to_real gru_scan_op rnn_scan_op
    cholesky cholesky_solve det slogdet eig eigh geqrf inv ldl_factor ldl_solve lu_factor matrix_exp pinv qr solve
    solve_triangular svd
    """.split()
)

FULL_ON_CUDA = frozenset(
    """
    acos asin cosh erfinv exp expm1 log log10 log1p log2 pow reciprocal rsqrt sinh tan softplus
    layer_norm_op p_norm_op vector_norm_op logsumexp_op softmax_op log_softmax_op cumprod_op cumsum_op sum_op
    """.split()
)

WIDEST = frozenset("put_op scatter scatter_add scatter_reduce insert".split())
