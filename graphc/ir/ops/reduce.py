"""Reductions over a sorted tuple of axes, which disappear from the shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import AxisError, DTypeError, ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops.arithmetic import cast, div, mul, sub
from graphc.ir.ops.batching import Rule, batch_only_operand, shifted
from graphc.ir.ops.logic import eq, select
from graphc.ir.ops.shape import expand, reshape
from graphc.ir.poly import Poly
from graphc.ir.primitive import Case, Operand, Primitive, constant_like, register, traits, type_of
from graphc.ir.types import BOOL, NUMBERS, Shape, Type

Axes = tuple[int, ...]


def _infer(name: str, dtypes: frozenset[str], result: str | None) -> Callable[..., Type]:
    def infer(x: Type, *, axes: Axes) -> Type:
        if list(axes) != sorted(set(axes)) or any(not 0 <= a < x.ndim for a in axes):
            raise AxisError(
                f"`{name}` reduces over distinct axes of its operand",
                expected=f"sorted axes in 0..{x.ndim - 1}",
                got=f"{axes} for {x}",
                loc=user_location(),
            )
        if x.dtype not in dtypes:
            raise DTypeError(f"`{name}` is not defined for {x.dtype}", got=str(x), loc=user_location())
        return Type(result or x.dtype, kept_shape(x.shape, axes))

    return infer


def kept_shape(shape: Shape, axes: Axes) -> Shape:
    return tuple(e for n, e in enumerate(shape) if n not in axes)


def restore(y: Any, shape: Shape, axes: Axes) -> Any:
    """Put reduced axes back, by repetition."""
    ones = tuple(1 if n in axes else e for n, e in enumerate(shape))
    return expand(reshape(y, shape=ones), shape=shape)


def _loops(monoid: str, component: int = 0) -> Callable[..., Any]:
    """Fold the operand (and the position, for arg-reductions) over fresh axes."""

    def loops(k: Any, index: Sequence[Poly], x: Any, *, axes: Axes) -> Any:
        new = k.axes([x.shape[a] for a in axes])
        inner, over, kept = [], iter(new), iter(index)
        for n in range(len(x.shape)):
            inner.append(next(over) if n in axes else next(kept))
        if not component:
            return k.reduce(monoid, new, k.at(x, inner))[0]
        narrow = isinstance(x.shape[axes[0]], int) and x.shape[axes[0]] < 1 << 31  # twice the lanes of an i64
        place = k.position(new[0], "i32" if narrow else "i64")
        found = k.reduce(monoid, new, k.at(x, inner), place)[component]
        return k.op("cast", "i64", found) if narrow else found

    return loops


def _batch(name: str) -> Rule:
    return batch_only_operand(name, lambda x, *, axes: {"axes": shifted(axes)})


_CASES = tuple(
    Case((Operand(shape),), {"axes": axes})
    for shape, axes in (
        ((7,), (0,)), ((3, 17), (1,)), ((3, 17), (0,)), ((3, 17), (0, 1)), ((2, 3, 5), (0, 2)), ((2, 3, 5), (1,)),
        ((3, 0), (0,)),
    )
)  # fmt: skip
_EMPTY = (Case((Operand((3, 0)),), {"axes": (1,)}), Case((Operand((3,)),), {"axes": ()}))


# ----------------------------------------------------------------------------------------------------- gradients


def _sum_vjp(g: Any, y: Any, x: Any, *, axes: Axes) -> list[Any]:
    return [restore(g, type_of(x).shape, axes)]


def _winners(y: Any, x: Any, axes: Axes) -> tuple[Any, Any]:
    """1 where x is the extreme value, else 0, and how many there are."""
    shape = type_of(x).shape
    mask = cast(eq(x, restore(y, shape, axes)), dtype=type_of(x).dtype)
    return mask, sum_(mask, axes=axes)


def _extreme_vjp(g: Any, y: Any, x: Any, *, axes: Axes) -> list[Any]:
    """Equals share the cotangent evenly (torch.amax)."""
    mask, count = _winners(y, x, axes)
    return [mul(mask, restore(div(g, count), type_of(x).shape, axes))]


def _extreme_jvp(ts: Sequence[Any], y: Any, x: Any, *, axes: Axes) -> Any:
    mask, count = _winners(y, x, axes)
    return div(sum_(mul(mask, ts[0]), axes=axes), count)


def _prod_partial(x: Any, axes: Axes) -> Any:
    """The product of all the other items, right with zeros among them: nothing is divided by a zero.

    Zeros are symbols here, so that the derivatives of this are right too: with one zero z the product of the others is
    z itself elsewhere, and with two it is for each the other one, their sum without it.
    """
    shape, one, zero = type_of(x).shape, constant_like(1, x), constant_like(0, x)
    is_zero = eq(x, zero)
    safe, zeros = select(is_zero, one, x), select(is_zero, x, zero)
    nonzero = restore(prod(safe, axes=axes), shape, axes)
    count = restore(sum_(cast(is_zero, dtype=type_of(x).dtype), axes=axes), shape, axes)
    single = restore(sum_(zeros, axes=axes), shape, axes)
    at_zero = select(eq(count, one), one, select(eq(count, constant_like(2, x)), sub(single, zeros), zero))
    elsewhere = select(eq(count, zero), one, select(eq(count, one), single, zero))
    return mul(div(nonzero, safe), select(is_zero, at_zero, elsewhere))


def _prod_vjp(g: Any, y: Any, x: Any, *, axes: Axes) -> list[Any]:
    return [mul(restore(g, type_of(x).shape, axes), _prod_partial(x, axes))]


def _prod_jvp(ts: Sequence[Any], y: Any, x: Any, *, axes: Axes) -> Any:
    return sum_(mul(ts[0], _prod_partial(x, axes)), axes=axes)


# ---------------------------------------------------------------------------------------------------- primitives


def _reduction(name: str, numpy: np.ufunc, dtypes: frozenset[str], **rules: Any) -> Primitive:
    def reference(x: Any, *, axes: Axes) -> Any:
        x = np.asarray(x)
        return np.asarray(numpy.reduce(x, axis=axes, dtype=x.dtype)) if axes else x

    rules = {"loops": _loops(name), "batch": _batch(name), "cases": _CASES, "traits": traits("pure reduction"), **rules}
    return register(Primitive(name, _infer(name, dtypes, None), reference, dtypes=dtypes, **rules))


sum_: Primitive = _reduction(
    "sum", np.add, NUMBERS, vjp=_sum_vjp, jvp=lambda ts, y, x, *, axes: sum_(ts[0], axes=axes),
    cases=_CASES + _EMPTY, traits=traits("pure reduction linear"), ulp=4,
)  # fmt: skip
prod: Primitive = _reduction("prod", np.multiply, NUMBERS, vjp=_prod_vjp, jvp=_prod_jvp, cases=_CASES + _EMPTY, ulp=8)
amax: Primitive = _reduction("max", np.maximum, NUMBERS, vjp=_extreme_vjp, jvp=_extreme_jvp)
amin: Primitive = _reduction("min", np.minimum, NUMBERS, vjp=_extreme_vjp, jvp=_extreme_jvp)
any_: Primitive = _reduction("any", np.logical_or, BOOL, cases=_CASES + _EMPTY)
all_: Primitive = _reduction("all", np.logical_and, BOOL, cases=_CASES + _EMPTY)


def _arg_infer(name: str) -> Callable[..., Type]:
    whole = _infer(name, NUMBERS, "i64")

    def infer(x: Type, *, axes: Axes) -> Type:
        y = whole(x, axes=axes)
        if len(axes) != 1:
            raise AxisError(f"`{name}` reduces over one axis", got=str(axes), fix="reshape first", loc=user_location())
        if x.shape[axes[0]] == 0:
            raise ShapeError(
                f"`{name}` of no items", expected="an extent of 1 or more", got=str(x), loc=user_location()
            )
        return y

    return infer


def _arg(name: str, numpy: Callable[..., Any]) -> Primitive:
    cases = tuple(c for c in _CASES if len(c.attrs["axes"]) == 1 and c.operands[0].shape[c.attrs["axes"][0]])
    return register(
        Primitive(
            name, _arg_infer(name), lambda x, *, axes: np.asarray(numpy(x, axis=axes[0])).astype(np.int64),
            loops=_loops(name, 1), batch=_batch(name), cases=cases, dtypes=NUMBERS, traits=traits("pure reduction"),
        )
    )  # fmt: skip


argmax = _arg("argmax", np.argmax)
argmin = _arg("argmin", np.argmin)

__all__ = ["all_", "amax", "amin", "any_", "argmax", "argmin", "kept_shape", "prod", "restore", "sum_"]
