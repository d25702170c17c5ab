"""Sorted rows, or the positions of their items in order: short rows by ranks, others by digits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.library.elements import at, lanes_of
from graphc.codegen.library.keys import Keys
from graphc.codegen.library.radix import Form, Radix, scratch
from graphc.codegen.library.rank import Ranks, scatter
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.ir.node import Node
from graphc.ir.poly import Poly
from graphc.ir.types import volume

SHORT = 256  # items that are ranked by counting
COST, COST_OF_RANK = 64, 8  # of an item, in elementary operations


@dataclass(frozen=True)
class Sort:
    form: Form
    rows: Poly
    count: Poly

    @staticmethod
    def of(node: Node, features: frozenset[str]) -> Sort:
        x, positions = node.inputs[0], node.op.name == "argsort"
        keys = Keys(x.dtype, node.attrs["descending"], apart=not positions)
        return Sort(Form(keys, positions), Poly.of(volume(x.shape[:-1])), Poly.of(x.shape[-1]))

    def __str__(self) -> str:
        return f"rows up to {SHORT} ranked by counting, others sorted by digits"

    @property
    def chunk(self) -> Chunk:
        return Chunk("rows", self.rows, self.rows * self.count * COST)

    @property
    def scratch(self) -> Poly:
        """Enough for either way: the keys of a short row and a vector fit one array of a few records."""
        short = SHORT * 2
        return scratch(self.form, self.count) + short

    def write(self, f: Routine, rows: tuple[Operand, Operand], arrays: Sequence[Operand], scratch: Operand) -> None:
        writer = _Rows(f, self, arrays, scratch)
        f.each(*rows, writer.row)


class _Rows:
    def __init__(self, f: Routine, sort: Sort, arrays: Sequence[Operand], memory: Operand) -> None:
        self.f, self.sort, (self.source, self.target), self.memory = f, sort, arrays, memory
        self.form, self.keys = sort.form, sort.form.keys
        self.lanes = lanes_of(self.keys.held)
        self.count = f.i.value(sort.count)
        self.result = "i64" if self.form.positions else self.keys.bits

    def row(self, row: Operand) -> None:
        f, start = self.f, self.f.mul(row, self.count)
        source, target = at(f, self.source, self.keys.bits, start), at(f, self.target, self.result, start)
        short = f.less(self.count, SHORT + 1)
        f.when(short, lambda: self.by_ranks(source, target))
        f.when(f.b.not_(short), lambda: self.by_digits(source, target))

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
