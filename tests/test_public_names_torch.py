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
    "storages are arrays: `tensor.array` is what they would hold": "const_data_ptr from_file storage storage_type untyped_storage",
    "another vendor's device, which a plugin brings": "ipu is_vulkan_available mtia record_stream to_mkldnn xpu",
    "complex32 has no counterpart in NumPy": "chalf",
    "removed or never public in PyTorch itself": """
        as_subclass compiled_with_cxx11_abi dim_order dsmm eig embedding_bag get_device_module hash_tensor hsmm hspmm index lstsq
        module_load norm_except_dim reinforce resize_as saddmm set_default_tensor_type slice_inverse solve spmm symeig
        to_padded_tensor map_ map2_ is_distributed
    """,
    "a sparse layout beyond COO and CSR, or an operation on them that is not written": """
        ccol_indices ccol_indices_copy col_indices_copy crow_indices_copy indices_copy resize_as_sparse_ row_indices row_indices_copy
        smm sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_csc_tensor sparse_resize_
        sparse_resize_and_clear_ sspaddmm to_sparse_bsc to_sparse_bsr to_sparse_csc values_copy
    """,
    "methods of sparse tensors, which are a class of their own": """
        col_indices crow_indices dense_dim indices sparse_dim sparse_mask values
    """,
    "spelled autograd.set_detect_anomaly": "set_anomaly_enabled",
    "autocast keeps no cache": "clear_autocast_cache",
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
