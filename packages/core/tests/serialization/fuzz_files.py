"""Feeds damaged and malicious files to the readers: nothing may run, crash, last long or take much memory.

Run as a program with a count and a seed; the last line sums up. Exit status 1, with the file kept, where a rule is broken.
"""

import faulthandler
import io
import json
import os
import pickle
import random
import resource
import struct
import sys
import tempfile
import time
import zipfile
from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np

import facula
from facula import serialization
from facula.serialization import torch_write

MEMORY = 512 * 2**20  # bytes that reading one file may add to the process
SECONDS = 3.0  # of the processor
FORBIDDEN = (
    "exec compile import marshal. pickle. os.system os.exec os.fork os.posix_spawn os.spawn os.startfile subprocess. socket. ctypes. "
    "shutil. os.remove os.rename os.mkdir os.rmdir os.link os.symlink os.chmod os.chown os.kill os.putenv os.truncate webbrowser. "
    "urllib. code.__new__ function.__new__ builtins.input ftplib. smtplib. winreg. syslog. tempfile."
).split()


class Canary:
    """Remembers what the interpreter was asked to do while it is armed."""

    def __init__(self):
        self.armed, self.seen = False, []
        sys.addaudithook(self.hear)

    def hear(self, event, args):
        if not self.armed:
            return
        if event == "open":
            mode, flags = args[1] or "", args[2] or 0
            if any(c in "wax+" for c in mode) or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
                self.seen.append(("open", *map(str, args)))
        elif event.startswith(tuple(FORBIDDEN)):
            self.seen.append((event, str(args)[:200]))


def archive(program, storages=(), kind=zipfile.ZIP_STORED):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", kind) as file:
        file.writestr("a/data.pkl", bytes(program))
        file.writestr("a/byteorder", b"little")
        for number, data in enumerate(storages):
            file.writestr(f"a/data/{number}", data)
    return stream.getvalue()


def parts(value):
    """The program of a value and the bytes of its storages."""
    writer = torch_write.Writer()
    writer.write(value)
    return bytes(writer.program + b"."), [np.ascontiguousarray(a).tobytes() for a in writer.storages], writer.storages


def legacy(value):
    """The layout of torch.save before PyTorch 1.6."""
    program, storages, arrays = parts(value)
    facts = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = [pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, facts)]
    keys = pickle.dumps([str(i) for i in range(len(storages))], 2)
    counted = [struct.pack("<q", a.size) + data for a, data in zip(arrays, storages, strict=True)]
    return b"".join([*head, program, keys, *counted])


def safetensors(value):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.safetensors")
        facula.save(value, path)
        return Path(path).read_bytes()


def values():
    w = facula.arange(12.0).reshape(3, 4)
    tensors = OrderedDict(w=w, t=w.t(), h=facula.ones(2).bfloat16(), b=facula.ones(3) > 0, n=facula.arange(3))
    plain = {"a": (1, -(2**40), 2.5, None, True), 2: {3, 4}, (1, "k"): b"\0\xff", "c": Counter("aab"), "z": 1 + 2j}
    other = [facula.Size([2]), facula.float16, facula.device("cpu"), np.float32(1), np.arange(3), frozenset({"x"})]
    sparse = facula.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3))
    model = [
        facula.nn.Parameter(facula.ones(2)),
        facula.nn.Buffer(facula.ones(1)),
        sparse,
        facula.empty(2, device="meta"),
    ]
    return tensors, {"model": tensors, "plain": plain, "other": other}, {"epoch": 3, "kinds": model}


def index_text(names):
    return json.dumps({"metadata": {"total_size": 32}, "weight_map": names}).encode()


