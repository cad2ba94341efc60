"""Run by test_mpi.py under mpiexec: checks each collective on every rank."""

import sys

import pytest

import facula as torch
import facula.distributed as dist


def main() -> None:
    dist.init_process_group("mpi")
    rank, size = dist.get_rank(), dist.get_world_size()
    x = torch.arange(4, dtype=torch.float32) + rank
    dist.all_reduce(x)
    assert x.tolist() == [size * i + sum(range(size)) for i in range(4)], x
    y = torch.full((2,), float(rank))
    dist.all_reduce(y, op=dist.ReduceOp.AVG)
    assert y.tolist() == [1.0, 1.0]
    y = torch.full((2,), float(rank))
    dist.all_reduce(y, op=dist.ReduceOp.MAX)
    assert y.tolist() == [2.0, 2.0]
    z = torch.full((2, 2), rank, dtype=torch.int64)
    dist.broadcast(z, src=1)
    assert z.tolist() == [[1, 1], [1, 1]]
    parts = [torch.zeros(1) for _ in range(size)]
    dist.all_gather(parts, torch.tensor([float(rank)]))
    assert [p.item() for p in parts] == [0.0, 1.0, 2.0]
    mine = torch.zeros(2)
    dist.scatter(mine, [torch.full((2,), float(10 + i)) for i in range(size)] if rank == 0 else None, src=0)
    assert mine.tolist() == [10.0 + rank] * 2
    got = [torch.zeros(2) for _ in range(size)] if rank == 2 else None
    dist.gather(mine, got, dst=2)
    if rank == 2:
        assert [g[0].item() for g in got] == [10.0, 11.0, 12.0]
    total = torch.ones(1)
    dist.reduce(total, dst=1)
    assert total.item() == (3.0 if rank == 1 else 1.0)
    if rank == 0:
        dist.send(torch.tensor([5.0]), dst=1)
    elif rank == 1:
        assert dist.recv(total, src=0) == 0
        assert total.item() == 5.0
    pair = dist.new_group([0, 2])
    if rank in (0, 2):
        t = torch.ones(1)
        dist.all_reduce(t, group=pair)
        assert t.item() == 2.0
    objects = [None] * size
    dist.all_gather_object(objects, {"rank": rank})
    assert objects == [{"rank": i} for i in range(size)]
    with pytest.raises(
        RuntimeError, match=r"all_reduce: expected the same shape and dtype on all ranks, got rank 0: \(1,\)"
    ):
        dist.all_reduce(torch.zeros(rank + 1))
    dist.barrier()
    dist.destroy_process_group()
    assert not dist.is_initialized()
    sys.stdout.write(f"ok {rank}\n")


if __name__ == "__main__":
    main()
