"""A scheduled loop nest as finished vector LLVM text: no IR pass is needed after it.

One function per phase, `void @name.p0(ptr words, i32 chunk, i32 chunks)`, and `void @name(ptr words, ptr fork)`, which
runs them in order; where there is one phase in one piece, it stands in its place.  `words` holds the addresses of the
kernel's buffers, then its dims, as 64-bit words.  `fork(function, words, count)` calls the function for every chunk, on
whatever threads; null runs the chunks here, one after the other.

A loop is written rotated, behind a test that it runs at all:

    outer:  br guard, pre, done        pre: what the loop hoists    body: ...; br more, body, done      done: ...
"""

from __future__ import annotations

from graphc.codegen.llvm.builder import Builder
from graphc.codegen.llvm.emit_index import Indexer
from graphc.codegen.llvm.emit_loop import write_if, write_loop
from graphc.codegen.llvm.emit_memory import SCALAR, Memory, Place, Vector
from graphc.codegen.llvm.emit_state import Accumulators, changed, widths
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.loops import (
    Accumulate,
    Body,
    Check,
    Finish,
    Fold,
    Get,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    LoadTuple,
    Loop,
    Merge,
    Phase,
    Prefetch,
    Put,
    Stmt,
    Store,
    StoreTuple,
    parts,
)
from graphc.codegen.nest.scalars import apply_scalar
from graphc.ir.poly import Poly
from graphc.records import dataclass

SHARE = "@graphc.share"


@dataclass(frozen=True)
class Code:
    """A function `void @name(ptr words, ptr fork)` with what it is made of and the declarations that it needs.

    `helpers` are whole functions that it may share with others.
    """

    name: str
    text: str
    declarations: frozenset[str]
    helpers: frozenset[str] = frozenset()

    @property
    def is_shared(self) -> bool:
        """Whether there is work for several threads."""
        return SHARE in self.text


def emit(kernel: Kernel, features: frozenset[str]) -> Code:
    """The kernel for a target with these features."""
    phases = [_PhaseEmitter(kernel, n, features) for n in range(len(kernel.phases))]
    parts: list[_PhaseEmitter | _Driver] = [*phases]
    if not phases[0].is_kernel:
        parts.append(_Driver(kernel, features))
    text = "\n".join([p.function() for p in parts])
    return Code(kernel.name, text, frozenset[str]().union(*(p.b.declared for p in parts)))


def share(b: Builder, function: str, count: Operand) -> None:
    """Run a function for every chunk, in a function that was given `words` and `fork`."""
    if count.integer == 1:
        b.effect(f"call void {function}(ptr %words, i32 0, i32 1)")
    else:
        b.effect(f"call void {SHARE}(ptr %fork, ptr {function}, ptr %words, {b.cast(count, 'i32')})")


class _Function:
    """What phases and driver share: the builder, and the words read at entry."""

    def __init__(self, kernel: Kernel, features: frozenset[str]) -> None:
        self.kernel = kernel
        self.b = Builder(features)
        self.indexer = Indexer(self.b)
        self.env = self.indexer.env
        for n, dim in enumerate(kernel.dims, len(kernel.buffers)):
            self.env[dim] = self.word(n, "i64")

    def word(self, slot: int, dtype: str) -> Operand:
        at = self.b.emit("ptr", 1, f"getelementptr i64, ptr %words, i64 {slot}")
        return self.b.emit(dtype, 1, f"load {dtype}, {at}, align 8", at)

    def count(self, phase: Phase) -> Operand:
        """In how many pieces a phase is done."""
        return self.indexer.count(phase.chunk) if phase.chunk else self.indexer.number(1)

    def text(self, head: str) -> str:
        lines = "\n".join(s if s.endswith(":") else f"  {s}" for s in [*self.b.regions[0].lines, "ret void"])
        return f"define {head} {{\nentry:\n{lines}\n}}\n"


class _Driver(_Function):
    """Runs the phases one after the other, each over its chunks."""

    def function(self) -> str:
        for n, phase in enumerate(self.kernel.phases):
            self._call(f"@{self.kernel.name}.p{n}", phase)
        return self.text(f"void @{self.kernel.name}(ptr %words, ptr %fork)")

    def _call(self, name: str, phase: Phase) -> None:
        share(self.b, name, self.count(phase))


