"""`weights_only=False`, the only door to unpickling, and what is refused or allowed without it."""

import collections
import io
import pickle
import zipfile

import pytest

import facula
from facula import serialization
from facula.serialization import unpickle

Point = collections.namedtuple("Point", "x y")


class Trace:
    """A class of the user's, with attributes, slots and a container."""

    def __init__(self, size):
        self.size, self.log = size, collections.deque([1, 2])

    def __eq__(self, other):
        return (self.size, self.log) == (other.size, other.log)

    __hash__ = None


def saved(value):
    stream = io.BytesIO()
    facula.save(value, stream)
    stream.seek(0)
    return stream


def malicious():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a/data.pkl", b"cbuiltins\neval\nX\x03\x00\x00\x001+1\x85R.")
    stream.seek(0)
    return stream


@pytest.fixture
def warned(monkeypatch):
    monkeypatch.setattr(unpickle, "_warned", True)


def test_it_must_be_asked_for_by_name_and_warns_once(monkeypatch):
    monkeypatch.setattr(unpickle, "_warned", False)
    for options in ({}, {"weights_only": None}, {"weights_only": True}):
        with pytest.raises(RuntimeError, match="the global 'builtins.eval', which could run any code"):
            facula.load(malicious(), **options)
    with pytest.warns(UserWarning, match=r"runs code that the file holds.*add_safe_globals") as record:
        assert facula.load(malicious(), weights_only=False) == 2
    assert record[0].filename == __file__
    assert facula.load(malicious(), weights_only=False) == 2  # a second warning would be an error here


def test_the_error_is_the_one_that_torch_raises_too():
    with pytest.raises(pickle.UnpicklingError, match="could run any code"):
        facula.load(malicious())


def test_a_module_for_unpickling_means_that_unpickling_is_wanted(warned):
    assert facula.load(malicious(), pickle_module=pickle) == 2
    with pytest.raises(RuntimeError, match="expected no pickle_module where nothing is unpickled"):
        facula.load(malicious(), pickle_module=pickle, weights_only=True)
    with pytest.warns(UserWarning, match="expected encoding only with weights_only=False"):
        facula.load(saved(1), encoding="latin1")
    assert facula.load(saved("x"), weights_only=False, encoding="latin1") == "x"


def test_safetensors_hold_nothing_to_run(tmp_path, monkeypatch):
    monkeypatch.setattr(unpickle, "_warned", False)
    facula.save({"w": facula.ones(2)}, tmp_path / "w.safetensors")
    assert facula.load(tmp_path / "w.safetensors", weights_only=False)["w"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("value", [Trace(3), Point(1, 2.0), [Point(1, Trace(2))], collections.defaultdict(list, a=[1])])
def test_objects_of_users_come_back_where_their_classes_are_allowed(value, warned):
    names = serialization.get_unsafe_globals_in_checkpoint(saved(value))
    assert names
    assert facula.load(saved(value), weights_only=False) == value
    with pytest.raises(RuntimeError, match=f"the global {names[0]!r}"):
        facula.load(saved(value))
    with serialization.safe_globals([Trace, Point, collections.deque, collections.defaultdict, list]):
        assert serialization.get_unsafe_globals_in_checkpoint(saved(value)) == []
        back = facula.load(saved(value))
    assert back == value
    assert type(back) is type(value)


def test_storages_are_found_and_moved_while_unpickling(tmp_path, warned):
    path = tmp_path / "model.pt"
    model = facula.nn.Sequential(facula.nn.Linear(2, 3), facula.nn.BatchNorm1d(3))
    facula.save({"model": model, "w": facula.arange(3.0)}, path)
    for options in ({}, {"mmap": True}, {"map_location": "cpu"}, {"map_location": lambda storage, place: storage}):
        back = facula.load(path, weights_only=False, **options)
        assert facula.equal(back["model"][0].weight, model[0].weight)
        assert back["w"].tolist() == [0.0, 1.0, 2.0]
    assert facula.load(path, map_location="meta", weights_only=False)["model"][0].weight.is_meta


def test_damaged_storages_are_named_while_unpickling(warned):
    data = saved({"w": facula.ones(3)}).getvalue()
    bad = data.replace(facula.ones(3).numpy().tobytes(), bytes(12))
    with pytest.raises(RuntimeError, match="load: <stream>: expected the checksum of 'archive/data/0', got another"):
        facula.load(io.BytesIO(bad), weights_only=False)
    with pytest.raises(RuntimeError, match="expected names of torch that facula has too, got 'torch.nowhere.Nothing'"):
        facula.load(program(b"ctorch.nowhere\nNothing\n."), weights_only=False)


def program(text):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a/data.pkl", text)
    stream.seek(0)
    return stream


def test_names_of_torch_stand_for_what_is_allowed_of_ours():
    text = b"ctorch.nn.modules.activation\nReLU\n."
    with pytest.raises(RuntimeError, match="the global 'torch.nn.modules.activation.ReLU'"):
        facula.load(program(text))
    with serialization.safe_globals([facula.nn.ReLU]):
        assert facula.load(program(text)) is facula.nn.ReLU
    with pytest.raises(
        RuntimeError, match=r"expected tensors of the kinds that facula has, got a quantized tensor \(torch\._utils"
    ):
        facula.load(program(b"ctorch._utils\n_rebuild_qtensor\n."))


def test_arguments_of_save_that_would_pickle_are_refused():
    for options in ({"pickle_module": pickle}, {"_use_new_zipfile_serialization": False}):
        with pytest.raises(ValueError, match="expected no pickle_module and the zip format"):
            facula.save(1, io.BytesIO(), **options)
    facula.save(1, io.BytesIO(), pickle_protocol=4)
