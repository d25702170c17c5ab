"""Neighbours in memory are loaded and stored together: coordinates of points, channels of pixels, repeated items.

    for i in vectors: x = a[3*i]; y = a[3*i + 1]; z = a[3*i + 2]; ...; b[2*i] = u; b[2*i + 1] = v
becomes
    for i in vectors: x, y, z = a[3*i, ...]; ...; b[2*i, ...] = u, v

Each would be a gather or a scatter of its own; together they are whole vectors whose lanes change places.  Where points
lie far apart, neighbours are a vector for each lane, and squares of items are transposed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import TypeVar

from graphc.codegen.nest.loops import (
    Body,
    Index,
    Kernel,
    Let,
    Load,
    LoadTuple,
    Loop,
    Stmt,
    Store,
    StoreTuple,
    map_loops,
    map_phases,
)
from graphc.codegen.schedule.weight import MOST_LANES
from graphc.ir.costs import LONGEST_TUPLE
from graphc.ir.poly import Poly
from graphc.records import replace

SHORTEST_SQUARE = 4  # neighbours of tuples that lie far apart, from which on vectors of them are worth a transposition

A = TypeVar("A", Load, Store)


def tuples(kernel: Kernel) -> Kernel:
    """In the body of every vector loop, loads and stores of neighbours become one statement each."""
    return map_phases(lambda body: map_loops(lambda s: (_grouped(s),), body), kernel)


def _grouped(s: Loop) -> Loop:
    if s.kind != "vector":
        return s
    return replace(s, body=tuple(x for kind, run in groupby(s.body, _kind) for x in kind(list(run), s.var)))


def _kind(x: Stmt) -> Callable[[list[Stmt], str], Body]:
    """Within a run of statements of one kind, loads may move to the first of them and stores to the last."""
    return _loads if isinstance(x, Load | Let | Index) else _stores if isinstance(x, Store) else _others


def _loads(run: list[Stmt], var: str) -> Body:
    for group in _neighbours((x for x in run if isinstance(x, Load)), var):
        place = min(map(run.index, group))
        run[place] = LoadTuple(tuple(x.name for x in group), group[0].buffer, group[0].at)
        run = [x for x in run if x not in group]
    return tuple(run)


def _stores(run: list[Stmt], var: str) -> Body:
    for group in _neighbours((x for x in run if isinstance(x, Store)), var):
        step = group[0].at.coefficient(var).constant
        if len(group) == step or not _is_short(step):
            place = max(map(run.index, group))
            run[place] = StoreTuple(group[0].buffer, group[0].at, tuple(x.value for x in group))
            run = [x for x in run if x not in group]
    return tuple(run)


def _others(run: list[Stmt], var: str) -> Body:
    return tuple(run)


def _neighbours(accesses: Iterable[A], var: str) -> Iterator[list[A]]:
    """Accesses, two or more, at successive places that belong to one point of the vector loop; in order."""
    rows: dict[tuple[str, Poly], dict[int, A]] = {}
    for x in accesses:
        step = x.at.coefficient(var)
        if step.terms and step.constant not in (-1, 1) and not (x.indices or x.guards):
            offset = dict(x.at.terms).get((), 0)
            rows.setdefault((x.buffer, x.at - offset), {}).setdefault(offset, x)
    for (_, at), row in rows.items():
        near = at.coefficient(var).constant
        for run in _runs(row):
            yield from _of_points(run, near) if near and _is_short(near) else _in_powers_of_two(run)


def _is_short(step: int | None) -> bool:
    """Whether tuples lie so near to each other that whole vectors are read or written."""
    return step is not None and 2 <= step <= LONGEST_TUPLE


def _runs(row: dict[int, A]) -> Iterator[list[A]]:
    run: list[A] = []
    for offset in sorted(row):
        if offset - 1 not in row and run:
            yield run
            run = []
        run.append(row[offset])
    yield run


def _of_points(run: list[A], step: int) -> Iterator[list[A]]:
    """In tuples of one point of the loop, the last one shorter."""
    pieces = (run[k : k + step] for k in range(0, len(run), step))
    return (p for p in pieces if len(p) > 1)


def _in_powers_of_two(run: list[A]) -> Iterator[list[A]]:
    """Long pieces first: each is a vector for each lane, and squares of items are transposed."""
    while len(run) >= SHORTEST_SQUARE:
        count = min(1 << len(run).bit_length() - 1, MOST_LANES)
        yield run[:count]
        run = run[count:]
