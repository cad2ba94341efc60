"""What the tape keeps, op by op, and that training keeps no more of it than one step's."""

import gc
import os
import resource
import subprocess
import sys

import numpy as np
import pytest

import facula
from facula import nn
from facula.autograd.op import ALL
from facula.autograd.tape import Pick

STEPS = int(os.environ.get("FACULA_MEMORY_STEPS", "1500"))

# name of the op: what its gradient keeps ("out", names of inputs); results that it keeps, if not all
KEPT = {
    "add": (set(), None),
    "neg": (set(), None),
    "sum_op": (set(), None),
    "view_op": (set(), None),
    "mul": ({"input", "other"}, None),
    "matmul": ({"input", "other"}, None),
    "exp": ({"out"}, None),
    "tanh": ({"out"}, None),
    "sigmoid": ({"out"}, None),
    "relu": ({"out"}, None),
    "softmax_op": ({"out"}, None),
    "log_softmax_op": ({"out"}, None),
    "conv_op": ({"input", "weight"}, None),
    "batch_norm_op": ({"out", "input", "weight"}, (1, 2)),
    "max": ({"out"}, (1,)),
    "sort_op": ({"out"}, (1,)),
    "topk_op": ({"out"}, (1,)),
}


def node_of(t):
    return t.node.parent if type(t.node) is Pick else t.node


@pytest.mark.parametrize("name", sorted(KEPT))
def test_an_op_keeps_what_its_gradient_names(name):
    facula.ones(1)  # the families are there
    op = ALL[name]
    assert (set(op.saved), op.keeps) == KEPT[name]


def test_a_gradient_that_nobody_wants_keeps_nothing():
    x, w = facula.ones(3, 4), facula.ones(4, 2, requires_grad=True)
    kept = dict(zip(ALL["matmul"].saved, node_of(facula.mm(x, w)).kept, strict=True))
    assert kept["other"] is None
    assert kept["input"][0].array is x.array


def test_of_several_results_only_the_named_ones_are_kept():
    x = facula.randn(8, 3, 4, 4, requires_grad=True)
    y = nn.functional.batch_norm(x, None, None, training=True)
    out = node_of(y).kept[ALL["batch_norm_op"].saved.index("out")]
    assert out[0] is None
    assert [a.shape for a in out[1:]] == [(3,), (3,)]


def test_the_result_of_batch_norm_may_be_written():
    x = facula.randn(8, 3, 4, 4, requires_grad=True)
    (plain,) = facula.autograd.grad(nn.functional.batch_norm(x, None, None, training=True).relu().square().sum(), x)
    (written,) = facula.autograd.grad(nn.functional.batch_norm(x, None, None, training=True).relu_().square().sum(), x)
    facula.testing.assert_close(written, plain)


def test_backward_frees_what_was_kept():
    x = facula.randn(5, requires_grad=True)
    y = x.exp()
    node = y.node
    y.sum().backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        y.sum().backward()
    assert not isinstance(node.kept, tuple)


def train(steps):
    """A small network with most kinds of layers; prints the resident memory after a tenth of the steps and at the end."""
    gc.disable()
    facula.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.1),
        nn.Linear(36, 16), nn.LayerNorm(16), nn.GELU(), nn.Linear(16, 5),
    )  # fmt: skip
    optimizer = facula.optim.AdamW(model.parameters(), lr=1e-3)
    schedule = facula.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    x, y = facula.randn(8, 1, 8, 8), facula.randint(0, 5, (8,))
    marks = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step in (steps // 10, steps - 1):
            marks.append(resident())
    print(*marks)


def resident():
    """KiB of this process that lie in memory now."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() // 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc to read the resident memory")
def test_training_with_the_collector_off_keeps_memory_flat():
    done = subprocess.run([sys.executable, __file__, str(STEPS)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    early, late = map(int, done.stdout.split())
    assert late - early < 2048, f"grew from {early} to {late} KiB in {STEPS} steps"


if __name__ == "__main__":
    train(int(sys.argv[1]))


def test_a_gradient_that_is_the_only_view_of_its_memory_is_taken_over():
    owners = []

    class Twice(facula.autograd.Function):
        @staticmethod
        def forward(ctx, input, kept):
            ctx.kept = kept
            return input * 2

        @staticmethod
        def backward(ctx, g):
            made = np.full(g.numel(), 2, np.float32)
            owners.append(made.ctypes.data)
            if ctx.kept is not None:
                ctx.kept.append(made)
            return facula.from_numpy(made.reshape(g.shape)), None

    for kept in (None, []):
        x = facula.ones(3, 4, requires_grad=True)
        Twice.apply(x, kept).sum().backward()
        assert x.grad.tolist() == [[2.0] * 4] * 3
        assert (x.grad.array.ctypes.data == owners.pop()) == (kept is None)
        x.grad.add_(1)
        assert not kept or kept[0].tolist() == [2] * 12


def test_a_gradient_that_is_a_view_of_what_others_hold_is_copied():
    g = facula.ones(12)
    x = facula.ones(4, 3, requires_grad=True)
    x.reshape(12).backward(g)
    x.grad.add_(5)
    a, b = facula.ones(3, 4, requires_grad=True), facula.ones(4, 3, requires_grad=True)
    (a.t() + b).backward(facula.ones(4, 3))
    a.grad.add_(1)
    assert g.sum() == b.grad.sum() == 12
