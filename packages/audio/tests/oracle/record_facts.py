"""Write facts.safetensors: what torchaudio gives for every case. Run with torch 2.9 and torchaudio 2.9 installed."""

import runpy
import warnings
from pathlib import Path


def main():
    import torch
    import torchaudio
    import torchaudio.compliance.kaldi
    from safetensors.numpy import save

    calls = runpy.run_path(str(Path(__file__).with_name("calls.py")))
    warnings.simplefilter("ignore")
    facts, metadata = {}, {"torch": torch.__version__, "torchaudio": torchaudio.__version__}
    for name, call in calls["every"]():
        for i, array in enumerate(call(torch, torchaudio)):
            facts[f"{name}.{i}"] = calls["summary"](array)
            metadata[f"{name}.{i}"] = calls["description"](array)
    calls["FACTS"].write_bytes(save(facts, metadata))
    print(f"{len(facts)} facts of torchaudio {torchaudio.__version__}")


if __name__ == "__main__":
    main()
