"""Complex tensors: parts are views, pairs share memory, gradients flow through writes, errors."""

import math

import pytest

import facula


def test_parts_are_views():
    z = facula.tensor([1 + 2j, 3 + 4j])
    z.real.mul_(2)
    z.imag[0] = 9
    facula.view_as_real(z)[1, 0] = -1
    assert z.tolist() == [2 + 9j, -1 + 4j]
    pairs = facula.zeros(2, 2)
    facula.view_as_complex(pairs).add_(1j)
    assert pairs.tolist() == [[0, 1], [0, 1]]
    x = facula.ones(2)
    assert facula.real(x) is x
    assert x.resolve_conj() is x


def test_a_write_into_a_part_is_differentiable():
    r = facula.tensor([1.0, 2.0], requires_grad=True)
    z = facula.zeros(2, dtype=facula.complex64)
    z.imag.copy_(r * 3)
    assert facula.autograd.grad((z * z).real.sum(), r)[0].tolist() == [-18, -36]


def test_polar_and_angle():
    z = facula.polar(facula.tensor([2.0]), facula.tensor([math.pi / 2]))
    assert z.imag.item() == pytest.approx(2)
    assert z.angle().item() == pytest.approx(math.pi / 2)
    assert facula.angle(facula.tensor([-1.0, 2.0])).tolist() == pytest.approx([math.pi, 0])
    assert facula.angle(facula.tensor([-1])).dtype is facula.float32
    assert facula.isreal(facula.tensor([1j, 1])).tolist() == [False, True]


def test_a_complex_number_is_conjugated_in_gradients():
    z = facula.tensor([1 + 2j], requires_grad=True)
    assert facula.autograd.grad((z * 1j).real, z)[0].tolist() == [-1j]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: facula.imag(facula.ones(2)), RuntimeError, "not implemented for tensors with non-complex dtypes"),
        (
            lambda: facula.complex(facula.ones(2), facula.tensor([1])),
            RuntimeError,
            "Expected both inputs to be Half, Float or Double",
        ),
        (lambda: facula.polar(facula.ones(2), facula.ones(2).double()), RuntimeError, "Expected object of scalar type"),
        (lambda: facula.view_as_real(facula.ones(2)), RuntimeError, "only supported for complex tensors"),
        (lambda: facula.view_as_complex(facula.ones(3)), RuntimeError, "last dimension of size 2"),
        (lambda: facula.view_as_complex(facula.tensor([1, 2])), RuntimeError, "only supported for floating point"),
        (lambda: facula.view_as_complex(facula.ones(2, 2).mT), RuntimeError, "last dimension with stride 1"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
