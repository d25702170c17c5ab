"""Functions written by hand, so to speak: parameters, counted loops, addresses in bytes, and vectors in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.codegen.llvm.builder import Builder
from graphc.codegen.llvm.emit_index import Indexer
from graphc.codegen.llvm.emit_loop import write_loop
from graphc.codegen.llvm.types import item_type, register_type, suffix
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE, is_float
from graphc.records import dataclass

COMPRESS_STORE = "compress-store"  # a feature: lanes are stored side by side as fast as in a register
Offset = Operand | int
Change = Callable[[list[Operand]], Sequence[Operand]]


@dataclass(frozen=True)
class Helper:
    """A finished function of the module that several kernels may call."""

    name: str
    text: str
    declarations: frozenset[str]


class Routine:
    """The text of `void @name(parameters)`, whose operands are attributes of `given`."""

    def __init__(self, name: str, parameters: Sequence[tuple[str, str]], features: frozenset[str]) -> None:
        self.name = name
        self.b = Builder(features)
        self.i = Indexer(self.b)
        self.given = {n: Operand(f"%{n}", dtype) for n, dtype in parameters}
        self.parameters = tuple(self.given.values())

    def helper(self, linkage: str = "internal") -> Helper:
        lines = "\n".join(s if s.endswith(":") else f"  {s}" for s in [*self.b.regions[0].lines, "ret void"])
        head = ", ".join(map(str, self.parameters))
        text = f"define {linkage} void @{self.name}({head}) {{\nentry:\n{lines}\n}}\n"
        return Helper(self.name, text, frozenset(self.b.declared))

    # ------------------------------------------------------------------------------------------------- numbers

    def number(self, value: Offset) -> Operand:
        return self.i.number(value) if isinstance(value, int) else value

    def add(self, x: Offset, y: Offset) -> Operand:
        return self.i.add(self.number(x), self.number(y))

    def sub(self, x: Offset, y: Offset) -> Operand:
        return self.add(x, self.mul(y, -1))

    def mul(self, x: Offset, y: Offset) -> Operand:
        a, c = self.number(x), self.number(y)
        return self.number(0) if 0 in (a.integer, c.integer) else self.i.mul(a, c)

    def div(self, x: Offset, y: Offset) -> Operand:
        return self.i.div(self.number(x), self.number(y))

    def least(self, x: Offset, y: Offset) -> Operand:
        return self.i.least(self.number(x), self.number(y))

    def most(self, x: Offset, y: Offset) -> Operand:
        """The greater of two counts, which are not negative."""
        a, c = self.number(x), self.number(y)
        if a.integer is not None and c.integer is not None:
            return self.number(max(a.integer, c.integer))
        return a if c.integer == 0 else self.b.intrinsic("smax", a, c)

    def less(self, x: Offset, y: Offset) -> Operand:
        return self.i.less(self.number(x), self.number(y))

    # ------------------------------------------------------------------------------------------------- control

    def loop(
        self,
        lo: Offset,
        hi: Offset,
        step: Offset,
        body: Callable[[Operand, list[Operand]], Sequence[Operand]],
        carried: Sequence[Operand] = (),
    ) -> list[Operand]:
        """for i in range(lo, hi, step): carried = body(i, carried); gives the carried values at the end."""
        guard = self.less(lo, hi)
        if guard.text == "false":
            return list(carried)
        if guard.text == "true" and self.less(self.add(lo, step), hi).text == "false":
            return list(body(self.number(lo), list(carried)))

        def once(values: list[Operand]) -> tuple[list[Operand], Operand]:
            after = body(values[0], values[1:])
            following = self.add(values[0], step)
            return [following, *after], self.less(following, hi)

        return write_loop(self.b, guard, [self.number(lo), *carried], once)[1:]

    def each(self, lo: Offset, hi: Offset, body: Callable[[Operand], None], step: Offset = 1) -> None:
        """for i in range(lo, hi, step): body(i)"""

        def once(i: Operand, _: list[Operand]) -> Sequence[Operand]:
            body(i)
            return ()

        self.loop(lo, hi, step, once)

    def when(self, condition: Operand, body: Callable[[], None]) -> None:
        """Something that is done under a condition."""

        def effect(_: list[Operand]) -> Sequence[Operand]:
            body()
            return ()

        self.changed(condition, effect, ())

    def changed(self, condition: Operand, body: Change, values: Sequence[Operand]) -> list[Operand]:
        """body(values) where the condition holds, else the values; a loop that stops after its first round."""
        if condition.is_constant:
            return list(body(list(values)) if condition.text == "true" else values)

        def once(before: list[Operand]) -> tuple[list[Operand], Operand]:
            return list(body(before)), self.b.number(0, "bool")

        return write_loop(self.b, condition, values, once)

    def call(self, name: str, *args: Offset) -> None:
        """Of the function @name, or of the one at an address."""
        called = name if name.startswith("%") else f"@{name}"
        self.b.effect(f"call void {called}({', '.join(str(self.number(a)) for a in args)})")

    def either(self, condition: Operand, name: str, other: str) -> str:
        """The address of one of two functions."""
        text = f"select {condition}, ptr @{name}, ptr @{other}"
        return name if name == other else self.b.emit("ptr", 1, text, condition).text

    # ----------------------------------------------------------------------------------------------- registers

    def exchange(self, x: Operand, y: Operand, half: int) -> tuple[Operand, Operand]:
        """The lanes of x and y whose numbers lack the bit `half`, side by side; and those that have it."""
        n = x.lanes
        low = [k if not k & half else (k ^ half) + n for k in range(n)]
        high = [k | half if not k & half else k + n for k in range(n)]
        return self.blend(x, y, low), self.blend(x, y, high)

    def turned(self, rows: Sequence[Operand]) -> list[Operand]:
        """The columns of registers: exchange neighbours, then pairs ... between pairs of rows.

        Of fewer rows than lanes, every register ends with several columns, side by side.
        """
        out, half = list(rows), 1
        while half < len(rows):
            for i in (i for i in range(len(rows)) if not i & half):
                out[i], out[i | half] = self.exchange(out[i], out[i | half], half)
            half *= 2
        return out

    def blend(self, x: Operand, y: Operand, picks: Sequence[int]) -> Operand:
        """Lanes of two registers."""
        order = ", ".join(f"i32 {k}" for k in picks)
        return self.b.emit(x.dtype, x.lanes, f"shufflevector {x}, {y}, <{len(picks)} x i32> <{order}>", x, y)

    # -------------------------------------------------------------------------------------------------- memory

    def offset(self, pointer: Operand, distance: Offset) -> Operand:
        """The address so many bytes on."""
        d = self.number(distance)
        if d.integer == 0:
            return pointer
        return self.b.emit("ptr", 1, f"getelementptr i8, {pointer}, {d}", pointer, d)

    def load(self, pointer: Operand, dtype: str, lanes: int, mask: Operand | None = None) -> Operand:
        """Neighbours in memory; 0 in lanes that the mask leaves out."""
        held, align = register_type(dtype, lanes), ITEMSIZE[dtype]
        if mask is None:
            return self.b.ordered(dtype, lanes, f"load {held}, {pointer}, align {align}")
        name = f"llvm.masked.load.{suffix(item_type(dtype), lanes)}.p0"
        self.b.declare(name, held, "ptr", "i32 immarg", mask.type, held)
        return self.b.ordered(
            dtype, lanes, f"call {held} @{name}({pointer}, i32 {align}, {mask}, {held} zeroinitializer)"
        )

    def store(self, value: Operand, pointer: Operand, mask: Operand | None = None) -> None:
        align = ITEMSIZE[value.dtype]
        if mask is None:
            self.b.effect(f"store {value}, {pointer}, align {align}")
            return
        name = f"llvm.masked.store.{suffix(item_type(value.dtype), value.lanes)}.p0"
        self.b.declare(name, "void", value.type, "ptr", "i32 immarg", mask.type)
        self.b.effect(f"call void @{name}({value}, {pointer}, i32 {align}, {mask})")

    def store_chosen(self, value: Operand, pointer: Operand, chosen: Operand, count: Operand) -> None:
        """The chosen lanes side by side, so many, and nothing behind them."""
        if COMPRESS_STORE not in self.b.features:
            bits = self.b.bits(value) if is_float(value.dtype) else value
            self.store(self.b.compress(bits, chosen), pointer, self.first_lanes(value.lanes, count))
            return
        name = f"llvm.masked.compressstore.{suffix(item_type(value.dtype), value.lanes)}"
        self.b.declare(name, "void", value.type, "ptr", chosen.type)
        self.b.effect(f"call void @{name}({value}, ptr align {ITEMSIZE[value.dtype]} {pointer.text}, {chosen})")

    def prefetch(self, pointer: Operand, *, write: bool = False) -> None:
        self.b.declare("llvm.prefetch.p0", "void", "ptr", "i32 immarg", "i32 immarg", "i32 immarg")
        self.b.effect(f"call void @llvm.prefetch.p0({pointer}, i32 {int(write)}, i32 3, i32 1)")

    def word(self, slot: int, dtype: str) -> Operand:
        """What the table of the kernel holds, where a parameter is called `words`."""
        at = self.offset(self.given["words"], 8 * slot)
        return self.b.emit(dtype, 1, f"load {register_type(dtype)}, {at}, align 8", at)

    def tell(self, table: Operand, slot: int, value: Operand) -> None:
        """Write a word of a table that a function gets as its `words`."""
        self.b.effect(f"store {value}, {self.offset(table, 8 * slot)}, align 8")

    def first_lanes(self, lanes: int, count: Offset) -> Operand | None:
        """The mask of the first lanes; None where it lets all through."""
        n = self.number(count)
        if n.integer is not None:
            return None if n.integer >= lanes else self.b.vector([k < n.integer for k in range(lanes)], "bool")
        narrow = self.b.cast(self.least(n, lanes), "i32")
        return self.b.lt(self.i.iota(lanes, "i32"), narrow)
