"""The lower half of a symmetric product: a part of the upper half, turned over.

Squares of vectors by lanes are turned in registers.
"""

from __future__ import annotations

from functools import cache

from graphc.codegen.gemm.routine import Helper, Routine
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE


@cache
def mirror(dtype: str, lanes: int, features: frozenset[str]) -> Helper:
    """`void (ptr source, ptr target, i64 bytes between rows of either, i64 rows of the source, i64 columns)`"""
    f = Routine(f"gemm.mirror.{dtype}x{lanes}", [("source", "ptr"), ("target", "ptr"), *_numbers()], features)
    square, item, given = _square(dtype, lanes, features), ITEMSIZE[dtype], f.given

    def each(row: Operand, column: Operand) -> None:
        places = [
            f.offset(f.offset(given[n], f.mul(down, given["stride"])), f.mul(along, item))
            for n, down, along in (("source", row, column), ("target", column, row))
        ]
        f.call(square.name, *places, given["stride"], f.sub(given["rows"], row), f.sub(given["columns"], column))

    f.each(0, given["columns"], lambda column: f.each(0, given["rows"], lambda row: each(row, column), lanes), lanes)
    helper = f.helper()
    return Helper(helper.name, square.text + helper.text, square.declarations | helper.declarations)


def _square(dtype: str, lanes: int, features: frozenset[str]) -> Helper:
    """At most so many rows and columns, of which the last numbers say how many are there."""
    name = f"gemm.mirror.{dtype}x{lanes}.square"
    f = Routine(name, [("source", "ptr"), ("target", "ptr"), *_numbers()], features)
    given = f.given
    across, down = (f.first_lanes(lanes, given[n]) for n in ("columns", "rows"))
    rows = list[Operand]()
    place = given["source"]
    for r in range(lanes):
        rows.append(f.load(place, dtype, lanes, across))
        place = f.offset(place, f.b.select(f.less(r + 1, given["rows"]), given["stride"], 0))
    place = given["target"]
    for c, column in enumerate(f.turned(rows)):
        f.when(f.less(c, given["columns"]), lambda value=column, at=place: f.store(value, at, down))  # type: ignore[misc]
        place = f.offset(place, given["stride"])
    return f.helper()


def _numbers() -> list[tuple[str, str]]:
    return [(n, "i64") for n in ("stride", "rows", "columns")]
