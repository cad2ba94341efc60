from collections import OrderedDict, defaultdict, namedtuple
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facula.tree import tree_flatten, tree_leaves, tree_map, tree_structure, tree_unflatten

Point = namedtuple("Point", "x y")


@dataclass
class Record:
    value: int


TREES = st.recursive(
    st.none() | st.integers() | st.text(max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.builds(Point, inner, inner)
    ),
    max_leaves=12,
)


@given(TREES)
def test_flatten_and_unflatten_are_inverse(tree):
    leaves, spec = tree_flatten(tree)
    back = tree_unflatten(leaves, spec)
    assert back == tree
    assert type(back) is type(tree)
    assert spec.num_leaves == len(leaves) == len(tree_leaves(tree))
    assert tree_structure(back) == spec


@given(TREES)
def test_map_keeps_the_structure(tree):
    assert tree_structure(tree_map(lambda leaf: 0, tree)) == tree_structure(tree)
    assert tree_leaves(tree_map(lambda a, b: (a, b).count(a), tree, tree)) == [2] * len(tree_leaves(tree))


def test_none_is_a_leaf():
    assert tree_leaves([None, (None,)]) == [None, None]


def test_an_empty_container_has_no_leaf():
    assert tree_flatten({"a": [], "b": ()})[0] == []
    assert tree_map(str, {"a": [], "b": ()}) == {"a": [], "b": ()}


def test_dataclasses_are_leaves():
    record = Record(1)
    assert tree_leaves([record]) == [record]


def test_named_tuples_and_dict_kinds_survive():
    tree = [Point(1, [2]), OrderedDict(b=3, a=4), defaultdict(list, c=5)]
    doubled = tree_map(lambda leaf: leaf * 2, tree)
    assert doubled == [Point(2, [4]), OrderedDict(b=6, a=8), {"c": 10}]
    assert [type(node) for node in doubled] == [Point, OrderedDict, defaultdict]
    assert doubled[2]["new"] == []


def test_is_leaf_stops_the_descent():
    leaves = tree_leaves([(1, 2), [3]], is_leaf=lambda node: isinstance(node, tuple))
    assert leaves == [(1, 2), 3]
    assert tree_map(len, [(1, 2)], is_leaf=lambda node: isinstance(node, tuple)) == [2]


def test_map_over_several_trees_matches_dict_keys_by_name():
    assert tree_map(lambda a, b: a - b, {"a": 1, "b": 2}, {"b": 20, "a": 10}) == {"a": -9, "b": -18}


def test_a_rest_may_be_deeper_than_the_first_tree():
    assert tree_map(lambda a, b: b, [0, 0], [(1, 2), 3]) == [(1, 2), 3]


@pytest.mark.parametrize("rest", [[1], [1, 2, 3], (1, 2), {"a": 1}, 5])
def test_map_over_trees_of_other_shape_fails(rest):
    with pytest.raises(ValueError, match=r"tree_map: expected every tree to be built as \[\*, \*\]"):
        tree_map(lambda a, b: a, [1, 2], rest)


def test_map_over_dicts_of_other_keys_fails():
    with pytest.raises(ValueError, match="of the same containers, lengths and keys"):
        tree_map(lambda a, b: a, {"a": 1}, {"b": 1})


def test_unflatten_counts_its_leaves():
    with pytest.raises(ValueError, match=r"tree_unflatten: expected 2 leaves for \(\*, \[\*\]\), got 1"):
        tree_unflatten([1], tree_structure((0, [0])))


def test_specs_read_as_the_trees_they_stand_for():
    tree = [(1,), {"k": Point(1, 2)}, OrderedDict(a=1)]
    assert repr(tree_structure(tree)) == "[(*,), {'k': Point(*, *)}, OrderedDict({'a': *})]"


def test_specs_are_hashable():
    assert len({tree_structure([1, 2]), tree_structure([3, 4]), tree_structure((1, 2))}) == 2
