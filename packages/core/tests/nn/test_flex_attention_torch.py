"""flex_attention with the scores and masks that programs use: results, gradients and logarithms are torch's."""

import importlib
import warnings

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
Q, K, V = (RNG.standard_normal(shape) for shape in ((2, 4, 6, 8), (2, 4, 7, 8), (2, 4, 7, 5)))
DOCUMENTS = np.array([0, 0, 0, 1, 1, 2, 2])


def table(library):
    """A factor for each key, looked up."""
    factors = library.arange(7, dtype=library.float64) / 7
    return lambda score, b, h, q, kv: score * factors[kv]


def documents(library):
    """Places see places of the same document."""
    at = library.tensor(DOCUMENTS)
    return lambda b, h, q, kv: at[q] == at[kv]


SCORES = {
    "none": lambda t: None,
    "relative": lambda t: lambda score, b, h, q, kv: score + (q - kv),
    "alibi": lambda t: lambda score, b, h, q, kv: score + (kv - q) * (2.0 ** (-(h + 1) / 4)),
    "soft cap": lambda t: lambda score, b, h, q, kv: 5 * (score / 5).tanh(),
    "table": table,
    "causal": lambda t: lambda score, b, h, q, kv: t.where(q >= kv, score, -float("inf")),
}
MASKS = {
    "none": lambda t: None,
    "causal": lambda t: lambda b, h, q, kv: q >= kv,
    "nobody at first": lambda t: lambda b, h, q, kv: (q >= kv) & (q > 1),
    "documents": documents,
    "by head": lambda t: lambda b, h, q, kv: (h % 2 == 0) | (q - kv < 2),
}


def room(library):
    return importlib.import_module(f"{library.__name__}.nn.attention.flex_attention")


def attended(library, score, mask, tensors):
    flex, made = room(library), MASKS[mask](library)
    block = None if made is None else flex.create_block_mask(made, 2, 4, 6, 7, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return flex.flex_attention(*tensors, SCORES[score](library), block, scale=0.3, return_lse=True)


@pytest.mark.parametrize(
    ("score", "mask"),
    [*((s, "none") for s in SCORES), *(("none", m) for m in MASKS if m != "none"), ("alibi", "documents")],
)
def test_results_are_torchs_and_gradients_are_difference_quotients(score, mask):
    """torch has no gradients of it on the CPU."""
    results = [attended(library, score, mask, [library.tensor(a) for a in (Q, K, V)]) for library in (facula, torch)]
    for a, b in zip(*results, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-6, atol=1e-9)
    tensors = [facula.tensor(a[:1, :, :3, :2].copy()).requires_grad_() for a in (Q, K, V)]
    wide = lambda *given: room(facula).flex_attention(*given, SCORES[score](facula))
    assert facula.autograd.gradcheck(wide, tensors)


def test_grouped_heads():
    found = []
    for library in (facula, torch):
        q, k = library.tensor(Q), library.tensor(K[:, :2])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found.append(room(library).flex_attention(q, k, k, enable_gqa=True).numpy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)


def test_masks_and_their_blocks():
    found = []
    for library in (facula, torch):
        flex = room(library)
        causal, near = (lambda b, h, q, kv: q >= kv), (lambda b, h, q, kv: abs(q - kv) < 40)
        mask = flex.create_block_mask(flex.and_masks(causal, near), None, None, 200, 300, device="cpu", BLOCK_SIZE=32)
        either = flex.create_mask(flex.or_masks(causal, near), 2, None, 5, 6, device="cpu")
        found.append((mask.to_dense().tolist(), mask.sparsity(), tuple(mask.shape), mask.seq_lengths, either.tolist()))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 3, 4), (2, 3, 4)), "query, key, and value must be 4D tensors"),
        (((1, 2, 8, 4), (1, 2, 8, 5)), "same embedding dimension but got E=4 and E=5"),
        (((1, 4, 8, 4), (1, 2, 8, 4)), "Set enable_gqa=True"),
    ],
    ids=["dimensions", "embedding", "heads"],
)
def test_misuse_is_explained(shapes, message):
    kind = NotImplementedError if "4D" in message else ValueError
    q, k = (torch.ones(*shape) for shape in shapes)
    with pytest.raises(kind, match="same embedding|4D tensors|enable_gqa|num_heads|number of heads"):
        room(torch).flex_attention(q, k, k)
    q, k = (facula.ones(*shape) for shape in shapes)
    with pytest.raises(kind, match=message):
        room(facula).flex_attention(q, k, k)
