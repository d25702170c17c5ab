"""Quicksort of keys with vectors, in place: one function for all rows, whatever their length.

A part is divided in four by quartiles of a few samples; short parts are sorted by a network.  Where more than half of
the samples are one key, all equals of it are set aside as sorted.  Parts that the samples have misled too often are
left to heapsort: Musser, "Introspective Sorting and Selection Algorithms" (1997).
"""

from __future__ import annotations

from graphc.codegen.gemm.routine import Helper, Routine
from graphc.codegen.library.division import Cuts, Division, table
from graphc.codegen.library.elements import at
from graphc.codegen.library.heap import Heap
from graphc.codegen.library.merge import Merge
from graphc.codegen.library.network import Network
from graphc.codegen.library.records import Records
from graphc.codegen.llvm.emit_loop import write_loop
from graphc.codegen.llvm.types import item_type, suffix
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE

VECTORS = 8  # of a lot, which a network sorts
LOTS = 4  # that are merged; a power of two
SAMPLES = 16
WAYS = 4
DEPTH = 64  # divisions of a part; good ones take log4(items)
PARTS = (WAYS - 1) * DEPTH + 1  # that wait at most


def name(records: Records) -> str:
    return f"graphc.sort.{records.title}"


def function(records: Records, features: frozenset[str]) -> Helper:
    """`void @name(keys, target, count)`: the records at `keys` sorted, and what they stand for at `target`.

    Both may be one place, if the results are as large as the records.
    """
    f = Routine(name(records), [("keys", "ptr"), ("target", "ptr"), ("count", "i64")], features)
    Quick(f, records).write()
    return f.helper()


