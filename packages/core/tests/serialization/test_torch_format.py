"""The format of torch.save without torch: round trips, what is refused, damaged files, bounded memory."""

import contextlib
import fractions
import io
import os
import random
import struct
import tracemalloc
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest

import facula
from facula import serialization
from facula.tensors.tensor import wrap


def saved(value):
    stream = io.BytesIO()
    facula.save(value, stream)
    return stream.getvalue()


def loaded(data, **options):
    return facula.load(io.BytesIO(data), **options)


def archive(program, compression=zipfile.ZIP_STORED, **entries):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as file:
        file.writestr("a/data.pkl", program)
        for name, data in entries.items():
            file.writestr(f"a/data/{name}", data)
    return stream.getvalue()


VALUES = [
    None, True, 0, 255, 256, -1, 2**31, -(2**70), 1.5, 1e-300, "text", "ü\n\"'\ud800", b"", b"\x00\xff", bytearray(b"ab"), 1 + 2j,
    (), (1,), (1, 2), (1, 2, 3), (1, (2.0, [None]), "a", "b"), [], {}, {"a": 1, 2: "b", (1, "x"): [True], None: 0.5}, {1, 2},
    frozenset({3}), OrderedDict(b=1, a=2), Counter("aab"), facula.float16, facula.bool, facula.device("cpu"),
    facula.device("cuda", 1), facula.Size([2, 3]),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_plain_values_come_back_equal_and_of_the_same_type(value):
    back = loaded(saved(value))
    assert back == value
    assert type(back) is type(value)


DTYPES = "bool uint8 int8 int16 int32 int64 uint16 uint32 uint64 float16 bfloat16 float32 float64 complex64 complex128"


@pytest.mark.parametrize("name", DTYPES.split())
@pytest.mark.parametrize("shape", [(), (0, 2), (2, 3)])
def test_every_type_and_shape_comes_back(name, shape):
    tensor = facula.ones(shape).to(getattr(facula, name))
    back = loaded(saved(tensor))
    assert back.dtype is tensor.dtype
    assert back.shape == tensor.shape
    assert facula.equal(back, tensor)


def test_views_keep_their_strides_and_share_one_storage():
    w = facula.arange(12.0).reshape(3, 4)
    data = saved({"w": w, "t": w.t(), "row": w[1], "step": w[:, ::2], "wide": facula.ones(1).expand(1000, 1000)})
    assert len(data) < 4000
    back = loaded(data)
    assert back["t"].stride() == (1, 4)
    assert back["step"].tolist() == w[:, ::2].tolist()
    assert back["wide"].stride() == (0, 0)
    back["w"][1, 0] = 100.0
    assert back["t"][0, 1].item() == back["row"][0].item() == back["step"][1, 0].item() == 100.0


def test_arrays_that_run_backwards_or_have_gaps_are_copied():
    for array in (np.arange(6.0)[::-1], np.frombuffer(bytes(range(48)), np.float64)[::2], np.arange(6)[::2][1:]):
        assert loaded(saved(wrap(array))).tolist() == array.tolist()


def test_leaves_parameters_and_buffers_stay_what_they_are():
    weight = facula.nn.Parameter(facula.ones(2))
    leaf = facula.zeros(2, requires_grad=True)
    back = loaded(saved([weight, leaf, leaf * 2, facula.nn.Buffer(facula.ones(1), persistent=False), weight]))
    assert type(back[0]) is facula.nn.Parameter
    assert [x.requires_grad for x in back] == [True, True, False, False, True]
    assert type(back[3]) is facula.nn.Buffer
    assert back[3].persistent is False
    assert back[0] is back[4]


def test_values_that_contain_themselves_and_repeated_ones():
    loop = [1]
    loop.append(loop)
    back = loaded(saved(loop))
    assert back[1] is back
    shared = {"a": 1}
    back = loaded(saved([shared] * 300))
    assert back[0] is back[299]


def test_numbers_of_numpy_come_back():
    back = loaded(saved([np.float32(1.5), np.int64(3), np.arange(6, dtype=np.int16).reshape(2, 3).T, np.array(2.0)]))
    assert type(back[0]) is np.float32
    assert back[:2] == [1.5, 3]
    assert back[2].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert back[3].shape == ()


def test_places_of_storages(tmp_path):
    path = tmp_path / "w.pt"
    facula.save({"w": facula.arange(4.0), "t": facula.ones(3, dtype=facula.int16)}, path)
    assert facula.load(path, map_location="meta")["w"].is_meta
    assert facula.load(path, map_location={"cpu": "meta"})["w"].is_meta
    assert facula.load(path, map_location=lambda storage, location: storage.cpu())["w"].tolist() == [0, 1, 2, 3]
    assert facula.load(path, map_location=lambda storage, location: None)["t"].tolist() == [1, 1, 1]
    mapped = facula.load(path, mmap=True)["w"]
    mapped += 1
    assert mapped.tolist() == [1, 2, 3, 4]
    assert facula.load(path)["w"].tolist() == [0, 1, 2, 3]
    far = path.read_bytes().replace(b"\x03\x00\x00\x00cpu", b"\x03\x00\x00\x00mps")
    with pytest.raises(RuntimeError, match="checksum"):
        loaded(far)
    program = (
        b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x06\x00\x00\x00cuda:9K\x01tQ."
    )
    far = archive(program, **{"0": b"1234"})
    if not facula.cuda.is_available():
        with pytest.raises(
            RuntimeError, match="expected a device that is available here, got a storage on 'cuda:9'. Pass map"
        ):
            loaded(far)
    assert loaded(far, map_location="cpu").array.size == 1


def test_whole_modules_come_back_where_their_classes_are_allowed(tmp_path):
    path = tmp_path / "model.pt"
    model = facula.nn.Sequential(facula.nn.Linear(2, 3), facula.nn.ReLU())
    facula.save(model, path)
    with pytest.raises(
        RuntimeError, match=r"model\.pt: .*the global 'facula.nn.*Sequential', which could run any code. .*allow it"
    ):
        facula.load(path)
    with serialization.safe_globals([facula.nn.Sequential, facula.nn.Linear, facula.nn.ReLU]):
        back = facula.load(path)
    assert serialization.get_safe_globals() == []
    x = facula.ones(1, 2)
    assert facula.equal(back(x), model(x))
    assert [name for name, _ in back.named_parameters()] == ["0.weight", "0.bias"]


def test_globals_are_allowed_by_class_or_by_name():
    data = saved(fractions.Fraction(1, 3))
    with pytest.raises(RuntimeError, match="the global 'fractions.Fraction'"):
        loaded(data)
    serialization.add_safe_globals([fractions.Fraction])
    try:
        assert loaded(data) == fractions.Fraction(1, 3)
    finally:
        serialization.clear_safe_globals()
    with serialization.safe_globals([(len, "fractions.Fraction")]), pytest.raises(RuntimeError, match="TypeError"):
        loaded(data)
    with pytest.raises(TypeError, match="expected a class, a function or a pair"):
        serialization.add_safe_globals([3])


def test_what_has_no_name_cannot_be_saved():
    with pytest.raises(TypeError, match="expected values that have a name in a module, got <function"):
        saved(lambda: 1)
    with pytest.raises(ValueError, match="at most 255 bytes, got one of 501"):
        saved(2**4000)


CALL = b"\x80\x02c%s\n%s\n(X\x04\x00\x00\x00touctR."
BOMBS = {
    "a call": (b"cos\nsystem\nX\x02\x00\x00\x00id\x85R.", "the global 'os.system'"),
    "the same in protocol 4": (b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x02id\x85R.", "the global 'posix.system'"),
    "eval": (b"c__builtin__\neval\nX\x01\x00\x00\x001\x85R.", "the global 'builtins.eval'"),
    "an attribute of a known name": (b"ccollections\nOrderedDict.fromkeys\n.", "the global 'collections.OrderedDict.fromkeys'"),
    "an instance": (b"(ios\nsystem\n.", "got the byte b'i'"),
    "a class that is known but not made": (b"ctorch\nTensor\n)\x81.", "expected a class that may be made"),
    "a tensor called": (b"ctorch\nTensor\n)R.", "expected a function that may be called"),
    "much memory": (b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "expected bytes"),
    "long text": (b"X\xff\xff\xff\x7f.", "expected at most .* bytes, got a length of 2147483647"),
    "long bytes": (b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "got a length of"),
    "a long number": (b"\x8b\xff\xff\xff\x7f.", "expected a whole number of at most 1024 bytes"),
    "no value": (b".", "expected one value at the end of the program, got 0"),
    "two values": (b"NN.", "got 2"),
    "an empty program": (b"", "got the end of the file"),
    "no mark": (b"t.", "expected a mark on the stack"),
    "memory of nothing": (b"h\x07.", "expected a value that was remembered, got the number 7"),
    "a list as a key": (b"}]Ns.", "expected a number, text or small tuple as a key, got list"),
    "methods of a dict": (b"ccollections\nOrderedDict\n)R}X\x04\x00\x00\x00keysNsb.", "attributes of an OrderedDict"),
    "a late protocol": (b"\x80\x09N.", "expected a protocol of at most 5, got 9"),
    "a storage that is none": (b"NQ.", "expected the description of a storage"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_programs_that_want_more_than_values_are_refused(name):
    program, message = BOMBS[name]
    with pytest.raises(RuntimeError, match=message):
        loaded(archive(program))


def test_small_files_make_small_values():
    copies = b"]q\x00(" + b"K\x01" * 1000 + b"e" + b"c__builtin__\nset\nq\x01(" + b"h\x01h\x00\x85R" * 20000 + b"t."
    with pytest.raises(RuntimeError, match="expected a program whose values are no larger than its file"):
        loaded(archive(copies))
    tall = b")" + b"\x85q\x00h\x00\x86" * 30
    with pytest.raises(RuntimeError, match="expected a number, text or small tuple as a key"):
        loaded(archive(b"}" + tall + b"Ns."))
    packed = archive(b"X\x00\x00\x10\x00" + b"a" * 2**20 + b".", zipfile.ZIP_DEFLATED)
    assert len(packed) < 5000
    with pytest.raises(RuntimeError, match="expected entries that are stored as they are, got compressed ones"):
        loaded(packed)
    storage = (
        b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ\xff\xff\xff\x7ftQ."
    )
    with pytest.raises(RuntimeError, match="expected 8589934588 bytes for storage '0', got 4"):
        loaded(archive(storage, **{"0": b"1234"}))


@pytest.mark.parametrize(
    ("shape", "stride", "offset"),
    [((3,), (1,), 0), ((2,), (2,), 0), ((1,), (1,), 2), ((2**40, 2), (1, 1), 0), ((2,), (-1,), 1)],
)
def test_tensors_stay_within_their_storage(shape, stride, offset):
    def number(n):
        return b"\x8a\x08" + struct.pack("<q", n)

    program = b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000"
    program += b"X\x03\x00\x00\x00cpuK\x02tQ" + number(offset)
    for numbers in (shape, stride):
        program += b"(" + b"".join(map(number, numbers)) + b"t"
    with pytest.raises(RuntimeError, match="within the 2 elements of its storage|offset, shape and strides"):
        loaded(archive(program + b"\x89}tR.", **{"0": b"12345678"}))


def test_other_files_are_named(tmp_path):
    path = tmp_path / "notes.pt"
    path.write_bytes(b"PK\3\4 nothing")
    with pytest.raises(RuntimeError, match=r"load: .*notes\.pt: expected a file of torch.save, got BadZipFile"):
        facula.load(path)
    path.write_bytes(b"\x80\x02N.\x80\x02N.")
    with pytest.raises(RuntimeError, match=r"notes\.pt: expected the magic number and version 1001, got None and None"):
        facula.load(path)
    with pytest.raises(FileNotFoundError, match="expected the file"):
        facula.load(tmp_path / "none.pt")
    script = io.BytesIO(archive(b"N."))
    with zipfile.ZipFile(script, "a") as file:
        file.writestr("a/constants.pkl", b"N.")
    script.seek(0)
    with pytest.raises(RuntimeError, match="got a TorchScript archive, which holds code. Save the state_dict"):
        facula.load(script)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "weights.pt"
    facula.save({"w": facula.ones(1)}, path)
    with pytest.raises(TypeError, match="expected values that have a name"):
        facula.save({"w": lambda: 1}, path)
    assert os.listdir(tmp_path) == ["weights.pt"]
    assert facula.load(path)["w"].tolist() == [1.0]


def test_equal_values_give_equal_files():
    assert saved({"w": facula.ones(3)}) == saved({"w": facula.ones(3)})


def mutations(data, count, seed):
    draw = random.Random(seed)
    for _ in range(count):
        bad = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(bad))
            bad[place] = draw.choice([draw.randrange(256), draw.choice(b"(RbQ\x81\x93c0et\x85\x86h")])
        yield bytes(bad[: draw.choice([len(bad)] * 4 + [draw.randrange(len(bad))])])


def test_damaged_files_raise_one_error_run_nothing_and_take_little_memory(monkeypatch):
    """Programs, since a checksum guards whole archives; and archives, whose directories nothing guards."""
    for name in ("os.system", "builtins.eval", "builtins.exec", "builtins.__import__"):
        module, attribute = name.rsplit(".", 1)
        if module == "os":
            monkeypatch.setattr(os, attribute, lambda *args: pytest.fail("code was run"))
    value = {
        "w": facula.ones(3),
        "s": facula.Size([1]),
        "o": OrderedDict(a=[1, (2, 3)]),
        "d": facula.float32,
        "b": b"x",
    }
    whole = saved(value)
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        program = file.read("archive/data.pkl")
    failed = 0
    tracemalloc.start()
    try:
        for bad in mutations(program, 2500, 0):
            try:
                loaded(archive(bad, **{"0": bytes(12)}))
            except RuntimeError as error:
                assert str(error).startswith("load: <stream>: expected")  # noqa: PT017
                failed += 1
        for bad in mutations(whole, 1000, 1):
            with contextlib.suppress(RuntimeError):
                loaded(bad if bad[:4] == b"PK\3\4" else b"PK\3\4" + bad)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    assert failed > 1000


def test_storages_with_their_high_bytes_first_are_turned():
    def storage(kind, key, count):
        head = (
            b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\n"
            + kind
            + b"Storage\nX\x01\x00\x00\x00"
        )
        return (
            head
            + key
            + b"X\x03\x00\x00\x00cpuK"
            + bytes([count])
            + b"tQK\x00K"
            + bytes([count])
            + b"\x85K\x01\x85\x89}tR"
        )

    kinds = [(b"Float", ">f4"), (b"Short", ">i2"), (b"ComplexFloat", ">c8")]
    program = b"(" + b"".join(storage(kind, b"%d" % i, 2) for i, (kind, _) in enumerate(kinds)) + b"t."
    data = {str(i): np.array([1, 258]).astype(code).tobytes() for i, (_, code) in enumerate(kinds)}
    stream = io.BytesIO(archive(program, **data))
    with zipfile.ZipFile(stream, "a") as file:
        file.writestr("a/byteorder", b"big")
    assert [t.tolist() for t in loaded(stream.getvalue())] == [[1, 258]] * 3
    with zipfile.ZipFile(stream := io.BytesIO(archive(b"N.")), "a") as file:
        file.writestr("a/byteorder", b"middle")
    with pytest.raises(RuntimeError, match="expected little or big as byteorder, got b'middle'"):
        loaded(stream.getvalue())


def test_values_that_would_take_forever_to_print_are_refused_quickly():
    tall = b")" + b"\x85q\x00h\x00\x86" * 60
    for program in (
        tall + b"Q.",
        b"ctorch\ndevice\n" + tall + b"\x85R.",
        b"ctorch\nSize\n" + tall + b"\x85R.",
        b"N" + tall + b"b.",
    ):
        with pytest.raises(RuntimeError, match="load: <stream>: expected"):
            loaded(archive(program))


@pytest.mark.parametrize("first", [0, 200])
def test_arrays_that_python_2_wrote(tmp_path, first):
    """Its `str` held text and bytes alike; the pixels of CIFAR come so."""
    pixels = bytes(range(first, first + 6))
    dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
        b"(K\x01K\x02K\x03\x86" + dtype + b"\x89T\x06\x00\x00\x00" + pixels + b"tb"
    )
    with zipfile.ZipFile(tmp_path / "x.pt", "w") as archive:
        archive.writestr("x/data.pkl", b"\x80\x02}(U\x04dataq\x01" + array + b"u.")
        archive.writestr("x/version", "3\n")
        archive.writestr("x/byteorder", "little")
    assert facula.load(tmp_path / "x.pt")["data"].tolist() == [list(pixels[:3]), list(pixels[3:])]
