"""Run by test_mpi.py under mpiexec: train a small model on this rank's share of each batch; rank 0 writes what came out."""

import json
import pathlib
import sys

import facula as torch
import facula.distributed as dist
import facula.nn.functional as F
from facula import nn


def main() -> None:
    dist.init_process_group("mpi")
    rank, size = dist.get_rank(), dist.get_world_size()
    torch.manual_seed(rank)  # ranks start apart; DistributedDataParallel brings them together
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 3))
    with torch.no_grad():
        for i, p in enumerate(model.parameters()):
            if rank == 0:
                p.copy_(torch.linspace(-0.5, 0.5, p.numel()).reshape(p.shape) * (i + 1))
    model = nn.parallel.DistributedDataParallel(model, bucket_cap_mb=0.0002)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    data = torch.linspace(-1, 1, 8 * 12 * 6).reshape(8, 12, 6).sin()
    target = torch.arange(8 * 12).reshape(8, 12) % 3
    losses = []
    for x, y in zip(data, target, strict=True):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x[rank::size]), y[rank::size])
        loss.backward()
        optimizer.step()
        mean = loss.detach().clone()
        dist.all_reduce(mean, op=dist.ReduceOp.AVG)
        losses.append(mean.item())
    if rank == 0:
        pathlib.Path(sys.argv[1]).write_text(
            json.dumps({"losses": losses, "parameters": [p.tolist() for p in model.parameters()]})
        )


if __name__ == "__main__":
    main()
