"""Operands copied into panels: `width` neighbouring rows of A, or columns of B, of every step of k lie together.

Here a *lane* is a row of A or a column of B.  Where the source is contiguous along the lanes it is copied by vectors;
where it is contiguous along k, blocks of a few lanes by a vector of steps are transposed in registers; else it is
copied item by item.  Widths are parameters: few functions, and short ones, serve all panels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass

MOST_AT_ONCE = 8  # lanes that are transposed together


@dataclass(frozen=True, slots=True)
class Pack:
    """`form` is copy | transpose | items; `size`: vectors of a panel that is copied, lanes that are transposed at once.

    `whole`: a panel is a number of whole vectors.
    """

    dtype: str
    lanes: int
    form: str
    size: int
    whole: bool

    @property
    def name(self) -> str:
        size = f".{self.size}{'w' * self.whole}" if self.size else ""
        return f"gemm.{self.form}.{self.dtype}x{self.lanes}{size}"

    @staticmethod
    def of(dtype: str, lanes: int, width: int, step_of_lane: int, step_of_k: int) -> Pack:
        """How panels so wide are made of a source with these strides, in elements."""
        whole = width % lanes == 0
        if step_of_lane == 1:
            return Pack(dtype, lanes, "copy", -(-width // lanes), whole)
        if step_of_k == 1:
            return Pack(dtype, lanes, "transpose", min(lanes, MOST_AT_ONCE), whole)
        return Pack(dtype, lanes, "items", 0, whole)


@cache
def pack(p: Pack, features: frozenset[str]) -> Helper:
    """`void (ptr source, ptr panel, i64 bytes between lanes, i64 between steps, i64 steps of k, i64 lanes, i64 width)`

    Lanes that are missing from a panel repeat the last one.  Up to `lanes` - 1 steps beyond the last may be written to.
    """
    helper = _Writer(p, features).helper()
    if p.form != "transpose":
        return helper
    block = _Block(p, features).helper()
    return Helper(helper.name, block.text + helper.text, block.declarations | helper.declarations)


class _Writer:
    def __init__(self, p: Pack, features: frozenset[str]) -> None:
        self.p, self.item = p, ITEMSIZE[p.dtype]
        numbers = ("lane", "step", "steps", "count", "width")
        self.f = Routine(p.name, [("source", "ptr"), ("panel", "ptr"), *((n, "i64") for n in numbers)], features)
        self.bytes = self.f.mul(self.f.given["width"], self.item)

    def helper(self) -> Helper:
        if self.p.form == "copy":
            self.copy()
        elif self.p.form == "transpose":
            self.transpose()
        else:
            self.items()
        return self.f.helper()

    def panel(self, step: Offset, lane: Offset) -> Operand:
        """Where an item belongs."""
        f = self.f
        return f.offset(f.offset(f.given["panel"], f.mul(step, self.bytes)), f.mul(lane, self.item))

    def row(self, lane: Offset) -> Operand:
        """Where the items of a lane begin; a lane that is missing is the last one."""
        f, given = self.f, self.f.given
        return f.offset(given["source"], f.mul(f.least(lane, f.sub(given["count"], 1)), given["lane"]))

    # --------------------------------------------------------------------------------------------------- forms

    def items(self) -> None:
        f, given = self.f, self.f.given

        def item(lane: Operand, k: Operand) -> None:
            f.store(f.load(f.offset(self.row(lane), f.mul(k, given["step"])), self.p.dtype, 1), self.panel(k, lane))

        f.each(0, given["width"], lambda lane: f.each(0, given["steps"], lambda k: item(lane, k)))

    def copy(self) -> None:
        f, p, given = self.f, self.p, self.f.given
        starts = range(0, p.size * p.lanes, p.lanes)
        masks = {v: f.first_lanes(p.lanes, f.sub(given["count"], v)) for v in starts}
        bound = None if p.whole else f.first_lanes(p.lanes, f.sub(given["width"], starts[-1]))
        end = f.mul(f.sub(given["count"], 1), self.item)

        def step(k: Operand) -> None:
            row = f.offset(given["source"], f.mul(k, given["step"]))
            last = f.b.spread(f.load(f.offset(row, end), p.dtype, 1), p.lanes)
            for v in starts:
                value, mask = f.load(f.offset(row, v * self.item), p.dtype, p.lanes, masks[v]), masks[v]
                value = value if mask is None else f.b.select(mask, value, last)
                f.store(value, self.panel(k, v), bound if v == starts[-1] else None)

        f.each(0, given["steps"], step)

    def transpose(self) -> None:
        """Block by block: along the lanes first where a block has parts of cache lines only, to fill them at once."""
        if self.p.size < self.p.lanes:
            self.along_steps(lambda k: self.along_lanes(lambda first: self.block(first, k)))
        else:
            self.along_lanes(lambda first: self.along_steps(lambda k: self.block(first, k)))

    def along_steps(self, body: Callable[[Operand], None]) -> None:
        self.f.each(0, self.f.given["steps"], body, self.p.lanes)

    def along_lanes(self, body: Callable[[Operand], None]) -> None:
        self.f.each(0, self.f.given["width"], body, self.p.size)

    def block(self, first: Operand, k: Operand) -> None:
        """The step between the items of a lane is one item here."""
        f, given = self.f, self.f.given
        source = f.offset(f.offset(given["source"], f.mul(first, given["lane"])), f.mul(k, self.item))
        inside = f.sub(given["steps"], k), f.sub(given["count"], first), f.sub(given["width"], first)
        f.call(f"{self.p.name}.block", source, self.panel(k, first), given["lane"], self.bytes, *inside)


class _Block:
    """`void (ptr source, ptr target, i64 bytes between lanes, i64 between steps, i64 steps, i64 lanes, i64 width)`

    Transposes `size` lanes of `lanes` steps, of which the last numbers say how many are there.  A function without a
    loop: LLVM spends long on the many addresses of a loop like that.
    """

    def __init__(self, p: Pack, features: frozenset[str]) -> None:
        self.p = p
        numbers = ("lane", "step", "steps", "count", "width")
        self.f = Routine(
            f"{p.name}.block", [("source", "ptr"), ("target", "ptr"), *((n, "i64") for n in numbers)], features
        )

    def helper(self) -> Helper:
        f, p, place = self.f, self.p, self.f.given["target"]
        bound = None if p.whole else f.first_lanes(p.size, f.given["width"])
        for column in self.transposed(self.rows()):
            f.store(column, place, bound)
            place = f.offset(place, f.given["step"])
        return f.helper()

    def rows(self) -> list[Operand]:
        """Lanes that are missing are the last one, which may lie before this block."""
        f, p, given = self.f, self.p, self.f.given
        mask, row = f.first_lanes(p.lanes, given["steps"]), given["source"]
        row = f.offset(row, f.b.select(f.less(0, given["count"]), 0, f.mul(f.sub(given["count"], 1), given["lane"])))
        rows = [f.load(row, p.dtype, p.lanes, mask)]
        for r in range(1, p.size):
            row = f.offset(row, f.b.select(f.less(r, given["count"]), given["lane"], 0))
            rows.append(f.load(row, p.dtype, p.lanes, mask))
        return rows

    def transposed(self, rows: Sequence[Operand]) -> list[Operand]:
        """The columns of registers."""
        out, n = self.f.turned(rows), self.p.lanes
        if len(rows) == n:
            return out
        return [self.f.b.part(v, first, len(rows)) for first in range(0, n, len(rows)) for v in out]
