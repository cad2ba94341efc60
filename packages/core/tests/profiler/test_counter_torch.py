"""FlopCounterMode counts what PyTorch's counts, forward and backward."""

import pytest

import facula
from facula.utils.flop_counter import FlopCounterMode, register_flop_formula

torch = pytest.importorskip("torch")
from torch.utils.flop_counter import FlopCounterMode as Theirs  # noqa: E402

PROGRAMS = {
    "linear": (lambda t: t.nn.Linear(6, 4), (5, 6)),
    "many rows": (lambda t: t.nn.Linear(6, 4), (2, 3, 6)),
    "conv1d": (lambda t: t.nn.Conv1d(4, 6, 3, stride=2), (2, 4, 9)),
    "conv2d": (lambda t: t.nn.Conv2d(4, 8, (3, 2), padding=1), (2, 4, 7, 6)),
    "conv3d": (lambda t: t.nn.Conv3d(2, 3, 2), (1, 2, 4, 4, 4)),
    "transposed": (lambda t: t.nn.ConvTranspose2d(4, 6, 3, stride=2), (2, 4, 5, 5)),
    "a network": (
        lambda t: t.nn.Sequential(t.nn.Conv2d(3, 4, 3), t.nn.ReLU(), t.nn.Flatten(), t.nn.Linear(64, 5)),
        (2, 3, 6, 6),
    ),
}


def counted(library, mode, make, shape, needs):
    model, x = make(library), library.ones(*shape, requires_grad=needs)
    with mode(display=False) as counter:
        forward = model(x)
        before = counter.get_total_flops()
        forward.sum().backward()
    return before, counter.get_total_flops()


@pytest.mark.parametrize("needs", [False, True], ids=["data", "differentiable"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_counts_are_torchs(program, needs):
    make, shape = PROGRAMS[program]
    ours = counted(facula, FlopCounterMode, make, shape, needs)
    assert ours == counted(torch, Theirs, make, shape, needs)
    assert ours[1] > ours[0] > 0


def test_a_gradient_of_groups_costs_what_their_forward_costs():
    """PyTorch counts the weight's gradient as if there were no groups."""
    make = lambda t: t.nn.Conv2d(4, 8, (3, 2), padding=1, groups=2)
    forward, both = counted(facula, FlopCounterMode, make, (2, 4, 7, 6), True)
    assert (forward, both) == (2 * (2 * 8 * 7 * 7) * 12, 3 * forward)


@pytest.mark.parametrize("shapes", [((3, 4), (4, 5)), ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5))])
def test_products_of_matrices(shapes):
    totals = []
    for library, mode in ((facula, FlopCounterMode), (torch, Theirs)):
        a, b = (library.ones(*shape, requires_grad=True) for shape in shapes)
        with mode(display=False) as counter:
            (a @ b).sum().backward()
        totals.append(counter.get_total_flops())
    assert totals[0] == totals[1]


def test_modules_and_the_table(capsys):
    model = facula.nn.Sequential(facula.nn.Linear(4, 3), facula.nn.Sequential(facula.nn.Linear(3, 2)))
    with FlopCounterMode(depth=1) as counter:
        model(facula.ones(5, 4))
    counts = counter.get_flop_counts()
    assert counts["Global"] == {"linear": 180}
    assert counts["Sequential.1.0"] == counts["Sequential.1"] == {"linear": 60}
    printed = capsys.readouterr().out
    assert "Sequential" in printed
    assert "Sequential.1" not in printed
    assert counter.get_table(depth=3).splitlines()[-2].split() == ["-", "linear", "60", "33.33%"]


def test_own_formulas():
    with FlopCounterMode(display=False, custom_mapping={"exp": lambda input, out: 7}) as counter:
        facula.ones(3).exp()
    assert counter.get_flop_counts()["Global"] == {"exp": 7}
    from facula.profiler.flops import FORMULAS

    @register_flop_formula(facula.sin)
    def sine(input, out):
        return 10 * input[0]

    try:
        with FlopCounterMode(display=False) as counter:
            facula.ones(3).sin()
        assert counter.get_total_flops() == 30
    finally:
        del FORMULAS["sin"]
