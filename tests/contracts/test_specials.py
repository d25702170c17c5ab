"""NaN, infinities, signed zeros, subnormals and the ends of integers through every elementwise primitive.

Correctly rounded operations have the bits of NumPy; functions keep to their documented error, NaN in the same places.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.ir.graph import Graph
from graphc.ir.primitive import PRIMITIVES, Primitive
from graphc.ir.types import DTYPES, FLOATS, Type, numpy_dtype
from graphc.runtime.executable import compile_graph

EITHER_ZERO = {"maximum", "minimum"}  # of zeros of both signs NumPy gives the one or the other
CONDITIONED = {"select", "mask"}
REFERENCE_ULP = 4.0  # the error that NumPy's own functions may have
CANCELLING = {"lgamma", "digamma"}  # whose references lose digits beside their zeros, as terms near 1 cancel
ELEMENTWISE = [p for p in PRIMITIVES.values() if p.is_elementwise and p.name not in ("cast", "alias")]


def specials(dtype: str) -> np.ndarray:
    if dtype == "bool":
        return np.array([False, True])
    t = numpy_dtype(dtype)
    if dtype in FLOATS:
        f = np.finfo(t)
        some = [0.0, 0.3, 0.5, 1.0, 1.5, 2.5, 3.0, 7.0, 100.0, f.smallest_subnormal, f.tiny, f.max, np.inf, np.nan]
        return np.array([*some, *(-s for s in some)], t)
    i = np.iinfo(t)
    low = [i.min, i.min + 1, -7, -2, -1] if dtype[0] == "i" else []
    return np.array([*low, 0, 1, 2, 3, 7, i.bits - 1, i.bits, i.max // 2, i.max - 1, i.max], t)


def operands(op: Primitive, dtype: str) -> list[np.ndarray]:
    """Every special value against every other."""
    count = op.numpy.nin if isinstance(op.numpy, np.ufunc) else len(op.cases[0].operands)
    columns = [specials("bool" if op.name in CONDITIONED and k == 0 else dtype) for k in range(count)]
    return [np.ascontiguousarray(a.ravel()) for a in np.meshgrid(*columns)]


def native(op: Primitive, arrays: list[np.ndarray], dtypes: list[str], **attrs: Any) -> np.ndarray:
    g = Graph(op.name)
    with g:
        inputs = [g.placeholder(Type(t, a.shape)) for a, t in zip(arrays, dtypes, strict=True)]
        g.outputs = [g.apply(op, inputs, attrs)]
    return compile_graph(g, "O1")(*arrays)[0]


def same_bits(a: np.ndarray, b: np.ndarray, signed_zeros: bool = True) -> np.ndarray:
    """Equal, zeros with their signs; any NaN equals any other."""
    if a.dtype.kind != "f":
        return np.asarray(a == b)
    signs = np.signbit(a) == np.signbit(b) if signed_zeros else True
    return np.asarray(((a == b) & signs) | (np.isnan(a) & np.isnan(b)))


def close(got: np.ndarray, want: np.ndarray, ulp: float, least: float) -> np.ndarray:
    """Within so many units in the last place of the larger one, which counts as no smaller than `least`."""
    with np.errstate(all="ignore"):
        wide = np.abs(got.astype(np.longdouble) - want.astype(np.longdouble))
        unit = np.spacing(np.maximum(np.maximum(np.abs(want), np.abs(got)), got.dtype.type(least)))
        near = wide <= ulp * unit.astype(np.longdouble)
    return same_bits(got, want) | near


CASES = [(p, t) for p in ELEMENTWISE for t in DTYPES if t in p.dtypes]


@pytest.mark.parametrize(("op", "dtype"), CASES, ids=[f"{p.name}-{t}" for p, t in CASES])
def test_special_values(op: Primitive, dtype: str) -> None:
    arrays = operands(op, dtype)
    with np.errstate(all="ignore"):
        want = np.asarray(op(*arrays))
    names = ["bool" if a.dtype == bool else dtype for a in arrays]
    got = native(op, arrays, names)
    exact = op.ulp <= 0.5 or dtype not in FLOATS
    if exact:
        fine = same_bits(got, want, op.name not in EITHER_ZERO)
    else:
        fine = close(got, want, op.ulp + REFERENCE_ULP, float(op.name in CANCELLING))
    wrong = np.flatnonzero(~fine)[:8]
    assert not wrong.size, [
        (*(a[i].item() for a in arrays), "got", got[i].item(), "want", want[i].item()) for i in wrong
    ]


@pytest.mark.parametrize("target", DTYPES)
@pytest.mark.parametrize("source", DTYPES)
def test_conversions(source: str, target: str) -> None:
    """Integers wrap, floats round to nearest; a float outside of what an integer type holds gives any number."""
    x = specials(source)
    if source in FLOATS and target not in FLOATS | {"bool"}:
        info = np.iinfo(numpy_dtype(target))
        with np.errstate(all="ignore"):
            wide = x.astype(np.float64)
            x = x[(wide > float(info.min) - 1) & (wide < float(info.max) + 1) & (np.abs(wide) < 2.0**63)]
    with np.errstate(all="ignore"):
        want = x.astype(numpy_dtype(target))
    got = native(PRIMITIVES["cast"], [x], [source], dtype=target)
    assert got.dtype == want.dtype
    assert same_bits(got, want).all(), (x, got, want)
