"""Products of vectors and matrices composed of `matmul`: addmm and its kin, outer, tensordot, einsum, kron, cross, ..."""

from __future__ import annotations

import builtins
import math
import string

from facula.autograd.state import whole
from facula.errors import runtime_error
from facula.ops import rules
from facula.ops.arithmetic import mul
from facula.ops.matmul import bmm, dot, matmul, mm, mv
from facula.ops.outputs import takes_out
from facula.ops.rules import wrap_dim
from facula.ops.shape import expand, permute, reshape
from facula.tensors.tensor import Tensor


def _plus(name, input, product, beta, alpha):
    """beta * input + alpha * product; with beta 0, nan and inf of `input` do not spread."""
    if input.array.dtype != product.array.dtype:
        raise runtime_error(
            f"{name}: self and mat2 must have the same dtype, expected {product.dtype}, got {input.dtype}. Convert one with .to()."
        )
    if product.array.dtype.kind in "iu":
        beta, alpha = int(beta), int(alpha)
    if len(rules.broadcast_shapes(input.shape, product.shape, name=name)) != product.ndim or input.ndim > product.ndim:
        raise runtime_error(
            f"{name}: input of shape {list(input.shape)} cannot be expanded to {list(product.shape)}. Reshape it."
        )
    product = product if alpha == 1 else product * alpha
    if beta == 0:
        return product
    return (input if beta == 1 else input * beta) + product


@whole
@takes_out
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2) for matrices.

    Shape: input that broadcasts to (n, p), (n, m), (m, p) -> (n, p).

    >>> import facula
    >>> facula.addmm(facula.ones(1), facula.eye(2), facula.eye(2))
    tensor([[2., 1.],
            [1., 2.]])
    """
    return _plus("addmm", input, mm(mat1, mat2), beta, alpha)


@whole
@takes_out
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """beta * input + alpha * (mat @ vec).   Shape: input that broadcasts to (n), (n, m), (m) -> (n).

    >>> import facula
    >>> facula.addmv(facula.ones(2), facula.eye(2), facula.tensor([1., 2.]))
    tensor([2., 3.])
    """
    return _plus("addmv", input, mv(mat, vec), beta, alpha)


@whole
@takes_out
def addr(input, vec1, vec2, *, beta=1, alpha=1):
    """beta * input + alpha * outer(vec1, vec2).   Shape: input that broadcasts to (n, m), (n), (m) -> (n, m).

    >>> import facula
    >>> facula.addr(facula.zeros(2, 2), facula.tensor([1., 2.]), facula.tensor([3., 4.]))
    tensor([[3., 4.],
            [6., 8.]])
    """
    product = outer(vec1, vec2)
    if product.array.dtype.kind == "b":
        return ((input & builtins.bool(beta)) | (product & builtins.bool(alpha))).expand(product.shape)
    return _plus("addr", input, product, beta, alpha)


@whole
@takes_out
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * bmm(batch1, batch2).

    Shape: input that broadcasts to (B, n, p), (B, n, m), (B, m, p) -> (B, n, p).

    >>> import facula
    >>> facula.baddbmm(facula.ones(1), facula.zeros(2, 3, 4), facula.zeros(2, 4, 5)).shape
    facula.Size([2, 3, 5])
    """
    return _plus("baddbmm", input, bmm(batch1, batch2), beta, alpha)


@whole
@takes_out
def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """beta * input + alpha * the sum of bmm(batch1, batch2) over the batch.

    Shape: input that broadcasts to (n, p), (B, n, m), (B, m, p) -> (n, p).

    >>> import facula
    >>> facula.addbmm(facula.ones(1), facula.ones(2, 3, 4), facula.ones(2, 4, 5)).shape
    facula.Size([3, 5])
    """
    if batch1.ndim != 3 or batch2.ndim != 3 or batch1.shape[0] != batch2.shape[0]:
        return bmm(batch1, batch2)
    b, n, m = batch1.shape
    joined = mm(reshape(permute(batch1, 1, 0, 2), n, b * m), reshape(batch2, b * m, batch2.shape[2]))
    return _plus("addbmm", input, joined, beta, alpha)


