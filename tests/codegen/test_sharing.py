"""Outputs in place of inputs: which pairs may share storage, and that values are the same where they do."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import pytest
from codegen import nest_kernels as cases
from codegen.native import Native
from codegen.nest_clusters import at
from codegen.rechunk import in_small_chunks

from graphc.codegen.lower import lower
from graphc.codegen.nest import interp, monoids
from graphc.codegen.nest.cluster import Cluster
from graphc.codegen.nest.sharing import overwritable
from graphc.codegen.schedule import schedule
from graphc.ir.poly import Poly

N, D = Poly.of("n"), Poly.of("d")


def pairs_of(case, n, d):
    """Pairs of a kernel whose arrays are equally large for these extents, as (output, input)."""
    kernel = lower(cases.cluster_of(case, n, d, False))
    ins, outs = cases.make(case, n, d)
    return kernel, [(w, x) for w, x in overwritable(kernel) if outs[w].size == ins[x].size]


def pairs(*sizes):
    """Every pair with every size at which its arrays are equally large."""
    each = [(name, size) for name in cases.CASES for size in sizes]
    found = [(name, size, pair) for name, size in each for pair in pairs_of(cases.CASES[name], *size)[1]]
    return pytest.mark.parametrize(("name", "size", "pair"), found)


def sharing(kernel, w, x):
    return replace(kernel, buffers=tuple(replace(b, alias=x) if b.name == w else b for b in kernel.buffers))


def check(name, size, pair, call):
    """`call(arrays, dims)` with one array for both; the other results and those of `w` are compared with NumPy's."""
    case, (w, x) = cases.CASES[name], pair
    ins, outs = cases.make(case, *size)
    before = {k: v.copy() for k, v in ins.items()}
    outs[w] = ins[x].reshape(outs[w].shape)
    assert call({**ins, **outs}, dict(zip("nd", size, strict=True))) == 0
    cases.check(case, before, outs)


@pytest.mark.parametrize("name", ["chain", "softmax", "layernorm_grad"])
def test_there_are_pairs(name):
    assert pairs_of(cases.CASES[name], 17, 5)[1]


@pairs((1, 1), (17, 5), (9, 67))
def test_nests_may_write_over_what_they_read(name, size, pair):
    kernel = sharing(pairs_of(cases.CASES[name], *size)[0], *pair)
    for k in (kernel, in_small_chunks(kernel, 4), schedule(kernel)):
        check(name, size, pair, partial(interp.run, k))


@pairs((9, 67), (33, 130))
def test_native_code_may_write_over_what_it_reads(name, size, pair):
    check(name, size, pair, Native(schedule(sharing(pairs_of(cases.CASES[name], *size)[0], *pair))))


# ----------------------------------------------------------------------------------------------------- what may not


def cluster(build):
    """A kernel over n x d rows of f32 that reads x and writes y."""
    c = Cluster("k")
    i, j = c.axis("i", N), c.axis("j", D)
    c.array("x", "f32", "in")
    c.array("y", "f32", "out")
    build(c, i, j)
    return lower(c)


def test_an_elementwise_kernel_may():
    def double(c, i, j):
        x = c.load("x", at([N, D], [i, j]))
        c.store("y", at([N, D], [i, j]), c.op("add", "f32", x, x), ["i", "j"])

    assert list(overwritable(cluster(double))) == [("y", "x")]


def test_neighbours_are_still_needed():
    def shift(c, i, j):
        x, left = c.load("x", at([N, D], [i, j])), c.load("x", at([N, D], [i, j]) + 1)
        c.store("y", at([N, D], [i, j]), c.op("add", "f32", x, left), ["i", "j"])

    assert not list(overwritable(cluster(shift)))


def test_a_transposed_read_is_of_another_element():
    def transpose(c, i, j):
        c.store("y", at([N, D], [i, j]), c.load("x", at([D, N], [j, i])), ["i", "j"])

    assert not list(overwritable(cluster(transpose)))


def test_a_second_output_may_need_what_the_first_would_overwrite():
    def late(c, i, j):
        x = c.load("x", at([N, D], [i, j]))
        c.store("y", at([N, D], [i, j]), c.op("neg", "f32", x), ["i", "j"])
        (total,) = c.reduce(monoids.MONOIDS["sum"], ["j"], x)
        c.array("z", "f32", "out")
        c.store("z", at([N, D], [i, j]), c.op("sub", "f32", x, total), ["i", "j"])

    assert list(overwritable(cluster(late))) == [("z", "x")]


def test_other_element_types_keep_their_own_storage():
    def cast(c, i, j):
        c.array("k", "i32", "in")
        k = c.load("k", at([N, D], [i, j]))
        c.store("y", at([N, D], [i, j]), c.op("cast", "f32", k), ["i", "j"])

    assert ("y", "k") not in list(overwritable(cluster(cast)))


def test_a_row_may_go_once_all_rows_are_done():
    def outer(c, i, j):
        c.array("r", "f32", "in")
        x, r = c.load("x", at([N, D], [i, j])), c.load("r", j)
        c.store("y", at([N, D], [i, j]), c.op("mul", "f32", x, r), ["i", "j"])
        (most,) = c.reduce(monoids.MONOIDS["max"], ["i"], x)
        c.array("m", "f32", "out")
        c.store("m", j, most, ["j"])

    assert list(overwritable(cluster(outer))) == [("y", "x"), ("m", "r")]
