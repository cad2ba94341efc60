"""Write `facts.json` and `tiny.npz`: what torchaudio's models hold, and what those of `tiny.json` give for fixed weights.

Run where torchaudio is installed: `python record_facts.py`. The tests that read them need neither torch nor torchaudio.
"""

import hashlib
import json
import warnings
import zlib
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SIZES = (
    "wav2vec2_base wav2vec2_large wav2vec2_large_lv60k wav2vec2_xlsr_300m wav2vec2_xlsr_1b wav2vec2_xlsr_2b hubert_base "
    "hubert_large hubert_xlarge wavlm_base wavlm_large hubert_pretrain_base hubert_pretrain_large hubert_pretrain_xlarge "
    "conv_tasnet_base"
)
DEFAULTS = {
    "Wav2Letter": {},
    "DeepSpeech": {"n_feature": 13},
    "Tacotron2": {},
    "WaveRNN": {"upsample_scales": [5, 5, 8], "n_classes": 512, "hop_length": 200},
    "emformer_rnnt_base": {"num_symbols": 4097},
    **{name: {} for name in SIZES.split()},
}


def digest(state):
    """SHA-256 of all names and shapes in their order."""
    lines = [f"{name} {tuple(value.shape)}\n" for name, value in state.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def weights(state):
    """An array for each entry that only its name and shape determine."""
    found = {}
    for name, value in state.items():
        random = np.random.default_rng(zlib.crc32(name.encode()))
        array = random.standard_normal(tuple(value.shape)).astype(np.float32)
        if name.endswith("num_batches_tracked"):
            array = np.zeros((), np.int64)
        elif name.endswith("running_var"):
            array = np.abs(array) + 0.5
        elif array.ndim > 1:
            array = array / np.sqrt(np.float32(array[0].size))
        elif name.endswith(("weight", "original0")):
            array = 1 + 0.1 * array
        found[name] = array
    return found


def arrays(inputs, name):
    """The inputs of a case: numbers from a generator of its name, or those that stand there."""
    random = np.random.default_rng(zlib.crc32(name.encode()))
    found = []
    for value in inputs:
        if isinstance(value, dict) and "normal" in value:
            found.append(random.standard_normal(value["normal"], dtype=np.float32))
        elif isinstance(value, dict):
            found.append(np.array(value["ints"], np.int64))
        else:
            found.append(value)
    return found


def flat(output):
    """All tensors of nested tuples and lists, in order."""
    if isinstance(output, tuple | list):
        return [tensor for part in output for tensor in flat(part)]
    return [] if output is None else [output]


def main():
    import torch
    import torchaudio

    warnings.simplefilter("ignore")
    torch.nn.Module.apply = lambda self, function: self  # starting values have no memory to stand in on "meta"
    facts = {"torchaudio": torchaudio.__version__.split("+")[0], "models": {}}
    for name, config in DEFAULTS.items():
        with torch.device("meta"):
            model = getattr(torchaudio.models, name)(**config)
        state = model.state_dict()
        facts["models"][name] = {
            "config": config,
            "parameters": sum(parameter.numel() for parameter in model.parameters()),
            "entries": len(state),
            "digest": digest(state),
        }
    (HERE / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")

    torch.nn.functional.dropout = lambda input, *args, **kwargs: input  # Tacotron's stays on in evaluation
    torch.multinomial = lambda chances, count: chances.argmax(-1, keepdim=True)
    outputs = {}
    for name, case in json.loads((HERE / "tiny.json").read_text()).items():
        model = getattr(torchaudio.models, case["builder"])(**case["config"]).eval()
        model.load_state_dict({key: torch.from_numpy(value) for key, value in weights(model.state_dict()).items()})
        inputs = [
            torch.from_numpy(value) if isinstance(value, np.ndarray) else value
            for value in arrays(case["inputs"], name)
        ]
        with torch.no_grad():
            found = flat(getattr(model, case["method"])(*inputs))
        outputs.update({f"{name}.{index}": tensor.numpy() for index, tensor in enumerate(found)})
    np.savez_compressed(HERE / "tiny.npz", **outputs)


if __name__ == "__main__":
    main()
