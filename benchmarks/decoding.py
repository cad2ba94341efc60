"""Decoding beside torch eager in one run: greedy ids of a GPT with a cache of keys and values: `python benchmarks/decoding.py`.

Each library has a process of its own that lives through the run, and both are asked in turn: what else the machine does
slows both. facula runs its own `generate`; torch runs the same model with the same weights, written here as one would in
eager mode: memory for the cache taken once, `scaled_dot_product_attention`, nothing recorded for gradients. Both must choose
the same ids. A ratio is facula's median time over torch's; below 1 facula is ahead.

    python benchmarks/decoding.py --shape gpt --rounds 15 --threads 1 --processor
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

LIBRARIES = ("facula", "torch")
SHAPES = {  # vocab_size, block_size, n_layer, n_head, n_embd; ids given, ids to choose
    "gpt": ((65, 256, 4, 6, 192), 16, 128),
    "gpt2": ((50257, 1024, 12, 12, 768), 16, 16),
}


def _weights(shapes: dict[str, tuple[int, ...]]) -> dict[str, np.ndarray[Any, Any]]:
    """Numbers that are the same in both libraries; norms near one, all else small."""
    random = np.random.default_rng(0)
    return {
        name: random.standard_normal(size, dtype=np.float32) * np.float32(0.02)
        + np.float32(name.endswith("weight") and len(size) == 1)
        for name, size in sorted(shapes.items())
    }


def facula_side(shape: tuple[int, ...], threads: int) -> Callable[[np.ndarray[Any, Any], int], Any]:
    import facula
    from facula_text.models import GPT

    facula.set_num_threads(threads)
    model = GPT(*shape).eval()
    weights = _weights({name: tuple(value.shape) for name, value in model.state_dict().items()})
    model.load_state_dict({name: facula.from_numpy(value) for name, value in weights.items()})
    return lambda ids, count: model.generate(facula.from_numpy(ids), count).numpy()


def torch_side(shape: tuple[int, ...], threads: int) -> Callable[[np.ndarray[Any, Any], int], Any]:
    import torch
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    vocab_size, block_size, n_layer, n_head, n_embd = shape

    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.ln_1 = nn.LayerNorm(n_embd)
            self.attn = nn.ModuleDict(
                {"c_attn": nn.Linear(n_embd, 3 * n_embd), "c_proj": nn.Linear(n_embd, n_embd)},
            )
            self.ln_2 = nn.LayerNorm(n_embd)
            self.mlp = nn.ModuleDict(
                {"c_fc": nn.Linear(n_embd, 4 * n_embd), "c_proj": nn.Linear(4 * n_embd, n_embd)},
            )

        def forward(self, x: Any, keys: Any, values: Any, before: int) -> Any:
            batch, steps, _ = x.shape
            q, k, v = (
                part.view(batch, steps, n_head, -1).transpose(1, 2)
                for part in self.attn["c_attn"](self.ln_1(x)).split(n_embd, dim=2)
            )
            last = before + steps
            keys[:, :, before:last] = k
            values[:, :, before:last] = v
            y = F.scaled_dot_product_attention(q, keys[:, :, :last], values[:, :, :last], is_causal=steps > 1)
            x = x + self.attn["c_proj"](y.transpose(1, 2).reshape(batch, steps, n_embd))
            return x + self.mlp["c_proj"](F.gelu(self.mlp["c_fc"](self.ln_2(x)), approximate="tanh"))

    class Decoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.transformer = nn.ModuleDict(
                {
                    "wte": nn.Embedding(vocab_size, n_embd),
                    "wpe": nn.Embedding(block_size, n_embd),
                    "h": nn.ModuleList([Block() for _ in range(n_layer)]),
                    "ln_f": nn.LayerNorm(n_embd),
                }
            )

        def forward(self, ids: Any, cache: list[tuple[Any, Any]], before: int) -> Any:
            parts = self.transformer
            x = parts["wte"](ids) + parts["wpe"](torch.arange(before, before + ids.shape[1]))
            for block, (keys, values) in zip(parts["h"], cache, strict=True):
                x = block(x, keys, values, before)
            return F.linear(parts["ln_f"](x), parts["wte"].weight)

    model = Decoder().eval()
    weights = _weights({name: tuple(value.shape) for name, value in model.state_dict().items()})
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})

    @torch.inference_mode()
    def generate(given: np.ndarray[Any, Any], count: int) -> Any:
        ids = torch.from_numpy(given)
        size = (len(ids), n_head, ids.shape[1] + count, n_embd // n_head)
        cache = [(torch.zeros(size), torch.zeros(size)) for _ in range(n_layer)]
        read = 0
        for _ in range(count):
            logits = model(ids[:, read:], cache, read)[:, -1]
            read = ids.shape[1]
            ids = torch.cat([ids, logits.argmax(dim=-1, keepdim=True)], dim=1)
        return ids.numpy()

    return generate


def serve(options: argparse.Namespace) -> None:
    """Answer each line with the seconds that one text takes and its ids."""
    shape, length, count = SHAPES[options.shape]
    side = (facula_side if options.serve == "facula" else torch_side)(shape, options.threads)
    given = np.random.default_rng(1).integers(0, shape[0], (options.batch, length))
    side(given, 2)
    clock = time.process_time if options.processor else time.perf_counter
    for _ in sys.stdin:
        start = clock()
        ids = side(given, count)
        print(json.dumps([clock() - start, ids.tolist()]), flush=True)


def compare(options: argparse.Namespace, shape: str) -> float:
    """Print one row for a shape."""
    command = [sys.executable, __file__, *sys.argv[1:], "--shape", shape]
    sides = [
        subprocess.Popen([*command, "--serve", name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in LIBRARIES
    ]
    times: list[list[float]] = []
    for _ in range(options.rounds):
        answers = []
        for side in sides:
            side.stdin.write("\n")  # type: ignore[union-attr]
            side.stdin.flush()  # type: ignore[union-attr]
            answers.append(json.loads(side.stdout.readline()))  # type: ignore[union-attr]
        assert answers[0][1] == answers[1][1], "the libraries chose different ids"
        times.append([seconds for seconds, _ in answers])
    for side in sides:
        side.stdin.close()  # type: ignore[union-attr]
        side.wait()
    ids = options.batch * SHAPES[shape][2]
    own, other = (statistics.median(column) for column in zip(*times, strict=True))
    print(
        f"{shape:6} batch {options.batch}: {own / other:5.2f}   facula {ids / own:7.1f} ids/s   torch {ids / other:7.1f} ids/s"
    )
    return own / other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, help="one of them instead of all")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processor", action="store_true", help="count processor time instead of the clock's")
    parser.add_argument("--serve", choices=LIBRARIES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options)
    else:
        for shape in [options.shape] if options.shape else SHAPES:
            compare(options, shape)


if __name__ == "__main__":
    main()
