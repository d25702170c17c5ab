"""Running sums, products and extremes, and linear recurrences, along one axis.

`reverse` runs from the end of the axis to its beginning.  `exclusive` gives, at each place, the result of all items
before it: its own item is left out, and the first place has the identity.

All derivatives are scans again, and none divides: they are right with zeros among the factors, to every order.
Martin and Cundy, "Parallelizing Linear Recurrent Neural Nets Over Sequence Length" (2018), appendix B, has those of the
recurrence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import AxisError, DTypeError, ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops.along import gather_along, position, scatter_along
from graphc.ir.ops.arithmetic import add, mul
from graphc.ir.ops.batching import all_mapped
from graphc.ir.ops.logic import eq, ne, or_, select
from graphc.ir.ops.shape import pad, slice_
from graphc.ir.primitive import Case, Operand, Primitive, constant_like, register, traits, type_of
from graphc.ir.types import FLOATS, NUMBERS, Type


def _check(name: str, dtypes: frozenset[str], x: Type, axis: int) -> None:
    if not 0 <= axis < x.ndim:
        raise AxisError(
            f"`{name}` runs along one axis of its operand",
            expected=f"an axis in 0..{x.ndim - 1}" if x.ndim else "an operand with an axis",
            got=f"{axis} for {x}",
            loc=user_location(),
        )
    if x.dtype not in dtypes:
        raise DTypeError(f"`{name}` is not defined for {x.dtype}", got=str(x), loc=user_location())


def _infer(name: str) -> Callable[..., Type]:
    def infer(x: Type, *, axis: int, **_: bool) -> Type:
        _check(name, NUMBERS, x, axis)
        return x

    return infer


def _batch(name: str) -> Callable[..., Any]:
    def batch(mapped: Sequence[bool], *xs: Any, axis: int, **attrs: bool) -> Any:
        return _SCANS[name](*all_mapped(mapped, xs), axis=axis + 1, **attrs)

    return batch


def _delayed(y: Any, axis: int, first: Any) -> Any:
    """Moved by one place towards the end."""
    head, start = np.delete(y, -1, axis), np.full_like(np.take(y, [0], axis), first)
    return np.concatenate([start, head], axis)


def _directed(scan: Callable[..., Any], xs: Sequence[Any], axis: int, reverse: bool) -> Any:
    """A scan of arrays from the end where it is a reverse one."""
    if not reverse:
        return scan(*xs)
    return np.ascontiguousarray(np.flip(scan(*(np.flip(x, axis) for x in xs)), axis))


def _reference(ufunc: np.ufunc, identity: int) -> Callable[..., Any]:
    def reference(x: Any, *, axis: int, reverse: bool, exclusive: bool = False) -> Any:
        def scan(x: Any) -> Any:
            y = ufunc.accumulate(x, axis, dtype=x.dtype)
            return _delayed(y, axis, identity) if exclusive and y.shape[axis] else y

        return _directed(scan, [np.asarray(x)], axis, reverse)

    return reference


_SHAPES = (((7,), 0), ((3, 17), 1), ((3, 17), 0), ((2, 3, 5), 1), ((3, 0), 1), ((3, 0), 0), ((2, 70), 1), ((70, 2), 0))


def _cases(*flags: str, operands: int = 1, long: bool = True) -> tuple[Case, ...]:
    """All flags off on every shape; on a few shapes each alone, and all of them."""
    off = dict.fromkeys(flags, False)
    plain = [Case((Operand(s),) * operands, {"axis": a} | off) for s, a in _SHAPES if long or max(s) < 70]
    some = [off | {f: True} for f in flags] + ([dict.fromkeys(flags, True)] if len(flags) > 1 else [])
    return (*plain, *(Case((Operand(s),) * operands, {"axis": a} | on) for s, a in _SHAPES[1:5] for on in some))


# ------------------------------------------------------------------------------------------------------ recurrence


def _recurrence_infer(a: Type, b: Type, *, axis: int, reverse: bool, exclusive: bool) -> Type:
    _check("recurrence", FLOATS, b, axis)
    if a != b:
        raise ShapeError(
            "`recurrence`: a factor and a term for every item", expected=str(b), got=str(a), loc=user_location()
        )
    return b


def _recurrence_numpy(a: Any, b: Any, *, axis: int, reverse: bool, exclusive: bool) -> Any:
    def scan(a: Any, b: Any) -> Any:
        y = np.empty(b.shape, b.dtype)
        factors, terms, rows = (np.moveaxis(x, axis, 0) for x in (a, b, y))
        state = np.zeros(terms.shape[1:], b.dtype)
        for k in range(len(rows)):
            before, state = state, factors[k] * state + terms[k]
            rows[k] = before if exclusive else state
        return y

    return _directed(scan, [np.asarray(a), np.asarray(b)], axis, reverse)


def delayed(y: Any, first: float, axis: int, *, reverse: bool = False) -> Any:
    """Moved by one place in the direction of a scan."""
    shape = type_of(y).shape
    none = (0,) * len(shape)
    one = tuple(int(k == axis) for k in range(len(shape)))
    longer = pad(y, low=none if reverse else one, high=one if reverse else none, value=first)
    return slice_(longer, starts=one if reverse else none, sizes=shape, steps=(1,) * len(shape))


def _before(y: Any, identity: float, axis: int, reverse: bool, exclusive: bool) -> Any:
    """The state that each item found."""
    return y if exclusive else delayed(y, identity, axis, reverse=reverse)


def _pulled(g: Any, a: Any, axis: int, reverse: bool, exclusive: bool) -> Any:
    """The cotangents of the states: the recurrence of the cotangents of the results, the other way round."""
    later = recurrence(a, g if exclusive else mul(a, g), axis=axis, reverse=not reverse, exclusive=True)
    return later if exclusive else add(g, later)


def _recurrence_vjp(g: Any, y: Any, a: Any, b: Any, *, axis: int, reverse: bool, exclusive: bool) -> list[Any]:
    state = _pulled(g, a, axis, reverse, exclusive)
    return [mul(state, _before(y, 0.0, axis, reverse, exclusive)), state]


def _recurrence_jvp(ts: Sequence[Any], y: Any, a: Any, b: Any, *, axis: int, reverse: bool, exclusive: bool) -> Any:
    da, db = ts
    term = None if da is None else mul(da, _before(y, 0.0, axis, reverse, exclusive))
    term = db if term is None else term if db is None else add(term, db)
    return recurrence(a, term, axis=axis, reverse=reverse, exclusive=exclusive)


recurrence: Primitive = register(
    Primitive(
        "recurrence", _recurrence_infer, _recurrence_numpy, _recurrence_vjp, _recurrence_jvp, _batch("recurrence"),
        cases=_cases("reverse", "exclusive", operands=2, long=False), dtypes=FLOATS, ulp=8,
        traits=traits("pure library"),
    )
)  # fmt: skip
"""y[i] = a[i] * y[i - 1] + b[i], with y[-1] = 0."""


# ----------------------------------------------------------------------------------------------- sums and products


def _linear(ts: Sequence[Any], y: Any, x: Any, **attrs: Any) -> Any:
    return cumsum(ts[0], **attrs)


cumsum: Primitive = register(
    Primitive(
        "cumsum", _infer("cumsum"), _reference(np.add, 0), jvp=_linear, batch=_batch("cumsum"),
        vjp=lambda g, y, x, *, axis, reverse, exclusive: [
            cumsum(g, axis=axis, reverse=not reverse, exclusive=exclusive)
        ],
        cases=_cases("reverse", "exclusive"), dtypes=NUMBERS, ulp=4, traits=traits("pure linear library"),
    )
)  # fmt: skip


def _cumprod_vjp(g: Any, y: Any, x: Any, *, axis: int, reverse: bool, exclusive: bool) -> list[Any]:
    """y[i] = x[i] * y[i - 1]: a recurrence without terms, whose state is never 0 before the first item."""
    state = _pulled(g, x, axis, reverse, exclusive)
    return [mul(state, _before(y, 1.0, axis, reverse, exclusive))]


def _cumprod_jvp(ts: Sequence[Any], y: Any, x: Any, *, axis: int, reverse: bool, exclusive: bool) -> Any:
    term = mul(ts[0], _before(y, 1.0, axis, reverse, exclusive))
    return recurrence(x, term, axis=axis, reverse=reverse, exclusive=exclusive)


cumprod: Primitive = register(
    Primitive(
        "cumprod", _infer("cumprod"), _reference(np.multiply, 1), _cumprod_vjp, _cumprod_jvp, _batch("cumprod"),
        cases=_cases("reverse", "exclusive", long=False), dtypes=NUMBERS, ulp=24, traits=traits("pure library"),
    )
)  # fmt: skip


# -------------------------------------------------------------------------------------------------------- extremes


def extreme_position(y: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    """Where the running extreme y of x was found; the latest place of equals and of NaN, as torch.cummax has it."""
    found = eq(x, y)
    if type_of(x).dtype in FLOATS:
        found = or_(found, ne(x, x))
    here = position(x, axis)
    beyond = constant_like(np.iinfo(np.int64).max if reverse else 0, here)  # the first item is always found
    return (cummin if reverse else cummax)(select(found, here, beyond), axis=axis, reverse=reverse)


def _extreme_vjp(g: Any, y: Any, x: Any, *, axis: int, reverse: bool) -> list[Any]:
    where = extreme_position(y, x, axis=axis, reverse=reverse)
    return [scatter_along(g, where, axis, type_of(x).shape)]


def _extreme_jvp(ts: Sequence[Any], y: Any, x: Any, *, axis: int, reverse: bool) -> Any:
    return gather_along(ts[0], extreme_position(y, x, axis=axis, reverse=reverse), axis)


def _extreme(name: str, ufunc: np.ufunc) -> Primitive:
    return register(
        Primitive(
            name, _infer(name), _reference(ufunc, 0), _extreme_vjp, _extreme_jvp, _batch(name),
            cases=_cases("reverse"), dtypes=NUMBERS, traits=traits("pure library"),
        )
    )  # fmt: skip


cummax, cummin = _extreme("cummax", np.maximum), _extreme("cummin", np.minimum)

_SCANS: dict[str, Primitive] = {p.name: p for p in (recurrence, cumsum, cumprod, cummax, cummin)}

__all__ = ["cummax", "cummin", "cumprod", "cumsum", "delayed", "extreme_position", "recurrence"]
