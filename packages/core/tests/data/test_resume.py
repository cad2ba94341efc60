"""A loader that goes on from a state gives, bit by bit, what one gives that was never broken off."""

import io
import random
import warnings

import numpy as np
import pytest

import facula
from facula.utils import data as D

COUNT = 23


class Augmented(D.Dataset):
    def __len__(self):
        return COUNT

    def __getitem__(self, index):
        return index, random.random(), np.random.rand(2), facula.rand(2)


class Stream(D.IterableDataset):
    """Deals itself out to workers, as PyTorch's documentation shows."""

    def __iter__(self):
        worker = D.get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for number in range(first, COUNT, step):
            yield number, random.random(), np.random.rand(), facula.rand(1)


class StreamWithState(D.IterableDataset):
    """Knows how far it is; a state that is loaded leaves nothing to be drawn again."""

    def __init__(self):
        self.at = 0
        self.drawn = 0

    def __iter__(self):
        worker = D.get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        while first + self.at * step < COUNT:
            self.at += 1
            self.drawn += 1
            yield first + (self.at - 1) * step, random.random(), np.random.rand(), facula.rand(1)
        self.at = 0

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


class Cursor:
    """An iterator that has the state, while its dataset has none."""

    def __init__(self):
        self.at = 0

    def __iter__(self):
        return self

    def __next__(self):
        if self.at == COUNT:
            raise StopIteration
        self.at += 1
        return self.at, random.random(), np.random.rand(), facula.rand(1)

    def state_dict(self):
        return {"at": self.at}

    def load_state_dict(self, state):
        self.at = state["at"]


class StreamOfCursor(D.IterableDataset):
    def __iter__(self):
        return Cursor()


class SamplerWithState(D.Sampler):
    def __init__(self):
        self.epoch, self.at, self.order = 0, 0, None

    def __len__(self):
        return COUNT

    def __iter__(self):
        if self.order is None:
            self.order = list(range(COUNT))
            random.Random(self.epoch).shuffle(self.order)
        while self.at < COUNT:
            self.at += 1
            yield self.order[self.at - 1]
        self.epoch, self.at, self.order = self.epoch + 1, 0, None

    def state_dict(self):
        return {"epoch": self.epoch, "at": self.at, "order": self.order}

    def load_state_dict(self, state):
        self.epoch, self.at, self.order = state["epoch"], state["at"], state["order"]


class Shuffled(D.Sampler):
    """Draws from Python's global stream, as samplers of users do."""

    def __len__(self):
        return COUNT

    def __iter__(self):
        order = list(range(COUNT))
        random.shuffle(order)
        return iter(order)


def generator():
    return facula.Generator().manual_seed(5)


def shares():
    sampler = D.DistributedSampler(range(COUNT), 2, 1)
    sampler.set_epoch(4)
    return sampler


MAPS = {
    "shuffle": lambda w: D.DataLoader(Augmented(), 4, shuffle=True, num_workers=w, prefetch_factor=3 if w else None),
    "generator": lambda w: D.DataLoader(
        Augmented(), 4, shuffle=True, num_workers=w, generator=generator(), persistent_workers=w > 0
    ),
    "sampler with state": lambda w: D.DataLoader(Augmented(), 4, sampler=SamplerWithState(), num_workers=w),
    "batch sampler": lambda w: D.DataLoader(
        Augmented(), batch_sampler=D.BatchSampler(Shuffled(), 3, True), num_workers=w
    ),
    "weights": lambda w: D.DataLoader(
        Augmented(), 3, sampler=D.WeightedRandomSampler([1.0] * COUNT, 30, generator=generator()), num_workers=w
    ),
    "shares of ranks": lambda w: D.DataLoader(Augmented(), 3, sampler=shares(), num_workers=w),
    "single samples": lambda w: D.DataLoader(Augmented(), None, shuffle=True, num_workers=w),
}
STREAMS = {
    "plain": lambda w: D.DataLoader(Stream(), 4, num_workers=w),
    "dataset with state": lambda w: D.DataLoader(StreamWithState(), 4, num_workers=w, drop_last=True),
    "iterator with state": lambda w: D.DataLoader(StreamOfCursor(), 4, num_workers=w),
    "seldom asked": lambda w: D.DataLoader(
        StreamWithState(), 2, num_workers=w, snapshot_every_n_steps=3, persistent_workers=w > 0
    ),
    "single samples": lambda w: D.DataLoader(Stream(), None, num_workers=w),
}


def seen(batch):
    """A batch and what the program itself draws behind it."""
    numbers = [np.asarray(part).tolist() for part in batch]
    return numbers, random.random(), float(np.random.rand()), float(facula.rand(()))


def saved_and_read(state):
    """Through a file, which proves that it holds tensors and plain values only."""
    file = io.BytesIO()
    facula.save(state, file)
    file.seek(0)
    return facula.load(file)


def run(make, workers, passes=2, stop=None):
    """(batches of some passes, the ledger behind batch `stop`)."""
    facula.manual_seed(3), random.seed(1), np.random.seed(2)
    loader, batches = make(workers), []
    for _ in range(passes):
        for batch in loader:
            batches.append(seen(batch))
            if len(batches) == stop:
                return batches, saved_and_read(facula.random.state_dict(loader=loader))
    return batches, saved_and_read(facula.random.state_dict(loader=loader))


