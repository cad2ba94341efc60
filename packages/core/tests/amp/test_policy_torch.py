"""The policy of autocast on the CPU is PyTorch's, function by function: the types of the results for float32 and bfloat16 inputs."""

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
SQUARE, VECTOR = RNG.random((4, 4), np.float32), RNG.random(4, np.float32)
LINE, IMAGE, VOLUME = (RNG.random((2, 4, *[6] * n), np.float32) for n in (1, 2, 3))
LABELS = np.array([0, 3, 1, 2])
SIGNS = np.array([1.0, -1.0, 1.0, -1.0], np.float32)

PRODUCTS = {
    "mm": lambda t, a, **_: t.mm(a, a),
    "bmm": lambda t, image, **_: t.bmm(image[0], image[0]),
    "matmul of vectors": lambda t, v, **_: t.matmul(v, v),
    "matmul with a vector": lambda t, a, v, **_: t.matmul(a, v),
    "mv": lambda t, a, v, **_: t.mv(a, v),
    "dot": lambda t, v, **_: t.dot(v, v),
    "vdot": lambda t, v, **_: t.vdot(v, v),
    "outer": lambda t, v, **_: t.outer(v, v),
    "inner of vectors": lambda t, v, **_: t.inner(v, v),
    "inner of matrices": lambda t, a, **_: t.inner(a, a),
    "addmm": lambda t, a, **_: t.addmm(a, a, a),
    "addmv": lambda t, a, v, **_: t.addmv(v, a, v),
    "addr": lambda t, a, v, **_: t.addr(a, v, v),
    "addbmm": lambda t, image, **_: t.addbmm(image[0, 0], image[0], image[0]),
    "baddbmm": lambda t, image, **_: t.baddbmm(image[0], image[0], image[0]),
    "vecdot": lambda t, a, **_: t.linalg.vecdot(a, a),
    "multi_dot": lambda t, a, **_: t.linalg.multi_dot([a, a, a]),
    "matrix_power": lambda t, a, **_: t.matrix_power(a, 3),
    "tensordot": lambda t, a, **_: t.tensordot(a, a, 1),
    "tensordot to a number": lambda t, a, **_: t.tensordot(a, a, 2),
    "einsum": lambda t, a, **_: t.einsum("ij,jk->ik", a, a),
    "einsum without a sum": lambda t, v, **_: t.einsum("i,j->ij", v, v),
    "kron": lambda t, a, **_: t.kron(a, a),
    "linear": lambda t, f, a, v, **_: f.linear(a, a, v),
    "bilinear": lambda t, f, a, image, **_: f.bilinear(a, a, image[0, :, :4, :4]),
    "conv1d": lambda t, f, line, **_: f.conv1d(line, line[:, :, :3]),
    "conv2d": lambda t, f, image, v, **_: f.conv2d(image, image[:, :, :3, :3], v[:2]),
    "conv3d": lambda t, f, volume, **_: f.conv3d(volume, volume[:, :, :3, :3, :3]),
    "conv_transpose1d": lambda t, f, line, v, **_: f.conv_transpose1d(line, line[:, :, :3].transpose(0, 1), v[:2]),
    "conv_transpose2d": lambda t, f, image, v, **_: f.conv_transpose2d(
        image, image[:, :, :3, :3].transpose(0, 1), v[:2]
    ),
    "conv_transpose3d": lambda t, f, volume, **_: f.conv_transpose3d(volume, volume[:, :, :2, :2, :2].transpose(0, 1)),
    "attention": lambda t, f, image, **_: f.scaled_dot_product_attention(image, image, image),
    "prelu": lambda t, f, a, v, **_: f.prelu(a, v),
    "multihead": lambda t, a, **_: t.nn.MultiheadAttention(4, 2)(a, a, a)[0],
    **{
        kind: lambda t, a, kind=kind, **_: getattr(t.nn, kind)(4, 3)(a)
        for kind in ("RNN", "LSTM", "RNNCell", "GRUCell", "LSTMCell")
    },
}
LOSSES = {
    "l1_loss": lambda t, f, a, b, **_: f.l1_loss(a, b),
    "smooth_l1_loss": lambda t, f, a, b, **_: f.smooth_l1_loss(a, b),
    "mse_loss": lambda t, f, a, b, **_: f.mse_loss(a, b),
    "huber_loss": lambda t, f, a, b, **_: f.huber_loss(a, b),
    "cross_entropy": lambda t, f, a, labels, **_: f.cross_entropy(a, labels),
    "cross_entropy of probabilities": lambda t, f, a, b, **_: f.cross_entropy(a, b),
    "cross_entropy with weights": lambda t, f, a, v, labels, **_: f.cross_entropy(a, labels, v),
    "nll_loss": lambda t, f, a, labels, **_: f.nll_loss(a, labels),
    "kl_div": lambda t, f, a, b, **_: f.kl_div(a, b, reduction="sum"),
    "poisson_nll_loss": lambda t, f, a, b, **_: f.poisson_nll_loss(a, b),
    "gaussian_nll_loss": lambda t, f, a, b, **_: f.gaussian_nll_loss(a, b, b),
    "soft_margin_loss": lambda t, f, a, b, **_: f.soft_margin_loss(a, b),
    "hinge_embedding_loss": lambda t, f, v, signs, **_: f.hinge_embedding_loss(v, signs),
    "cosine_embedding_loss": lambda t, f, a, b, signs, **_: f.cosine_embedding_loss(a, b, signs),
    "margin_ranking_loss": lambda t, f, v, signs, **_: f.margin_ranking_loss(v, v, signs),
    "multi_margin_loss": lambda t, f, a, labels, **_: f.multi_margin_loss(a, labels),
    "multilabel_margin_loss": lambda t, f, v, labels, **_: f.multilabel_margin_loss(v, labels),
    "multilabel_soft_margin_loss": lambda t, f, a, b, **_: f.multilabel_soft_margin_loss(a, b),
    "triplet_margin_loss": lambda t, f, a, b, **_: f.triplet_margin_loss(a, b, a),
    "binary_cross_entropy": lambda t, f, a, b, **_: f.binary_cross_entropy(a, b),
    "with logits": lambda t, f, a, b, v, **_: f.binary_cross_entropy_with_logits(a, b, pos_weight=v),
}
OTHERS = {
    "prod": lambda t, a, **_: a.prod(),
    "sum": lambda t, a, **_: a.sum(),
    "cumprod": lambda t, a, **_: a.cumprod(0),
    "trace": lambda t, a, **_: a.trace(),
    "norm": lambda t, a, **_: a.norm(),
    "exp": lambda t, a, **_: a.exp(),
    "softmax": lambda t, a, **_: a.softmax(1),
    "cosine_similarity": lambda t, f, a, b, **_: f.cosine_similarity(a, b),
    "layer_norm": lambda t, f, a, **_: f.layer_norm(a, (4,)),
    "cat": lambda t, a, full, **_: t.cat([a, full]),
    "stack": lambda t, a, full, **_: t.stack([full, a]),
    "grid_sample": lambda t, f, image, **_: f.grid_sample(image, image[:, :, :, :2], align_corners=False),
    "pad by reflection": lambda t, f, line, **_: f.pad(line, (1, 1), "reflect"),
    "pad by replication": lambda t, f, image, **_: f.pad(image, (1, 1, 0, 1), "replicate"),
    "pad around": lambda t, f, line, **_: f.pad(line, (1, 1), "circular"),
    "pad by zeros": lambda t, f, line, **_: f.pad(line, (1, 1)),
    "adaptive_max_pool3d": lambda t, f, volume, **_: f.adaptive_max_pool3d(volume, 2),
    "fractional_max_pool2d": lambda t, f, image, **_: f.fractional_max_pool2d(image, 2, 3),
    "max_unpool2d": lambda t, f, image, **_: f.max_unpool2d(*f.max_pool2d(image, 2, return_indices=True), 2),
    "area": lambda t, f, image, **_: f.interpolate(image, size=(4, 5), mode="area"),
    **{
        f"{kind}_pool{n}d": lambda t, f, kind=kind, n=n, **given: getattr(f, f"{kind}_pool{n}d")(
            given[("line", "image", "volume")[n - 1]], 2
        )
        for kind in ("avg", "max", "adaptive_avg")
        for n in (1, 2, 3)
    },
}
IN_FLOAT32_ONLY = {
    "GRU": lambda t, a, **_: t.nn.GRU(4, 3)(a)[0],
    "cdist": lambda t, a, b, **_: t.cdist(a, b),
    "quantile": lambda t, a, **_: t.quantile(a, 0.5),
    "nanquantile": lambda t, a, **_: t.nanquantile(a, 0.5),
    "stft": lambda t, v, **_: t.stft(v, 4, return_complex=True, window=v, center=False),
    "polar": lambda t, a, **_: t.polar(a, a),
    "view_as_complex": lambda t, a, **_: t.view_as_complex(a[:, :2].contiguous()),
    "inv": lambda t, s, **_: t.linalg.inv(s),
    "cholesky": lambda t, s, **_: t.linalg.cholesky(s),
    "solve": lambda t, s, v, **_: t.linalg.solve(s, v),
    "qr": lambda t, s, **_: t.linalg.qr(s)[0],
    "svd": lambda t, s, **_: t.linalg.svd(s)[0],
    "eigh": lambda t, s, **_: t.linalg.eigh(s)[0],
    "det": lambda t, s, **_: t.linalg.det(s),
    "lu_solve": lambda t, s, a, **_: t.linalg.lu_solve(*t.linalg.lu_factor(s), a),
    "matrix_exp": lambda t, s, **_: t.matrix_exp(s),
    "fft": lambda t, a, **_: t.fft.fft(a),
    "ctc_loss": lambda t, f, a, **_: f.ctc_loss(
        a.unsqueeze(1).log_softmax(2), t.tensor([[1, 2]]), t.tensor([4]), t.tensor([2])
    ),
}  # fmt: skip
BOTH = {**PRODUCTS, **LOSSES, **OTHERS}


