"""Which values the derivative of an operation reads, so that the tape keeps no others.

The rules say so themselves: they are run once per operation on probes, which have a type, compute nothing and note what
they are derived from.  `exp` reads its result, `add` nothing, `mul` for each operand that wants a gradient the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.ir.primitive import Primitive, type_of
from graphc.ir.types import FLOATS, Type

_known: dict[tuple[Primitive, int, int], tuple[int, ...]] = {}


def unread(op: Primitive, attrs: dict[str, Any], values: Sequence[Any], wanted: int) -> tuple[int, ...]:
    """Which of the values, the result and then the operands, neither the vjp nor the jvp rule reads.

    `wanted` has a bit per operand, the last one lowest: whether its gradient is asked for.  Found at the first call of
    the kind and remembered: it does not depend on shapes.  A user's rule is not asked: it may read everything.
    """
    key = (op, len(values), wanted)
    known = _known.get(key)
    if known is None:
        custom = "custom" in op.traits
        known = _known[key] = () if custom else _probe(op, attrs, [type_of(v) for v in values], wanted)
    return known


class _Probe:
    """A value without numbers.  `places` are those of the saved values that it is derived from."""

    __slots__ = ("places", "type")

    def __init__(self, type_: Type, *places: int) -> None:
        self.type = type_
        self.places = frozenset(places)

    @classmethod
    def __graphc_bind__(cls, op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> _Probe:
        probes = [a for a in args if isinstance(a, _Probe)]
        return _Probe(inferred(op, args, attrs), *(p for probe in probes for p in probe.places))


def inferred(op: Primitive, args: Sequence[Any], attrs: dict[str, Any]) -> Type:
    """The type of a result; Python numbers among the operands have that of the others."""
    number = Type(next(type_of(a).dtype for a in args if not isinstance(a, _NUMBERS)))
    return op.infer(*(number if isinstance(a, _NUMBERS) else type_of(a) for a in args), **attrs)


_NUMBERS = (bool, int, float)


def _probe(op: Primitive, attrs: dict[str, Any], types: Sequence[Type], wanted: int) -> tuple[int, ...]:
    assert op.vjp is not None and op.jvp is not None
    y, *xs = (_Probe(t, place) for place, t in enumerate(types))
    asked = [bool(wanted >> k & 1) for k in reversed(range(len(xs)))]
    tangents = [_Probe(x.type) if a and x.type.dtype in FLOATS else None for x, a in zip(xs, asked, strict=True)]
    parts = op.vjp(_Probe(y.type), y, *xs, **attrs)
    results = [p for p, a in zip(parts, asked, strict=True) if a] + [op.jvp(tangents, y, *xs, **attrs)]
    read = {place for r in results if isinstance(r, _Probe) for place in r.places}
    return tuple(place for place in range(len(types)) if place not in read)
