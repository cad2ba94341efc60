"""The public suites pass what is right, and name what is wrong: each is shown something broken in its own way."""

import importlib.util

import numpy as np
import pytest

import facula
from facula.autograd.op import ALL, Op, sample
from facula.devices.meta import Meta
from facula.testing import check_dataset, check_device, check_op

SAME = lambda input, **_: Meta(input.shape, input.dtype)
SAMPLES = [sample((2, 3)), sample((4,))]


def record(forward, rule=SAME, vjp=None, array_vjp=None, **options):
    op = Op(forward, rule, samples=SAMPLES, **options)
    if vjp:
        op.vjp(input=vjp)
    if array_vjp:
        op.array_vjp(input=array_vjp)
    return op


def double(xp, input, /):
    return input * 2


def cube(xp, input, /):
    return input**3


def writes(xp, input, /):
    input += 1
    return input * 2


def alias(xp, input, /):
    return input[...]


def by_stride(xp, input, /):
    return input * input.strides[-1]


def test_right_op():
    check_op(record(double, vjp=lambda g: g * 2, array_vjp=lambda g: g * 2))
    check_op(record(alias, view=True, vjp=lambda g: g * 1))


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (record(double, vjp=lambda g: g * 3), r"double, sample 0: gradcheck: .*Jacobian mismatch"),
        (record(cube, vjp=lambda g, input: g * 3 * input.detach() ** 2), "cube, sample 0: gradgradcheck"),
        (record(double, vjp=lambda g: g * 2, array_vjp=lambda g: g * 3), r"sample 0: grad.*"),
        (
            record(double, lambda input: Meta((7,), input.dtype), nondiff=True),
            r"result 0 has shape \(2, 3\), the rule says \(7,\)",
        ),
        (
            record(double, lambda input: Meta(input.shape, np.int64), nondiff=True),
            "result 0 has dtype facula.float64, the rule says",
        ),
        (record(writes, nondiff=True), "it wrote into its input `input`"),
        (record(alias, nondiff=True), "a result shares the memory of `input`, but view is not set"),
        (record(double, view=True, nondiff=True), "the record says view=True, but the result has memory of its own"),
        (record(by_stride, nondiff=True), "non-contiguous inputs: values differ"),
        (Op(double, SAME, nondiff=True), "expected at least two samples, got none"),
    ],
    ids=range(10),
)
def test_wrong_op(op, message):
    with pytest.raises(AssertionError, match=message):
        check_op(op)


def test_wrong_kernel():
    op = record(double, nondiff=True)
    op.kernel("cpu", lambda xp, input: input * 3)
    with pytest.raises(AssertionError, match="double, sample 0: kernel: kernel and forward: values differ"):
        check_op(op)


def test_crash_is_told():
    def crash(xp, input, /):
        raise KeyError("oops")

    with pytest.raises(AssertionError, match=r"crash, sample 0: forward: raised RuntimeError: crash: 'oops'"):
        check_op(record(crash, nondiff=True))


def test_prepared_inputs():
    """A record for symmetric inputs reads one triangle only; `prepare` lets finite differences know."""

    def lower_sum(xp, input, /):
        return xp.tril(input) + xp.swapaxes(xp.tril(input, -1), -1, -2)

    op = Op(lower_sum, SAME, samples=[sample((2, 2)), sample((3, 3))])
    op.vjp(input=lambda g: (g + g.mT) / 2)
    with pytest.raises(AssertionError, match="Jacobian mismatch"):
        check_op(op)
    op.prepare = lambda input: (input + input.mT,)
    op.samples = [sample(facula.eye(2, dtype=facula.float64)), sample(facula.ones(3, 3, dtype=facula.float64))]
    check_op(op)


@pytest.mark.parametrize("name", ["cpu", "meta"])
def test_devices(name):
    check_device(name, [ALL[n] for n in ("add", "exp", "matmul", "sum_op", "permute_op", "cat_op", "eq", "where")])


