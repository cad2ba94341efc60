import ast
import inspect
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import facula
from facula.errors import NameClashError, UnknownNameError, located, missing, unknown, value_error


def test_unknown_proposes_the_nearest_name_and_the_call_that_lists_them():
    error = unknown("model", "resnet81", ["lenet", "resnet18"], "facula.models.names()")
    assert isinstance(error, UnknownNameError)
    assert str(error) == "unknown model 'resnet81'. Did you mean 'resnet18'? facula.models.names() lists all 2."


def test_unknown_proposes_nothing_where_nothing_is_near():
    assert str(unknown("mode", "zzz", ["area", "cubic"])) == "unknown mode 'zzz'. Known: area, cubic."
    assert str(unknown("mode", "zzz", [])) == "unknown mode 'zzz'. None is known."


@pytest.mark.parametrize("error", [UnknownNameError, NameClashError])
def test_lookup_errors_are_value_errors(error):
    assert issubclass(error, ValueError)


def test_missing_names_the_extra_to_install():
    with pytest.raises(
        ImportError, match=r"onnxruntime: expected the extra 'onnx'.*Run: pip install facula\[onnx\]"
    ) as info:
        raise missing("onnx", "onnxruntime")
    assert info.value.name == "onnxruntime"


def test_missing_names_another_package():
    assert "pip install facula-lightning[plots]" in str(missing("plots", "matplotlib", "facula-lightning"))


def here(offset=0):
    """The place of the caller's line, as errors name it."""
    frame = inspect.currentframe().f_back
    return f"\n  at {__file__}:{frame.f_lineno + offset}"


def message(call, *arguments):
    with pytest.raises(Exception, match=".") as caught:
        call(*arguments)
    return "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])


def test_an_error_names_the_call_the_operands_and_the_line():
    x = facula.ones(2, 3)
    place = here(1)
    said = message(lambda: x.std(5))
    assert said.startswith("std: Dimension out of range (expected to be in range of [-2, 1], but got 5).")
    assert said.endswith(f"\n  with input (2, 3) float32{place}")


def test_the_line_is_the_users_though_the_library_calls_back():
    def hook(pairs):
        return facula.ones(2) + facula.ones(3)

    place = here(-2)
    assert message(lambda: json.loads('{"a": 1}', object_hook=hook)).endswith(place)
    assert message(lambda: facula.autograd.functional.jacobian(hook, facula.ones(1))).endswith(place)


def test_operands_are_named_only_where_the_message_lacks_them():
    assert "\n  with " not in message(lambda: facula.ones(2) + facula.ones(3))
    words = message(lambda: facula.ones(2, 3) @ facula.tensor(1.0))
    assert "\n  with input (2, 3) float32, other () float32" in words
    words = message(lambda: facula.stack([facula.ones(2)] * 9 + [facula.ones(3)]))
    assert "\n  with tensors [(2,) float32, " in words
    assert "(2,) float32, ...]" in words


def test_an_error_is_located_once():
    error = value_error("op: wrong. Fix it.")
    assert str(error) == f"op: wrong. Fix it.{here(-1)}"
    assert located(error) is error
    assert str(error).count("\n  at ") == 1


def test_classes_that_print_in_their_own_way_get_a_note():
    error = located(KeyError("name"))
    assert error.args == ("name",)
    assert error.__notes__ == [here(-2)[1:]]


def test_a_thread_without_a_line_of_the_user_names_none():
    with ThreadPoolExecutor(1) as pool:
        error = pool.submit(facula.zeros, -1).exception()
    assert str(error).startswith("Trying to create tensor with negative dimension")
    assert "\n  at " not in str(error)


def test_every_error_of_core_says_where():
    plain = {"RuntimeError", "ValueError", "TypeError", "IndexError", "NotImplementedError", "AssertionError"}
    home = Path(facula.__file__).parent
    found = [
        f"{path.relative_to(home)}:{node.lineno}"
        for path in home.rglob("*.py")
        if "testing" not in path.parts and path.name != "gradcheck.py"  # they speak of tests, not to programs
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and getattr(node.exc.func, "id", "") in plain
    ]
    assert not found, "raise value_error(...) and its kin of facula.errors instead"
