"""Which output of a nest may lie where an input lies: every element is read for the last time before it is written.

The rule speaks of nests before they are scheduled: a schedule keeps the order of what happens at one element.
"""

from __future__ import annotations

from collections.abc import Iterator

from graphc.codegen.nest.loops import Body, Kernel, Load, Loop, Stmt, Store, parts, touched
from graphc.ir.poly import Poly
from graphc.records import dataclass


@dataclass(frozen=True, slots=True)
class _Touch:
    """A statement that reads or writes a buffer: when, in program order, and in loops over which variables."""

    buffer: str
    stmt: Stmt
    when: tuple[int, int]  # phase, statement
    loops: frozenset[str]


def overwritable(kernel: Kernel) -> Iterator[tuple[str, str]]:
    """Pairs of an output and an input of its element type that may share storage, if one is as large as the other."""
    touches: dict[str, list[_Touch]] = {b.name: [] for b in kernel.buffers}
    for t in _touches(kernel):
        touches[t.buffer].append(t)
    for out in (b for b in kernel.buffers if b.role == "out" and b.alias is None):
        stores = _plain_stores(touches[out.name], kernel)
        for b in kernel.buffers if stores else ():
            if b.role == "in" and b.dtype == out.dtype and all(_is_before(t, stores) for t in touches[b.name]):
                yield out.name, b.name


def _plain_stores(touches: list[_Touch], kernel: Kernel) -> dict[Poly, _Touch]:
    """The statements that write an output, by their places, if they write to each once, by the chunk it belongs to.

    Empty if they do not, or are not side by side in one loop.
    """
    stores = {t.stmt.at: t for t in touches if isinstance(t.stmt, Store) and not (t.stmt.indices or t.stmt.guards)}
    together = len(stores) == len(touches) and len({(t.when[0], t.loops) for t in touches}) == 1
    return stores if together and all(_is_once(at, t, kernel) for at, t in stores.items()) else {}


def _is_once(at: Poly, t: _Touch, kernel: Kernel) -> bool:
    chunk = kernel.phases[t.when[0]].chunk
    return t.loops <= at.names and (chunk is None or chunk.axis in t.loops)


def _is_before(t: _Touch, stores: dict[Poly, _Touch]) -> bool:
    """A load of an element that is written, which comes before all that are, wherever they are in one loop."""
    if not isinstance(t.stmt, Load) or t.stmt.indices or t.stmt.at not in stores:
        return False
    return t.when < min(s.when for s in stores.values())


def _touches(kernel: Kernel) -> Iterator[_Touch]:
    for n, phase in enumerate(kernel.phases):
        for k, (s, loops) in enumerate(_with_loops(phase.body, frozenset())):
            yield from (_Touch(b, s, (n, k), loops) for b in touched(s))


def _with_loops(body: Body, loops: frozenset[str]) -> Iterator[tuple[Stmt, frozenset[str]]]:
    """Every statement but the loops themselves, with the variables of the loops around it."""
    for s in body:
        if isinstance(s, Loop):
            for part in parts(s):
                yield from _with_loops(part.body, loops | {s.var})
        else:
            yield s, loops
