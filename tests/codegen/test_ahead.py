"""What an outer loop does not change is computed before it, rows are summed once; `test_lower` shows the results."""

from __future__ import annotations

from codegen import nest_clusters as nk

from graphc.codegen.lower import lower
from graphc.codegen.lower.ahead import MOST_ITEMS
from graphc.codegen.nest.loops import Kernel, Let, Load, Loop, Store, statements

ROWS, COLUMNS = 200, 300


def depths(kernel: Kernel, op: str) -> list[int]:
    """In how many loops each of the operations of this name is."""
    found: list[int] = []

    def visit(body: tuple[object, ...], depth: int) -> None:
        for s in body:
            if isinstance(s, Loop):
                visit(s.body, depth + 1)
            elif isinstance(s, Let) and s.op == op:
                found.append(depth)

    for phase in kernel.phases:
        visit(phase.body, 0)
    return found


def kept(kernel: Kernel) -> list[str]:
    return [b.name for b in kernel.buffers if b.name.startswith("ahead")]


def scaled_rows(op: str, rows: int = ROWS, columns: int = COLUMNS) -> Kernel:
    """y[i, j] = x[i, j] + op(r[j])"""
    s = nk.Space("k", i=rows, j=columns)
    x, r = s.load("x", (rows, columns), s.i, s.j), s.load("r", (columns,), s.j)
    s.store("y", (rows, columns), x + r.op(op), s.i, s.j)
    return lower(s.c)


def test_a_dear_value_of_the_columns_is_computed_before_the_rows() -> None:
    kernel = scaled_rows("exp")
    assert depths(kernel, "exp") == [1]
    (buffer,) = kept(kernel)
    assert [s.buffer for p in kernel.phases for s in statements(p.body) if isinstance(s, Store)] == [buffer, "y"]


def test_a_cheap_one_is_computed_again() -> None:
    assert depths(scaled_rows("neg"), "neg") == [2]


def test_what_would_not_stay_in_a_cache_is_computed_again() -> None:
    kernel = scaled_rows("exp", columns=MOST_ITEMS + 1)
    assert depths(kernel, "exp") == [2] and not kept(kernel)


def test_deviations_of_columns_are_computed_once() -> None:
    s = nk.Space("k", i=ROWS, j=COLUMNS)
    x = s.load("x", (ROWS, COLUMNS), s.i, s.j)
    s.store("y", (ROWS, COLUMNS), x.op("div", s.sum(x * x, "i").op("sqrt")), s.i, s.j)
    kernel = lower(s.c)
    assert depths(kernel, "sqrt") == [1] and depths(kernel, "div") == [2]


def test_only_what_the_loop_itself_needs_is_kept() -> None:
    """The exponential is needed for its logarithm alone."""
    s = nk.Space("k", i=ROWS, j=COLUMNS)
    x, r = s.load("x", (ROWS, COLUMNS), s.i, s.j), s.load("r", (COLUMNS,), s.j)
    s.store("y", (ROWS, COLUMNS), x + (r.op("exp") + 1.0).op("log"), s.i, s.j)
    assert len(kept(lower(s.c))) == 1


def test_a_sum_over_a_short_axis_is_done_once() -> None:
    """Squares of the lengths of one of two sets of points: the axis of coordinates is written out."""
    s = nk.Space("k", i=ROWS, j=COLUMNS, h=4)
    x, y = s.load("x", (ROWS, 4), s.i, s.h), s.load("z", (COLUMNS, 4), s.j, s.h)
    s.store("y", (ROWS, COLUMNS), s.sum(x * x, "h") + s.sum(y * y, "h"), s.i, s.j)
    kernel = lower(s.c)
    assert kept(kernel) and 2 not in depths(kernel, "mul")


def test_sums_of_rows_that_are_needed_after_all_rows_are_kept() -> None:
    """Shares of a total: nothing is read a second time."""
    for rows in (20, 20_000):
        s = nk.Space("k", i=rows, j=COLUMNS)
        sums = s.sum(s.load("x", (rows, COLUMNS), s.i, s.j), "j")
        s.store("y", (rows,), sums.op("div", s.sum(sums * sums, "i")), s.i)
        kernel = lower(s.c)
        loads = [x for p in kernel.phases for x in statements(p.body) if isinstance(x, Load)]
        assert sum(x.buffer == "x" for x in loads) == 1
