"""The first k positions of a row in sorted order, without sorting the row.

The row is cut into as many groups as there are lanes in a few vectors, at least k.  The k-th smallest of their least
keys is a bound: k items are no greater.  The items within the bound are put side by side, usually about twice k of
them, and ranked by counting; if they are many, all alike for instance, they are sorted by digits.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.gemm.routine import Helper, Routine
from graphc.codegen.library.elements import at, lanes_of
from graphc.codegen.library.form import Form
from graphc.codegen.library.keys import Keys
from graphc.codegen.library.radix import Radix, scratch
from graphc.codegen.library.rank import Ranks, scatter
from graphc.codegen.library.sort import PIECES, SHORT
from graphc.codegen.library.split import Split
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.ir.node import Node
from graphc.ir.poly import Poly
from graphc.ir.types import volume
from graphc.records import dataclass

LEAST_VECTORS, MOST_VECTORS = 4, 16  # of groups
COST = 16  # of an item, in elementary operations


@dataclass(frozen=True)
class TopK:
    keys: Keys
    rows: Poly
    count: int
    k: int
    compresses: bool

    @staticmethod
    def of(node: Node, features: frozenset[str]) -> TopK:
        x = node.inputs[0]
        (count,) = (e for e in x.shape[-1:] if isinstance(e, int))
        keys = Keys(x.dtype, descending=node.attrs["largest"], apart=False)
        return TopK(keys, Poly.of(volume(x.shape[:-1])), count, node.attrs["k"], "avx512" in features)

    def __str__(self) -> str:
        how = f"of {self.vectors * self.lanes} groups" if self.is_bounded else "none"
        return f"the first {self.k} of {self.count}, bound: {how}"

    @property
    def form(self) -> Form:
        return Form(self.keys, positions=True)

    @property
    def lanes(self) -> int:
        return lanes_of(self.keys.held)

    @property
    def vectors(self) -> int:
        return max(LEAST_VECTORS, -(-self.k // self.lanes))

    @property
    def is_bounded(self) -> bool:
        """Whether looking for a bound pays: there are more items than groups, and not too many of these."""
        return self.vectors <= MOST_VECTORS and self.count >= 2 * self.vectors * self.lanes

    @property
    def chunk(self) -> Chunk:
        return Chunk("rows", self.rows, self.rows * (self.count * COST), most=PIECES)

    @property
    def room(self) -> int:
        """Bytes of an array of candidates, with a vector more than there are items."""
        size = (self.count + 2 * self.lanes + self.vectors * self.lanes) * ITEMSIZE[self.keys.held]
        return -(-size // 64) * 64

    @property
    def scratch(self) -> Poly:
        """Keys of candidates, their positions, and what sorting them takes."""
        return Poly.of(2 * self.room // 8) + scratch(self.form, Poly.of(self.count))

    @property
    def helpers(self) -> Sequence[Helper]:
        return ()

    @property
    def split(self) -> Split | None:
        return None

    def write(self, f: Routine, rows: tuple[Operand, Operand], arrays: Sequence[Operand], scratch: Operand) -> None:
        if self.k:
            f.each(*rows, _Rows(f, self, arrays, scratch).row)


class _Rows:
    def __init__(self, f: Routine, what: TopK, arrays: Sequence[Operand], memory: Operand) -> None:
        self.f, self.what, (self.source, self.target) = f, what, arrays
        self.keys, self.held, self.lanes = what.keys, what.keys.held, what.lanes
        self.found, self.places = memory, f.offset(memory, what.room)
        self.rest = f.offset(memory, 2 * what.room)

    def row(self, row: Operand) -> None:
        f, what = self.f, self.what
        source = at(f, self.source, self.keys.bits, f.mul(row, what.count))
        target = at(f, self.target, "i64", f.mul(row, what.k))
        bound = self.bound(source) if what.is_bounded else f.b.number(self.keys.last, self.held)
        count = self.collect(source, bound)
        f.when(f.less(count, SHORT + 1), lambda: self.by_ranks(count, target))
        f.when(f.less(SHORT, count), lambda: self.by_digits(count, target))

    # ------------------------------------------------------------------------------------------------ the bound

    def bound(self, source: Operand) -> Operand:
        """The k-th smallest of the least keys of the groups."""
        f, b, what = self.f, self.f.b, self.what
        least = self.least(source)
        for k, x in enumerate(least):
            f.store(x, f.offset(self.found, k * self.lanes * ITEMSIZE[self.held]))

        def count(j: Operand, totals: list[Operand]) -> list[Operand]:
            one = b.spread(f.load(at(f, self.found, self.held, j), self.held, 1), self.lanes)
            return [b.add(t, b.cast(b.lt(one, x), self.held)) for t, x in zip(totals, least, strict=True)]

        zero = b.number(0, self.held, self.lanes)
        smaller = f.loop(0, what.vectors * self.lanes, 1, count, [zero] * what.vectors)
        bound = zero
        for n, x in zip(smaller, least, strict=True):
            bound = b.maximum(bound, b.select(b.lt(n, what.k), x, 0))
        return self.across(bound)

    def least(self, source: Operand) -> list[Operand]:
        """Item number i belongs to group i modulo their number."""
        f, what, step = self.f, self.what, self.what.vectors * self.lanes
        none = f.b.number(self.keys.last, self.held, self.lanes)
        whole = what.count // step * step

        def fold(i: Operand, mins: list[Operand]) -> list[Operand]:
            places = [at(f, source, self.keys.bits, f.add(i, n * self.lanes)) for n in range(what.vectors)]
            return [f.b.minimum(m, self.keys.load(f, p, self.lanes)) for m, p in zip(mins, places, strict=True)]

        mins = f.loop(0, whole, step, fold, [none] * what.vectors)
        for n, start in enumerate(range(whole, what.count, self.lanes)):
            mask = f.first_lanes(self.lanes, what.count - start)
            key = self.keys.load(f, at(f, source, self.keys.bits, start), self.lanes, mask)
            key = key if mask is None else f.b.select(mask, key, none)
            mins[n] = f.b.minimum(mins[n], key)
        return mins

    def across(self, x: Operand) -> Operand:
        """The greatest of the lanes."""
        half = self.lanes // 2
        while half:
            x = self.f.b.maximum(x, self.f.b.shuffle(x, [k ^ half for k in range(self.lanes)]))
            half //= 2
        return self.f.b.lane(x, 0)

    # ------------------------------------------------------------------------------------------------ candidates

    def collect(self, source: Operand, bound: Operand) -> Operand:
        """Keys within the bound and their positions, side by side in order; gives how many there are."""
        f, what = self.f, self.what
        if not what.compresses:
            return f.loop(0, what.count, 1, lambda i, n: [self.collect_one(source, bound, i, n[0])], [f.number(0)])[0]
        limit = f.b.spread(bound, self.lanes)
        whole = what.count // self.lanes * self.lanes
        (n,) = f.loop(
            0, whole, self.lanes, lambda i, n: [self.collect_vector(source, limit, i, n[0], None)], [f.number(0)]
        )
        if whole < what.count:
            mask = f.first_lanes(self.lanes, what.count - whole)
            n = self.collect_vector(source, limit, f.number(whole), n, mask)
        return n

    def collect_one(self, source: Operand, bound: Operand, i: Operand, n: Operand) -> Operand:
        """Always written, and kept by counting it."""
        f = self.f
        key = self.keys.load(f, at(f, source, self.keys.bits, i))
        f.store(key, at(f, self.found, self.held, n))
        f.store(f.b.cast(i, self.held), at(f, self.places, self.held, n))
        return f.add(n, f.b.cast(f.b.le(key, bound), "i64"))

    def collect_vector(self, source: Operand, limit: Operand, i: Operand, n: Operand, part: Operand | None) -> Operand:
        f, b = self.f, self.f.b
        key = self.keys.load(f, at(f, source, self.keys.bits, i), self.lanes, part)
        chosen = b.le(key, limit)
        chosen = chosen if part is None else b.and_(chosen, part)

        def put(_: list[Operand]) -> list[Operand]:
            place = b.add(b.spread(b.cast(i, self.held), self.lanes), f.i.iota(self.lanes, self.held))
            f.store(b.compress(key, chosen), at(f, self.found, self.held, n))
            f.store(b.compress(place, chosen), at(f, self.places, self.held, n))
            return [f.add(n, b.cast(b.count(chosen), "i64"))]

        return f.changed(b.any(chosen), put, [n])[0]

    # -------------------------------------------------------------------------------------------------- the order

    def by_ranks(self, count: Operand, target: Operand) -> None:
        f, b = self.f, self.f.b
        ranks = Ranks(f, self.found, self.held, self.lanes)

        def take(i: Operand, key: Operand, rank: Operand) -> None:
            place = f.load(at(f, self.places, self.held, i), self.held, self.lanes)
            scatter(f, b.cast(place, "i64"), target, rank, b.lt(rank, self.what.k))

        ranks.finish(count, self.keys.last)
        ranks.each(count, take)

    def by_digits(self, count: Operand, target: Operand) -> None:
        f, form = self.f, self.what.form
        radix = Radix(f, form, Poly.of(self.what.count), self.rest)

        def item(i: Operand) -> tuple[Operand, Operand]:
            key, place = (f.load(at(f, a, self.held, i), self.held, 1) for a in (self.found, self.places))
            return key, place

        found = radix.sort(count, item)
        f.each(0, self.what.k, lambda i: f.store(form.position(f, form.load(f, found, i)), at(f, target, "i64", i)))
