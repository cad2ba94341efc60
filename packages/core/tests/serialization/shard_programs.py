"""Programs of the tests of checkpoints: one measures its peak of memory, one saves until it is killed."""

import itertools
import os
import sys
from pathlib import Path

import facula
from facula.serialization import open_checkpoint, save_sharded

COUNT, SIDE = 40, 600  # 40 matrices of 1.4 MB


def status(field):
    """Bytes of memory from the kernel's account."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def net(device):
    with facula.device(device):
        return facula.nn.ModuleList([facula.nn.Linear(SIDE, SIDE, bias=False) for _ in range(COUNT)])


def peak(way, folder):
    """The peak of memory over the size of the checkpoint."""
    child = os.fork()
    if not child:
        save_sharded(net("cpu").state_dict(), folder, "15MB", safe_serialization=way != "bin")
        os._exit(0)
    os.waitpid(child, 0)
    index = next(str(path) for path in Path(folder).iterdir() if path.name.endswith(".index.json"))
    net("cpu")[0].load_state_dict({"weight": facula.ones(SIDE, SIDE)})  # whatever is loaded on first use is loaded now
    Path("/proc/self/clear_refs").write_text("5")
    before, kept = status("VmRSS"), []
    if way in ("load", "mmap"):
        kept.append(facula.load(index, mmap=way == "mmap"))
    else:
        model = net("meta" if way == "assign" else "cpu")
        model.load_state_dict(open_checkpoint(index), assign=way == "assign")
        kept.append(model)
    print((status("VmHWM") - before) / (COUNT * SIDE * SIDE * 4))


def save(kind, folder):
    """Save checkpoints for ever, each of one number only."""
    for number in itertools.count():
        tensors = {f"w{i}": facula.full((200_000,), float(number)) for i in range(8)}
        if kind == "shards":
            save_sharded(tensors, folder, "2MB")
        else:
            facula.save(tensors, os.path.join(folder, f"checkpoint.{kind}"))
        if not number:
            print("there", flush=True)


if __name__ == "__main__":
    {"peak": peak, "save": save}[sys.argv[1]](*sys.argv[2:])
