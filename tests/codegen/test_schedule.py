"""Schedules: the same answers for every plan, and what each step does to the loops."""

from __future__ import annotations

import numpy as np
import pytest
from codegen import nest_clusters as nk
from codegen import nest_kernels as cases
from codegen.rechunk import in_small_chunks

from graphc.codegen.lower import lower
from graphc.codegen.nest import interp, monoids
from graphc.codegen.nest.cluster import Cluster
from graphc.codegen.nest.loops import (
    Fold,
    Get,
    Let,
    Load,
    LoadTuple,
    Loop,
    Merge,
    Prefetch,
    StoreTuple,
    parts,
    statements,
)
from graphc.codegen.schedule import Plan, schedule
from graphc.codegen.schedule.reductions import BLOCK
from graphc.codegen.schedule.tile import TILE
from graphc.config import config
from graphc.ir.poly import Poly

N, D = Poly.of("n"), Poly.of("d")
PLANS = {
    "auto": Plan(),
    "plain": Plan(unroll=1, jam=1, abreast=1, prefetch=0),
    "narrow": Plan(lanes=4, unroll=2, jam=3, abreast=4),
}


def loops(kernel):
    """Every loop, the rests of loops included."""
    return [q for p in kernel.phases for s in statements(p.body) if isinstance(s, Loop) for q in parts(s)]


def vectors(kernel):
    return [s for s in loops(kernel) if s.kind == "vector"]


@pytest.mark.parametrize("name", cases.CASES)
@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS)
@pytest.mark.parametrize("static", [False, True], ids=["symbolic", "static"])
def test_scheduled_nest_computes_what_numpy_does(name, plan, static):
    case = cases.CASES[name]
    for n, d in [(1, 1), (3, 19), (18, 5)]:
        kernel = schedule(lower(cases.cluster_of(case, n, d, static)), plan)
        ins, outs = cases.make(case, n, d)
        assert interp.run(kernel, {**ins, **outs}, {"n": n, "d": d}) == 0
        cases.check(case, ins, outs)


@pytest.mark.parametrize("name", ["softmax", "layernorm_grad", "logreg", "integers", "scatter_rows"])
def test_full_vectors_blocks_and_chunks(name):
    """Rows long enough for the unrolled loops, in many chunks."""
    case, n, d = cases.CASES[name], 11, 150
    kernel = schedule(lower(cases.cluster_of(case, n, d, False)))
    ins, outs = cases.make(case, n, d)
    assert interp.run(in_small_chunks(kernel, 32), {**ins, **outs}, {"n": n, "d": d}) == 0
    cases.check(case, ins, outs)


@pytest.mark.parametrize("name", [k for k, case in cases.CASES.items() if case.empty])
def test_empty_spaces(name):
    case = cases.CASES[name]
    for n, d in [(0, 5), (5, 0)]:
        kernel = schedule(lower(cases.cluster_of(case, n, d, False)))
        ins, outs = cases.make(case, n, d)
        assert interp.run(kernel, {**ins, **outs}, {"n": n, "d": d}) == 0
        cases.check(case, ins, outs)


def test_lanes_follow_the_widest_type_of_each_loop():
    s = nk.Space("two", i=N, j=D)
    x = s.load("x", (N, D), s.i, s.j)
    s.store("y", (N, D), x.op("exp"), s.i, s.j)
    s.store("z", (D,), s.load("w", (D,), s.j).cast("f64"), s.j)
    assert {v.width for v in vectors(schedule(lower(s.c)))} == {16, 8}


def test_an_index_of_32_bits_keeps_16_lanes():
    def widths(dtype):
        s = nk.Space("arg", i=N, j=D)
        x = s.load("x", (N, D), s.i, s.j)
        s.store("y", (N,), s.reduce(monoids.ARGMAX, "j", x, s.position(s.j, dtype))[1], s.i)
        return {v.width for v in vectors(schedule(lower(s.c)))}

    assert (widths("i32"), widths("i64")) == ({16}, {8, 16})  # positions of 64 bits; their maximum needs none


def test_a_few_wide_values_do_not_halve_the_lanes():
    """Labels of 64 bits compared in a loop that writes floats; a loop that is mostly f64 keeps to 8 lanes."""
    s = nk.Space("hot", i=N, j=D)
    same = s.load("labels", (N,), s.i, dtype="i64").op("eq", s.load("k", (D,), s.j, dtype="i64"), dtype="bool")
    hot = same.cast("f32")
    s.store("y", (N, D), hot * s.load("x", (N, D), s.i, s.j) + hot, s.i, s.j)
    assert {v.width for v in vectors(schedule(lower(s.c)))} == {16}


