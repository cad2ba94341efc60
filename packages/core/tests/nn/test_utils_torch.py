"""nn.utils: clipping, vectors, sequences."""

import math

import numpy as np
import pytest

import facula
from facula import nn
from facula.nn.utils import rnn

torch = pytest.importorskip("torch")


def parameters(lib):
    made = []
    for seed, shape in enumerate([(3, 4), (5,), ()]):
        value = np.asarray(np.random.default_rng(seed).standard_normal(shape), np.float32)
        p = lib.nn.Parameter(lib.tensor(value))
        p.grad = lib.tensor(value * 3)
        made.append(p)
    return [*made, lib.nn.Parameter(lib.ones(2))]


@pytest.mark.parametrize("norm", [1, 2, 3.5, math.inf, 0])
@pytest.mark.parametrize("limit", [0.5, 1e6])
def test_clip_grad_norm(norm, limit):
    ours, theirs = parameters(facula), parameters(torch)
    a = nn.utils.clip_grad_norm_(ours, limit, norm)
    b = torch.nn.utils.clip_grad_norm_(theirs, limit, norm)
    assert a.item() == pytest.approx(b.item(), rel=1e-5)
    for p, q in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=1e-5)


def test_clip_grad_norm_of_nothing_and_of_nan():
    assert nn.utils.clip_grad_norm_([], 1.0).item() == 0
    p = nn.Parameter(facula.ones(1))
    p.grad = facula.tensor([math.nan])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


def test_clip_grad_value():
    ours, theirs = parameters(facula), parameters(torch)
    nn.utils.clip_grad_value_(ours, 0.7), torch.nn.utils.clip_grad_value_(theirs, 0.7)
    for p, q in zip(ours[:-1], theirs[:-1], strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy())


def test_parameters_as_a_vector():
    net = nn.Linear(2, 3)
    vector = nn.utils.parameters_to_vector(net.parameters())
    assert vector.shape == (9,)
    nn.utils.vector_to_parameters(facula.arange(9.0), net.parameters())
    assert net.weight.tolist() == [[0, 1], [2, 3], [4, 5]]
    assert net.weight.is_leaf
    with pytest.raises(TypeError, match="expected a Tensor, got int"):
        nn.utils.vector_to_parameters(3, net.parameters())


PARTS = [np.arange(6.0).reshape(3, 2), np.arange(2.0).reshape(1, 2), np.arange(8.0).reshape(4, 2)]


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("side", ["left", "right"])
def test_pad_sequence(batch_first, side):
    ours = rnn.pad_sequence([facula.tensor(p) for p in PARTS], batch_first, 7.0, side)
    theirs = torch.nn.utils.rnn.pad_sequence([torch.tensor(p) for p in PARTS], batch_first, 7.0, side)
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_pack_and_unpack():
    parts = [facula.tensor(p) for p in PARTS]
    packed = rnn.pack_sequence(parts, enforce_sorted=False)
    theirs = torch.nn.utils.rnn.pack_sequence([torch.tensor(p) for p in PARTS], enforce_sorted=False)
    np.testing.assert_array_equal(packed.data.numpy(), theirs.data.numpy())
    assert packed.batch_sizes.tolist() == theirs.batch_sizes.tolist()
    assert packed.sorted_indices.tolist() == theirs.sorted_indices.tolist()
    assert packed.unsorted_indices.tolist() == theirs.unsorted_indices.tolist()
    assert [p.tolist() for p in rnn.unpack_sequence(packed)] == [p.tolist() for p in PARTS]
    assert packed.double().data.dtype is facula.float64
    assert packed.half().float().to(facula.float64).data.dtype is facula.float64
    assert packed.cpu() is packed
    assert not packed.is_cuda


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: rnn.pack_padded_sequence(facula.ones(3, 2), [1]), RuntimeError, "equal to batch_size, got 1 lengths"),
        (lambda: rnn.pack_padded_sequence(facula.ones(3, 2), [1, 0]), RuntimeError, "has to be greater than 0"),
        (lambda: rnn.pack_padded_sequence(facula.ones(3, 2), [1, 2]), RuntimeError, "sorted in decreasing order"),
        (lambda: rnn.pack_padded_sequence(facula.ones(3, 2), [4, 2]), RuntimeError, "expected lengths up to 3, got 4"),
        (lambda: rnn.pad_sequence([]), RuntimeError, "at least one sequence"),
        (lambda: rnn.pad_sequence([facula.ones(1)], padding_side="up"), ValueError, "'right' or 'left'"),
        (lambda: rnn.PackedSequence(facula.ones(1)), ValueError, "expected batch_sizes, got None"),
        (
            lambda: rnn.pad_packed_sequence(rnn.pack_sequence([facula.ones(3)]), total_length=2),
            ValueError,
            "total_length=2 and max sequence length being 3",
        ),
    ],
)
def test_misuse_is_explained(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_packed_sequence_changes_its_type_as_a_tensor_does():
    found = []
    for library in (facula, torch):
        packed = library.nn.utils.rnn.pack_sequence([library.tensor([1.5, 2.5]), library.tensor([-3.0])])
        kinds = ("byte", "char", "short", "int", "long", "half", "float", "double")
        found.append([str(getattr(packed, kind)().data.dtype).split(".")[1] for kind in kinds])
        assert not packed.is_pinned()
        assert packed.long().batch_sizes.tolist() == [2, 1]
    assert found[0] == found[1]
