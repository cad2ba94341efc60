"""PyTorch's names around modules, optimizers, mixed precision and the profiler: each is here, or stands below with the reason."""

import importlib
import inspect

import pytest

import facula

torch = pytest.importorskip("torch")

NAMESPACES = """
    nn nn.modules nn.functional nn.init nn.parallel nn.parallel.data_parallel nn.parallel.distributed nn.parameter nn.attention
    nn.attention.bias nn.attention.flex_attention nn.grad nn.common_types nn.utils nn.utils.rnn nn.utils.clip_grad nn.utils.convert_parameters nn.utils.fusion
    nn.utils.init nn.utils.memory_format nn.utils.parametrizations nn.utils.parametrize nn.utils.prune nn.utils.spectral_norm
    nn.utils.stateless nn.utils.weight_norm nn.modules.activation nn.modules.adaptive nn.modules.batchnorm
    nn.modules.channelshuffle nn.modules.container nn.modules.conv nn.modules.distance nn.modules.dropout nn.modules.flatten
    nn.modules.fold nn.modules.instancenorm nn.modules.lazy nn.modules.linear nn.modules.linear_cross_entropy
    nn.modules.linear_cross_entropy_options nn.modules.loss nn.modules.module nn.modules.normalization nn.modules.padding
    nn.modules.pixelshuffle nn.modules.pooling nn.modules.rnn nn.modules.sparse nn.modules.transformer nn.modules.upsampling
    nn.modules.utils optim optim.lr_scheduler optim.swa_utils optim.optimizer optim.adam optim.adamw optim.sgd amp cpu.amp
    cuda.amp profiler autograd.profiler utils.flop_counter
""".split()

REASONS = {
    "one kernel of attention, so there is nothing to choose": """
        WARN_FOR_UNFUSED_KERNELS register_flash_attention_impl activate_flash_attention_impl list_flash_attention_impls
        current_flash_attention_impl restore_flash_attention_impl
    """,
    "what PyTorch's compiled kernels are told": "AuxOutput AuxRequest FlexKernelOptions",
    "several GPUs in one process: DistributedDataParallel has a process for each": "replicate scatter parallel_apply gather",
    "reads files from before 2019": "SpectralNormLoadStateDictPreHook SpectralNormStateDictHook",
    "the class does this": "adam adamw sgd",
    "for tracing with tensors that hold no numbers": "swap_in_optimizer_params_and_state",
    "PyTorch's own tracer's": "kineto_available DeviceType ExecutionTraceObserver KinetoStepTracker EnforceUnique MemRecordsAcc",
    "another vendor's tool": "emit_itt load_nvprof parse_nvprof_trace",
    "how PyTorch's optimizers share out tensors to kernels": "GLOBAL",
}
ALLOWED = {name: reason for reason, names in REASONS.items() for name in names.split()}
NOISE = {"T", "Tensor", "ABC", "Iterable", "Enum", "Any", "abstractmethod"}


def listed(module):
    """The public names of a module of torch: what it lists, or what it defines."""
    names = getattr(module, "__all__", None)
    if names is not None:
        return list(names)
    return [
        n
        for n in dir(module)
        if not n.startswith("_")
        and not inspect.ismodule(getattr(module, n))
        and getattr(getattr(module, n), "__module__", None) == module.__name__
    ]


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_every_name_is_here_or_explained(namespace):
    theirs, ours = importlib.import_module(f"torch.{namespace}"), importlib.import_module(f"facula.{namespace}")
    explained = ALLOWED.keys() | NOISE
    if namespace == "nn.functional":  # its own test asks for the functions; these are types of arguments
        explained |= {
            "ScalingType",
            "SwizzleType",
            "grouped_mm",
            "scaled_grouped_mm",
            "scaled_mm",
            "assert_int_or_pair",
        }
    assert [n for n in listed(theirs) if not hasattr(ours, n) and n not in explained] == []


def test_what_is_explained_is_missing():
    everywhere = {n for space in NAMESPACES for n in dir(importlib.import_module(f"facula.{space}"))}
    asked = {n for space in NAMESPACES for n in listed(importlib.import_module(f"torch.{space}"))}
    assert sorted(n for n in ALLOWED if n in asked and n in everywhere and n not in ("adam", "adamw", "sgd")) == []


PROGRAM_LINES = """
from facula.nn.modules.utils import _pair, _single, _triple, _ntuple, consume_prefix_in_state_dict_if_present
from facula.nn.modules.batchnorm import _BatchNorm, _NormBase
from facula.nn.modules.conv import _ConvNd, _ConvTransposeNd
from facula.nn.modules.loss import _Loss, _WeightedLoss
from facula.nn.modules.module import Module, register_module_forward_hook, _addindent
from facula.nn.modules.pooling import _MaxPoolNd, _AvgPoolNd, _AdaptiveAvgPoolNd
from facula.nn.modules.dropout import _DropoutNd
from facula.nn.modules.instancenorm import _InstanceNorm
from facula.nn.modules.rnn import RNNBase, RNNCellBase
from facula.nn.modules.lazy import LazyModuleMixin
from facula.nn.modules.transformer import _get_clones
from facula.nn.parameter import Parameter, UninitializedParameter, Buffer
from facula.nn.init import trunc_normal_, _calculate_fan_in_and_fan_out, _calculate_correct_fan
from facula.nn.common_types import _size_2_t
from facula.nn.parallel import DataParallel, DistributedDataParallel
from facula.nn.parallel.distributed import DistributedDataParallel
from facula.nn.utils.clip_grad import clip_grad_norm_
from facula.nn.utils.rnn import pad_sequence, PackedSequence
from facula.nn.utils.stateless import functional_call
from facula.nn.attention import SDPBackend, sdpa_kernel
from facula.optim.optimizer import Optimizer, required
from facula.optim.lr_scheduler import LRScheduler, _LRScheduler, LambdaLR
from facula.optim.adamw import AdamW
from facula.cuda.amp import autocast, GradScaler
from facula.amp.autocast_mode import autocast
from facula.amp.grad_scaler import GradScaler
from facula.autograd.profiler import record_function
from facula.utils.flop_counter import FlopCounterMode
""".strip().splitlines()


@pytest.mark.parametrize("line", PROGRAM_LINES)
def test_the_imports_of_programs_work(line):
    exec(line.replace("facula", "torch"), {})
    exec(line, {})


def test_modules_have_torchs_methods():
    missing = [n for n in dir(torch.nn.Module) if not n.startswith("_") and not hasattr(facula.nn.Module, n)]
    # devices of other vendors, the type of a dict, two switches that PyTorch keeps for old programs
    assert sorted(set(missing) - {"compile"}) == [
        "T_destination",
        "call_super_init",
        "dump_patches",
        "ipu",
        "mtia",
        "xpu",
    ]
