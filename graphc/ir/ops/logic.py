"""Comparison, logic, bits, and choice between two values."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import DTypeError
from graphc.ir.location import user_location
from graphc.ir.ops.batching import batch_elementwise
from graphc.ir.ops.elementwise import binary, elementwise, times, unary
from graphc.ir.primitive import Case, Operand, Primitive, constant_like, register, traits
from graphc.ir.types import ALL, BOOL, INTEGERS, NUMBERS, Type, broadcast_shapes

_WHOLE = BOOL | INTEGERS

eq: Primitive = elementwise(
    "eq", np.equal, lambda b, x, y: b.eq(x, y), dtypes=ALL, result="bool", cases=binary(), traits_="commutative"
)
ne: Primitive = elementwise(
    "ne", np.not_equal, lambda b, x, y: b.ne(x, y), dtypes=ALL, result="bool", cases=binary(), traits_="commutative"
)
lt: Primitive = elementwise("lt", np.less, lambda b, x, y: b.lt(x, y), dtypes=ALL, result="bool", cases=binary())
le: Primitive = elementwise("le", np.less_equal, lambda b, x, y: b.le(x, y), dtypes=ALL, result="bool", cases=binary())
gt: Primitive = elementwise("gt", np.greater, lambda b, x, y: b.gt(x, y), dtypes=ALL, result="bool", cases=binary())
ge: Primitive = elementwise(
    "ge", np.greater_equal, lambda b, x, y: b.ge(x, y), dtypes=ALL, result="bool", cases=binary()
)
isnan: Primitive = elementwise("isnan", np.isnan, lambda b, x: b.isnan(x), result="bool", cases=unary())

and_: Primitive = elementwise(
    "and", np.bitwise_and, lambda b, x, y: b.and_(x, y), dtypes=_WHOLE, cases=binary(0, 9), traits_="commutative"
)
or_: Primitive = elementwise(
    "or", np.bitwise_or, lambda b, x, y: b.or_(x, y), dtypes=_WHOLE, cases=binary(0, 9), traits_="commutative"
)
xor: Primitive = elementwise(
    "xor", np.bitwise_xor, lambda b, x, y: b.xor(x, y), dtypes=_WHOLE, cases=binary(0, 9), traits_="commutative"
)
not_: Primitive = elementwise("not", np.invert, lambda b, x: b.not_(x), dtypes=_WHOLE, cases=unary(0, 9))
shl: Primitive = elementwise(
    "shl", np.left_shift, lambda b, x, y: b.shl(x, y), dtypes=INTEGERS, cases=binary(0, 9, 0, 6)
)
shr: Primitive = elementwise(
    "shr", np.right_shift, lambda b, x, y: b.shr(x, y), dtypes=INTEGERS, cases=binary(-9, 99, 0, 6)
)


def _shares(loses: Any, ties: Any, like: Any) -> Any:
    """Who does not lose takes the cotangent, equals half of it each; beside a NaN nobody loses (PyTorch's rule)."""
    rest = select(loses, constant_like(0, like), constant_like(1, like))
    return select(ties, constant_like(0.5, like), rest)


maximum: Primitive = elementwise(
    "maximum", np.maximum, lambda b, x, y: b.maximum(x, y),
    lambda z, x, y: (_shares(lt(x, y), eq(x, y), z), _shares(lt(y, x), eq(x, y), z)),
    dtypes=NUMBERS, cases=binary(), traits_="commutative",
)  # fmt: skip
minimum: Primitive = elementwise(
    "minimum", np.minimum, lambda b, x, y: b.minimum(x, y),
    lambda z, x, y: (_shares(gt(x, y), eq(x, y), z), _shares(gt(y, x), eq(x, y), z)),
    dtypes=NUMBERS, cases=binary(), traits_="commutative",
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------ select


def _select_infer(c: Type, x: Type, y: Type) -> Type:
    if c.dtype != "bool" or x.dtype != y.dtype:
        raise DTypeError(
            "`select` chooses between two tensors of one type",
            expected="bool, T, T",
            got=f"{c}, {x}, {y}",
            fix="compare to get a condition (x != 0), convert with x.astype(...)",
            loc=user_location(),
        )
    return Type(x.dtype, broadcast_shapes("select", [c.shape, x.shape, y.shape]))


def _select_vjp(g: Any, z: Any, c: Any, x: Any, y: Any) -> list[Any]:
    return [None, mask(c, g), mask(not_(c), g)]


def _select_jvp(ts: Any, z: Any, c: Any, x: Any, y: Any) -> Any:
    _, t, u = ts
    zero = times(constant_like(0, z), 1)
    return select(c, zero if t is None else t, zero if u is None else u)


def _select_cases() -> tuple[Case, ...]:
    shapes = (((), (), ()), ((3, 17), (3, 17), (3, 17)), ((3, 1), (5,), ()), ((0,), (0,), (1,)))
    return tuple(Case((Operand(c, 0, 1, "bool"), Operand(x), Operand(y))) for c, x, y in shapes)


select: Primitive = register(
    Primitive(
        "select", _select_infer, np.where, _select_vjp, _select_jvp, batch_elementwise("select"),
        scalar=lambda b, c, x, y: b.select(c, x, y), cases=_select_cases(), traits=traits("elementwise pure"),
    )
)  # fmt: skip


# -------------------------------------------------------------------------------------------------------- mask


def _mask_infer(c: Type, g: Type) -> Type:
    return _select_infer(c, g, g)


def _mask_numpy(c: Any, g: Any) -> Any:
    return np.where(c, g, g.dtype.type(0))


def _mask_cases() -> tuple[Case, ...]:
    shapes = (((), ()), ((3, 17), (3, 17)), ((3, 1), (5,)), ((0,), (1,)))
    return tuple(Case((Operand(c, 0, 1, "bool"), Operand(x))) for c, x in shapes)


mask: Primitive = register(
    Primitive(
        "mask", _mask_infer, _mask_numpy,
        vjp=lambda g, z, c, x: [None, mask(c, g)],
        jvp=lambda ts, z, c, x: None if ts[1] is None else mask(c, ts[1]),
        batch=batch_elementwise("mask"),
        scalar=lambda b, c, g: b.select(c, g, 0),
        cases=_mask_cases(), dtypes=NUMBERS, traits=traits("elementwise pure"),
    )
)  # fmt: skip
"""The cotangent of a branch: g where the condition holds, and absent elsewhere.

It computes `select(c, g, 0)` but says more: that zero stays zero whatever it is multiplied by.  The pass safe_where
relies on it to move masks behind such products, and graphc.eager.absent on the tape, so that a NaN of the branch not
taken never reaches a gradient; of a user's own `where(c, x, 0) * y` they must not, and do not, think so."""
