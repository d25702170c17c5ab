"""What vectors sort: numbers of one word, each of which stands for an element or for its position."""

from __future__ import annotations

from graphc.codegen.gemm.routine import Offset, Routine
from graphc.codegen.library.elements import at, lanes_of
from graphc.codegen.library.form import Form
from graphc.codegen.library.keys import Keys
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass


def records_of(form: Form) -> Records:
    """Floats of a register's width are sorted as they are; all else, and positions, by unsigned keys."""
    return Reals(form) if not form.positions and form.keys.dtype in ("f32", "f64") else Records(form)


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

    def missing(self, f: Routine, x: Operand) -> Operand:
        """How many of the elements are left out of the order, until `mend` puts them into the result."""
        return f.number(0)

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

    def take_all(self, f: Routine, source: Operand, target: Operand, lo: Offset, hi: Offset) -> Operand:
        """The records of some elements; gives how many are missing."""

        def some(i: Operand, missing: list[Operand]) -> list[Operand]:
            mask = f.first_lanes(self.lanes, f.sub(hi, i))
            x = self.load(f, source, i, self.lanes, mask)
            f.store(self.of(f, x, i), at(f, target, self.word, i), mask)
            return [f.add(missing[0], self.missing(f, x))]

        return f.loop(lo, hi, self.lanes, some, [f.number(0)])[0]

    def mend(self, f: Routine, target: Operand, count: Operand, missing: Operand, lo: Operand, hi: Operand) -> None:
        """Put what is missing from a row of so many items into the results lo .. hi - 1."""


class Reals(Records):
    """Floats, negated where the order is descending.

    NaN is replaced by an infinity that belongs where it goes, counted, and written at the end.

    Minima of floats take half the time of those of integers.
    """

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
    def greatest(self) -> float:
        return float("inf")

    def of(self, f: Routine, x: Operand, i: Operand) -> Operand:
        b, down = f.b, self.keys.descending
        return b.select(b.isnan(x), -self.greatest if down else self.greatest, b.neg(x) if down else x)

    def missing(self, f: Routine, x: Operand) -> Operand:
        is_nan = f.b.isnan(x)
        return f.b.cast(is_nan if x.lanes == 1 else f.b.count(is_nan), "i64")

    def value(self, f: Routine, record: Operand) -> Operand:
        return f.b.neg(record) if self.keys.descending else record

    def above(self, f: Routine, record: Operand) -> Operand:
        """By the order of the bits, in which 0 comes after -0."""
        b, keys = f.b, Keys(self.keys.dtype, descending=False, apart=True)
        bits = b.cast(b.bits(b.add(record, 0.0)), keys.held)
        return b.real(keys.value(f, b.add(keys.of(f, bits), 1)))

    def mend(self, f: Routine, target: Operand, count: Operand, missing: Operand, lo: Operand, hi: Operand) -> None:
        if self.keys.descending:
            hi = f.least(hi, missing)
        else:
            lo = f.most(lo, f.sub(count, missing))

        def some(i: Operand) -> None:
            nan = f.b.number(float("nan"), self.word, self.lanes)
            f.store(nan, at(f, target, self.word, i), f.first_lanes(self.lanes, f.sub(hi, i)))

        f.each(lo, hi, some, self.lanes)
