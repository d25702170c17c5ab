"""Calls of running, sorting and searching functions on which graphc.numpy and NumPy are compared."""

from __future__ import annotations

import numpy as np
from numpy_cases import ODD, Case, bools, calls, reals, whole, words

_M, _T, _E = reals(3, 4), reals(2, 3, 4), reals(0, 3)
_TIES = whole(3, 8, low=0, high=3)
_GAPS = np.where(reals(4, 7) > 1.0, np.nan, reals(4, 7))
_EDGES = np.array([-1.0, 0.0, 0.5, 0.5, 2.0])
_UNITS = (0.0, 0.3, 0.5, 1.0)


def _running() -> list[Case]:
    out: list[Case] = []
    for name in words("cumsum cumprod nancumsum nancumprod"):
        out += calls(name, (_M,), (_M, 0), (_T, -1), (whole(7, dtype=np.int8),), (_E, 1), (reals(),), (bools(5),))
        out += calls(name, (ODD,), (_GAPS, 1), (_T, 1, np.float32), (reals(9, dtype=np.float16),))
    for name in words("cumulative_sum cumulative_prod"):
        out += calls(name, (reals(6),), (whole(5, dtype=np.int16),))
        out += calls(name, (_T,), axis=1) + calls(name, (_T,), axis=-1, include_initial=True)
        out += calls(name, (_E,), axis=0, include_initial=True, dtype=np.float32)
    out += calls("trapezoid", (_M,), (_M, None, 0.5, 0), (reals(5), np.sort(reals(5))), (_T, np.sort(reals(3)), 1.0, 1))
    return out + calls("trapezoid", (_T, np.cumsum(np.abs(_T), 2)), (whole(6),))


def _sorting() -> list[Case]:
    out: list[Case] = []
    narrow, wide = whole(9, dtype=np.int8), whole(9, low=0, dtype=np.uint64)
    for a in (_M, _T, _E, ODD, bools(9), reals(7, dtype=np.float16), narrow, wide):
        out += calls("sort", (a,), (a, 0), (a, None))
        out += calls("argsort", (a,), (a, 0), (a, None), kind="stable")
    return out + calls("argsort", (_TIES,), stable=True) + calls("sort", (_TIES, 1, "mergesort"))


def _searching() -> list[Case]:
    out: list[Case] = []
    edges = np.append(_EDGES, [np.inf, np.nan, np.nan])
    for side in ("left", "right"):
        out += calls("searchsorted", (_EDGES, reals(3, 4)), (_EDGES, 0.5), (edges, ODD), (edges, edges), side=side)
        out += calls("searchsorted", (np.arange(70), whole(2, 5, high=90)), (reals(0), reals(3)), side=side)
        out += calls("searchsorted", (np.arange(5, dtype=np.int16), reals(4)), side=side)
    for right in (False, True):
        out += calls("digitize", (reals(3, 4), _EDGES), (whole(5), np.arange(-3, 4)), right=right)
    return out


def _statistics() -> list[Case]:
    out: list[Case] = []
    for name in words("median nanmedian"):
        out += calls(name, (_M,), (_M, 0), (_M, -1), (_T, (0, 2)), (ODD,), (_GAPS, 1), (reals(),))
        out += calls(name, (whole(6),), (bools(4),), (reals(6, dtype=np.float32),))
        out += calls(name, (_T, 1), (_T,), keepdims=True)
    for name, scale in (("quantile", 1), ("nanquantile", 1), ("percentile", 100), ("nanpercentile", 100)):
        for q in _UNITS:
            out += calls(name, (_M, scale * q), (_M, scale * q, 1), (_GAPS, scale * q, 0), (whole(9), scale * q))
        out += calls(name, (_M, scale * np.array(_UNITS), 0), (_T, scale * np.array(_UNITS), (0, 2)))
        out += calls(name, (_T, scale * np.array(_UNITS), 1), (_T, scale * 0.3), keepdims=True)
        out += calls(name, (reals(7, dtype=np.float32), scale * 0.3), (ODD, scale * 0.25))
    out += calls("quantile", (_T, np.array([_UNITS, _UNITS]), (0, 2)))  # the axes of NumPy's nanquantile come mixed
    for method in words("linear lower higher midpoint nearest"):
        for q in (0.0, 0.25, 0.5, 0.6, 1.0):
            out += calls("quantile", (_M, q, 1), (reals(5), q), (_GAPS, q, 1), method=method)
            out += calls("nanquantile", (_GAPS, q, 1), method=method)
    return out


CASES = _running() + _sorting() + _searching() + _statistics()

SELF_MADE = set(words("cummax cummin linear_recurrence logcumsumexp top_k partition argpartition unique"))
"""Names that NumPy does not have, or whose order NumPy leaves open: tested elsewhere."""
