"""Places for tensors: the CPU, meta, and CUDA's clear words where there is none."""

import copy
import importlib.util
import pickle

import numpy as np
import pytest

import facula
from facula.devices import base
from facula.testing import check_device

has_cupy = importlib.util.find_spec("cupy") is not None


class TestDevice:
    def test_forms(self):
        assert facula.device("cpu") == facula.device("cpu")
        assert str(facula.device("cpu")) == "cpu"
        assert repr(facula.device("cpu")) == "device(type='cpu')"
        assert facula.device("meta").type == "meta"
        assert facula.device("cpu", 0).index == 0
        assert facula.device("cpu:0") == facula.device("cpu", 0)
        assert facula.device(facula.device("meta")) == facula.device("meta")
        assert facula.device("cpu") != facula.device("meta")
        assert facula.device("cpu") != "cpu"
        assert len({facula.device("cpu"), facula.device("cpu")}) == 1

    def test_copies(self):
        d = facula.device("meta")
        assert copy.deepcopy(d) == d
        assert pickle.loads(pickle.dumps(d)) == d

    def test_errors(self):
        with pytest.raises(RuntimeError, match="Expected one of .*cpu.* device type at start of device string: gpu"):
            facula.device("gpu")
        with pytest.raises(RuntimeError, match="Invalid device string, expected 'name' or 'name:index', got 'cpu:x'"):
            facula.device("cpu:x")
        with pytest.raises(RuntimeError, match="Invalid device string"):
            facula.device("cpu:1", 1)
        with pytest.raises(TypeError, match="device: expected a string such as 'cpu' or 'cuda:0', got 1.5"):
            facula.device(1.5)

    def test_as_context(self):
        with facula.device("meta"):
            assert facula.zeros(2).is_meta
            assert facula.get_default_device() == facula.device("meta")
            with facula.device("cpu"):
                assert facula.zeros(2).is_cpu
            assert facula.ones(2).is_meta
        assert facula.zeros(2).is_cpu

    def test_default(self):
        facula.set_default_device("meta")
        try:
            assert facula.zeros(2).is_meta
            assert facula.tensor([1.0]).is_meta
        finally:
            facula.set_default_device(None)
        assert facula.zeros(2).is_cpu


class TestCPU:
    def test_facts(self):
        x = facula.zeros(2)
        assert x.device == facula.device("cpu")
        assert x.is_cpu
        assert not x.is_cuda
        assert x.get_device() == -1
        assert x.cpu() is x
        assert x.to("cpu") is x

    def test_memory_is_shared_with_numpy(self):
        array = np.zeros(3)
        x = facula.from_numpy(array)
        x[0] = 5
        assert array[0] == 5
        assert x.numpy() is array or np.shares_memory(x.numpy(), array)


class TestMeta:
    def test_shapes_without_data(self):
        x = facula.zeros(1000, 1000, 1000, 1000, device="meta")
        y = (x.sum(0) * 2).transpose(0, 2)
        assert y.shape == (1000, 1000, 1000)
        assert y.device.type == "meta"
        assert y.dtype is facula.float32

    def test_gradients(self):
        x = facula.zeros(3, 4, device="meta", requires_grad=True)
        y = facula.zeros(4, 2, device="meta", requires_grad=True)
        (x @ y).tanh().sum().backward()
        assert x.grad.shape == (3, 4)
        assert y.grad.shape == (4, 2)
        assert x.grad.is_meta

    def test_rules_say_what_is_wrong(self):
        x = facula.zeros(3, 4, device="meta")
        with pytest.raises(RuntimeError, match="add: expected shapes that broadcast together"):
            x + facula.zeros(3, device="meta")
        with pytest.raises(RuntimeError, match="matmul: mat1 and mat2 shapes cannot be multiplied"):
            x @ x

    def test_in_place_and_views(self):
        x = facula.zeros(3, 4, device="meta")
        x[0].add_(1)
        x[1] = 2.0
        assert x.view(12).shape == (12,)
        assert x._version >= 1

    def test_data_cannot_be_had(self):
        x = facula.zeros(1, device="meta")
        for action in (x.item, x.tolist, lambda: bool(x), lambda: float(x)):
            with pytest.raises(RuntimeError, match="expected a tensor with data, got one on the meta device"):
                action()
        with pytest.raises(NotImplementedError, match="cannot copy out of meta tensor"):
            x.cpu()
        with pytest.raises(TypeError, match="can't convert meta device type tensor to numpy"):
            x.numpy()

    def test_mixture(self):
        with pytest.raises(RuntimeError, match="add: Expected all tensors to be on the same device, got cpu and meta"):
            facula.zeros(2) + facula.zeros(2, device="meta")

    def test_cpu_scalars_go_along(self):
        assert (facula.zeros(2, device="meta") * facula.tensor(2.0)).is_meta
        assert (facula.tensor(2.0) * facula.zeros(2, device="meta")).is_meta


@pytest.mark.parametrize("name", ["cpu", "meta"])
def test_public_suite(name):
    check_device(name)


@pytest.mark.skipif(has_cupy, reason="CuPy is installed here")
class TestNoCUDA:
    def test_can_be_spoken_of(self):
        d = facula.device("cuda", 1)
        assert (d.type, d.index, str(d)) == ("cuda", 1, "cuda:1")
        assert facula.zeros(1).device != d

    def test_is_not_available(self):
        assert not facula.cuda.is_available()
        assert facula.cuda.device_count() == 0

    @pytest.mark.parametrize(
        "action",
        [lambda: facula.zeros(2, device="cuda"), lambda: facula.zeros(2).cuda(), lambda: facula.zeros(2).to("cuda:0")],
    )
    def test_says_what_to_install(self, action):
        with pytest.raises(
            RuntimeError, match=r"cuda: expected CuPy to be installed, got .*pip install facula\[cuda12\]"
        ):
            action()


def test_unknown_arrays():
    class Strange:
        shape, dtype, ndim = (1,), np.dtype("float32"), 1

    with pytest.raises(TypeError, match="device: expected an array of a known device, got Strange"):
        base.kind_of(Strange())


def test_a_device_of_ones_own():
    class Slow(np.ndarray):
        """Arrays of the device below."""

    class SlowDevice(base.Device):
        name, array_type, xp = "slow", Slow, np

        def to_device(self, array, index):
            return array.copy().view(Slow)

        def to_host(self, array):
            return np.array(array)

    base.register(SlowDevice())
    try:
        x = facula.arange(3.0).to("slow")
        assert x.device == facula.device("slow")
        assert (x * x + 1).device.type == "slow"
        assert (x * x + 1).cpu().tolist() == [1.0, 2.0, 5.0]
        with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device, got cpu and slow"):
            x + facula.ones(3)
        x.requires_grad_()
        (x * x).sum().backward()
        assert x.grad.cpu().tolist() == [0.0, 2.0, 4.0]
        assert repr(x.detach()) == "tensor([0., 1., 2.], device='slow')"
    finally:
        base._LOADED.pop("slow")
        base._BY_TYPE.pop(Slow)
