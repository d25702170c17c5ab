"""Arithmetic, rounding, sign, and conversion of element types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import DTypeError
from graphc.ir.location import user_location
from graphc.ir.ops.batching import batch_elementwise
from graphc.ir.ops.elementwise import binary, elementwise, unary
from graphc.ir.primitive import Case, Operand, Primitive, constant_like, register, traits, type_of
from graphc.ir.types import ALL, FLOATS, NUMBERS, UNSIGNED, Type, numpy_dtype


def _quiet(f: Callable[..., Any]) -> Callable[..., Any]:
    """NumPy's integer division without its warnings: x // 0 is 0, MIN // -1 wraps."""

    def divide(x: Any, y: Any) -> Any:
        with np.errstate(all="ignore"):
            return f(x, y)

    return divide


def _scalar_sign(b: Any, x: Any) -> Any:
    """1 above zero, -1 below, 0.0 for zeros of either sign, and NaN."""
    rest = x if x.dtype in UNSIGNED else b.select(b.lt(x, 0), b.const(-1, x), b.add(x, 0))
    return b.select(b.gt(x, 0), b.const(1, x), rest)


add: Primitive = elementwise(
    "add", np.add, lambda b, x, y: b.add(x, y), lambda z, x, y: (1, 1),
    dtypes=NUMBERS, cases=binary(), traits_="commutative linear",
)  # fmt: skip
sub: Primitive = elementwise(
    "sub", np.subtract, lambda b, x, y: b.sub(x, y), lambda z, x, y: (1, -1),
    dtypes=NUMBERS, cases=binary(), traits_="linear",
)  # fmt: skip
mul: Primitive = elementwise(
    "mul", np.multiply, lambda b, x, y: b.mul(x, y), lambda z, x, y: (y, x),
    dtypes=NUMBERS, cases=binary(), traits_="commutative",
)  # fmt: skip
div: Primitive = elementwise(
    "div", np.true_divide, lambda b, x, y: b.div(x, y),
    lambda z, x, y: (div(constant_like(1, y), y), neg(div(z, y))), cases=binary(0.5, 3.0, 0.5, 3.0),
)  # fmt: skip
floordiv: Primitive = elementwise(
    "floordiv", _quiet(np.floor_divide), lambda b, x, y: b.floordiv(x, y), lambda z, x, y: (None, None),
    dtypes=NUMBERS, cases=binary(-9, 9, 1, 4),
)  # fmt: skip
mod: Primitive = elementwise(
    "mod", _quiet(np.remainder), lambda b, x, y: b.mod(x, y), lambda z, x, y: (1, neg(floordiv(x, y))),
    dtypes=NUMBERS, cases=binary(-9, 9, 1.1, 4),
)  # fmt: skip
fmod: Primitive = elementwise(
    "fmod", _quiet(np.fmod), lambda b, x, y: b.rest(x, y), lambda z, x, y: (1, neg(trunc(div(x, y)))),
    dtypes=NUMBERS, cases=binary(-9, 9, 1.1, 4),
)  # fmt: skip
neg: Primitive = elementwise(
    "neg", np.negative, lambda b, x: b.neg(x), lambda y, x: (-1,), dtypes=NUMBERS, cases=unary(), traits_="linear"
)
absolute: Primitive = elementwise(
    "abs", np.absolute, lambda b, x: b.abs(x), lambda y, x: (sign(x),), dtypes=NUMBERS, cases=unary()
)
sign: Primitive = elementwise("sign", np.sign, _scalar_sign, lambda y, x: (None,), dtypes=NUMBERS, cases=unary())
copysign: Primitive = elementwise(
    "copysign", np.copysign, lambda b, x, y: b.copysign(x, y),
    lambda z, x, y: (mul(copysign(constant_like(1, x), x), copysign(constant_like(1, y), y)), None), cases=binary(),
)  # fmt: skip
floor: Primitive = elementwise("floor", np.floor, lambda b, x: b.floor(x), lambda y, x: (None,), cases=unary(-9, 9))
ceil: Primitive = elementwise("ceil", np.ceil, lambda b, x: b.ceil(x), lambda y, x: (None,), cases=unary(-9, 9))
rint: Primitive = elementwise("rint", np.rint, lambda b, x: b.rint(x), lambda y, x: (None,), cases=unary(-9, 9))
trunc: Primitive = elementwise("trunc", np.trunc, lambda b, x: b.trunc(x), lambda y, x: (None,), cases=unary(-9, 9))
stop_gradient: Primitive = elementwise(
    "stop_gradient", np.positive, lambda b, x: x, lambda y, x: (None,), dtypes=NUMBERS, cases=unary()
)


def _alias_infer(x: Type, *, tag: int) -> Type:
    return x


alias: Primitive = register(
    Primitive(
        "alias",
        _alias_infer,
        lambda x, *, tag: x,
        vjp=lambda g, y, x, *, tag: [g],
        jvp=lambda ts, y, x, *, tag: ts[0],
        batch=batch_elementwise("alias"),
        scalar=lambda b, x: x,
        cases=(Case((Operand((3, 17)),), {"tag": 1}),),
        traits=traits("elementwise pure linear"),
    )
)
"""The argument of a transformed function: a value of its own, so that a gradient follows no other path to the same
tensor.  `tag` keeps two of them apart; simplify drops all."""


# -------------------------------------------------------------------------------------------------- conversion


def _cast_infer(x: Type, *, dtype: str) -> Type:
    if dtype not in ALL:
        raise DTypeError("not an element type", expected=", ".join(sorted(ALL)), got=repr(dtype), loc=user_location())
    return x.with_dtype(dtype)


def _cast_numpy(x: Any, *, dtype: str) -> Any:
    with np.errstate(all="ignore"):
        return np.asarray(x).astype(numpy_dtype(dtype))


def _cast_vjp(g: Any, y: Any, x: Any, *, dtype: str) -> list[Any]:
    source = type_of(x).dtype
    return [cast(g, dtype=source) if source in FLOATS and dtype in FLOATS else None]


def _cast_jvp(ts: Any, y: Any, x: Any, *, dtype: str) -> Any:
    return cast(ts[0], dtype=dtype) if dtype in FLOATS else None


cast: Primitive = register(
    Primitive(
        "cast", _cast_infer, _cast_numpy, _cast_vjp, _cast_jvp, batch_elementwise("cast"),
        scalar=lambda b, x, dtype: b.cast(x, dtype),
        cases=tuple(Case((Operand((3, 17), 0, 9),), {"dtype": t}) for t in sorted(ALL)),
        traits=traits("elementwise pure"),
    )
)  # fmt: skip
