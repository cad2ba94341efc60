"""Write `kernels.npz`: what torchvision's functionals make of the inputs in `cases.py`.

Run where torchvision is installed: `python record_kernels.py`. The test itself needs neither torch nor torchvision.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
import cases


def main():
    import torch
    import torchvision
    from torchvision.transforms.v2 import functional

    warnings.simplefilter("ignore")
    index, data = [], []
    for name, call in cases.outputs(torch, torchvision.tv_tensors, functional, cases.SMALL):
        if name.rsplit("-", 1)[1] in cases.RECORDED:
            for array in call():
                index.append([name, array.dtype.str, array.shape])
                data.append(np.frombuffer(array.tobytes(), np.uint8))
    text = np.frombuffer(json.dumps(index).encode(), np.uint8)
    np.savez_compressed(Path(__file__).with_name("kernels.npz"), index=text, data=np.concatenate(data))


if __name__ == "__main__":
    main()
