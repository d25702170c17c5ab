"""Functions by table: an interval's centre, the value there, a short polynomial of the distance (AVX-512 only).

The centres are floats at which the function is nearly a float too (Gal & Bachelis 1991, "An accurate elementary
mathematical library"), so value + z p(z) is rounded once, at the end.  The first interval is centred on 0 and adds z
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.forms import at_most, layout, rounded

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

FIRST_OCTAVE = -4
LAST_OCTAVE_END = 15.99
EVEN_SCALE, EVEN_END = 2.5, 6.0


def by_octaves(b: Builder, x: Operand, columns: tables.Columns) -> Operand:
    """An odd f32 function that is 1 above 16, from 32 intervals, four to the octave, the first reaching down to 0."""
    form = layout(x)
    magnitude = at_most(b, b.abs(x), LAST_OCTAVE_END)
    first = form.bias + FIRST_OCTAVE << form.fraction
    index = b.maximum(b.shr(b.sub(b.bits(magnitude), first), form.fraction - 2), 0)
    return b.copysign(_evaluate(b, magnitude, index, columns), x)


def erf_by_table(b: Builder, x: Operand) -> Operand:
    """erf in f64, from 16 intervals centred on k / 2.5."""
    magnitude = at_most(b, b.abs(x), EVEN_END)
    index = b.bits(rounded(b, magnitude, EVEN_SCALE)[0])
    return b.copysign(_evaluate(b, magnitude, index, tables.ERF_PIECES_DOUBLE), x)


def _evaluate(b: Builder, x: Operand, index: Operand, columns: tables.Columns) -> Operand:
    centres, values, *powers = columns
    centre = b.table(index, centres)
    z = b.xsub(x, centre)
    value = b.table(index, powers[-1])
    for power in reversed(powers[:-1]):
        value = b.fma(value, z, b.table(index, power))
    return b.fma(value, z, b.select(b.eq(centre, 0.0), x, b.table(index, values)))
