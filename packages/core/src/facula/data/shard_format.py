"""The plain format of sharded datasets: what an index says and how samples lie in a shard.

The guide "Sharded datasets" describes it for readers in other languages. Nothing is believed: every number of an index and
every place in a shard is checked before it is used.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from facula import dtypes
from facula.errors import runtime_error, type_error, value_error
from facula.serialization.safetensors import CODES
from facula.tensors.tensor import Tensor

FORMAT, VERSION, INDEX = "facula-shards", 1, "index.json"
KINDS = ("tensor", "bytes", "str", "int", "float", "bool")
STRUCTURES = ("dict", "tuple", "value")
NUMBERS = {"int": dtypes.int64, "float": dtypes.float64, "bool": dtypes.bool_}
_FILE = re.compile(r"shard-\d{5,}\.safetensors")
_MOST = 2**40  # samples in a shard


class Field(NamedTuple):
    """One part of every sample. A tensor's `shape` is None where samples differ in it."""

    name: str
    kind: str
    dtype: str | None = None
    dims: int | None = None


class Shard(NamedTuple):
    """One file and its samples."""

    file: str
    samples: int


class Index(NamedTuple):
    """What `index.json` holds."""

    structure: str
    fields: tuple[Field, ...]
    shards: tuple[Shard, ...]


def kind_of(value: Any, name: str) -> Field:
    """How a value of a sample is kept."""
    if isinstance(value, Tensor):
        return Field(name, "tensor", value.dtype.name, value.ndim)
    for kind, cls in (("bool", bool), ("int", int), ("float", float), ("str", str), ("bytes", bytes)):
        if type(value) is cls:
            return Field(name, kind)
    raise type_error(
        f"ShardWriter: expected tensors, bytes, str and numbers in a sample, got {type(value).__name__} at {name!r}. "
        "Convert it, e.g. an array by facula.from_numpy."
    )


def parts_of(sample: Any) -> tuple[str, dict[str, Any]]:
    """The structure of a sample, and its values by name."""
    if isinstance(sample, Mapping):
        if not sample or not all(isinstance(key, str) and "." not in key and key != "__metadata__" for key in sample):
            raise value_error(
                f"ShardWriter: expected names without a dot as keys of a sample, got {list(sample)}. Rename them."
            )
        return "dict", dict(sample)
    if isinstance(sample, tuple):
        if not sample:
            raise value_error("ShardWriter: expected a sample with at least one value, got (). Leave it out.")
        return "tuple", {str(place): value for place, value in enumerate(sample)}
    return "value", {"value": sample}


def index_text(index: Index) -> str:
    """The JSON of an index."""
    fields = [{key: value for key, value in field._asdict().items() if value is not None} for field in index.fields]
    body = {
        "format": FORMAT,
        "version": VERSION,
        "structure": index.structure,
        "fields": fields,
        "shards": [shard._asdict() for shard in index.shards],
    }
    return json.dumps(body, indent=1) + "\n"


def damaged(path: str, expected: str, found: Any) -> RuntimeError:
    """The one form of all complaints about a sharded dataset."""
    return runtime_error(
        f"ShardDataset: {path}: expected {expected}, got {str(found)[:80]}. The dataset is damaged; write it again."
    )


def read_index(folder: str) -> Index:
    """The index of a folder, checked."""
    path = os.path.join(folder, INDEX)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"ShardDataset: expected {INDEX} in {folder!r}, got none. Close its ShardWriter, which writes the index last."
        )
    try:
        with open(path, encoding="utf-8") as file:
            body = json.load(file)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise damaged(path, "JSON", f"{type(error).__name__}: {error}") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT or body.get("version") != VERSION:
        raise damaged(path, f"format {FORMAT!r} of version {VERSION}", body)
    structure, fields, shards = (body.get(key) for key in ("structure", "fields", "shards"))
    if structure not in STRUCTURES:
        raise damaged(path, f"a structure among {STRUCTURES}", structure)
    if not isinstance(fields, list) or not fields or not isinstance(shards, list):
        raise damaged(path, "lists of fields and shards", body)
    index = Index(structure, tuple(_field(path, f) for f in fields), tuple(_shard(path, s) for s in shards))
    for names in ([f.name for f in index.fields], [s.file for s in index.shards]):
        if len(set(names)) != len(names):
            raise damaged(path, "each name once", names)
    expected = {"tuple": [str(i) for i in range(len(fields))], "value": ["value"]}.get(structure)
    if expected and [f.name for f in index.fields] != expected:
        raise damaged(path, f"fields {expected} for the structure {structure!r}", [f.name for f in index.fields])
    return index


def _field(path: str, body: Any) -> Field:
    if not isinstance(body, dict) or not isinstance(body.get("name"), str) or body.get("kind") not in KINDS:
        raise damaged(path, f"a field with a name and a kind among {KINDS}", body)
    if not body["name"] or "." in body["name"] or body["name"] == "__metadata__":
        raise damaged(path, "a field's name without a dot", body["name"])
    if body["kind"] != "tensor":
        return Field(body["name"], body["kind"])
    known = [dtype.name for dtype in CODES.values()]
    if body.get("dtype") not in known or type(body.get("dims")) is not int or not 0 <= body["dims"] <= 64:
        raise damaged(path, "the dtype and dims of a tensor", body)
    return Field(body["name"], "tensor", body["dtype"], body["dims"])


def _shard(path: str, body: Any) -> Shard:
    if not isinstance(body, dict) or not isinstance(body.get("file"), str) or not _FILE.fullmatch(body["file"]):
        raise damaged(path, "shards named shard-NNNNN.safetensors", body)
    if type(body.get("samples")) is not int or not 0 < body["samples"] < _MOST:
        raise damaged(path, "a positive count of samples", body)
    return Shard(body["file"], body["samples"])


def check_places(path: str, name: str, ends: Any, size: int, count: int) -> None:
    """Offsets must begin at 0, never fall and end at the size of the data."""
    if ends.shape != (count + 1,) or ends.dtype != np.int64:
        raise damaged(path, f"{count + 1} int64 offsets of {name!r}", f"{ends.dtype} {ends.shape}")
    if ends[0] != 0 or ends[-1] != size or (np.diff(ends) < 0).any():
        raise damaged(path, f"offsets of {name!r} rising from 0 to {size}", ends[:4])
