"""Tensors that processes share, and processes whose errors are raised where they were started."""

import gc
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import facula
from facula import multiprocessing as mp
from facula import nn
from facula.devices import shared

HOGWILD = Path(__file__).with_name("hogwild_program.py")


def test_all_names_of_the_standard_module_are_here():
    import multiprocessing

    assert [name for name in multiprocessing.__all__ if getattr(mp, name) is not getattr(multiprocessing, name)] == []


def change(queue, answers):
    for _ in range(3):
        tensor = queue.get()
        tensor.add_(1)
        answers.put((type(tensor).__name__, tensor.requires_grad, tensor.sum().item()))
        del tensor
    answers.put(facula.arange(3, dtype=facula.bfloat16))
    queue.get()  # the sender of a tensor must live until it is received


def test_tensors_in_queues_share_memory():
    context = mp.get_context("fork")
    queue, answers = context.Queue(), context.Queue()
    process = context.Process(target=change, args=(queue, answers))
    process.start()
    first, big = facula.zeros(3), facula.zeros(2_000_000)
    weight = nn.Parameter(facula.ones(2), requires_grad=False)
    for tensor in (first, big, weight):
        queue.put(tensor)
    assert [answers.get(timeout=30) for _ in range(3)] == [
        ("Tensor", False, 3.0),
        ("Tensor", False, 2e6),
        ("Parameter", False, 4.0),
    ]
    assert first.tolist() == [1, 1, 1]
    assert big[-1].item() == 1
    assert weight.tolist() == [2, 2]
    assert answers.get(timeout=30).tolist() == [0, 1, 2]
    queue.put(None)
    process.join(30)
    assert process.exitcode == 0
    for ends in (queue, answers):
        ends.close()
        ends.join_thread()


def through_a_queue(value):
    queue = mp.SimpleQueue()
    queue.put(value)
    return queue.get()


def test_what_comes_back_is_the_same_memory():
    x = facula.arange(6.0).share_memory_()
    rows = x.reshape(2, 3)
    again, turned = through_a_queue((x, rows.t()))
    assert turned.shape == (3, 2)
    turned[0, 1] = 50
    assert x.tolist() == again.tolist() == [0, 1, 2, 50, 4, 5]
    leaf = through_a_queue(facula.ones(2, requires_grad=True))
    assert leaf.requires_grad
    assert leaf.is_leaf
    assert through_a_queue(facula.zeros(0, 3)).shape == (0, 3)
    assert through_a_queue(facula.tensor(2.5)).item() == 2.5


def test_a_view_that_is_not_shared_is_copied():
    x = facula.zeros(4)
    sent = through_a_queue(x[1:3])
    sent.add_(1)
    assert x.tolist() == [0, 0, 0, 0]
    assert sent.is_shared()


def test_what_cannot_be_sent():
    with pytest.raises(RuntimeError, match=r"expected a leaf .* got a computed one.*Send tensor.detach\(\)"):
        through_a_queue(facula.ones(2, requires_grad=True) * 2)
    with pytest.raises(RuntimeError, match=r"expected a tensor on the CPU, got one on meta"):
        through_a_queue(facula.ones(2, device="meta"))


def test_small_tensors_have_a_descriptor_in_common():
    before = len(os.listdir("/proc/self/fd"))
    model = nn.Sequential(*(nn.Linear(4, 4) for _ in range(100))).share_memory()
    assert all(parameter.is_shared() for parameter in model.parameters())
    assert len(os.listdir("/proc/self/fd")) - before <= 4
    del model
    shared._forget()
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_two_processes_train_one_model_in_place():
    done = subprocess.run([sys.executable, str(HOGWILD)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    before, after, touched = done.stdout.splitlines()
    assert float(before) > 0.5
    assert float(after) < 1e-3
    assert touched == "[1.0, 1.0]"


def fail(index):
    if index == 1:
        raise KeyError("lost")
    time.sleep(60)


def leave(index):
    if index == 0:
        os._exit(7)
    time.sleep(60)


def die(index):
    os.kill(os.getpid(), 9)


@pytest.mark.parametrize(
    ("function", "kind", "message"),
    [
        (fail, mp.ProcessRaisedException, r"(?s)-- Process 1 terminated with the following error:.*KeyError: 'lost'"),
        (leave, mp.ProcessExitedException, "process 0 terminated with exit code 7"),
        (die, mp.ProcessExitedException, "terminated with signal SIGKILL"),
    ],
)
def test_the_first_error_ends_all_processes(function, kind, message):
    context = mp.start_processes(function, nprocs=2, join=False, start_method="fork")
    start = time.monotonic()
    with pytest.raises(kind, match=message) as caught:
        context.join(timeout=30)
    assert time.monotonic() - start < 30
    assert caught.value.error_index in (0, 1)
    assert not any(process.is_alive() for process in context.processes)


def test_joining_with_patience():
    context = mp.start_processes(time.sleep, nprocs=1, join=False, start_method="fork")
    assert context.pids()[0] > 0
    assert context.join(timeout=30)
    assert context.join()
    waiting = mp.start_processes(die_later, nprocs=1, join=False, start_method="fork")
    assert not waiting.join(timeout=0.05)
    waiting.processes[0].kill()
    with pytest.raises(mp.ProcessExitedException):
        waiting.join()


def die_later(index):
    time.sleep(60)


def test_strategies():
    assert mp.get_sharing_strategy() in mp.get_all_sharing_strategies()
    mp.set_sharing_strategy("file_system")
    assert mp.get_sharing_strategy() == "file_system"
    mp.set_sharing_strategy("file_descriptor")
    with pytest.raises(AssertionError, match="expected one of .* got 'none'"):
        mp.set_sharing_strategy("none")
