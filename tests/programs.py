"""Random programs over the primitives, drawn so that they shrink: fewer steps, simpler steps, smaller extents.

A value is *exact* if every way to run the program must give the same bits: what was fed, integers, and correctly
rounded operations on those.  Only exact values are compared, rounded to whole numbers or used as indices, so that a
last bit never decides about a result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.errors import ShapeError
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.poly import Poly, Size, as_size
from graphc.ir.primitive import constant_like, primitive
from graphc.ir.types import FLOATS, INTEGERS, NUMBERS, SIGNED, Shape, Type, broadcast_shapes, numpy_dtype, volume

DIMS = ("n", "m")
SMALL, LARGE = (3, 5, 17, 0), (70, 257, 33, 128)
MOST = {SMALL: 300, LARGE: 70_000}  # elements of a value, where a symbolic extent counts as 7
DTYPES = ("f64", "f32", "i64", "i8", "bool", "i32", "u8")
SMOOTH = ("f64",)


class Program:
    """A graph, and the values of it that are exact."""

    def __init__(self, graph: Graph, exact: frozenset[Value]) -> None:
        self.graph, self.exact = graph, exact

    def arrays(self, seed: int, dims: dict[str, int] | None = None, *, wild: bool = False) -> list[np.ndarray]:
        """Values for the placeholders: multiples of 1/4, so that items are often equal; `wild` ones are anything."""
        rng = np.random.default_rng(seed)
        return [_array(rng, v.dtype, extents(v.shape, dims or {}), wild) for v in self.graph.inputs]

    def uneven_arrays(self, seed: int, dims: dict[str, int] | None = None) -> list[np.ndarray]:
        """Floats no two of which are equal."""
        rng = np.random.default_rng(seed)
        moved = [a + rng.uniform(-0.4, 0.4, a.shape) * (a.dtype.kind == "f") for a in self.arrays(seed, dims)]
        return [np.asarray(a, numpy_dtype(v.dtype)) for a, v in zip(moved, self.graph.inputs, strict=True)]

    def __repr__(self) -> str:
        return f"\n{self.graph}\n"


def extents(shape: Shape, dims: dict[str, int]) -> tuple[int, ...]:
    return tuple(Poly.of(e).evaluate(dims) for e in shape)


def _array(rng: np.random.Generator, dtype: str, shape: tuple[int, ...], wild: bool) -> np.ndarray:
    if dtype == "bool":
        return np.asarray(rng.integers(0, 2, shape), bool)
    numbers = np.asarray(rng.integers(-8, 9, shape))
    if dtype not in FLOATS:
        ends = np.iinfo(numpy_dtype(dtype))
        some = rng.choice([ends.min, ends.max, -1, 0], shape)
        return np.where(rng.uniform(size=shape) < 0.3 * wild, some, numbers).astype(numpy_dtype(dtype))
    some = rng.choice([np.nan, np.inf, -np.inf, -0.0, 1e-40], shape)
    return np.where(rng.uniform(size=shape) < 0.3 * wild, some, numbers / 4).astype(numpy_dtype(dtype))


class _Ops:
    """Primitives as attributes: P.sum(x, axes=(1,))."""

    def __getattr__(self, name: str) -> Any:
        return primitive(name.rstrip("_"))


P = _Ops()
Wanted = Callable[[Value], bool]


class Writer:
    """A program in the making; `pool` holds every value so far."""

    def __init__(self, draw: st.DrawFn, sizes: tuple[int, ...], symbolic: bool, dtypes: Sequence[str]) -> None:
        self.draw, self.dtypes, self.most = draw, dtypes, MOST[sizes]
        self.graph = Graph("program")
        self.pool: list[Value] = []
        self.exact: set[Value] = set()
        own: list[list[Size]] = [[Poly.of(d)] for d in DIMS] if symbolic else [list(sizes)] * 2
        self.base = tuple(self.one_of([*sizes_of_axis, 4, 2, 1]) for sizes_of_axis in own)

    # --------------------------------------------------------------------------------------------------- choosing

    def number(self, low: int, high: int) -> int:
        return self.draw(st.integers(low, high))

    def one_of(self, items: Sequence[Any]) -> Any:
        return items[self.number(0, len(items) - 1)]

    def coin(self) -> bool:
        return self.draw(st.booleans())

    def pick(self, wanted: Wanted = lambda v: True) -> Value | None:
        """One of the values that will do, the latest first."""
        options = [v for v in reversed(self.pool) if wanted(v)]
        return self.one_of(options) if options else None

    def partner(self, x: Value) -> Value:
        """An operand of x's type that broadcasts with it; x itself always does."""
        other = self.pick(lambda v: v.dtype == x.dtype and v is not x and self.fit(x, v))
        return x if other is None else other

    def is_exact(self, *values: Value) -> bool:
        return all(v in self.exact for v in values)

    def axis(self, x: Value) -> int:
        return self.number(0, len(x.shape) - 1)

    def fit(self, *values: Value) -> bool:
        """Whether they broadcast, to a shape that is not too large."""
        try:
            return _count(broadcast_shapes("add", [v.shape for v in values])) <= self.most
        except ShapeError:
            return False

    # ----------------------------------------------------------------------------------------------------- adding

    def placeholder(self) -> None:
        dtype, rank = self.one_of(self.dtypes), self.number(0, 2)
        shape = tuple(1 if self.number(0, 5) == 5 else e for e in self.base[2 - rank :])
        self.keep(self.graph.placeholder(Type(dtype, shape)), exact=True)

    def keep(self, v: Value, exact: bool) -> None:
        if _count(v.shape) > self.most or len(v.shape) > 4:
            return
        if v not in self.pool:
            self.pool.append(v)
        if exact or v.dtype not in FLOATS:
            self.exact.add(v)


