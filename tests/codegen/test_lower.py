"""Cluster -> nest: every kernel against NumPy, and the rules of the lowering one by one."""

from __future__ import annotations

import numpy as np
import pytest
from codegen import nest_clusters as nk
from codegen import nest_kernels as cases
from codegen.rechunk import in_small_chunks

from graphc.codegen.lower import lower
from graphc.codegen.lower.axes import normalise
from graphc.codegen.lower.chunks import NEIGHBOURS, choose_chunk, writes_apart
from graphc.codegen.nest import interp, monoids
from graphc.codegen.nest.cluster import Cluster
from graphc.codegen.nest.loops import ZERO, Accumulate, Get, Load, Loop, Store, statements
from graphc.ir.poly import Poly

N, D = Poly.of("n"), Poly.of("d")
SIZES = [(1, 1), (3, 19), (17, 5)]


def run(case, kernel, n, d):
    ins, outs = cases.make(case, n, d)
    assert interp.run(kernel, {**ins, **outs}, {"n": n, "d": d}) == 0
    cases.check(case, ins, outs)


def loops(kernel):
    return [s for p in kernel.phases for s in statements(p.body) if isinstance(s, Loop)]


def of_kind(kernel, kind):
    return [s for p in kernel.phases for s in statements(p.body) if isinstance(s, kind)]


@pytest.mark.parametrize("name", cases.CASES)
@pytest.mark.parametrize("static", [False, True], ids=["symbolic", "static"])
def test_nest_computes_what_numpy_does(name, static):
    case = cases.CASES[name]
    for n, d in SIZES:
        run(case, lower(cases.cluster_of(case, n, d, static)), n, d)


@pytest.mark.parametrize("name", cases.CASES)
def test_chunks_together_compute_the_same(name):
    case = cases.CASES[name]
    for n, d in [(9, 7), (2, 21)]:
        run(case, in_small_chunks(lower(cases.cluster_of(case, n, d, False)), 4), n, d)


@pytest.mark.parametrize("name", [k for k, case in cases.CASES.items() if case.empty])
@pytest.mark.parametrize("static", [False, True], ids=["symbolic", "static"])
def test_empty_spaces(name, static):
    case = cases.CASES[name]
    for n, d in [(0, 5), (5, 0), (0, 0)]:
        run(case, lower(cases.cluster_of(case, n, d, static)), n, d)


# ------------------------------------------------------------------------------------------------------------ space


def elementwise(*sizes, flip=False):
    """y = 2 x over a row-major space, or with the order of the axes of y reversed."""
    c = Cluster("copy")
    index = [c.axis(f"i{k}", n) for k, n in enumerate(sizes)]
    c.array("x", "f32", "in")
    c.array("y", "f32", "out")
    value = c.op("mul", "f32", c.load("x", nk.at(sizes, index)), 2.0)
    place = nk.at(sizes[::-1], index[::-1]) if flip else nk.at(sizes, index)
    c.store("y", place, value, c.axes)
    return c


def test_axes_walked_as_one_become_one():
    assert normalise(elementwise(N, D, 7)).axes == {"i0": N * D * 7}
    assert len(loops(lower(elementwise(N, D, 7)))) == 1


def test_axes_walked_apart_stay():
    assert list(normalise(elementwise(3, D, flip=True)).axes) == ["i0", "i1"]
    assert len(normalise(nk.softmax(N, D)).axes) == 2


def test_unit_axes_go():
    assert list(normalise(elementwise(N, 1, D, 1)).axes.values()) == [N * D]
    assert normalise(elementwise(1, 1)).axes == {}
    assert len(loops(lower(elementwise(1, 1)))) == 0


def test_reduced_unit_axis_stays():
    c = Cluster("k")
    c.axis("i", 1)
    c.array("y", "f32", "out")
    c.store("y", ZERO, c.reduce(monoids.SUM, "i", c.const(2.0, "f32"))[0], "")
    y = np.zeros((), "f4")
    interp.run(lower(c), {"y": y}, {})
    assert y == 2


