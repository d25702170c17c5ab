"""What lowering makes of a cluster before it writes loops: short axes written out, moments instead of a second pass."""

from __future__ import annotations

import numpy as np
import pytest
from codegen import nest_clusters as nk
from codegen.rechunk import in_small_chunks

import graphc as gx
from graphc.codegen.lower import lower
from graphc.codegen.lower.arg_rows import LONGEST_ROW
from graphc.codegen.lower.axes import normalise
from graphc.codegen.lower.guards import drop_sure_guards
from graphc.codegen.lower.short_axes import LONGEST, write_out
from graphc.codegen.nest import interp, monoids
from graphc.codegen.nest.cluster import Reduction
from graphc.codegen.nest.loops import Guard, Load, statements
from graphc.codegen.schedule import schedule
from graphc.ir.poly import Poly
from graphc.runtime.stages import Stages

N = Poly.of("n")


def reductions(c):
    return [e for e in c.effects if isinstance(e, Reduction)]


# ------------------------------------------------------------------------------------------------------ short axes


def weighted_rows(n, d):
    s = nk.Space("k", i=n, j=d)
    x = s.load("x", (n, d), s.i, s.j)
    s.store("y", (n,), s.sum((x * s.load("w", (d,), s.j)).op("tanh").op("exp"), "j"), s.i)
    return s.c


def test_a_short_axis_is_written_out():
    c = write_out(normalise(weighted_rows(1000, 3)))
    assert list(c.axes) == ["i"]
    assert [v.place.at for v in c.values if v.place and v.place.buffer == "x"] == [
        Poly.of("i") * 3 + k for k in range(3)
    ]
    assert sum(v.op == "add" for v in c.values) == 2
    assert c.effects[0].axes == {"i"}


def test_a_reduction_that_keeps_a_written_out_axis_becomes_one_for_each_point():
    """Pairwise: sums over the long axis of what the three coordinates share the dear part of."""
    s = nk.Space("k", i=50, j=400, q=3)
    d = s.load("x", (400, 3), s.j, s.q) - s.load("x", (50, 3), s.i, s.q)
    s.store("y", (50, 3), s.sum(d * s.sum(d * d, "q").op("exp"), "j"), s.i, s.q)
    c = write_out(normalise(s.c))
    assert list(c.axes) == ["i", "j"]
    assert [e.over for e in c.effects if isinstance(e, Reduction)] == [{"j"}] * 3
    assert sum(v.op == "exp" for v in c.values) == 1
    assert all(b.role != "work" for b in lower(s.c).buffers)


def test_parts_side_by_side_are_chosen_before_the_loop():
    """Three columns become one array: vectors run over its rows, and no row asks which column it is in."""
    columns = [np.random.default_rng(0).standard_normal((500, 3), np.float32) for _ in range(2)]

    def cross(a, b):
        return b + np.stack([a[:, i] * b[:, j] - a[:, j] * b[:, i] for i, j in ((1, 2), (2, 0), (0, 1))], axis=1)

    kernel = Stages(gx.jit(cross).trace(*columns)).kernels[-1]
    asked = [
        g for p in kernel.phases for s in statements(p.body) if isinstance(s, Load) for g in s.guards if g.index.names
    ]
    assert not asked
    np.testing.assert_allclose(gx.jit(cross)(*columns), cross(*columns), rtol=1e-5, atol=1e-6)


def test_an_axis_that_shares_nothing_stays():
    s = nk.Space("k", q=3, i=7, j=100)
    x = s.load("x", (3, 7, 100), s.q, s.i, s.j)
    s.store("y", (3, 7, 100), x * s.load("w", (3, 100), s.q, s.j), s.q, s.i, s.j)
    assert list(write_out(normalise(s.c)).axes) == ["q", "i", "j"]


