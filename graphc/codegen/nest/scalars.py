"""The meaning of a scalar operation of a nest: the `scalar` rule of a primitive, or a call of the builder protocol.

One function serves every builder, so the interpreter and the native code follow the same rule.  A builder also makes
constants for it: `b.number(value, dtype)` is a scalar of a given type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.ir.primitive import PRIMITIVES


def apply_scalar(b: Any, op: str, args: Sequence[Any], dtype: str) -> Any:
    """op(args) as a value of type `dtype`; an argument is a value of the builder or a number."""
    if op == "cast":
        return b.cast(args[0], dtype)
    if op == "to_half":
        return b.cast(b.cast(args[0], "f16"), "f32")
    if op == "const":
        return b.number(args[0], dtype)
    if op == "wrap":
        return wrap(b, *args)
    known = PRIMITIVES.get(op)
    return known.scalar(b, *args) if known and known.scalar else getattr(b, op)(*args)


def wrap(b: Any, index: Any, bound: Any) -> Any:
    """A position in [0, bound) for an i64: negative values count from the end, all others are clamped.

    An empty range gives 0, which no guarded load reads.
    """
    from_end = b.select(b.lt(index, 0), b.add(index, bound), index)
    return b.maximum(b.minimum(from_end, b.sub(bound, 1) if not isinstance(bound, int) else bound - 1), 0)
