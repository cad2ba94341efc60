"""Named results such as (values, indices): tuples whose fields also have names."""

from __future__ import annotations

import collections


def _repr(self):
    fields = ",\n".join(f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True))
    return f"facula.return_types.{type(self).__name__}(\n{fields})"


def result(name, fields="values indices"):
    """A named-tuple class that shows itself as PyTorch's results do."""
    made = collections.namedtuple(name, fields, module="facula.return_types")
    made.__repr__ = _repr
    made.__doc__ = f"What `{name}` returns: a tuple of {', '.join(made._fields)}."
    RESULTS[name] = made
    return made


RESULTS: dict[str, type] = {}