def flat(n):
    s = nk.Space("flat", i=n)
    s.store("y", (n,), s.load("x", (n,), s.i) + 1.0, s.i)
    return schedule(lower(s.c))


@pytest.mark.parametrize(
    "n,shape",
    [
        (N, [(64, 16, False), (16, 16, True)]),
        (128, [(64, 16, False)]),
        (80, [(64, 16, False), (16, 16, False)]),
        (37, [(32, 16, False), (16, 16, True)]),
        (16, [(16, 16, False)]),
        (5, [(16, 16, True)]),
    ],
)
def test_whole_vectors_then_one_masked_loop(n, shape):
    assert [(s.step, s.width, s.masked) for s in vectors(flat(n))] == shape


@pytest.mark.parametrize(
    "n,shape",
    [
        (1 << 20, [(64, 16, False)]),
        (1_000_016, [(64, 16, False), (16, 16, False)]),
        (1_000_001, [(64, 16, False), (16, 16, True)]),
    ],
)
def test_chunks_of_whole_vectors_have_no_masked_loop(n, shape):
    kernel = flat(n)
    assert kernel.phases[0].chunk is not None
    assert [(s.step, s.width, s.masked) for s in vectors(kernel)] == shape
    x, y = np.arange(n, dtype="f4"), np.zeros(n, "f4")
    assert interp.run(kernel, {"x": x, "y": y}, {}) == 0
    assert (y == x + 1).all()


def test_heavy_bodies_are_copied_less():
    def heavy(ops):
        s = nk.Space("heavy", i=N)
        v = s.load("x", (N,), s.i)
        for _ in range(ops):
            v = v.op("exp")
        s.store("y", (N,), v, s.i)
        return vectors(schedule(lower(s.c)))

    assert [s.step for s in heavy(1)] == [32, 16]
    assert [s.step for s in heavy(10)] == [16, 16]
    assert [(s.step, s.masked) for s in heavy(60)] == [(16, True)]


def code(body):
    """Statements, counted in every copy of an unrolled loop."""
    return sum(_code(s) for s in body)


def _code(s):
    if not isinstance(s, Loop):
        return 1
    copies = s.hi[0].constant // s.step if s.kind == "unroll" else 1
    return copies * sum(code(part.body) for part in parts(s))


@pytest.mark.parametrize("name", cases.CASES)
def test_code_size_is_bounded(name):
    """All copies of a body together stay in proportion to the nest as it was lowered; squares take eight rows each."""
    naive = lower(cases.cluster_of(cases.CASES[name], 64, 64, False))
    before, after = (sum(code(p.body) for p in k.phases) for k in (naive, schedule(naive)))
    squares = any(isinstance(s, LoadTuple | StoreTuple) for p in schedule(naive).phases for s in statements(p.body))
    assert after <= (24 if squares else 7) * before


def test_deep_chains_are_not_copied():
    c = Cluster("deep")
    i = c.axis("i", N)
    c.array("x", "f32", "in")
    c.array("y", "f32", "out")
    v = c.load("x", i)
    for k in range(2000):
        v = c.op("mul" if k % 2 else "add", "f32", v, 1.0 + k)
    c.store("y", i, v, "i")
    kernel = schedule(lower(c))
    assert sum(1 for p in kernel.phases for _ in statements(p.body)) < 2010


def test_jam_takes_several_rows_per_visit_of_the_state():
    kernel = schedule(lower(nk.total(N, D, "i")))
    assert any(s.var == "i" and s.step == 8 and s.rest for s in loops(kernel))
    assert not any(s.step == 8 for s in loops(schedule(lower(nk.total(N, D, "i")), Plan(jam=1))) if s.var == "i")
    exact = schedule(lower(nk.total(16, 100, "i")))
    assert [s.rest for s in loops(exact) if s.var == "i" and s.step == 8] == [None]


