import importlib.util
import re
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[3] / "examples" / "quickstart.py"
for needed in ("facula_vision", "matplotlib", "onnx", "onnxruntime"):
    pytest.importorskip(needed)
if not EXAMPLE.is_file():
    pytest.skip("the examples are not beside the packages", allow_module_level=True)


def test_a_short_run_writes_everything(tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("quickstart", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    import facula

    threads = facula.get_num_threads()
    try:
        module.main(["--output", str(tmp_path / "out"), "--epochs", "2"])
    finally:
        facula.set_num_threads(threads)
    last = capsys.readouterr().out.splitlines()[-1]
    number = r"(\d\.\d{3})"
    form = (
        rf"quickstart: test accuracy {number}, onnx max difference (\d\.\de-\d\d), int8 accuracy {number}, report (.+)"
    )
    accuracy, difference, int8, report = re.fullmatch(form, last).groups()
    assert float(accuracy) > 0.7
    assert float(difference) <= 1e-4
    assert abs(float(accuracy) - float(int8)) <= 0.01
    written = {file.name for file in (tmp_path / "out").iterdir()}
    pictures = {"curves.png", "confusion.png", "predictions.png"}
    assert written == pictures | {"model.safetensors", "model.onnx", "report.html", "log"}
    assert Path(report).read_text(encoding="utf-8").count("data:image/png;base64,") == 6
    network = module.DigitClassifier().network
    network.load_state_dict(facula.load(tmp_path / "out" / "model.safetensors"))