class Corpus:
    """Sound files, and ways to spoil them."""

    def __init__(self, draw):
        self.draw = draw
        flat, nested, kinds = values()
        self.programs = [parts(v)[:2] for v in (flat, nested, kinds)]
        self.programs += [
            (pickle.dumps(v, p), []) for p in range(6) for v in ({"a": [1, (2.5, "x"), {3}], 4: None}, 2**70)
        ]
        self.archives = [archive(*p) for p in self.programs]
        self.older = [legacy(v) for v in (flat, nested, kinds)]
        self.safe = [safetensors(v) for v in (flat, nested)]
        self.shards = [safetensors({"a": facula.ones(4)}), safetensors({"b": facula.zeros(4)})]
        self.index = index_text({"a": "1.safetensors", "b": "2.safetensors"})
        self.everything = [*self.archives, *self.older, *self.safe, self.index, *(p for p, _ in self.programs)]
        self.ways = [
            self.bytes_of(self.archives), self.bytes_of(self.older), self.bytes_of(self.safe), self.a_program, self.a_program,
            self.an_older_program, self.a_header, self.a_header, self.a_description, self.a_program_bomb, self.a_zip_bomb, self.a_header_bomb,
        ]  # fmt: skip

    def spoil(self, data):
        """A few small damages."""
        draw, bad = self.draw, bytearray(data)
        for _ in range(draw.randint(1, 5)):
            place = draw.randrange(len(bad) + 1)
            way = draw.randrange(8)
            if way == 0:
                bad[place : place + 1] = bytes([draw.randrange(256)])
            elif way == 1:
                bad[place : place + 1] = draw.choice(
                    [b"(", b"R", b"b", b"Q", b"\x81", b"\x93", b"c", b"0", b"2", b"u", b"e", b"\x94"]
                )
            elif way == 2:
                size = draw.choice([1, 2, 4, 8])
                number = draw.choice(
                    [0, 1, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1, len(bad), len(bad) - 1, draw.getrandbits(63)]
                )
                bad[place : place + size] = (number % 256**size).to_bytes(size, "little")
            elif way == 3:
                other = draw.choice(self.everything)
                start = draw.randrange(len(other))
                bad[place : place + draw.randrange(40)] = other[start : start + draw.randrange(80)]
            elif way == 4:
                bad[place : place + draw.randrange(20)] = b""
            elif way == 5:
                bad[place:place] = bad[place : place + draw.randrange(60)] * draw.randint(1, 4)
            elif way == 6:
                found = [i for i, c in enumerate(bad) if 48 <= c < 58] or [0]
                spot = draw.choice(found)
                bad[spot : spot + 1] = draw.choice(
                    [b"-1", b"1e999", b"9" * draw.randint(2, 30), b"0", b"NaN", b"true", b'""', b"9" * 5000]
                )
            else:
                bad[place:] = b"" if draw.random() < 0.3 else bad[place:]
            if not bad:
                bad = bytearray(b"\x80")
        return bytes(bad)

    def bytes_of(self, files):
        return lambda: self.spoil(self.draw.choice(files))

    def a_program(self):
        program, storages = self.draw.choice(self.programs)
        return archive(self.spoil(program), storages)

    def an_older_program(self):
        data = self.draw.choice(self.older)
        cut = self.draw.randrange(len(data))
        return data[:cut] + self.spoil(data[cut:])

    def a_header(self):
        data = self.draw.choice(self.safe)
        length = int.from_bytes(data[:8], "little")
        header = self.spoil(data[8 : 8 + length])
        return len(header).to_bytes(8, "little") + header + data[8 + length :]

    def a_description(self):
        """The JSON inside the header, spoiled, in a header that is sound."""
        value = {
            "__metadata__": {
                "facula": self.spoil(b'{"version":1,"value":{"dict":[["a",{"list":[1,{"tuple":[]}]}]]}}').decode(
                    "latin1"
                )
            }
        }
        header = json.dumps(value).encode()
        return len(header).to_bytes(8, "little") + header

    def a_program_bomb(self):
        draw, n = self.draw, self.draw.choice([10, 1000, 50_000])
        flood = [
            b"]" * n, b"}" * n, b"\x8f" * n, b"(" * n, b"N" + b"2" * n, b"N" + b"\x94" * n, b"N" + b"q\x01" * n,
            b"N" + b"".join(b"r" + struct.pack("<I", draw.getrandbits(32)) for _ in range(min(n, 5000))),
            b")" + b"\x85" * n, b"]" + b"\x85" * n + b"Q", b"]q\x00" + b"h\x00a" * n, b"(" * n + b"t" * n, b"(" * n + b"l" * n,
            b")" + b"\x85q\x00h\x00\x86" * min(n, 1000) + b"R", b")" + b"\x85q\x00h\x00\x86" * min(n, 1000) + b"\x85\x91",
            b"\x8b" + struct.pack("<i", n) + b"\xff" * n, b"I" + b"9" * n + b"\n", b"L" + b"9" * min(n, 4000) + b"L\n", b"F" + b"9" * n + b"\n",
            b"X" + struct.pack("<I", 2**32 - 1), b"\x8d" + b"\xff" * 8, b"\x8e" + b"\xff" * 7 + b"\x7f", b"\x96" + struct.pack("<Q", 2**40),
            b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R", b"c__builtin__\nset\n(" + b"K\x01" * n + b"l\x85R",
            b"}(" + b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") + b"N" for k in range(min(n, 20_000))) + b"u",
            b"c__builtin__\nset\n(" + b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") for k in range(min(n, 20_000))) + b"l\x85R",
            b"cnumpy\ndtype\nX\x04\x00\x00\x00O100\x85R", b"cposix\nsystem\nX\x02\x00\x00\x00id\x85R", b"c__builtin__\neval\nX\x01\x00\x00\x001\x85R",
            b"ctorch\nSize\n(" + b"\x8a\x09" + b"\xff" * 8 + b"\x00" + b"t\x85R", b"ccollections\nCounter\n}\x85R" * min(n, 5000),
            b"ctorch._utils\n_rebuild_meta_tensor_no_storage\n(ctorch\nfloat32\n(" + b"\x8a\x07" + b"\xff" * 6 + b"\x00t(K\x01t\x89tR",
            b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x01tQK\x00("
            + b"J\xff\xff\xff\x7f" * 3 + b"t(" + b"K\x00" * 3 + b"t\x89}tR",
        ]  # fmt: skip
        program = b"\x80\x02" + draw.choice(flood) + draw.choice([b"", b".", b"0.", b"t.", b"b.", b"Q."])
        return archive(program, [b"1234"]) if draw.random() < 0.8 else legacy(1)[:-20] + program

    def a_zip_bomb(self):
        draw, stream = self.draw, io.BytesIO()
        kind = draw.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_STORED])
        with zipfile.ZipFile(stream, "w", kind) as file:
            file.writestr("a/data.pkl", b"\x80\x02N.")
            if draw.random() < 0.5:
                file.writestr("a/data/0", bytes(draw.choice([100, 10**6])))
            else:
                inner = archive(b"\x80\x02N.", [bytes(10**5)], zipfile.ZIP_DEFLATED)
                file.writestr("a/data/0", inner)
            for number in range(draw.choice([0, 0, 300])):
                file.writestr(f"a/data/{number + 1}", b"")
        data = bytearray(stream.getvalue())
        for _ in range(draw.randint(0, 3)):  # sizes in the directories that the file cannot hold
            mark = draw.choice([b"PK\1\2", b"PK\3\4", b"PK\5\6"])
            place = data.find(mark) + draw.randrange(8, 46)
            data[place : place + 4] = struct.pack("<I", draw.choice([0, 2**31, 2**32 - 1, draw.getrandbits(32)]))
        return bytes(data)

    def a_header_bomb(self):
        draw, n = self.draw, self.draw.choice([10, 1000, 100_000])
        entry = '{"w":{"dtype":"F32","shape":%s,"data_offsets":%s}}'
        text = draw.choice([
            "[" * n, '{"a":' * n, "[" * n + "]" * n, '{"w":' + "9" * n + "}", '{"w":[' + "0," * n + "0]}", '{"__metadata__":{"facula":"' + "[" * n + '"}}',
            entry % ([2**62], [0, 2**62]), entry % ([-1], [0, 4]), entry % ([2**32, 2**32], [0, 0]), entry % ([1] * 65, [0, 4]), entry % ([1], [4, 0]),
            entry % ("[1e3]", [0, 4000]), entry % ([0] * 64, [0, 0]), entry % ([2], "[0,8],\"x\":0"), entry % ("[" + "9" * 5000 + "]", [0, 8]),
            '{"__metadata__":{"facula":"{\\"version\\":1,\\"value\\":%s}"}}' % (('{\\"list\\":[' * n) + "]}" * n),
            '{"__metadata__":{"facula":"{\\"version\\":1,\\"value\\":{\\"int\\":%s}}"}}' % ("9" * n),
            '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}',
        ]).encode()  # fmt: skip
        length = draw.choice([len(text)] * 4 + [2**63, 2**64 - 1, 10**8, len(text) + 1, 0])
        return length.to_bytes(8, "little") + text + bytes(draw.choice([0, 4, 8, 4000]))