def test_device_that_computes_wrongly():
    from facula.devices import base
    from facula.devices.base import Device, register

    class Shadow(np.ndarray):
        """An array of the device below."""

    class Wrong(Device):
        name, array_type, xp = "shadow", Shadow, np

        def to_device(self, array, index):
            return array.copy().view(Shadow)

        def to_host(self, array):
            return np.asarray(array).view(np.ndarray) * 2

    register(Wrong())
    try:
        with pytest.raises(AssertionError, match=r"shadow: facula.bool of shape|shadow: .* came back changed"):
            check_device("shadow", [])
    finally:
        base._LOADED.pop("shadow")
        base._BY_TYPE.pop(Shadow)


class Items:
    def __init__(self, items):
        self.items = items

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


class Described(Items):
    """Tensors and texts, made anew for each reading."""

    def __getitem__(self, i):
        return facula.full((3,), self.items[i]), "words", {"rate": 8, "name": "a"}


class Stream:
    def __init__(self, runs):
        self.runs = runs

    def __iter__(self):
        return iter(self.runs.pop(0))


class NoEnd(Items):
    def __getitem__(self, i):
        return self.items[i % len(self.items)]


class Changing(Items):
    def __getitem__(self, i):
        self.items = [x + 1 for x in self.items]
        return self.items[i]


class NoLength:
    def __getitem__(self, i):
        return i


def test_right_datasets():
    check_dataset(Items([(facula.zeros(2), 0), (facula.ones(2), 1)]))
    check_dataset(Items([{"x": np.zeros(2), "name": "a"}] * 3))
    check_dataset(Stream([[1, 2], [1, 2]]))
    check_dataset(Described([0, 1]))


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Items([]), "Items: it is empty"),
        (Items([(1, 2), 3]), r"Items: item 1 is .*; a batch needs one structure"),
        (Items([None]), "Items: item 0 is None"),
        (NoEnd([1, 2]), "NoEnd: expected IndexError for index 2 of 2 items, got an item"),
        (Changing([1, 2, 3]), "is another one when it is read again"),
        (Items({0: 1}), "expected IndexError behind the end, got KeyError"),
        (NoLength(), "NoLength: expected __len__"),
        (Stream([[1, 2], [1]]), "Stream: the second iteration has another length than the first"),
    ],
    ids=range(8),
)
def test_wrong_datasets(dataset, message):
    with pytest.raises(AssertionError, match=message):
        check_dataset(dataset)


has_nn = importlib.util.find_spec("facula.nn.module") is not None


@pytest.mark.skipif(not has_nn, reason="layers are not here yet")
class TestLayers:
    def test_right(self):
        nn = facula.nn
        facula.testing.check_layer(lambda: nn.Linear(3, 2), facula.ones(4, 3))
        facula.testing.check_layer(lambda: nn.BatchNorm1d(3), facula.arange(12.0).reshape(4, 3))
        facula.testing.check_model(
            lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)), facula.ones(4, 3)
        )

    def test_wrong(self):
        nn = facula.nn

        class Layer(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(facula.ones(3))

            def forward(self, x):
                return x * self.weight

        class Forgets(Layer):
            def forward(self, x):
                return x * self.weight.detach()

        class Silent(Layer):
            def __repr__(self):
                return "a layer"

        class Hides(Layer):
            def __init__(self):
                super().__init__()
                self.secret = facula.rand(3)

            def forward(self, x):
                return x * self.secret * self.weight

        class Noisy(Layer):
            def __init__(self):
                super().__init__()
                with facula.no_grad():
                    self.weight.copy_(facula.tensor(np.random.default_rng().random(3)))

        x = facula.ones(2, 3)
        for cls, message in [
            (Forgets, "Forgets: the gradient of 'weight' along a direction is 0.0, finite differences say"),
            (Silent, "Silent: its repr does not name it"),
            (Hides, "Hides after load_state_dict: the results differ"),
        ]:
            with pytest.raises(AssertionError, match=message):
                facula.testing.check_layer(cls, x)
        with pytest.raises(AssertionError, match="Noisy: parameter 'weight' differs after the same manual_seed"):
            facula.testing.check_model(Noisy, x)
        with pytest.raises(AssertionError, match=r"Forgets: backward reached no gradient|does not require grad"):
            facula.testing.check_model(Forgets, x.requires_grad_())
