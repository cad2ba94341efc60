import pytest

from facula.errors import NameClashError, UnknownNameError, missing, unknown


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