@takes_out
def outer(input, vec2):
    """The matrix of all products of an element of `input` with one of `vec2`.   Shape: (n), (m) -> (n, m).

    >>> import facula
    >>> facula.outer(facula.tensor([1, 2]), facula.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    if input.ndim != 1 or vec2.ndim != 1:
        raise runtime_error(
            f"outer: Expected 1-D argument self and vec2, but got {input.ndim}-D and {vec2.ndim}-D. Flatten them."
        )
    return mul(input.unsqueeze(1), vec2)


ger = outer


@takes_out
def inner(input, other):
    """The sum of products over the last dimension of both.   Shape: (*a, n), (*b, n) -> (*a, *b).

    >>> import facula
    >>> facula.inner(facula.tensor([1., 2.]), facula.tensor([3., 4.]))
    tensor(11.)
    """
    if not input.ndim or not other.ndim:
        return mul(input, other)
    if input.shape[-1] != other.shape[-1]:
        raise runtime_error(
            f"inner: inner() the last dimension must match on both input tensors but got shapes {list(input.shape)} and {list(other.shape)}."
        )
    return tensordot(input, other, dims=([-1], [-1]))


@whole
@takes_out
def vdot(input, other):
    """The dot product of two vectors with the first one conjugated.   Shape: (n), (n) -> ().

    >>> import facula
    >>> facula.vdot(facula.tensor([1j, 2]), facula.tensor([1j, 1]))
    tensor(3.+0.j)
    """
    return dot(input.conj(), other)


@takes_out
def tensordot(a, b, dims=2):
    """The sum of products of `a` and `b` over the dims listed for each (an int: the last of `a`, the first of `b`).

    Shape: (*a, *s), (*s, *b) -> (*a, *b), *s being the dims summed over.

    >>> import facula
    >>> facula.tensordot(facula.ones(2, 3), facula.ones(3, 4), dims=1).shape
    facula.Size([2, 4])
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0 or dims > min(a.ndim, b.ndim):
            raise runtime_error(
                f"tensordot: tensordot expects dims >= 0 and <= {min(a.ndim, b.ndim)}, but got dims={dims}."
            )
        over_a, over_b = list(range(a.ndim - dims, a.ndim)), list(range(dims))
    else:
        over_a, over_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    over_a, over_b = [wrap_dim(d, a.ndim) for d in over_a], [wrap_dim(d, b.ndim) for d in over_b]
    if len(over_a) != len(over_b):
        raise runtime_error("tensordot: both dimension lists should have same length, got lists of different lengths.")
    for i, j in zip(over_a, over_b, strict=True):
        if a.shape[i] != b.shape[j]:
            if a.shape[i] == 1:
                b = b.sum(j, keepdim=True)
            elif b.shape[j] == 1:
                a = a.sum(i, keepdim=True)
            else:
                raise runtime_error(
                    f"tensordot: contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and second has "
                    f"size {b.shape[j]} in dim {j}"
                )
    free_a, free_b = [d for d in range(a.ndim) if d not in over_a], [d for d in range(b.ndim) if d not in over_b]
    shape = [a.shape[d] for d in free_a] + [b.shape[d] for d in free_b]
    n = math.prod(a.shape[d] for d in over_a)
    left = reshape(permute(a, free_a + over_a), math.prod(a.shape[d] for d in free_a), n)
    right = reshape(permute(b, over_b + free_b), n, math.prod(b.shape[d] for d in free_b))
    if left.shape[0] == 1 and right.shape[1] == 1:
        return reshape(dot(left[0], right[:, 0]), shape)
    return reshape(mm(left, right), shape)


@takes_out
def kron(input, other):
    """The Kronecker product: a copy of `other` scaled by each element of `input`.

    Shape: (a1, ..., an), (b1, ..., bn) -> (a1 b1, ..., an bn).

    >>> import facula
    >>> facula.kron(facula.tensor([1, 10]), facula.tensor([1, 2]))
    tensor([ 1,  2, 10, 20])
    """
    n = max(input.ndim, other.ndim)
    a, b = (1,) * (n - input.ndim) + tuple(input.shape), (1,) * (n - other.ndim) + tuple(other.shape)
    left = reshape(input, [k for size in a for k in (size, 1)])
    right = reshape(other, [k for size in b for k in (1, size)])
    return reshape(mul(left, right), [x * y for x, y in zip(a, b, strict=True)])


