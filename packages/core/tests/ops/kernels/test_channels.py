"""One pass over each channel gives what NumPy's passes give."""

import pytest

import facula
from facula.nn import functional as F
from facula.ops.norm import channel_affine_op


@pytest.mark.parametrize("shape", [(2, 3, 5), (3, 5, 4, 4), (2, 3, 70, 70), (3, 2)], ids=str)
def test_channels(agrees, normal, shape):
    agrees(channel_affine_op, normal(*shape), normal(shape[1]), normal(shape[1]), rtol=2e-5, atol=1e-4)


def test_special_values(agrees, special):
    x = special[:, None, :].repeat(3, 1)
    w = facula.tensor([1.0, -2.0, 0.0]).numpy()
    agrees(channel_affine_op, x, w, w + 1)


@pytest.mark.parametrize("norm", ["batch", "instance", "group"])
def test_norms_that_use_it_do_the_same_without_kernels(normal, norm):
    def run():
        x, w, b = (facula.from_numpy(a.copy()).requires_grad_() for a in numbers)
        if norm == "batch":
            out = F.batch_norm(x, facula.ones(4), facula.full((4,), 2.0), w, b)
        else:
            out = F.group_norm(x, 2, w, b) if norm == "group" else F.instance_norm(x, weight=w, bias=b)
        (out * out).sum().backward()
        return out, x.grad, w.grad, b.grad

    numbers = normal(3, 4, 6, 7), normal(4), normal(4)
    with facula.use_kernels(False):
        plain = run()
    for got, want in zip(run(), plain, strict=True):
        facula.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)
