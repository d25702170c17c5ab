"""What vectors sort: numbers of one word, each of which stands for an element or for its position."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.gemm.routine import Offset, Routine
from graphc.codegen.library.elements import at, lanes_of
from graphc.codegen.library.form import Form
from graphc.codegen.library.keys import Keys
from graphc.codegen.llvm.emit_loop import write_loop
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE, greatest, is_float
from graphc.records import dataclass


def records_of(form: Form) -> Records:
    """Numbers of a register's width are sorted as they are; all else, and positions, by unsigned keys."""
    dtype = form.keys.dtype
    if form.positions or ITEMSIZE[dtype] < 4:
        return Records(form)
    return Reals(form) if is_float(dtype) else Wholes(form)


@dataclass(frozen=True)
class Records:
    """Unsigned integers."""

    form: Form

    @property
    def keys(self) -> Keys:
        return self.form.keys

    @property
    def word(self) -> str:
        (word,) = self.form.words
        return word

    @property
    def lanes(self) -> int:
        return lanes_of(self.word)

    @property
    def size(self) -> int:
        return ITEMSIZE[self.word]

    @property
    def result(self) -> str:
        """The type of a result in memory."""
        return "i64" if self.form.positions else self.keys.bits

    @property
    def element(self) -> str:
        """The type in which elements are loaded."""
        return self.keys.bits

    @property
    def greatest(self) -> float:
        return (1 << 8 * self.size) - 1

    @property
    def is_result(self) -> bool:
        """A record is stored as it is."""
        return False

    @property
    def fits(self) -> bool:
        """Records can lie where results go."""
        return self.size == ITEMSIZE[self.result]

    @property
    def title(self) -> str:
        kind = "positions" if self.form.positions else "values"
        return f"{self.keys.dtype}.{kind}.{'down' if self.keys.descending else 'up'}"

    # ---------------------------------------------------------------------------------------- to records and back

    def of(self, f: Routine, x: Operand, i: Operand) -> Operand:
        """The records of elements from number i on."""
        places = f.b.add(f.b.spread(i, x.lanes), f.i.iota(x.lanes)) if x.lanes > 1 else i
        return self.form.record(f, self.keys.of(f, f.b.cast(x, self.keys.held)), places)[0]

    def odd(self, f: Routine, x: Operand, counts: list[Operand]) -> list[Operand]:
        """Counts of elements that their records do not tell apart, with those of a vector; `mend` puts them right."""
        return counts

    @property
    def oddities(self) -> int:
        """How many kinds of them there are."""
        return 0

    def value(self, f: Routine, record: Operand) -> Operand:
        """What is stored for it."""
        return self.form.position(f, (record,)) if self.form.positions else self.keys.value(f, record)

    def again(self, f: Routine, source: Operand, results: Operand, k: Operand) -> Operand:
        """The record of a result."""
        if not self.form.positions:
            return self.take(f, results, k)
        return self.take(f, source, f.load(at(f, results, "i64", k), "i64", 1))

    def above(self, f: Routine, record: Operand) -> Operand:
        """The next greater record, of one that is not the greatest."""
        return f.b.add(record, 1)

    # ------------------------------------------------------------------------------------------------- in memory

    def load(self, f: Routine, source: Operand, i: Operand, lanes: int = 1, mask: Operand | None = None) -> Operand:
        """Elements."""
        return f.load(at(f, source, self.element, i), self.element, lanes, mask)

    def take(self, f: Routine, source: Operand, i: Operand) -> Operand:
        """The record of element i."""
        return self.of(f, self.load(f, source, i), i)

    def take_all(self, f: Routine, source: Operand, target: Operand, lo: Offset, hi: Offset) -> list[Operand]:
        """The records of some elements; gives the counts of odd ones."""

        def some(i: Operand, counts: list[Operand]) -> list[Operand]:
            mask = f.first_lanes(self.lanes, f.sub(hi, i))
            x = self.load(f, source, i, self.lanes, mask)
            f.store(self.of(f, x, i), at(f, target, self.word, i), mask)
            return self.odd(f, x, counts)

        return f.loop(lo, hi, self.lanes, some, [f.number(0)] * self.oddities)

    def mend(self, f: Routine, row: Results, counts: Sequence[Operand]) -> None:
        """Put the odd elements of a row into a part of its results."""


@dataclass(frozen=True)
class Results:
    """Numbers lo .. hi - 1 of `count` at `target`."""

    target: Operand
    count: Operand
    lo: Operand
    hi: Operand


