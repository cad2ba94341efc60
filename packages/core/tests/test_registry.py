import fractions
import threading

import pytest

from facula.errors import NameClashError, UnknownNameError
from facula.registry import Registrar, Registry, canonical


def rows(owner, **targets):
    registrar = Registrar("model", owner)
    for name, target in targets.items():
        registrar.add(name, target)
    return registrar.entries


@pytest.fixture
def models():
    def fill():
        first = Registrar("model", "Facula_Vision")
        first.add("resnet18", "fractions:Fraction", tags=("image",))
        first.add("both", "fractions:Fraction")
        second = Registrar("model", "other")
        second.add("both", "fractions:Fraction.from_float", tags=("image",))
        second.add("broken", "fractions:Faction")
        second.add("absent", "no_such_module_anywhere:thing")
        return first.entries + second.entries

    return Registry("model", public_name="facula.models", fill=fill)


def test_a_target_is_imported_and_called(models):
    assert models.get("resnet18") is fractions.Fraction
    assert models.create("resnet18", 1, denominator=2) == fractions.Fraction(1, 2)


def test_create_leaves_the_word_name_to_the_target():
    table = Registry("thing")
    table.add("pair", dict)
    assert table.create("pair", name="x") == {"name": "x"}


def test_an_unknown_name_gets_the_nearest_and_the_count(models):
    with pytest.raises(UnknownNameError) as info:
        models.create("resnet81")
    assert str(info.value) == "unknown model 'resnet81'. Did you mean 'resnet18'? facula.models.names() lists all 4."


def test_an_unknown_qualified_name_gets_the_nearest_qualified_one(models):
    with pytest.raises(UnknownNameError, match="Did you mean 'facula-vision:resnet18'"):
        models.get("facula-vison:resnet18")


def test_a_clash_lists_both_owners_and_the_names_that_work(models):
    with pytest.raises(NameClashError) as info:
        models.get("both")
    assert str(info.value) == (
        "model 'both': expected one owner, got facula-vision and other. Ask for 'facula-vision:both' or 'other:both'."
    )
    assert models.get("facula-vision:both") is fractions.Fraction
    assert models.create("other:both", 0.5) == fractions.Fraction(1, 2)


def test_the_owner_may_be_spelled_as_pip_would_accept_it(models):
    assert models.get("Facula.Vision:resnet18") is fractions.Fraction


def test_names_are_sorted_unique_and_chosen_by_tag(models):
    assert models.names() == ["absent", "broken", "facula-vision:both", "other:both", "resnet18"]
    assert models.names(tag="image") == ["other:both", "resnet18"]
    assert models.names(tag="sound") == []


def test_entries_tell_owner_target_and_tags_without_an_import(models):
    entry = models.entry("absent")
    assert (entry.owner, entry.target, entry.tags) == ("other", "no_such_module_anywhere:thing", ())


def test_targets_that_do_not_import_name_owner_and_cause(models):
    with pytest.raises(ImportError, match=r"model 'broken' of other: expected fractions:Faction to import, got Attr"):
        models.get("broken")
    with pytest.raises(ImportError, match="got ModuleNotFoundError: No module named 'no_such_module_anywhere'"):
        models.get("absent")


def test_membership_length_and_iteration(models):
    assert "resnet18" in models
    assert "other:both" in models
    assert "other:resnet18" not in models
    assert 5 not in models
    assert len(models) == 5
    assert list(models) == models.names()


def test_nothing_is_asked_before_the_first_lookup():
    asked = []
    table = Registry("thing", fill=lambda: asked.append(1) or [])
    assert repr(table) == "Registry('thing', not filled yet)"
    assert asked == []
    assert table.names() == table.names() == []
    assert asked == [1]
    assert repr(table) == "Registry('thing', 0 names)"


def test_what_a_user_adds_replaces_and_survives_a_reset(models):
    models.add("mine", int)
    assert models.get("mine") is int
    models.add("mine", "builtins:float")
    assert models.get("mine") is float
    models.reset()
    assert models.get("mine") is float
    assert "resnet18" in models


def test_what_a_user_adds_may_clash_too(models):
    models.add("resnet18", int)
    with pytest.raises(NameClashError, match="expected one owner, got (user and facula-vision|facula-vision and user)"):
        models.get("resnet18")
    assert models.get("user:resnet18") is int


def test_a_failed_fill_is_asked_again():
    answers = iter([RuntimeError("not yet"), rows("d", a="fractions:Fraction")])

    def fill():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    table = Registry("model", fill=fill)
    with pytest.raises(RuntimeError, match="not yet"):
        table.names()
    assert table.names() == ["a"]


def test_a_table_is_not_looked_up_by_what_fills_it():
    table = Registry("model", fill=lambda: table.names())
    with pytest.raises(RuntimeError, match="model: expected no look-up by a plugin that is being loaded"):
        table.names()


def test_two_threads_fill_once():
    asked = []
    gate = threading.Barrier(4)
    table = Registry("model", fill=lambda: asked.append(1) or rows("d", a="fractions:Fraction"))
    found = []

    def look():
        gate.wait()
        found.append(table.names())

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asked == [1]
    assert found == [["a"]] * 4


@pytest.mark.parametrize("target", ["no_colon", "a:b:c", "a b:c", ":c", "a:"])
def test_a_malformed_target_is_refused(target):
    with pytest.raises(ValueError, match="add: expected the target of model 'x' as 'package.module:attr'"):
        Registrar("model", "d").add("x", target)


@pytest.mark.parametrize("name", ["", "a:b", 3])
def test_a_malformed_name_is_refused(name):
    with pytest.raises(ValueError, match="add: expected a model name without ':'"):
        Registry("model").add(name, int)


def test_tags_are_a_tuple():
    with pytest.raises(ValueError, match=r"expected tags of model 'x' as a tuple, got 'image'. Write \('image',\)"):
        Registry("model").add("x", int, tags="image")


def test_one_owner_registers_a_name_once():
    registrar = Registrar("model", "d")
    registrar.add("a", int)
    with pytest.raises(ValueError, match="expected each model name once, got 'a' twice from d"):
        registrar.add("a", float)


def test_canonical_names():
    assert canonical("Facula_Vision") == canonical("facula.vision") == canonical("FACULA--vision") == "facula-vision"
