"""Whole modules, sparse tensors and shards go between facula and torch."""

import io
import mmap
from collections import OrderedDict, namedtuple

import numpy as np
import pytest

import facula
from facula import serialization
from facula.serialization import unpickle

torch = pytest.importorskip("torch")

Pair = namedtuple("Pair", "a b")


@pytest.fixture(autouse=True)
def warned(monkeypatch):
    monkeypatch.setattr(unpickle, "_warned", True)


def saved(value, **options):
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    stream.seek(0)
    return stream


def modules():
    nn = torch.nn
    return {
        "linear": (nn.Linear(3, 2), (4, 3)),
        "conv": (
            nn.Sequential(
                nn.Conv2d(3, 4, 3, padding=1, padding_mode="circular"), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()
            ),
            (2, 3, 5, 5),
        ),
        "transposed": (
            nn.Sequential(nn.ConvTranspose1d(3, 4, 3), nn.GroupNorm(2, 4), nn.MaxPool1d(2), nn.GELU("tanh")),
            (2, 3, 5),
        ),
        "recurrent": (nn.LSTM(3, 4, 2, bidirectional=True), (5, 2, 3)),
        "transformer": (nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 2), (2, 3, 4)),
        "upsample": (
            nn.Sequential(nn.Upsample(scale_factor=2), nn.AdaptiveAvgPool2d(2), nn.PixelShuffle(2)),
            (1, 4, 3, 3),
        ),
    }


@pytest.mark.parametrize("name", modules())
@pytest.mark.parametrize("zipped", [True, False])
def test_whole_modules_of_torch_become_ours(name, zipped):
    theirs, shape = modules()[name]
    theirs.eval()
    ours = facula.load(saved(theirs, _use_new_zipfile_serialization=zipped), weights_only=False)
    assert type(ours).__module__.startswith("facula.nn")
    assert repr(ours) == repr(theirs)
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    with torch.no_grad(), facula.no_grad():
        expected, found = theirs(torch.from_numpy(x)), ours(facula.from_numpy(x))
    expected, found = (v[0] if isinstance(v, tuple) else v for v in (expected, found))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=1e-5)
    assert [k for k, _ in ours.named_parameters()] == [k for k, _ in theirs.named_parameters()]
    ours.load_state_dict(facula.load(saved(theirs.state_dict())))


def test_a_whole_module_of_torch_loads_without_unpickling_where_its_classes_are_allowed():
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.ReLU())
    assert serialization.get_unsafe_globals_in_checkpoint(saved(theirs)) == [
        "torch.nn.modules.container.Sequential",
        "torch.nn.modules.linear.Linear",
        "torch.nn.modules.activation.ReLU",
    ]
    with serialization.safe_globals([facula.nn.Sequential, facula.nn.Linear, facula.nn.ReLU]):
        ours = facula.load(saved(theirs))
    np.testing.assert_allclose(
        ours(facula.ones(1, 2)).detach().numpy(), theirs(torch.ones(1, 2)).detach().numpy(), atol=1e-6
    )


def test_hooks_of_torch_modules_are_refused():
    theirs = torch.nn.Linear(2, 2)
    theirs.register_forward_hook(print)
    with pytest.raises(RuntimeError, match="expected no hooks in a module that torch saved, got forward_hooks"):
        facula.load(saved(theirs), weights_only=False)