class _PhaseEmitter(_Function):
    def __init__(self, kernel: Kernel, number: int, features: frozenset[str]) -> None:
        super().__init__(kernel, features)
        self.number, self.phase = number, kernel.phases[number]
        self.bases = {x.name: self.word(n, "ptr") for n, x in enumerate(kernel.buffers)}
        self.memory = Memory(self.b, self.indexer, kernel.buffers, self.bases)
        self.accs = Accumulators(self.b)
        self.values: dict[str, Operand] = {}
        self.vector = SCALAR

    @property
    def is_once(self) -> bool:
        """There is one piece, whatever the sizes."""
        chunk = self.phase.chunk
        return chunk is None or chunk.pieces == 1

    @property
    def is_kernel(self) -> bool:
        """The phase is all that the kernel does."""
        return self.is_once and len(self.kernel.phases) == 1

    def function(self) -> str:
        self.env["c"], total = self._piece()
        if chunk := self.phase.chunk:
            bounds = self.indexer.bounds(chunk, self.env["c"], total)
            self.env[f"{chunk.axis}.lo"], self.env[f"{chunk.axis}.hi"] = bounds
        before = self.kernel.phases[self.number - 1].chunk if self.number else None
        if before:
            self.env["nc"] = self.indexer.count(before)
        self.body(self.phase.body)
        if self.is_kernel:
            return self.text(f"void @{self.kernel.name}(ptr %words, ptr %fork)")
        return self.text(f"internal void @{self.kernel.name}.p{self.number}(ptr %words, i32 %chunk, i32 %chunks)")

    def _piece(self) -> tuple[Operand, Operand]:
        """The number of the piece that is done, and how many there are."""
        if self.is_once:
            return self.indexer.number(0), self.indexer.number(1)
        return self.b.emit("i64", 1, "sext i32 %chunk to i64"), self.b.emit("i64", 1, "sext i32 %chunks to i64")

    # -------------------------------------------------------------------------------------------------- loops

    def body(self, body: Body) -> None:
        for s in body:
            match s:
                case Loop(kind="unroll"):
                    self.unroll(s)
                case Loop():
                    self.loop(s)
                case _:
                    self.statement(s)

    def unroll(self, s: Loop) -> None:
        """Copies of the body; what they fold is lifted together."""
        outer, self.accs.pending = self.accs.pending, {}
        for u in range(s.lo.evaluate({}), s.hi[0].evaluate({}), s.step):
            self.env[s.var] = self.indexer.number(u)
            self.body(s.body)
        self.accs.flush(list(self.accs.pending), self.vector)
        self.accs.pending = outer

    def loop(self, s: Loop) -> None:
        start, hi = self.indexer.value(s.lo), self.indexer.value(s.hi[0])
        for bound in s.hi[1:]:
            hi = self.indexer.least(hi, self.indexer.value(bound))
        for part in parts(s):
            start = self.part(part, start, hi)

    def part(self, s: Loop, start: Operand, hi: Operand) -> Operand:
        """One loop from `start`; gives the value of the variable where it stops."""
        lanes = widths(s.body, max(s.width, self.vector.width))
        for acc in changed(s.body):
            self.accs.widen(acc, lanes[acc])
        trips = _trips(s, start.integer, hi.integer)
        if trips is None or trips > 1:
            return self.repeat(s, start, hi)
        if trips:
            self.once(s, start, hi)
        return self.indexer.add(start, self.indexer.number(trips * s.step))

    def repeat(self, s: Loop, start: Operand, hi: Operand) -> Operand:
        limit = self.indexer.add(hi, self.indexer.number(1 - s.whole))
        carried = changed(s.body)

        def body(values: list[Operand]) -> tuple[list[Operand], Operand]:
            self.accs.restate(carried, values[1:])
            self.once(s, values[0], hi)
            following = self.indexer.add(values[0], self.indexer.number(s.step))
            return [following, *self.accs.states(carried)], self.indexer.less(following, limit)

        before = [start, *self.accs.states(carried)]
        end, *after = write_loop(self.b, self.indexer.less(start, limit), before, body)
        self.accs.restate(carried, after)
        return end

    def once(self, s: Loop, var: Operand, hi: Operand) -> None:
        """The body for one value of the variable, or for a vector of them."""
        outer = self.vector
        self.env[s.var] = var
        if s.kind == "vector":
            self.vector = Vector(s.var, s.width, self.tail(s, var, hi)) if s.width > 1 else SCALAR
        self.body(s.body)
        self.vector = outer

    def tail(self, s: Loop, var: Operand, hi: Operand) -> Operand | None:
        """The lanes of a masked vector that lie below the bound."""
        if not s.masked:
            return None
        if var.integer is not None and hi.integer is not None:
            left = hi.integer - var.integer
            return None if left >= s.width else self.b.vector([n < left for n in range(s.width)], "bool")
        span = self.indexer.least(self.b.sub(hi, var), self.indexer.number(s.width))
        return self.b.lt(self.indexer.iota(s.width, "i32"), self.b.cast(span, "i32"))

    # --------------------------------------------------------------------------------------------- statements

    def statement(self, s: Stmt) -> None:
        if isinstance(s, Put | Finish | Merge):
            self.accs.flush([s.acc], self.vector)
        match s:
            case Load(name, _, _, _, fill):
                self.values[name] = self.memory.load(self.place(s), fill, self.vector)
            case Store(_, _, value):
                self.memory.store(self.place(s), self.values[value], self.vector)
            case LoadTuple(names, buffer, at):
                loaded = self.memory.load_tuple(Place(buffer, at), len(names), self.vector)
                self.values.update(zip(names, loaded, strict=True))
            case StoreTuple(buffer, at, values):
                self.memory.store_tuple(Place(buffer, at), [self.values[v] for v in values], self.vector)
            case Accumulate():
                self.accumulate(s)
            case Prefetch(buffer, at, write):
                self.memory.prefetch(buffer, at, write)
            case Let(name, op, args, dtype):
                operands = [self.values[a] if isinstance(a, str) else a for a in args]
                self.values[name] = apply_scalar(self.b, op, operands, dtype)
            case Index(name, at, dtype):
                self.values[name] = self.index(at, dtype)
            case Check(index, bound, site):
                self.check(self.values[index], self.indexer.value(bound), site)
            case _:
                self.accumulator(s)

    def accumulator(self, s: Stmt) -> None:
        match s:
            case Init(acc, monoid, dtypes):
                self.accs.init(acc, monoid, dtypes, self.vector.width)
            case Fold(acc, args):
                self.accs.fold(acc, tuple(self.values[a] for a in args), self.vector)
            case Merge(acc, other):
                self.accs.merge(acc, other, self.vector)
            case Get(acc, monoid, buffers, at, dtypes):
                state = tuple(self.memory.load(Place(x, at), 0.0, self.vector) for x in buffers)
                self.accs.get(acc, monoid, dtypes, state)
            case Put(acc, buffers, at):
                for x, v in zip(buffers, self.accs.finish(acc, self.vector.width == 1), strict=True):
                    self.memory.store(Place(x, at), v, self.vector)
            case Finish(names, acc, lanes):
                self.values.update(zip(names, self.accs.finish(acc, lanes), strict=True))

    def place(self, s: Load | Store | Accumulate) -> Place:
        return Place(s.buffer, s.at, [(self.values[name], stride) for name, stride in s.indices], s.guards)

    def index(self, at: Poly, dtype: str) -> Operand:
        """The value of an index expression, one per lane where it varies along the vector loop."""
        first, slope = self.indexer.value(at), at.coefficient(self.vector.var)
        if slope.terms:
            step = self.b.cast(self.indexer.value(slope), dtype)
            lanes = self.b.mul(self.indexer.iota(self.vector.width, dtype), step)
            return self.b.add(self.b.cast(first, dtype), lanes)
        return self.b.cast(first, dtype)

    def accumulate(self, s: Accumulate) -> None:
        """Read, change, write; the lanes of a vector have distinct places."""
        place = self.place(s)
        old = self.memory.load(place, 0.0, self.vector)
        self.memory.store(place, apply_scalar(self.b, s.op, [old, self.values[s.value]], old.dtype), self.vector)

    def check(self, index: Operand, bound: Operand, site: int) -> None:
        """The first site that fails stays in the status word."""
        shifted, twice = self.b.match(self.b.add(index, bound), self.indexer.add(bound, bound))
        bad = self.b.emit("bool", shifted.lanes, f"icmp uge {shifted}, {twice.text}", shifted, twice)
        if self.vector.mask and bad.lanes > 1:
            bad = self.b.and_(bad, self.vector.mask)
        status = next(self.bases[x.name] for x in self.kernel.buffers if x.role == "status")
        write_if(self.b, self.b.any(bad), f"{self.b.name()} = cmpxchg {status}, i64 0, i64 {site} monotonic monotonic")


def _trips(s: Loop, start: int | None, hi: int | None) -> int | None:
    """How often a loop runs, where that is known."""
    if start is None or hi is None:
        return None
    return max(0, (hi - start - s.whole) // s.step + 1)
