"""The wrong calls that PyTorch's own database of operators lists: refused here with the same class, and located."""

import inspect
import warnings

import numpy as np
import pytest

import facula

torch = pytest.importorskip("torch")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    database = pytest.importorskip("torch.testing._internal.common_methods_invocations")

# What PyTorch refuses and this library takes, or refuses with the class that PyTorch's function itself raises.
KINDER = {
    "aminmax": "out= of another type is converted",
    "complex": "out= of another type is converted",
    "gather": "out= of another type is converted",
    "multinomial": "out= of another type is converted",
    "cat": "out= may overlap itself",
    "masked_fill": "a number of another kind is converted",
    "normal": "the in-place form of that name takes other arguments",
    "nn.functional.max_pool1d": "an empty batch is an empty result",
    "nn.functional.max_pool3d": "an empty batch is an empty result",
    "arange": "the class of the function itself",
    "amax": "the class of the function itself",
    "amin": "the class of the function itself",
    "empty_permuted": "a dim out of range is an IndexError everywhere",
    "narrow_copy": "a dim out of range is an IndexError everywhere",
}


class NotForUs(Exception):
    """An argument that only PyTorch has."""


def translated(x):
    if isinstance(x, torch.Tensor):
        if x.layout != torch.strided or x.dtype in (torch.bfloat16, torch.complex32):
            raise NotForUs
        if x.device.type == "meta":
            return facula.empty(tuple(x.shape), dtype=translated(x.dtype), device="meta")
        made = facula.from_numpy(np.array(x.detach().resolve_conj().resolve_neg().numpy()))
        return made.requires_grad_() if x.requires_grad else made
    if isinstance(x, torch.dtype):
        return getattr(facula, str(x).rpartition(".")[2])
    if isinstance(x, torch.device):
        return facula.device(str(x))
    if isinstance(x, (list, tuple)):
        return type(x)([translated(v) for v in x]) if type(x) in (list, tuple) else tuple(translated(v) for v in x)
    if isinstance(x, dict):
        return {name: translated(v) for name, v in x.items()}
    if type(x).__module__.startswith("torch"):
        raise NotForUs
    return x


def found(name):
    value = facula
    for part in name.split("."):
        value = getattr(value, part, None)
    return value or getattr(facula.Tensor, name, None)


ENTRIES = sorted({op.name: op for op in database.op_db if op.error_inputs_func and found(op.name)}.items())


@pytest.mark.parametrize(("name", "op"), ENTRIES, ids=[name for name, _ in ENTRIES])
@pytest.mark.filterwarnings("ignore")
def test_wrong_calls(name, op):
    for wrong in op.error_inputs("cpu"):
        kinds = wrong.error_type if isinstance(wrong.error_type, tuple) else (wrong.error_type,)
        sample = wrong.sample_input
        overlap = "unsupported operation" in wrong.error_regex  # out= over the memory of an input is written last here
        half = "expects float32 or float64" in wrong.error_regex  # windows exist in half precision here
        if Exception in kinds or name in KINDER or overlap or half:
            continue
        try:
            arguments = [translated(x) for x in (sample.input, *sample.args)]
            keywords = translated(sample.kwargs)
        except NotForUs:
            continue
        builtin = tuple(next(k for k in inspect.getmro(kind) if not k.__module__.startswith("torch")) for kind in kinds)
        with pytest.raises(builtin, match=r"\n  at ") as caught:
            found(name)(*arguments, **keywords)
        assert "Check the shapes and types" not in str(caught.value)