def test_optimizers_and_schedulers_continue(tmp_path):
    net = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(net.parameters(), 0.1)
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 2)
    torch.save(
        {"net": net.state_dict(), "opt": optimizer.state_dict(), "plan": scheduler.state_dict()}, tmp_path / "c.pt"
    )
    state = facula.load(tmp_path / "c.pt")
    ours = facula.nn.Linear(2, 2)
    ours.load_state_dict(state["net"])
    again = facula.optim.AdamW(ours.parameters(), 0.1)
    again.load_state_dict(state["opt"])
    for loss, steps in ((net(torch.ones(1, 2)).sum(), optimizer), (ours(facula.ones(1, 2)).sum(), again)):
        steps.zero_grad()
        loss.backward()
        steps.step()
    np.testing.assert_allclose(ours.weight.detach().numpy(), net.weight.detach().numpy(), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:Sparse")  # torch's, about its own tensors
@pytest.mark.parametrize("kind", ["coo", "coo unsorted", "csr", "csc"])
def test_sparse_tensors_go_both_ways(kind):
    dense = torch.tensor([[0.0, 3.0], [4.0, 0.0]])
    makers = {"coo": torch.Tensor.to_sparse, "csr": torch.Tensor.to_sparse_csr, "csc": torch.Tensor.to_sparse_csc}
    theirs = torch.sparse_coo_tensor([[1, 0, 1]] * 2, [1.0, 2, 3], (2, 2)) if " " in kind else makers[kind](dense)
    ours = facula.load(saved({"s": theirs}))["s"]
    assert str(ours.layout) == str(theirs.layout).replace("torch", "facula")
    assert ours.to_dense().tolist() == theirs.to_dense().tolist()
    stream = io.BytesIO()
    facula.save({"s": ours}, stream)
    stream.seek(0)
    back = torch.load(stream, weights_only=True)["s"]
    assert back.layout == theirs.layout
    assert back.to_dense().tolist() == theirs.to_dense().tolist()


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor")
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_what_facula_has_no_tensors_for_is_named():
    strange = {
        "a quantized tensor": torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8),
        "8-bit floating": torch.ones(2).to(torch.float8_e4m3fn),
        "complex32": torch.ones(2, dtype=torch.complex32),
    }
    for name, value in strange.items():
        with pytest.raises(RuntimeError, match=f"of the kinds that facula has, got {name}.*Convert them before saving"):
            facula.load(saved([value]))


def test_parameters_keep_their_attributes():
    weight = torch.nn.Parameter(torch.ones(2))
    weight.tag = "kept"
    ours = facula.load(saved(weight))
    assert ours.tag == "kept"
    stream = io.BytesIO()
    facula.save(ours, stream)
    stream.seek(0)
    assert torch.load(stream, weights_only=True).tag == "kept"


def test_named_tuples_need_their_class():
    value = OrderedDict(p=Pair(1, torch.ones(1)), numbers=[np.float64(2.5), np.int32(7)])
    with pytest.raises(RuntimeError, match="the global '.*Pair'"):
        facula.load(saved(value))
    with serialization.safe_globals([Pair]):
        back = facula.load(saved(value))
    assert back["p"].a == 1
    assert type(back["numbers"][1]) is np.int32


def test_files_without_right_checksums_are_read_when_asked(tmp_path):
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"w": torch.arange(3.0)}, tmp_path / "w.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    serialization.set_crc32_options(False)
    try:
        assert facula.load(tmp_path / "w.pt")["w"].tolist() == [0.0, 1.0, 2.0]
    finally:
        serialization.set_crc32_options(True)


def test_our_shards_are_what_torch_and_safetensors_read(tmp_path):
    safetensors_torch = pytest.importorskip("safetensors.torch")
    model = facula.nn.Linear(4, 4)
    serialization.save_sharded(model.state_dict(), tmp_path, "64B")
    parts = [safetensors_torch.load_file(str(path)) for path in sorted(tmp_path.glob("*.safetensors"))]
    assert parts[0]["weight"].tolist() == model.weight.tolist()
    serialization.save_sharded(model.state_dict(), tmp_path / "bin", "64B", safe_serialization=False)
    torch.nn.Linear(4, 4).load_state_dict(
        {k: v for p in (tmp_path / "bin").glob("*.bin") for k, v in torch.load(p, mmap=True).items()}
    )


def test_the_public_names_of_torch_serialization_are_here():
    reasons = {
        "SourceChangeWarning": "source text is never compared",
        "mkdtemp": "tempfile's, shown by accident",
        "check_module_version_greater_or_equal": "for versions of pickle modules",
        "validate_cuda_device": "devices say themselves whether they are there",
        "validate_hpu_device": "another vendor's",
        "normalize_storage_type": "storages have no classes of their own here",
        "storage_to_tensor_type": "storages have no classes of their own here",
        "StorageType": "storages have no classes of their own here",
    }
    assert {n for n in torch.serialization.__all__ if not hasattr(serialization, n)} == reasons.keys()
    assert (
        serialization.get_default_mmap_options() == torch.serialization.get_default_mmap_options() == mmap.MAP_PRIVATE
    )
