"""Operands copied into panels: `width` neighbouring rows of A, or columns of B, of every step of k lie together.

Here a *lane* is a row of A or a column of B.  Where the source is contiguous along the lanes it is copied by vectors;
where it is contiguous along k, squares of vectors are transposed in registers; else it is copied item by item.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from graphc.codegen.elements import ITEMSIZE
from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.writer import Operand


@dataclass(frozen=True, slots=True)
class Pack:
    """`form` is copy | transpose | items."""

    dtype: str
    lanes: int
    width: int
    form: str

    @property
    def name(self) -> str:
        return f"gemm.{self.form}.{self.dtype}x{self.lanes}.{self.width}"


def form(step_of_lane: int, step_of_k: int) -> str:
    """How a source with these strides, in elements, is packed."""
    return "copy" if step_of_lane == 1 else "transpose" if step_of_k == 1 else "items"


@cache
def pack(p: Pack, features: frozenset[str]) -> Helper:
    """`void (ptr source, ptr panel, i64 bytes between lanes, i64 bytes between steps, i64 steps of k, i64 lanes)`

    Of a panel that is not full the other lanes hold anything that is finite where the source is.
    """
    return _Writer(p, features).helper()


class _Writer:
    def __init__(self, p: Pack, features: frozenset[str]) -> None:
        self.p, self.item = p, ITEMSIZE[p.dtype]
        numbers = ("lane", "step", "steps", "count")
        self.f = Routine(p.name, [("source", "ptr"), ("panel", "ptr"), *((n, "i64") for n in numbers)], features)

    def helper(self) -> Helper:
        f, given = self.f, self.f.given
        if self.p.form == "copy":
            full = f.less(given["count"], self.p.width)
            f.when(full, lambda: self.copy(given["count"]))
            f.when(f.b.not_(full), lambda: self.copy(self.p.width))
        elif self.p.form == "transpose":
            short = f.less(given["steps"], self.p.lanes)
            f.when(short, self.items)
            f.when(f.b.not_(short), self.transpose)
        else:
            self.items()
        return f.helper()

    def panel(self, step: Offset, lane: int = 0) -> Operand:
        """Where an item belongs."""
        return self.f.offset(
            self.f.offset(self.f.given["panel"], self.f.mul(step, self.p.width * self.item)), lane * self.item
        )

    def source(self, lane: int, step: Offset) -> Operand:
        """Where an item is; lanes that are missing are read from the last one."""
        f, given = self.f, self.f.given
        near = f.least(lane, f.sub(given["count"], 1)) if lane else f.number(0)
        row = f.offset(given["source"], f.mul(near, given["lane"]))
        return f.offset(row, f.mul(step, given["step"]))

    # --------------------------------------------------------------------------------------------------- forms

    def items(self) -> None:
        def step(k: Operand) -> None:
            for lane in range(self.p.width):
                self.f.store(self.f.load(self.source(lane, k), self.p.dtype, 1), self.panel(k, lane))

        self.f.each(0, self.f.given["steps"], step)

    def copy(self, count: Offset) -> None:
        f, p = self.f, self.p
        starts = range(0, p.width, p.lanes)
        masks = {v: f.first_lanes(p.lanes, f.sub(count, v)) for v in starts}
        bounds = {v: f.first_lanes(p.lanes, p.width - v) for v in starts}

        def step(k: Operand) -> None:
            row = self.source(0, k)
            for v in starts:
                value = f.load(f.offset(row, v * self.item), p.dtype, p.lanes, masks[v])
                f.store(value, self.panel(k, v), bounds[v])

        f.each(0, f.given["steps"], step)

    def transpose(self) -> None:
        """Squares along k; the last one overlaps the one before."""
        f, last = self.f, self.f.sub(self.f.given["steps"], self.p.lanes)
        f.each(0, f.given["steps"], lambda k: self.squares(f.least(k, last)), self.p.lanes)

    def squares(self, k: Operand) -> None:
        for first in range(0, self.p.width, self.p.lanes):
            self.square(k, first)

    def square(self, k: Operand, first: int) -> None:
        f, p = self.f, self.p
        inside = min(p.lanes, p.width - first)
        rows = [f.load(self.source(first + r, k), p.dtype, p.lanes) for r in range(inside)]
        rows += rows[-1:] * (p.lanes - inside)
        bound = f.first_lanes(p.lanes, inside)
        for q, column in enumerate(self.transposed(rows)):
            f.store(column, f.offset(self.panel(k, first), q * p.width * self.item), bound)

    def transposed(self, rows: Sequence[Operand]) -> list[Operand]:
        """The columns of a square: exchange halves, then quarters ... between pairs of rows."""
        out, n = list(rows), self.p.lanes
        half = 1
        while half < n:
            low = [k if not k & half else (k ^ half) + n for k in range(n)]
            high = [k | half if not k & half else k + n for k in range(n)]
            for i in (i for i in range(n) if not i & half):
                x, y = out[i], out[i | half]
                out[i], out[i | half] = self.blend(x, y, low), self.blend(x, y, high)
            half *= 2
        return out

    def blend(self, x: Operand, y: Operand, picks: Sequence[int]) -> Operand:
        """Lanes of two registers."""
        if x is y:
            picks = [k % x.lanes for k in picks]
        order = ", ".join(f"i32 {k}" for k in picks)
        return self.f.b.emit(x.dtype, x.lanes, f"shufflevector {x}, {y}, <{len(picks)} x i32> <{order}>", x, y)
