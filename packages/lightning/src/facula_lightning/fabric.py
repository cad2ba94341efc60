"""Fabric: the parts of the Trainer for loops that you write yourself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import facula
from facula_lightning import connect, storage
from facula_lightning.attributes import follows
from facula_lightning.batches import to_device
from facula_lightning.loops.loaders import shared
from facula_lightning.precision import Precision
from facula_lightning.seed import seed_everything
from facula_lightning.strategies import Processes


class Fabric(Processes):
    """Devices, processes, precision, loggers and checkpoints for a raw training loop.

    >>> fabric = Fabric(accelerator="cpu")
    >>> model = facula.nn.Linear(2, 1)
    >>> model, optimizer = fabric.setup(model, facula.optim.SGD(model.parameters(), lr=0.1))
    >>> loss = model(facula.ones(1, 2)).sum()
    >>> fabric.backward(loss)
    >>> _ = optimizer.step()
    """

    def __init__(
        self,
        *,
        accelerator: str = "auto",
        strategy: Any = "auto",
        devices: list[int] | str | int = "auto",
        num_nodes: int = 1,
        precision: str | int | None = None,
        callbacks: list[Any] | Any | None = None,
        loggers: Any = None,
    ) -> None:
        self.strategy = connect.strategy(strategy, accelerator, devices, num_nodes)
        self.device = self.strategy.root_device
        self.precision = Precision(precision, self.device.type)
        self.callbacks = connect.listed(callbacks)
        self.loggers = connect.loggers(loggers or False, ".")
        self.use_distributed_sampler = True

    seed_everything = staticmethod(seed_everything)

    def launch(self, function: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> Any:
        """Call `function(fabric, ...)`; processes were started by mpiexec."""
        return None if function is None else function(self, *args, **kwargs)

    def setup(self, module: Any, *optimizers: Any) -> Any:
        """The module where it is to be and in its type, and its optimizers."""
        self.precision.convert_module(module)
        self.strategy.setup(module)
        self.strategy.begin_training(module)
        run = module.forward

        def forward(*args: Any, **kwargs: Any) -> Any:
            if self.world_size > 1 and module.training:
                self.strategy.before_step(module)
            with self.precision.forward():
                return run(*(self.precision.convert(value) for value in args), **kwargs)

        module.forward = forward
        return (module, *map(self.precision.stepper, optimizers)) if optimizers else module

    setup_module = setup

    def setup_optimizers(self, *optimizers: Any) -> Any:
        """Optimizers that step in the precision of the run, where modules are set up apart from them."""
        ready = [self.precision.stepper(optimizer) for optimizer in optimizers]
        return ready[0] if len(ready) == 1 else tuple(ready)

    @property
    def logger(self) -> Any:
        """The first logger."""
        return self.loggers[0]

    def to_device(self, thing: Any) -> Any:
        """A module, a tensor or a batch on the device."""
        return to_device(thing, self.device)

    def setup_dataloaders(self, *loaders: Any, move_to_device: bool = True) -> Any:
        """Loaders of this process's share, whose batches come to the device."""
        place: Any = self
        found = [_Moved(shared(place, one), self.device) if move_to_device else shared(place, one) for one in loaders]
        return found[0] if len(found) == 1 else found

    def backward(self, loss: Any, *args: Any, **kwargs: Any) -> None:
        """Gradients of the loss, scaled where the precision needs it."""
        self.precision.scaled(loss).backward(*args, **kwargs)

    def clip_gradients(self, module: Any, optimizer: Any, clip_val: Any = None, max_norm: Any = None) -> Any:
        """Clip each gradient's values, or their common norm."""
        self.precision.unscale(optimizer)
        if clip_val is not None:
            return facula.nn.utils.clip_grad_value_(module.parameters(), clip_val)
        return facula.nn.utils.clip_grad_norm_(module.parameters(), max_norm)

    autocast = follows("precision.forward", "`with autocast():` a block in the precision of the run.")

    def no_backward_sync(self, module: Any, enabled: bool = True) -> AbstractContextManager[Any]:
        """A block whose gradients are only accumulated."""
        return self.strategy.no_sync() if enabled else nullcontext()

    def all_reduce(self, value: Any, reduce_op: str = "mean") -> float:
        """A number from all processes."""
        return float(self.strategy.reduce(float(value), reduce_op))

    all_gather = follows("strategy.gather", "`all_gather(thing)`: what each process gave.")
    broadcast = follows("strategy.broadcast", "`broadcast(thing)`: what the first process gave.")
    barrier = follows("strategy.barrier", "`barrier()`: wait for all processes.")

    def print(self, *args: Any, **kwargs: Any) -> None:
        """Print in the first process only."""
        if self.is_global_zero:
            print(*args, **kwargs)  # noqa: T201

    def call(self, hook_name: str, *args: Any, **kwargs: Any) -> None:
        """Call a method of every callback that has it."""
        for callback in self.callbacks:
            if hasattr(callback, hook_name):
                getattr(callback, hook_name)(*args, **kwargs)

    def log(self, name: str, value: Any, step: int | None = None) -> None:
        """Give one number to all loggers."""
        self.log_dict({name: value}, step)

    def log_dict(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Give numbers to all loggers."""
        for logger in self.loggers if self.is_global_zero else ():
            logger.log_metrics({name: float(value) for name, value in metrics.items()}, step)

    def save(self, path: str | Path, state: Mapping[str, Any]) -> None:
        """Write modules, optimizers (anything with a state_dict) and plain values to one file."""
        plain = {name: thing.state_dict() if hasattr(thing, "state_dict") else thing for name, thing in state.items()}
        if self.is_global_zero:
            storage.write(plain, path)
        self.barrier()

    def load(self, path: str | Path, state: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read such a file into the things in `state`; returns what is left."""
        found: dict[str, Any] = storage.read(path, None)
        for name, thing in (state or {}).items():
            if hasattr(thing, "load_state_dict"):
                thing.load_state_dict(found.pop(name))
            elif state is not None:
                state[name] = found.pop(name)
        return found


class _Moved:
    """A loader whose batches come to a device."""

    def __init__(self, loader: Any, device: Any) -> None:
        self.loader, self.device = loader, device

    def __iter__(self) -> Any:
        return (to_device(batch, self.device) for batch in self.loader)

    def __len__(self) -> int:
        return len(self.loader)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)
