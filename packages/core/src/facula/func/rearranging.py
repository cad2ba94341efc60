"""`rearrange`: reshape and permute by a pattern of named dimensions."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from facula.errors import value_error
from facula.ops import permute, reshape, stack
from facula.tensors.tensor import Tensor

_TOKEN = re.compile(r"\.\.\.|[A-Za-z][A-Za-z0-9_]*|1|[()]|\S")
Groups = list[list[str]]
_OTHERS = ["..."]  # dots outside of parentheses: each dimension for itself


def _groups(side: str, pattern: str) -> Groups:
    """The dimensions of one side, each as the names that it is made of."""
    groups: Groups = []
    inside = False
    for token in _TOKEN.findall(side):
        if token in "()":
            if inside is (token == "("):
                raise value_error(
                    f"rearrange: expected parentheses in pairs, not nested, got pattern {pattern!r}. Correct it."
                )
            inside = token == "("
            if inside:
                groups.append([])
        elif not (token.isidentifier() or token in ("...", "1")):
            raise value_error(f"rearrange: expected names, 1, ... and parentheses, got {token!r} in {pattern!r}.")
        elif token == "..." and not inside:
            groups.append(_OTHERS)
        elif inside:
            groups[-1] += [] if token == "1" else [token]
        else:
            groups.append([] if token == "1" else [token])
    names = [name for group in groups for name in group]
    if inside or len(set(names)) != len(names):
        raise value_error(f"rearrange: expected each name once and closed parentheses, got pattern {pattern!r}.")
    return groups


def _unfolded(groups: Groups, count: int) -> Groups:
    """`...` as `count` dimensions with names that nobody can write."""
    dots = [f".{i}" for i in range(count)]
    found: Groups = []
    for group in groups:
        if group is _OTHERS:
            found += [[d] for d in dots]
        else:
            found.append([name for part in group for name in (dots if part == "..." else [part])])
    return found


def _sizes(groups: Groups, shape: Sequence[int], lengths: dict[str, int], pattern: str) -> dict[str, int]:
    """The size of each name; one name of a group may be inferred."""
    sizes: dict[str, int] = {}
    for group, n in zip(groups, shape, strict=True):
        unknown = [name for name in group if name not in lengths]
        known = math.prod(lengths[name] for name in group if name in lengths)
        fits = len(unknown) <= 1 and (n % known == 0 if unknown and known else n == known)
        if not fits:
            raise value_error(
                f"rearrange: expected sizes that make up {n} for {' '.join(group) or '1'!r} with at most one unknown, got {lengths} in "
                f"{pattern!r}. Give the length of each but one."
            )
        sizes.update({name: n // known if name in unknown else lengths[name] for name in group})
    return sizes


def rearrange(tensor: Tensor | Sequence[Tensor], pattern: str, **axes_lengths: int) -> Tensor:
    """`tensor` with its dimensions split, ordered and joined as "left -> right" says, e.g. "b c (h w) -> b (h w) c".

    A name stands for a dimension, names in parentheses for one that is made of them, `...` for any number of others, 1 for a
    dimension of that size. `axes_lengths` gives what cannot be inferred. A list of tensors is stacked first.
    The pattern is that of einops (Rogozhnikov, 2022). Errors: ValueError for a pattern that does not fit.

    >>> import facula
    >>> facula.func.rearrange(facula.zeros(2, 6), "b (h w) -> w b h", h=3).shape
    facula.Size([2, 2, 3])
    """
    whole = tensor if isinstance(tensor, Tensor) else stack(list(tensor))
    left, arrow, right = pattern.partition("->")
    if not arrow or "->" in right:
        raise value_error(f"rearrange: expected a pattern 'left -> right', got {pattern!r}. Write one arrow.")
    before, after = _groups(left, pattern), _groups(right, pattern)
    names = [{name for group in side for name in group} for side in (before, after)]
    if names[0] != names[1] or not axes_lengths.keys() <= names[0]:
        raise value_error(
            f"rearrange: expected the same names on both sides, and lengths of those, got {pattern!r} with {axes_lengths}. Name each once on both sides."
        )
    dotted = any(group is _OTHERS for group in before)
    if any("..." in group and group is not _OTHERS for group in before):
        raise value_error(
            f"rearrange: expected no `...` in parentheses on the left, got pattern {pattern!r}. Write it outside."
        )
    count = whole.ndim - len(before) + dotted
    if count < 0 or (count and not dotted):
        raise value_error(
            f"rearrange: expected a tensor of {len(before)} dimensions for {pattern!r}, got shape {tuple(whole.shape)}. Add names, or `...`."
        )
    before, after = (_unfolded(side, count) for side in (before, after))
    sizes = _sizes(before, whole.shape, axes_lengths, pattern)
    order = [name for group in before for name in group]
    apart = reshape(whole, [sizes[name] for name in order])
    moved = permute(apart, [order.index(name) for group in after for name in group])
    out: Tensor = reshape(moved, [math.prod(sizes[name] for name in group) for group in after])
    return out
