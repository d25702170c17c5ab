"""How an elementwise primitive is made from one row.

`partials(y, x...)` gives the derivative for each operand, None where there is none.  Both directions follow from it:
the vjp multiplies each by the cotangent, the jvp sums each times its tangent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.errors import DTypeError
from graphc.ir.location import user_location
from graphc.ir.ops.batching import batch_elementwise
from graphc.ir.primitive import Case, Operand, Primitive, primitive, register, traits
from graphc.ir.types import FLOATS, Type, broadcast_shapes

Partials = Callable[..., Sequence[Any]]


def elementwise(
    name: str,
    numpy: Callable[..., Any],
    scalar: Callable[..., Any],
    partials: Partials | None = None,
    *,
    dtypes: frozenset[str] = FLOATS,
    result: str | None = None,
    cases: tuple[Case, ...] = (),
    ulp: float = 0.5,
    traits_: str = "",
) -> Primitive:
    """Register one.  `result`: element type of the result where it is not the operands'."""

    def infer(*types: Type) -> Type:
        return infer_elementwise(name, dtypes, result, types)

    return register(
        Primitive(
            name,
            infer,
            numpy,
            vjp=partials and vjp_of(partials),
            jvp=partials and jvp_of(partials),
            batch=batch_elementwise(name),
            scalar=scalar,
            cases=cases,
            dtypes=dtypes,
            ulp=ulp,
            traits=traits(f"elementwise pure {traits_}"),
        )
    )


def infer_elementwise(name: str, dtypes: frozenset[str], result: str | None, types: Sequence[Type]) -> Type:
    first = types[0]
    if first.dtype in dtypes and types.count(first) == len(types):
        return first if result is None else Type(result, first.shape)
    found = {t.dtype for t in types}
    if len(found) > 1 or not found <= dtypes:
        raise DTypeError(
            f"`{name}` does not take these element types",
            expected=f"operands of one type out of {', '.join(t for t in sorted(dtypes))}",
            got=", ".join(map(str, types)),
            fix="convert with x.astype(...)",
            loc=user_location(),
        )
    return Type(result or first.dtype, broadcast_shapes(name, [t.shape for t in types]))


def vjp_of(partials: Partials) -> Callable[..., list[Any]]:
    def vjp(g: Any, y: Any, *xs: Any) -> list[Any]:
        return [None if d is None else times(g, d) for d in partials(y, *xs)]

    return vjp


def jvp_of(partials: Partials) -> Callable[..., Any]:
    def jvp(ts: Sequence[Any], y: Any, *xs: Any) -> Any:
        terms = [times(t, d) for t, d in zip(ts, partials(y, *xs), strict=True) if t is not None and d is not None]
        total = None
        for term in terms:
            total = term if total is None else primitive("add")(total, term)
        return total

    return jvp


def times(g: Any, d: Any) -> Any:
    """g * d, where d may be the numbers 1 and -1."""
    if isinstance(d, int | float):
        if d == 1:
            return g
        if d == -1:
            return primitive("neg")(g)
    return primitive("mul")(g, d)


# --------------------------------------------------------------------------------------------------------- cases


def unary(low: float = -2.0, high: float = 2.0) -> tuple[Case, ...]:
    return tuple(Case((Operand(s, low, high),)) for s in ((), (5,), (3, 17), (0, 2)))


def binary(
    low: float = -2.0, high: float = 2.0, low2: float | None = None, high2: float | None = None
) -> tuple[Case, ...]:
    a, b = (low, high), (low if low2 is None else low2, high if high2 is None else high2)
    shapes = (((), ()), ((7,), (7,)), ((3, 17), (17,)), ((3, 1), (1, 5)), ((2, 0), (1,)), ((), (4, 3)))
    return tuple(Case((Operand(s, *a), Operand(t, *b))) for s, t in shapes)