def _three(name, input, other, dim):
    shape = rules.broadcast_shapes(input.shape, other.shape, name=name)
    if dim is None:
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise runtime_error(f"{name}: no dimension of size 3 in input of shape {list(input.shape)}. Give dim=.")
    d = wrap_dim(dim, len(shape))
    if input.shape[dim] != 3 or other.shape[dim] != 3:
        raise runtime_error(
            f"{name}: inputs dimension {d} must have length 3. Got {input.shape[dim]} and {other.shape[dim]}. Choose another dim."
        )
    a, b = expand(input, shape), expand(other, shape)
    return a.roll(-1, d) * b.roll(-2, d) - a.roll(-2, d) * b.roll(-1, d)


@takes_out
def cross(input, other, dim=None):
    """The cross product of 3-vectors along `dim` (default: the first dimension of size 3).

    Shape: (*), (*) that broadcast together, 3 at `dim` -> their common shape.

    >>> import facula
    >>> facula.cross(facula.tensor([1, 0, 0]), facula.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    return _three("cross", input, other, dim)


@takes_out
def linalg_cross(input, other, *, dim=-1):
    """The cross product of 3-vectors along `dim`.

    Shape: (*), (*) that broadcast together, 3 at `dim` -> their common shape.

    >>> import facula
    >>> facula.linalg.cross(facula.tensor([1, 0, 0]), facula.tensor([0, 1, 0]))
    tensor([0, 0, 1])
    """
    if input.ndim != other.ndim:
        raise runtime_error(
            f"linalg.cross: inputs must have the same number of dimensions, got {input.ndim} and {other.ndim}."
        )
    return _three("linalg.cross", input, other, dim)


@whole
def trace(input):
    """The sum of the diagonal of a matrix.   Shape: (n, m) -> ().

    >>> import facula
    >>> facula.trace(facula.tensor([[1., 2.], [3., 4.]]))
    tensor(5.)
    """
    if input.ndim != 2:
        raise runtime_error(
            f"trace: expected a matrix, but got tensor with dim {input.ndim}. Use diagonal().sum(-1) for batches."
        )
    return input.diagonal().sum()


@takes_out
def linalg_multi_dot(tensors):
    """The product of several matrices (the first and last may be vectors), multiplied in the cheapest order.

    Shape: (n1, n2), (n2, n3), ..., (nk, nk+1) -> (n1, nk+1).

    >>> import facula
    >>> facula.linalg.multi_dot([facula.ones(2, 3), facula.ones(3, 4), facula.ones(4)])
    tensor([12., 12.])
    """
    tensors = list(tensors)
    if len(tensors) < 2:
        raise runtime_error(
            f"linalg.multi_dot: multi_dot(): expected at least 2 tensors but got {len(tensors)}. Pass more."
        )
    row, column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    if row:
        tensors[0] = tensors[0].unsqueeze(0)
    if column:
        tensors[-1] = tensors[-1].unsqueeze(-1)
    for i, t in enumerate(tensors):
        if t.ndim != 2:
            raise runtime_error(
                f"linalg.multi_dot: multi_dot(): tensor {i} must be 2D but got {t.ndim}D. Only the ends may be vectors."
            )
    out = _product(tensors, _cheapest(tensors), 0, len(tensors) - 1)
    out = out.squeeze(0) if row else out
    return out.squeeze(-1) if column else out


def _cheapest(tensors):
    """Where to split each run of matrices so that the fewest multiplications are needed (Cormen et al., chapter 15)."""
    sizes, n = [tensors[0].shape[0], *[t.shape[1] for t in tensors]], len(tensors)
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            cost[i][j], cut[i][j] = builtins.min(
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k) for k in range(i, j)
            )
    return cut


def _product(tensors, cut, i, j):
    if i == j:
        return tensors[i]
    return matmul(_product(tensors, cut, i, cut[i][j]), _product(tensors, cut, cut[i][j] + 1, j))


def chain_matmul(*matrices, out=None):
    """The product of several matrices, multiplied in the cheapest order.

    Shape: (n1, n2), (n2, n3), ..., (nk, nk+1) -> (n1, nk+1).

    >>> import facula
    >>> facula.chain_matmul(facula.ones(2, 3), facula.ones(3, 4)).shape
    facula.Size([2, 4])
    """
    if len(matrices) == 1 and isinstance(matrices[0], (list, tuple)):
        matrices = tuple(matrices[0])
    return matrices[0] if len(matrices) == 1 else linalg_multi_dot(matrices, out=out)


@takes_out
def matrix_power(input, n):
    """input @ input @ ... (n times); a negative n multiplies the inverse.   Shape: (*, n, n) -> (*, n, n).

    >>> import facula
    >>> facula.matrix_power(facula.tensor([[1., 1.], [0., 1.]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    if input.ndim < 2 or input.shape[-1] != input.shape[-2]:
        raise runtime_error(
            f"linalg.matrix_power: A must be batches of square matrices, but they are {tuple(input.shape)}. Pass square matrices."
        )
    if n < 0:
        return matrix_power(input.inverse(), -n)
    if n == 0:
        from facula.ops.create import eye
        from facula.ops.interop import fill

        return fill(input, 0) + eye(input.shape[-1], dtype=input.dtype, device=input.device)
    out, base = None, input
    while n:
        if n & 1:
            out = base if out is None else matmul(out, base)
        n >>= 1
        base = matmul(base, base) if n else base
    return out.clone() if out is input else out


linalg_matrix_power = matrix_power
_LETTERS = string.ascii_uppercase + string.ascii_lowercase


def _sublists(operands):
    """einsum(a, [0, 1], b, [1, 2], [0, 2]) as an equation and its tensors."""
    letters = lambda entries: "".join("..." if e is Ellipsis else _LETTERS[e] for e in entries)
    tensors, lists = operands[0 : len(operands) - len(operands) % 2 : 2], operands[1::2]
    equation = ",".join(letters(entries) for entries in lists)
    return (equation + "->" + letters(operands[-1]) if len(operands) % 2 else equation), tensors


def _parsed(equation, tensors):
    """The labels of each operand and of the result, with numbers for the dimensions that `...` stands for."""
    equation = equation.replace(" ", "")
    left, arrow, right = equation.partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        what = "fewer" if len(terms) > len(tensors) else "more"
        raise runtime_error(
            f"einsum(): {what} operands were provided than specified in the equation, got {len(tensors)} for {equation!r}."
        )
    named, wide = [], 0
    for term, t in zip(terms, tensors, strict=True):
        head, dots, tail = term.partition("...")
        extra = t.ndim - len(head) - len(tail)
        if not all(c in _LETTERS for c in head + tail):
            raise runtime_error(
                f"einsum(): invalid subscript given in the equation {equation!r}, subscripts must be in [a-zA-Z]."
            )
        if extra < 0 or (extra and not dots):
            raise runtime_error(
                f"einsum(): the number of subscripts in the equation ({len(head + tail)}) does not match the number of "
                f"dimensions ({t.ndim}) for an operand{'' if dots else ' and no ellipsis was given'}, in {equation!r}. "
                "Name each dimension."
            )
        wide = builtins.max(wide, extra)
        named.append((head, extra, tail))
    labels = [[*head, *range(wide - extra, wide), *tail] for head, extra, tail in named]
    flat = [x for term in labels for x in term if isinstance(x, str)]
    if not arrow:
        return labels, [*range(wide), *sorted(x for x in set(flat) if flat.count(x) == 1)]
    head, dots, tail = right.partition("...")
    for c in head + tail:
        if (head + tail).count(c) > 1 or c not in flat:
            why = "appears more than once" if (head + tail).count(c) > 1 else "does not appear in any operand"
            raise runtime_error(f"einsum(): output subscript {c} {why}, in {equation!r}. Correct the part after '->'.")
    return labels, [*head, *(range(wide) if dots else ()), *tail]


def _single(t, labels):
    """Take the diagonal wherever a label stands twice."""
    labels = list(labels)
    for x in [x for x in dict.fromkeys(labels) if labels.count(x) > 1]:
        while labels.count(x) > 1:
            i = labels.index(x)
            j = labels.index(x, i + 1)
            if t.shape[i] != t.shape[j]:
                raise runtime_error(
                    f"einsum(): subscript {x} is repeated for operand but the sizes don't match, {t.shape[j]} != {t.shape[i]}."
                )
            t = t.diagonal(0, i, j)
            labels = [y for k, y in enumerate(labels) if k not in (i, j)] + [x]
    return t, labels


def _reduced(t, labels, wanted):
    """Sum over the labels that nothing else needs."""
    gone = [i for i, x in enumerate(labels) if x not in wanted]
    return (t.sum(gone), [x for x in labels if x in wanted]) if gone else (t, labels)


def _pair(a, la, b, lb, wanted):
    """Contract two operands with one batched matrix product."""
    size = {}
    for t, labels in ((a, la), (b, lb)):
        for x, n in zip(labels, t.shape, strict=True):
            size[x] = builtins.max(size.get(x, 1), n) if n else 0
    shared = [x for x in la if x in lb]
    lone_a, lone_b = (
        [x for x in shared if a.shape[la.index(x)] != size[x]],
        [x for x in shared if b.shape[lb.index(x)] != size[x]],
    )
    if lone_a:  # a size of 1 is broadcast, or summed over together with the other operand
        a, la = a.squeeze([la.index(x) for x in lone_a]), [x for x in la if x not in lone_a]
    if lone_b:
        b, lb = b.squeeze([lb.index(x) for x in lone_b]), [x for x in lb if x not in lone_b]
    a, la = _reduced(a, la, {*wanted, *lb})
    b, lb = _reduced(b, lb, {*wanted, *la})
    batch = [x for x in la if x in lb and x in wanted]
    over = [x for x in la if x in lb and x not in wanted]
    rows, columns = [x for x in la if x not in lb], [x for x in lb if x not in la]
    count = lambda labels: math.prod(size[x] for x in labels)
    a = permute(a, [la.index(x) for x in batch + rows + over])
    b = permute(b, [lb.index(x) for x in batch + over + columns])
    if not over:
        out = mul(
            reshape(a, *[size[x] for x in batch + rows], *[1] * len(columns)),
            reshape(b, *[size[x] for x in batch], *[1] * len(rows), *[size[x] for x in columns]),
        )
        return out, batch + rows + columns
    lead = (count(batch),) if batch else ()
    out = matmul(reshape(a, *lead, count(rows), count(over)), reshape(b, *lead, count(over), count(columns)))
    return reshape(out, [size[x] for x in batch + rows + columns]), batch + rows + columns


def einsum(equation, *operands):
    """The sum of products that an equation describes, e.g. "bij,bjk->bik" for a batched matrix product.

    Shape: one letter per dimension; those after the arrow remain.

    >>> import facula
    >>> facula.einsum("i,j->ij", facula.tensor([1, 2]), facula.tensor([3, 4]))
    tensor([[3, 4],
            [6, 8]])
    """
    if not isinstance(equation, str):
        equation, operands = _sublists((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not operands:
        raise runtime_error("einsum(): must provide at least one operand, got none. Pass tensors after the equation.")
    labels, result = _parsed(equation, operands)
    terms = [_single(t, entries) for t, entries in zip(operands, labels, strict=True)]
    _check_sizes(terms)
    while len(terms) > 1:
        i, j = (0, 1) if len(terms) == 2 else _next_pair(terms, result)
        second, first = terms.pop(j), terms.pop(i)
        wanted = {*result, *(x for _, entries in terms for x in entries)}
        terms.insert(0, _pair(*first, *second, wanted))
    t, entries = _reduced(*terms[0], set(result))
    return permute(t, [entries.index(x) for x in result]) if len(entries) > 1 else t


def _check_sizes(terms):
    size = {}
    for t, entries in terms:
        for x, n in zip(entries, t.shape, strict=True):
            if n != 1 and size.setdefault(x, n) != n:
                raise runtime_error(
                    f"einsum(): subscript {x} has size {n} for an operand which does not broadcast with previously "
                    f"seen size {size[x]}. Give unlike sizes unlike letters."
                )


def _next_pair(terms, result):
    """The pair whose contraction leaves the smallest tensor: a greedy path."""
    size = {x: n for t, entries in terms for x, n in zip(entries, t.shape, strict=True) if n != 1}

    def cost(pair):
        i, j = pair
        others = {*result, *(x for k, (_, entries) in enumerate(terms) if k not in pair for x in entries)}
        return math.prod(size.get(x, 1) for x in {*terms[i][1], *terms[j][1]} & others)

    return builtins.min(((i, j) for j in range(len(terms)) for i in range(j)), key=cost)
