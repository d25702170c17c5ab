"""Operands copied into panels: `width` neighbouring rows of A, or columns of B, of every step of k lie together.

Here a *lane* is a row of A or a column of B.  Where the source is contiguous along the lanes it is copied by vectors;
where it is contiguous along k, small squares are transposed in registers; else it is copied item by item.  Widths are
parameters: few functions, and short ones, serve all panels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from graphc.codegen.elements import ITEMSIZE
from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.writer import Operand

LEAST_SQUARE = 8  # lanes that are transposed together, unless a vector is shorter


@dataclass(frozen=True, slots=True)
class Pack:
    """`form` is copy | transpose | items; `size`: vectors of a panel that is copied, lanes of a square.

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
            return Pack(dtype, lanes, "transpose", min(lanes, LEAST_SQUARE if width <= LEAST_SQUARE else lanes), whole)
        return Pack(dtype, lanes, "items", 0, whole)


@cache
def pack(p: Pack, features: frozenset[str]) -> Helper:
    """`void (ptr source, ptr panel, i64 bytes between lanes, i64 between steps, i64 steps of k, i64 lanes, i64 width)`

    Lanes that are missing from a panel repeat the last one.
    """
    return _Writer(p, features).helper()


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

        def step(k: Operand) -> None:
            row = f.offset(given["source"], f.mul(k, given["step"]))
            for v in starts:
                value = f.load(f.offset(row, v * self.item), p.dtype, p.lanes, masks[v])
                f.store(value, self.panel(k, v), bound if v == starts[-1] else None)

        f.each(0, given["steps"], step)

    def transpose(self) -> None:
        """Squares along k; the last one overlaps the one before."""
        f, steps = self.f, self.f.given["steps"]
        short = f.less(steps, self.p.lanes)
        f.when(short, self.items)
        f.when(f.b.not_(short), lambda: f.each(0, f.given["width"], self.squares, self.p.size))

    def squares(self, first: Operand) -> None:
        f, p = self.f, self.p
        rows, last = self.rows(first), f.sub(f.given["steps"], p.lanes)
        bound = None if p.whole else f.first_lanes(p.size, f.sub(f.given["width"], first))

        def square(k: Operand) -> None:
            k = f.least(k, last)
            place = self.panel(k, first)
            for column in self.transposed([f.load(f.offset(r, f.mul(k, self.item)), p.dtype, p.lanes) for r in rows]):
                f.store(column, place, bound)
                place = f.offset(place, self.bytes)

        f.each(0, f.given["steps"], square, p.lanes)

    def rows(self, first: Operand) -> list[Operand]:
        f, given = self.f, self.f.given
        rows = [self.row(first)]
        for r in range(1, self.p.size):
            inside = f.less(f.add(first, r), given["count"])
            rows.append(f.offset(rows[-1], f.b.select(inside, given["lane"], 0)))
        return rows

    # ----------------------------------------------------------------------------------------------- registers

    def transposed(self, rows: Sequence[Operand]) -> list[Operand]:
        """The columns of registers: exchange neighbours, then pairs ... between pairs of rows.

        Of fewer rows than lanes, every register ends with several columns, side by side.
        """
        out, n, half = list(rows), self.p.lanes, 1
        while half < len(rows):
            low = [k if not k & half else (k ^ half) + n for k in range(n)]
            high = [k | half if not k & half else k + n for k in range(n)]
            for i in (i for i in range(len(rows)) if not i & half):
                x, y = out[i], out[i | half]
                out[i], out[i | half] = self.blend(x, y, low), self.blend(x, y, high)
            half *= 2
        if len(rows) == n:
            return out
        return [self.f.b.part(v, first, len(rows)) for first in range(0, n, len(rows)) for v in out]

    def blend(self, x: Operand, y: Operand, picks: Sequence[int]) -> Operand:
        """Lanes of two registers."""
        order = ", ".join(f"i32 {k}" for k in picks)
        return self.f.b.emit(x.dtype, x.lanes, f"shufflevector {x}, {y}, <{len(picks)} x i32> <{order}>", x, y)