@pytest.mark.parametrize("points", [2, 3, LONGEST, LONGEST + 1])
@pytest.mark.parametrize("name", ["sum", "max", "min", "prod", "argmax", "argmin"])
def test_every_reduction_of_a_short_axis(name, points):
    """Over the short axis alone, over the long one alone, and over both, beside what keeps them."""
    n = 37
    s = nk.Space("k", q=points, i=N)
    x = s.load("x", (points, N), s.q, s.i, dtype="f64")
    for k, over in enumerate(["q", "i", "qi"]):
        args = [x, s.position(s.q * N + s.i)] if name.startswith("arg") else [x]
        kept = [(a, e) for a, e in (("q", points), ("i", N)) if a not in over]
        made = s.reduce(monoids.MONOIDS[name], over, *args)[-1]
        s.store(f"y{k}", tuple(e for _, e in kept) or (1,), made, *([s.vars[a] for a, _ in kept] or [0]))
    x = np.random.default_rng(points).normal(size=(points, n))
    x[points // 2, 5] = np.nan
    outs = {f"y{k}": np.zeros(size, "i8" if name.startswith("arg") else "f8") for k, size in enumerate((n, points, 1))}
    kernel = lower(s.c)
    written = all(v.place is None or "q" not in v.place.names for v in write_out(normalise(s.c)).values)
    assert written == (points <= LONGEST)
    for made in (kernel, in_small_chunks(schedule(kernel))):
        assert interp.run(made, {"x": x, **outs}, {"n": n}) == 0
        for k, axis in enumerate((0, 1, None)):
            np.testing.assert_allclose(outs[f"y{k}"], expected(name, x, axis), rtol=1e-12)


def expected(name, x, axis):
    if not name.startswith("arg"):
        return getattr(np, name)(x, axis=axis)
    flat = np.arange(x.size).reshape(x.shape)
    where = getattr(np, name)(x, axis=axis)
    return where if axis is None else np.take_along_axis(flat, np.expand_dims(where, axis), axis).squeeze(axis)


def test_checks_and_writes_of_a_short_axis():
    """Rows of a table picked four at a time and added; an index outside is still reported."""
    s = nk.Space("k", i=5, q=4, j=40)
    index = s.c.checked(s.load("rows", (5, 4), s.i, s.q, dtype="i64").v, 9, 7)
    s.array("table", (9, 40), "f64")
    row = nk.Term(s.c, s.c.load("table", s.j, indices=((index, 40),)))
    s.store("y", (5, 40), s.sum(row, "q"), s.i, s.j)
    s.store("z", (5, 4), s.sum(row, "j"), s.i, s.q)
    kernel = schedule(lower(s.c))
    assert all(b.role != "work" for b in kernel.buffers)
    table, rows = np.random.default_rng(0).normal(size=(9, 40)), np.arange(20).reshape(5, 4) % 9 - 4
    y, z = np.zeros((5, 40)), np.zeros((5, 4))
    assert interp.run(kernel, {"table": table, "rows": rows, "y": y, "z": z}, {}) == 0
    np.testing.assert_allclose(y, table[rows].sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(z, table[rows].sum(axis=2), rtol=1e-12)
    rows[3, 3] = 9
    assert interp.run(kernel, {"table": table, "rows": rows, "y": y, "z": z}, {}) == 7


# ------------------------------------------------------------------------------------------------ arg-reductions


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4"])
@pytest.mark.parametrize("name", ["argmax", "argmin"])
def test_positions_in_rows_take_two_stages(name, dtype):
    """The first of equal items and the first NaN win; the maximum beside it is the one of the first stage."""
    r = np.random.default_rng(0)
    x = r.integers(-3, 4, (60, 77)).astype(dtype)
    if dtype != "i4":
        x[7, 5] = x[7, 9] = x[8, 76] = np.nan
        x[9] = np.inf
        x[10, ::2], x[10, 1::2] = 0.0, -0.0
    extreme = {"argmax": np.max, "argmin": np.min}[name]

    def f(x):
        return getattr(np, name)(x, axis=1), extreme(x, axis=1), getattr(np, name)(x, axis=0)

    texts = nests(f, x)
    assert sum(text.count(f"{name}.identity") for text in texts) == 1  # of the outer axis
    for got, want in zip(gx.jit(f)(x), f(x), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("shape,axis", [((3, LONGEST_ROW + 1), 1), ((5000,), 0)])
def test_positions_in_rows_that_no_cache_holds_take_one(shape, axis):
    x = np.random.default_rng(0).normal(size=shape).astype("f4")
    (text,) = nests(lambda x: x.argmax(axis=axis), x)
    assert "argmax.identity" in text
    np.testing.assert_array_equal(gx.jit(lambda x: x.argmax(axis=axis))(x), x.argmax(axis=axis))


# ----------------------------------------------------------------------------------------------------------- guards


@pytest.mark.parametrize(
    "index,bound,sure",
    [
        (lambda i, n: i, lambda n: n, True),
        (lambda i, n: i - 1, lambda n: n, False),
        (lambda i, n: i + 1, lambda n: n, False),
        (lambda i, n: i + 1, lambda n: n + 1, True),
        (lambda i, n: n - 1 - i, lambda n: n, True),
        (lambda i, n: i * 2, lambda n: n * 2 - 1, True),
        (lambda i, n: i * 2, lambda n: n * 2 - 2, False),
    ],
)
@pytest.mark.parametrize("n", [9, N])
def test_guards_that_hold_everywhere_go(index, bound, sure, n):
    n = Poly.of(n)
    s = nk.Space("k", i=n)
    x = s.load("x", (n * 3,), s.i, guards=(Guard(index(s.i, n), bound(n)), Guard(s.i - 2, n)))
    s.store("y", (n,), x, s.i)
    (load,) = [v for v in drop_sure_guards(s.c).values if v.place]
    assert len(load.place.guards) == 1 + (not sure)


# --------------------------------------------------------------------------------------------------------- moments


def statistics(x, axis):
    return x.mean(axis=axis), x.var(axis=axis)


def nests(f, *args):
    return [str(k) for k in Stages(gx.jit(f).trace(*args)).nests]


@pytest.mark.parametrize("shape", [(2000, 500), (500, 2001), (7, 100_000)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("threads", [1, 2])
def test_variance_over_a_leading_axis_reads_memory_once(shape, dtype, threads):
    x = (np.random.default_rng(0).normal(size=shape) * 3 + 100).astype(dtype)
    (text,) = nests(lambda x: statistics(x, 0), x)
    assert text.count("moments.identity") == (shape[0] > LONGEST)
    mean, var = gx.jit(threads=threads)(lambda x: statistics(x, 0))(x)
    exact = x.astype("f8")
    np.testing.assert_allclose(mean, exact.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(var, exact.var(axis=0), rtol=2e-5 if dtype == "f4" else 1e-12)


def test_the_mean_of_an_infinity_beside_moments_is_infinite():
    x = np.ones((2000, 500), "f4")
    x[100, 7], x[5, 8] = np.inf, np.nan
    mean, var = gx.jit(lambda x: statistics(x, 0))(x)
    assert mean[7] == np.inf
    assert np.isnan([mean[8], var[7], var[8]]).all()
    assert (mean[9:] == 1).all() and (var[9:] == 0).all()


def test_moments_of_a_symbolic_number_of_rows():
    f = gx.jit(signature="f64[rows,512]")(lambda x: statistics(x, 0))
    for rows in (1, 3, 3000):
        x = np.random.default_rng(rows).normal(size=(rows, 512))
        np.testing.assert_allclose(f(x)[1], x.var(axis=0), rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("shape,axis", [((40, 50), 0), ((2000, 500), 1), ((2000, 500), None)])
def test_what_is_in_a_cache_is_looked_at_twice(shape, axis):
    assert all("moments" not in text for text in nests(lambda x: statistics(x, axis), np.ones(shape, "f4")))


def test_a_sum_of_squares_about_something_else_stays():
    x = np.ones((2000, 500), "f4")
    for f in (
        lambda x: ((x - x.sum(0)) ** 2).sum(0),
        lambda x: ((x - x.mean(0)) ** 2).max(0),
        lambda x: (x * x).sum(0),
    ):
        assert all("moments" not in text for text in nests(f, x))
