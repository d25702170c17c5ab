"""A long row in pieces: keys are divided by splitters, the same for every piece, then what goes together is sorted.

Frazer and McKellar, "Samplesort: A Sampling Approach to Minimal Storage Tree Sorting" (1970).
"""

from __future__ import annotations

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.library.division import Cuts, Division
from graphc.codegen.library.elements import at
from graphc.codegen.library.records import Records, Results
from graphc.codegen.library.split import Part, Split, Stage
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.ir.poly import Poly
from graphc.records import dataclass

PIECE = 1 << 14  # items of a piece, where there are not too many
MOST = 32  # pieces
SAMPLES = 8  # for each piece
AHEAD = 32  # lines of the next section that are fetched while one is copied
GOLDEN = 0x9E37_79B9  # of 2**32: multiples of the golden ratio are evenly spread, whatever their number


@dataclass(frozen=True)
class Samplesort:
    """`sorter` is the function that sorts a part."""

    records: Records
    rows: Poly
    count: Poly
    sorter: str

    @property
    def split(self) -> Split:
        stages = Stage(self.choose, once=True), Stage(self.divide), Stage(self.collect)
        return Split(self.rows, self.chunk, self.shared, stages)

    @property
    def chunk(self) -> Chunk:
        return Chunk("items", self.count, self.count, grain=PIECE, most=MOST)

    # ------------------------------------------------------------------------------------------------- the memory

    @property
    def word(self) -> str:
        return self.records.word

    @property
    def shared(self) -> Poly:
        """Samples and what they stand for, bounds of parts and odd items in each piece, and all records.

        Where records do not fit into the result, they come in order behind these.
        """
        array = (self.count * ITEMSIZE[self.word] + 7) // 8
        return array * (1 if self.records.fits else 2) + self._before

    @property
    def _before(self) -> int:
        """Words ahead of the records."""
        return 2 * self._samples + self._bounds + self.records.oddities * self.chunk.pieces

    @property
    def _samples(self) -> int:
        return self.chunk.pieces * SAMPLES

    @property
    def _bounds(self) -> int:
        return self.chunk.pieces * (self.chunk.pieces + 1)

    def odd(self, f: Routine, part: Part, piece: Operand, kind: int) -> Operand:
        """Where a piece tells how many items of a kind it has."""
        start = 2 * self._samples + self._bounds + kind * self.chunk.pieces
        return at(f, part.shared, "i64", f.add(start, piece))

    def bounds(self, f: Routine, part: Part, piece: Operand) -> Operand:
        """Where the parts begin in a piece, and their end."""
        return at(f, part.shared, "i64", f.add(2 * self._samples, f.mul(piece, f.add(part.pieces, 1))))

    def array(self, f: Routine, part: Part) -> Operand:
        return f.offset(part.shared, 8 * self._before)

    def place(self, f: Routine, part: Part) -> tuple[Operand, Operand]:
        """Where the records come in order, and the result."""
        row = f.mul(part.row, f.i.value(self.count))
        target = at(f, part.arrays[1], self.records.result, row)
        behind = f.mul(f.div(f.i.value(self.count * ITEMSIZE[self.word] + 7), 8), 8)
        return target if self.records.fits else f.offset(self.array(f, part), behind), target

    def source(self, f: Routine, part: Part) -> Operand:
        bits = self.records.element
        return at(f, part.arrays[0], bits, f.mul(part.row, f.i.value(self.count)))

    # ------------------------------------------------------------------------------------------------- the stages

    def choose(self, f: Routine, part: Part) -> None:
        """Sorted samples; every so many-th is a splitter."""
        b, source, count = f.b, self.source(f, part), f.i.value(self.count)
        samples = f.mul(part.pieces, SAMPLES)

        results = f.offset(part.shared, 8 * self._samples)

        def take(k: Operand) -> None:
            spread = b.and_(b.mul(b.cast(k, "u64"), GOLDEN), 0xFFFF_FFFF)
            i = b.cast(b.shr(b.mul(spread, b.cast(count, "u64")), 32), "i64")
            f.store(self.records.take(f, source, i), at(f, part.shared, self.word, k))

        def splitter(j: Operand) -> None:
            record = self.records.again(f, source, results, f.mul(j, SAMPLES))
            f.store(record, at(f, part.shared, self.word, j))

        f.each(0, samples, take)
        f.call(self.sorter, part.shared, results, samples)
        f.each(1, part.pieces, splitter)

    def divide(self, f: Routine, part: Part) -> None:
        lanes, source = self.records.lanes, self.source(f, part)
        lo, hi = f.i.bounds(self.chunk, part.piece, part.pieces)
        array, bounds = self.array(f, part), self.bounds(f, part, part.piece)
        for kind, count in enumerate(self.records.take_all(f, source, array, lo, hi)):
            f.store(count, self.odd(f, part, part.piece, kind))
        f.store(f.number(0), bounds)
        f.store(f.sub(hi, lo), at(f, bounds, "i64", part.pieces))
        division = Division(f, at(f, array, self.word, lo), self.word, lanes)
        division.by_tree(Cuts(bounds, part.shared, part.pieces, 1 << (self.chunk.pieces - 1).bit_length()))

    def collect(self, f: Routine, part: Part) -> None:
        """All sections of a part side by side, which are sorted then."""
        keys, target = self.place(f, part)

        def before(c: Operand, start: list[Operand]) -> list[Operand]:
            return [f.add(start[0], self.ends(f, part, c)[0])]

        def copy(c: Operand, end: list[Operand]) -> list[Operand]:
            source, size = self.section(f, part, c)
            following, _ = self.section(f, part, f.least(f.add(c, 1), f.sub(part.pieces, 1)))
            for line in range(AHEAD):
                f.prefetch(f.offset(following, 64 * line))
            self.copy(f, source, at(f, keys, self.word, end[0]), size)
            return [f.add(end[0], size)]

        (start,) = f.loop(0, part.pieces, 1, before, [f.number(0)])
        (end,) = f.loop(0, part.pieces, 1, copy, [start])
        own, result = at(f, keys, self.word, start), at(f, target, self.records.result, start)
        f.call(self.sorter, own, result, f.sub(end, start))
        counts = [self.total(f, part, kind) for kind in range(self.records.oddities)]
        self.records.mend(f, Results(target, f.i.value(self.count), start, end), counts)

    def ends(self, f: Routine, part: Part, c: Operand) -> tuple[Operand, Operand]:
        """Where the part lies in a piece."""
        lo = at(f, self.bounds(f, part, c), "i64", part.piece)
        return f.load(lo, "i64", 1), f.load(f.offset(lo, 8), "i64", 1)

    def section(self, f: Routine, part: Part, c: Operand) -> tuple[Operand, Operand]:
        """The records of the part in a piece, and how many there are."""
        lo, hi = self.ends(f, part, c)
        first, _ = f.i.bounds(self.chunk, c, part.pieces)
        return at(f, self.array(f, part), self.word, f.add(first, lo)), f.sub(hi, lo)

    def total(self, f: Routine, part: Part, kind: int) -> Operand:
        def more(c: Operand, n: list[Operand]) -> list[Operand]:
            return [f.add(n[0], f.load(self.odd(f, part, c, kind), "i64", 1))]

        return f.loop(0, part.pieces, 1, more, [f.number(0)])[0]

    def copy(self, f: Routine, source: Operand, target: Operand, count: Operand) -> None:
        lanes = self.records.lanes

        def some(i: Operand) -> None:
            mask = f.first_lanes(lanes, f.sub(count, i))
            f.store(f.load(at(f, source, self.word, i), self.word, lanes, mask), at(f, target, self.word, i), mask)

        f.each(0, count, some, lanes)