def test_vector_axis_is_where_accesses_are_contiguous():
    c = Cluster("columns")
    i, j = c.axis("i", N), c.axis("j", D)
    for name, role in (("x", "in"), ("z", "in"), ("y", "out")):
        c.array(name, "f32", role)
    value = c.op("add", "f32", c.load("x", j * N + i), c.load("z", i))
    c.store("y", j * N + i, value, "ij")
    assert list(normalise(c).axes) == ["j", "i"]


def row_sums(d):
    s = nk.Space("k", i=1000, j=d)
    x = s.load("x", (1000, d), s.i, s.j)
    s.store("y", (1000,), s.sum((x * s.load("w", (d,), s.j)).op("tanh").op("exp"), "j"), s.i)
    return normalise(s.c)


def test_short_rows_give_way_to_long_columns():
    assert list(row_sums(3).axes) == ["j", "i"]
    assert list(row_sums(64).axes) == ["i", "j"]


def test_reduction_over_nothing_is_refused():
    c = Cluster("k")
    with pytest.raises(ValueError, match="reduction over"):
        c.reduce(monoids.SUM, (), c.const(1.0, "f32"))


# ------------------------------------------------------------------------------------------------------------ rules


def test_stages_of_a_row_share_its_loop():
    (outer,) = [s for s in lower(nk.softmax(N, D)).phases[0].body if isinstance(s, Loop)]
    assert [s.var for s in outer.body if isinstance(s, Loop)] == ["j", "j", "j"]


def test_dear_values_are_kept_between_stages_and_cheap_ones_computed_again():
    assert any(s.buffer.startswith("row") for s in of_kind(lower(nk.softmax(N, D)), Store))
    assert all(b.role != "work" for b in lower(nk.meanvar(8, D, True)).buffers if b.name.startswith("row"))


def test_leading_axis_reduction_walks_rows():
    kernel = lower(nk.total(N, D, "i"))
    inner = [s for s in loops(kernel) if any(isinstance(x, Get) for x in s.body)]
    assert {(s.var, s.kind) for s in inner} == {("j", "vector")}


def test_transcendental_row_values_come_in_strips():
    kernel = lower(nk.logreg(100, D))
    assert any(s.var == "i.s" for s in loops(kernel))
    assert all(s.var != "i.s" for s in loops(lower(nk.softmax(N, D))))


def test_small_static_kernels_have_one_phase():
    assert [p.chunk for p in lower(nk.total(8, 9, "ij")).phases] == [None]
    assert [p.chunk is not None for p in lower(nk.total(N, D, "ij")).phases] == [True, False]


def moved_last_axis(n, d):
    """y[b, j, i] = x[b, i, j]"""
    s = nk.Space("moved", b=8, j=d, i=n)
    s.store("y", (8, d, n), s.load("x", (8, n, d), s.b, s.i, s.j), s.b, s.j, s.i)
    return s.c


def test_threads_do_not_share_the_cache_lines_of_a_transposed_array():
    assert choose_chunk(moved_last_axis(8192, 32)).axis == "i"
    long = choose_chunk(moved_last_axis(8192, 1000))
    assert (long.axis, long.unit) == ("j", NEIGHBOURS)
    assert choose_chunk(elementwise(64, 999, 999)).unit == 1


def test_partial_states_of_neighbours_lie_apart():
    kernel = lower(nk.layernorm_grad(N, 40))
    part = next(b for b in kernel.buffers if b.name.startswith("part"))
    assert part.chunk is not None
    assert part.size.constant is not None and part.size.constant >= 40 + 1024
    assert part.elements({"n": 10**6}) == part.chunk.most * part.size.constant