def _count(shape: Shape) -> int:
    size = Poly.of(volume(shape))
    return size.evaluate(dict.fromkeys(size.free, 7))


def is_float(v: Value) -> bool:
    return v.dtype in FLOATS


def is_integer(v: Value) -> bool:
    return v.dtype in INTEGERS


def is_number(v: Value) -> bool:
    return v.dtype in NUMBERS


def has_axes(v: Value) -> bool:
    return bool(v.shape)


# ------------------------------------------------------------------------------------------------- elementwise steps


def same_bits(w: Writer) -> None:
    """Correctly rounded operations of one operand."""
    x = w.pick(is_float)
    if x is not None:
        name = w.one_of(["neg", "abs"] + ["floor", "ceil", "rint", "trunc", "sign", "isnan"] * w.is_exact(x))
        w.keep(getattr(P, name)(x), w.is_exact(x))


def arithmetic(w: Writer) -> None:
    x = w.pick(is_number)
    if x is not None:
        y = w.partner(x)
        name = w.one_of(["add", "sub", "mul", "maximum", "minimum"])
        w.keep(getattr(P, name)(x, y), w.is_exact(x, y) and name != "mul")


def smooth_arithmetic(w: Writer) -> None:
    x = w.pick(is_float)
    if x is not None:
        w.keep(getattr(P, w.one_of(["add", "sub", "mul"]))(x, w.partner(x)), False)


def with_number(w: Writer) -> None:
    x = w.pick(is_number)
    if x is not None:
        c = constant_like(w.one_of([1, 2, 0, -1, 3]), x) if x.dtype in SIGNED | FLOATS else constant_like(2, x)
        name = w.one_of(["add", "mul", "sub"])
        a, b = (x, c) if w.coin() else (c, x)
        w.keep(getattr(P, name)(a, b), w.is_exact(x) and name != "mul")


