"""The oracle of loop nests: a plain interpreter, for nests scheduled or not.

Every value is computed in its declared type.  A vector loop runs its lanes one after the other, an unroll loop is a
loop; every address is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphc.codegen.nest.elements import register
from graphc.codegen.nest.loops import (
    Accumulate,
    Body,
    Buffer,
    Check,
    Finish,
    Fold,
    Get,
    Guard,
    Index,
    Indices,
    Init,
    Kernel,
    Let,
    Load,
    LoadTuple,
    Loop,
    Merge,
    Phase,
    Put,
    Stmt,
    Store,
    StoreTuple,
    parts,
)
from graphc.codegen.nest.monoids import Monoid, State
from graphc.codegen.nest.oracle import NUMPY, B, Number, number
from graphc.codegen.nest.scalars import apply_scalar
from graphc.ir.poly import Poly

Arrays = Mapping[str, "np.ndarray[Any, Any]"]


def run(kernel: Kernel, arrays: Arrays, dims: Mapping[str, int]) -> int:
    """Execute on C-contiguous arrays (outputs are written in place); gives the status word, 0 where all is well.

    Work buffers are made here.  Raises ValueError for an array that is not contiguous and IndexError for an address
    outside of its buffer.
    """
    machine = _Machine({b.name: _storage(b, arrays, dims) for b in kernel.buffers})
    before = 1
    with np.errstate(all="ignore"):
        for phase in kernel.phases:
            before = machine.phase(phase, dims, before)
    return machine.status


def _storage(b: Buffer, arrays: Arrays, dims: Mapping[str, int]) -> np.ndarray[Any, Any]:
    if b.role == "status":
        return np.zeros(1, np.int64)
    if b.role == "work":
        return np.zeros(max(0, b.elements(dims)), NUMPY[b.dtype])
    given = arrays[b.name if b.name in arrays else b.alias or b.name]
    if not given.flags.c_contiguous or given.dtype != NUMPY[b.dtype]:
        raise ValueError(f"{b.name}: a contiguous array of {b.dtype} expected, not {given.dtype}")
    return given.reshape(-1)


class _Machine:
    def __init__(self, memory: dict[str, np.ndarray[Any, Any]]):
        self.memory = memory
        self.types = {n: next(t for t, s in NUMPY.items() if s == a.dtype) for n, a in memory.items()}
        self.values: dict[str, Number] = {}
        self.accs: dict[str, tuple[Monoid, State]] = {}
        self.env: dict[str, int] = {}
        self.status = 0

    def phase(self, phase: Phase, dims: Mapping[str, int], before: int) -> int:
        """Run all chunks of a phase; gives how many there were."""
        chunks = phase.chunk.count(dims) if phase.chunk else 1
        for c in range(chunks):
            self.env = {**dims, "c": c, "nc": before}
            if phase.chunk:
                lo, hi = phase.chunk.bounds(c, dims)
                self.env |= {f"{phase.chunk.axis}.lo": lo, f"{phase.chunk.axis}.hi": hi}
            self.body(phase.body)
        return chunks

    def body(self, body: Body) -> None:
        for s in body:
            if isinstance(s, Loop):
                self.loop(s)
            else:
                self.statement(s)

    def loop(self, s: Loop) -> None:
        """Vector lanes are consecutive values of the variable; `rest` goes on where the loop stopped."""
        i, hi = s.lo.evaluate(self.env), min(h.evaluate(self.env) for h in s.hi)
        for part in parts(s):
            while i + part.whole <= hi:
                for lane in range(min(part.width, hi - i)):
                    self.env[s.var] = i + lane
                    self.body(part.body)
                i += part.step
        self.env.pop(s.var, None)

    def statement(self, s: Stmt) -> None:
        match s:
            case Load(name, buffer, at, guards, fill, indices):
                value = self.read(buffer, at, indices) if self.inside(guards) else fill
                self.values[name] = number(value, register(self.types[buffer]))
            case Store(buffer, at, value, indices, guards):
                self.write(buffer, at, self.values[value], indices, guards)
            case LoadTuple(names, buffer, at):
                for k, name in enumerate(names):
                    self.values[name] = number(self.read(buffer, at + k), register(self.types[buffer]))
            case StoreTuple(buffer, at, values):
                for k, value in enumerate(values):
                    self.write(buffer, at + k, self.values[value])
            case Accumulate(buffer, at, value, indices, op, guards):
                if self.inside(guards):
                    old = number(self.read(buffer, at, indices), register(self.types[buffer]))
                    self.write(buffer, at, apply_scalar(B, op, (old, self.values[value]), old.dtype), indices)
            case Let(name, op, args, dtype):
                self.let(name, op, [self.values[a] if isinstance(a, str) else a for a in args], dtype)
            case Index(name, at, dtype):
                self.values[name] = B.cast(number(at.evaluate(self.env), "i64"), dtype)
            case Check(index, bound, site):
                limit = bound.evaluate(self.env)
                if not -limit <= self.values[index].value < limit:
                    self.status = self.status or site
            case _:
                self.accumulator(s)

    def accumulator(self, s: Stmt) -> None:
        match s:
            case Init(acc, monoid, dtypes):
                self.accs[acc] = monoid, tuple(map(number, monoid.identity(dtypes), dtypes))
            case Fold(acc, args):
                monoid, state = self.accs[acc]
                item = monoid.lift(B, [tuple(self.values[a] for a in args)])
                self.accs[acc] = monoid, monoid.merge(B, state, item)
            case Merge(acc, other):
                monoid, state = self.accs[acc]
                self.accs[acc] = monoid, monoid.merge(B, state, self.accs[other][1])
            case Get(acc, monoid, buffers, at, dtypes):
                self.accs[acc] = (
                    monoid,
                    tuple(number(self.read(b, at), t) for b, t in zip(buffers, dtypes, strict=True)),
                )
            case Put(acc, buffers, at):
                for b, x in zip(buffers, self.accs[acc][1], strict=True):
                    self.write(b, at, x)
            case Finish(names, acc):
                self.values.update(zip(names, self.accs[acc][1], strict=True))

    def let(self, name: str, op: str, args: list[Number | float], dtype: str) -> None:
        value = apply_scalar(B, op, args, dtype)
        if value.dtype != dtype:
            raise TypeError(f"{name} = {op} gives {value.dtype}, declared {dtype}")
        self.values[name] = value

    # ------------------------------------------------------------------------------------------------------- memory

    def inside(self, guards: tuple[Guard, ...]) -> bool:
        return all(0 <= g.index.evaluate(self.env) < g.bound.evaluate(self.env) for g in guards)

    def address(self, buffer: str, at: Poly, indices: Indices) -> int:
        place = at.evaluate(self.env) + sum(int(self.values[v].value) * s.evaluate(self.env) for v, s in indices)
        if not 0 <= place < self.memory[buffer].size:
            raise IndexError(f"{buffer}[{at}] is {place}, beyond {self.memory[buffer].size} elements")
        return place

    def read(self, buffer: str, at: Poly, indices: Indices = ()) -> Any:
        return self.memory[buffer][self.address(buffer, at, indices)]

    def write(
        self, buffer: str, at: Poly, value: Number, indices: Indices = (), guards: tuple[Guard, ...] = ()
    ) -> None:
        if self.inside(guards):
            self.memory[buffer][self.address(buffer, at, indices)] = value.value
