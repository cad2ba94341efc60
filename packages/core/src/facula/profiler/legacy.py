"""`torch.autograd.profiler`'s way to profile: one context, switched on by an argument; and ranges for NVIDIA's tools."""

from __future__ import annotations

from typing import Any

from facula.autograd.state import Interpreter
from facula.errors import missing
from facula.profiler import session


class profile(session.profile):
    """`facula.profiler.profile` with the arguments of `torch.autograd.profiler`; `enabled=False` records nothing.

    >>> import facula
    >>> with facula.autograd.profiler.profile() as prof:
    ...     y = facula.ones(3).exp()
    >>> prof.key_averages()[0].key
    'exp'
    """

    def __init__(
        self,
        enabled: bool = True,
        *,
        use_cuda: bool = False,
        use_device: str | None = None,
        record_shapes: bool = False,
        with_flops: bool = False,
        profile_memory: bool = False,
        with_stack: bool = False,
        with_modules: bool = False,
        **ignored: Any,
    ) -> None:
        activities = [session.ProfilerActivity.CPU]
        if use_cuda or use_device == "cuda":
            activities.append(session.ProfilerActivity.CUDA)
        super().__init__(
            activities=activities, record_shapes=record_shapes, with_flops=with_flops, profile_memory=profile_memory,
            with_stack=with_stack, with_modules=with_modules,
        )  # fmt: skip
        self.enabled = enabled

    def start(self) -> None:
        if self.enabled:
            super().start()

    def table(self, *args: Any, **kwargs: Any) -> str:
        """All events as text; see `EventList.table`."""
        return self.events().table(*args, **kwargs)

    def total_average(self) -> Any:
        """All events as one."""
        return self.events().total_average()

    @property
    def self_cpu_time_total(self) -> float:
        return self.events().self_cpu_time_total


class emit_nvtx(Interpreter):
    """Name every op as a range of NVTX, which NVIDIA's Nsight shows; needs CuPy.

    Errors: ImportError without the `cuda13` extra.
    """

    def __init__(self, enabled: bool = True, record_shapes: bool = False) -> None:
        self.enabled = enabled

    def __enter__(self) -> emit_nvtx:
        if self.enabled:
            try:
                from cupy.cuda import nvtx
            except ImportError as error:
                raise missing("cuda13", "cupy") from error
            self.nvtx = nvtx
            super().__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.enabled:
            super().__exit__(*exc)

    def process(self, op: Any, inputs: tuple[Any, ...], attrs: tuple[Any, ...]) -> Any:
        self.nvtx.RangePush(op.name)
        try:
            return op.bind(inputs, attrs)
        finally:
            self.nvtx.RangePop()
