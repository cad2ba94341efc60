"""Reading published files takes hardly more memory than the model."""

import json
import subprocess
import sys

import pytest

import facula
from facula_text.models import GPT, Llama

MEASURE = """
import os, re, sys
import facula
from facula_text import models

def highest():
    return 1024 * int(re.search(r"VmHWM:\\s*(\\d+)", open("/proc/self/status").read())[1])

facula.ones(64, 64) @ facula.ones(64, 64)  # what is loaded at first use
models.GPT(4, 4, n_layer=1, n_head=1, n_embd=4)
open("/proc/self/clear_refs", "w").write("5")  # the mark begins anew
before = highest()
model = getattr(models, sys.argv[1]).from_pretrained(sys.argv[2])
print((highest() - before) / os.path.getsize(sys.argv[2] + "/model.safetensors"))
"""


def write_gpt(folder):
    model = GPT(4000, 64, n_layer=16, n_head=4, n_embd=384)
    state = {}
    for name, value in model.state_dict().items():
        is_matrix = any(part in name for part in ("c_attn.w", "c_proj.w", "c_fc.w"))
        state[name.removeprefix("transformer.")] = value.t().contiguous() if is_matrix else value
    facula.serialization.save_file(state, folder / "model.safetensors")
    return {"vocab_size": 4000, "n_positions": 64, "n_layer": 16, "n_head": 4, "n_embd": 384}


def write_llama(folder):
    model = Llama(4000, 64, n_layer=12, n_head=4, n_embd=384, hidden=1536)
    own = {
        "embedding": "model.embed_tokens", "norm": "model.norm", "head": "lm_head", "attention_norm": "input_layernorm",
        "mlp_norm": "post_attention_layernorm", "attention": "self_attn",
    }  # fmt: skip
    state = {}
    for name, value in model.state_dict().items():
        parts = [own.get(part, part) if part != "mlp" else part for part in name.split(".")]
        if parts[0] == "layers":
            parts[0] = "model.layers"
            if parts[2] in ("self_attn", "mlp"):
                parts[3] += "_proj"
        state[".".join(parts)] = value
    facula.serialization.save_file(state, folder / "model.safetensors")
    return {
        "vocab_size": 4000, "max_position_embeddings": 64, "num_hidden_layers": 12, "num_attention_heads": 4,
        "hidden_size": 384, "intermediate_size": 1536, "rms_norm_eps": 1e-5,
    }  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(("family", "write"), [("GPT", write_gpt), ("Llama", write_llama)])
def test_peak_memory_is_that_of_the_file(family, write, tmp_path):
    config = write(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert (tmp_path / "model.safetensors").stat().st_size > 90e6
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, family, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert 0.9 < float(done.stdout) <= 1.1