def read(data, folder, corpus):
    """One file through one of the ways in, with everything about it written before the canary is armed."""
    draw = corpus.draw
    way = draw.randrange(8)
    if way == 0:
        Path(folder, "1.safetensors").write_bytes(corpus.shards[0])
        Path(folder, "2.safetensors").write_bytes(data if draw.random() < 0.5 else corpus.shards[1])
        path = os.path.join(folder, "model.safetensors.index.json")
        Path(path).write_bytes(corpus.index if draw.random() < 0.3 else corpus.spoil(corpus.index))
        return lambda: facula.load(path)
    if way == 1:
        path = os.path.join(folder, "x.bin")
        Path(path).write_bytes(data)
        return lambda: dict(serialization.open_checkpoint(path))
    if way == 2:
        path = os.path.join(folder, "x.pt")
        Path(path).write_bytes(data)
        return lambda: facula.load(path, mmap=True)
    if way == 3:
        return lambda: serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    place = draw.choice([None, "cpu", "meta", {"cpu": "meta"}, lambda storage, location: storage])
    return lambda: facula.load(io.BytesIO(data), place)


def touch(value):
    """The first and last element of each tensor, which must lie in memory of its own."""
    left, seen = [value], set()
    while left and len(seen) < 1000:
        value = left.pop()
        if isinstance(value, facula.Tensor):
            if value.layout is facula.strided and value.numel() and not value.is_meta:
                with np.errstate(all="ignore"):  # the numbers of a damaged file may be anything
                    float(value.array.flat[0]), float(abs(value.array[(-1,) * value.ndim]))
        elif isinstance(value, (dict, list, tuple)) and id(value) not in seen:
            seen.add(id(value))
            left.extend(list(value.values() if isinstance(value, dict) else value)[:100])


