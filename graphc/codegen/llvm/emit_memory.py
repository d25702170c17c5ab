"""Loads and stores of a loop nest: how an index expression becomes a vector move, a reversal, a gather or a scatter.

The coefficient of the vector variable in the index decides: 1 is a vector, 0 one element for all lanes, -1 a vector and
a reversal, 2 to 4 as many vectors and a choice among their lanes, all others a gather or scatter.  Tuples side by side
are whole vectors that are interleaved, others a vector each, and a transposition.  Pure loads leave their loops; where
the loop may not run at all they read a word of zeros instead, as does a guarded load outside its guard.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from graphc.codegen.llvm.builder import Builder
from graphc.codegen.llvm.emit_index import Indexer
from graphc.codegen.llvm.emit_loop import write_if
from graphc.codegen.llvm.interleave import apart, deinterleave, every, interleave, joined
from graphc.codegen.llvm.types import memory_item, memory_literal, suffix, vector_of
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import Buffer, Guard
from graphc.ir.costs import LONGEST_TUPLE
from graphc.ir.poly import Poly
from graphc.records import dataclass, replace

SHORT_STEPS = (2, 3, 4)
ZEROS = "@graphc.zeros"
ZEROS_TEXT = f"{ZEROS} = internal constant [512 x i8] zeroinitializer, align 64"

RunTime: TypeAlias = Sequence[tuple[Operand, Poly]]
"""Run-time parts of an address: (integer value, stride in elements)."""


@dataclass(frozen=True, slots=True)
class Place:
    """buffer[at + sum(value * stride)], touched only where every guard holds."""

    buffer: str
    at: Poly
    indices: RunTime = ()
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Vector:
    """The vector loop around a statement: its variable is var, var + 1 ... in the lanes that `mask` lets through."""

    var: str
    width: int
    mask: Operand | None


SCALAR = Vector("", 1, None)


class Memory:
    """Moves elements between the buffers of a kernel and registers."""

    def __init__(self, b: Builder, indexer: Indexer, buffers: Sequence[Buffer], bases: dict[str, Operand]) -> None:
        self.b, self.indexer, self.bases = b, indexer, bases
        self.dtype = {x.name: x.dtype for x in buffers}
        shared = {x.alias for x in buffers}
        self.pure = {x.name for x in buffers if x.role == "in" and x.name not in shared}

    # ---------------------------------------------------------------------------------------------- addresses

    def _lanes(self, p: Place, vector: Vector) -> int:
        """1 where the place, and whether it is touched, is the same for the whole vector."""
        varies = p.at.coefficient(vector.var).terms or any(g.index.coefficient(vector.var).terms for g in p.guards)
        return vector.width if varies or any(v.lanes > 1 for v, _ in p.indices) else 1

    @staticmethod
    def _slope(p: Place, vector: Vector) -> int | None:
        """1 or -1 where the lanes are neighbours in memory."""
        slope = p.at.coefficient(vector.var).constant
        return slope if slope in (1, -1) and all(v.lanes == 1 for v, _ in p.indices) else None

    def _address(self, p: Place) -> Operand:
        """Pointer arithmetic from the outermost loop inwards; the constant comes last and becomes a displacement."""
        scalar = [self._scaled(v, stride) for v, stride in p.indices if v.lanes == 1]
        groups: dict[int, Operand] = {}
        constant = self.indexer.number(0)
        for v in (*self.indexer.terms(p.at), *scalar):
            if v.is_constant:
                constant = self.indexer.add(constant, v)
            else:
                groups[v.depth] = self.indexer.add(groups[v.depth], v) if v.depth in groups else v
        pointer = self.bases[p.buffer]
        for depth in sorted(groups):
            pointer = self._step(p.buffer, pointer, groups[depth])
        return pointer if constant.integer == 0 else self._step(p.buffer, pointer, constant)

    def _addresses(self, p: Place, vector: Vector) -> Operand:
        """One address per lane."""
        offsets = self._scaled(self.indexer.iota(vector.width), p.at.coefficient(vector.var))
        for v, stride in p.indices:
            if v.lanes > 1:
                offsets = self.b.add(offsets, self._scaled(v, stride))
        return self._step(p.buffer, self._address(p), offsets)

    def _scaled(self, v: Operand, stride: Poly) -> Operand:
        return self.indexer.mul(self.indexer.whole(v), self.b.spread(self.indexer.value(stride), v.lanes))

    def _step(self, buffer: str, pointer: Operand, offset: Operand) -> Operand:
        item = memory_item(self.dtype[buffer])
        return self.b.emit("ptr", offset.lanes, f"getelementptr {item}, {pointer}, {offset}", pointer, offset)

    def _mask(self, p: Place, vector: Vector, lanes: int) -> Operand | None:
        """The lanes to touch: those of the tail of the vector loop at which every guard holds."""
        mask = vector.mask if lanes > 1 else None
        for g in p.guards:
            inside = self._inside(g, vector)
            mask = inside if mask is None else self.b.and_(mask, inside)
        return mask and self.b.spread(mask, lanes)

    def _inside(self, g: Guard, vector: Vector) -> Operand:
        """0 <= index < bound as one unsigned comparison."""
        index, slope = self.indexer.value(g.index), g.index.coefficient(vector.var)
        if slope.terms and vector.width > 1:
            index = self.b.add(index, self._scaled(self.indexer.iota(vector.width), slope))
        bound = self.b.spread(self.indexer.value(g.bound), index.lanes)
        return self.b.emit("bool", index.lanes, f"icmp ult {index}, {bound.text}", index, bound)

    # -------------------------------------------------------------------------------------------------- loads

    def load(self, p: Place, fill: float, vector: Vector) -> Operand:
        """The element, or one per lane where the place varies; `fill` where a guard fails."""
        lanes, slope = self._lanes(p, vector), self._slope(p, vector)
        mask = self._mask(p, vector, lanes)
        if lanes == 1:
            return self._one(p.buffer, self._address(p), mask, fill)
        if slope is None:
            step = self._short_step(p, vector)
            if step and mask is None:
                return self._every(step, p, lanes)[0]
            mask = mask or self.b.number(1, "bool", lanes)
            return self._masked("gather", p.buffer, self._addresses(p, vector), mask, fill)
        if slope == -1:
            p, mask = replace(p, at=p.at - (lanes - 1)), mask and self.b.reverse(mask)
        value = self._neighbours(p.buffer, self._address(p), lanes, mask, fill)
        return self.b.reverse(value) if slope == -1 else value

    def load_tuple(self, p: Place, count: int, vector: Vector) -> list[Operand]:
        """The elements at a place and behind it."""
        step = p.at.coefficient(vector.var).constant
        if vector.width == 1 or vector.mask:
            return [self.load(replace(p, at=p.at + k), 0.0, vector) for k in range(count)]
        if step is not None and count <= step <= LONGEST_TUPLE:
            return self._every(step, p, vector.width, count)
        return self._squares(p, count, vector)

    def _squares(self, p: Place, count: int, vector: Vector) -> list[Operand]:
        """The neighbours at each lane are loaded as they lie, and transposed; their number is a power of two."""
        lanes, item = min(count, vector.width), self.dtype[p.buffer]
        out: list[Operand] = []
        for first in range(0, count, lanes):
            places = self._places(replace(p, at=p.at + first), vector)
            held = joined(self.b, [self._held(p.buffer, lanes, self._address(q)) for q in places], vector.width)
            out += (self.b.from_memory(v, item) for (v,) in deinterleave(self.b, held, lanes))
        return out

    @staticmethod
    def _places(p: Place, vector: Vector) -> list[Place]:
        """Where each lane is."""
        return [replace(p, at=p.at + p.at.coefficient(vector.var) * n) for n in range(vector.width)]

    @staticmethod
    def _short_step(p: Place, vector: Vector) -> int | None:
        """The distance of the lanes, where they are so near that whole vectors and a choice beat a gather."""
        step = p.at.coefficient(vector.var).constant
        return step if step in SHORT_STEPS and all(v.lanes == 1 for v, _ in p.indices) else None

    def _every(self, step: int, p: Place, lanes: int, count: int = 1) -> list[Operand]:
        """The `count` elements at a place and `step`, twice `step` ... after it, in as many vectors as that takes.

        The last vector read ends at the last lane, so that no element beyond it is read.
        """
        span = step * (lanes - 1) + count
        starts = [*range(0, span - lanes, lanes), span - lanes]
        parts = [self._held(p.buffer, lanes, self._address(replace(p, at=p.at + s))) for s in starts]
        if count == step:
            chosen = [v for (v,) in deinterleave(self.b, parts, count)]
        else:
            chosen = [every(self.b, parts, step, k, starts) for k in range(count)]
        return [self.b.from_memory(v, self.dtype[p.buffer]) for v in chosen]

    def _one(self, buffer: str, pointer: Operand, mask: Operand | None, fill: float) -> Operand:
        if mask:
            pointer = self._safe(mask, pointer)
        value = self._neighbours(buffer, pointer, 1, None, fill)
        return self.b.select(mask, value, fill) if mask else value

    def _neighbours(self, buffer: str, pointer: Operand, lanes: int, mask: Operand | None, fill: float) -> Operand:
        if mask:
            return self._masked("load", buffer, pointer, mask, fill)
        return self.b.from_memory(self._held(buffer, lanes, pointer), self.dtype[buffer])

    def _held(self, buffer: str, lanes: int, pointer: Operand) -> Operand:
        """Neighbours as they lie in memory."""
        dtype = self.dtype[buffer]
        held = vector_of(memory_item(dtype), lanes)
        return self._read(buffer, lanes, f"load {held}, {{pointer}}, align {ITEMSIZE[dtype]}", pointer, None)

    def _masked(self, kind: str, buffer: str, pointer: Operand, mask: Operand, fill: float) -> Operand:
        """llvm.masked.load from one pointer, or llvm.masked.gather from one per lane."""
        dtype, lanes = self.dtype[buffer], mask.lanes
        item = memory_item(dtype)
        held = vector_of(item, lanes)
        name = f"llvm.masked.{kind}.{suffix(item, lanes)}.{suffix('ptr', pointer.lanes)}"
        self.b.declare(name, held, pointer.type, "i32 immarg", mask.type, held)
        other = f"{held} splat ({item} {memory_literal(fill, dtype)})"
        text = f"call {held} @{name}({{pointer}}, i32 {ITEMSIZE[dtype]}, {{mask}}, {other})"
        return self.b.from_memory(self._read(buffer, lanes, text, pointer, mask), dtype)

    def _read(self, buffer: str, lanes: int, text: str, pointer: Operand, mask: Operand | None) -> Operand:
        """The load `text` with its pointer and mask filled in, moved out of the loops where that is allowed."""
        b, dtype = self.b, self.dtype[buffer]
        if buffer not in self.pure:
            return b.ordered(_raw(dtype), lanes, text.format(pointer=pointer, mask=mask))
        depth, conditions = b.reach(max(pointer.depth, mask.depth if mask else 0))
        for c in conditions:
            if mask and pointer.lanes > 1:
                mask = b.and_(mask, c)
            else:
                pointer = self._safe(c, pointer)
        return b.place(depth, _raw(dtype), lanes, text.format(pointer=pointer, mask=mask))

    def _safe(self, condition: Operand, pointer: Operand) -> Operand:
        """The pointer, or one to zeros where the condition fails."""
        return self.b.emit("ptr", 1, f"select {condition}, {pointer}, ptr {ZEROS}", condition, pointer)

    # ------------------------------------------------------------------------------------------------- stores

    def store(self, p: Place, value: Operand, vector: Vector) -> None:
        """Raises ValueError for several lanes at one place."""
        lanes, slope = self._lanes(p, vector), self._slope(p, vector)
        mask = self._mask(p, vector, lanes)
        if value.lanes > lanes:
            raise ValueError(f"{value.lanes} lanes are stored at one place, {p.buffer}[{p.at}]")
        value = self.b.spread(value, lanes)
        if lanes == 1:
            self._write_one(p.buffer, self._address(p), value, mask)
        elif slope is None:
            mask = mask or self.b.number(1, "bool", lanes)
            self._write_masked("scatter", p.buffer, self._addresses(p, vector), value, mask)
        elif slope == 1:
            self._write(p.buffer, self._address(p), value, mask)
        else:
            pointer = self._address(replace(p, at=p.at - (lanes - 1)))
            self._write(p.buffer, pointer, self.b.reverse(value), mask and self.b.reverse(mask))

    def store_tuple(self, p: Place, values: Sequence[Operand], vector: Vector) -> None:
        """Values at a place and behind it; raises ValueError for several lanes at one place."""
        if vector.width == 1 or vector.mask:
            for k, value in enumerate(values):
                self.store(replace(p, at=p.at + k), value, vector)
            return
        held = [self.b.to_memory(self.b.spread(v, vector.width), self.dtype[p.buffer]) for v in values]
        if p.at.coefficient(vector.var).constant == len(values):
            for k, v in enumerate(interleave(self.b, [[v] for v in held])):
                self._put(replace(p, at=p.at + k * vector.width), v)
            return
        lanes = min(len(values), vector.width)
        for first in range(0, len(values), lanes):
            rows = apart(self.b, interleave(self.b, [[v] for v in held[first : first + lanes]]), lanes)
            for q, v in zip(self._places(replace(p, at=p.at + first), vector), rows, strict=True):
                self._put(q, v)

    def _put(self, p: Place, held: Operand) -> None:
        self.b.effect(f"store {held}, {self._address(p)}, align {ITEMSIZE[self.dtype[p.buffer]]}")

    def _write(self, buffer: str, pointer: Operand, value: Operand, mask: Operand | None) -> None:
        if mask:
            self._write_masked("store", buffer, pointer, value, mask)
        else:
            self.b.effect(self._store_text(buffer, pointer, value))

    def _write_one(self, buffer: str, pointer: Operand, value: Operand, mask: Operand | None) -> None:
        text = self._store_text(buffer, pointer, value)
        if mask:
            write_if(self.b, mask, text)
        else:
            self.b.effect(text)

    def _store_text(self, buffer: str, pointer: Operand, value: Operand) -> str:
        dtype = self.dtype[buffer]
        return f"store {self.b.to_memory(value, dtype)}, {pointer}, align {ITEMSIZE[dtype]}"

    def _write_masked(self, kind: str, buffer: str, pointer: Operand, value: Operand, mask: Operand) -> None:
        """llvm.masked.store to one pointer, or llvm.masked.scatter to one per lane."""
        dtype, lanes = self.dtype[buffer], value.lanes
        item, held = memory_item(dtype), self.b.to_memory(value, dtype)
        name = f"llvm.masked.{kind}.{suffix(item, lanes)}.{suffix('ptr', pointer.lanes)}"
        self.b.declare(name, "void", vector_of(item, lanes), pointer.type, "i32 immarg", mask.type)
        self.b.effect(f"call void @{name}({held}, {pointer}, i32 {ITEMSIZE[dtype]}, {mask})")

    def prefetch(self, buffer: str, at: Poly, write: bool) -> None:
        self.b.declare("llvm.prefetch.p0", "void", "ptr", "i32 immarg", "i32 immarg", "i32 immarg")
        pointer = self._address(Place(buffer, at))
        self.b.effect(f"call void @llvm.prefetch.p0({pointer}, i32 {int(write)}, i32 3, i32 1)")


def _raw(dtype: str) -> str:
    """The type of a loaded register before it is given its meaning."""
    return {"bool": "u8", "f16": "i16"}.get(dtype, dtype)
