"""Nodes without operands: placeholder, variable, constant, iota."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from graphc.errors import MissingFeedError
from graphc.ir.node import Literal
from graphc.ir.poly import Poly, Size
from graphc.ir.primitive import Case, Primitive, register, traits
from graphc.ir.types import NUMBERS, Shape, Type, numpy_dtype


def _declared(*, name: str, dtype: str, shape: Shape) -> Type:
    return Type(dtype, shape)


def _no_value(*, name: str, **_: Any) -> NoReturn:
    raise MissingFeedError(f"{name!r} has no value", fix="feed it")


placeholder: Primitive = register(Primitive("placeholder", _declared, _no_value, traits=traits("source")))
variable: Primitive = register(Primitive("variable", _declared, _no_value, traits=traits("source")))


def _constant_infer(*, value: Literal) -> Type:
    return value.type


constant: Primitive = register(
    Primitive(
        "constant", _constant_infer, lambda *, value: value.array, traits=traits("source pure"),
        cases=tuple(Case((), {"value": Literal(v)}) for v in (np.arange(6.0).reshape(2, 3), np.float32(-0.0))),
    )
)  # fmt: skip


def _iota_infer(*, shape: Shape, axis: int, dtype: str) -> Type:
    return Type(dtype, shape)


def _iota_numpy(*, shape: tuple[int, ...], axis: int, dtype: str) -> Any:
    column = [1] * len(shape)
    column[axis] = shape[axis]
    return np.broadcast_to(np.arange(shape[axis]).astype(numpy_dtype(dtype)).reshape(column), shape)


iota: Primitive = register(
    Primitive(
        "iota", _iota_infer, _iota_numpy, traits=traits("source pure"), dtypes=NUMBERS,
        loops=lambda k, index, *, shape, axis, dtype: k.position(index[axis], dtype),
        cases=tuple(Case((), {"shape": (3, 17), "axis": a, "dtype": t}) for a, t in ((1, "i64"), (0, "f32"))),
    )
)  # fmt: skip


def _extent_infer(*, size: Size) -> Type:
    return Type("i64")


extent: Primitive = register(
    Primitive(
        "extent",
        _extent_infer,
        lambda *, size: np.int64(size),
        loops=lambda k, index, *, size: k.position(Poly.of(size), "i64"),
        traits=traits("source pure"),
        dtypes=frozenset({"i64"}),
        cases=(Case((), {"size": 7}),),
    )
)
"""The value of a symbolic extent: `x.mean()` divides by one."""