def broken_rule(error):
    """What is wrong with an error, or nothing."""
    text = str(error)
    fine = (
        isinstance(error, (serialization.LoadError, FileNotFoundError))
        and text.startswith("load: ")
        and len(text) < 2000
    )
    return "" if fine and "MemoryError" not in text else f"{type(error).__name__}: {text[:500]}"


def main(count, seed):
    draw, canary = random.Random(seed), Canary()
    corpus = Corpus(draw)
    counts, slowest = Counter(), 0.0
    folder = tempfile.mkdtemp()
    for data in corpus.everything[:20]:  # whatever is imported on first use is imported now
        for way in (lambda d: facula.load(io.BytesIO(d)), lambda d: facula.load(io.BytesIO(d), {"cpu": "elsewhere"})):
            try:
                way(data)
            except RuntimeError:
                counts["warm"] += 1
    touch(list(values()))
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for number in range(count):
        data = draw.choice(corpus.ways)()
        act, problem = read(data, folder, corpus), ""
        faulthandler.dump_traceback_later(30 * SECONDS, exit=True)  # what hangs in C cannot be interrupted
        start, canary.armed = time.process_time(), True
        try:
            touch(act())
            counts["read"] += 1
        except BaseException as error:
            canary.armed = False
            problem = broken_rule(error)
            counts["refused"] += 1
        canary.armed = False
        took = time.process_time() - start
        slowest = max(slowest, took)
        if canary.seen or problem or took > SECONDS:
            kept = os.path.join(folder, "broken")
            Path(kept).write_bytes(data)
            print(f"file {number} of seed {seed}, kept as {kept}: {problem} {canary.seen[:3]} {took:.1f} s")
            return 1
    faulthandler.cancel_dump_traceback_later()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{count} files: {counts['refused']} refused, {counts['read']} read, nothing run; slowest {slowest * 1e3:.0f} ms, memory grew by {grown:.0f} MB"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2])))
