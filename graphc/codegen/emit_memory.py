"""Loads and stores of a loop nest: how an index expression becomes a vector move, a reversal, a gather or a scatter.

The coefficient of the vector variable in the index decides: 1 is a vector, 0 one element for all lanes, -1 a vector and
a reversal, all others a gather or scatter.  Pure loads leave their loops; where the loop may not run at all they read a
word of zeros instead, as does a guarded load outside its guard.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from graphc.codegen.builder import Builder
from graphc.codegen.elements import ITEMSIZE
from graphc.codegen.emit_index import Indexer
from graphc.codegen.llvm_types import memory_item, memory_literal, suffix, vector_of
from graphc.codegen.loops import Buffer, Guard, Load
from graphc.codegen.writer import Operand
from graphc.ir.poly import Poly

ZEROS = "@graphc.zeros"
ZEROS_TEXT = f"{ZEROS} = internal constant [128 x i8] zeroinitializer, align 64"

RunTime: TypeAlias = Sequence[tuple[Operand, Poly]]
"""Run-time parts of an address: (integer value, stride in elements)."""


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

    def _address(self, buffer: str, at: Poly, indices: RunTime) -> Operand:
        """Pointer arithmetic from the outermost loop inwards; the constant comes last and becomes a displacement."""
        offsets = [*self.indexer.terms(at), *(self._scaled(v, stride) for v, stride in indices)]
        groups: dict[int, Operand] = {}
        constant = self.indexer.number(0)
        for v in offsets:
            if v.is_constant:
                constant = self.indexer.add(constant, v)
            else:
                groups[v.depth] = self.indexer.add(groups[v.depth], v) if v.depth in groups else v
        pointer = self.bases[buffer]
        for depth in sorted(groups):
            pointer = self._step(buffer, pointer, groups[depth])
        return pointer if constant.integer == 0 else self._step(buffer, pointer, constant)

    def _scaled(self, v: Operand, stride: Poly) -> Operand:
        return self.indexer.mul(self.indexer.whole(v), self.b.spread(self.indexer.value(stride), v.lanes))

    def _step(self, buffer: str, pointer: Operand, offset: Operand) -> Operand:
        item = memory_item(self.dtype[buffer])
        return self.b.emit("ptr", offset.lanes, f"getelementptr {item}, {pointer}, {offset}", pointer, offset)

    def _addresses(self, buffer: str, at: Poly, indices: RunTime, vector: Vector) -> Operand:
        """One address per lane."""
        scalar = [(v, s) for v, s in indices if v.lanes == 1]
        offsets = self._scaled(self.indexer.iota(vector.width), at.coefficient(vector.var))
        for v, stride in indices:
            if v.lanes > 1:
                offsets = self.b.add(offsets, self._scaled(v, stride))
        return self._step(buffer, self._address(buffer, at, scalar), offsets)

    # -------------------------------------------------------------------------------------------------- loads

    def load(self, s: Load, indices: RunTime, vector: Vector) -> Operand:
        slope = s.at.coefficient(vector.var).constant
        spread = any(v.lanes > 1 for v, _ in indices)
        varies = slope != 0 or spread or any(g.index.coefficient(vector.var).terms for g in s.guards)
        lanes = vector.width if varies else 1
        mask = self._mask(s.guards, vector, lanes)
        if lanes == 1 or (slope == 1 and not spread):
            return self._plain(s.buffer, self._address(s.buffer, s.at, indices), lanes, mask, s.fill)
        if slope == -1 and not spread:
            mask = mask and self.b.reverse(mask)
            pointer = self._address(s.buffer, s.at - (lanes - 1), indices)
            return self.b.reverse(self._plain(s.buffer, pointer, lanes, mask, s.fill))
        pointers = self._addresses(s.buffer, s.at, indices, vector)
        return self._gather(s.buffer, pointers, mask or self.b.number(1, "bool", lanes), s.fill)

    def _mask(self, guards: tuple[Guard, ...], vector: Vector, lanes: int) -> Operand | None:
        """The lanes to load: those of the tail of the vector loop at which every guard holds."""
        mask = vector.mask if lanes > 1 else None
        for g in guards:
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

    def _plain(self, buffer: str, pointer: Operand, lanes: int, mask: Operand | None, fill: float) -> Operand:
        dtype = self.dtype[buffer]
        held = vector_of(memory_item(dtype), lanes)
        if mask is None or lanes == 1:
            if mask:
                pointer = self._safe(mask, pointer)
            value = self._read(buffer, lanes, f"load {held}, {{pointer}}, align {ITEMSIZE[dtype]}", pointer, None)
            return self.b.select(mask, value, fill) if mask else value
        name = f"llvm.masked.load.{suffix(memory_item(dtype), lanes)}.p0"
        self.b.declare(name, held, "ptr", "i32 immarg", mask.type, held)
        other = self._fill(dtype, lanes, fill)
        text = f"call {held} @{name}({{pointer}}, i32 {ITEMSIZE[dtype]}, {{mask}}, {other})"
        return self._read(buffer, lanes, text, pointer, mask)

    def _gather(self, buffer: str, pointers: Operand, mask: Operand, fill: float) -> Operand:
        dtype, lanes = self.dtype[buffer], pointers.lanes
        held = vector_of(memory_item(dtype), lanes)
        name = f"llvm.masked.gather.{suffix(memory_item(dtype), lanes)}.{suffix('ptr', lanes)}"
        self.b.declare(name, held, pointers.type, "i32 immarg", mask.type, held)
        other = self._fill(dtype, lanes, fill)
        text = f"call {held} @{name}({{pointer}}, i32 {ITEMSIZE[dtype]}, {{mask}}, {other})"
        return self._read(buffer, lanes, text, pointers, mask)

    def _read(self, buffer: str, lanes: int, text: str, pointer: Operand, mask: Operand | None) -> Operand:
        """The load `text` with its pointer and mask filled in, moved out of the loops where that is allowed."""
        b, dtype = self.b, self.dtype[buffer]
        if buffer not in self.pure:
            return b.from_memory(b.ordered(_raw(dtype), lanes, text.format(pointer=pointer, mask=mask)), dtype)
        depth, conditions = b.reach(max(pointer.depth, mask.depth if mask else 0))
        for c in conditions:
            if mask:
                mask = b.and_(mask, c)
            else:
                pointer = self._safe(c, pointer)
        return b.from_memory(b.place(depth, _raw(dtype), lanes, text.format(pointer=pointer, mask=mask)), dtype)

    def _safe(self, condition: Operand, pointer: Operand) -> Operand:
        """The pointer, or one to zeros where the condition fails."""
        return self.b.emit("ptr", 1, f"select {condition}, {pointer}, ptr {ZEROS}", condition, pointer)

    @staticmethod
    def _fill(dtype: str, lanes: int, fill: float) -> str:
        item, text = memory_item(dtype), memory_literal(fill, dtype)
        return f"{vector_of(item, lanes)} splat ({item} {text})"

    # ------------------------------------------------------------------------------------------------- stores

    def store(self, buffer: str, at: Poly, value: Operand, indices: RunTime, vector: Vector) -> None:
        slope = at.coefficient(vector.var).constant
        if slope == 0 and all(v.lanes == 1 for v, _ in indices):
            if value.lanes > 1:
                raise ValueError(f"{value.lanes} lanes are stored at one place, {buffer}[{at}]")
            self._write(buffer, self._address(buffer, at, indices), value, None)
            return
        value, mask = self.b.spread(value, vector.width), vector.mask
        if slope in (1, -1) and all(v.lanes == 1 for v, _ in indices):
            if slope == -1:
                at, value, mask = at - (vector.width - 1), self.b.reverse(value), mask and self.b.reverse(mask)
            self._write(buffer, self._address(buffer, at, indices), value, mask)
            return
        self._scatter(buffer, self._addresses(buffer, at, indices, vector), value, mask)

    def _write(self, buffer: str, pointer: Operand, value: Operand, mask: Operand | None) -> None:
        dtype = self.dtype[buffer]
        held, align = self.b.to_memory(value, dtype), ITEMSIZE[dtype]
        if mask is None:
            self.b.effect(f"store {held}, {pointer}, align {align}")
            return
        item = memory_item(dtype)
        name = f"llvm.masked.store.{suffix(item, value.lanes)}.p0"
        self.b.declare(name, "void", vector_of(item, value.lanes), "ptr", "i32 immarg", mask.type)
        self.b.effect(f"call void @{name}({held}, {pointer}, i32 {align}, {mask})")

    def _scatter(self, buffer: str, pointers: Operand, value: Operand, mask: Operand | None) -> None:
        dtype, lanes = self.dtype[buffer], value.lanes
        item, mask = memory_item(dtype), mask or self.b.number(1, "bool", lanes)
        name = f"llvm.masked.scatter.{suffix(item, lanes)}.{suffix('ptr', lanes)}"
        self.b.declare(name, "void", vector_of(item, lanes), pointers.type, "i32 immarg", mask.type)
        held = self.b.to_memory(value, dtype)
        self.b.effect(f"call void @{name}({held}, {pointers}, i32 {ITEMSIZE[dtype]}, {mask})")

    def prefetch(self, buffer: str, at: Poly, write: bool) -> None:
        self.b.declare("llvm.prefetch.p0", "void", "ptr", "i32 immarg", "i32 immarg", "i32 immarg")
        pointer = self._address(buffer, at, ())
        self.b.effect(f"call void @llvm.prefetch.p0({pointer}, i32 {int(write)}, i32 3, i32 1)")


def _raw(dtype: str) -> str:
    """The type of a loaded register before it is given its meaning."""
    return {"bool": "u8", "f16": "i16"}.get(dtype, dtype)
