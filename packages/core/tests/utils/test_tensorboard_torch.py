import inspect

import pytest

from facula.utils.tensorboard import SummaryWriter

pytest.importorskip("tensorboard")
theirs = pytest.importorskip("torch.utils.tensorboard").SummaryWriter


OWN = {"add_summary"}  # in PyTorch a method of `writer.file_writer`
PUBLIC = [name for name in dir(SummaryWriter) if not name.startswith("_") and name not in OWN]


@pytest.mark.parametrize("name", ["__init__", *PUBLIC])
def test_arguments_are_torchs(name):
    own, other = (inspect.signature(getattr(cls, name)).parameters.values() for cls in (SummaryWriter, theirs))
    assert [(p.name, p.default) for p in own] == [(p.name, p.default) for p in other]
