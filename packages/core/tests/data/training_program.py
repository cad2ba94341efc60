"""Trains a small network, writes a checkpoint after each step, and goes on from the one that is there.

`python training_program.py FOLDER WORKERS STEPS`; prints the number of each step behind its checkpoint.
"""

import os
import random
import sys

import numpy as np

import facula
from facula import nn
from facula.utils import data as D


class Noisy(D.Dataset):
    """Samples made with all three sources of random numbers."""

    def __len__(self):
        return 22

    def __getitem__(self, index):
        x = facula.full((6,), float(index)) + facula.randn(6)
        return index, x, float(random.random() + np.random.rand())


def main(folder, workers, steps):
    path = os.path.join(folder, "checkpoint.safetensors")
    facula.manual_seed(1), random.seed(2), np.random.seed(3)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.3), nn.Linear(8, 1))
    optimizer = facula.optim.Adam(model.parameters(), lr=0.01)
    loader = D.DataLoader(Noisy(), batch_size=4, shuffle=True, num_workers=workers)
    history = []
    if os.path.exists(path):
        saved = facula.load(path)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        facula.random.load_state_dict(saved["random"], loader=loader)
        history = saved["history"]
    while len(history) < steps:
        for index, x, y in loader:
            loss = ((model(x).squeeze(1) - y.float() * facula.rand(())) ** 2).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append([loss.item().hex(), *index.tolist()])
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "history": history}
            facula.save({**state, "random": facula.random.state_dict(loader=loader)}, path)
            print(len(history), flush=True)
            if len(history) == steps:
                break


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
