"""Cotangents that are absent in places: what `where` sends to the branch that it did not take.

A zero in their place would not do: times an infinite slope it is NaN.  So the condition travels beside the numbers, and
is applied last, when no factor can come after it.  The pass safe_where does the same to a graph; here it happens while
a backward pass runs, for the transformations (`graphc.grad` and its kin).  `backward` and `eager.grad` do as PyTorch.
A matrix product ends it in both: what it adds up is present.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from graphc.eager.node import LeftOut
from graphc.ir.ops.arithmetic import add, cast, div, mul, neg
from graphc.ir.ops.index import gather, scatter_add
from graphc.ir.ops.logic import gt, mask, or_, select
from graphc.ir.ops.reduce import any_, sum_
from graphc.ir.ops.shape import expand, flip, pad, permute, reshape, slice_
from graphc.ir.primitive import Primitive, constant_like
from graphc.ir.types import Shape, Type, short_dtype

MASKING = frozenset({select, mask})
"""The operations whose rules make such cotangents."""


class Cotangent:
    """Numbers, and where they are present (None: everywhere).  The rules of operations compute with it."""

    __slots__ = ("present", "value")

    def __init__(self, value: Any, present: Any = None) -> None:
        self.value = value
        self.present = present

    @property
    def plain(self) -> Any:
        """Zeros where it is absent."""
        return self.value if self.present is None else mask(self.present, plain(self.value))

    @property
    def shape(self) -> Shape:
        return tuple(self.value.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.value.dtype
        return dtype

    @property
    def type(self) -> Type:
        return Type(short_dtype(self.dtype), self.shape)

    @staticmethod
    def __graphc_bind__(op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
        rule = _RULES.get(op)
        result = rule(op, args, attrs) if rule is not None else None
        return op(*map(plain, args), **attrs) if result is None else result


def plain(g: Any) -> Any:
    return g.plain if isinstance(g, Cotangent) else g


# ---------------------------------------------------------------------------------- operations that keep it apart

_Rule: TypeAlias = Callable[[Primitive, tuple[Any, ...], dict[str, Any]], Any]
"""A cotangent, or None: the operation takes plain numbers."""


def _masked(op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Cotangent:
    """mask(c, g): absent where c does not hold; where g is absent already it stays so inside."""
    condition, g = args
    return Cotangent(g.value if g.present is None else g, condition)


def _product(op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """g * t, t * g, g / t."""
    left, right = args
    if isinstance(left, Cotangent) and not isinstance(right, Cotangent):
        return _under(left, lambda g: op(g, right))
    if op is mul and isinstance(right, Cotangent) and not isinstance(left, Cotangent):
        return _under(right, lambda g: op(left, g))
    return None


def _linear(op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    return _under(args[0], lambda g: op(g, **attrs))


def _under(g: Cotangent, then: Callable[[Any], Any]) -> Any:
    """`then` of the numbers, present where g is."""
    value = then(g.value)
    return value if isinstance(value, LeftOut) else Cotangent(value, g.present)


def _view(op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """A view, or a choice by indices."""
    g, *indices = args
    if g.present is None or attrs.get("value"):
        return None
    return Cotangent(op(g.value, *indices, **attrs), op(_whole(g), *indices, **attrs))


def _whole(g: Cotangent) -> Any:
    """Where it is present, in its own shape."""
    return g.present if g.present.shape == g.shape else expand(g.present, shape=g.shape)


def _sum(op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """A sum of absent terms is absent; where some are present, the others count as zeros."""
    (g,) = args
    return None if g.present is None else Cotangent(op(g.plain, **attrs), any_(_whole(g), **attrs))


def _scattered(op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """Present where one of the terms is."""
    g, *indices = args
    if g.present is None:
        return None
    count = op(cast(_whole(g), dtype="f32"), *indices, **attrs)
    return Cotangent(op(g.plain, *indices, **attrs), gt(count, constant_like(0, count)))


def _added(op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Any:
    """Absent where both terms are."""
    a, b = args
    if any(not isinstance(x, Cotangent) or x.present is None for x in args):
        return None
    return Cotangent(op(a.plain, b.plain), or_(a.present, b.present))


_RULES: dict[Primitive, _Rule] = {
    mask: _masked,
    mul: _product,
    div: _product,
    neg: _linear,
    cast: _linear,
    sum_: _sum,
    add: _added,
    scatter_add: _scattered,
    **dict.fromkeys((reshape, expand, permute, slice_, flip, pad, gather), _view),
}
