"""What tests of ours and of third parties use: comparison, random tensors, and one suite per kind of thing.

`check_op`, `check_layer`, `check_device`, `check_dataset` and `check_model` raise AssertionError that says what is wrong.
"""

from facula.testing.comparison import assert_close
from facula.testing.creation import make_tensor
from facula.testing.datasets import check_dataset
from facula.testing.devices import check_device
from facula.testing.layers import check_layer, check_model
from facula.testing.ops import check_op

__all__ = [
    "assert_close",
    "check_dataset",
    "check_device",
    "check_layer",
    "check_model",
    "check_op",
    "make_tensor",
]