def curve(w: Writer) -> None:
    """A transcendental function on the part of its domain where it is tame."""
    x = w.pick(is_float)
    if x is not None:
        name = w.one_of(
            ["tanh", "sin", "cos", "sigmoid", "atan", "erf", "asinh", "exp", "log", "sqrt", "rsqrt", "expm1"]
        )
        if name in ("log", "sqrt", "rsqrt"):
            x = P.add(P.mul(x, x), constant_like(1, x))
        if name in ("exp", "expm1"):
            x = P.sin(x)
        w.keep(getattr(P, name)(x), False)


def quotient(w: Writer) -> None:
    """x / (1 + y^2)"""
    x = w.pick(is_float)
    if x is not None:
        y = w.partner(x)
        w.keep(P.div(x, P.add(P.mul(y, y), constant_like(1, y))), False)


def whole_quotient(w: Writer) -> None:
    x = w.pick(lambda v: is_number(v) and w.is_exact(v))
    if x is not None:
        y = w.partner(x)
        if w.is_exact(y):
            w.keep(P.floordiv(x, y) if w.coin() else P.mod(x, y), True)


def bits(w: Writer) -> None:
    x = w.pick(lambda v: is_integer(v) or v.dtype == "bool")
    if x is not None:
        name = w.one_of(["and", "or", "xor", "not"])
        w.keep(P.not_(x) if name == "not" else getattr(P, name)(x, w.partner(x)), True)


def comparison(w: Writer) -> None:
    x = w.pick(w.is_exact)
    if x is not None:
        y = w.partner(x)
        if w.is_exact(y):
            w.keep(getattr(P, w.one_of(["lt", "le", "eq", "ne", "gt", "ge"]))(x, y), True)


def choice(w: Writer) -> None:
    c, x = w.pick(lambda v: v.dtype == "bool"), w.pick()
    if c is not None and x is not None:
        y = w.partner(x)
        if w.fit(c, x, y):
            masked = is_number(x) and w.coin()
            w.keep(P.mask(c, x) if masked else P.select(c, x, y), w.is_exact(x) and (masked or w.is_exact(y)))


def conversion(w: Writer) -> None:
    x, dtype = w.pick(), w.one_of(w.dtypes)
    if x is None or x.dtype == dtype:
        return
    if is_float(x) and dtype not in FLOATS:
        if not w.is_exact(x):
            return
        x = P.minimum(P.maximum(x, constant_like(0 if dtype == "u8" else -9, x)), constant_like(9, x))
        x = P.select(P.isnan(x), constant_like(0, x), x)
        w.exact.add(x)
    w.keep(P.cast(x, dtype=dtype), w.is_exact(x))


# ---------------------------------------------------------------------------------------------------- movement steps


def turn(w: Writer) -> None:
    x = w.pick(has_axes)
    if x is not None:
        if w.coin():
            axes = tuple(w.draw(st.permutations(range(len(x.shape)))))
            w.keep(P.permute(x, axes=axes), w.is_exact(x))
        else:
            w.keep(P.flip(x, axes=_some_axes(w, x)), w.is_exact(x))


def _some_axes(w: Writer, x: Value) -> tuple[int, ...]:
    """At least one, unless x has none."""
    first = {w.axis(x)} if x.shape else set()
    return tuple(sorted(first | {k for k in range(len(x.shape)) if w.number(0, 2) == 2}))


def new_shape(w: Writer) -> None:
    x = w.pick()
    if x is not None:
        shape = w.one_of(_shapes(x.shape))
        w.keep(P.reshape(x, shape=shape), w.is_exact(x))


