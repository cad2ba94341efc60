"""The ledger of random numbers: everything that a program draws from, captured and put back."""

import io
import random

import numpy as np
import pytest

import facula


def draw():
    numpy = np.random.rand(), np.random.randn(), int(np.random.randint(9))
    return facula.rand(2).tolist(), random.random(), random.gauss(0, 1), [float(x) for x in numpy]


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_all_streams_go_on_where_they_were(tmp_path, suffix):
    own = facula.Generator().manual_seed(3)
    draw()
    facula.save(facula.random.state_dict(own=own), tmp_path / f"ledger{suffix}")
    first = draw(), facula.rand(2, generator=own).tolist()
    draw()
    facula.random.load_state_dict(facula.load(tmp_path / f"ledger{suffix}"), own=own)
    assert (draw(), facula.rand(2, generator=own).tolist()) == first


def test_a_stream_of_another_kind_is_put_back():
    before = np.random.get_bit_generator()
    try:
        for kind in (np.random.PCG64, np.random.Philox, np.random.SFC64):
            np.random.set_bit_generator(kind(1))
            state = facula.random.state_dict()
            first = np.random.rand(3).tolist()
            np.random.set_bit_generator(np.random.MT19937(0))
            file = io.BytesIO()
            facula.save(state, file)
            file.seek(0)
            facula.random.load_state_dict(facula.load(file))
            assert np.random.rand(3).tolist() == first
    finally:
        np.random.set_bit_generator(before)


def test_the_state_of_other_sources_is_refused():
    state = facula.random.state_dict(a=facula.Generator())
    with pytest.raises(ValueError, match=r"with others \['b'\], got .* with others \['a'\]. Pass the names"):
        facula.random.load_state_dict(state, b=facula.Generator())
    with pytest.raises(ValueError, match="expected a state of facula, numpy and python"):
        facula.random.load_state_dict({})
