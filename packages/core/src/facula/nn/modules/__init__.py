"""PyTorch's module paths for the layers: `facula.nn.modules.batchnorm._BatchNorm` and the like."""

from __future__ import annotations

import importlib
import sys
import types

_HOMES = {
    "activation": ("activation", "softmax", "multihead"),
    "adaptive": ("adaptive",),
    "batchnorm": ("batchnorm", "sync_batchnorm", "lazy_layers"),
    "channelshuffle": ("reshape",),
    "container": ("container", "parameters"),
    "conv": ("conv", "lazy_layers"),
    "distance": ("distance",),
    "dropout": ("dropout",),
    "flatten": ("reshape",),
    "fold": ("reshape",),
    "instancenorm": ("batchnorm", "lazy_layers"),
    "lazy": ("lazy",),
    "linear": ("linear",),
    "linear_cross_entropy": ("adaptive",),
    "linear_cross_entropy_options": ("adaptive",),
    "loss": ("loss", "class_loss", "loss_base", "adaptive"),
    "module": ("module", "hooks"),
    "normalization": ("normalization",),
    "padding": ("padding",),
    "pixelshuffle": ("reshape",),
    "pooling": ("pooling", "adaptive_pooling"),
    "rnn": ("rnn", "rnn_cells"),
    "sparse": ("embedding",),
    "transformer": ("transformer",),
    "upsampling": ("upsampling",),
    "utils": ("sizes", "state"),
}


def _assemble(path: str, homes: tuple[str, ...]) -> types.ModuleType:
    """A module that holds what the files of `homes` define, under PyTorch's name."""
    module = types.ModuleType(f"{__name__}.{path}", f"PyTorch's `nn.modules.{path}`.")
    for home in homes:
        source = importlib.import_module(f"facula.nn.{home}")
        for name, value in vars(source).items():
            if getattr(value, "__module__", None) == source.__name__:
                setattr(module, name, value)
    sys.modules[module.__name__] = module
    return module


for _path, _files in _HOMES.items():
    globals()[_path] = _assemble(_path, _files)
    for _name, _value in vars(globals()[_path]).items():
        if isinstance(_value, type) and not _name.startswith("_"):
            globals()[_name] = _value
