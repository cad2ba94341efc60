"""Two spawned processes train one model in place: `python hogwild_program.py`; prints the loss before and after."""

import facula
from facula import multiprocessing as mp
from facula import nn


def loss_of(model):
    x = facula.linspace(-1, 1, 64).unsqueeze(1)
    return ((model(x) - (3 * x + 1)) ** 2).mean()


def train(rank, model, touched):
    facula.manual_seed(rank)
    optimizer = facula.optim.SGD(model.parameters(), lr=0.05)
    for _ in range(200):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()
    touched[rank] = 1


def main():
    facula.manual_seed(0)
    model = nn.Linear(1, 1).share_memory()
    assert all(parameter.is_shared() for parameter in model.parameters())
    touched = facula.zeros(2)
    print(loss_of(model).item())
    mp.spawn(train, args=(model, touched), nprocs=2)
    print(loss_of(model).item())
    print(touched.tolist())


if __name__ == "__main__":
    main()
