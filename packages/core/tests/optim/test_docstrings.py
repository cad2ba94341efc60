"""Every optimizer, scheduler and average says what it computes and shows one use."""

import inspect

import pytest

import facula

ROOMS = (facula.optim, facula.optim.lr_scheduler, facula.optim.swa_utils, facula.amp)
PUBLIC = {
    f"{room.__name__}.{name}": getattr(room, name)
    for room in ROOMS
    for name in getattr(room, "__all__", None) or [n for n in dir(room) if not n.startswith("_")]
    if callable(getattr(room, name)) and getattr(room, name).__module__.startswith(("facula.optim", "facula.amp"))
}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_it_is_described_with_an_example(name):
    thing = PUBLIC[name]
    text = (
        inspect.cleandoc(vars(thing).get("__doc__") or "") if isinstance(thing, type) else inspect.getdoc(thing) or ""
    )
    assert text.partition("\n\n")[0].rstrip().endswith((".", ":")), "begins with a sentence or a formula"
    assert ">>> " in text, "has a doctest"