class Quick:
    def __init__(self, f: Routine, records: Records) -> None:
        self.f, self.records, self.word = f, records, records.word
        self.lanes = records.lanes
        self.none = f.b.number(records.greatest, self.word, self.lanes)
        self.keys, self.target, self.count = (f.given[n] for n in ("keys", "target", "count"))
        self.lot = VECTORS * self.lanes
        self.short = LOTS * self.lot
        self.parts, self.bounds = table(f, "i64", 3 * PARTS), table(f, "i64", WAYS + 1)
        self.pivots, self.few = table(f, self.word, WAYS), table(f, self.word, self.short)

    def write(self) -> None:
        f = self.f
        self.push(f.number(0), f.number(0), self.count, f.number(DEPTH))

        def once(values: list[Operand]) -> tuple[list[Operand], Operand]:
            depth = f.sub(values[0], 1)
            lo, hi, left = (f.load(self.place(depth, n), "i64", 1) for n in range(3))
            size = f.sub(hi, lo)
            long, fresh = f.less(self.short, size), f.less(0, left)
            f.when(f.b.not_(long), lambda: self.finish(lo, size))
            f.when(f.b.and_(long, f.b.not_(fresh)), lambda: self.give_up(lo, hi))
            (depth,) = f.changed(f.b.and_(long, fresh), lambda d: [self.divide(lo, hi, left, d[0])], [depth])
            return [depth], f.less(0, depth)

        write_loop(f.b, f.b.number(1, "bool"), [f.number(1)], once)

    # ------------------------------------------------------------------------------------------------- the parts

    def place(self, depth: Operand, which: int) -> Operand:
        return self.f.offset(self.parts, self.f.add(self.f.mul(depth, 24), 8 * which))

    def push(self, depth: Operand, lo: Operand, hi: Operand, left: Operand) -> None:
        for n, value in enumerate((lo, hi, left)):
            self.f.store(value, self.place(depth, n))

    def divide(self, lo: Operand, hi: Operand, left: Operand, depth: Operand) -> Operand:
        """The parts take the place of one, but those without keys; gives how many wait."""
        f, b = self.f, self.f.b
        low, middle, high = self.quartiles(lo, hi)
        is_heavy = b.eq(low, high)
        above = b.select(is_heavy, self.records.above(f, middle), high)
        for k, pivot in enumerate((low, middle, above), 1):
            f.store(pivot, at(f, self.pivots, self.word, f.number(k)))
        f.store(lo, self.bounds)
        f.store(hi, at(f, self.bounds, "i64", f.number(WAYS)))
        cuts = Cuts(self.bounds, self.pivots, WAYS, WAYS, self.short)
        Division(f, self.keys, self.word, self.lanes).by_tree(cuts)
        ends = [f.load(at(f, self.bounds, "i64", f.number(k)), "i64", 1) for k in range(WAYS + 1)]
        parts = self.without_equals(ends, is_heavy, b.eq(middle, self.records.greatest))
        return self.wait(parts, f.sub(left, 1), depth)

    def without_equals(self, ends: list[Operand], is_heavy: Operand, is_last: Operand) -> list[tuple[Operand, Operand]]:
        """The parts; where the third has equals only, it is done.  Above the last key there is none."""
        f, b = self.f, self.f.b
        done = b.select(is_last, ends[4], ends[3])
        equals = at(f, self.keys, self.word, ends[2])
        moves = b.and_(is_heavy, self.is_elsewhere) if self.records.is_result else is_heavy
        f.when(moves, lambda: self.give(equals, ends[2], f.sub(done, ends[2])))
        third = ends[2], b.select(is_heavy, ends[2], ends[3])
        fourth = b.select(is_heavy, done, ends[3]), ends[4]
        return [(ends[0], ends[1]), (ends[1], ends[2]), third, fourth]

    @property
    def is_elsewhere(self) -> Operand:
        """Results go to another place than that of the records."""
        return self.f.b.emit("bool", 1, f"icmp ne {self.keys}, {self.target.text}", self.keys, self.target)

    def wait(self, parts: list[tuple[Operand, Operand]], left: Operand, depth: Operand) -> Operand:
        f = self.f
        for lo, hi in parts:
            self.push(depth, lo, hi, left)
            depth = f.add(depth, f.b.cast(f.less(lo, hi), "i64"))
        return depth

    def quartiles(self, lo: Operand, hi: Operand) -> list[Operand]:
        """Of keys that are evenly apart."""
        f, vectors = self.f, SAMPLES // self.lanes
        step = f.div(f.sub(hi, lo), SAMPLES)
        firsts = [f.add(lo, f.mul(step, v * self.lanes)) for v in range(vectors)]
        ordered = Network(f, self.lanes).sort([self.gathered(x, step) for x in firsts])
        where = [SAMPLES * k // WAYS for k in range(1, WAYS)]
        return [f.b.lane(ordered[k // self.lanes], k % self.lanes) for k in where]

    def gathered(self, first: Operand, step: Operand) -> Operand:
        """keys[first], keys[first + step] ..."""
        b, item, lanes = self.f.b, item_type(self.word), self.lanes
        where = b.add(b.spread(first, lanes), b.mul(self.f.i.iota(lanes), b.spread(step, lanes)))
        places = b.emit("ptr", lanes, f"getelementptr {item}, {self.keys}, {where}", where)
        mask, held = b.number(1, "bool", lanes), b.number(0, self.word, lanes)
        name = f"llvm.masked.gather.{suffix(item, lanes)}.{suffix('ptr', lanes)}"
        b.declare(name, held.type, places.type, "i32 immarg", mask.type, held.type)
        text = f"call {held.type} @{name}({places}, i32 {ITEMSIZE[self.word]}, {mask}, {held.type} poison)"
        return b.ordered(self.word, lanes, text)

    # ----------------------------------------------------------------------------------------------- sorted parts

    def finish(self, lo: Operand, size: Operand) -> None:
        """Lots by a network, then merged."""
        f, place = self.f, at(self.f, self.keys, self.word, lo)

        def fill(i: Operand) -> None:
            f.store(self.none, at(f, self.few, self.word, i))

        def lot(i: Operand) -> None:
            self.network(at(f, place, self.word, i), i, f.least(f.sub(size, i), self.lot))

        f.each(0, size, lot, self.lot)
        whole = f.mul(f.div(f.add(size, self.lot - 1), self.lot), self.lot)
        f.when(f.less(2 * self.lot, size), lambda: f.each(whole, self.short, fill, self.lanes))
        Merge(f, self.few, self.word, self.lanes, self.lot).all(size)
        self.give(self.few, lo, size)

    def network(self, source: Operand, start: Operand, size: Operand) -> None:
        """A lot with greatest keys behind the last one."""
        f = self.f

        def load(v: int) -> Operand:
            mask = f.first_lanes(self.lanes, f.sub(size, v * self.lanes))
            key = f.load(at(f, source, self.word, f.number(v * self.lanes)), self.word, self.lanes, mask)
            return key if mask is None else f.b.select(mask, key, self.none)

        def store(v: int, keys: Operand) -> None:
            f.store(keys, at(f, self.few, self.word, f.add(start, v * self.lanes)))

        for v in range(VECTORS // 2, VECTORS):
            store(v, self.none)
        Network(f, self.lanes).sort_up_to(VECTORS, size, load, store, VECTORS // 2)

    def give_up(self, lo: Operand, hi: Operand) -> None:
        f, place, size = self.f, at(self.f, self.keys, self.word, lo), self.f.sub(hi, lo)
        Heap(f, place, self.word).sort(size)
        self.give(place, lo, size)

    def give(self, sorted_: Operand, lo: Operand, size: Operand) -> None:
        """Results of sorted records, from number lo on."""
        f = self.f
        target = at(f, self.target, self.records.result, lo)

        def some(i: Operand) -> None:
            mask = f.first_lanes(self.lanes, f.sub(size, i))
            record = f.load(at(f, sorted_, self.word, i), self.word, self.lanes, mask)
            f.store(self.records.value(f, record), at(f, target, self.records.result, i), mask)

        f.each(0, size, some, self.lanes)
