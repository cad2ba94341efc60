"""Common mistakes, one program each: what the error says, to the letter, and that its advice helps.

`mistakes/` holds the programs; the docstring of each is the whole message but for its last line, the place, which must be
the innermost line of the program. With `right` a program does as the message says, and runs.
"""

import inspect
import re
import traceback

import pytest

import facula

NAMED = re.compile(r"\w+Error: ([\w.]+ \(\w+\): )?[A-Za-z_][\w.]*(: |\(\)[: ])")  # class, path in a network, operator


def words(text):
    return " ".join(text.split())


def test_message(mistake):
    with pytest.raises(Exception) as caught:
        mistake(facula, False)
    error = caught.value
    whole = "\n".join([str(error.args[0]), *getattr(error, "__notes__", ())])
    (place,) = re.findall(r"^  at (.+)$", whole, re.MULTILINE)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == inspect.getfile(mistake)]
    assert place == f"{own[-1].filename}:{own[-1].lineno}"
    said = whole.replace(f"\n  at {place}", "")
    assert words(f"{type(error).__name__}: {said}") == words(mistake.__doc__)
    assert NAMED.match(mistake.__doc__)


def test_every_operand_is_shown(shape_mistake):
    with pytest.raises(Exception, match=r"\n  at ") as caught:
        shape_mistake(facula, False)
    message = str(caught.value).replace("[", "(").replace("]", ")")
    frame = next(entry.frame for entry in caught.traceback if entry.frame.code.name == shape_mistake.__name__)
    for value in frame.f_locals.values():
        if isinstance(value, facula.Tensor):
            shape = str(tuple(value.shape))
            assert shape in message or shape.replace(",)", ")") in message


def test_the_advice_helps(mistake):
    mistake(facula, True)
