"""Functions by table: an interval's centre, the value there, a short polynomial of the distance (AVX-512 only).

The centres are floats at which the function is nearly a float too (Gal & Bachelis 1991, "An accurate elementary
mathematical library"), so value + z p(z) is rounded once, at the end.  The first interval of an odd function is centred
on 0 and adds z itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.forms import at_most, layout, polynomial, rounded

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

FIRST_OCTAVE = -4
LAST_OCTAVE_END = 15.99
EVEN_SCALE, EVEN_END = 2.5, 6.0
ERFCX_SCALE, ERFCX_END = 3.0, 27.3


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


def erfcx_by_table(b: Builder, a: Operand) -> Operand:
    """e^(a^2) erfc(a) where erfc(a) is not 0.

    In f32 from 32 intervals centred on k / 3, in f64 from the 16 quarters of the octaves of 2 + 30 a / end.
    """
    if a.dtype == "f32":
        return _with_value(b, a, b.bits(rounded(b, a, ERFCX_SCALE)[0]), tables.ERFCX_PIECES)
    index = b.shr(b.bits(b.fma(a, 30 / ERFCX_END, 2.0)), layout(a).fraction - 2)
    return _with_value(b, a, index, tables.ERFCX_PIECES_DOUBLE)


def _with_value(b: Builder, x: Operand, index: Operand, columns: tables.Columns) -> Operand:
    z, slope = _slope(b, x, index, columns)
    return b.fma(slope, z, b.table(index, columns[1]))


def _evaluate(b: Builder, x: Operand, index: Operand, columns: tables.Columns) -> Operand:
    """An odd function, whose value in the first interval is x itself."""
    z, value = _slope(b, x, index, columns)
    first = b.eq(b.table(index, columns[0]), 0.0)
    return b.fma(value, z, b.select(first, x, b.table(index, columns[1])))


def _slope(b: Builder, x: Operand, index: Operand, columns: tables.Columns) -> tuple[Operand, Operand]:
    """(z, p(z)), z being the distance from the centre."""
    centres, _, *powers = columns
    z = b.xsub(x, b.table(index, centres))
    return z, polynomial(b, z, [b.table(index, power) for power in powers])
