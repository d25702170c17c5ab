"""Sorting and selection along the last axis.

The order is NumPy's: NaN comes last, and the two zeros are equal.  `descending` is that order backwards, so NaN comes
first, as in PyTorch.  Positions are stable: of equals the earlier one comes first, in either direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import AxisError, DimensionError, ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops.along import gather_along, scatter_along
from graphc.ir.ops.batching import batch_only_operand
from graphc.ir.primitive import Case, Operand, Primitive, register, traits, type_of
from graphc.ir.types import Type


def _has_axis(name: str, x: Type) -> None:
    if not x.ndim:
        raise AxisError(
            f"`{name}` runs along the last axis",
            expected="an operand with an axis",
            got=str(x),
            fix="reshape it to (1,)",
            loc=user_location(),
        )


def _last(x: Any) -> int:
    return len(type_of(x).shape) - 1


# ------------------------------------------------------------------------------------------------------ whole rows


def _sort_infer(x: Type, *, descending: bool) -> Type:
    _has_axis("sort", x)
    return x


def _argsort_infer(x: Type, *, descending: bool) -> Type:
    _has_axis("argsort", x)
    return Type("i64", x.shape)


def _sort_numpy(x: Any, *, descending: bool) -> Any:
    y = np.sort(x, axis=-1)
    return np.ascontiguousarray(y[..., ::-1]) if descending else y


def _argsort_numpy(x: Any, *, descending: bool) -> Any:
    """Backwards of a stable order of the row read backwards: equals keep theirs."""
    if not descending:
        return np.argsort(x, axis=-1, kind="stable")
    x = np.asarray(x)[..., ::-1]
    return np.ascontiguousarray(x.shape[-1] - 1 - np.argsort(x, axis=-1, kind="stable")[..., ::-1])


def _sort_vjp(g: Any, y: Any, x: Any, *, descending: bool) -> list[Any]:
    return [scatter_along(g, argsort(x, descending=descending), _last(x), type_of(x).shape)]


def _sort_jvp(ts: Sequence[Any], y: Any, x: Any, *, descending: bool) -> Any:
    return gather_along(ts[0], argsort(x, descending=descending), _last(x))


_CASES = tuple(
    Case((Operand(s, low, high),), {"descending": d})
    for s, low, high in (
        ((7,), -2.0, 2.0), ((3, 17), -2.0, 2.0), ((2, 3, 5), -100.0, 100.0), ((3, 0), 0.0, 1.0), ((0, 3), 0.0, 1.0),
        ((4, 1), 0.0, 1.0), ((2, 150), -100.0, 100.0), ((1, 1100), -100.0, 100.0),
    )
    for d in (False, True)
)  # fmt: skip

sort: Primitive = register(
    Primitive(
        "sort", _sort_infer, _sort_numpy, _sort_vjp, _sort_jvp, batch_only_operand("sort", lambda x, **attrs: attrs),
        cases=_CASES[:-4], ulp=0, traits=traits("pure library"),
    )
)  # fmt: skip
"""Where the two zeros meet, negative ones may come first."""

argsort: Primitive = register(
    Primitive(
        "argsort", _argsort_infer, _argsort_numpy, batch=batch_only_operand("argsort", lambda x, **attrs: attrs),
        cases=_CASES, traits=traits("pure library"),
    )
)  # fmt: skip


# ------------------------------------------------------------------------------------------------------- selection


def _top_k_infer(x: Type, *, k: int, largest: bool) -> Type:
    _has_axis("top_k", x)
    extent = x.shape[-1]
    if not isinstance(extent, int):
        raise DimensionError(
            "`top_k` needs to know how many items there are",
            expected="a fixed last extent",
            got=str(x),
            loc=user_location(),
        )
    if not 0 <= k <= extent:
        raise ShapeError(
            f"there are no {k} items to choose", expected=f"k in 0..{extent}", got=str(x), loc=user_location()
        )
    return Type("i64", (*x.shape[:-1], k))


def _top_k_numpy(x: Any, *, k: int, largest: bool) -> Any:
    return np.ascontiguousarray(_argsort_numpy(x, descending=largest)[..., :k])


top_k: Primitive = register(
    Primitive(
        "top_k", _top_k_infer, _top_k_numpy, batch=batch_only_operand("top_k", lambda x, **attrs: attrs),
        cases=tuple(
            Case((Operand(s, -40.0, 40.0),), {"k": k, "largest": d})
            for s, k in (
                ((7,), 3), ((3, 17), 17), ((2, 3, 5), 1), ((3, 4), 0), ((0, 3), 2), ((3, 300), 5), ((2, 1000), 40),
            )
            for d in (True, False)
        ),
        traits=traits("pure library"),
    )
)  # fmt: skip
"""The positions of the k first items in descending order (`largest`) or in ascending order."""

__all__ = ["argsort", "sort", "top_k"]
