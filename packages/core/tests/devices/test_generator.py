"""Random numbers: seeds, states, and streams that do not touch each other."""

import pytest

import facula
from facula.devices.generator import default_generator


def draw(generator=None, n=4):
    return facula.rand(n, generator=generator).tolist()


class TestSeeds:
    def test_same_seed_same_numbers(self):
        facula.manual_seed(5)
        a = draw()
        facula.manual_seed(5)
        assert draw() == a
        facula.manual_seed(6)
        assert draw() != a

    def test_returns_the_generator(self):
        g = facula.manual_seed(7)
        assert g is default_generator()
        assert g.initial_seed() == 7
        assert facula.initial_seed() == 7

    @pytest.mark.parametrize("seed", [0, -1, 2**63, 2**64 - 1, -(2**63)])
    def test_range(self, seed):
        g = facula.Generator().manual_seed(seed)
        assert len(draw(g)) == 4
        assert g.initial_seed() == seed

    @pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
    def test_overflow(self, seed):
        with pytest.raises(
            RuntimeError, match=r"manual_seed: Overflow, expected an integer in \[-2\*\*63, 2\*\*64\), got"
        ):
            facula.Generator().manual_seed(seed)

    def test_seed_chooses(self):
        g = facula.Generator()
        first, second = g.seed(), g.seed()
        assert first != second
        assert g.initial_seed() == second
        facula.seed()
        facula.manual_seed(0)

    def test_unseeded_generators_are_equal(self):
        assert draw(facula.Generator()) == draw(facula.Generator())


class TestStates:
    def test_go_on_from_a_state(self):
        facula.manual_seed(1)
        draw()
        state = facula.get_rng_state()
        assert state.dtype is facula.uint8
        a = draw()
        b = draw()
        facula.set_rng_state(state)
        assert draw() == a
        assert draw() == b

    def test_state_is_a_snapshot(self):
        g = facula.Generator().manual_seed(3)
        state = g.get_state()
        before = state.tolist()
        draw(g)
        assert state.tolist() == before

    def test_state_travels_to_another_generator(self):
        g, h = facula.Generator().manual_seed(3), facula.Generator()
        draw(g)
        h.set_state(g.get_state())
        assert h.initial_seed() == 3
        assert draw(h) == draw(g)

    def test_clone(self):
        g = facula.Generator().manual_seed(3)
        draw(g)
        h = g.clone_state()
        assert draw(h) == draw(g)

    def test_normal_numbers_too(self):
        facula.manual_seed(1)
        facula.randn(3)
        state = facula.get_rng_state()
        a = facula.randn(5).tolist()
        facula.set_rng_state(state)
        assert facula.randn(5).tolist() == a

    @pytest.mark.parametrize("bad", [facula.zeros(8, dtype=facula.uint8), facula.zeros(0, dtype=facula.uint8)])
    def test_wrong_state(self, bad):
        with pytest.raises(RuntimeError, match=r"set_state: expected a state that get_state\(\) returned"):
            facula.Generator().set_state(bad)


class TestIndependence:
    def test_generators_leave_each_other_alone(self):
        facula.manual_seed(1)
        expected = draw()
        facula.manual_seed(1)
        draw(facula.Generator().manual_seed(9))
        assert draw() == expected

    def test_numpy_is_left_alone(self):
        import numpy as np

        np.random.seed(0)
        expected = np.random.rand()
        np.random.seed(0)
        facula.manual_seed(3)
        draw()
        assert np.random.rand() == expected

    def test_number_of_threads_does_not_matter(self):
        before = facula.get_num_threads()
        found = []
        try:
            for n in (1, 2):
                facula.set_num_threads(n)
                facula.manual_seed(4)
                found.append(facula.randn(1000).tolist())
        finally:
            facula.set_num_threads(before)
        assert found[0] == found[1]

    def test_device(self):
        assert facula.Generator().device == facula.device("cpu")
        assert facula.Generator("cpu").device.type == "cpu"