def test_loads_come_before_stores_in_one_iteration():
    c = Cluster("swap")
    i = c.axis("i", N)
    for name, role in (("x", "in"), ("z", "in"), ("u", "out"), ("v", "out")):
        c.array(name, "f32", role, {"u": "x", "v": "z"}.get(name))
    x, z = c.load("x", i), c.load("z", i)
    c.store("u", i, z, "i")
    c.store("v", i, x, "i")
    a, b = np.arange(5, dtype="f4"), np.arange(5, dtype="f4") * 10
    interp.run(lower(c), {"x": a, "z": b}, {"n": 5})
    np.testing.assert_array_equal(a, [0, 10, 20, 30, 40])
    np.testing.assert_array_equal(b, [0, 1, 2, 3, 4])


def test_equal_values_are_one_but_signed_zeros_differ():
    c = Cluster("k")
    assert c.const(0.0, "f32") is not c.const(-0.0, "f32")
    assert c.const(1, "i64") is not c.const(True, "i64")
    assert c.op("neg", "f32", c.const(1.0, "f32")) is c.op("neg", "f32", c.const(1.0, "f32"))
    c.axis("i", 4)
    one = c.const(1.0, "f32")
    assert c.reduce(monoids.SUM, "i", one) == c.reduce(monoids.SUM, "i", one)


def test_a_floor_division_is_a_dimension_of_the_kernel():
    half = (N + 1) // 2
    kernel = lower(elementwise(half, 3))
    assert kernel.dims == ("((n + 1)//2)",)
    y = np.zeros(9, "f4")
    interp.run(kernel, {"x": np.ones(9, "f4"), "y": y}, {"n": 5})
    np.testing.assert_array_equal(y, np.full(9, 2, "f4"))


