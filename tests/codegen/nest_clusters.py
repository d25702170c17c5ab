"""Clusters as fusion would hand them over, each with its answer in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphc.codegen.nest import monoids
from graphc.codegen.nest.cluster import Cluster, Value
from graphc.codegen.nest.loops import Guard
from graphc.ir.poly import Poly, Size

Arrays = dict[str, Any]
Shape = tuple[Size, ...]
erf = np.vectorize(math.erf, otypes=["f8"])


@dataclass(frozen=True)
class Term:
    """A value with operators."""

    c: Cluster
    v: Value

    def op(self, name: str, *others: Term | float, dtype: str = "") -> Term:
        return apply(self.c, name, dtype or self.v.dtype, self, *others)

    def __add__(self, o: Term | float) -> Term:
        return self.op("add", o)

    def __sub__(self, o: Term | float) -> Term:
        return self.op("sub", o)

    def __mul__(self, o: Term | float) -> Term:
        return self.op("mul", o)

    def __gt__(self, o: Term | float) -> Term:
        return self.op("gt", o, dtype="bool")

    def cast(self, dtype: str) -> Term:
        return self.op("cast", dtype=dtype)


def apply(c: Cluster, name: str, dtype: str, *args: Term | float) -> Term:
    return Term(c, c.op(name, dtype, *(a.v if isinstance(a, Term) else a for a in args)))


def strides(shape: Shape) -> list[Poly]:
    steps = [Poly.of(1)]
    for n in shape[:0:-1]:
        steps.insert(0, steps[0] * n)
    return steps


def at(shape: Shape, index: Shape) -> Poly:
    return sum((Poly.of(i) * s for i, s in zip(index, strides(shape), strict=bool(shape))), Poly())


class Space:
    """A cluster over named axes, with row-major arrays."""

    def __init__(self, name: str, **axes: Size):
        self.c = Cluster(name)
        self.vars = {a: self.c.axis(a, n) for a, n in axes.items()}
        self.shapes: dict[str, Shape] = {}

    def __getattr__(self, axis: str) -> Poly:
        return self.vars[axis]

    def array(self, name: str, shape: Shape, dtype: str, role: str = "in") -> None:
        self.c.array(name, dtype, role)
        self.shapes[name] = shape

    def load(self, name: str, shape: Shape, *index: Size, dtype: str = "f32", guards: tuple[Guard, ...] = ()) -> Term:
        if name not in self.c.arrays:
            self.array(name, shape, dtype)
        return Term(self.c, self.c.load(name, at(shape, index), guards))

    def store(self, name: str, shape: Shape, value: Term, *index: Size, dtype: str = "") -> None:
        self.array(name, shape, dtype or value.v.dtype, "out")
        names = frozenset[str]().union(*(Poly.of(i).names for i in index))
        self.c.store(name, at(shape, index), value.v, names)

    def reduce(self, monoid: monoids.Monoid, over: str, *args: Term) -> list[Term]:
        return [Term(self.c, v) for v in self.c.reduce(monoid, over, *(a.v for a in args))]

    def sum(self, x: Term, over: str) -> Term:
        return self.reduce(monoids.SUM, over, x)[0]

    def position(self, index: Poly, dtype: str = "i64") -> Term:
        return Term(self.c, self.c.index(index, dtype))


# --------------------------------------------------------------------------------------------------- one float type


def chain(n: Size, d: Size) -> Cluster:
    """A dozen operations with a row and a column vector."""
    s = Space("chain", i=n, j=d)
    x = s.load("x", (n, d), s.i, s.j)
    a = x * s.load("r", (d,), s.j) + s.load("k", (n,), s.i)
    b = a.op("tanh")
    e = (b * b).op("neg").op("exp") + x * 0.5
    g = (a > 0.0).op("select", (e.op("abs") + 1.0).op("sqrt"), b, dtype="f32")
    s.store("y", (n, d), g.op("maximum", -0.5).op("div", b * b + 1.0), s.i, s.j)
    return s.c


def want_chain(a: Arrays) -> Arrays:
    t = a["x"] * a["r"] + a["k"][:, None]
    b = np.tanh(t)
    e = np.exp(-b * b) + 0.5 * a["x"]
    return {"y": np.maximum(np.where(t > 0, np.sqrt(np.abs(e) + 1), b), -0.5) / (1 + b * b)}


def softmax(n: Size, d: Size) -> Cluster:
    s = Space("softmax", i=n, j=d)
    x = s.load("x", (n, d), s.i, s.j)
    e = (x - s.reduce(monoids.MAX, "j", x)[0]).op("exp")
    s.store("y", (n, d), e.op("div", s.sum(e, "j")), s.i, s.j)
    return s.c


def want_softmax(a: Arrays) -> Arrays:
    e = np.exp(a["x"] - a["x"].max(1, keepdims=True, initial=-np.inf))
    return {"y": e / e.sum(1, keepdims=True)}


def softmax_columns(n: Size, d: Size) -> Cluster:
    s = Space("softmax_columns", i=n, j=d)
    x = s.load("x", (n, d), s.i, s.j)
    e = (x - s.reduce(monoids.MAX, "i", x)[0]).op("exp")
    s.store("y", (n, d), e.op("div", s.sum(e, "i")), s.i, s.j)
    return s.c


def layernorm_grad(n: Size, d: int) -> Cluster:
    """dx per row; dgain, dbias and the loss over rows, in one pass."""
    s = Space("layernorm_grad", i=n, j=d)
    x, w = s.load("x", (n, d), s.i, s.j), s.load("w", (n, d), s.i, s.j)
    g, b = s.load("g", (d,), s.j), s.load("b", (d,), s.j)
    dev = x - s.sum(x, "j") * (1 / d)
    inv = apply(s.c, "div", "f32", 1.0, (s.sum(dev * dev, "j") * (1 / d) + 1e-5).op("sqrt"))
    h, wg = dev * inv, w * g
    mean_wg, mean_wgh = s.sum(wg, "j") * (1 / d), s.sum(wg * h, "j") * (1 / d)
    s.store("dx", (n, d), (wg - mean_wg - h * mean_wgh) * inv, s.i, s.j)
    s.store("dg", (d,), s.sum(w * h, "i"), s.j)
    s.store("db", (d,), s.sum(w, "i"), s.j)
    s.store("loss", (), s.sum((h * g + b) * w, "ij"))
    return s.c


def want_layernorm_grad(a: Arrays) -> Arrays:
    dev = a["x"] - a["x"].mean(1, keepdims=True)
    inv = 1 / np.sqrt((dev * dev).mean(1, keepdims=True) + 1e-5)
    h, wg = dev * inv, a["w"] * a["g"]
    dx = (wg - wg.mean(1, keepdims=True) - h * (wg * h).mean(1, keepdims=True)) * inv
    return {"dx": dx, "dg": (a["w"] * h).sum(0), "db": a["w"].sum(0), "loss": ((h * a["g"] + a["b"]) * a["w"]).sum()}


def logsumexp_argmax(n: Size, d: Size, axis: str, composite: bool) -> Cluster:
    """As the user writes it (two stages), or as one composite reduction."""
    s = Space(f"lse_{axis}{'_composite' if composite else ''}", i=n, j=d)
    x = s.load("x", (n, d), s.i, s.j)
    other, size = ("j", d) if axis == "i" else ("i", n)
    m, k = s.reduce(monoids.ARGMAX, axis, x, s.position(Poly.of(axis), "i32"))
    if composite:
        top, z = s.reduce(monoids.LOGSUMEXP, axis, x)
        lse = z.op("log") + top
    else:
        lse = s.sum((x - m).op("exp"), axis).op("log") + m
    s.store("lse", (size,), lse, s.vars[other])
    s.store("arg", (size,), k.cast("i64"), s.vars[other])
    return s.c


def want_logsumexp(axis: int) -> Callable[[Arrays], Arrays]:
    def want(a: Arrays) -> Arrays:
        m = a["x"].max(axis, keepdims=True)
        return {"lse": np.log(np.exp(a["x"] - m).sum(axis)) + m.squeeze(axis), "arg": a["x"].argmax(axis)}

    return want


def meanvar(n: int, d: Size, staged: bool) -> Cluster:
    """Mean and variance over axis 0."""
    s = Space("meanvar" + ("_staged" if staged else ""), i=n, j=d)
    x = s.load("x", (n, d), s.i, s.j)
    mean = s.sum(x, "i") * (1 / n)
    dev = x - mean
    squares = s.sum(dev * dev, "i") if staged else s.reduce(monoids.MOMENTS, "i", x)[2]
    s.store("mean", (d,), mean, s.j)
    s.store("var", (d,), squares * (1 / n), s.j)
    return s.c


def total(n: Size, d: Size, over: str) -> Cluster:
    s = Space(f"sum_{over}", i=n, j=d)
    shape, index = {"i": ((d,), (s.j,)), "j": ((n,), (s.i,)), "ij": ((), ())}[over]
    s.store("y", shape, s.sum(s.load("x", (n, d), s.i, s.j), over), *index)
    return s.c


def affine_rows(n: Size, d: Size) -> Cluster:
    """A matrix times a vector, plus a vector: rows share what they are multiplied with."""
    s = Space("affine_rows", i=n, j=d)
    products = s.load("x", (n, d), s.i, s.j) * s.load("r", (d,), s.j)
    s.store("y", (n,), s.sum(products, "j") + s.load("k", (n,), s.i), s.i)
    return s.c


def middle_sum(n: Size, d: Size) -> Cluster:
    """Sum over axes 0 and 2 of three: the kept axis lies between the reduced ones."""
    s = Space("middle_sum", h=3, i=n, j=d)
    s.store("y", (n,), s.sum(s.load("x", (3, n, d), s.h, s.i, s.j), "hj"), s.i)
    return s.c


def share_of_sum(n: Size, d: Size) -> Cluster:
    """Row sums as shares of the total: a value per row is needed again after the loop over rows."""
    s = Space("share_of_sum", i=n, j=d)
    rows = s.sum(s.load("x", (n, d), s.i, s.j), "j")
    s.store("y", (n,), rows.op("div", s.sum(rows, "i")), s.i)
    return s.c


def batch_norm(n: Size, d: int) -> Cluster:
    """Three axes: normalise over the first and the last, with an exponential per kept point."""
    s = Space("batch_norm", h=n, i=5, j=d)
    x = s.load("x", (n, 5, d), s.h, s.i, s.j)
    top = s.reduce(monoids.MAX, "hj", x)[0]
    e = (x - top).op("exp")
    s.store("y", (n, 5, d), e.op("div", s.sum(e, "hj")), s.h, s.i, s.j)
    return s.c


def want_batch_norm(a: Arrays) -> Arrays:
    e = np.exp(a["x"] - a["x"].max((0, 2), keepdims=True, initial=-np.inf))
    return {"y": e / e.sum((0, 2), keepdims=True)}


def spread(n: Size, d: Size) -> Cluster:
    """Three axes: exponentials of a row and roots of a matrix, both spread over what lies outside of them."""
    s = Space("spread", h=5, i=n, j=d)
    x = s.load("x", (5, n, d), s.h, s.i, s.j)
    row, matrix = s.load("r", (d,), s.j).op("exp"), s.load("m", (n, d), s.i, s.j).op("abs").op("sqrt")
    scale = s.sum(x.op("abs"), "h") + 1.0
    s.store("y", (5, n, d), (x * row + matrix).op("div", scale.op("sqrt")), s.h, s.i, s.j)
    return s.c


def want_spread(a: Arrays) -> Arrays:
    return {"y": (a["x"] * np.exp(a["r"]) + np.sqrt(np.abs(a["m"]))) / np.sqrt(np.abs(a["x"]).sum(0) + 1)}


def stencil(n: Size, d: Size) -> Cluster:
    """u + 0.2 (up + down + left + right - 4 u), zero outside."""
    s = Space("stencil", i=n, j=d)
    rows, cols = Poly.of(n), Poly.of(d)
    mid = s.load("u", (n, d), s.i, s.j)
    near = [s.load("u", (n, d), s.i + k, s.j, guards=(Guard(s.i + k, rows),)) for k in (-1, 1)]
    near += [s.load("u", (n, d), s.i, s.j + k, guards=(Guard(s.j + k, cols),)) for k in (-1, 1)]
    s.store("y", (n, d), (near[0] + near[1] + near[2] + near[3] - mid * 4.0) * 0.2 + mid, s.i, s.j)
    return s.c


def want_stencil(a: Arrays) -> Arrays:
    p, u = np.pad(a["u"], 1), a["u"]
    return {"y": u + 0.2 * (p[:-2, 1:-1] + p[2:, 1:-1] + p[1:-1, :-2] + p[1:-1, 2:] - 4 * u)}


def views(n: Size, d: Size) -> Cluster:
    """A transposed, a flipped and a strided operand."""
    s = Space("views", i=n, j=d)
    rows, cols = Poly.of(n), Poly.of(d)
    t = s.load("t", (d, n), s.j, s.i)
    f = s.load("f", (n, d), s.i, cols - 1 - s.j)
    v = s.load("v", (rows * 2, cols * 3), s.i * 2, s.j * 3 + 1)
    s.store("y", (n, d), t * f + v, s.i, s.j)
    return s.c


def transposed_store(n: Size, d: Size) -> Cluster:
    s = Space("transposed_store", i=n, j=d)
    x = s.load("x", (n, d), s.i, s.j) + s.load("z", (n, d), s.i, s.j)
    s.store("y", (d, n), x * 2.0, s.j, s.i)
    return s.c


def logreg(n: int, d: Size) -> Cluster:
    """Mean logistic loss, gradient of weights and bias: one pass over x, in strips."""
    s = Space("logreg", i=n, j=d)
    x, y = s.load("x", (n, d), s.i, s.j), s.load("t", (n,), s.i)
    z = s.sum(x * s.load("w", (d,), s.j), "j") + s.load("b", ())
    softplus = z.op("maximum", 0.0) + z.op("abs").op("neg").op("exp").op("log1p")
    r = (z.op("sigmoid") - y) * (1 / n)
    s.store("loss", (), s.sum((softplus - y * z) * (1 / n), "i"))
    s.store("dw", (d,), s.sum(x * r, "i"), s.j)
    s.store("db", (), s.sum(r, "i"))
    return s.c


def want_logreg(a: Arrays) -> Arrays:
    z = a["x"] @ a["w"] + a["b"]
    r = (1 / (1 + np.exp(-z)) - a["t"]) / len(z)
    return {"loss": np.mean(np.logaddexp(0, z) - a["t"] * z), "dw": a["x"].T @ r, "db": r.sum()}


# -------------------------------------------------------------------------------------------------- types and indices


def mixed(n: Size, d: Size) -> Cluster:
    """Six types in one loop, a half-precision operand and result, a boolean result."""
    s = Space("mixed", i=n, j=d)
    x, h = s.load("x", (n, d), s.i, s.j), s.load("h", (n, d), s.i, s.j, dtype="f16")
    w = s.load("w", (d,), s.j, dtype="f64")
    b, k = s.load("b", (n, d), s.i, s.j, dtype="i8"), s.load("k", (n,), s.i, dtype="i64")
    m = s.load("m", (n, d), s.i, s.j, dtype="bool")
    wide = (x + h).cast("f64") * w + k.cast("f64")
    chosen = m.op("select", wide, b.cast("f64"), dtype="f64")
    s.store("y", (n, d), chosen, s.i, s.j)
    s.store("z", (n, d), x * h, s.i, s.j, dtype="f16")
    s.store("p", (n, d), (chosen > 0.0).op("xor", m), s.i, s.j)
    return s.c


def want_mixed(a: Arrays) -> Arrays:
    h = a["h"].astype("f4")
    wide = (a["x"] + h).astype("f8") * a["w"] + a["k"][:, None]
    chosen = np.where(a["m"], wide, a["b"])
    return {"y": chosen, "z": (a["x"] * h).astype("f2"), "p": (chosen > 0) ^ a["m"]}


def integers(n: Size, d: Size) -> Cluster:
    """Wrapping arithmetic, division, shifts and reductions of integers and booleans."""
    s = Space("integers", i=n, j=d)
    x, y = s.load("x", (n, d), s.i, s.j, dtype="i32"), s.load("y", (n, d), s.i, s.j, dtype="i32")
    u = s.load("u", (n, d), s.i, s.j, dtype="u8")
    s.store("q", (n, d), x.op("floordiv", y) + x.op("mod", y) * 65537, s.i, s.j)
    s.store("sh", (n, d), (u + 200).op("shr", 3).op("xor", u.op("shl", 1)), s.i, s.j)
    s.store("total", (d,), s.sum(x.cast("i64"), "i"), s.j)
    s.store("top", (n,), s.reduce(monoids.MAX, "j", x)[0], s.i)
    s.store("low", (), s.reduce(monoids.MIN, "ij", u)[0])
    s.store("product", (n,), s.reduce(monoids.PROD, "j", y)[0], s.i)
    s.store("some", (n,), s.reduce(monoids.ANY, "j", x > 90)[0], s.i)
    s.store("every", (d,), s.reduce(monoids.ALL, "i", x > -90)[0], s.j)
    s.store("first", (n,), s.reduce(monoids.ARGMIN, "j", x, s.position(s.j))[1], s.i)
    return s.c


def want_integers(a: Arrays) -> Arrays:
    x, y, u = a["x"], a["y"], a["u"]
    low = np.iinfo("i4").min
    return {
        "q": x // y + (x % y) * np.int32(65537),
        "sh": ((u + np.uint8(200)) >> np.uint8(3)) ^ (u << np.uint8(1)),
        "total": x.sum(0, dtype="i8"),
        "top": x.max(1, initial=low),
        "low": u.min(initial=255),
        "product": y.prod(1, dtype="i4"),
        "some": (x > 90).any(1),
        "every": (x > -90).all(0),
        "first": x.argmin(1) if x.shape[1] else np.full(len(x), np.iinfo("i8").max),
    }


def gather(n: Size, d: Size) -> Cluster:
    """Rows of a table, chosen at run time, and single items of each row."""
    s = Space("gather", i=n, j=d)
    s.array("table", (7, d), "f32")
    rows = s.c.checked(s.load("rows", (n,), s.i, dtype="i32").v, 7, 3)
    picked = Term(s.c, s.c.load("table", s.j, indices=((rows, Poly.of(d)),)))
    items = s.c.checked(s.load("items", (n, d), s.i, s.j, dtype="i64").v, d, 4)
    s.array("x", (n, d), "f32")
    mine = Term(s.c, s.c.load("x", s.i * d, indices=((items, 1),)))
    s.store("y", (n, d), picked + mine, s.i, s.j)
    return s.c


def want_gather(a: Arrays) -> Arrays:
    return {"y": a["table"][a["rows"]] + np.take_along_axis(a["x"], a["items"], 1)}


def scatter_rows(n: Size, d: Size) -> Cluster:
    """The gradient of picking rows: the loop over columns has vectors, the rows are added one after the other."""
    s = Space("scatter_rows", i=n, j=d)
    x = s.load("x", (n, d), s.i, s.j) * 2.0
    rows = s.c.checked(s.load("rows", (n,), s.i, dtype="i32").v, 7, 3)
    s.array("y", (7, d), "f32", "out")
    s.c.fill("y", Poly.of(d) * 7, 0)
    s.c.accumulate("y", s.j, x.v, indices=((rows, Poly.of(d)),), axes="ij")
    s.store("z", (n, d), x, s.i, s.j)
    return s.c


def want_scatter_rows(a: Arrays) -> Arrays:
    y = np.zeros((7, a["x"].shape[1]))
    np.add.at(y, a["rows"], 2 * a["x"])
    return {"y": y, "z": 2 * a["x"]}


def histogram(n: Size, d: Size) -> Cluster:
    """Counts, from given counts on: no axis may be cut, no lanes may meet."""
    s = Space("histogram", i=n, j=d)
    items = s.c.checked(s.load("items", (n, d), s.i, s.j, dtype="i64").v, d, 9)
    s.array("start", (d,), "i32")
    s.array("y", (d,), "i32", "out")
    s.c.fill("y", d, "start")
    s.c.accumulate("y", Poly(), s.c.const(1, "i32"), indices=((items, 1),), axes="ij")
    return s.c


def want_histogram(a: Arrays) -> Arrays:
    bins = len(a["start"])
    return {"y": a["start"] + np.bincount((a["items"] % max(bins, 1)).ravel(), minlength=bins)}


def no_axes(n: Size, d: Size) -> Cluster:
    """A cluster without a loop: scalars, a constant, an extent as a value."""
    s = Space("no_axes")
    x = s.load("x", ())
    size = s.position(Poly.of(n) * d)
    s.store("y", (), x.op("exp") + s.load("b", ()))
    s.store("size", (), size)
    s.store("half", (), Term(s.c, s.c.const(0.5, "f64")))
    return s.c
