import pytest

from facula.plugins import TABLES

BUILTIN = [
    (kinds, name)
    for kinds, names in {
        "devices": ["cpu", "cuda", "meta"],
        "optimizers": ["sgd", "adam", "adamw"],
        "exporters": ["onnx"],
    }.items()
    for name in names
]


@pytest.mark.parametrize(("kinds", "name"), BUILTIN)
def test_core_registers_what_it_has_through_its_own_hooks(kinds, name):
    assert TABLES[kinds].entry(name).owner == "facula"
    assert callable(TABLES[kinds].get(name))


def test_core_registers_nothing_else():
    found = [(kinds, row) for kinds, table in TABLES.items() for row in table if table.entry(row).owner == "facula"]
    assert sorted(found) == sorted(BUILTIN)