def kinds(library, call, dtype):
    """The type of the result of a call under autocast."""
    floats = {"a": SQUARE, "b": SQUARE.T.copy(), "v": VECTOR, "line": LINE, "image": IMAGE, "volume": VOLUME}
    given = {name: library.tensor(array).to(getattr(library, dtype)) for name, array in floats.items()}
    given["s"] = (library.tensor(SQUARE @ SQUARE.T) + library.eye(4)).to(getattr(library, dtype))
    given.update(labels=library.tensor(LABELS), signs=library.tensor(SIGNS), full=library.tensor(SQUARE))
    with library.no_grad(), library.autocast("cpu"):
        result = call(library, f=library.nn.functional, **given)
    result = result[0] if isinstance(result, tuple) else result
    return str(result.dtype).split(".")[1]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", BOTH)
def test_the_result_has_torchs_type(name, dtype):
    assert kinds(facula, BOTH[name], dtype) == kinds(torch, BOTH[name], dtype)


@pytest.mark.parametrize("name", IN_FLOAT32_ONLY)
def test_the_result_of_float32_has_torchs_type(name):
    assert kinds(facula, IN_FLOAT32_ONLY[name], "float32") == kinds(torch, IN_FLOAT32_ONLY[name], "float32")


def test_a_disabled_block_inside_leaves_functions_alone():
    x = facula.ones(2, 2, dtype=facula.bfloat16)
    with facula.autocast("cpu"), facula.autocast("cpu", enabled=False):
        assert facula.nn.functional.l1_loss(x, x).dtype is facula.bfloat16
    with facula.autocast("cpu"), facula.autocast("cuda"):
        assert facula.nn.functional.l1_loss(x, x).dtype is facula.float32


def test_gradients_pass_through_functions_that_are_cast_as_a_whole():
    for library in (facula, torch):
        x = library.tensor(SQUARE).to(library.bfloat16).requires_grad_()
        with library.autocast("cpu"):
            loss = library.nn.functional.smooth_l1_loss(x, library.zeros(4, 4))
        loss.backward()
        assert str(x.grad.dtype).endswith("bfloat16")
        np.testing.assert_allclose(x.grad.to(library.float32).numpy(), SQUARE / 16, rtol=0.02)
