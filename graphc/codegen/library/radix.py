"""Radix sort, least significant digit first: counts of every digit in one pass, then a pass per digit.

Knuth, "The Art of Computer Programming", volume 3, section 5.2.5.  A digit that is the same in all keys costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.library.form import Form
from graphc.codegen.library.keys import Keys
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.ir.poly import Poly

LONG = 1 << 13  # items from which tables of 2**11 counts pay
NARROW, WIDE = 8, 11  # bits of a digit
COUNT = "u32"  # the type of a count: a row has less than 2**32 items


def digits(keys: Keys, count: Poly) -> list[tuple[int, int]]:
    """(lowest bit, number of bits) for each pass."""
    wide = count.constant is not None and count.constant >= LONG
    bits = WIDE if wide and keys.width > WIDE else NARROW
    return [(low, min(bits, keys.width - low)) for low in range(0, keys.width, bits)]


def tables(form: Form, count: Poly) -> int:
    """Words of 64 bits that the counts take."""
    return sum(1 << bits for _, bits in digits(form.keys, count)) * ITEMSIZE[COUNT] // 8


def scratch(form: Form, count: Poly) -> Poly:
    """Words of 64 bits: the counts, and two arrays of records."""
    return (count * form.size + 15) // 8 * 2 + tables(form, count)


class Radix:
    """Sorts the records of a row in scratch memory."""

    def __init__(self, f: Routine, form: Form, longest: Poly, memory: Operand) -> None:
        self.f, self.form, self.passes = f, form, digits(form.keys, longest)
        self.tables, start = [], 0
        for _, bits in self.passes:
            self.tables.append(f.offset(memory, start))
            start += (1 << bits) * ITEMSIZE[COUNT]
        self.clear = (memory, start)
        first = f.offset(memory, start)
        size = f.mul(f.div(f.i.value(longest * form.size + 15), 8), 8)
        self.arrays = [first, f.offset(first, size)]

    def sort(self, count: Operand, item: Callable[[Operand], tuple[Operand, Operand]]) -> Operand:
        """Where the sorted records are; item(i) gives key and position, `count` is not 0."""
        f, form = self.f, self.form
        memory, size = self.clear
        f.b.declare("llvm.memset.p0.i64", "void", "ptr", "i8", "i64", "i1 immarg")
        f.b.effect(f"call void @llvm.memset.p0.i64({memory}, i8 0, i64 {size}, i1 false)")

        def take(i: Operand) -> None:
            record = form.record(f, *item(i))
            form.store(f, record, self.arrays[0], i)
            for table, (low, bits) in zip(self.tables, self.passes, strict=True):
                self.bump(table, form.digit(f, record, low, bits))

        f.each(0, count, take)
        held = self.arrays
        for table, (low, bits) in zip(self.tables, self.passes, strict=True):
            held = self.distribute(held, table, low, bits, count)
        return held[0]

    def distribute(self, held: list[Operand], table: Operand, low: int, bits: int, count: Operand) -> list[Operand]:
        """Move the records to the other array in the order of a digit, unless it is one digit."""
        f, form = self.f, self.form

        def move(arrays: list[Operand]) -> list[Operand]:
            source, target = arrays
            self.sum_up(table, 1 << bits)

            def one(i: Operand) -> None:
                record = form.load(f, source, i)
                place = self.bump(table, form.digit(f, record, low, bits))
                form.store(f, record, target, f.b.cast(place, "i64"))

            f.each(0, count, one)
            return [target, source]

        some = form.digit(f, form.load(f, held[0], f.number(0)), low, bits)
        alike = f.load(f.offset(table, f.mul(some, ITEMSIZE[COUNT])), COUNT, 1)
        return f.changed(f.b.ne(f.b.cast(alike, "i64"), count), move, held)

    def bump(self, table: Operand, digit: Operand) -> Operand:
        """Add one to a count; gives what it was."""
        f, place = self.f, self.f.offset(table, self.f.mul(digit, ITEMSIZE[COUNT]))
        before = f.load(place, COUNT, 1)
        f.store(f.b.add(before, 1), place)
        return before

    def sum_up(self, table: Operand, size: int) -> None:
        """Counts become the places of the first items."""
        f = self.f

        def one(d: Operand, total: list[Operand]) -> list[Operand]:
            place = f.offset(table, f.mul(d, ITEMSIZE[COUNT]))
            n = f.load(place, COUNT, 1)
            f.store(total[0], place)
            return [f.b.add(total[0], n)]

        f.loop(0, size, 1, one, [f.b.number(0, COUNT)])