def test_jam_reads_what_is_the_same_for_all_rows_once():
    """The second pass over the rows: deviations from something cheap that is kept per column."""
    s = nk.Space("k", i=N, j=D)
    x = s.load("x", (N, D), s.i, s.j)
    s.store("y", (D,), s.sum((x - s.sum(x, "i").op("mul", 0.25)).op("abs"), "i"), s.j)
    second = [s for s in loops(schedule(lower(s.c))) if s.var == "i" and s.step == 8][-1]
    (columns, *_) = [x for x in second.body if isinstance(x, Loop)]
    (rows,) = [x for x in columns.body if isinstance(x, Loop)]
    products = [[isinstance(x, Let) and x.op == "mul" for x in body] for body in (columns.body, rows.body)]
    assert [sum(found) for found in products] == [1, 0]
    assert len([x for x in columns.body if isinstance(x, Get)]) == 2


def test_rows_that_share_an_operand_are_summed_abreast():
    kernel = schedule(lower(nk.affine_rows(20, 150)))
    (rows,) = [s for s in loops(kernel) if s.var == "i" and s.step == 8]
    (columns,) = [x for x in rows.body if isinstance(x, Loop)]
    shared = [x for x in statements(columns.body) if isinstance(x, Load) and x.buffer == "r"]
    assert rows.rest and len({x.acc for x in statements(columns.body) if isinstance(x, Fold)}) == 8
    assert len(shared) == len({x.name for x in shared}) == 1


@pytest.mark.parametrize(
    "cluster",
    [nk.total(20, 150, "j"), nk.affine_rows(3, 150), nk.logsumexp_argmax(20, 150, "j", True), nk.share_of_sum(20, 150)],
    ids=["nothing shared", "few rows", "no sum", "more in a row"],
)
def test_other_rows_are_taken_one_by_one(cluster):
    rows = [s for s in loops(schedule(lower(cluster))) if s.var == "i" and s.kind == "serial"]
    assert rows and all(s.step == 1 for s in rows)


@pytest.mark.parametrize("cluster", [nk.transposed_store, nk.views], ids=["store", "load"])
def test_transposing_accesses_are_tiled(cluster):
    kernel = schedule(lower(cluster(N, D)))
    assert [(s.var, s.step) for s in loops(kernel)][:2] == [("i.t", TILE), ("j.t", TILE)]
    assert all(not s.var.endswith(".t") for s in loops(schedule(lower(nk.chain(N, D)))))


@pytest.mark.parametrize("name", ["transposed_store", "views"])
@pytest.mark.parametrize("n,d", [(3, 5), (33, 40), (70, 64)])
def test_tiles_cover_the_space(name, n, d):
    case = cases.CASES[name]
    for static in (False, True):
        ins, outs = cases.make(case, n, d)
        interp.run(schedule(lower(cases.cluster_of(case, n, d, static))), {**ins, **outs}, {"n": n, "d": d})
        cases.check(case, ins, outs)


def test_cascade_gives_blocks_their_own_accumulators():
    blocks = [s for s in loops(schedule(lower(nk.total(N, D, "j")))) if s.var == "j.b"]
    assert [s.step for s in blocks] == [BLOCK]
    assert any(isinstance(x, Merge) for x in blocks[0].body)
    short = schedule(lower(nk.total(N, 100, "j")))
    assert not any(isinstance(x, Merge) for p in short.phases for x in statements(p.body))


def test_prefetch_is_for_rows_of_several_stages_in_chunks():
    hints = [s for p in schedule(lower(nk.softmax(N, D))).phases for s in statements(p.body) if isinstance(s, Prefetch)]
    assert {str(h.at.substitute("j.v", Poly())) for h in hints} == {"j + d*i + d"}
    small = schedule(lower(nk.softmax(8, 9)))
    assert not any(isinstance(s, Prefetch) for p in small.phases for s in statements(p.body))


def test_exact_reductions_need_no_blocks():
    kernel = schedule(lower(nk.integers(N, D)))
    assert all(not s.var.endswith(".b") for s in loops(kernel))
    assert any(isinstance(s, Fold) for p in kernel.phases for s in statements(p.body))


def test_every_step_is_verified_where_that_is_wanted(monkeypatch):
    seen = []
    monkeypatch.setattr("graphc.codegen.schedule.verify", lambda k: seen.append(k) or k)
    kernel = lower(cases.cluster_of(cases.CASES["softmax"], 64, 64, True))
    for wanted, times in ((True, 7), (False, 1)):
        with config(verify=wanted):
            schedule(kernel)
        assert len(seen) == times
        seen.clear()