def resumed(make, workers, state, passes):
    facula.manual_seed(99), random.seed(98), np.random.seed(97)
    loader = make(workers)
    facula.random.load_state_dict(state, loader=loader)
    return [seen(batch) for _ in range(passes) for batch in loader]


@pytest.mark.parametrize("name", MAPS)
def test_maps_go_on_at_any_batch_with_any_number_of_workers(name):
    make = MAPS[name]
    whole, _ = run(make, 0)
    length = len(whole) // 2
    assert run(make, 2)[0] == whole
    for stop, before, after in ((1, 2, 0), (length - 1, 0, 3), (length, 2, 2), (length + 1, 2, 1)):
        first, state = run(make, before, stop=stop)
        assert first == whole[:stop]
        assert resumed(make, after, state, 2 if stop <= length else 1) == whole[stop:]
    _, between = run(make, 2, passes=1)
    assert resumed(make, 0, between, 1) == whole[length:]


@pytest.mark.parametrize("name", STREAMS)
def test_streams_finish_their_pass_with_the_shares_that_it_began_with(name):
    make = STREAMS[name]
    for before, after, stops in ((0, 2, (1,)), (2, 0, (1, 4, -1)), (2, 2, (3,)), (3, 2, (-2,))):
        whole, _ = run(make, before)
        length = len(run(make, before, passes=1)[0])
        for stop in (stop % (length + 1) for stop in stops):
            first, state = run(make, before, stop=stop)
            assert first == whole[:stop]
            if before == after:
                assert resumed(make, after, state, 2) == whole[stop:]
            else:
                assert resumed(make, after, state, 1) == whole[stop:length]


def test_a_stream_with_state_is_not_drawn_again():
    loader = STREAMS["dataset with state"](0)
    iterator = iter(loader)
    for _ in range(4):
        next(iterator)
    state = loader.state_dict()
    fresh = STREAMS["dataset with state"](0)
    fresh.load_state_dict(state)
    next(iter(fresh))
    assert fresh.dataset.drawn == 4


def test_the_state_is_of_the_batch_given_not_of_what_workers_made_ahead():
    loader = D.DataLoader(range(20), 2, num_workers=2, prefetch_factor=4)
    iterator = iter(loader)
    next(iterator)
    state = loader.state_dict()
    assert state["pass"]["batches"] == 1
    loader.load_state_dict(state)
    assert loader.state_dict()["pass"]["batches"] == 1
    assert [b.tolist() for b in loader] == [[i, i + 1] for i in range(2, 20, 2)]
    assert loader.state_dict()["pass"] is None
    assert len(list(loader)) == 10


def test_batches_in_any_order_come_once_each():
    def make():
        return D.DataLoader(range(20), 2, num_workers=2, in_order=False, prefetch_factor=3)

    whole = [b.tolist() for b in make()]
    assert sorted(whole) == [[i, i + 1] for i in range(0, 20, 2)]
    loader = make()
    iterator = iter(loader)
    first = [next(iterator).tolist() for _ in range(4)]
    rest = make()
    rest.load_state_dict(loader.state_dict())
    assert sorted(first + [b.tolist() for b in rest]) == sorted(whole)


def test_a_dataset_is_told_its_epoch_in_workers_too():
    class Told(D.Dataset):
        epoch = 0

        def set_epoch(self, epoch):
            self.epoch = epoch

        def __len__(self):
            return 2

        def __getitem__(self, index):
            return self.epoch

    dataset = Told()
    loader = D.DataLoader(dataset, num_workers=1, persistent_workers=True)
    assert [int(b) for b in loader] == [0, 0]
    dataset.set_epoch(3)
    assert [int(b) for b in loader] == [3, 3]


@pytest.mark.parametrize(
    ("change", "found"),
    [({"length": 3}, "1, False, 3"), ({"stream": True}, "1, True, 10"), ({"version": 9}, "9, False, 10")],
)
def test_the_state_of_another_loader_is_refused(change, found):
    loader = D.DataLoader(range(20), 2)
    with pytest.raises(ValueError, match=rf"\(version, stream, length\) = \(1, False, 10\), got \({found}\)"):
        loader.load_state_dict({**loader.state_dict(), **change})
    own = D.DataLoader(range(20), 2, shuffle=True, generator=generator())
    with pytest.raises(ValueError, match=r"expected a state with generators of \[\], got \['loader'\]"):
        loader.load_state_dict(own.state_dict())


def test_a_loader_inside_of_a_sample_leaves_its_random_numbers_alone():
    class Inner(D.Dataset):
        def __init__(self, nested):
            self.nested = nested

        def __len__(self):
            return 2

        def __getitem__(self, index):
            first = np.random.rand()
            if self.nested:
                list(D.DataLoader(Inner(False)))
            return first, np.random.rand(), random.random()

    def values(nested):
        facula.manual_seed(0)
        return [[float(x) for x in b] for b in D.DataLoader(Inner(nested))]

    plain, nested = values(False), values(True)
    assert [row[:2] for row in plain] == [row[:2] for row in nested]


def test_no_warning_comes_of_a_state():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(MAPS["shuffle"], 0, stop=2)
