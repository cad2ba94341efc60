"""The `facula` command: what is installed, and what it can do."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version

from facula.config import SETTINGS, home
from facula.errors import PluginWarning
from facula.plugins import TABLES

__all__ = ["main"]

_DISTRIBUTIONS = ("facula", "facula-vision", "facula-text", "facula-audio", "facula-lightning")
_LIBRARIES = {
    "required": ("numpy", "scipy", "pluggy", "ml_dtypes", "safetensors", "threadpoolctl"),
    "fast": ("numba",),
    "cuda12": ("cupy-cuda12x",),
    "cuda13": ("cupy-cuda13x",),
    "onnx": ("onnx", "onnxruntime"),
    "mpi": ("mpi4py",),
}


def installed(distribution: str) -> str | None:
    """The version of a distribution, or None where it is not installed.

    >>> installed("a-distribution-that-nobody-made") is None
    True
    """
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def show_plugins(args: argparse.Namespace) -> int:
    """List every plugin with its version, hooks, load time and error; status 1 if one was skipped."""
    from facula.plugins.manager import plugins  # scanning costs time that other commands need not pay

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PluginWarning)  # what it would say stands in the list
        found = plugins()
    if args.json:
        names = {kinds: table.names() for kinds, table in TABLES.items()}
        print(json.dumps({"plugins": [asdict(plugin) for plugin in found], "names": names}, indent=2))
    else:
        for plugin in found:
            kinds = ", ".join(hook.removeprefix("facula_register_") for hook in plugin.hooks)
            print(
                f"{plugin.qualified} {plugin.version}  {plugin.status}  {plugin.seconds * 1e3:.1f} ms  {kinds}".rstrip()
            )
            if plugin.error:
                print(f"    {plugin.error}" + (f" ({plugin.file})" if plugin.file else ""))
    return int(any(plugin.status == "skipped" for plugin in found))


def show_env(args: argparse.Namespace) -> int:
    """Describe the machine, the libraries and the settings, for a bug report."""
    print(f"python {platform.python_version()} ({sys.executable})")
    print(f"system {platform.platform()}, {os.cpu_count()} processors")
    for distribution in _DISTRIBUTIONS:
        print(f"{distribution} {installed(distribution) or 'not installed'}")
    for extra, libraries in _LIBRARIES.items():
        for library in libraries:
            have = installed(library)
            hint = "" if have or extra == "required" else f"  (pip install facula[{extra}])"
            print(f"{library} {have or 'not installed'}{hint}")
    for name, meaning in SETTINGS.items():
        print(f"{name}={os.environ.get(name, '')}  # {meaning}")
    print(f"home {home()}")
    return 0


def warm_up(args: argparse.Namespace) -> int:
    """Compile the kernels that are not kept yet, so that no training run waits for them; status 1 without numba."""
    import facula.ops  # every family hangs its kernels on its operators
    import facula.optim  # noqa: F401 - and each optimizer has a loop
    from facula.ops.kernels import compiled, store

    if not compiled.available():
        print("kernels: numba is not installed, or FACULA_KERNELS=0. Run: pip install facula[fast]")
        return 1
    for number, (name, floating) in enumerate(compiled.warm_up(args.types), 1):
        print(f"\r{number} kernels ready: {name} {floating:<40}", end="", flush=True)
    print(f"\nkept in {store.folder()}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The parser of the command and its subcommands."""
    parser = argparse.ArgumentParser(prog="facula", description="PyTorch's API on NumPy and CuPy arrays.")
    parser.add_argument("--version", action="version", version=f"facula {installed('facula') or 'not installed'}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    listing = commands.add_parser("plugins", help="list plugins: version, hooks, load time, errors")
    listing.add_argument("--json", action="store_true", help="machine-readable, with every registered name")
    listing.set_defaults(run=show_plugins)
    env = commands.add_parser("env", help="describe machine, libraries and settings")
    env.set_defaults(run=show_env)
    warm = commands.add_parser("warmup", help="compile the kernels ahead of their first use")
    warm.add_argument("--types", nargs="+", default=["float32"], choices=["float32", "float64"])
    warm.set_defaults(run=warm_up)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    args = build_parser().parse_args(arguments)
    status: int = args.run(args)
    return status


if __name__ == "__main__":
    sys.exit(main())
