"""PyTorch's public names: each is here too, or stands below with the reason why not."""

import importlib

import pytest

import facula

torch = pytest.importorskip("torch")

REASONS = {
    "quantized tensors are int8 layers here, not a layout": """
        dequantize empty_quantized int_repr q_per_channel_axis q_per_channel_scales q_per_channel_zero_points q_scale
        q_zero_point qscheme
    """,
    "compiling is not written yet": "compile cond",
    "a storage over a file: facula.load(mmap=True) is the way": "from_file",
    "another vendor's device, which a plugin brings": "ipu is_vulkan_available mtia record_stream to_mkldnn xpu get_device_module",
    "complex32 has no counterpart in NumPy": "chalf",
    "removed or never public in PyTorch itself": """
        compiled_with_cxx11_abi eig embedding_bag hash_tensor index lstsq module_load reinforce resize_as slice_inverse solve
        symeig to_padded_tensor is_distributed
    """,
    "changes the size of a sparse tensor in place": "resize_as_sparse_ sparse_resize_ sparse_resize_and_clear_",
    "experimental kernels for NVIDIA's matrix units": "grouped_mm scaled_grouped_mm scaled_mm",
    "typing's, shown by accident": "Optional",
}
ALLOWED = {name: reason for reason, names in REASONS.items() for name in names.split()}
NAMESPACES = ("linalg", "fft", "special", "optim.lr_scheduler", "autograd.functional", "nn.utils.rnn")


def test_every_name_of_the_top_namespace_of_tensors_and_of_functional_is_here_or_explained():
    from facula.ops import names

    missing = {n for n in names.FUNCTIONS if not hasattr(facula, n)}
    missing |= {n for n in names.METHODS | names.IN_PLACE if not hasattr(facula.Tensor, n)}
    missing |= {n for n in names.FUNCTIONAL if not hasattr(facula.nn.functional, n)}
    assert missing - ALLOWED.keys() == set()
    assert ALLOWED.keys() - missing == set()  # a reason for what is here is stale


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_the_namespace_is_complete(namespace):
    theirs, ours = importlib.import_module(f"torch.{namespace}"), importlib.import_module(f"facula.{namespace}")
    listed = getattr(theirs, "__all__", None) or [n for n in dir(theirs) if not n.startswith("_")]
    noise = {"common_notes", "Tensor"}  # strings and types that PyTorch shows by accident
    assert [n for n in listed if not hasattr(ours, n) and n not in noise] == []


def test_every_module_and_optimizer_is_here_or_explained():
    missing = [
        n
        for n in dir(torch.nn)
        if n[:1].isupper() and isinstance(getattr(torch.nn, n), type) and not hasattr(facula.nn, n)
    ]
    assert missing == []
    assert [n for n in torch.optim.__all__ if n[:1].isupper() and not hasattr(facula.optim, n)] == []
