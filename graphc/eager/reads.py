"""Which values the derivative of an operation reads, so that the tape keeps no others.

The rules say so themselves: they are run once per operation on probes, which have a type, compute nothing and note
every operand that takes part in an operation.  `exp` reads its result, `mul` its operands, `add` nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.ir.primitive import Primitive, type_of
from graphc.ir.types import FLOATS, Type

_known: dict[tuple[Primitive, int], tuple[int, ...]] = {}


def unread(op: Primitive, attrs: dict[str, Any], values: Sequence[Any]) -> tuple[int, ...]:
    """Which of the values, the result and then the operands, neither the vjp nor the jvp rule reads.

    Found at the first call with that many operands and remembered: it depends on the operation, not on shapes.
    """
    key = (op, len(values))
    known = _known.get(key)
    if known is None:
        known = _known[key] = _probe(op, attrs, [type_of(v) for v in values])
    return known


class _Probe:
    """A value without numbers.  `place` is its position among the saved values, None for what is derived from them."""

    __slots__ = ("noted", "place", "type")

    def __init__(self, type_: Type, noted: set[int], place: int | None = None) -> None:
        self.type = type_
        self.noted = noted
        self.place = place

    @classmethod
    def __graphc_bind__(cls, op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> _Probe:
        probes = [a for a in args if isinstance(a, _Probe)]
        noted = probes[0].noted
        noted.update(p.place for p in probes if p.place is not None)
        number = Type(probes[0].type.dtype)
        types = [number if isinstance(a, bool | int | float) else type_of(a) for a in args]
        return _Probe(op.infer(*types, **attrs), noted)


def _probe(op: Primitive, attrs: dict[str, Any], types: Sequence[Type]) -> tuple[int, ...]:
    assert op.vjp is not None and op.jvp is not None
    noted: set[int] = set()
    y, *xs = (_Probe(t, noted, place) for place, t in enumerate(types))
    op.vjp(_Probe(y.type, noted), y, *xs, **attrs)
    op.jvp([_Probe(x.type, noted) if x.type.dtype in FLOATS else None for x in xs], y, *xs, **attrs)
    return tuple(place for place in range(len(types)) if place not in noted)
