"""How much code a loop body makes: what limits copies of it."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.codegen.nest.elements import ITEMSIZE, register
from graphc.codegen.nest.loops import (
    Accumulate,
    Check,
    Fold,
    Get,
    Index,
    Init,
    Let,
    Load,
    LoadTuple,
    Loop,
    Merge,
    Put,
    Stmt,
    Store,
    StoreTuple,
    statements,
)
from graphc.ir.costs import cost, shuffles

LIMIT = 240  # vector instructions in all the copies of a body
STRIDED = 16  # an access lane by lane
VECTOR_BYTES = 64
WIDEST = 8  # bytes of an item
MOST_LANES = 16


def weight(s: Loop) -> int:
    """Vector instructions of one copy of the body, roughly."""
    return sum(_weight(x, s.var) for x in statements(s.body))


def _weight(s: Stmt, var: str) -> int:
    match s:
        case Let():
            return cost(s.op)
        case Load() | Store() | Accumulate():
            return STRIDED if s.indices or s.at.coefficient(var).constant not in (-1, 0, 1) else 1
        case LoadTuple(names):
            return len(names) * (1 + shuffles(len(names)))
        case StoreTuple(_, _, values):
            return len(values) * (1 + shuffles(len(values)))
        case Fold() | Merge():
            return 2
        case Check():
            return 4
        case _:
            return 1


def lanes(s: Loop, buffers: Mapping[str, str], states: Mapping[str, tuple[str, ...]]) -> int:
    """64 bytes of the widest type that a loop computes with, at most 16 lanes.

    Where most of it is narrower, the few wide values take two registers: full vectors of the others are worth more.
    """
    types = [(t, x) for x in statements(s.body) for t in _types(x, buffers, states) if t != "bool"]
    wide = [x for t, x in types if ITEMSIZE[t] == WIDEST]
    few = 2 * len(wide) < len(types) and not any(isinstance(x, Let) and cost(x.op) > 1 for x in wide)
    return MOST_LANES if few else VECTOR_BYTES // WIDEST


def _types(s: Stmt, buffers: Mapping[str, str], states: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    match s:
        case Load() | Store() | Accumulate():
            return (register(buffers[s.buffer]),)
        case LoadTuple(names):
            return (register(buffers[s.buffer]),) * len(names)
        case StoreTuple(_, _, values):
            return (register(buffers[s.buffer]),) * len(values)
        case Let() | Index():
            return (s.dtype,)
        case Fold() | Merge() | Get() | Put() | Init():
            return states[s.acc]
        case _:
            return ()
