"""Resident memory of a loader and its workers over a long Python list: `python leak_program.py ITEMS WORKERS EPOCHS`.

Prints the memory of the whole process tree (shared pages counted once) when the first batch is there, and after each epoch,
before the workers end; in MB.
"""

import os
import sys

from facula.utils import data as D


class Listed(D.Dataset):
    def __init__(self, count):
        self.items = [f"picture number {i}.jpg" for i in range(count)]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        return len(self.items[index])


def resident(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total / 1024


def main(count, workers, epochs):
    loader = D.DataLoader(Listed(count), batch_size=500, shuffle=True, num_workers=workers, persistent_workers=True)
    for _ in range(epochs):
        batches = iter(loader)
        left = len(loader)
        while left:
            next(batches)
            left -= 1
            if left in (0, len(loader) - 1):
                tree = [os.getpid(), *(process.pid for process in batches.processes)]
                print(f"{resident(tree):.1f}", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
