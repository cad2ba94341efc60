"""Run by test_mpi.py under mpiexec on two ranks: collectives that go on by themselves, and what their handles say."""

import datetime
import sys
import time

import pytest

import facula as torch
import facula.distributed as dist


def every_collective(rank: int, size: int) -> None:
    """Start all of them, then wait: the results are those of the calls that wait themselves."""
    total, copy, mine = torch.full((3,), rank + 1.0), torch.full((2,), float(rank)), torch.zeros(2)
    parts, sum_at_1 = [torch.zeros(1) for _ in range(size)], torch.ones(1)
    gathered = [torch.zeros(1) for _ in range(size)] if rank == 0 else None
    works = [
        dist.all_reduce(total, async_op=True),
        dist.broadcast(copy, src=1, async_op=True),
        dist.all_gather(parts, torch.tensor([float(rank)]), async_op=True),
        dist.reduce(sum_at_1, dst=1, async_op=True),
        dist.gather(torch.tensor([10.0 + rank]), gathered, dst=0, async_op=True),
        dist.scatter(mine, [torch.full((2,), float(i)) for i in range(size)] if rank == 0 else None, async_op=True),
        dist.barrier(async_op=True),
    ]
    assert all(isinstance(work, dist.Work) for work in works)
    assert all(work.wait() for work in works)
    assert all(work.is_completed() and work.is_success() for work in works)
    assert total.tolist() == [3.0] * 3
    assert copy.tolist() == [1.0, 1.0]
    assert [p.item() for p in parts] == [0.0, 1.0]
    assert sum_at_1.item() == (2.0 if rank == 1 else 1.0)
    assert gathered is None or [g.item() for g in gathered] == [10.0, 11.0]
    assert mine.tolist() == [float(rank)] * 2
    assert dist.all_reduce(torch.ones(1)) is None
    assert dist.barrier() is None


def messages(rank: int) -> None:
    """Rank 1 asks before rank 0 has sent: the handle is not done, and says so in time."""
    got = torch.zeros(2)
    if rank == 1:
        work = dist.irecv(got, src=0)
        assert not work.is_completed()
        with pytest.raises(RuntimeError, match=r"irecv: expected to be done within 0:00:00.010000, got no answer"):
            work.wait(datetime.timedelta(milliseconds=10))
        assert got.tolist() == [0.0, 0.0]
        dist.barrier()
        while not work.is_completed():
            time.sleep(0.001)
        assert got.tolist() == [4.0, 5.0]
        assert dist.recv(got) == 0  # from any rank
        assert got.tolist() == [6.0, 7.0]
    else:
        dist.barrier()
        dist.isend(torch.tensor([4.0, 5.0]), dst=1).wait()
        dist.send(torch.tensor([6.0, 7.0]), dst=1)


def main() -> None:
    dist.init_process_group("mpi")
    rank, size = dist.get_rank(), dist.get_world_size()
    every_collective(rank, size)
    messages(rank)
    dropped = torch.ones(1)
    dist.all_reduce(dropped, async_op=True)  # nobody holds the handle
    dist.destroy_process_group()
    assert dropped.item() == 2.0
    sys.stdout.write(f"ok {rank}\n")


if __name__ == "__main__":
    main()
