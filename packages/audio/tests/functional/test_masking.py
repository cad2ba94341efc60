"""Random masks: where they may lie, how long they may be, and what they leave alone."""

import pytest

import facula
from facula_audio import functional as F
from facula_audio import transforms as T


@pytest.fixture(autouse=True)
def _same_numbers():
    facula.manual_seed(0)


@pytest.mark.parametrize("axis", [1, 2])
def test_one_mask_for_all(axis):
    x = facula.ones(3, 20, 30)
    lengths = set()
    for _ in range(60):
        out = F.mask_along_axis(x, 7, 5.0, axis)
        assert facula.equal(out, out[:1].expand(3, -1, -1))
        masked = (out[0] == 5.0).all(dim=2 - axis).to(facula.int64)
        assert int(masked.diff().abs().sum()) <= 2
        assert facula.equal(
            out[0] == 5.0, masked.bool()[:, None].expand(20, 30) if axis == 1 else masked.bool().expand(20, 30)
        )
        lengths.add(int(masked.sum()))
    assert lengths == set(range(7))


def test_a_mask_for_each():
    x = facula.ones(40, 2, 8, 50)
    out = F.mask_along_axis_iid(x, 20, 0.0, 3)
    counts = (out[:, :, 0] == 0).sum(-1)
    assert int(counts.max()) < 20
    assert counts.unique().numel() > 10
    assert facula.equal(out[:, :, 0], out[:, :, 7])


def test_a_share_bounds_the_mask():
    x = facula.ones(50, 4, 20)
    assert int((F.mask_along_axis_iid(x, 15, 0.0, 2, p=0.2) == 0)[:, 0].sum(-1).max()) <= 4
    assert F.mask_along_axis(x, 15, 0.0, 2, p=0.01) is x


def test_modules():
    x = facula.from_numpy(facula.rand(4, 1, 30, 60).numpy() + 1)
    banded = T.FrequencyMasking(10)(x)
    assert facula.equal(banded[0] == 0, banded[1] == 0)
    assert not facula.equal(T.TimeMasking(30, iid_masks=True)(x, -1.0), x)
    for zero in (False, True):
        out = T.SpecAugment(2, 20, 2, 8, zero_masking=zero)(x)
        changed = out[out != x]
        assert changed.numel() > 0
        assert facula.allclose(changed, facula.tensor(0.0 if zero else float(x.mean())).expand(changed.shape))
    assert T.SpecAugment(1, 20, 1, 8)(x[0, 0]).shape == (30, 60)


def test_gradients_stop_at_masks():
    x = facula.ones(1, 5, 40).requires_grad_()
    out = F.mask_along_axis(x, 30, 0.0, 2)
    out.sum().backward()
    assert facula.equal(x.grad, out.detach())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: F.mask_along_axis(x, 3, 0.0, 0), "Only Frequency and Time masking are supported"),
        (lambda x: F.mask_along_axis(x, 3, 0.0, 1, 1.5), "The value of p must be between 0.0 and 1.0"),
        (lambda x: F.mask_along_axis_iid(x[0], 3, 0.0, 1), "Spectrogram must have at least three dimensions"),
        (lambda x: T.TimeMasking(3, p=-1.0), "TimeMasking: The value of p must be between 0.0 and 1.0"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call(facula.zeros(2, 3, 4))
