"""Datasets and how they combine."""

import itertools

import pytest

import facula
from facula.utils import data as D


class Squares(D.Dataset):
    def __init__(self, n):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        return index * index


class Count(D.IterableDataset):
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return iter(range(self.n))

    def __len__(self):
        return self.n


def test_tensor_dataset():
    data = D.TensorDataset(facula.arange(3), facula.arange(6).reshape(3, 2))
    assert len(data) == 3
    x, y = data[1]
    assert x.item() == 1
    assert y.tolist() == [2, 3]
    with pytest.raises(AssertionError, match=r"Size mismatch between tensors, got lengths \[3, 2\]"):
        D.TensorDataset(facula.ones(3), facula.ones(2))


def test_concat_and_subset():
    both = Squares(3) + Squares(2)
    assert [both[i] for i in range(5)] == [0, 1, 4, 0, 1]
    assert both[-1] == 1
    with pytest.raises(ValueError, match="absolute value of index"):
        both[-6]
    part = D.Subset(both, [4, 2])
    assert len(part) == 2
    assert part[0] == 1
    assert part.__getitems__([1, 0]) == [4, 1]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        D.ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        D.ConcatDataset([Count(1)])


def test_chain():
    chain = Count(2) + Count(3)
    assert list(chain) == [0, 1, 0, 1, 2]
    assert len(chain) == 5
    with pytest.raises(AssertionError, match="only supports IterableDataset, got Squares"):
        list(D.ChainDataset([Squares(1)]))


def test_stack():
    rows = D.StackDataset(Squares(3), [5, 6, 7])
    assert rows[2] == (4, 7)
    assert rows.__getitems__([0, 1]) == [(0, 5), (1, 6)]
    named = D.StackDataset(a=Squares(2), b=D.Subset([1, 2], [1, 0]))
    assert named[1] == {"a": 1, "b": 1}
    assert named.__getitems__([0]) == [{"a": 0, "b": 2}]
    assert len(named) == 2
    with pytest.raises(ValueError, match="got both types"):
        D.StackDataset([1], b=[2])
    with pytest.raises(ValueError, match="At least one dataset"):
        D.StackDataset()
    with pytest.raises(ValueError, match=r"got lengths \[1, 2\]"):
        D.StackDataset([1], [2, 3])

    class Wrong(Squares):
        def __getitems__(self, indices):
            return []

    with pytest.raises(ValueError, match="output size mismatch, expected 1 samples, got 0"):
        D.StackDataset(Wrong(1)).__getitems__([0])


def test_random_split():
    facula.manual_seed(0)
    parts = D.random_split(Squares(10), [7, 3])
    assert sorted(i for part in parts for i in part.indices) == list(range(10))
    assert [len(p) for p in D.random_split(Squares(10), [0.55, 0.45])] == [6, 4]
    one, two = (D.random_split(range(50), [25, 25], facula.Generator().manual_seed(3))[0].indices for _ in range(2))
    assert one == two
    with pytest.raises(ValueError, match="does not equal the length of the input dataset, expected 10, got 9"):
        D.random_split(Squares(10), [9])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between"):
        D.random_split(Squares(10), [-0.5, 1.5])


def test_what_a_subclass_must_define():
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        D.Dataset()[0]
    with pytest.raises(NotImplementedError, match="should implement __iter__"):
        iter(D.IterableDataset())
    with pytest.raises(NotImplementedError, match="expected __iter__ to be defined"):
        iter(D.Sampler())


def test_samplers():
    facula.manual_seed(0)
    assert list(D.SequentialSampler("abcd")) == [0, 1, 2, 3]
    order = list(D.RandomSampler(range(100)))
    assert order != list(range(100))
    assert sorted(order) == list(range(100))
    assert list(D.RandomSampler(range(100))) != order
    facula.manual_seed(0)
    assert list(D.RandomSampler(range(100))) == order
    more = list(D.RandomSampler("abc", num_samples=7))
    assert len(more) == 7
    assert sorted(more[:3]) == sorted(more[3:6]) == [0, 1, 2]
    assert set(D.RandomSampler("abc", replacement=True, num_samples=50)) == {0, 1, 2}
    assert list(D.RandomSampler([])) == []
    assert sorted(D.SubsetRandomSampler([4, 9, 2])) == [2, 4, 9]
    drawn = list(D.WeightedRandomSampler([0.9, 0.1, 0.0], 1000))
    assert 850 < drawn.count(0) < 950
    assert drawn.count(2) == 0
    assert sorted(D.WeightedRandomSampler(facula.ones(3), 3, replacement=False)) == [0, 1, 2]
    batches = D.BatchSampler(D.SequentialSampler(range(5)), 2, drop_last=True)
    assert list(batches) == [[0, 1], [2, 3]]
    assert len(batches) == 2


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (lambda: D.RandomSampler("ab", replacement=1), TypeError, "replacement should be a boolean"),
        (lambda: D.RandomSampler("ab", num_samples=-1), ValueError, "positive integer value, but got num_samples=-1"),
        (lambda: D.WeightedRandomSampler([1], 0), ValueError, "num_samples=0"),
        (lambda: D.WeightedRandomSampler([1], 1, 3), ValueError, "replacement=3"),
        (lambda: D.WeightedRandomSampler([[1]], 1), ValueError, r"1d sequence but given weights have shape \(1, 1\)"),
        (lambda: D.BatchSampler([1], 0, False), ValueError, "batch_size=0"),
        (lambda: D.BatchSampler([1], 1, 3), ValueError, "drop_last=3"),
        (lambda: D.DistributedSampler(range(3), 2, 5), ValueError, "Invalid rank 5"),
        (lambda: D.DistributedSampler(range(3)), RuntimeError, "or an initialized process group"),
    ],
)
def test_samplers_explain_misuse(make, kind, message):
    with pytest.raises(kind, match=message):
        make()


@pytest.mark.parametrize("count", [10, 11, 1])
@pytest.mark.parametrize("drop_last", [False, True])
def test_shares_of_processes(count, drop_last):
    torch = pytest.importorskip("torch")
    for rank in range(3):
        ours = D.DistributedSampler(range(count), 3, rank, shuffle=False, drop_last=drop_last)
        theirs = torch.utils.data.DistributedSampler(range(count), 3, rank, shuffle=False, drop_last=drop_last)
        assert list(ours) == list(theirs)
        assert len(ours) == len(theirs)


def test_shares_are_shuffled_together():
    def deal(epoch):
        samplers = [D.DistributedSampler(range(10), 2, rank, seed=5) for rank in range(2)]
        for sampler in samplers:
            sampler.set_epoch(epoch)
        return [list(sampler) for sampler in samplers]

    assert sorted(itertools.chain(*deal(0))) == list(range(10))
    assert deal(0) == deal(0)
    assert deal(0) != deal(1)