class Numbers(Records):
    """Of the type of the elements, turned round where the order is descending."""

    @property
    def word(self) -> str:
        return self.keys.dtype

    @property
    def result(self) -> str:
        return self.keys.dtype

    @property
    def element(self) -> str:
        return self.keys.dtype

    @property
    def is_result(self) -> bool:
        return not self.keys.descending


class Wholes(Numbers):
    """Integers; all bits are inverted for the other order."""

    @property
    def greatest(self) -> float:
        return greatest(self.word)

    def of(self, f: Routine, x: Operand, i: Operand) -> Operand:
        return f.b.not_(x) if self.keys.descending else x

    def value(self, f: Routine, record: Operand) -> Operand:
        return f.b.not_(record) if self.keys.descending else record


class Reals(Numbers):
    """Floats, negated for the other order: minima of floats take half the time of those of integers.

    NaN is replaced by an infinity that belongs where it goes, -0 by 0.  Both are counted and written at the end, -0
    before 0, so that every bit of the result is known, whatever way it was sorted.
    """

    @property
    def greatest(self) -> float:
        return float("inf")

    @property
    def oddities(self) -> int:
        return 2

    def of(self, f: Routine, x: Operand, i: Operand) -> Operand:
        b, down = f.b, self.keys.descending
        number = b.add(b.neg(x) if down else x, 0.0)
        return b.select(b.isnan(x), -self.greatest if down else self.greatest, number)

    def odd(self, f: Routine, x: Operand, counts: list[Operand]) -> list[Operand]:
        """NaN, and -0."""
        b = f.b
        is_nan, is_negative_zero = b.isnan(x), b.eq(b.bits(x), 1 << 8 * self.size - 1)

        def count(before: list[Operand]) -> list[Operand]:
            kinds = is_nan, is_negative_zero
            return [f.add(n, b.cast(b.count(kind), "i64")) for n, kind in zip(before, kinds, strict=True)]

        return f.changed(b.any(b.or_(is_nan, is_negative_zero)), count, counts)

    def value(self, f: Routine, record: Operand) -> Operand:
        """A difference, since no zero may become -0."""
        return f.b.sub(0.0, record) if self.keys.descending else record

    def above(self, f: Routine, record: Operand) -> Operand:
        """By the order of the bits, in which 0 comes after -0."""
        b, keys = f.b, Keys(self.keys.dtype, descending=False, apart=True)
        bits = b.cast(b.bits(record), keys.held)
        return b.real(keys.value(f, b.add(keys.of(f, bits), 1)))

    def mend(self, f: Routine, row: Results, counts: Sequence[Operand]) -> None:
        nans, zeros = counts
        lo, hi = row.lo, row.hi
        if self.keys.descending:
            hi = f.least(hi, nans)
        else:
            lo = f.most(lo, f.sub(row.count, nans))
        self.fill(f, row.target, lo, hi, float("nan"))
        f.when(f.less(0, zeros), lambda: self.mend_zeros(f, row, zeros))

    def mend_zeros(self, f: Routine, row: Results, zeros: Operand) -> None:
        """All zeros of a row are in the same part."""
        b = f.b

        def halve(ends: list[Operand]) -> tuple[list[Operand], Operand]:
            lo, hi = ends
            middle = f.div(f.add(lo, hi), 2)
            x = self.load(f, row.target, middle)
            is_before = b.gt(x, 0.0) if self.keys.descending else b.lt(x, 0.0)
            if self.keys.descending:
                is_before = b.or_(is_before, b.isnan(x))
            lo, hi = b.select(is_before, f.add(middle, 1), lo), b.select(is_before, hi, middle)
            return [lo, hi], f.less(lo, hi)

        start, _ = write_loop(b, f.less(row.lo, row.hi), [row.lo, row.hi], halve)

        def inside() -> None:
            is_zero = b.eq(self.load(f, row.target, start), 0.0)
            f.when(is_zero, lambda: self.fill(f, row.target, start, f.add(start, zeros), -0.0))

        f.when(f.less(start, row.hi), inside)

    def fill(self, f: Routine, target: Operand, lo: Operand, hi: Operand, value: float) -> None:
        def some(i: Operand) -> None:
            number = f.b.number(value, self.word, self.lanes)
            f.store(number, at(f, target, self.word, i), f.first_lanes(self.lanes, f.sub(hi, i)))

        f.each(lo, hi, some, self.lanes)
