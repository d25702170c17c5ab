"""Several rows in one pass over the columns, where an access is contiguous along the rows.

    for i: for j in vectors: a = x[n*j + i]; y[m*i + j] = a
becomes
    for i by 2: for j in vectors: a.0 = x[n*j + i]; a.1 = x[n*j + i + 1]; y[m*i + j] = a.0; y[m*i + m + j] = a.1

Such loads are neighbours, a vector for each column, and squares of items are transposed in registers (see `tuples`).
Stores go to as many lines as there are rows, which no prefetcher foresees: hints for the next tile halve the time.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphc.codegen.nest.loops import Index, Let, Load, Loop, Prefetch, Stmt, Store, substitute
from graphc.codegen.schedule.renaming import Renaming
from graphc.codegen.schedule.weight import LIMIT, weight
from graphc.ir.poly import Poly
from graphc.records import replace

MOST = 8  # rows: more take as long, fewer use a small part of each line


def several_rows(s: Loop, columns: Loop, ahead: int) -> Loop:
    """The loop over rows around one over columns, whose iterations are independent; one by one where that is long code.

    What is stored `ahead` columns later is asked for.
    """
    body, count = (*s.body[:-1], *columns.body), MOST
    while count > 1 and count * _weight(columns) > LIMIT:
        count //= 2
    if count == 1:
        return s
    own = frozenset(x.name for x in body if isinstance(x, Load | Let | Index))
    copies = [y for k in range(count) for y in Renaming(f".{k}", own).body(substitute(body, s.var, Poly.of(s.var) + k))]
    copies.sort(key=lambda x: isinstance(x, Store))
    hints = _hints(copies, columns.var, ahead)
    return replace(s, step=count, body=(replace(columns, body=(*hints, *copies)),), rest=s)


def _weight(columns: Loop) -> int:
    """Vector instructions for a row, one for an access."""
    accesses = [x for x in columns.body if isinstance(x, Load | Store)]
    return len(accesses) + weight(replace(columns, body=tuple(x for x in columns.body if x not in accesses)))


def _hints(body: list[Stmt], column: str, ahead: int) -> Iterator[Prefetch]:
    later = Poly.of(column) + ahead
    for x in body:
        if isinstance(x, Store) and x.at.coefficient(column).constant in (-1, 1):
            yield Prefetch(x.buffer, x.at.substitute(column, later), write=True)
