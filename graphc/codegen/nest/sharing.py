"""Which output of a nest may lie where an input lies: every element is read for the last time before it is written.

The rule speaks of nests before they are scheduled: a schedule keeps the order of what happens at one element.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from graphc.codegen.nest.loops import Body, Kernel, Load, Loop, Stmt, Store, parts, touched


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
        store = _single_store(touches[out.name], kernel)
        for b in kernel.buffers if store else ():
            if b.role == "in" and b.dtype == out.dtype and all(_is_before(t, store) for t in touches[b.name]):
                yield out.name, b.name


def _single_store(touches: list[_Touch], kernel: Kernel) -> _Touch | None:
    """The one statement that writes an output, if it does so once per element, each by the chunk that it belongs to."""
    if len(touches) != 1:
        return None
    (t,) = touches
    if not isinstance(t.stmt, Store) or t.stmt.indices or t.stmt.guards:
        return None
    chunk = kernel.phases[t.when[0]].chunk
    return t if t.loops <= t.stmt.at.names and (chunk is None or chunk.axis in t.loops) else None


def _is_before(t: _Touch, store: _Touch | None) -> bool:
    """A load of the very element, that comes first wherever both are in one loop."""
    assert store is not None and isinstance(store.stmt, Store)
    same = isinstance(t.stmt, Load) and not t.stmt.indices and t.stmt.at == store.stmt.at
    return same and t.when < store.when


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