@pytest.mark.parametrize("length", [10, 2000])
def test_long_chains_do_not_recurse(length):
    c = Cluster("chain")
    i = c.axis("i", N)
    c.array("x", "i32", "in")
    c.array("y", "i32", "out")
    v = c.load("x", i)
    for k in range(length):
        v = c.op("add", "i32", c.op("neg", "i32", v), k)
    c.store("y", i, v, "i")
    kernel = lower(c)
    assert len(of_kind(kernel, Load)) == 1
    x, y = np.array([5, -7], "i4"), np.zeros(2, "i4")
    interp.run(kernel, {"x": x, "y": y}, {"n": 2})
    np.testing.assert_array_equal(y, x + length // 2)


# ---------------------------------------------------------------------------------------------------- run-time indices


@pytest.mark.parametrize("bad,value", [(-8, 0.0), (7, 6.0), (99, 6.0)])
def test_bad_index_is_reported_and_nothing_outside_is_read(bad, value):
    kernel = lower(nk.gather(N, 1))
    table, y = np.arange(7, dtype="f4"), np.zeros((2, 1), "f4")
    ins = {
        "table": table,
        "rows": np.array([3, bad], "i4"),
        "items": np.zeros((2, 1), "i8"),
        "x": np.zeros((2, 1), "f4"),
    }
    assert interp.run(kernel, {**ins, "y": y}, {"n": 2}) == 3
    np.testing.assert_array_equal(y[:, 0], [3.0, value])


def test_index_into_nothing_reads_and_writes_nothing():
    """Every index into an empty range is bad; the interpreter raises for any access outside."""
    c = Cluster("k")
    i = c.axis("i", N)
    for name, role in (("x", "in"), ("y", "out"), ("z", "out")):
        c.array(name, "f32", role)
    index = c.checked(c.index(i), D, 5)
    c.store("y", i, c.load("x", ZERO, indices=((index, 1),)), "i")
    c.fill("z", D, 0)
    c.accumulate("z", ZERO, c.const(1.0, "f32"), indices=((index, 1),), axes="i")
    y = np.full(2, 9, "f4")
    empty = np.zeros(0, "f4")
    assert interp.run(lower(c), {"x": empty, "y": y, "z": empty.copy()}, {"n": 2, "d": 0}) == 5
    np.testing.assert_array_equal(y, 0)


def test_one_check_per_index():
    c = Cluster("k")
    i = c.axis("i", N)
    assert c.checked(c.index(i), 9, 1) is c.checked(c.index(i), 9, 1)
    assert len(c.effects) == 1


def test_scattered_rows_keep_vectors_along_columns_and_are_cut_there():
    kernel = lower(nk.scatter_rows(N, D))
    (inner,) = [s for s in loops(kernel) if any(isinstance(x, Accumulate) for x in s.body)]
    assert (inner.var, inner.kind) == ("j", "vector")
    assert choose_chunk(nk.scatter_rows(N, D)).axis == "j"


def test_colliding_items_are_added_one_by_one_in_one_chunk():
    kernel = lower(nk.histogram(N, D))
    (inner,) = [s for s in loops(kernel) if any(isinstance(x, Accumulate) for x in s.body)]
    assert inner.kind == "serial"
    assert choose_chunk(nk.histogram(N, D)) is None


def test_other_effects_keep_their_vectors_beside_a_serial_accumulation():
    s = nk.Space("both", i=N)
    x = s.load("x", (N,), s.i)
    index = s.c.checked(s.load("k", (N,), s.i, dtype="i64").v, 5, 1)
    s.array("y", (5,), "f32", "out")
    s.c.fill("y", 5, 0)
    s.c.accumulate("y", ZERO, x.v, indices=((index, 1),), axes="i")
    s.store("z", (N,), x.op("exp"), s.i)
    kinds = {type(x): t.kind for t in loops(lower(s.c)) for x in t.body if isinstance(x, Accumulate | Store)}
    assert kinds == {Accumulate: "serial", Store: "vector"}


def scatter(at, strides, bounds=()):
    """A write at `at` plus checked indices that vary with k."""
    c = Cluster("k")
    i, j, k = c.axis("i", N), c.axis("j", 4), c.axis("k", D)
    c.array("y", "f32", "out")
    indices = [
        (c.checked(c.op("neg", "i64", c.index(k + n)), b, 1), s)
        for n, (s, b) in enumerate(zip(strides, bounds, strict=True))
    ]
    c.accumulate("y", at(i, j, k), c.const(1.0, "f32"), indices=indices, axes="ijk")
    return c


@pytest.mark.parametrize(
    "at,strides,bounds,apart",
    [
        (lambda i, j, k: j, (Poly.of(4),), (9,), "j"),  # rows of 4, scattered
        (lambda i, j, k: i * 36 + j, (Poly.of(4),), (9,), "ij"),  # a batch of such arrays
        (lambda i, j, k: i * D * 4 + j, (Poly.of(4),), (D,), "ij"),  # of unknown height
        (lambda i, j, k: i * 32 + j, (Poly.of(4),), (9,), "j"),  # batches that overlap
        (lambda i, j, k: i + j, (), (), ""),  # windows that overlap
        (lambda i, j, k: (i * 4 + j) * D + k, (), (), "ijk"),  # a plain row-major space
        (lambda i, j, k: i - j, (), (), ""),
        (lambda i, j, k: i, (Poly.of(1),), (9,), ""),
    ],
)
def test_which_axes_write_apart(at, strides, bounds, apart):
    c = scatter(at, strides, bounds)
    write = c.effects[-1]
    assert "".join(a for a in "ijk" if writes_apart(c, write, a)) == apart


def test_a_cut_batch_of_scatters_adds_up():
    c = scatter(lambda i, j, k: i * 36 + j, (Poly.of(4),), (9,))
    c.fill("y", N * 36, 0)
    kernel = in_small_chunks(lower(c), 4)
    y = np.zeros((5, 9, 4), "f4")
    assert interp.run(kernel, {"y": y}, {"n": 5, "d": 9}) == 0
    np.testing.assert_array_equal(y, np.ones_like(y))