def _shapes(shape: Shape) -> list[Shape]:
    """Flat, turned round, with a new axis, without axes of extent 1, the first two merged, the last one split."""
    out: list[Shape] = [(volume(shape),), shape[::-1], (*shape[:1], 1, *shape[1:]), tuple(e for e in shape if e != 1)]
    if len(shape) > 1:
        out.append((volume(shape[:2]), *shape[2:]))
    if shape and isinstance(shape[-1], int) and shape[-1] % 2 == 0:
        out.append((*shape[:-1], shape[-1] // 2, 2))
    return out


def repeat(w: Writer) -> None:
    x = w.pick()
    if x is not None:
        shape = tuple(w.one_of([2, 3, *w.base]) if e == 1 else e for e in x.shape)
        lead = tuple(w.one_of([2, 1, *w.base]) for _ in range(w.number(0, 1)))
        w.keep(P.expand(x, shape=lead + shape), w.is_exact(x))


def part(w: Writer) -> None:
    x = w.pick(has_axes)
    if x is not None:
        cuts = [_cut(w, e) for e in x.shape]
        starts, sizes, steps = (tuple(c[k] for c in cuts) for k in range(3))
        w.keep(P.slice(x, starts=starts, sizes=sizes, steps=steps), w.is_exact(x))


def _cut(w: Writer, extent: Size) -> tuple[int, Size, int]:
    """Start, number of items and step, never past the end whatever the symbols are."""
    start, step = w.number(0, min(2, _least(extent))), w.one_of([1, 1, 2, 3])
    end = w.number(0, min(2, _least(extent) - start))
    return start, as_size((Poly.of(extent) - start - end + step - 1) // step), step


def _least(extent: Size) -> int:
    """The smallest value of an extent."""
    p = Poly.of(extent)
    return p.evaluate(dict.fromkeys(p.free, 0))


def surround(w: Writer) -> None:
    x = w.pick(lambda v: has_axes(v) and is_number(v))
    if x is not None:
        low, high = (tuple(w.number(0, 2) for _ in x.shape) for _ in range(2))
        w.keep(P.pad(x, low=low, high=high, value=w.one_of([0, 1])), w.is_exact(x))


def join(w: Writer) -> None:
    x = w.pick(has_axes)
    if x is not None:
        axis = w.axis(x)
        same = lambda v: v.dtype == x.dtype and len(v.shape) == len(x.shape) and _beside(v, axis) == _beside(x, axis)  # noqa: E731
        parts = [x] + [w.pick(same) or x for _ in range(w.number(0, 2))]
        w.keep(P.concatenate(*parts, axis=axis), w.is_exact(*parts))


def _beside(v: Value, axis: int) -> Shape:
    return v.shape[:axis] + v.shape[axis + 1 :]


# --------------------------------------------------------------------------------------- reductions, products, indices


def _folds(w: Writer, x: Value, axes: tuple[int, ...]) -> list[str]:
    if x.dtype == "bool":
        return ["any", "all"]
    never_empty = all(_least(x.shape[a]) > 0 for a in axes)
    one = never_empty and len(axes) == 1 and w.is_exact(x)
    return ["sum", *["max", "min"] * never_empty, "prod", *["argmax", "argmin"] * one]


def fold(w: Writer) -> None:
    x = w.pick(has_axes)
    if x is not None:
        axes = _some_axes(w, x)
        name = w.one_of(_folds(w, x, axes))
        w.keep(getattr(P, name)(x, axes=axes), w.is_exact(x) and name in ("max", "min"))


def smooth_fold(w: Writer) -> None:
    x = w.pick(lambda v: has_axes(v) and is_float(v))
    if x is not None:
        w.keep(P.sum(x, axes=_some_axes(w, x)), False)


def against_fold(w: Writer) -> None:
    """x combined with a reduction of itself, as in softmax and in normalisation."""
    x = w.pick(lambda v: has_axes(v) and is_float(v))
    if x is not None:
        axes = _some_axes(w, x)
        total = P.sum(P.mul(x, x) if w.coin() else x, axes=axes)
        rows = P.reshape(total, shape=tuple(1 if k in axes else e for k, e in enumerate(x.shape)))
        w.keep(P.sub(x, rows) if w.coin() else P.div(x, P.add(P.abs(rows), constant_like(1, x))), False)


def product(w: Writer) -> None:
    x = w.pick(lambda v: is_number(v) and len(v.shape) >= 2)
    if x is not None:
        same = lambda v: v.dtype == x.dtype and len(v.shape) == 2 and v.shape[0] == x.shape[-1]  # noqa: E731
        y = w.pick(same)
        if y is None or w.coin():
            y = P.permute(x, axes=(*range(len(x.shape) - 2), len(x.shape) - 1, len(x.shape) - 2))
        w.keep(P.matmul(x, y), False)


def take(w: Writer) -> None:
    """Items at computed positions, which count from either end."""
    x = w.pick(has_axes)
    i = w.pick(lambda v: v.dtype in SIGNED and len(v.shape) <= 2)
    if x is not None and i is not None:
        axis = w.axis(x)
        extent = x.shape[axis]
        if isinstance(extent, int) and 0 < extent < 100:  # what an i8 can say
            picks = [_inside(w, i, extent)]
            if axis + 1 < len(x.shape) and x.shape[axis + 1] == extent:
                picks.append(_inside(w, i, extent))
            w.keep(P.gather(x, *picks, axis=axis), w.is_exact(x))


def _inside(w: Writer, i: Value, extent: int) -> Value:
    low = P.mod(i, constant_like(extent, i))
    return P.sub(low, constant_like(extent, i)) if w.coin() else low


def scatter(w: Writer) -> None:
    x = w.pick(lambda v: has_axes(v) and is_number(v))
    if x is not None:
        axis, extent = w.axis(x), w.number(1, 4)
        i = w.pick(lambda v: v.dtype in SIGNED and v.shape == x.shape[axis : axis + 1])
        if i is None or w.coin():
            i = _positions(w, x.shape[axis])
        shape = (*x.shape[:axis], extent, *x.shape[axis + 1 :])
        w.keep(P.scatter_add(x, _inside(w, i, extent), axis=axis, shape=shape), False)


def _positions(w: Writer, extent: Size) -> Value:
    return w.graph.apply(primitive("iota"), [], {"shape": (extent,), "axis": 0, "dtype": "i64"})


def count(w: Writer) -> None:
    shape = w.base
    dtype = w.one_of([d for d in w.dtypes if d != "bool"])
    w.keep(w.graph.apply(primitive("iota"), [], {"shape": shape, "axis": w.number(0, 1), "dtype": dtype}), True)


def table(w: Writer) -> None:
    """An array that the program owns."""
    shape = tuple(e for e in w.base if isinstance(e, int))
    dtype = w.one_of(w.dtypes)
    rng = np.random.default_rng(w.number(0, 9))
    w.keep(w.graph.constant(_array(rng, dtype, shape, False)), True)


SMOOTH_STEPS = (smooth_arithmetic, curve, turn, new_shape, quotient, repeat, part, surround, join, smooth_fold,
                against_fold, product, table, scatter)  # fmt: skip
STEPS = (
    arithmetic, same_bits, with_number, curve, comparison, choice, turn, new_shape, fold, against_fold, conversion,
    repeat, part, surround, join, bits, quotient, whole_quotient, product, take, scatter, count, table,
)  # fmt: skip


@st.composite
def programs(
    draw: st.DrawFn,
    *,
    sizes: tuple[int, ...] = SMALL,
    symbolic: bool = False,
    smooth: bool = False,
    longest: int = 20,
) -> Program:
    """`symbolic`: leading extents are dimensions; `smooth`: differentiable everywhere, in float64."""
    w = Writer(draw, sizes, symbolic, SMOOTH if smooth else DTYPES)
    with w.graph:
        if symbolic:
            for d in DIMS:
                w.keep(w.graph.placeholder(Type(w.dtypes[0], (Poly.of(d),))), exact=True)
        for _ in range(draw(st.integers(1, 3))):
            w.placeholder()
        for _ in range(draw(st.integers(1, longest))):
            w.one_of(SMOOTH_STEPS if smooth else STEPS)(w)
        wanted = is_float if smooth else bool
        options = [v for v in reversed(w.pool) if wanted(v)]
        w.graph.outputs = [options[0], *(w.one_of(options) for _ in range(draw(st.integers(0, 2))))]
    return Program(w.graph, frozenset(w.exact))
