import random

import numpy as np
import pytest

import facula
from facula_lightning import seed_everything
from facula_lightning.seed import isolate_rng


def draw():
    return facula.rand(2).tolist(), random.random(), float(np.random.rand()), random.gauss(0, 1), np.random.randn()


def test_one_seed_for_all(monkeypatch):
    assert seed_everything(4, verbose=False) == 4
    first = draw()
    assert seed_everything(verbose=False) == 4
    assert draw() == first
    with pytest.raises(ValueError, match="expected a seed from 0 to 4294967295, got -1"):
        seed_everything(-1)


def test_state_goes_on_where_it_was():
    seed_everything(1, verbose=False)
    draw()
    state = facula.random.state_dict()
    first = draw()
    draw()
    facula.random.load_state_dict(state)
    assert draw() == first
    with isolate_rng():
        inside = draw()
    assert draw() == inside
