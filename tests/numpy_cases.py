"""Calls on which graphc.numpy and NumPy are compared: (name, arguments, keywords)."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.numpy import special

Case = tuple[str, tuple[Any, ...], dict[str, Any]]


def words(text: str) -> list[str]:
    return text.split()


def reals(*shape: int, low: float = -2.0, high: float = 2.0, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(sum(shape) + 1).uniform(low, high, shape).astype(dtype)


def whole(*shape: int, low: int = -5, high: int = 6, dtype: Any = np.int64) -> np.ndarray:
    return np.random.default_rng(sum(shape) + 2).integers(low, high, shape).astype(dtype)


def bools(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape) + 3).integers(0, 2, shape).astype(bool)


ODD = np.array([0.0, -0.0, 1.5, -2.5, 0.5, np.inf, -np.inf, np.nan])


def calls(name: str, *arguments: tuple[Any, ...], **kwargs: Any) -> list[Case]:
    return [(name, args, kwargs) for args in arguments]


# ---------------------------------------------------------------------------------------------------- elementwise

_ANY = words(
    """
    negative positive absolute abs sign floor ceil trunc rint sin cos tan arctan sinh cosh tanh arcsinh exp exp2
    expm1 isnan square cbrt fabs deg2rad rad2deg sinc isfinite isinf isposinf isneginf signbit logical_not conjugate
    real round nan_to_num iscomplexobj isrealobj
    """
)
_POSITIVE = words("sqrt log log2 log10 log1p reciprocal")
_UNIT = words("arcsin arccos arctanh")
_PAIRS = words(
    """
    add subtract multiply divide floor_divide remainder power maximum minimum copysign arctan2 hypot logaddexp
    logaddexp2 float_power fmod divmod fmax fmin heaviside equal not_equal less less_equal greater greater_equal
    logical_and logical_or logical_xor isclose
    """
)
_BITS = words("bitwise_and bitwise_or bitwise_xor")


def _elementwise() -> list[Case]:
    out: list[Case] = []
    for name in _ANY:
        out += calls(
            name, (reals(3, 4),), (reals(),), (reals(0, 2),), (reals(5, dtype=np.float32),), (whole(4),), (ODD,)
        )
    for name in _POSITIVE:
        out += calls(name, (reals(3, 4, low=0.1),), (whole(4, low=1),), (reals(3, low=0.1, dtype=np.float16),))
    for name in _UNIT:
        out += calls(name, (reals(3, 4, low=-0.9, high=0.9),), (bools(3)[:0],))
    out += calls("arccosh", (reals(3, 4, low=1.1),)) + calls("modf", (reals(4),), (ODD,))
    for name in _PAIRS:
        out += calls(name, (reals(3, 4, low=0.2), reals(4, low=0.3)), (reals(3, 1, low=0.5), reals(5, low=0.2)))
        out += calls(
            name,
            (reals(2, 3, low=0.3, dtype=np.float32), 1.5),
            (2, reals(3, low=0.3)),
            (whole(4, low=1), whole(4, low=1)),
        )
        out += calls(name, (reals(2, 0), reals(1, 1)), (reals(low=1), reals(3, low=1)))
    for name in words("add subtract multiply divide maximum minimum fmax fmin hypot copysign fmod isclose"):
        out += calls(name, (ODD[:, None], ODD))
    for name in _BITS:
        out += calls(name, (whole(4), whole(4)), (bools(4), bools(4)), (whole(3, dtype=np.uint8), 3))
    out += calls("invert", (whole(4),), (bools(4),))
    out += calls("left_shift", (whole(4), whole(4, low=0))) + calls("right_shift", (whole(4), whole(4, low=0)))
    out += calls("add", (bools(4), bools(4)), (bools(4), 1), (whole(3), 2.5))
    out += calls("multiply", (bools(4), bools(4))) + calls("maximum", (bools(4), bools(4)))
    out += calls(
        "less", (whole(4, dtype=np.int64), whole(4, low=0, dtype=np.uint64)), (whole(4, low=0, dtype=np.uint8), 300)
    )
    out += calls("greater", (whole(4, low=0, dtype=np.uint64), whole(4)), (whole(4, low=0, dtype=np.uint8), -1))
    out += calls("equal", (whole(4, low=0, dtype=np.uint64), whole(4)), (whole(4, low=0, dtype=np.uint8), 300))
    out += calls("round", (reals(3, 4) * 100, 1), (reals(3, 4) * 1000, -2), (whole(4) * 17, -1), (whole(4), 2))
    out += calls("nan_to_num", (ODD, True, 1.0, 2.0, 3.0), (ODD.astype(np.float32),))
    out += calls("isclose", (ODD, ODD), equal_nan=True)
    return out


ELEMENTWISE = _elementwise()

# ------------------------------------------------------------------------------------------------------ everything

_M = reals(3, 4)
_T = reals(2, 3, 4)
_E = reals(2, 0, 3)


def _reductions() -> list[Case]:
    out: list[Case] = []
    for name in words(
        "sum prod mean var std max min any all count_nonzero ptp average nansum nanprod nanmean nanmax nanmin"
    ):
        out += calls(name, (_T,), (_M, 0), (_M, -1), (_T, (0, -1)), (whole(3, 4), 1), (reals(),))
        out += calls(name, (_T, (2, 0)), (_M, None), keepdims=True)
    for name in words("sum prod mean any all nansum count_nonzero"):
        out += calls(
            name,
            (_E, 1),
            (_E, (0, 1)),
            (bools(3, 4), 0),
            (whole(5, dtype=np.int8),),
            (whole(5, low=0, dtype=np.uint16),),
        )
    for name in words("max min"):
        out += calls(name, (bools(3, 4), 0), (_E, 0), (ODD,), (whole(4, dtype=np.uint8),))
    for name in words("argmax argmin"):
        out += calls(name, (_T,), (_M, 0), (_M, -1), (ODD,), (bools(5),), (reals(), 0)) + calls(
            name, (_M, 1), (_M,), keepdims=True
        )
    out += calls("var", (_M, 0), ddof=1) + calls("std", (_M,), ddof=1) + calls("var", (_M, 1), correction=1)
    out += calls("var", (reals(9, dtype=np.float16),)) + calls("mean", (reals(9, dtype=np.float16),))
    out += (
        calls("sum", (_M,), dtype=np.float32)
        + calls("sum", (_M, 1, np.float32))
        + calls("mean", (whole(4),), dtype=np.float32)
    )
    out += calls("average", (_M,), weights=reals(3, 4, low=0.1)) + calls("average", (_M, 1), weights=reals(4, low=0.1))
    out += calls("allclose", (_M, _M), (_M, _M + 1e-3)) + calls("array_equal", (_M, _M), (_M, _T), (_M, _M + 1))
    out += calls("array_equal", (ODD, ODD), equal_nan=True)
    for name in words("nansum nanmean nanmax nanmin"):
        out += calls(name, (np.array([[1.0, np.nan], [np.nan, np.nan]]), 1))
    return out


def _movement() -> list[Case]:
    out = calls("reshape", (_M, (2, 6)), (_M, -1), (_M, (-1, 2)), (_E, (0, 7)), (reals(), (1, 1)), (_M, (2, -1, 3)))
    out += calls("ravel", (_T,), (reals(),)) + calls("transpose", (_T,), (_T, (1, 2, 0)), (_T, (-1, 0, 1)), (reals(4),))
    out += calls("swapaxes", (_T, 0, -1)) + calls("matrix_transpose", (_T,))
    out += calls("moveaxis", (_T, 0, -1), (_T, (0, 1), (-1, 0))) + calls("expand_dims", (_M, 0), (_M, -1), (_M, (0, 2)))
    out += calls("squeeze", (reals(1, 3, 1),), (reals(1, 3, 1), 0), (reals(1, 3, 1), (0, -1)), (reals(1),))
    for name in ("atleast_1d", "atleast_2d", "atleast_3d"):
        out += calls(name, (reals(),), (reals(3),), (_M,), (_T,), (reals(), _M))
    out += calls("flip", (_T,), (_M, 0), (_T, (0, -1))) + calls("fliplr", (_M,)) + calls("flipud", (_M,))
    out += calls("rot90", (_M,), (_M, 2), (_M, 3), (_M, -3), (_T, 1, (1, 2)), (_M, 4))
    out += calls("broadcast_to", (reals(3, 1), (2, 3, 4)), (reals(), (0, 2)), (reals(2), 2))
    out += calls("broadcast_arrays", (reals(3, 1), reals(4), reals()))
    out += calls("copy", (_M,)) + calls("astype", (_M, np.float32), (reals(4) * 9, np.int32), (whole(4), bool))
    out += calls("ndim", (_T,), (reals(),)) + calls("shape", (_T,)) + calls("size", (_T,), (_T, 1))
    out += calls("result_type", (_M, np.int8), (whole(3, dtype=np.int8), 1.5), (whole(3), np.float32))
    for name in ("zeros_like", "ones_like", "empty_like"):
        if name != "empty_like":
            out += calls(name, (_M,), (whole(3),), (_E, np.float32)) + calls(name, (_M,), shape=(2, 2))
    out += calls("full_like", (_M, 2.5), (whole(3), 7), (whole(3), 2.5, np.float32))
    out += calls("diagonal", (_M,), (_M, 1), (_M, -1), (_T, 0, 1, 2), (_M, 9)) + calls(
        "trace", (_M,), (_T, 0, 0, 2), (whole(3, 3), 1)
    )
    out += calls("diag", (_M,), (reals(3),), (reals(3), 2), (reals(3), -1), (_M, -2)) + calls(
        "diagflat", (_M,), (reals(2), 1)
    )
    out += calls("tril", (_M,), (_T, 1), (whole(4, 4), -1)) + calls("triu", (_M,), (_T, -1), (whole(4, 4), 2))
    return out


def _joining() -> list[Case]:
    out: list[Case] = []
    pair = [_M, reals(2, 4)]
    out += calls(
        "concatenate",
        (pair,),
        ([_M, reals(3, 2)], 1),
        ([_M, reals(2)], None),
        ([whole(3), reals(3)],),
        ([_E, _E], -1),
        ([_M],),
    )
    out += calls("concatenate", (pair,), dtype=np.float32) + calls(
        "stack", ([_M, _M],), ([_M, _M, whole(3, 4)], -1), ([reals(), reals()],)
    )
    out += calls("vstack", (pair,), ([reals(3), reals(3)],)) + calls("hstack", ([reals(3), reals(2)],), ([_M, _M],))
    out += calls("dstack", ([reals(3), reals(3)],), ([_M, _M],)) + calls(
        "column_stack", ([reals(3), reals(3)],), ([_M, reals(3)],)
    )
    out += calls("split", (_M, 2, 1), (_M, [1, 2], -1), (_M, 3), (reals(7), [2, 9])) + calls(
        "array_split", (reals(7), 3), (_M, 3, 1)
    )
    out += calls("hsplit", (_M, 2), (reals(4), 2)) + calls("vsplit", (_M, 3)) + calls("dsplit", (_T, 2))
    out += calls("unstack", (_M,)) + calls("unstack", (_T,), axis=-1)
    out += calls("diff", (_M,), (_M, 2), (_M, 1, 0), (bools(5),), (whole(1),), (reals(3), 5))
    out += calls("repeat", (_M, 2), (_M, 3, 0), (_M, 2, -1), (_M, [1, 0, 2], 0), (reals(), 3), (_M, 0, 1))
    out += calls("tile", (_M, 2), (_M, (2, 1, 3)), (reals(3), (2, 2)), (_T, (2,)), (reals(), 3))
    out += calls("roll", (_M, 1), (_M, -2, 1), (_M, 5, 0), (_M, (1, 2), (0, 1)), (_E, 1, 1), (_M, 1, (0, 1)))
    for mode in ("edge", "reflect", "symmetric", "wrap"):
        out += calls(
            "pad",
            (_M, 2),
            (_M, (1, 0)),
            (_M, ((1, 2), (0, 3))),
            (reals(3), (7, 8)),
            (reals(1), (2, 3)),
            (reals(4), 0),
            mode=mode,
        )
    out += calls("pad", (_M, 1), (_M, ((1, 2), (0, 3))), (whole(3), (1, 2)), (_E, 1))
    out += calls("pad", (_M, 1), constant_values=7) + calls(
        "pad", (_M, ((1, 2), (3, 0))), constant_values=((1, 2), (3, 4))
    )
    return out


def _picking() -> list[Case]:
    indices = whole(5, low=-3, high=3)
    out = calls(
        "take", (_M, indices, 0), (_M, indices), (_M, 1, -1), (_M, [[0, 1], [2, 0]], 1), (_M, np.array([], int), 0)
    )
    out += calls("take", (_M, np.array([-9, 1, 50]), 0), mode="clip")
    out += calls(
        "take_along_axis",
        (_M, whole(3, 2, low=0, high=4), 1),
        (_M, whole(1, 4, low=-3, high=3), 0),
        (_T, whole(2, 3, 1, low=0, high=4), -1),
    )
    out += calls("take_along_axis", (_M, whole(6, low=0, high=12), None))
    out += calls(
        "where", (bools(3, 4), _M, 0), (bools(4), 1, _M), (whole(3, 1), _M, reals(4)), (bools(3), whole(3), reals(3))
    )
    out += calls("clip", (_M, -1, 1), (_M, None, 0.5), (_M, reals(4), None), (whole(9), 0, 2.5), (ODD, -1, 1))
    return out


def _products() -> list[Case]:
    a, b, v = reals(3, 4), reals(4, 5), reals(4)
    out = calls(
        "matmul",
        (a, b),
        (a, v),
        (v, b),
        (v, v),
        (reals(2, 3, 4), b),
        (reals(2, 1, 3, 4), reals(5, 4, 2)),
        (reals(2, 3, 4), v),
    )
    out += calls(
        "matmul", (whole(3, 4), whole(4, 2)), (bools(3, 4), bools(4, 2)), (reals(3, 0), reals(0, 2)), (a, whole(4, 2))
    )
    out += calls("dot", (a, b), (v, v), (a, 2.0), (_T, reals(5, 4, 2)), (a, v)) + calls("vdot", (a, reals(4, 3)))
    out += calls("inner", (a, reals(5, 4)), (v, v), (a, 2.0)) + calls("outer", (v, reals(3)), (a, b))
    out += calls("vecdot", (_T, v), (a, a)) + calls("vecdot", (a, reals(3, 1)), axis=0)
    out += calls(
        "tensordot",
        (a, b, 1),
        (_T, reals(3, 4, 5)),
        (_T, reals(4, 2), ([0, 2], [1, 0])),
        (v, v, 0),
        (_T, reals(4, 3), ((1,), (1,))),
    )
    out += calls("kron", (a, b), (v, a), (reals(2), reals(3))) + calls(
        "cross", (reals(4, 3), reals(3)), (reals(3), reals(3))
    )
    for text, *operands in (
        ("ij,jk->ik", a, b),
        ("ij,jk", a, b),
        ("ij->ji", a),
        ("ii->i", reals(4, 4)),
        ("ii", reals(4, 4)),
        ("ij->", a),
        ("i,j->ij", v, reals(3)),
        ("bij,bjk->bik", _T, reals(2, 4, 3)),
        ("...ij,...jk->...ik", _T, b),
        ("ij,j->i", a, v),
        ("ij,ij->ij", a, a),
        ("ij,ij->", a, a),
        ("ij,jk,kl->il", a, b, reals(5, 2)),
        ("bhqd,bhkd->bhqk", reals(2, 3, 4, 5), reals(2, 3, 6, 5)),
        ("...i->...", _T),
        ("ij,kj->ik", a, reals(2, 4)),
        ("i,i,i->", v, v, v),
        ("ijk->kij", _T),
        ("ij,ik->ijk", a, reals(3, 2)),
        ("aij,ij->a", _T, a),
        ("ij,jk->ik", reals(3, 1), b),
        ("iij,jk->ik", reals(3, 3, 4), b),
        ("i...->...i", _T),
    ):
        out += calls("einsum", (text, *operands))
    out += calls("ix_", (np.array([0, 2]), np.array([1, 3, 4])))
    out += calls("meshgrid", (reals(3), reals(4))) + calls("meshgrid", (reals(3), reals(4), reals(2)), indexing="ij")
    return out


CASES = _reductions() + _movement() + _joining() + _picking() + _products()

LINALG = [
    *calls(
        "norm",
        (_M,),
        (reals(5),),
        (_M, "fro"),
        (_M, 1),
        (_M, -1),
        (_M, np.inf),
        (_M, -np.inf),
        (_M, None, 0),
        (_M, 3, 1),
    ),
    *calls("norm", (reals(5), 1), (reals(5), np.inf), (reals(5), -np.inf), (reals(5), 0), (reals(5), 2.5), (whole(5),)),
    *calls("norm", (_T, "fro", (0, 2)), (_T, 1, (1, 2)), (_M, 2, -1), keepdims=True),
    *calls("vector_norm", (_M,), (reals(5),)),
    *calls("vector_norm", (_T,), axis=(0, 1), keepdims=True),
    *calls("matrix_power", (reals(3, 3), 1), (reals(3, 3), 5)),
    *calls("multi_dot", ([reals(3, 4), reals(4, 2), reals(2, 5)],)),
    *calls("matmul", (_M, reals(4, 2))),
    *calls("outer", (reals(3), reals(2))),
    *calls("matrix_transpose", (_T,)),
    *calls("tensordot", (_M, reals(4, 2)), axes=1),
    *calls("vecdot", (_M, _M)),
    *calls("cross", (reals(2, 3), reals(2, 3))),
]

SELF_MADE = {*special.__all__, "empty_like"}
"""Names that NumPy does not have, and one whose values are undefined there: tested elsewhere."""
