"""Sorted rows, or the positions of their items in order.

With AVX-512, records of one word are sorted by a network or by quicksort, few long rows by samplesort; a key beside its
position is a word of its own, so that positions are stable.  Everything else is sorted by ranks or by digits.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.gemm.routine import Helper, Routine
from graphc.codegen.library import quick
from graphc.codegen.library.elements import at, lanes_of
from graphc.codegen.library.form import Form
from graphc.codegen.library.keys import Keys
from graphc.codegen.library.network import Network
from graphc.codegen.library.radix import Radix, scratch
from graphc.codegen.library.rank import Ranks, scatter
from graphc.codegen.library.records import Records, Results, records_of
from graphc.codegen.library.samplesort import Samplesort
from graphc.codegen.library.split import Split
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.loops import ZERO
from graphc.ir.node import Node
from graphc.ir.poly import Poly
from graphc.ir.types import volume
from graphc.records import dataclass

SHORT = 256  # items that are ranked by counting
WIDEST = 16  # vectors of a row of known length that a network sorts: there is code for that length alone
COST = 64  # of an item, in elementary operations
PIECES = 16  # at most: each has scratch memory for a row


@dataclass(frozen=True)
class Sort:
    form: Form
    rows: Poly
    count: Poly
    features: frozenset[str]

    @staticmethod
    def of(node: Node, features: frozenset[str]) -> Sort:
        x, positions = node.inputs[0], node.op.name == "argsort"
        keys = Keys(x.dtype, node.attrs["descending"], apart=not positions)
        return Sort(Form(keys, positions), Poly.of(volume(x.shape[:-1])), Poly.of(x.shape[-1]), features)

    def __str__(self) -> str:
        if self.is_quick:
            return "sorted by a network, or by division"
        return "ranked by counting, or sorted by digits"

    @property
    def is_quick(self) -> bool:
        return "avx512" in self.features and len(self.form.words) == 1

    @property
    def is_short(self) -> bool:
        """A network of its own sorts a row."""
        known = self.count.constant
        return self.is_quick and known is not None and known <= WIDEST * self.records.lanes

    @property
    def helpers(self) -> list[Helper]:
        return [quick.function(self.records, self.features)] if self.is_quick and not self.is_short else []

    @property
    def split(self) -> Split | None:
        if not self.is_quick or self.is_short:
            return None
        return Samplesort(self.records, self.rows, self.count, quick.name(self.records)).split

    @property
    def records(self) -> Records:
        return records_of(self.form)

    @property
    def chunk(self) -> Chunk:
        return Chunk("rows", self.rows, self.rows * self.count * COST, most=PIECES)

    @property
    def scratch(self) -> Poly:
        """What sorts in place needs memory only where the result is smaller."""
        if self.is_quick:
            return ZERO if self.records.fits or self.is_short else (self.count * self.records.size + 7) // 8
        return scratch(self.form, self.count) + SHORT * 2

    def write(self, f: Routine, rows: tuple[Operand, Operand], arrays: Sequence[Operand], scratch: Operand) -> None:
        writer = _Rows(f, self, arrays, scratch)
        f.each(*rows, writer.row)


class _Rows:
    def __init__(self, f: Routine, sort: Sort, arrays: Sequence[Operand], memory: Operand) -> None:
        self.f, self.sort, (self.source, self.target), self.memory = f, sort, arrays, memory
        self.form, self.keys = sort.form, sort.form.keys
        self.lanes = lanes_of(self.keys.held)
        self.count = f.i.value(sort.count)
        if sort.is_quick:
            self.records = sort.records

    def row(self, row: Operand) -> None:
        f, start = self.f, self.f.mul(row, self.count)
        result = "i64" if self.form.positions else self.keys.bits
        source, target = at(f, self.source, self.keys.bits, start), at(f, self.target, result, start)
        if self.sort.is_short:
            return self.by_network(source, target)
        if self.sort.is_quick:
            return self.by_division(source, target)
        f.when(f.less(self.count, SHORT + 1), lambda: self.by_ranks(source, target))
        f.when(f.less(SHORT, self.count), lambda: self.by_digits(source, target))

    # ------------------------------------------------------------------------------------------ records of one word

    def by_network(self, source: Operand, target: Operand) -> None:
        f, records, lanes = self.f, self.records, self.records.lanes
        none = f.b.number(records.greatest, records.word, lanes)
        counts = [f.number(0)] * records.oddities

        def mask(v: int) -> Operand | None:
            return f.first_lanes(lanes, f.sub(self.count, v * lanes))

        def load(v: int) -> Operand:
            nonlocal counts
            start, inside = f.number(v * lanes), mask(v)
            x = records.load(f, source, start, lanes, inside)
            counts = records.odd(f, x, counts)
            record = records.of(f, x, start)
            return record if inside is None else f.b.select(inside, record, none)

        def store(v: int, record: Operand) -> None:
            f.store(records.value(f, record), at(f, target, records.result, f.number(v * lanes)), mask(v))

        Network(f, lanes).sort_up_to(WIDEST, self.count, load, store)
        records.mend(f, Results(target, self.count, f.number(0), self.count), counts)

    def by_division(self, source: Operand, target: Operand) -> None:
        f, records = self.f, self.records
        keys = target if records.fits else self.memory
        counts = records.take_all(f, source, keys, 0, self.count)
        f.call(quick.name(records), keys, target, self.count)
        records.mend(f, Results(target, self.count, f.number(0), self.count), counts)

    # -------------------------------------------------------------------------------------------- any other records

    def by_ranks(self, source: Operand, target: Operand) -> None:
        f, keys = self.f, self.keys
        ranks = Ranks(f, self.memory, keys.held, self.lanes)

        def convert(i: Operand) -> None:
            mask = f.first_lanes(self.lanes, f.sub(self.count, i))
            key = keys.load(f, at(f, source, keys.bits, i), self.lanes, mask)
            f.store(key, at(f, self.memory, keys.held, i))

        def take(i: Operand, key: Operand, rank: Operand) -> None:
            inside = f.b.ne(rank, -1)
            value = self.places(i) if self.form.positions else keys.value(f, key)
            scatter(f, value, target, rank, inside)

        f.each(0, self.count, convert, self.lanes)
        ranks.finish(self.count, keys.last)
        ranks.each(self.count, take)

    def places(self, i: Operand) -> Operand:
        """The positions of a vector of items."""
        return self.f.b.add(self.f.b.spread(i, self.lanes), self.f.i.iota(self.lanes))

    def by_digits(self, source: Operand, target: Operand) -> None:
        f, form, keys = self.f, self.form, self.keys
        radix = Radix(f, form, self.sort.count, self.memory)
        found = radix.sort(self.count, lambda i: (keys.load(f, at(f, source, keys.bits, i)), i))

        def position(i: Operand) -> None:
            f.store(form.position(f, form.load(f, found, i)), at(f, target, "i64", i))

        def values(i: Operand, lanes: int) -> None:
            key = f.load(at(f, found, keys.held, i), keys.held, lanes)
            f.store(keys.value(f, key), at(f, target, keys.bits, i))

        if form.positions:
            f.each(0, self.count, position)
        else:
            whole = f.mul(f.div(self.count, self.lanes), self.lanes)
            f.each(0, whole, lambda i: values(i, self.lanes), self.lanes)
            f.each(whole, self.count, lambda i: values(i, 1))
