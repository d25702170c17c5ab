"""Elements of arrays in registers: half precision is computed with as f32, and a part of a vector is masked."""

from __future__ import annotations

from graphc.codegen.gemm.routine import Offset, Routine
from graphc.codegen.llvm.types import vector_of
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE, register

VECTOR_BYTES, MOST_LANES = 64, 16


def lanes_of(dtype: str) -> int:
    return min(MOST_LANES, VECTOR_BYTES // ITEMSIZE[register(dtype)])


def read(f: Routine, pointer: Operand, dtype: str, lanes: int, mask: Operand | None = None) -> Operand:
    raw = f.load(pointer, "i16" if dtype == "f16" else dtype, lanes, mask)
    return f.b.from_memory(raw, dtype)


def write(f: Routine, value: Operand, pointer: Operand, dtype: str, mask: Operand | None = None) -> None:
    if dtype == "f16":
        half = f.b.narrow(value)
        value = f.b.emit("i16", value.lanes, f"bitcast {half} to {vector_of('i16', value.lanes)}", half)
    f.store(value, pointer, mask)


def at(f: Routine, base: Operand, dtype: str, index: Offset) -> Operand:
    """The address of an element."""
    return f.offset(base, f.mul(index, ITEMSIZE[dtype]))
