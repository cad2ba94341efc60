"""The `Shape:` line of an operator is held against the shapes that its example really has, as far as the line is a pattern.

A pattern is groups such as `(N, C, *)`: a name is one size, the same wherever it stands; `*` is any number of sizes; an expression is any one
size. What says more in words is not judged, and counted, so that most lines stay patterns.
"""

import re
import sys
from itertools import product
from pathlib import Path

import pytest

from facula import Tensor

sys.path.insert(0, str(Path(__file__).parents[2]))

from facula.ops.rules import broadcast_shapes
from tools.reference import operators
from tools.reference.examples import run
from tools.reference.text import sections

GROUP = r"\(([^()]*)\)"
SAMPLES = [e for e in operators.entries().values() if not hasattr(e.thing, "rule") and sections(e.doc).examples]
TOGETHER = re.compile(r" that broadcast together -> their common shape(, bool)?\.$")
ASIDE = re.compile(r" with (reduction=\"none\"|keepdim)| \(kept as 1 by keepdim\)")
WITHOUT = re.compile(r"\(\*\) without (the dims in )?`dim`")
FEWER = "some of them"


class Unjudged(Exception):
    """The line says it in words."""


def operands(side, parameters=()):
    """A side of the arrow as [(parameter or None, [group, ...] of alternatives)]."""
    found, rest = [], side
    while match := re.search(GROUP, rest):
        words = rest[: match.start()].replace(",", " ").split()
        if words == ["or"] and found:
            found[-1][1].append(match[1])
        elif words == ["two", "of"]:
            found += [(None, [match[1]]), (None, [match[1]])]
        elif not words or words == ["views"] or (len(words) == 1 and words[0] in parameters):
            found.append((words[0] if words and words[0] in parameters else None, [match[1]]))
        else:
            raise Unjudged
        rest = rest[match.end() :]
    if re.sub(r"(, )?(bool|int64)|[\s.,]", "", rest):
        raise Unjudged
    return found


def fits(group, shape, bound):
    """Every way in which a shape fits a group, as what its names then are."""
    if group == FEWER:
        return [bound] if is_fewer(shape, bound["*0"]) else []
    parts = [part.strip() for part in group.split(",") if part.strip()]
    if "..." in parts:
        raise Unjudged
    names = [f"*{parts[:i].count('*')}" if part == "*" else part for i, part in enumerate(parts)]
    return list(walk(names, tuple(shape), bound))


def is_fewer(shape, sizes):
    """Whether a shape is some of the sizes in their order, or all of them with 1 in some places."""
    left = iter(sizes)
    kept = len(shape) == len(sizes) and all(n in (1, size) for n, size in zip(shape, sizes, strict=True))
    return kept or all(n in left for n in shape)


def walk(names, shape, bound):
    """Match the names one after the other; a star takes any number of sizes."""
    if not names:
        if not shape:
            yield bound
        return
    name, rest = names[0], names[1:]
    if name[0] == "*":
        for length in range(len(shape) + 1):
            if bound.get(name, shape[:length]) == shape[:length]:
                yield from walk(rest, shape[length:], {**bound, name: shape[:length]})
    elif shape:
        known = int(name) if name.isdigit() else bound.get(name, shape[0])
        if not re.fullmatch(r"\w+", name):
            yield from walk(rest, shape[1:], bound)
        elif known == shape[0]:
            yield from walk(rest, shape[1:], bound if name.isdigit() else {**bound, name: shape[0]})


def agree(groups, shapes):
    """Whether each shape fits one of its groups, all names being the same throughout."""
    for chosen in product(*groups):
        ways = [{}]
        for group, shape in zip(chosen, shapes, strict=True):
            ways = [more for way in ways for more in fits(group, shape, way)]
        if ways:
            return True
    return False


def judge(line, arguments, result):
    """Hold one call against a line."""
    results = list(result) if isinstance(result, (tuple, list)) else [result]
    tensors = {name: value for name, value in arguments.items() if isinstance(value, Tensor)}
    if not all(isinstance(r, Tensor) for r in results) or "->" not in line or ";" in line:
        raise Unjudged
    if TOGETHER.search(line):
        assert results[0].shape == broadcast_shapes(*[t.shape for t in tensors.values()])
        return
    left, right = WITHOUT.sub(f"({FEWER})", ASIDE.sub("", line)).rstrip(".").split(" -> ", 1)
    asked = operands(left, arguments)
    given = [asked[0]] if right == "the same" else operands(right)
    unnamed = iter([value for name, value in tensors.items() if name not in dict(asked)])
    try:
        inputs = [tensors[name] if name else next(unnamed) for name, _ in asked]
    except (KeyError, StopIteration):
        raise Unjudged from None
    parts = [[part] for part in results] if right.startswith("views ") else [results]
    if len(given) != len(parts[0]):
        raise Unjudged
    for part in parts:
        shapes = [tuple(t.shape) for t in [*inputs, *part]]
        assert agree([groups for _, groups in [*asked, *given]], shapes), f"{line} does not fit {shapes}"


def judged(entry):
    """Whether the line of an operator is a pattern that its example can be held against, and was."""
    calls = run(entry.name, sections(entry.doc).examples, entry.thing).calls
    try:
        for arguments, result in calls:
            judge(entry.shape, arguments, result)
    except Unjudged:
        return False
    return bool(calls)


def test_the_shapes_of_examples_fit_what_the_docstrings_say():
    count = sum(judged(entry) for entry in SAMPLES)
    assert count > 200


@pytest.mark.parametrize(
    ("line", "shapes", "expected"),
    [
        ("(n, m), (m, p) -> (n, p).", [(2, 3), (3, 4), (2, 4)], True),
        ("(n, m), (m, p) -> (n, p).", [(2, 3), (3, 4), (4, 2)], False),
        ("(*, n, n) -> (*).", [(5, 2, 2), (5,)], True),
        ("(*, n, n) -> (*).", [(5, 2, 3), (5,)], False),
        ("(N, C, L) or (C, L) -> (N, C, L').", [(1, 2, 8), (1, 2, 4)], True),
        (f"(*) -> () or ({FEWER}).", [(2, 3, 4), (2, 4)], True),
        (f"(*) -> () or ({FEWER}).", [(2, 3, 4), (4, 2)], False),
    ],
)
def test_patterns_are_matched(line, shapes, expected):
    left, right = line.rstrip(".").split(" -> ")
    groups = [groups for _, groups in [*operands(left), *operands(right)]]
    assert agree(groups, shapes) is expected
