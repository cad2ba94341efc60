"""Sums and the highest of many numbers, on vector registers.

Each block is summed in registers, and the blocks in float64, so errors are nearly those of pairwise summation: a register
adds at most BLOCK / 16 numbers one by one.
"""

from __future__ import annotations

import numpy as np

from facula.ops.kernels.compiled import inline
from facula.ops.kernels.vector import ZERO, exp

BLOCK = 1 << 12


@inline
def fill(row, value):
    """Write one number into all of a row; an assignment to a slice takes the compiler ten times as long."""
    for j in range(row.size):
        row[j] = value


@inline
def total(row):
    """The sum of a row."""
    whole = 0.0
    for first in range(0, row.size, BLOCK):
        part, count = row[first : first + BLOCK], ZERO
        for j in range(part.size):
            count += part[j]
        whole += count
    return whole


@inline
def together(few):
    """The sum of a few numbers."""
    whole = 0.0
    for j in range(few.size):
        whole += few[j]
    return whole


@inline
def squares(row, mean):
    """The sum of (x - mean) ** 2 over a row."""
    whole = 0.0
    for first in range(0, row.size, BLOCK):
        part, count = row[first : first + BLOCK], ZERO
        for j in range(part.size):
            count += (part[j] - mean) * (part[j] - mean)
        whole += count
    return whole


@inline
def products(row, other, shift):
    """The sum of x * (y - shift) over two rows."""
    whole = 0.0
    for first in range(0, row.size, BLOCK):
        part, beside, count = row[first : first + BLOCK], other[first : first + BLOCK], ZERO
        for j in range(part.size):
            count += part[j] * (beside[j] - shift)
        whole += count
    return whole


@inline
def ranked(bits):
    """The bits of a float32 as an integer of the same order, and back."""
    return np.int32(bits ^ (np.int32(bits >> 31) & 0x7FFFFFFF))


@inline
def highest(row):
    """The highest number of a row, in integers, whose order the compiler may rearrange; nan counts as high, or as nothing."""
    top = np.int32(-0x7FFFFFFF)
    for j in range(row.size):
        top = max(top, ranked(np.float32(row[j]).view(np.int32)))
    return ranked(top).view(np.float32)


@inline
def exponentials(row, top):
    """The sum of exp(x - top) over a row."""
    whole = 0.0
    for first in range(0, row.size, BLOCK):
        part, count = row[first : first + BLOCK], ZERO
        for j in range(part.size):
            count += exp(part[j] - top)
        whole += count
    return whole
