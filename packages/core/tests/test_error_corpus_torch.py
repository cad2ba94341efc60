"""The same mistakes in PyTorch: it refuses them too, with a class of which ours is one, and takes the same advice."""

import pytest

import facula

torch = pytest.importorskip("torch")


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
def test_class(mistake):
    with pytest.raises(Exception, match=".") as theirs:
        mistake(torch, False)
    builtin = next(kind for kind in theirs.type.__mro__ if not kind.__module__.startswith("torch"))
    with pytest.raises(builtin, match=r"."):
        mistake(facula, False)
    mistake(torch, True)
